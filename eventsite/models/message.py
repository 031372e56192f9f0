"""The outbox: one letter to one recipient, kept from the moment of its cause (送信控え)."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from eventsite.db import Base, UTCDateTime
from eventsite.models.columns import word


class MessageStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    HELD = "held"


class Message(Base):
    """A rendered letter. `dedupe_key` names letter, cause and recipient, so no path can write it twice."""

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_due", "status", "next_try"),
        Index("ix_message_pace", "domain", "sent_at"),
        Index("ix_message_event", "event_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    dedupe_key: Mapped[str] = mapped_column(String(200), unique=True)
    letter: Mapped[str] = mapped_column(String(40))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("event.id"))
    registration_id: Mapped[int | None] = mapped_column(
        ForeignKey("registration.id", ondelete="CASCADE"), index=True
    )
    recipient: Mapped[str] = mapped_column(String(254))
    recipient_key: Mapped[str] = mapped_column(
        String(40),
        default="",
        server_default="",
        comment="which recipient of the registration, or which account",
    )
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailing.id", ondelete="SET NULL"), index=True)
    domain: Mapped[str] = mapped_column(
        String(254), default="", server_default="", comment="the recipient's, for the pace of sending"
    )
    locale: Mapped[str] = mapped_column(String(5))
    subject: Mapped[str] = mapped_column(String(400))
    message_id: Mapped[str] = mapped_column(String(200), unique=True)
    mime: Mapped[bytes | None] = mapped_column(comment="exact bytes to send; dropped once sent")
    text: Mapped[str] = mapped_column(
        Text, default="", server_default="", comment="what it says, personal links masked"
    )
    status: Mapped[MessageStatus] = mapped_column(word(MessageStatus), default=MessageStatus.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    next_try: Mapped[datetime] = mapped_column(UTCDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    worker: Mapped[str] = mapped_column(String(80), default="")
    error: Mapped[str] = mapped_column(Text, default="", comment="the server's last words")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    give_up_at: Mapped[datetime] = mapped_column(UTCDateTime, comment="after it there are no more tries")
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    bounced_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="a report said: not delivered")
