"""What runs in the background, and when.

The worker delivers letters, ends offers that nobody answered, makes the draws whose hour has come, ends waiting once an
event has begun, and does what comes round by the clock (`rounds`). All state is in the database: any number of workers
may run, and killing one loses nothing.
"""

import logging
import os
import signal
import socket
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from types import FrameType
from typing import NamedTuple

from sqlalchemy import select

from eventsite import clock, registration, rounds
from eventsite.db import db
from eventsite.errors import Busy, Refusal
from eventsite.mail import mailings, post_room
from eventsite.mail.sending import delivery
from eventsite.models import Attendee, Category, Event, Status
from eventsite.registration import drawing

IDLE_SECONDS = 1.0
BEAT_EVERY = timedelta(seconds=20)
A_DAY = timedelta(days=1)
log = logging.getLogger(__name__)


class Done(NamedTuple):
    """What one round has come to; true if there may be more to do at once."""

    written: int
    delivered: int

    def __bool__(self) -> bool:
        return any(self)


class Worker:
    """One background process. `run()` works until `stop()` or a TERM or INT signal."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = threading.Event()
        self._next_beat = clock.now()

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        while not self._stopping.is_set():
            if not self._step():
                self._stopping.wait(IDLE_SECONDS)

    def stop(self) -> None:
        self._stopping.set()

    def drain(self) -> int:
        """Do everything that is due now, then return how many messages were handled."""
        handled = 0
        while count := self._work():
            handled += count.delivered
        return handled

    def _step(self) -> bool:
        try:
            return bool(self._work())
        except Busy:
            return False
        except Exception:
            log.exception("background work failed; it goes on with the next round")
            db.session.rollback()
            return False
        finally:
            db.session.remove()

    def _work(self) -> "Done":
        self._beat()
        for event in _events_with_late_offers():
            registration.expire_offers(event)
        for category in _due_draws():
            with suppress(Refusal):  # somebody else was quicker
                registration.draw(category, None)
        for event in _begun_events_with_a_waitlist():
            registration.end_at_start(event)
        came_round = rounds.run_due(self.name)
        written = mailings.work(self.name, self._stopping.is_set)
        return Done(came_round + written, delivery.deliver(self.name, self._stopping.is_set))

    def _beat(self) -> None:
        now = clock.now()
        if now >= self._next_beat:
            post_room.beat(self.name)
            registration.forget_old_uploads()
            self._next_beat = now + BEAT_EVERY

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop()


def _events_with_late_offers() -> list[Event]:
    late = (
        select(Attendee.event_id)
        .where(Attendee.status == Status.OFFERED, Attendee.offer_until <= clock.now())
        .distinct()
    )
    return list(db.session.scalars(select(Event).where(Event.id.in_(late))))


def _begun_events_with_a_waitlist() -> list[Event]:
    waiting = select(Attendee.event_id).where(Attendee.status == Status.WAITLISTED).distinct()
    return list(db.session.scalars(select(Event).where(Event.start_at <= clock.now(), Event.id.in_(waiting))))


def _due_draws() -> list[Category]:
    """Lotteries whose set hour has come; the hour itself is wall time, so the database looks at the day roughly."""
    now = clock.now()
    query = (
        select(Category)
        .join(Category.event)
        .where(
            Category.selection == "lottery",
            Category.drawn_at.is_(None),
            Event.lottery_at <= now + A_DAY,
            Event.start_at > now,
        )
        .order_by(Category.id)
    )
    return [one for one in db.session.scalars(query) if _can_be_drawn(one, now)]


def _can_be_drawn(category: Category, now: datetime) -> bool:
    try:
        drawing.check_drawable(category, now, by_hand=False)
    except Refusal:
        return False
    return True
