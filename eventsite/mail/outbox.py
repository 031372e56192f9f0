"""The outbox: enqueue, claim, settle. The rows are the queue.

A letter is stored, with the exact bytes to send, in the transaction of its cause. Whoever delivers claims rows by a
conditional UPDATE with a lease, commits, sends, and settles; a claim whose holder died comes back when its lease ends.
Not for talking to servers: see `delivery`.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import NotNullable, and_, delete, func, or_, select, update

from eventsite import clock
from eventsite.config import settings
from eventsite.db import db, transaction
from eventsite.mail import mime
from eventsite.models import Heartbeat, Message, MessageStatus

LEASE = timedelta(minutes=5)
BATCH = 20
PAUSES = (1, 5, 15, 60)  # minutes before the 2nd, 3rd … try; then hourly
GIVE_UP_AFTER = timedelta(hours=48)
FORGET_WORKER_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Cause:
    """Why a letter is written, and to whom: together with the letter's name this makes it unique."""

    letter: str
    reason: str
    recipient: str
    event_id: int | None = None
    registration_id: int | None = None
    mailing_id: int | None = None

    @property
    def dedupe_key(self) -> str:
        return f"{self.letter}:{self.reason}:{self.recipient}"


@dataclass(frozen=True)
class Claimed:
    """A message that this worker holds until its lease ends."""

    id: int
    letter: str
    recipient: str
    mime: bytes
    attempts: int
    created_at: datetime
    give_up_at: datetime


def enqueue(cause: Cause, envelope: mime.Envelope, locale: str) -> Message | None:
    """Store a letter in the open transaction; returns None if this very letter is there already.

    The envelope's Message-ID is derived here from the cause, so a retry repeats it and no other letter has it.
    """
    if db.session.scalar(select(Message.id).where(Message.dedupe_key == cause.dedupe_key)):
        return None
    message_id = f"{hashlib.sha256(cause.dedupe_key.encode()).hexdigest()[:40]}@{settings.mail_domain}"
    envelope = replace(
        envelope, message_id=message_id, references=thread_of(cause.registration_id, envelope.to)
    )
    message = Message(
        dedupe_key=cause.dedupe_key,
        letter=cause.letter,
        event_id=cause.event_id,
        registration_id=cause.registration_id,
        mailing_id=cause.mailing_id,
        recipient=envelope.to,
        recipient_key=cause.recipient,
        domain=envelope.to.rpartition("@")[2].lower(),
        locale=locale,
        subject=envelope.subject,
        message_id=message_id,
        mime=mime.build(envelope),
        text=masked(envelope.text),
        status=MessageStatus.QUEUED,
        next_try=envelope.date,
        created_at=envelope.date,
        give_up_at=envelope.date + GIVE_UP_AFTER,
    )
    db.session.add(message)
    db.session.flush()
    return message


def masked(text: str) -> str:
    """Return a letter's text as the office may read it: what follows the site's address for a token is left out (R6)."""
    return re.sub(r"(/(?:r|account/password)/)[A-Za-z0-9_.-]+", r"\1…", text)


def thread_of(registration_id: int | None, recipient: str) -> tuple[str, ...]:
    """Return the Message-ID of the first letter about a registration to this address, to hang later ones below it."""
    if registration_id is None:
        return ()
    first = db.session.scalar(
        select(Message.message_id)
        .where(Message.registration_id == registration_id, Message.recipient == recipient)
        .order_by(Message.id)
        .limit(1)
    )
    return (first,) if first else ()


