"""organiser_message: what the organiser writes to attendees of one event, to many or to one person.

Who gets it is looked up when it is written: whoever has left the audience by then gets none. Not for whether it may be
sent (`events.announcing`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from eventsite.db import db
from eventsite.mail import recipients
from eventsite.mail.audience import Kind
from eventsite.mail.facts import News
from eventsite.mail.outbox import masked
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording.compose import Composed
from eventsite.mail.writing import in_words_of_event, write
from eventsite.models import Attendee, Event, Mailing, Registration, Status

LETTER = "organiser_message"


@dataclass(frozen=True)
class Audience:
    """Attendees in one of these statuses and categories (ids), or the one `attendee` (id), whatever their status."""

    statuses: tuple[Status, ...] = ()
    categories: tuple[int, ...] = ()
    attendee: int | None = None


@dataclass(frozen=True)
class Announcement:
    """What is written to whom: plain texts, in which nothing is filled in."""

    subject: str
    text: str
    audience: Audience

    def details(self) -> dict[str, Any]:
        """Return it as a mailing keeps it."""
        return asdict(self)


def of(mailing: Mailing) -> Announcement:
    """Return what a mailing of this kind says, and to whom."""
    kept = dict(mailing.details["audience"])
    statuses = tuple(Status(one) for one in kept["statuses"])
    audience = Audience(statuses, tuple(kept["categories"]), kept["attendee"])
    return Announcement(mailing.details["subject"], mailing.details["text"], audience)


def count(event: Event, audience: Audience, locale: str | None = None) -> int:
    """Return how many letters it will be, all or in one language: one to each contact and each own address (D66)."""
    meant = list(_meant(event.id, audience))
    if locale is not None:
        meant.append(Registration.locale == locale)
    own = select(func.count(Attendee.id)).join(Attendee.registration).where(*meant, Attendee.email != "")
    contacts = (
        select(func.count(Registration.id.distinct()))
        .join(Registration.attendees)
        .where(*meant, Registration.contact_email != "")
    )
    if audience.attendee is not None:
        contacts = contacts.where(Attendee.email == "")
    return (db.session.scalar(own) or 0) + (db.session.scalar(contacts) or 0)


def first(event: Event, audience: Audience) -> Recipient | None:
    """Return somebody who will get it."""
    has_address = (Attendee.email != "") | (Registration.contact_email != "")
    found = db.session.scalar(
        select(Registration)
        .join(Registration.attendees)
        .where(*_meant(event.id, audience), has_address)
        .order_by(Registration.id)
        .limit(1)
    )
    return next(iter(_recipients(found, audience)), None) if found else None


def preview(announcement: Announcement, recipient: Recipient, now: datetime) -> Composed:
    """Return the letter as this recipient will read it, the personal link masked; nothing is stored."""
    composed = in_words_of_event(recipient, _news(announcement), now)
    return Composed(composed.subject, masked(composed.text))


def _registrations(mailing: Mailing) -> Select[int]:
    return select(Attendee.registration_id).where(*_meant(mailing.event_id, of(mailing).audience))


def _write(registration: Registration, mailing: Mailing, now: datetime) -> int:
    announcement = of(mailing)
    written = [
        write(recipient, _news(announcement), mailing.key, now, mailing)
        for recipient in _recipients(registration, announcement.audience)
    ]
    return sum(one is not None for one in written)


KINDS = {LETTER: Kind(_registrations, _write)}


def _news(announcement: Announcement) -> News:
    return News(LETTER, message=announcement.text, own_subject=announcement.subject)


def _meant(event_id: int, audience: Audience) -> Sequence[ColumnElement[bool]]:
    if audience.attendee is not None:
        return (Attendee.event_id == event_id, Attendee.id == audience.attendee)
    return (
        Attendee.event_id == event_id,
        Attendee.status.in_(audience.statuses),
        Attendee.category_id.in_(audience.categories),
    )


def _recipients(registration: Registration, audience: Audience) -> list[Recipient]:
    """One person is written to where they read their mail; news for many goes to the contact as well (D66)."""
    meant = [one for one in registration.attendees if _is_meant(one, audience)]
    found = recipients.about(registration, meant) if meant else []
    if audience.attendee is None:
        return found
    return [one for one in found if one.attendee] or found


def _is_meant(attendee: Attendee, audience: Audience) -> bool:
    if audience.attendee is not None:
        return attendee.id == audience.attendee
    return attendee.status in audience.statuses and attendee.category_id in audience.categories
