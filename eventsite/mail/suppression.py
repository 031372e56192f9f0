"""Addresses that want no more mail than their registrations need (D72, D78): put down, looked up, taken off again."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from eventsite.db import db, transaction
from eventsite.models import Suppression

BY_LINK = "link"


def suppress(email: str, source: str, now: datetime) -> None:
    """Put an address down; one that is there already stays as it is."""
    with transaction():
        if is_suppressed(email):
            return
        try:
            with db.session.begin_nested():
                db.session.add(Suppression(email=email.casefold(), source=source, at=now))
        except IntegrityError:  # somebody else was quicker
            return


def lift(email: str) -> None:
    """Take an address off: it may be written to again."""
    with transaction():
        db.session.execute(delete(Suppression).where(Suppression.email == email.casefold()))


def is_suppressed(email: str) -> bool:
    return bool(among({email}))


def among(emails: Collection[str]) -> set[str]:
    """Return those of the addresses, case-folded, that are put down."""
    folded = {one.casefold() for one in emails}
    return set(db.session.scalars(select(Suppression.email).where(Suppression.email.in_(folded))))
