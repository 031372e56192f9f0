"""Event, its categories, ways to take part, and the organiser's own questions."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from eventsite import clock
from eventsite.db import Base, UTCDateTime
from eventsite.models.columns import word


class EventStatus(StrEnum):
    """Editorial state; 終了 is no state of its own, it follows from `end_at` (D31)."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


class Format(StrEnum):
    ONLINE = "online"
    VENUE = "venue"
    HYBRID = "hybrid"


USUAL_REMINDERS = ({"days_before": 7, "time": "10:00"}, {"days_before": 1, "time": "10:00"})


class Event(Base):
    """One seminar on offer. `lock_version` is the row that serialises every decision about its seats."""

    __tablename__ = "event"
    __table_args__ = (
        CheckConstraint("end_at > start_at", name="ends_after_start"),
        CheckConstraint("capacity_total IS NULL OR capacity_total >= 0", name="capacity_total_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    lock_version: Mapped[int] = mapped_column(default=0)
    status: Mapped[EventStatus] = mapped_column(word(EventStatus), default=EventStatus.DRAFT)
    publish_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancel_reason: Mapped[str] = mapped_column(Text, default="")
    alternative: Mapped[str] = mapped_column(
        Text, default="", server_default="", comment="what is offered instead of a cancelled event (L17)"
    )

    title: Mapped[str] = mapped_column(String(400))
    subtitle: Mapped[str] = mapped_column(String(400), default="")
    full_title: Mapped[str] = mapped_column(String(800), default="")
    abstract: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="", comment="Markdown, as typed")
    description_html: Mapped[str] = mapped_column(Text, default="", comment="made from description at saving")
    audience_note: Mapped[str] = mapped_column(Text, default="")
    notice: Mapped[str] = mapped_column(Text, default="", comment="a line on every page of the event")
    example: Mapped[bool] = mapped_column(default=False, comment="invented for demonstration")

    start_at: Mapped[datetime] = mapped_column(UTCDateTime)
    end_at: Mapped[datetime] = mapped_column(UTCDateTime)
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Tokyo")
    time_status: Mapped[str] = mapped_column(
        String(20), default="", comment="予定 while the time is provisional"
    )

    format: Mapped[Format] = mapped_column(word(Format), default=Format.ONLINE)
    online_words: Mapped[str] = mapped_column(String(200), default="")
    online_status: Mapped[str] = mapped_column(String(20), default="", comment="想定, follows the words")
    join_url: Mapped[str] = mapped_column(String(1000), default="")
    webinar_id: Mapped[str] = mapped_column(String(40), default="")
    passcode: Mapped[str] = mapped_column(String(40), default="")
    live: Mapped[bool] = mapped_column(default=False)
    venue_name: Mapped[str] = mapped_column(String(200), default="")
    venue_address: Mapped[str] = mapped_column(String(400), default="")
    venue_capacity: Mapped[int | None] = mapped_column(comment="a fact about the room, no cap")
    venue_note: Mapped[str] = mapped_column(String(400), default="")

    organizer: Mapped[str] = mapped_column(String(200), default="")
    contact_name: Mapped[str] = mapped_column(String(200), default="")
    contact_email: Mapped[str] = mapped_column(String(254), default="")
    contact_phone: Mapped[str] = mapped_column(String(40), default="")
    contact_hours: Mapped[str] = mapped_column(String(100), default="")

    fee_note: Mapped[str] = mapped_column(String(200), default="")
    capacity_total: Mapped[int | None] = mapped_column(comment="event-wide cap; null = none (D14)")
    opens_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="null = at publication (D29)")
    closes_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="null = at the start (D29)")
    lottery_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="day of the draw (D19)")
    confirm_screen: Mapped[bool] = mapped_column(
        default=True, comment="確認画面 between form and submit (D35)"
    )
    changes_allowed: Mapped[bool] = mapped_column(
        default=True, server_default=true(), comment="attendees may change their details themselves (D29)"
    )
    changes_until: Mapped[datetime | None] = mapped_column(
        UTCDateTime, comment="null = until the category closes (D29)"
    )
    cancel_until: Mapped[datetime | None] = mapped_column(
        UTCDateTime, comment="cancelling and replacing; null = until the start (D29)"
    )
    join_on_page: Mapped[bool] = mapped_column(
        default=True, server_default=true(), comment="the confirmed read how to join on their page, too"
    )

    join_in_letters: Mapped[bool] = mapped_column(
        default=True,
        server_default=true(),
        comment="letters before the reminders hold the link to join (D68)",
    )
    reminders: Mapped[list[dict[str, Any]]] = mapped_column(
        JSON,
        default=lambda: [dict(one) for one in USUAL_REMINDERS],
        server_default='[{"days_before": 7, "time": "10:00"}, {"days_before": 1, "time": "10:00"}]',
        comment="{days_before, time} or {hours_before} (D62)",
    )
    followup_days: Mapped[int | None] = mapped_column(
        comment="days after the end at which followed-up people are written to, at 10:00; null = by hand"
    )
    materials_url: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    materials_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    survey_url: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    survey_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    calendar_uid: Mapped[str] = mapped_column(
        String(120), unique=True, default=lambda: str(uuid.uuid4()), comment="of the event in feeds, for life"
    )
    calendar_sequence: Mapped[int] = mapped_column(default=0, server_default="0")
    calendar_stamp: Mapped[datetime | None] = mapped_column(
        UTCDateTime, comment="moment of its present revision in feeds; null = when it came into being"
    )

    agenda: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    speakers: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    themes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    case: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    consents: Mapped[list[str]] = mapped_column(JSON, default=list, comment="boxes on the form (D77)")
    recipients: Mapped[list[dict[str, Any]]] = mapped_column(
        JSON, default=list, comment="third parties (D75)"
    )
    resources_after: Mapped[list[Any]] = mapped_column(JSON, default=list)
    survey: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    background: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, comment="for editors, never shown")

    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    categories: Mapped[list["Category"]] = relationship(
        order_by="Category.position", back_populates="event", cascade="all, delete-orphan"
    )
    modes: Mapped[list["ParticipationMode"]] = relationship(
        order_by="ParticipationMode.position", cascade="all, delete-orphan"
    )
    questions: Mapped[list["Question"]] = relationship(
        order_by="Question.position", back_populates="event", cascade="all, delete-orphan"
    )

    def is_over(self, now: datetime) -> bool:
        return self.end_at <= now

    def is_public(self, now: datetime) -> bool:
        """Published, or cancelled after having been published, or scheduled for a moment that has come."""
        if self.status == EventStatus.SCHEDULED:
            return self.publish_at is not None and self.publish_at <= now
        return self.status in {EventStatus.PUBLISHED, EventStatus.CANCELLED}

    def category(self, code: str) -> "Category | None":
        return next((one for one in self.categories if one.code == code), None)

    @property
    def leaving_ends(self) -> datetime:
        """Until when people may cancel and replace by themselves; never beyond the start (D29)."""
        return min(self.cancel_until or self.start_at, self.start_at)

    @property
    def asked_recipients(self) -> list[dict[str, Any]]:
        """Third parties that people are asked about (D75): none without `share`, none whose purpose is not said."""
        if "share" not in self.consents:
            return []
        return [one for one in self.recipients if one.get("name") and one.get("items") and one.get("purpose")]

    @property
    def has_online(self) -> bool:
        return self.format in {Format.ONLINE, Format.HYBRID}


