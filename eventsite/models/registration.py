"""Registration, its attendees, and what is kept about them: answers, consents, history, calendar entries."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from eventsite.db import Base, UTCDateTime
from eventsite.models.account import Account
from eventsite.models.columns import word
from eventsite.models.event import Category, Event, Question
from eventsite.models.status import ACTIVE, Status

NAME = 250  # 100 characters and their variation selectors (D53)


class Registration(Base):
    """One submission by one contact (申込). An e-mail address is not a person, so nothing is unique about it (D2)."""

    __tablename__ = "registration"

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"), index=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"), index=True)
    reference: Mapped[str] = mapped_column(String(16), unique=True, comment="受付番号 (D3)")
    form_key: Mapped[str | None] = mapped_column(
        String(64), unique=True, comment="hash of the form's single-use key (D36)"
    )
    link_version: Mapped[int] = mapped_column(default=1)
    link_hash: Mapped[str | None] = mapped_column(
        String(64), unique=True, comment="SHA-256 of the manage link"
    )
    locale: Mapped[str] = mapped_column(String(5), default="ja")
    contact_email: Mapped[str] = mapped_column(String(254))
    contact_name: Mapped[str] = mapped_column(
        String(NAME), default="", comment="contact who does not take part"
    )
    contact_phone: Mapped[str] = mapped_column(String(40), default="", comment="as shown, hyphenated (D49)")
    phone_extension: Mapped[str] = mapped_column(String(20), default="")
    source: Mapped[str] = mapped_column(String(16), default="web")
    invite_code_id: Mapped[int | None] = mapped_column(
        ForeignKey("invite_code.id"), index=True, comment="the code that let it in (D27)"
    )
    sent_again: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="times the done page sent again or corrected the address (D5)"
    )
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    event: Mapped[Event] = relationship()
    category: Mapped[Category] = relationship()
    attendees: Mapped[list["Attendee"]] = relationship(
        order_by="Attendee.branch", back_populates="registration", cascade="all, delete-orphan"
    )
    answers: Mapped[list["Answer"]] = relationship(cascade="all, delete-orphan")


class Attendee(Base):
    """One person with one seat status: the unit of capacity, roster, calendar entry and attendance (参加者)."""

    __tablename__ = "attendee"
    __table_args__ = (
        UniqueConstraint("registration_id", "branch"),
        CheckConstraint("viewers BETWEEN 1 AND 99", name="viewers"),
        CheckConstraint("attendance IN ('', 'present', 'absent')", name="attendance"),
        Index("ix_attendee_seats", "event_id", "status", "category_id", "participation"),
        Index("ix_attendee_person", "event_id", "person_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"))
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"), index=True)
    branch: Mapped[int] = mapped_column(comment="number within the registration, never reused (D3)")
    status: Mapped[Status] = mapped_column(word(Status))

    family_name: Mapped[str] = mapped_column(String(NAME))
    given_name: Mapped[str] = mapped_column(String(NAME), default="")
    family_kana: Mapped[str] = mapped_column(String(NAME), default="")
    given_kana: Mapped[str] = mapped_column(String(NAME), default="")
    organisation: Mapped[str] = mapped_column(String(NAME), default="")
    department: Mapped[str] = mapped_column(String(NAME), default="")
    position: Mapped[str] = mapped_column(String(NAME), default="")
    prefecture: Mapped[str] = mapped_column(String(10), default="")
    municipality_code: Mapped[str] = mapped_column(String(6), default="", comment="団体コード (D56)")
    member_number: Mapped[str] = mapped_column(String(60), default="")
    email: Mapped[str] = mapped_column(
        String(254), default="", comment="own address; blank = the contact's (D1)"
    )
    participation: Mapped[str | None] = mapped_column(
        String(16), comment="way to take part; hybrid events only"
    )
    viewers: Mapped[int] = mapped_column(default=1, comment="people at one screen; statistics only (D9)")
    person_key: Mapped[str] = mapped_column(
        String(500), default="", comment="for search and duplicates (D51)"
    )
    organisation_key: Mapped[str] = mapped_column(
        String(300), default="", comment="for limits and search (D51)"
    )

    seatless: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="pending in a lottery category since before the draw: holds no seat (D20)",
    )
    needs_approval: Mapped[bool] = mapped_column(default=False, comment="approval still to be given")
    eligibility: Mapped[str] = mapped_column(
        String(40), default="", comment="what the access check found (D28)"
    )
    possible_duplicate: Mapped[bool] = mapped_column(default=False, comment="重複の可能性 (D6)")
    over_limit: Mapped[bool] = mapped_column(default=False, comment="staff chose to exceed the cap (D11)")
    queued_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="put on the waitlist (D21)")
    lottery_rank: Mapped[int | None] = mapped_column()
    offer_until: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="answer by (D22)")
    approved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancelled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancel_reason: Mapped[str] = mapped_column(Text, default="")
    undeliverable: Mapped[bool] = mapped_column(default=False, comment="メール不達 (D12)")
    attendance: Mapped[str] = mapped_column(
        String(8), default="", server_default="", comment="出欠; blank = not known yet (D99)"
    )
    remark: Mapped[str] = mapped_column(Text, default="", comment="備考, for the office")
    link_version: Mapped[int] = mapped_column(default=1)
    link_hash: Mapped[str | None] = mapped_column(
        String(64), unique=True, comment="own link, with own address"
    )
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    registration: Mapped[Registration] = relationship(back_populates="attendees")
    category: Mapped[Category] = relationship()

    @property
    def number(self) -> str:
        """Attendee number: reference number and branch (D3)."""
        return f"{self.registration.reference}-{self.branch}"

    @property
    def name(self) -> str:
        return f"{self.family_name} {self.given_name}".strip()

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


class Answer(Base):
    """The contact's answer to one question; its form depends on the question's type."""

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("registration_id", "question_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(ForeignKey("question.id"), index=True)
    value: Mapped[Any] = mapped_column(JSON)

    question: Mapped[Question] = relationship()


class Consent(Base):
    """One box, ticked or not, with the words that were shown (D80). Rows are added, never changed."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(primary_key=True)
    attendee_id: Mapped[int] = mapped_column(ForeignKey("attendee.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    recipient: Mapped[str] = mapped_column(
        String(60), default="", comment="third party's code, for kind share"
    )
    value: Mapped[bool] = mapped_column()
    text: Mapped[str] = mapped_column(Text)
    text_version: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey(Account.id))


