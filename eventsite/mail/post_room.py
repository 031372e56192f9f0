"""The post room as a whole: held by an operator, pausing because the mail server cannot be had, and how long its queue is.

One row tells it, for all workers (`PostRoom`); `outbox.claim` obeys it. Not for single letters: see `outbox`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from eventsite import audit, clock
from eventsite.db import db, transaction
from eventsite.models import Account, Heartbeat, Message, MessageStatus, PostRoom

PAUSES = (1, 2, 4, 8, 15)  # minutes after the 1st, 2nd … failed connection in a row
GIVE_UP_AFTER = timedelta(hours=48)
FORGET_WORKER_AFTER = timedelta(days=1)
WAITING = (MessageStatus.QUEUED, MessageStatus.SENDING)
NAME = "mail"


@dataclass(frozen=True)
class State:
    """How things stand, for pages, `/readyz` and operators. `failed`: letters that were given up, since ever."""

    waiting: int
    waiting_since: datetime | None
    held_at: datetime | None
    failing_since: datetime | None
    paused_until: datetime | None
    failed: int
    last_beat: datetime | None
    words: str


def state() -> State:
    """Return how things stand, in one query."""
    waiting = Message.status.in_(WAITING)
    said = select(Message.error).where(waiting, Message.error != "").order_by(Message.id).limit(1)
    letters = select(
        func.count().filter(waiting),
        func.min(Message.give_up_at).filter(waiting),
        func.count().filter(Message.status == MessageStatus.FAILED),
        select(func.max(Heartbeat.at)).scalar_subquery(),
        said.scalar_subquery(),
    ).where(Message.status.in_([*WAITING, MessageStatus.FAILED]))
    numbers = letters.subquery()
    row = db.session.execute(
        select(numbers, PostRoom.held_at, PostRoom.failing_since, PostRoom.paused_until)
        .select_from(numbers)
        .outerjoin(PostRoom, PostRoom.name == NAME)
    ).one()
    count, end, failed, beat, words, held_at, failing_since, paused_until = row
    since = end - GIVE_UP_AFTER if end else None
    pausing = paused_until if paused_until and paused_until > clock.now() else None
    return State(count, since, held_at, failing_since, pausing, failed, beat, words or "")


def counts() -> dict[str, int]:
    """Return how many letters there are of each status."""
    rows = db.session.execute(
        select(Message.status, func.count().label("letters")).group_by(Message.status)
    ).all()
    numbers = {row.status: row.letters for row in rows}
    return {status.value: numbers.get(status, 0) for status in MessageStatus}


def is_closed(now: datetime) -> ColumnElement[bool]:
    """Return the condition that no letter may leave now, for use in a query."""
    closed = or_(PostRoom.held_at.is_not(None), PostRoom.paused_until > now)
    return select(PostRoom.name).where(PostRoom.name == NAME, closed).exists()


def is_held() -> bool:
    """Say whether an operator holds all mail."""
    held = select(PostRoom.name).where(PostRoom.name == NAME, PostRoom.held_at.is_not(None))
    return db.session.scalar(held) is not None


def hold(by: Account | None = None) -> bool:
    """Let no letter leave until `release`; those in the middle of their way arrive. False if it is so already."""
    with transaction():
        own_row()
        changed = _change(PostRoom.held_at.is_(None), held_at=clock.now())
        if changed:
            audit.record("mail.held", None, by)
    return changed


def release(by: Account | None = None) -> bool:
    """Let letters leave again; False if nothing was held. Each has its two whole days of trying from now."""
    now = clock.now()
    with transaction():
        changed = _change(PostRoom.held_at.is_not(None), held_at=None)
        if changed:
            db.session.execute(
                update(Message)
                .where(Message.status.in_(WAITING), Message.give_up_at < now + GIVE_UP_AFTER)
                .values(give_up_at=now + GIVE_UP_AFTER),
                execution_options={"synchronize_session": False},
            )
            audit.record("mail.released", None, by)
    return changed


def fail(*, at_once: bool = True) -> None:
    """The mail server could not be had: pause for everybody, longer each time in a row (F2).

    Of workers that fail together one lengthens the pause. With `at_once` False the first failure in a row pauses
    nothing, and later ones a minute only: something went wrong in the middle of a letter, and the next may do well.
    """
    now = clock.now()
    with transaction():
        row = own_row()
        seen = row.failures
        pause = PAUSES[min(seen, len(PAUSES) - 1)] if at_once else min(seen, PAUSES[0])
        _change(
            PostRoom.failures == seen,
            or_(PostRoom.paused_until.is_(None), PostRoom.paused_until <= now),
            failures=seen + 1,
            failing_since=row.failing_since or (now if pause else None),
            paused_until=now + timedelta(minutes=pause),
        )


def succeed() -> None:
    """The mail server has taken a letter, or refused one with good reason: nothing is wrong with the way to it."""
    _change(PostRoom.failures > 0, failures=0, failing_since=None, paused_until=None, told_at=None)


def take_turn() -> None:
    """Take the lock of the one row in the open transaction, so that workers count one after another."""
    own_row()
    _change(true(), name=NAME)


def own_row() -> PostRoom:
    """Return the one row in the open transaction, made if it is missing."""
    dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
    found = db.session.get(PostRoom, NAME, populate_existing=True)
    if found is None:
        made = dialect.insert(PostRoom).values(name=NAME, failures=0).on_conflict_do_nothing()
        db.session.execute(made)
        found = db.session.get_one(PostRoom, NAME, populate_existing=True)
    return found


def beat(worker: str) -> None:
    """Leave a sign of life, and clear away those of workers long gone."""
    now = clock.now()
    with transaction():
        db.session.execute(delete(Heartbeat).where(Heartbeat.at < now - FORGET_WORKER_AFTER))
        db.session.merge(Heartbeat(worker=worker, at=now))


def _change(*conditions: ColumnElement[bool], **values: object) -> bool:
    with transaction():
        result = db.session.execute(
            update(PostRoom).where(PostRoom.name == NAME, *conditions).values(**values),
            execution_options={"synchronize_session": False},
        )
    return bool(result.rowcount)  # type: ignore[attr-defined]
