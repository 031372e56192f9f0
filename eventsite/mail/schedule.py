"""When an event's own letters go out: reminders and follow-ups as mailings that move with the event.

Called by every verb that changes an event, inside its transaction.
"""

from datetime import datetime

from eventsite.models import Event


def replan(event: Event, now: datetime) -> None:
    """Bring the planned reminders and follow-ups into line with the event as it is now (D62)."""
