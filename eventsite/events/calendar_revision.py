"""The version of an event in public calendars: raised when anything that they show of it changes.

Call `shown` under the event's lock before a change and `revise` after it, in the same transaction. The UID is the
event's for life. Not for the calendar entries of people (`eventsite.mail.invitations`).
"""

from datetime import datetime, timedelta
from typing import Any

from eventsite.models import Event, EventStatus

COLUMNS = (
    "slug",
    "title",
    "notice",
    "abstract",
    "start_at",
    "end_at",
    "format",
    "live",
    "online_words",
    "online_status",
    "venue_name",
)


def shown(event: Event) -> dict[str, Any]:
    """Return what public calendars show of an event, to be handed to `revise` later."""
    values = {name: getattr(event, name) for name in COLUMNS}
    return {**values, "cancelled": event.status == EventStatus.CANCELLED}


def revise(event: Event, before: dict[str, Any], now: datetime) -> bool:
    """Raise SEQUENCE and DTSTAMP if calendars show the event otherwise than `before`; say whether they do.

    Drafts count too: they may have been public before. RFC 5545 3.8.7.2 and 3.8.7.4.
    """
    if shown(event) == before:
        return False
    event.calendar_sequence += 1
    event.calendar_stamp = max(now, (event.calendar_stamp or event.created_at) + timedelta(seconds=1))
    return True