class Category(Base):
    """An attendee category of one event (参加区分) with its own seats, rules and fields (D13)."""

    __tablename__ = "category"
    __table_args__ = (
        UniqueConstraint("event_id", "code"),
        CheckConstraint("capacity IS NULL OR capacity >= 0", name="capacity_not_negative"),
        CheckConstraint("selection IN ('first_come', 'lottery')", name="selection"),
        CheckConstraint("approval IN ('auto', 'manual')", name="approval"),
        CheckConstraint("promotion IN ('confirm', 'offer')", name="promotion"),
        CheckConstraint(
            "verification IN ('none', 'domain_hint', 'member_roster', 'invite_code')", name="verification"
        ),
        CheckConstraint("max_attendees BETWEEN 1 AND 20", name="max_attendees"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(200))
    position: Mapped[int] = mapped_column(default=0)
    capacity: Mapped[int | None] = mapped_column(comment="null unlimited, 0 closed (D14)")
    selection: Mapped[str] = mapped_column(String(16), default="first_come")
    approval: Mapped[str] = mapped_column(String(16), default="auto")
    verification: Mapped[str] = mapped_column(String(16), default="none")
    domain_classes: Mapped[list[str]] = mapped_column(
        JSON, default=lambda: ["lg", "local_geo"], server_default='["lg", "local_geo"]', comment="D25"
    )
    domains: Mapped[list[str]] = mapped_column(
        JSON, default=list, server_default="[]", comment="further domains that are recognised (D25)"
    )
    listed: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="shown without an invite code, too (D27)"
    )
    waitlist: Mapped[bool] = mapped_column(default=True)
    promotion: Mapped[str] = mapped_column(String(16), default="confirm")
    opens_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="null = as the event")
    closes_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="null = as the event")
    drawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="when the lottery was drawn")
    max_attendees: Mapped[int] = mapped_column(default=5)
    per_organization_limit: Mapped[int | None] = mapped_column()
    help: Mapped[str] = mapped_column(Text, default="")
    fee_jpy: Mapped[int | None] = mapped_column()
    fields: Mapped[dict[str, str]] = mapped_column(
        JSON, default=dict, comment="field -> required|optional|off"
    )

    event: Mapped[Event] = relationship(back_populates="categories")

    @property
    def window(self) -> tuple[datetime | None, datetime]:
        """Opening and closing instant; without an opening it is open since publication (D29)."""
        opens = self.opens_at or self.event.opens_at
        closes = self.closes_at or self.event.closes_at or self.event.start_at
        return opens, closes

    @property
    def is_listed(self) -> bool:
        """Shown to everybody: one for invited people only if the organiser says so (D27)."""
        return self.listed or self.verification != "invite_code"

    @property
    def changing_ends(self) -> datetime:
        """Until when people may change their details by themselves; never beyond the start (D29)."""
        return min(self.event.changes_until or self.window[1], self.event.start_at)

    @property
    def awaits_draw(self) -> bool:
        return self.selection == "lottery" and self.drawn_at is None


