"""Seat status of an attendee and its legal moves (domain rule D10)."""

from enum import StrEnum


class Status(StrEnum):
    CONFIRMED = "confirmed"
    PENDING = "pending"
    WAITLISTED = "waitlisted"
    LOTTERY = "lottery"
    OFFERED = "offered"
    DECLINED = "declined"
    LOST = "lost"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


HOLDS_A_SEAT = frozenset({Status.CONFIRMED, Status.PENDING, Status.OFFERED})
ACTIVE = HOLDS_A_SEAT | {Status.WAITLISTED, Status.LOTTERY}

_ENTRY = {Status.CONFIRMED, Status.PENDING, Status.WAITLISTED, Status.LOTTERY}
MOVES: dict[Status | None, frozenset[Status]] = {
    None: frozenset(_ENTRY),
    Status.PENDING: frozenset({Status.CONFIRMED, Status.LOTTERY, Status.DECLINED, Status.CANCELLED}),
    Status.LOTTERY: frozenset({Status.CONFIRMED, Status.WAITLISTED, Status.LOST, Status.CANCELLED}),
    Status.WAITLISTED: frozenset(
        {Status.CONFIRMED, Status.PENDING, Status.OFFERED, Status.LOST, Status.CANCELLED}
    ),
    Status.OFFERED: frozenset({Status.CONFIRMED, Status.EXPIRED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.CANCELLED}),
    Status.CANCELLED: frozenset({Status.CONFIRMED}),
    Status.DECLINED: frozenset(),
    Status.LOST: frozenset(),
    Status.EXPIRED: frozenset(),
}
