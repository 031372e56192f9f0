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

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, NotNullable, Select, and_, func, or_, select, update

from eventsite import audit, clock
from eventsite.config import settings
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.mail import mime, post_room
from eventsite.mail.post_room import GIVE_UP_AFTER
from eventsite.models import Account, Event, Message, MessageStatus

LEASE = timedelta(minutes=5)
ANSWERS = 5  # of the mail server, for one letter; a lease outlasts them all
BATCH = 20
PAUSES = (1, 5, 15, 60)  # minutes before the 2nd, 3rd … try; then hourly
A_MINUTE = timedelta(minutes=1)
LONGEST_WORDS = 1000


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
    message_id: str
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
    """Take up to `limit` due messages for `worker`, oldest first, and hold them for a lease.

    None while mail is held or the post room pauses, and no more to one domain than its pace allows.
    """
    now = clock.now()
    due = and_(_is_due(now), ~post_room.is_closed(now))
    if (
        db.session.scalar(select(Message.id).where(due).limit(1)) is None
    ):  # most rounds end here, without writing
        return []
    with transaction():
        chosen = (
            _within_pace(due, now).order_by(Message.id).limit(limit).with_for_update(skip_locked=True).cte()
        )
        rows = db.session.execute(
            update(Message)
            .where(Message.id.in_(select(chosen.c.id)))
            .values(
                status=MessageStatus.SENDING,
                lease_until=now + _lease(),
                worker=worker,
                attempts=Message.attempts + 1,
            )
            .returning(
                Message.id,
                Message.letter,
                Message.message_id,
                Message.recipient,
                NotNullable(Message.mime),  # it goes when the letter has gone
                Message.attempts,
                Message.created_at,
                NotNullable(Message.give_up_at),
            ),
            execution_options={"synchronize_session": False},
        ).all()
    return sorted((Claimed(**row._asdict()) for row in rows), key=lambda one: one.id)


def renew(message: Claimed, worker: str) -> bool:
    """Prolong the lease just before sending; False if the message is no longer this worker's."""
    return _settle(message, worker, lease_until=clock.now() + _lease())


def sent(message: Claimed, worker: str) -> bool:
    """The server has said yes. The bytes are dropped: they hold the manage link."""
    return _settle(
        message, worker, status=MessageStatus.SENT, sent_at=clock.now(), mime=None, lease_until=None, error=""
    )


def failed(message: Claimed, worker: str, words: str) -> bool:
    """The server has said no for good; `give_up_at` then tells when."""
    return _settle(
        message,
        worker,
        status=MessageStatus.FAILED,
        give_up_at=clock.now(),
        lease_until=None,
        error=words[:LONGEST_WORDS],
    )


def outdated(message: Claimed, worker: str, words: str) -> bool:
    """It is not true any more: keep it back for good, and why. Its bytes go: they hold the manage link (R6)."""
    values = {"status": MessageStatus.HELD, "mime": None, "lease_until": None}
    return _settle(message, worker, **values, error=words[:LONGEST_WORDS])


def later(message: Claimed, worker: str, words: str) -> bool:
    """Try again after a growing pause; when its time is over give up visibly."""
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
        error=words[:LONGEST_WORDS],
    )


def release(messages: Sequence[Claimed], worker: str, words: str | None = None) -> None:
    """Give back claimed messages that were not tried: the worker has to stop, or the mail server cannot be had.

    They are as before, but for what the server said, if `words` tells.
    """
    values = {} if words is None else {"error": words[:LONGEST_WORDS]}
    with transaction():
        for one in messages:
            _settle(
                one,
                worker,
                status=MessageStatus.QUEUED,
                lease_until=None,
                attempts=Message.attempts - 1,
                **values,
            )


def give_up(words: str) -> None:
    """Let what has waited its whole time fail visibly: the mail server cannot be had, and that is what it said."""
    now = clock.now()
    with transaction():
        db.session.execute(
            update(Message)
            .where(Message.status == MessageStatus.QUEUED, Message.give_up_at <= now)
            .values(status=MessageStatus.FAILED, give_up_at=now, error=words[:LONGEST_WORDS]),
            execution_options={"synchronize_session": False},
        )


def requeue(message: Message, by: Account | None) -> None:
    """Send a letter again that had failed, with fresh tries: the same bytes, the same Message-ID.

    Raises Refusal `invalid` for any other, or when its bytes are no longer there.
    """
    now = clock.now()
    own = and_(Message.id == message.id, Message.status == MessageStatus.FAILED, Message.mime.is_not(None))
    with transaction():
        result = db.session.execute(
            update(Message)
            .where(own)
            .values(
                status=MessageStatus.QUEUED,
                attempts=0,
                next_try=now,
                give_up_at=now + GIVE_UP_AFTER,
                error="",
            ),
            execution_options={"synchronize_session": False},
        )
        if not result.rowcount:  # type: ignore[attr-defined]
            raise Refusal("invalid", _l("このメールは、もう一度送ることができません。"))
        db.session.refresh(message)
        event = db.session.get(Event, message.event_id) if message.event_id else None
        audit.record("message.requeued", event, by, message=message.id)


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
        .values(status=MessageStatus.HELD, mime=None, lease_until=None, error="the address was corrected"),
        execution_options={"synchronize_session": False},
    )


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(Message.status == MessageStatus.QUEUED, Message.next_try <= now),
        and_(Message.status == MessageStatus.SENDING, Message.lease_until < now),
    )


def _within_pace(due: ColumnElement[bool], now: datetime) -> Select[int]:
    """Select what may leave: of each domain as many as its pace leaves free after the last minute's letters.

    Workers count one after another: each takes the lock of the post room's row first.
    """
    ready = select(Message.id).where(due)
    if not settings.mail_pace:
        return ready
    post_room.take_turn()
    on_the_way = and_(Message.status == MessageStatus.SENDING, Message.lease_until >= now)
    busy = (
        select(Message.domain, func.count().label("letters"))
        .where(or_(Message.sent_at > now - A_MINUTE, on_the_way))
        .group_by(Message.domain)
        .subquery()
    )
    place = func.row_number().over(partition_by=Message.domain, order_by=Message.id)
    placed = (
        select(Message.id, (place + func.coalesce(busy.c.letters, 0)).label("place"))
        .outerjoin(busy, busy.c.domain == Message.domain)
        .where(due)
        .subquery()
    )
    return ready.where(Message.id.in_(select(placed.c.id).where(placed.c.place <= settings.mail_pace)))


def _lease() -> timedelta:
    return max(LEASE, ANSWERS * timedelta(seconds=settings.mail_timeout))


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
