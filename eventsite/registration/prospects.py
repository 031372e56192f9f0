"""What became of those who waited at earlier events: the honest estimate for somebody who waits now.

From the last three events that are over and had a waitlist in a category of the same code. People count by the place
at which they joined the list, in bands; a band of fewer than five says nothing. To get a seat means: was confirmed in
the end, whatever came later; whoever gave up before counts as one who got none. Example events count for examples only.

Reads, never writes; only pages ask for it, never the decision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select

from eventsite.db import db
from eventsite.models import Attendee, Category, Event, EventStatus, Status, StatusChange
from eventsite.registration import history

EVENTS = 3
FEWEST = 5
BANDS = ((1, 3), (4, 6), (7, 10), (11, 20), (21, None))


@dataclass(frozen=True)
class Estimate:
    """Of `people` who joined the lists of `events` events within the band, `seated` were confirmed."""

    events: int
    first: int
    last: int | None
    people: int
    seated: int


def estimates(
    event: Event, waiting: Iterable[Attendee], positions: Mapping[int, int], now: datetime
) -> dict[int, Estimate]:
    """Return what is known for attendees who wait, by id; somebody is missing there of whom nothing is known.

    `positions` are their places by id. Three queries for each category among them.
    """
    found = {}
    joined_by_code: dict[str, list[tuple[int, bool]]] = {}
    events_by_code: dict[str, list[int]] = {}
    for one in waiting:
        code = one.category.code
        if code not in joined_by_code:
            events_by_code[code] = _events(event, code, now)
            joined_by_code[code] = _joined(events_by_code[code], code)
        estimate = _estimate(positions[one.id], joined_by_code[code], len(events_by_code[code]))
        if estimate is not None:
            found[one.id] = estimate
    return found


def sentences(
    event: Event, waiting: Iterable[Attendee], positions: Mapping[int, int], now: datetime
) -> dict[int, str]:
    """Return `estimates` as sentences."""
    return {key: words(one) for key, one in estimates(event, waiting, positions, now).items()}


def words(estimate: Estimate) -> str:
    """Return an estimate as a sentence."""
    band = (
        _("%(first)s番目以降", first=estimate.first)
        if estimate.last is None
        else _("%(first)s～%(last)s番目", first=estimate.first, last=estimate.last)
    )
    return _(
        "これまでの%(events)s回のセミナーでは、%(band)sから待ち始めた%(people)s名のうち%(seated)s名の参加が確定しました。",
        events=estimate.events,
        band=band,
        people=estimate.people,
        seated=estimate.seated,
    )


def _events(event: Event, code: str, now: datetime) -> list[int]:
    waited = (
        select(StatusChange.id)
        .join(Attendee, Attendee.id == StatusChange.attendee_id)
        .where(Attendee.category_id == Category.id, StatusChange.to_status == Status.WAITLISTED.value)
    )
    query = (
        select(Event.id)
        .join(Category, Category.event_id == Event.id)
        .where(
            Event.id != event.id,
            Event.end_at <= now,
            Event.status.in_([EventStatus.PUBLISHED, EventStatus.SCHEDULED]),
            Event.example.is_(event.example),
            Category.code == code,
            waited.exists(),
        )
        .order_by(Event.end_at.desc(), Event.id.desc())
        .limit(EVENTS)
    )
    return list(db.session.scalars(query))


def _joined(event_ids: list[int], code: str) -> list[tuple[int, bool]]:
    """Return for everybody who ever waited in the category the place at joining, and whether a seat came of it."""
    waiting: dict[int, set[int]] = {one: set() for one in event_ids}
    places: dict[int, int] = {}
    seated = set()
    for step in history.history(event_ids):
        line = waiting[step.event_id]
        if step.after == Status.WAITLISTED and step.is_in == code:
            line.add(step.attendee_id)
            places.setdefault(step.attendee_id, len(line))
        else:
            line.discard(step.attendee_id)
        if step.after == Status.CONFIRMED:
            seated.add(step.attendee_id)
    return [(place, attendee_id in seated) for attendee_id, place in places.items()]


def _estimate(position: int, joined: list[tuple[int, bool]], events: int) -> Estimate | None:
    first, last = next(
        (first, last) for first, last in BANDS if position >= first and (last is None or position <= last)
    )
    outcomes = [seated for place, seated in joined if place >= first and (last is None or place <= last)]
    if len(outcomes) < FEWEST:
        return None
    return Estimate(events, first, last, len(outcomes), sum(outcomes))
