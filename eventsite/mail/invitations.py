"""The calendar entry of one recipient of one registration: made once, versions only growing, bytes kept.

A recipient who is confirmed has a REQUEST; when nobody of theirs is confirmed any more it becomes a CANCEL. Whoever
was never confirmed has none. Not for bytes: see `calendar`.
"""

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select

from eventsite import calendar, wording
from eventsite.config import settings
from eventsite.db import db
from eventsite.mail.recipients import Recipient
from eventsite.models import CalendarEntry, Event

REQUEST, CANCEL = "REQUEST", "CANCEL"


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
    if calendar.request(_facts(entry, recipient, joining=True)) == entry.ics:
        return entry, False
    entry.sequence += 1
    return _write(entry, recipient, REQUEST, now), True


def take_back(recipient: Recipient, now: datetime) -> CalendarEntry | None:
    """Return the recipient's CANCEL, or None if there is nothing to take back."""
    entry = find(recipient)
    if entry is None or entry.method == CANCEL:
        return None
    entry.sequence += 1
    return _write(entry, recipient, CANCEL, now)


def _write(entry: CalendarEntry, recipient: Recipient, method: str, now: datetime) -> CalendarEntry:
    entry.method = method
    entry.stamp = now
    render = calendar.request if method == REQUEST else calendar.cancellation
    entry.ics = render(_facts(entry, recipient, joining=method == REQUEST))
    db.session.add(entry)  # only now: reading the facts may flush what is there
    db.session.flush()
    return entry


def _facts(entry: CalendarEntry, recipient: Recipient, *, joining: bool) -> calendar.Entry:
    event = recipient.registration.event
    online = joining and recipient.takes_part_online
    return calendar.Entry(
        uid=entry.uid,
        sequence=entry.sequence,
        stamp=entry.stamp,
        created=entry.created_at,
        start=event.start_at,
        end=event.end_at,
        summary=event.title,
        description=_description(event, online),
        location=_place(event, recipient),
        url=f"{settings.public_url}/events/{event.slug}",
        organizer_name=event.organizer or settings.association_name,
        organizer_email=settings.sender,
        attendee_email=recipient.email,
        join_url=event.join_url if online else "",
        join_label=event.online_words,
    )


def _description(event: Event, online: bool) -> str:
    lines = [event.notice, event.full_title or event.title]
    if online and event.webinar_id:
        lines.append(_("ウェビナーID　%(id)s", id=event.webinar_id))
    if online and event.passcode:
        lines.append(_("パスコード　%(code)s", code=event.passcode))
    return "\n".join(line for line in lines if line)


def _place(event: Event, recipient: Recipient) -> str:
    if recipient.takes_part_online:
        words = event.online_words
        return _("オンライン（%(how)s）", how=words) if words else _("オンライン")
    return "　".join(one for one in (event.venue_name, event.venue_address) if one) or wording.form_of_event(
        event
    )
