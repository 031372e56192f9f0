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
    "event.cancelled": frozenset({"numbers"}),
    "event.reminders_changed": frozenset({"fields"}),
    "mailing.planned": frozenset({"letter", "key"}),
    "mailing.dropped": frozenset({"letter", "key"}),
    "words.changed": frozenset({"letter", "locale"}),
    "words.reset": frozenset({"letter", "locale"}),
    "message.requeued": frozenset({"message"}),
    "attendance.marked": frozenset({"numbers", "attendance"}),
    "mail.held": frozenset(),
    "mail.released": frozenset(),
    "account.invited": frozenset({"account", "role"}),
    "category.created": frozenset({"code"}),
    "category.changed": frozenset({"code", "fields"}),
    "category.removed": frozenset({"code"}),
    "category.list_replaced": frozenset({"code", "rows"}),
    "code.created": frozenset({"category", "code_id"}),
    "code.withdrawn": frozenset({"category", "code_id"}),
    "question.created": frozenset({"key"}),
    "question.changed": frozenset({"key", "fields"}),
    "question.retired": frozenset({"key"}),
    "question.revived": frozenset({"key"}),
    "question.removed": frozenset({"key"}),
    "draw.made": frozenset({"category", "entries", "left_out"}),
    "waitlist.ended": frozenset({"categories", "numbers"}),
    "registration.changed": frozenset({"reference", "fields"}),
    "registration.readdressed": frozenset({"reference"}),
    "registration.sent_again": frozenset({"reference"}),
    "consent.changed": frozenset({"numbers", "kind"}),
    "attendee.changed": frozenset({"numbers", "fields"}),
    "attendee.replaced": frozenset({"numbers"}),
    "attendee.moved": frozenset({"numbers", "before", "after", "over_limit"}),
    "attendee.restored": frozenset({"numbers", "over_limit"}),
    "registration.created": frozenset({"reference", "attendees", "statuses", "source", "over_limit"}),
    "attendee.cancelled": frozenset({"numbers"}),
    "attendee.promoted": frozenset({"numbers", "by_hand", "over_limit"}),
    "attendee.approved": frozenset({"numbers"}),
    "attendee.declined": frozenset({"numbers"}),
    "offer.accepted": frozenset({"numbers"}),
    "offer.expired": frozenset({"numbers"}),
    "roster.downloaded": frozenset({"preset", "format", "encoding", "filter", "rows", "columns"}),
    "account.created": frozenset({"account", "role"}),
    "account.disabled": frozenset({"account"}),
    "account.enabled": frozenset({"account"}),
    "event.person_changed": frozenset({"account", "before", "after"}),
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
