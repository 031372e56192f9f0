"""Who is let in, and by which lot: invite codes, member lists, files being looked over, draws."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from eventsite.db import Base, UTCDateTime
from eventsite.models.account import Account
from eventsite.models.event import Category


class InviteCode(Base):
    """A code that opens a category (D27), folded as typed codes are; how often it was used is counted, not stored."""

    __tablename__ = "invite_code"
    __table_args__ = (
        UniqueConstraint("category_id", "code"),
        CheckConstraint("uses IS NULL OR uses >= 1", name="uses"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(String(200), default="", comment="for whom, in the office's words")
    uses: Mapped[int | None] = mapped_column(comment="registrations it admits; null = any number")
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    category: Mapped[Category] = relationship()


class Member(Base):
    """One line of a category's member list (D26); `number` is folded, `seats` null = no limit of its own."""

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("category_id", "number"),
        CheckConstraint("seats IS NULL OR seats >= 0", name="seats_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(250), default="")
    seats: Mapped[int | None] = mapped_column(comment="attendees who may use the number (上限人数)")
    active: Mapped[bool] = mapped_column(default=True, server_default=true())


class Upload(Base):
    """Rows of an uploaded list between being read and being confirmed; gone with the answer, or after a day."""

    __tablename__ = "upload"

    id: Mapped[int] = mapped_column(primary_key=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id", ondelete="CASCADE"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id))
    filename: Mapped[str] = mapped_column(String(255))
    rows: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Draw(Base):
    """The lottery of one category (D19): its seed from the first entry on, its entries and result once drawn.

    `entries` are attendee numbers in drawn order, each with the status it came to.
    """

    __tablename__ = "draw"

    id: Mapped[int] = mapped_column(primary_key=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id", ondelete="CASCADE"), unique=True)
    seed: Mapped[str] = mapped_column(String(64), comment="128 random bits in hex; the key is this text")
    seeded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    drawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey(Account.id), comment="null = at the set hour")
    entries: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    left_out: Mapped[int] = mapped_column(default=0, comment="entries still pending at the draw (D20)")

    category: Mapped[Category] = relationship()
