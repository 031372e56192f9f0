"""Whom a mailing concerns, as a query of registrations; and what each kind of mailing has to say for itself.

Each module with letters to many states its `KINDS`; `mailings` puts them to work.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from eventsite.models import ACTIVE, Attendee, Mailing, Registration, Status


@dataclass(frozen=True)
class Kind:
    """One kind of mailing. `registrations` selects the ids of those it concerns, when it is written.

    `write` stores the letters of one registration in the open transaction, under the event's lock, and returns how many.
    `stands` is asked before each few of them: a mailing that has lost its sense meanwhile is dropped.
    """

    registrations: Callable[[Mailing], Select[int]]
    write: Callable[[Registration, Mailing, datetime], int]
    stands: Callable[[Mailing, datetime], bool] = lambda mailing, now: True


def with_status(event_id: int, statuses: Collection[Status]) -> Select[int]:
    """Select the registrations of an event that have an attendee in one of these statuses."""
    return select(Attendee.registration_id).where(
        Attendee.event_id == event_id, Attendee.status.in_(list(statuses))
    )


def active(mailing: Mailing) -> Select[int]:
    """Everybody who still has something to expect (D72)."""
    return with_status(mailing.event_id, ACTIVE)


def confirmed(mailing: Mailing) -> Select[int]:
    return with_status(mailing.event_id, {Status.CONFIRMED})
