"""From stored rows to the numbers that `seats` decides on: caps, held seats, who waits. Reads, never writes."""

import sys
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select

from eventsite.db import db
from eventsite.models import (
    HOLDS_A_SEAT,
    Attendee,
    Category,
    Event,
    EventStatus,
    Registration,
    Status,
)
from eventsite.registration import seats

UNDRAWN = sys.maxsize  # behind those whom a draw has put on the list at the same moment


def event_rule(event: Event) -> seats.EventRule:
    return seats.EventRule(
        start_at=event.start_at,
        end_at=event.end_at,
        timezone=event.timezone,
        cancelled=event.status == EventStatus.CANCELLED,
        capacity=event.capacity_total,
        modes={mode.key: mode.capacity for mode in event.modes},
    )


def category_rule(category: Category) -> seats.CategoryRule:
    opens, closes = category.window
    return seats.CategoryRule(
        code=category.code,
        opens_at=opens,
        closes_at=closes,
        capacity=category.capacity,
        waitlist=category.waitlist,
        awaits_draw=category.awaits_draw,
        promotion=category.promotion,
        max_attendees=category.max_attendees,
    )


def read(event: Event) -> seats.Ledger:
    """Count the held seats of an event, in one query. Under `lock(event)` the numbers stay true until its end."""
    return read_many([event])[event.id]


def read_many(events: Iterable[Event]) -> dict[int, seats.Ledger]:
    """Count the held seats of several events in one query; the result is by event id."""
    events = list(events)
    ledgers = {
        event.id: seats.Ledger(event_rule(event), {one.code: one.capacity for one in event.categories})
        for event in events
    }
    codes = {one.id: one.code for event in events for one in event.categories}
    counts = db.session.execute(
        select(
            Attendee.event_id,
            Attendee.category_id,
            Attendee.participation,
            func.count(),
        )
        .where(
            Attendee.event_id.in_(list(ledgers)),
            Attendee.status.in_(HOLDS_A_SEAT),
            Attendee.seatless.is_(False),
        )
        .group_by(Attendee.event_id, Attendee.category_id, Attendee.participation)
    )
    for event_id, category_id, mode, count in counts:
        _add(ledgers[event_id], codes[category_id], mode, count)
    return ledgers


def waiting_kinds(events: Iterable[Event]) -> set[tuple[int, int, str | None]]:
    """Return (event id, category id, way to take part) of which somebody waits."""
    ids = [event.id for event in events]
    rows = db.session.execute(
        select(Attendee.event_id, Attendee.category_id, Attendee.participation)
        .where(Attendee.event_id.in_(ids), Attendee.status == Status.WAITLISTED)
        .distinct()
    )
    return {(event_id, category_id, mode) for event_id, category_id, mode in rows}


def waitlist(event: Event) -> list[seats.Waiting]:
    """Return everybody who waits for a seat at the event, in the order of D21."""
    rows = db.session.execute(
        select(Attendee, Registration.reference)
        .join(Attendee.registration)
        .where(Attendee.event_id == event.id, Attendee.status == Status.WAITLISTED)
    )
    codes = {one.id: one.code for one in event.categories}
    waiting = [
        seats.Waiting(
            key=attendee.id,
            category=codes[attendee.category_id],
            mode=attendee.participation,
            needs_approval=attendee.needs_approval,
            order=(attendee.queued_at, attendee.lottery_rank or UNDRAWN, reference, attendee.branch),
        )
        for attendee, reference in rows
    ]
    return sorted(waiting, key=lambda one: one.order)


def positions(event: Event) -> dict[int, int]:
    """Return the place of everybody who waits, by attendee id, counted from 1 within the category."""
    counted: dict[str, int] = {}
    places = {}
    for one in waitlist(event):
        counted[one.category] = counted.get(one.category, 0) + 1
        places[one.key] = counted[one.category]
    return places


def seat_states(events: Iterable[Event], now: datetime) -> dict[tuple[int, int], str]:
    """Return the public state code (D31) of every category of the events, by (event id, category id)."""
    events = list(events)
    ledgers = read_many(events)
    kinds = waiting_kinds(events)
    states = {}
    for event in events:
        for category in event.categories:
            waiting = {mode for event_id, category_id, mode in kinds if category_id == category.id}
            ledger = ledgers[event.id]
            states[event.id, category.id] = seats.seat_state(
                ledger.event, category_rule(category), ledger, now, waiting
            )
    return states


def _add(ledger: seats.Ledger, code: str, mode: str | None, count: int) -> None:
    ledger.held += count
    ledger.held_in_category[code] = ledger.held_in_category.get(code, 0) + count
    if mode is not None:
        ledger.held_in_mode[mode] = ledger.held_in_mode.get(mode, 0) + count
