"""A seat status changes: only by a legal move, and never without a line in the history (domain rule D10)."""

from datetime import datetime

from eventsite.db import db
from eventsite.models import MOVES, Account, Attendee, Status, StatusChange


def move(attendee: Attendee, to: Status, reason: str, now: datetime, by: Account | None) -> None:
    """Move an attendee and record it; `reason` is a word of the rule that decided, `by` None = the public or a rule.

    Whoever was pending without a seat (D20) is so no longer.

    Raises ValueError for a move that is not legal.
    """
    if to not in MOVES[attendee.status]:
        raise ValueError(f"{attendee.status.value} → {to.value} is no legal move")
    before, attendee.status = attendee.status, to
    attendee.seatless = False
    record_change(attendee, before, to, reason, now, by)


def record_change(
    attendee: Attendee, before: Status | None, to: Status, reason: str, now: datetime, by: Account | None
) -> None:
    """Add a line to the history of an attendee; `before` None = came into being."""
    db.session.add(
        StatusChange(
            attendee_id=attendee.id,
            event_id=attendee.event_id,
            from_status=before.value if before else None,
            to_status=to.value,
            reason=reason,
            at=now,
            account_id=by.id if by else None,
        )
    )
