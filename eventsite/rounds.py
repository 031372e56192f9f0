"""Work that comes round by the clock: each round is a row, claimed with a lease as letters are.

Any number of workers may look; one wins a due round, and if it is killed another takes it up when the lease ends. What
a round does must bear being done again: a lease that ran out, or a round that failed, brings it back. Nothing depends
on when a worker was started. Not for letters to attendees about one event: those are mailings.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Update, or_, select, update
from sqlalchemy.exc import IntegrityError

from eventsite import clock, dates
from eventsite.db import db, transaction
from eventsite.errors import Busy
from eventsite.events import reminding
from eventsite.mail import trouble
from eventsite.mail.returns import mailbox
from eventsite.models import Task
from eventsite.registration import reporting

LEASE = timedelta(minutes=10)
AGAIN = timedelta(minutes=5)
JUMP = timedelta(hours=2)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """What comes round: its name, the next time after a given moment (pure), and what is done then.

    With `at_once` its first time is the moment at which the first worker looks.
    """

    name: str
    after: Callable[[datetime], datetime]
    run: Callable[[], object]
    at_once: bool = False


def every(interval: timedelta) -> Callable[[datetime], datetime]:
    """Return the rule for rounds at whole multiples of an interval, so that all workers mean the same moments."""

    def after(moment: datetime) -> datetime:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return epoch + ((moment - epoch) // interval + 1) * interval

    return after


def on_business_days(at: time) -> Callable[[datetime], datetime]:
    """Return the rule for rounds at a time of day in Japan, on the days on which offices work (D61)."""

    def after(moment: datetime) -> datetime:
        local = dates.in_zone(moment)
        day = local.date() if local.time() < at else local.date() + timedelta(days=1)
        return dates.to_instant(datetime.combine(dates.next_business_day(day), at))

    return after


ROUNDS: tuple[Round, ...] = (
    Round("outage", every(timedelta(minutes=1)), trouble.tell_of_outage),
    Round("inbound", every(timedelta(minutes=5)), mailbox.look),
    Round("at_once", every(timedelta(minutes=5)), reporting.tell_at_once),
    Round("plan", every(timedelta(hours=1)), reminding.plan_missing, at_once=True),
    Round("undelivered", every(timedelta(hours=1)), trouble.tell_of_undelivered),
    Round("morning", on_business_days(time(9)), reporting.tell_in_the_morning),
)


def run_due(worker: str, rounds: Sequence[Round] | None = None) -> int:
    """Do one round that is due, if nobody else does it; return how many were done: 0 or 1.

    A round that fails is tried again after a few minutes and holds up no other.
    """
    now = clock.now()
    for one in _due(ROUNDS if rounds is None else rounds, now):
        lease = _claim(one, worker, now)
        if lease is None:
            continue
        try:
            one.run()
        except Exception as error:
            if not isinstance(error, Busy):
                log.exception("the round %s failed; it is tried again", one.name)
            db.session.rollback()
            _settle(one, worker, lease, now + AGAIN)
        else:
            _settle(one, worker, lease, one.after(now))
        return 1
    return 0


def _due(rounds: Sequence[Round], now: datetime) -> list[Round]:
    """Return the rounds whose time has come, the one that has waited longest first; rows that are missing are made."""
    tasks = {task.name: task for task in db.session.scalars(select(Task))}
    lost = [one for one in rounds if one.name not in tasks or _is_astray(one, tasks[one.name], now)]
    if lost:
        _set_out(lost, now)
    due = [
        (tasks[one.name].next_run, one)
        for one in rounds
        if one not in lost and tasks[one.name].next_run <= now and not _is_held(tasks[one.name], now)
    ]
    return [one for _next_run, one in sorted(due, key=lambda pair: pair[0])]


def _is_held(task: Task, now: datetime) -> bool:
    return task.lease_until is not None and task.lease_until >= now


def _is_astray(one: Round, task: Task, now: datetime) -> bool:
    """A clock that was far ahead has left times that no rule explains; an hour's jump leaves some that stay."""
    soon = now + JUMP
    held_long = task.lease_until is not None and task.lease_until > soon
    return held_long or task.next_run > max(one.after(one.after(now)), soon)


def _set_out(rounds: Sequence[Round], now: datetime) -> None:
    with suppress(IntegrityError), transaction():  # another worker has made the row
        for one in rounds:
            first = now if one.at_once else one.after(now)
            db.session.merge(Task(name=one.name, next_run=first, lease_until=None, worker=""))


def _claim(one: Round, worker: str, now: datetime) -> datetime | None:
    """Return until when the round is this worker's; None if it is somebody else's, or done."""
    lease = now + LEASE
    free = or_(Task.lease_until.is_(None), Task.lease_until < now)
    due = update(Task).where(Task.name == one.name, Task.next_run <= now, free)
    return lease if _changed(due.values(lease_until=lease, worker=worker)) else None


def _settle(one: Round, worker: str, lease: datetime, next_run: datetime) -> None:
    """Say when it comes round again, unless the lease ran out and somebody else has it."""
    own = (Task.name == one.name, Task.worker == worker, Task.lease_until == lease)
    _changed(update(Task).where(*own).values(next_run=next_run, lease_until=None))


def _changed(statement: Update) -> bool:
    with transaction():
        result = db.session.execute(statement, execution_options={"synchronize_session": False})
    return bool(result.rowcount)  # type: ignore[attr-defined]
