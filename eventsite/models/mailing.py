"""Letters to many: what is planned and what is being written; an event's own words; what came back.

A mailing is one letter to everybody whom it concerns. The row is stored in the transaction of its cause; the worker
writes the messages of it, a few registrations at a time.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from eventsite.db import Base, UTCDateTime
from eventsite.models.account import Account
from eventsite.models.columns import word
from eventsite.models.event import Event
from eventsite.models.message import Message


class MailingStatus(StrEnum):
    PLANNED = "planned"
    WRITING = "writing"
    DONE = "done"
    DROPPED = "dropped"


class Mailing(Base):
    """One letter about an event to many registrations, at its hour (一斉送信). `key` names its cause within the event."""

    __tablename__ = "mailing"
    __table_args__ = (
        UniqueConstraint("event_id", "key"),
        Index("ix_mailing_due", "status", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"))
    letter: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(120))
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    details: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, comment="what its letters have to know beyond the rows of today"
    )
    status: Mapped[MailingStatus] = mapped_column(word(MailingStatus), default=MailingStatus.PLANNED)
    cursor: Mapped[int] = mapped_column(default=0, comment="id of the last registration that was written to")
    written: Mapped[int] = mapped_column(default=0, comment="letters written so far")
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    worker: Mapped[str] = mapped_column(String(80), default="")
    account_id: Mapped[int | None] = mapped_column(ForeignKey(Account.id))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    event: Mapped[Event] = relationship()


class OwnWords(Base):
    """An event's own words for one letter in one language. Blank parts are the standard ones (D67)."""

    __tablename__ = "own_words"
    __table_args__ = (UniqueConstraint("event_id", "letter", "locale"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"))
    letter: Mapped[str] = mapped_column(String(40))
    locale: Mapped[str] = mapped_column(String(5))
    subject: Mapped[str] = mapped_column(String(400), default="")
    addition: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str] = mapped_column(Text, default="")
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey(Account.id))


class MailReport(Base):
    """What came back about a message: a delivery report, or a calendar's answer. Nothing acts on the latter."""

    __tablename__ = "mail_report"
    __table_args__ = (CheckConstraint("kind IN ('failed', 'delayed', 'reply')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(
        String(64), unique=True, comment="SHA-256 of the mail as it came"
    )
    kind: Mapped[str] = mapped_column(String(8))
    message_id: Mapped[int | None] = mapped_column(ForeignKey(Message.id, ondelete="CASCADE"), index=True)
    registration_id: Mapped[int | None] = mapped_column(
        ForeignKey("registration.id", ondelete="CASCADE"), index=True
    )
    recipient_key: Mapped[str] = mapped_column(String(40), default="")
    words: Mapped[str] = mapped_column(
        Text, default="", comment="the server's words, or the calendar's answer"
    )
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class Suppression(Base):
    """An address that wants no more mail than its registrations need (D78)."""

    __tablename__ = "suppression"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True, comment="case-folded")
    source: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
