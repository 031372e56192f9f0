"""May a letter of today hold the link to join (D68)? For letters and the calendar entries that go with them."""

from datetime import datetime

from sqlalchemy import select

from eventsite.db import db
from eventsite.models import Event, Mailing, MailingStatus

REMINDER = "reminder"


def in_letters(event: Event, now: datetime) -> bool:
    """Say whether the confirmed read the link in every letter, not only in reminders.

    Always, unless the organiser wants it otherwise; and even then once the last reminder has gone: there is none to come
    that somebody who is confirmed now would get. One that is due already counts as gone, as it is only for those who
    were confirmed when it was due.
    """
    return event.join_in_letters or not _reminder_to_come(event, now)


def _reminder_to_come(event: Event, now: datetime) -> bool:
    query = select(Mailing.id).where(
        Mailing.event_id == event.id,
        Mailing.letter == REMINDER,
        Mailing.status == MailingStatus.PLANNED,
        Mailing.due_at > now,
    )
    return db.session.scalar(query.limit(1)) is not None