class StatusChange(Base):
    """One move of a seat status: who, when, from, to, why (D10). Rows are added, never changed."""

    __tablename__ = "status_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    attendee_id: Mapped[int] = mapped_column(ForeignKey("attendee.id", ondelete="CASCADE"), index=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"), index=True)
    from_status: Mapped[str | None] = mapped_column(String(24))
    to_status: Mapped[str] = mapped_column(String(24))
    reason: Mapped[str] = mapped_column(String(60), comment="a word of the rule that decided, not a person's")
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey(Account.id))


class Revision(Base):
    """What was changed of a registration after it was made: who, when, before and after. Rows are added, never changed.

    `attendee_id` null = of the registration as a whole. Values are by column name, those of answers by `q-<key>`.
    """

    __tablename__ = "revision"
    __table_args__ = (CheckConstraint("kind IN ('details', 'replaced', 'address', 'moved')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(
        ForeignKey("registration.id", ondelete="CASCADE"), index=True
    )
    attendee_id: Mapped[int | None] = mapped_column(ForeignKey("attendee.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey(Account.id))


class CalendarEntry(Base):
    """The calendar object of one recipient of one registration: one UID for life, a version that only grows.

    `ics` holds the bytes of the current revision, so that every copy sent or downloaded is the same.
    """

    __tablename__ = "calendar_entry"
    __table_args__ = (UniqueConstraint("registration_id", "recipient_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"))
    recipient_key: Mapped[str] = mapped_column(String(24), comment="`contact` or `attendee-<id>`")
    uid: Mapped[str] = mapped_column(String(120), unique=True)
    sequence: Mapped[int] = mapped_column(default=0)
    method: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    stamp: Mapped[datetime] = mapped_column(UTCDateTime, comment="moment of this revision")
    ics: Mapped[bytes] = mapped_column()
