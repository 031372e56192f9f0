"""The calendar entry of one recipient of one registration: made once, versions only growing, bytes kept.

A recipient who is confirmed has a REQUEST; when nobody of theirs is confirmed any more it becomes a CANCEL. Whoever
was never confirmed has none. Not for bytes: see `calendar`.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from eventsite import calendar, wording
from eventsite.config import settings
from eventsite.db import db
from eventsite.mail import joining
from eventsite.mail.recipients import Recipient
from eventsite.models import CalendarEntry, Event

REQUEST, CANCEL = "REQUEST", "CANCEL"
A_SECOND = timedelta(seconds=1)


def find(recipient: Recipient) -> CalendarEntry | None:
    """Return the recipient's entry as it was last sent, or None."""
    return db.session.scalar(
        select(CalendarEntry).where(
            CalendarEntry.registration_id == recipient.registration.id,
            CalendarEntry.recipient_key == recipient.key,
        )
    )


def invite(recipient: Recipient, now: datetime) -> CalendarEntry:
    """Return the recipient's REQUEST, making it or raising its version where it had been cancelled."""
    entry = find(recipient)
    if entry is not None and entry.method == REQUEST:
        return entry
    if entry is None:
        entry = CalendarEntry(
            registration_id=recipient.registration.id,
            recipient_key=recipient.key,
            uid=calendar.new_uid(settings.mail_domain),
            sequence=0,
            created_at=now,
        )
    else:
        entry.sequence += 1
    return _write(entry, recipient, REQUEST, now)


def refresh(recipient: Recipient, now: datetime) -> tuple[CalendarEntry, bool]:
    """Return the recipient's REQUEST as it must be by now, and whether it says anything new.

    Its version is raised only where its words or times have changed.
    """
    entry = find(recipient)
    if entry is None or entry.method != REQUEST:
        return invite(recipient, now), True
    tells = joining.in_letters(recipient.registration.event, now)
    if calendar.request(_facts(entry, recipient, tells_link=tells)) == entry.ics:
        return entry, False
    entry.sequence += 1
    return _write(entry, recipient, REQUEST, now), True


def take_back(recipient: Recipient, now: datetime) -> CalendarEntry | None:
    """Return the recipient's CANCEL, or None if there is nothing to take back.

    It repeats the REQUEST that was sent last, also where the event has changed since without a word.
    """
    entry = find(recipient)
    if entry is None or entry.method == CANCEL:
        return None
    entry.sequence += 1
    return _write(entry, recipient, CANCEL, now)


def place(event: Event, recipient: Recipient) -> str:
    """Return in words where the recipient takes part, for the line LOCATION."""
    if recipient.takes_part_online:
        words = event.online_words
        return _("オンライン（%(how)s）", how=words) if words else _("オンライン")
    named = "　".join(one for one in (event.venue_name, event.venue_address) if one)
    return named or wording.form_of_event(event)


def _write(entry: CalendarEntry, recipient: Recipient, method: str, now: datetime) -> CalendarEntry:
    entry.stamp = _next_stamp(entry, now)
    tells = method == REQUEST and joining.in_letters(recipient.registration.event, now)
    facts = _facts(entry, recipient, tells_link=tells)
    if method == REQUEST:
        entry.ics = calendar.request(facts)
    else:
        entry.ics = calendar.cancellation(replace(facts, **calendar.repeated(entry.ics)))
    entry.method = method
    db.session.add(entry)  # only now: reading the facts may flush what is there
    db.session.flush()
    return entry


def _next_stamp(entry: CalendarEntry, now: datetime) -> datetime:
    """The moment of a revision, later by a second at least than that of the one before (RFC 5545 3.8.7.2)."""
    return now if entry.stamp is None else max(now, entry.stamp + A_SECOND)


def _facts(entry: CalendarEntry, recipient: Recipient, *, tells_link: bool) -> calendar.Entry:
    """What an entry says; how to join only where letters say it, too (D68)."""
    event = recipient.registration.event
    online = tells_link and recipient.takes_part_online
    return calendar.Entry(
        uid=entry.uid,
        sequence=entry.sequence,
        stamp=entry.stamp,
        created=entry.created_at,
        start=event.start_at,
        end=event.end_at,
        summary=event.title,
        description=_description(event, online),
        location=place(event, recipient),
        url=f"{settings.public_url}/events/{event.slug}",
        organizer_name=event.organizer or settings.association_name,
        organizer_email=_organizer(entry),
        attendee_email=recipient.email,
        join_url=event.join_url if online else "",
        join_label=event.online_words,
    )


def _organizer(entry: CalendarEntry) -> str:
    """The address that stands in all versions of an entry, whatever the site's is by now (RFC 5546 2.1.5)."""
    return calendar.repeated(entry.ics)["organizer_email"] if entry.ics else settings.sender


def _description(event: Event, online: bool) -> str:
    lines = [event.notice, event.full_title or event.title]
    if online and event.webinar_id:
        lines.append(_("ウェビナーID　%(id)s", id=event.webinar_id))
    if online and event.passcode:
        lines.append(_("パスコード　%(code)s", code=event.passcode))
    return "\n".join(line for line in lines if line)
