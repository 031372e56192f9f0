"""Each draw can be repeated, and nobody has changed its result since (D19)."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from eventsite.db import db
from eventsite.models import Attendee, Category, Draw, Event, Status, StatusChange
from eventsite.registration import lottery

RESULTS = {Status.CONFIRMED, Status.WAITLISTED, Status.LOST}


def draws_can_be_repeated() -> Iterator[str]:
    """Seed and entries give the order that is stored, with the results that the entries came to; once per category."""
    recorded = {one.category_id: one for one in db.session.scalars(select(Draw))}
    query = select(Category).options(joinedload(Category.event)).order_by(Category.id)
    for category in db.session.scalars(query):
        draw = recorded.get(category.id)
        name = f"{category.event.slug}: the draw of {category.code}"
        drawn_at = draw.drawn_at if draw else None
        if drawn_at != category.drawn_at:
            yield f"{name} was made at {drawn_at}, the category says {category.drawn_at}"
        if draw is not None:
            yield from (f"{name} {fault}" for fault in _faults(draw, category.event))


def _faults(draw: Draw, event: Event) -> Iterator[str]:
    if draw.drawn_at is None:
        if draw.entries:
            yield "has a result before it was made"
        return
    numbers = [one["number"] for one in draw.entries]
    if numbers != lottery.order(draw.seed, set(numbers)):
        yield "is not in the order of its seed"
    stored = {one["number"]: one["status"] for one in draw.entries}
    if not set(stored.values()) <= RESULTS:
        yield "has a result that no draw gives"
    for number, status in _moves(draw, event).items():
        if stored.get(number, status) != status:
            yield f"has {number} as {stored[number]}, the history says {status}"


def _moves(draw: Draw, event: Event) -> dict[str, str]:
    """Return what the entries that are still there came to by their history, by number."""
    moves = (
        select(Attendee, StatusChange.to_status)
        .join(StatusChange, StatusChange.attendee_id == Attendee.id)
        .where(
            StatusChange.event_id == event.id,
            StatusChange.from_status == Status.LOTTERY.value,
            StatusChange.reason.in_(["won", "not-drawn"]),
            StatusChange.at == draw.drawn_at,
        )
        .options(joinedload(Attendee.registration))
    )
    return {attendee.number: status for attendee, status in db.session.execute(moves)}
