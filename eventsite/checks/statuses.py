"""Each status was reached by legal moves, and what is kept beside it agrees with it."""

from collections.abc import Iterator
from itertools import pairwise

from sqlalchemy import select

from eventsite.db import db
from eventsite.models import MOVES, Attendee, Status, StatusChange

SETTLED = frozenset({Status.CONFIRMED, Status.OFFERED, Status.LOTTERY})


def states_follow_moves() -> Iterator[str]:
    """The history of each attendee is a chain of legal moves that ends at the present state (D10)."""
    histories = _histories()
    for attendee in db.session.scalars(select(Attendee).order_by(Attendee.id)):
        changes = histories.get(attendee.id, [])
        if not changes or changes[0].from_status is not None or changes[-1].to_status != attendee.status:
            yield f"attendee {attendee.id}: the history does not lead to {attendee.status.value}"
            continue
        for earlier, later in pairwise(changes):
            legal = MOVES[Status(earlier.to_status)]
            if later.from_status != earlier.to_status or Status(later.to_status) not in legal:
                yield f"attendee {attendee.id}: {later.from_status} → {later.to_status} is no legal move"


def states_have_what_they_need() -> Iterator[str]:
    """An offer has its end, a place in line its moment, a lot a draw to come; only who asks can be without a seat."""
    for one in db.session.scalars(select(Attendee).order_by(Attendee.id)):
        for wrong, words in (
            (one.status == Status.OFFERED and one.offer_until is None, "offered a seat without an end"),
            (one.status == Status.WAITLISTED and one.queued_at is None, "waits since no moment"),
            (
                one.status == Status.LOTTERY and not one.category.awaits_draw,
                "waits for a draw that does not come",
            ),
            (
                one.seatless and one.status != Status.PENDING,
                f"{one.status.value}, but holds no seat",
            ),
            (one.status in SETTLED and one.needs_approval, f"{one.status.value} without the approval needed"),
        ):
            if wrong:
                yield f"attendee {one.id}: {words}"


def moments_agree_with_the_history() -> Iterator[str]:
    """Approved and cancelled are those who were, since the moment that the history says (D10, D89)."""
    histories = _histories()
    for one in db.session.scalars(select(Attendee).order_by(Attendee.id)):
        changes = histories.get(one.id, [])
        approved = [change.at for change in changes if change.reason == "approved"]
        if one.approved_at != (approved[-1] if approved else None):
            yield f"attendee {one.id}: approved at another moment than the history says"
        last = changes[-1] if changes and one.status == Status.CANCELLED else None
        if one.cancelled_at != (last.at if last else None):
            yield f"attendee {one.id}: cancelled at another moment than the history says"


def _histories() -> dict[int, list[StatusChange]]:
    histories: dict[int, list[StatusChange]] = {}
    for change in db.session.scalars(select(StatusChange).order_by(StatusChange.id)):
        histories.setdefault(change.attendee_id, []).append(change)
    return histories
