"""Letters to many: planned in the transaction of their cause, written by the worker, a few registrations at a time.

A killed worker loses nothing: the row keeps how far it came, its lease ends, and no letter is written twice, since its
dedupe key is that of the mailing. A registration that cannot be written to holds up no other: its id is kept in the
details. Not for the letters themselves: each kind is written by the module that knows it.
"""

import logging
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import OperationalError

from eventsite import audit, clock
from eventsite.db import db, lock, transaction
from eventsite.errors import Busy
from eventsite.mail.audience import Kind
from eventsite.mail.letters import announcements, event_news, followups
from eventsite.models import Account, Event, Mailing, MailingStatus, Message, MessageStatus, Registration

KINDS: dict[str, Kind] = {**event_news.KINDS, **announcements.KINDS, **followups.KINDS}
LEASE = timedelta(minutes=5)
CHUNK = 20
OPEN = (MailingStatus.PLANNED, MailingStatus.WRITING)
FAILED = "failed"
log = logging.getLogger(__name__)


def plan(
    event: Event,
    letter: str,
    key: str,
    due_at: datetime,
    by: Account | None = None,
    details: Mapping[str, Any] | None = None,
    *,
    recorded: bool = True,
) -> Mailing | None:
    """Store a mailing in the open transaction; None if the event has one of this key already.

    `key` names the cause within the event, `details` hold plain values that the rows of later will not tell any more.
    `recorded` False: it follows from something that is in the audit log already.
    """
    if db.session.scalar(select(Mailing.id).where(Mailing.event_id == event.id, Mailing.key == key)):
        return None
    mailing = Mailing(
        event_id=event.id,
        letter=letter,
        key=key,
        due_at=due_at,
        details=dict(details or {}),
        account_id=by.id if by else None,
        created_at=clock.now(),
    )
    db.session.add(mailing)
    db.session.flush()
    if recorded:
        audit.record("mailing.planned", event, by, letter=letter, key=key)
    return mailing


def drop(mailing: Mailing, by: Account | None = None, *, recorded: bool = True) -> None:
    """Write no more of it, in the open transaction; what was written stays. `recorded` as in `plan`."""
    if mailing.status in OPEN:
        mailing.status = MailingStatus.DROPPED
        mailing.lease_until = None
        if recorded:
            audit.record("mailing.dropped", mailing.event, by, letter=mailing.letter, key=mailing.key)


def open_of(event: Event, letters: Collection[str] | None = None) -> list[Mailing]:
    """Return the event's mailings that are still to be written, the next one first."""
    query = select(Mailing).where(Mailing.event_id == event.id, Mailing.status.in_(OPEN))
    if letters is not None:
        query = query.where(Mailing.letter.in_(list(letters)))
    return list(db.session.scalars(query.order_by(Mailing.due_at, Mailing.id)))


def on_their_way(registration: Registration, recipient_key: str) -> list[Mailing]:
    """Return the mailings whose letters to one recipient are written but have not left yet."""
    waiting = Message.status.in_([MessageStatus.QUEUED, MessageStatus.SENDING])
    own = and_(Message.registration_id == registration.id, Message.recipient_key == recipient_key)
    ids = select(Message.mailing_id).where(own, waiting, Message.mailing_id.is_not(None))
    return list(db.session.scalars(select(Mailing).where(Mailing.id.in_(ids)).order_by(Mailing.id)))


def write_again(registration: Registration, which: Sequence[Mailing], now: datetime) -> int:
    """Write letters of these mailings to those recipients of a registration who have none yet: one has a new address.

    In the open transaction; return how many.
    """
    return sum(KINDS[one.letter].write(registration, one, now) for one in which)


def work(worker: str, stopping: Callable[[], bool] = lambda: False) -> int:
    """Claim one due mailing and write it; return how many letters were written. Stops between chunks when told to."""
    number = _claim(worker)
    if number is None:
        return 0
    written = 0
    while not stopping():
        count = _write_chunk(number, worker)
        if count is None:
            return written
        written += count
    _give_back(number, worker)
    return written


def _claim(worker: str) -> int | None:
    now = clock.now()
    due = or_(
        and_(Mailing.status == MailingStatus.PLANNED, Mailing.due_at <= now),
        and_(Mailing.status == MailingStatus.WRITING, Mailing.lease_until <= now),
    )
    chosen = select(Mailing.id).where(due).order_by(Mailing.due_at, Mailing.id).limit(1)
    if db.session.scalar(chosen) is None:  # most rounds end here, without writing
        return None
    chosen = chosen.with_for_update(skip_locked=True)
    with transaction():
        return db.session.execute(
            update(Mailing)
            .where(Mailing.id == chosen.scalar_subquery())
            .values(status=MailingStatus.WRITING, worker=worker, lease_until=now + LEASE)
            .returning(Mailing.id),
            execution_options={"synchronize_session": False},
        ).scalar()


def _give_back(number: int, worker: str) -> None:
    """End the lease of a mailing that is still ours: whoever comes next goes on with it at once."""
    own = and_(Mailing.id == number, Mailing.status == MailingStatus.WRITING, Mailing.worker == worker)
    with transaction():
        db.session.execute(
            update(Mailing).where(own).values(lease_until=clock.now()),
            execution_options={"synchronize_session": False},
        )


def _write_chunk(number: int, worker: str) -> int | None:
    """Write to the next few registrations; None when there is nothing left to do, or it is no longer ours."""
    with transaction():
        mailing = db.session.get(Mailing, number)
        if mailing is None:
            return None
        lock(mailing.event)
        if mailing.status != MailingStatus.WRITING or mailing.worker != worker:
            return None
        now = clock.now()
        kind = KINDS[mailing.letter]
        if not kind.stands(mailing, now):
            drop(mailing)
            return None
        ids = kind.registrations(mailing).subquery()
        registrations = db.session.scalars(
            select(Registration)
            .where(Registration.id.in_(select(ids)), Registration.id > mailing.cursor)
            .order_by(Registration.id)
            .limit(CHUNK)
        ).all()
        if not registrations:
            mailing.status, mailing.done_at, mailing.lease_until = MailingStatus.DONE, now, None
            return None
        counts = {one.id: _write_one(one, mailing, now) for one in registrations}
        failed = [number for number, count in counts.items() if count is None]
        if failed:
            mailing.details = mailing.details | {FAILED: [*mailing.details.get(FAILED, []), *failed]}
        count = sum(filter(None, counts.values()))
        mailing.cursor = registrations[-1].id
        mailing.written += count
        mailing.lease_until = now + LEASE
        return count


def _write_one(registration: Registration, mailing: Mailing, now: datetime) -> int | None:
    """Write to one registration; None if that cannot be done: then nothing of it is stored.

    What is wrong is logged without its words, which may hold something personal.
    """
    try:
        with db.session.begin_nested():
            return KINDS[mailing.letter].write(registration, mailing, now)
    except (Busy, OperationalError):
        raise
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))
        what = (mailing.id, registration.id, type(error).__name__, where)
        log.error("mailing %s cannot be written to registration %s: %s\n%s", *what)
        return None
