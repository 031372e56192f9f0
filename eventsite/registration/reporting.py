"""What the organisers of events are told without asking: that somebody waits for approval, that seats are gone, and in
the morning what has changed.

One mail a morning for an event: its figures when something has changed, those who wait for approval when nothing has.
Beyond that one mail when somebody asks for approval and nobody who waits was told of before, at most every three hours,
and one each time a category, or the event, becomes full. What was told is read from the outbox, by the last move of
status that the letter knew; so nothing is told twice, whatever the clock does. For the clock see `eventsite.rounds`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from flask_babel import gettext as _
from sqlalchemy import func, select

from eventsite import clock, dates, i18n, wording
from eventsite.db import db, lock, transaction
from eventsite.mail import facts
from eventsite.mail.letters import staff_letters
from eventsite.models import ACTIVE, Attendee, Event, EventStatus, Message, Status, StatusChange
from eventsite.registration import history, ledger

QUIET = timedelta(hours=3)  # between two mails that somebody asks for approval
WITHOUT_A_SEAT = (Status.WAITLISTED, Status.LOTTERY)


class Waiting(NamedTuple):
    """Those who wait for approval: how many registrations, the earliest day of an answer, the oldest move to it."""

    registrations: int
    answer_by: str
    oldest_change: int


class Full(NamedTuple):
    """Seats that are all taken: of a category, or with "" of the event; `cause` names the move that took the last."""

    code: str
    cap: int
    cause: str


def tell_in_the_morning() -> int:
    """Tell the organisers of each event ahead what has changed; return how many letters were written."""
    written = 0
    for event in _ahead(clock.now()):
        with transaction():
            lock(event)
            written += _tell_figures(event, clock.now())
    return written


def tell_at_once() -> int:
    """Tell of the first who wait for approval, and of seats that are gone; return how many letters were written."""
    written = 0
    events = _ahead(clock.now())
    for event in [*_with_news_of_pending(events), *_with_news_of_full(events)]:
        with transaction():
            lock(event)
            now = clock.now()
            written += _tell_pending(event, now) + _tell_full(event, now)
    return written


def _ahead(now: datetime) -> list[Event]:
    query = select(Event).where(
        Event.end_at > now, Event.status.in_([EventStatus.PUBLISHED, EventStatus.SCHEDULED])
    )
    return [one for one in db.session.scalars(query.order_by(Event.id)) if one.is_public(now)]


def _tell_figures(event: Event, now: datetime) -> int:
    latest = (
        db.session.scalar(select(func.max(StatusChange.id)).where(StatusChange.event_id == event.id)) or 0
    )
    told = staff_letters.last_change_told(event, ["staff_summary"])
    waiting = _waiting(event)
    if latest > told:
        report = [*_news(event, told), "", *_seats(event), *_others(event)]
        answer_by = waiting.answer_by if waiting else ""
        return staff_letters.summary(event, f"change-{latest}", report, answer_by, now)
    if waiting:
        cause = f"change-{latest}:day-{dates.in_zone(now).date()}"
        return staff_letters.pending(event, cause, waiting.registrations, waiting.answer_by, now)
    return 0


def _tell_pending(event: Event, now: datetime) -> int:
    waiting = _news_of_pending(event)
    if waiting is None:
        return 0
    latest = _latest(event, Status.PENDING)
    return staff_letters.pending(event, f"change-{latest}", waiting.registrations, waiting.answer_by, now)


def _tell_full(event: Event, now: datetime) -> int:
    return sum(
        staff_letters.full(event, one.cause, [_full_words(event, one)], now)
        for one in _full(event)
        if not staff_letters.is_told("staff_full", event, one.cause)
    )


def _with_news_of_pending(events: Sequence[Event]) -> list[Event]:
    asked = select(Attendee.event_id).where(Attendee.status == Status.PENDING).distinct()
    ids = set(db.session.scalars(asked))
    return [event for event in events if event.id in ids and _news_of_pending(event)]


def _with_news_of_full(events: Sequence[Event]) -> list[Event]:
    books = ledger.read_many(events)
    full = [
        event
        for event in events
        if _is_full(event.capacity_total, books[event.id].held)
        or any(
            _is_full(one.capacity, books[event.id].held_in_category.get(one.code, 0))
            for one in event.categories
        )
    ]
    return [
        event
        for event in full
        if not all(staff_letters.is_told("staff_full", event, one.cause) for one in _full(event))
    ]


def _is_full(cap: int | None, held: int) -> bool:
    return cap is not None and 0 < cap <= held


def _news_of_pending(event: Event) -> Waiting | None:
    """Return who waits for approval if none of them was told of before, and the last mail of it is a while ago."""
    waiting = _waiting(event)
    told = staff_letters.last_change_told(event, ["staff_pending", "staff_summary"])
    if waiting is None or waiting.oldest_change <= told:
        return None
    last = select(func.max(Message.created_at)).where(
        Message.event_id == event.id, Message.letter == "staff_pending"
    )
    at = db.session.scalar(last)
    return None if at is not None and at > clock.now() - QUIET else waiting


def _waiting(event: Event) -> Waiting | None:
    """Return who waits for approval; each since their last move to it."""
    query = (
        select(
            Attendee.registration_id,
            func.max(StatusChange.id).label("change"),
            func.max(StatusChange.at).label("since"),
        )
        .join(StatusChange, StatusChange.attendee_id == Attendee.id)
        .where(
            Attendee.event_id == event.id,
            Attendee.status == Status.PENDING,
            StatusChange.to_status == Status.PENDING.value,
        )
        .group_by(Attendee.id, Attendee.registration_id)
    )
    rows = db.session.execute(query).all()
    if not rows:
        return None
    day = facts.answer_day(event, min(row.since for row in rows))
    return Waiting(
        len({row.registration_id for row in rows}),
        dates.day(day, event.timezone, i18n.current(), year=False),
        min(row.change for row in rows),
    )


def _latest(event: Event, to: Status) -> int:
    query = select(func.max(StatusChange.id)).where(
        StatusChange.event_id == event.id, StatusChange.to_status == to.value
    )
    return db.session.scalar(query) or 0


def _news(event: Event, told: int) -> Iterator[str]:
    """How many have come and gone since that move of status."""
    since = (StatusChange.event_id == event.id, StatusChange.id > told)
    came = select(func.count()).where(*since, StatusChange.from_status.is_(None))
    went = select(func.count()).where(*since, StatusChange.to_status == Status.CANCELLED.value)
    yield _("前回のお知らせのあと") if told else _("受付の開始から")
    yield _("・新しいお申し込み　%(count)s名", count=db.session.scalar(came) or 0)
    yield _("・取消　%(count)s名", count=db.session.scalar(went) or 0)


def _seats(event: Event) -> Iterator[str]:
    book = ledger.read(event)
    yield _("いま埋まっている席（承認待ち・繰上げ案内中を含む）")
    for one in event.categories:
        yield _seat_line(one.label, book.held_in_category.get(one.code, 0), one.capacity)
    if len(event.categories) > 1 or event.capacity_total is not None:
        yield _seat_line(_("全体"), book.held, event.capacity_total)


def _seat_line(label: str, held: int, cap: int | None) -> str:
    if cap is None:
        return _("・%(label)s　%(held)s名", label=label, held=held)
    return _("・%(label)s　%(held)s名／定員%(cap)s名", label=label, held=held, cap=cap)


def _others(event: Event) -> Iterator[str]:
    """Who waits for something, and who cannot be reached; nothing where there is nobody."""
    counts = dict(
        db.session.execute(
            select(Attendee.status, func.count())
            .where(Attendee.event_id == event.id, Attendee.status.in_([*WITHOUT_A_SEAT, Status.PENDING]))
            .group_by(Attendee.status)
        ).all()
    )
    unreached = select(func.count()).where(
        Attendee.event_id == event.id, Attendee.undeliverable, Attendee.status.in_(ACTIVE)
    )
    rows = [(wording.status(one), counts.get(one, 0)) for one in (*WITHOUT_A_SEAT, Status.PENDING)]
    rows.append((_("メールの届いていない方"), db.session.scalar(unreached) or 0))
    shown = [_("・%(label)s　%(held)s名", label=label, held=count) for label, count in rows if count]
    yield from ["", *shown] if shown else []


def _full(event: Event) -> list[Full]:
    """Return what is full now, each with the move that took its last seat: seats given again at once do not count."""
    caps = {"": event.capacity_total} | {one.code: one.capacity for one in event.categories}
    found = []
    for code, lines in history.lines(event).items():
        cap = caps[code]
        if lines and cap is not None and _is_full(cap, lines[-1].total):
            found.append(Full(code, cap, f"{_scope(event, code)}:{_last_seat(lines, cap)}"))
    return found


def _scope(event: Event, code: str) -> str:
    category = event.category(code)
    return f"category-{category.id}" if category else "whole"


def _last_seat(lines: Sequence[history.Line], cap: int) -> str:
    """Name the step with which the seats were filled and since when they are; what one verb did counts as a whole."""
    cause = ""
    before = 0
    for _at, at_once in groupby(lines, key=lambda line: line.at):
        own = list(at_once)
        if before < cap <= own[-1].total:
            cause = next(_step_name(one.step) for one in reversed(own) if one.step and one.effect > 0)
        before = own[-1].total
    return cause


def _step_name(step: history.Step) -> str:
    return f"{'change' if step.rank else 'moved'}-{step.id}"


def _full_words(event: Event, full: Full) -> str:
    category = event.category(full.code)
    if category is None:
        return _("・セミナー全体　定員%(cap)s名", cap=full.cap)
    return _("・%(label)s　定員%(cap)s名", label=category.label, cap=full.cap)
