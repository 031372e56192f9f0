"""Who may do what: roles → permissions, one table (domain rule D79).

An admin may do everything. Everybody else acts on an event only through what the account is for that event; whoever
is nothing for it must not even learn that it exists, so doors answer 404.
"""

from sqlalchemy import select

from eventsite.db import db
from eventsite.models import Account, Event, EventRole

PERMISSIONS: dict[str, frozenset[str]] = {
    "organiser": frozenset(
        {"see", "edit", "publish", "approve", "manage_attendees", "see_roster", "download_roster"}
    ),
    "staff": frozenset({"see", "see_roster", "download_roster"}),
    "viewer": frozenset({"see"}),
}
CREATORS = frozenset({"admin", "organiser"})


def is_admin(account: Account) -> bool:
    return any(role.name == "admin" for role in account.roles)


def may_create(account: Account) -> bool:
    """May the account put up new events?"""
    return any(role.name in CREATORS for role in account.roles)


def may(account: Account, verb: str, event: Event) -> bool:
    """May the account do this to this event? Verbs are those of `PERMISSIONS`."""
    if is_admin(account):
        return True
    role = db.session.scalar(
        select(EventRole.role).where(EventRole.event_id == event.id, EventRole.account_id == account.id)
    )
    return role is not None and verb in PERMISSIONS[role]


def visible_event_ids(account: Account) -> set[int] | None:
    """Return the ids of the events that the account is something for; None = all of them."""
    if is_admin(account):
        return None
    rows = db.session.scalars(select(EventRole.event_id).where(EventRole.account_id == account.id))
    return set(rows)
