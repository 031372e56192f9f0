"""Mail that does not get through: when the association's people are told of it, and that they are told once.

An outage is told when it has lasted ten minutes; that letter can only leave when it is over, so the organisers' pages
show it too. Letters that failed for good or came back are told by the hour, each event's organisers of their own.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from eventsite import clock
from eventsite.db import db, lock, transaction
from eventsite.mail import post_room
from eventsite.mail.letters import staff_letters
from eventsite.models import Event, Message, MessageStatus, PostRoom

OUTAGE = timedelta(minutes=10)
NO_LONGER = timedelta(days=30)  # after an event nobody minds old letters


def tell_of_outage() -> int:
    """Write of the present outage if it has lasted and nobody was told; return how many letters were written (F2)."""
    now = clock.now()
    untold = and_(PostRoom.failing_since <= now - OUTAGE, PostRoom.told_at.is_(None))
    if db.session.scalar(select(PostRoom.failing_since).where(untold)) is None:
        return 0
    with transaction():
        since = db.session.execute(
            update(PostRoom).where(untold).values(told_at=now).returning(PostRoom.failing_since),
            execution_options={"synchronize_session": False},
        ).scalar()
        if since is None:
            return 0
        return staff_letters.outage(since, post_room.state().waiting, now)


def tell_of_undelivered() -> int:
    """Write to the organisers of each event with letters that reached nobody since they were told last."""
    written = 0
    for number in _untold():
        with transaction():
            event = db.session.get_one(Event, number)
            lock(event)
            now = clock.now()
            count = _untold(event).get(event.id, 0)
            if count:
                written += staff_letters.undelivered(event, f"until-{now:%Y%m%d%H%M%S%f}", count, now)
    return written


def _untold(event: Event | None = None) -> dict[int, int]:
    """Return how many letters to attendees failed or came back since the last telling, by event id."""
    told = (
        select(Message.event_id, func.max(Message.created_at).label("at"))
        .where(Message.letter == "staff_delivery")
        .group_by(Message.event_id)
        .subquery()
    )
    failed = and_(Message.status == MessageStatus.FAILED, _since(told.c.at, Message.give_up_at))
    came_back = and_(Message.bounced_at.is_not(None), _since(told.c.at, Message.bounced_at))
    query = (
        select(Event.id, func.count())
        .join(Message, Message.event_id == Event.id)
        .outerjoin(told, told.c.event_id == Event.id)
        .where(
            Event.end_at > clock.now() - NO_LONGER,
            Message.registration_id.is_not(None),
            or_(failed, came_back),
        )
        .group_by(Event.id)
        .order_by(Event.id)
    )
    if event is not None:
        query = query.where(Event.id == event.id)
    return {row[0]: row[1] for row in db.session.execute(query)}


def _since(told_at: ColumnElement[Any], at: Any) -> ColumnElement[bool]:
    return or_(told_at.is_(None), at > told_at)
