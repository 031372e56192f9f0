"""The seed of a lottery: fixed with the first entry, long before anybody can know what it leads to (domain rule D19).

Below the verbs, because registering fixes it and drawing uses it.
"""

import secrets

from sqlalchemy import select

from eventsite import clock
from eventsite.db import db
from eventsite.models import Category, Draw

SEED_BYTES = 16


def seed_for(category: Category) -> Draw:
    """Return the draw of a lottery category; if it has no seed yet, one is fixed in the open transaction.

    To be called under the event's lock, by every verb that lets somebody into the lottery.
    """
    found = draw_of(category)
    if found is None:
        found = Draw(category=category, seed=secrets.token_hex(SEED_BYTES), seeded_at=clock.now(), entries=[])
        db.session.add(found)
        db.session.flush()
    return found


def draw_of(category: Category) -> Draw | None:
    """Return the draw of a category, drawn already or only with its seed; None before the first entry."""
    return db.session.scalar(select(Draw).where(Draw.category_id == category.id))
