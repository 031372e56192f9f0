"""What is recorded: a closed vocabulary with declared details; ids and figures only, nothing personal."""

from typing import Any

from eventsite import clock
from eventsite.db import db
from eventsite.models import Account, AuditEntry, Event

VOCABULARY: dict[str, frozenset[str]] = {
    "event.created": frozenset({"slug"}),
    "event.changed": frozenset({"fields"}),
    "event.imported": frozenset({"slug"}),
    "event.published": frozenset(),
    "event.withdrawn": frozenset(),
    "category.created": frozenset({"code"}),
    "category.changed": frozenset({"code", "fields"}),
    "category.removed": frozenset({"code"}),
    "registration.created": frozenset({"reference", "attendees", "statuses", "source"}),
    "attendee.cancelled": frozenset({"numbers"}),
    "attendee.promoted": frozenset({"numbers"}),
    "attendee.approved": frozenset({"numbers"}),
    "attendee.declined": frozenset({"numbers"}),
    "offer.accepted": frozenset({"numbers"}),
    "offer.expired": frozenset({"numbers"}),
    "roster.downloaded": frozenset({"preset", "format", "encoding", "filter", "rows", "columns"}),
    "account.created": frozenset({"account", "role"}),
}


def record(action: str, event: Event | None = None, by: Account | None = None, **details: Any) -> None:
    """Add an entry to the open transaction.

    Raises ValueError for an action or a detail that is not in `VOCABULARY`.
    """
    if action not in VOCABULARY or set(details) != VOCABULARY[action]:
        raise ValueError(f"not in the vocabulary: {action} {sorted(details)}")
    db.session.add(
        AuditEntry(
            at=clock.now(),
            action=action,
            event_id=event.id if event else None,
            account_id=by.id if by else None,
            details=details,
        )
    )