class ParticipationMode(Base):
    """One way to take part in a hybrid event (参加方法) with its own cap (D14)."""

    __tablename__ = "participation_mode"
    __table_args__ = (
        UniqueConstraint("event_id", "key"),
        CheckConstraint("capacity IS NULL OR capacity >= 0", name="capacity_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(100))
    position: Mapped[int] = mapped_column(default=0)
    capacity: Mapped[int | None] = mapped_column()


class Question(Base):
    """An event's own question; `categories` null = asked of all, `shown_if` names an earlier answer."""

    __tablename__ = "question"
    __table_args__ = (
        UniqueConstraint("event_id", "key"),
        CheckConstraint(
            "type IN ('text', 'textarea', 'radio', 'checkbox', 'number', 'date', 'yes_no', 'agreement')",
            name="type",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(60))
    label: Mapped[str] = mapped_column(String(400))
    type: Mapped[str] = mapped_column(String(16))
    position: Mapped[int] = mapped_column(default=0)
    required: Mapped[bool] = mapped_column(default=False)
    max_length: Mapped[int | None] = mapped_column()
    choices: Mapped[list[Any]] = mapped_column(JSON, default=list, comment="words, or {label, capacity}")
    categories: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    purpose: Mapped[str] = mapped_column(Text)
    help: Mapped[str] = mapped_column(Text, default="")
    shown_if: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    retired_at: Mapped[datetime | None] = mapped_column(
        UTCDateTime, comment="no longer asked; answers given stay in the roster"
    )

    event: Mapped[Event] = relationship(back_populates="questions")

    @property
    def retired(self) -> bool:
        """No longer asked. Setting it to what it is keeps the moment at which that happened."""
        return self.retired_at is not None

    @retired.setter
    def retired(self, value: bool) -> None:
        if value != self.retired:
            self.retired_at = clock.now() if value else None
