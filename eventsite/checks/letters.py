"""Everybody has been written to, once for each cause, and what is written can leave."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from eventsite.db import db
from eventsite.mail.letters import event_news
from eventsite.models import (
    Attendee,
    Event,
    Mailing,
    MailingStatus,
    Message,
    MessageStatus,
    Registration,
    StatusChange,
)

NEWS = re.compile(r":(registered|change-\d+):")
RECIPIENT = re.compile(r"^(contact|attendee-\d+)(-\d+)?$")


def registrations_have_letters() -> Iterator[str]:
    """Who has registered, and has an address, has been written to in the same transaction."""
    told = select(Message.registration_id).where(Message.registration_id.is_not(None))
    query = select(Registration.reference).where(
        Registration.id.not_in(told), Registration.contact_email != ""
    )
    for reference in db.session.scalars(query.order_by(Registration.id)):
        yield f"{reference}: no letter was written"


def changes_have_letters() -> Iterator[str]:
    """Whoever gets another status is told of it at that moment; but not that waiting has ended with the start (D23).

    Those who lost their place with the whole event are told by a mailing.
    """
    written: dict[int | None, set[datetime]] = {}
    for number, at in db.session.execute(select(Message.registration_id, Message.created_at)):
        written.setdefault(number, set()).add(at)
    changes = (
        select(StatusChange, Attendee.registration_id, Event.start_at)
        .join(Attendee, Attendee.id == StatusChange.attendee_id)
        .join(Event, Event.id == StatusChange.event_id)
        .where(StatusChange.from_status.is_not(None), StatusChange.reason != event_news.BY_EVENT)
        .order_by(StatusChange.id)
    )
    for change, registration_id, start_at in db.session.execute(changes):
        letters = written.get(registration_id)
        silent = change.reason == "waitlist-ended" and (change.account_id is None or start_at <= change.at)
        if letters and min(letters) <= change.at and change.at not in letters and not silent:
            yield (
                f"attendee {change.attendee_id}: no letter told of {change.from_status} → {change.to_status}"
            )


def cancelled_events_are_told_of() -> Iterator[str]:
    """Whoever lost the place with the whole event is told by a mailing that was planned in the same transaction (D72)."""
    lost = select(StatusChange.event_id, StatusChange.at).where(StatusChange.reason == event_news.BY_EVENT)
    planned = select(Mailing.event_id, Mailing.key).where(Mailing.status != MailingStatus.DROPPED)
    mailings = {(event_id, key) for event_id, key in db.session.execute(planned)}
    for event_id, at in db.session.execute(lost.distinct().order_by(StatusChange.event_id, StatusChange.at)):
        if (event_id, event_news.key(event_news.CANCELLATION, at)) not in mailings:
            yield f"event {event_id}: it was cancelled, and no mailing tells of it"


def each_cause_has_one_letter() -> Iterator[str]:
    """Nobody is told twice of one status, not even after the link was renewed; what is asked for again is no news."""
    query = select(Message.registration_id, Message.dedupe_key).where(Message.registration_id.is_not(None))
    told: Counter[tuple[int | None, str, str]] = Counter()
    for number, key in db.session.execute(query.order_by(Message.id)):
        cause, _, recipient = key.rpartition(":")
        if NEWS.search(cause):
            told[number, cause, RECIPIENT.sub(r"\1", recipient)] += 1
    for (_, cause, recipient), count in told.items():
        if count > 1:
            yield f"{count} letters tell {recipient} of {cause}"


def messages_can_leave() -> Iterator[str]:
    """A message that still has to leave has its bytes; one being sent has a holder."""
    waiting = [MessageStatus.QUEUED, MessageStatus.SENDING]
    empty = select(Message.id).where(Message.status.in_(waiting), Message.mime.is_(None))
    for number in db.session.scalars(empty):
        yield f"message {number}: nothing to send"
    unheld = select(Message.id).where(Message.status == MessageStatus.SENDING, Message.lease_until.is_(None))
    for number in db.session.scalars(unheld):
        yield f"message {number}: being sent by nobody"
