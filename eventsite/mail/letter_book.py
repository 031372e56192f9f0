"""The messages of an event as its organisers look them up: filtered, counted, one by one (送信控え). Reads only.

Not for sending (outbox.py), nor for words about a state (web/).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from unicodedata import normalize

from sqlalchemy import ColumnElement, case, false, func, literal, or_, select
from sqlalchemy.orm import defer, selectinload

from eventsite import text
from eventsite.db import db
from eventsite.models import Attendee, Event, MailReport, Message, MessageStatus, Registration

PER_PAGE = 50
SHORTEST_NUMBER = 3


class State(StrEnum):
    """What has become of a message, as people ask: a report that came back outweighs the server's yes."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    BOUNCED = "bounced"
    HELD = "held"


@dataclass(frozen=True)
class Filter:
    """What narrows the list: a state, a letter's name, part of an address or of a reference number; "" = all."""

    state: str = ""
    letter: str = ""
    search: str = ""

    def __bool__(self) -> bool:
        return bool(self.state or self.letter or self.search)


@dataclass(frozen=True)
class Entry:
    """One message, and whose registration it is about, if it is about one."""

    message: Message
    state: State
    registration: Registration | None

    @property
    def attendee(self) -> Attendee | None:
        """On whose page one reads on: the attendee's who was written to, else the first one's."""
        if self.registration is None:
            return None
        own = self.message.recipient_key.split("-")
        everybody = self.registration.attendees
        named = (one for one in everybody if own[0] == "attendee" and str(one.id) == own[1])
        return next(named, everybody[0])


@dataclass(frozen=True)
class Page:
    """Some of the messages found. `number` counts from 1; `total` counts all that were found."""

    items: list[Entry]
    number: int
    pages: int
    total: int


@dataclass(frozen=True)
class Figures:
    """How many messages of an event are in which state; `since` is when the oldest that waits was written."""

    counts: dict[State, int]
    since: datetime | None


def find(event: Event, filter: Filter, page: int) -> Page:
    """Return the messages of one page, the newest first; an unknown state or letter finds none."""
    wanted = select(Message).outerjoin(Registration, Registration.id == Message.registration_id)
    wanted = wanted.where(*_conditions(event, filter))
    total = db.session.scalar(
        select(func.count()).select_from(wanted.with_only_columns(Message.id).subquery())
    )
    pages = max(1, -(-(total or 0) // PER_PAGE))
    number = max(1, min(page, pages))
    rows = db.session.scalars(
        wanted.options(defer(Message.mime), defer(Message.text))
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(PER_PAGE)
        .offset((number - 1) * PER_PAGE)
    ).all()
    return Page(_entries(list(rows)), number, pages, total or 0)


def get(event: Event, number: int) -> Entry | None:
    """Return one message of this event."""
    found = db.session.scalar(select(Message).where(Message.event_id == event.id, Message.id == number))
    return _entries([found])[0] if found else None


def figures(event: Event) -> Figures:
    """Count the event's messages by state."""
    query = (
        select(_as_told, func.count(), func.min(Message.created_at))
        .where(Message.event_id == event.id)
        .group_by(_as_told)
    )
    rows = {State(state): (count, oldest) for state, count, oldest in db.session.execute(query)}
    counts = {state: rows[state][0] if state in rows else 0 for state in State}
    return Figures(counts, rows[State.WAITING][1] if State.WAITING in rows else None)


def letters(event: Event) -> list[str]:
    """Return the names of the letters that the event has sent or will send."""
    query = select(Message.letter).where(Message.event_id == event.id).distinct().order_by(Message.letter)
    return list(db.session.scalars(query))


def reports(message: Message) -> list[MailReport]:
    """Return what came back about a message, the first report first."""
    query = select(MailReport).where(MailReport.message_id == message.id).order_by(MailReport.id)
    return list(db.session.scalars(query))


def state_of(message: Message) -> State:
    if message.bounced_at is not None:
        return State.BOUNCED
    return _BY_STATUS[message.status]


_BY_STATUS = {
    MessageStatus.QUEUED: State.WAITING,
    MessageStatus.SENDING: State.WAITING,
    MessageStatus.SENT: State.SENT,
    MessageStatus.FAILED: State.FAILED,
    MessageStatus.HELD: State.HELD,
}
_as_told: ColumnElement[Any] = case(
    (Message.bounced_at.is_not(None), State.BOUNCED.value),
    *[(Message.status == status, state.value) for status, state in _BY_STATUS.items()],
)


def _entries(messages: list[Message]) -> list[Entry]:
    ids = {one.registration_id for one in messages}
    query = select(Registration).where(Registration.id.in_(ids)).options(selectinload(Registration.attendees))
    registrations = {one.id: one for one in db.session.scalars(query)}
    return [
        Entry(one, state_of(one), registrations.get(one.registration_id) if one.registration_id else None)
        for one in messages
    ]


def _conditions(event: Event, filter: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Message.event_id == event.id]
    if filter.state:
        conditions.append(_as_told == filter.state)
    if filter.letter:
        conditions.append(Message.letter == filter.letter)
    if filter.search.strip():
        conditions.append(_matches(filter.search))
    return conditions


def _matches(search: str) -> ColumnElement[bool]:
    """Part of the address, or of the reference number; an attendee's number finds the registration it belongs to."""
    try:
        line, number = text.clean_line(search), text.fold_code(search)
    except text.InvalidText:
        return false()
    typed = normalize("NFKC", line).lower()
    address = func.lower(Message.recipient).contains(typed, autoescape=True)
    if not line or len(number) < SHORTEST_NUMBER:
        return address
    reference = func.replace(Registration.reference, "-", "")
    return or_(address, reference.contains(number, autoescape=True), literal(number).startswith(reference))
