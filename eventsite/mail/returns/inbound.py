"""What came back about a letter, taken in: kept, shown, and never acted upon beyond a mark (D12).

A report of failure marks the attendees who are reached by that address, as long as it is still theirs. A calendar's
answer is only kept. Nothing changes a seat. Not for reading the mail (reports.py) or fetching it (mailbox.py).
"""

import hashlib
import re
from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from eventsite import clock
from eventsite.db import db, lock, transaction
from eventsite.mail.recipients import Recipient
from eventsite.mail.returns import reports
from eventsite.mail.returns.reports import Reply, Report
from eventsite.models import Attendee, CalendarEntry, Event, MailReport, Message, MessageStatus, Registration

LARGEST = 1024 * 1024
LOOK_BACK = timedelta(days=2)


class Outcome(StrEnum):
    """What has become of one mail. Those of `HANDLED` need nobody's eyes any more."""

    FAILED = "failed"
    DELAYED = "delayed"
    REPLY = "reply"
    KNOWN = "known"
    UNMATCHED = "unmatched"
    OTHER = "other"
    TOO_LARGE = "too large"


HANDLED = frozenset({Outcome.FAILED, Outcome.DELAYED, Outcome.REPLY, Outcome.KNOWN})
_KEY = re.compile(r"(contact|attendee-([0-9]{1,18}))(-[0-9]{1,9})?")


def take(raw: bytes) -> Outcome:
    """Take in one mail as it came; the same mail twice is taken in once.

    UNMATCHED: a report or an answer about no letter of ours. OTHER: people, automatic answers, what cannot be read.
    Raises nothing because of the mail; `Busy` as every verb.
    """
    if len(raw) > LARGEST:
        return Outcome.TOO_LARGE
    found = reports.read(raw)
    fingerprint = hashlib.sha256(raw).hexdigest()
    try:
        if isinstance(found, Report):
            return _take_report(found, fingerprint)
        if isinstance(found, Reply):
            return _take_reply(found, fingerprint)
    except IntegrityError:  # somebody else has just taken in the same mail
        return Outcome.KNOWN
    return Outcome.OTHER


def note_refusals() -> int:
    """Keep and mark what the mail server refused at once because of the address, as if it had come back later.

    Each refusal once, so a letter that was sent again counts again; returns how many there were.
    """
    now = clock.now()
    reported = select(MailReport.id).where(
        MailReport.message_id == Message.id, MailReport.at >= Message.give_up_at
    )
    query = select(Message.id, Message.event_id, Message.error).where(
        Message.status == MessageStatus.FAILED,
        Message.registration_id.is_not(None),
        Message.give_up_at > now - LOOK_BACK,
        ~reported.exists(),
    )
    rows = db.session.execute(query.order_by(Message.id)).all()
    return sum(_note_refusal(number, event) for number, event, words in rows if _is_about_address(words))


def summary(counts: Counter[Outcome]) -> str:
    """Return the counts in one line, those of mails that were taken in even where there were none."""
    always = (Outcome.FAILED, Outcome.DELAYED, Outcome.REPLY)
    told = [f"{one.value} {counts[one]}" for one in Outcome if one in always or counts[one]]
    return f"mails read: {counts.total()} ({', '.join(told)})"


def mark_undeliverable(message: Message) -> list[Attendee]:
    """Mark whom this letter's address stands for, in the open transaction; nobody if it is no longer theirs."""
    recipient = _recipient(message)
    if recipient is None or recipient.email.casefold() != message.recipient.casefold():
        return []
    reached = recipient.reached
    for one in reached:
        one.undeliverable = True
    return reached


def _is_about_address(words: str) -> bool:
    """A mailbox that is not there or takes no mail; not a server that does not want us (RFC 3463 x.7)."""
    return re.match(r"55[0136]\b", words) is not None and re.search(r"\b5\.7\.\d", words) is None


def _note_refusal(message_id: int, event_id: int | None) -> bool:
    with transaction():
        if event_id is not None:
            lock(db.session.get_one(Event, event_id))
        message = db.session.get(Message, message_id)
        if message is None or message.status != MessageStatus.FAILED:
            return False
        refusal = f"refused:{message_id}:{message.give_up_at.isoformat()}"
        fingerprint = hashlib.sha256(refusal.encode()).hexdigest()
        if _is_known(fingerprint):
            return False
        _keep(message, fingerprint, "failed", message.error, clock.now())
        mark_undeliverable(message)
    return True


def _take_report(report: Report, fingerprint: str) -> Outcome:
    with transaction():
        message = _message(report)
        if message is None:
            return Outcome.UNMATCHED
        if message.event_id is not None:
            lock(db.session.get_one(Event, message.event_id))
        if _is_known(fingerprint):
            return Outcome.KNOWN
        now = clock.now()
        _keep(message, fingerprint, report.kind, report.words, now)
        if report.kind == "failed":
            message.bounced_at = now
            message.error = report.words
            mark_undeliverable(message)
    return Outcome(report.kind)


def _take_reply(reply: Reply, fingerprint: str) -> Outcome:
    with transaction():
        entry = db.session.scalar(select(CalendarEntry).where(CalendarEntry.uid == reply.uid))
        if entry is None:
            return Outcome.UNMATCHED
        if _is_known(fingerprint):
            return Outcome.KNOWN
        db.session.add(
            MailReport(
                fingerprint=fingerprint,
                kind="reply",
                registration_id=entry.registration_id,
                recipient_key=entry.recipient_key,
                words=f"{reply.answer}\n{reply.comment}".strip(),
                at=clock.now(),
            )
        )
    return Outcome.REPLY


def _keep(message: Message, fingerprint: str, kind: str, words: str, now: datetime) -> None:
    db.session.add(
        MailReport(
            fingerprint=fingerprint,
            kind=kind,
            message_id=message.id,
            registration_id=message.registration_id,
            recipient_key=message.recipient_key,
            words=words,
            at=now,
        )
    )


def _is_known(fingerprint: str) -> bool:
    return db.session.scalar(select(MailReport.id).where(MailReport.fingerprint == fingerprint)) is not None


def _message(report: Report) -> Message | None:
    for mark in report.marks:
        marked = Message.message_id.startswith(f"{mark}@", autoescape=True)
        if found := db.session.scalar(select(Message).where(marked)):
            return found
    for message_id in report.message_ids:
        if found := db.session.scalar(select(Message).where(Message.message_id == message_id)):
            return found
    return None


def _recipient(message: Message) -> Recipient | None:
    """Return the recipient that the letter went to, as it is now."""
    named = _KEY.fullmatch(message.recipient_key)
    if named is None or message.registration_id is None:
        return None
    if named[2] is None:
        registration = db.session.get(Registration, message.registration_id)
        return Recipient(registration) if registration else None
    attendee = db.session.get(Attendee, int(named[2]))
    if attendee is None or attendee.registration_id != message.registration_id:
        return None
    return Recipient(attendee.registration, attendee)
