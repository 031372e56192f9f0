"""What the public sees of the events: which ones, in which state. Reads only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import selectinload

from eventsite import wording
from eventsite.db import db
from eventsite.models import Event, EventStatus
from eventsite.registration import ledger

FEED_KEEPS = timedelta(days=30)


@dataclass(frozen=True)
class Listed:
    """One public event with the states of its categories by code, and of the whole."""

    event: Event
    categories: dict[str, str]
    state: str


def upcoming(now: datetime) -> list[Listed]:
    """Return public events that have not ended, soonest first."""
    return _listed(
        select(Event).where(_public(now), Event.end_at > now).order_by(Event.start_at, Event.id), now
    )


def past(now: datetime) -> list[Listed]:
    """Return public events that have ended, latest first."""
    return _listed(
        select(Event).where(_public(now), Event.end_at <= now).order_by(Event.start_at.desc(), Event.id), now
    )


def in_feed(now: datetime) -> list[Event]:
    """Return what the calendar feed holds: public events, cancelled ones too, until `FEED_KEEPS` after their end.

    What leaves a feed leaves the calendars of those who subscribe to it, so an event does not go on the day itself.
    """
    ends = Event.end_at > now - FEED_KEEPS
    return list(
        db.session.scalars(select(Event).where(_public(now), ends).order_by(Event.start_at, Event.id))
    )


def feed_changed_at(now: datetime) -> datetime | None:
    """Return when the feed last became another one: by a change, a publication, or an event that left it."""
    gone = func.max(Event.end_at).filter(_public(now), Event.end_at <= now - FEED_KEEPS)
    published = func.max(Event.publish_at).filter(Event.publish_at <= now)
    changed, opened, left = db.session.execute(select(func.max(Event.updated_at), published, gone)).one()
    return max((one for one in (changed, opened, left and left + FEED_KEEPS) if one), default=None)


def find(slug: str, now: datetime) -> Event | None:
    """Return a public event, or None for one that is not there or not yet public."""
    return db.session.scalar(select(Event).where(Event.slug == slug, _public(now)))


def look(event: Event, now: datetime) -> Listed:
    """Return one event with its states."""
    return _with_states([event], now)[0]


def _public(now: datetime):  # type: ignore[no-untyped-def]
    return or_(
        Event.status.in_([EventStatus.PUBLISHED, EventStatus.CANCELLED]),
        and_(Event.status == EventStatus.SCHEDULED, Event.publish_at <= now),
    )


def _listed(query, now: datetime) -> list[Listed]:  # type: ignore[no-untyped-def]
    query = query.options(selectinload(Event.categories), selectinload(Event.modes))
    return _with_states(list(db.session.scalars(query)), now)


def _with_states(events: list[Event], now: datetime) -> list[Listed]:
    states = ledger.seat_states(events, now)
    listed = []
    for event in events:
        own = {one.code: states[event.id, one.id] for one in event.categories}
        shown = [own[one.code] for one in event.categories if one.is_listed] or list(own.values())
        listed.append(Listed(event, own, _whole(event, shown, now)))
    return listed


def _whole(event: Event, states: list[str], now: datetime) -> str:
    """Of the categories that everybody is shown; of all where there are only hidden ones (D27)."""
    if event.status == EventStatus.CANCELLED:
        return "cancelled"
    if event.is_over(now):
        return "past"
    return wording.best_state(states)
