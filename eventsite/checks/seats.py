"""Nobody holds a seat that is not there, and none lies free while somebody waits for it."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from eventsite import clock
from eventsite.db import db
from eventsite.models import (
    HOLDS_A_SEAT,
    Attendee,
    AuditEntry,
    Event,
    EventStatus,
    Revision,
    StatusChange,
)
from eventsite.registration import history, ledger


class Held(NamedTuple):
    """A seat under one cap: held since when, and whether by choice beyond the cap (D11)."""

    since: datetime
    over_limit: bool


def seats_within_caps() -> Iterator[str]:
    """Whoever got a seat within the limit found room for it under each cap (D14).

    Seats beyond a cap are those given over the limit (D11), and those held when it was lowered (D16).
    """
    for event in db.session.scalars(select(Event).order_by(Event.id)):
        book = ledger.read(event)
        changed = _caps_changed(event)
        seats = _seats(event)
        caps = [("", "the event", event.capacity_total, book.held)]
        for category in event.categories:
            held = book.held_in_category.get(category.code, 0)
            caps.append((f"category {category.id}", category.code, category.capacity, held))
        for mode in event.modes:
            caps.append((f"mode {mode.key}", mode.key, mode.capacity, book.held_in_mode.get(mode.key, 0)))
        for key, name, cap, held in caps:
            if cap is not None and held > cap and _found_no_room(seats.get(key, []), cap, changed):
                yield f"{event.slug}: {held} seats are held in {name}, its cap is {cap}"


def no_free_seat_while_somebody_waits() -> Iterator[str]:
    """A free seat goes on at once to the first who can have it, until the category closes (D21, D23)."""
    now = clock.now()
    waiting = select(Attendee.event_id).where(Attendee.status == "waitlisted").distinct()
    for event in db.session.scalars(select(Event).where(Event.id.in_(waiting)).order_by(Event.id)):
        if event.status == EventStatus.CANCELLED or not event.is_public(now):
            continue
        book = ledger.read(event)
        open_ones = {
            one.code
            for one in event.categories
            if now < min(one.window[1], event.start_at) and not one.awaits_draw
        }
        for one in ledger.waitlist(event):
            if one.category in open_ones and book.has_room(one.category, one.mode):
                yield f"{event.slug}: attendee {one.key} waits in {one.category} while a seat is free"
                break


def seat_lines_sum_to_what_is_held() -> Iterator[str]:
    """The lines that organisers read take and give back exactly the seats that the rule counts (D10)."""
    for event in db.session.scalars(select(Event).order_by(Event.id)):
        book = ledger.read(event)
        for code, lines in history.lines(event).items():
            held = book.held_in_category.get(code, 0)
            total = lines[-1].total if lines else 0
            if code and total != held:
                yield f"{event.slug}: the lines of {code} sum to {total}, {held} seats are held"


def _caps_changed(event: Event) -> datetime | None:
    """Return when caps of an event may have changed for the last time."""
    return max(
        db.session.scalars(
            select(AuditEntry.at).where(
                AuditEntry.event_id == event.id,
                AuditEntry.action.in_(["event.changed", "event.imported", "category.changed"]),
            )
        ),
        default=None,
    )


def _seats(event: Event) -> dict[str, list[Held]]:
    """Return the seats held at an event by cap: "" = the event's, `category <id>`, `mode <key>`."""
    given = _given(event)
    moved = _moved(event)
    seats: dict[str, list[Held]] = {}
    holders = select(Attendee).where(
        Attendee.event_id == event.id, Attendee.status.in_(HOLDS_A_SEAT), Attendee.seatless.is_(False)
    )
    for one in db.session.scalars(holders):
        since = given.get(one.id, one.created_at)
        seat = Held(since, one.over_limit)
        in_category = Held(max(since, moved.get(one.id, since)), one.over_limit)
        seats.setdefault("", []).append(seat)
        seats.setdefault(f"category {one.category_id}", []).append(in_category)
        if one.participation:
            seats.setdefault(f"mode {one.participation}", []).append(seat)
    return seats


def _given(event: Event) -> dict[int, datetime]:
    """Return when each attendee last got a seat; an approval or an accepted offer gives none."""
    changes = select(StatusChange).where(StatusChange.event_id == event.id).order_by(StatusChange.id)
    return {
        one.attendee_id: one.at
        for one in db.session.scalars(changes)
        if one.to_status in HOLDS_A_SEAT and one.from_status not in HOLDS_A_SEAT
    }


def _moved(event: Event) -> dict[int, datetime]:
    """Return when an attendee was last moved to another category; the seat of the event goes along (D11)."""
    revisions = (
        select(Revision.attendee_id, Revision.at)
        .join(Attendee, Attendee.id == Revision.attendee_id)
        .where(Attendee.event_id == event.id, Revision.kind == "moved")
        .order_by(Revision.id)
    )
    return {attendee_id: at for attendee_id, at in db.session.execute(revisions) if attendee_id is not None}


def _found_no_room(seats: list[Held], cap: int, changed: datetime | None) -> bool:
    """True if a seat was taken within the limit, since the caps last changed, behind as many as the cap allows."""
    return any(not one.over_limit and (changed is None or one.since > changed) for one in sorted(seats)[cap:])