def claim(worker: str, limit: int = BATCH) -> list[Claimed]:
    """Take up to `limit` due messages for `worker`, oldest first, and hold them for `LEASE`."""
    now = clock.now()
    due = or_(
        and_(Message.status == MessageStatus.QUEUED, Message.next_try <= now),
        and_(Message.status == MessageStatus.SENDING, Message.lease_until < now),
    )
    chosen = select(Message.id).where(due).order_by(Message.id).limit(limit).with_for_update(skip_locked=True)
    with transaction():
        rows = db.session.execute(
            update(Message)
            .where(Message.id.in_(chosen.scalar_subquery()))
            .values(
                status=MessageStatus.SENDING,
                lease_until=now + LEASE,
                worker=worker,
                attempts=Message.attempts + 1,
            )
            .returning(
                Message.id,
                Message.letter,
                Message.recipient,
                NotNullable(Message.mime),  # it goes when the letter has gone
                Message.attempts,
                Message.created_at,
                NotNullable(Message.give_up_at),
            ),
            execution_options={"synchronize_session": False},
        ).all()
    return sorted((Claimed(*row) for row in rows), key=lambda one: one.id)


def renew(message: Claimed, worker: str) -> bool:
    """Prolong the lease just before sending; False if the message is no longer this worker's."""
    return _settle(message, worker, lease_until=clock.now() + LEASE)


def sent(message: Claimed, worker: str) -> bool:
    """The server has said yes. The bytes are dropped: they hold the manage link."""
    return _settle(
        message, worker, status=MessageStatus.SENT, sent_at=clock.now(), mime=None, lease_until=None, error=""
    )


def failed(message: Claimed, worker: str, words: str) -> bool:
    """The server has said no for good."""
    return _settle(message, worker, status=MessageStatus.FAILED, lease_until=None, error=words[:1000])


def later(message: Claimed, worker: str, words: str) -> bool:
    """Try again after a growing pause; after two days give up visibly."""
    now = clock.now()
    if now >= message.give_up_at:
        return failed(message, worker, words)
    minutes = PAUSES[min(message.attempts, len(PAUSES)) - 1]
    return _settle(
        message,
        worker,
        status=MessageStatus.QUEUED,
        next_try=now + timedelta(minutes=minutes),
        lease_until=None,
        error=words[:1000],
    )


def release(messages: Sequence[Claimed], worker: str) -> None:
    """Give back claimed messages that were not tried, for instance when the worker is told to stop."""
    for one in messages:
        _settle(one, worker, status=MessageStatus.QUEUED, lease_until=None, attempts=Message.attempts - 1)


def withhold(registration_id: int, recipient: str) -> None:
    """Keep back, for good, what has not left yet for one recipient of a registration, whose address was wrong.

    The rows stay: they show that a letter was written for each cause. A worker that holds one finds it taken away when
    it renews its lease, just before sending.
    """
    waiting = Message.status.in_([MessageStatus.QUEUED, MessageStatus.SENDING])
    own = and_(Message.registration_id == registration_id, Message.recipient_key == recipient)
    db.session.execute(
        update(Message)
        .where(own, waiting)
        .values(status=MessageStatus.HELD, lease_until=None, error="the address was corrected"),
        execution_options={"synchronize_session": False},
    )


def queue_length() -> tuple[int, datetime | None]:
    """Return how many messages wait, and since when the oldest has."""
    count, oldest = db.session.execute(
        select(func.count(), func.min(Message.created_at)).where(
            Message.status.in_([MessageStatus.QUEUED, MessageStatus.SENDING])
        )
    ).one()
    return count, oldest


def beat(worker: str) -> None:
    """Leave a sign of life, and clear away those of workers long gone."""
    now = clock.now()
    with transaction():
        db.session.execute(delete(Heartbeat).where(Heartbeat.at < now - FORGET_WORKER_AFTER))
        db.session.merge(Heartbeat(worker=worker, at=now))


def last_beat() -> datetime | None:
    return db.session.scalar(select(func.max(Heartbeat.at)))


def _settle(message: Claimed, worker: str, **values: object) -> bool:
    with transaction():
        result = db.session.execute(
            update(Message)
            .where(
                Message.id == message.id,
                Message.worker == worker,
                Message.status == MessageStatus.SENDING,
            )
            .values(**values),
            execution_options={"synchronize_session": False},
        )
    return bool(result.rowcount)  # type: ignore[attr-defined]
