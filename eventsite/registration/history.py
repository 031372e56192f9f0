"""The history of the seats of an event: every step of every attendee, and the lines whose sum is what is held.

Each line takes a seat, gives one back, or leaves the number as it is, and says by what reason and by whom (domain rules
D10, D11, D16). Reads, never writes. Not for words: see `web.organiser.seats`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from eventsite.db import db
from eventsite.models import (
    HOLDS_A_SEAT,
    Account,
    Attendee,
    AuditEntry,
    Category,
    Event,
    Registration,
    Revision,
    Status,
    StatusChange,
)

OF_THE_PUBLIC = frozenset(
    {
        "registered",
        "category-full",
        "event-full",
        "mode-full",
        "behind-others",
        "by-attendee",
        "offer-accepted",
        "address-corrected",
    }
)
CAPS_OF_THE_EVENT = frozenset({"capacity_total", "modes"})


class CapChange(NamedTuple):
    """Caps were changed: of a category, or, with "", of the event or its ways to take part."""

    at: datetime
    category: str
    account: str


class Step(NamedTuple):
    """One step of an attendee: from a status in a category to a status in a category, with a seat or without."""

    at: datetime
    rank: int
    id: int
    event_id: int
    attendee_id: int
    number: str
    before: Status | None
    after: Status
    was_in: str
    is_in: str
    held: bool
    holds: bool
    reason: str
    account: str | None
    over_limit: bool = False

    @property
    def takes(self) -> bool:
        """True if the step takes a seat that the attendee did not have."""
        return self.holds and not (self.held and self.was_in == self.is_in)


@dataclass(frozen=True)
class Line:
    """One line of the ledger; without `step` it is a change of caps, which takes no seat and gives none back.

    `account` is the name of the member of staff who did it, "" = the public or a rule.
    """

    at: datetime
    effect: int
    total: int
    account: str
    step: Step | None = None

    @property
    def by_rule(self) -> bool:
        """True if nobody did it: the rule itself."""
        return self.step is not None and not self.account and self.step.reason not in OF_THE_PUBLIC


def lines(event: Event) -> dict[str, list[Line]]:
    """Return the lines of an event by category code, "" = of the event as a whole, each with its running total.

    The last total is what is held.
    """
    steps = history([event.id])
    changes = _cap_changes(event)
    return {code: _lines(code, steps, changes) for code in ["", *(one.code for one in event.categories)]}


def history(event_ids: Collection[int]) -> list[Step]:
    """Return every step of the attendees of events, in order of time; two queries, whatever their number."""
    moves: dict[int, list[Row[Any]]] = {}
    for row in db.session.execute(_moves(event_ids)):
        if "category" in row.before and "category" in row.after:
            moves.setdefault(row.attendee_id, []).append(row)
    steps: list[Step] = []
    changes = db.session.execute(_changes(event_ids))
    for attendee_id, own in groupby(changes, key=lambda row: row.attendee_id):
        steps += _walk(list(own), moves.get(attendee_id, []))
    return sorted(steps, key=lambda step: step[:3])


def _lines(code: str, steps: Sequence[Step], changes: Sequence[CapChange]) -> list[Line]:
    """The lines of one category, or of the event; a move between categories leaves the event's number as it is."""
    own: list[tuple[datetime, int, str, Step | None]] = [
        (one.at, 0, one.account, None) for one in changes if code in {"", one.category} or not one.category
    ]
    for step in steps:
        gives = step.held and code in {"", step.was_in}
        takes = step.holds and code in {"", step.is_in}
        if code in {"", step.was_in, step.is_in}:
            own.append((step.at, takes - gives, step.account or "", step))
    total = 0
    lines = []
    for at, effect, account, cause in sorted(own, key=lambda one: one[0]):
        total += effect
        lines.append(Line(at, effect, total, account, cause))
    return lines


def _changes(event_ids: Collection[int]) -> Any:
    return (
        select(
            StatusChange.id,
            StatusChange.event_id,
            StatusChange.attendee_id,
            StatusChange.from_status,
            StatusChange.to_status,
            StatusChange.reason,
            StatusChange.at,
            Account.name.label("account"),
            Registration.reference,
            Attendee.branch,
            Attendee.seatless,
            Attendee.over_limit,
            Category.code,
            Category.selection,
            Category.drawn_at,
        )
        .join(Attendee, Attendee.id == StatusChange.attendee_id)
        .join(Registration, Registration.id == Attendee.registration_id)
        .join(Category, Category.id == Attendee.category_id)
        .outerjoin(Account, Account.id == StatusChange.account_id)
        .where(StatusChange.event_id.in_(event_ids))
        .order_by(StatusChange.attendee_id, StatusChange.id)
    )


def _moves(event_ids: Collection[int]) -> Any:
    """Moves between categories (D11): `before` and `after` hold the codes under `category`."""
    return (
        select(
            Revision.id,
            Revision.attendee_id,
            Revision.before,
            Revision.after,
            Revision.at,
            Account.name.label("account"),
        )
        .join(Attendee, Attendee.id == Revision.attendee_id)
        .outerjoin(Account, Account.id == Revision.account_id)
        .where(Attendee.event_id.in_(event_ids), Revision.kind == "moved")
        .order_by(Revision.id)
    )


def _walk(changes: Sequence[Row[Any]], moves: Sequence[Row[Any]]) -> list[Step]:
    """Follow one attendee through statuses and categories; a move stands before the change that it led to."""
    now = changes[0]
    is_in = moves[0].before["category"] if moves else now.code
    rows = sorted([*((one.at, 1, one) for one in changes), *((one.at, 0, one) for one in moves)], key=_place)
    status: Status | None = None
    holds = False
    steps: list[Step] = []
    for place, (at, rank, row) in enumerate(rows, start=1):
        before, was_in, held = status, is_in, holds
        if rank:
            status = Status(row.to_status)
        else:
            is_in = row.after["category"]
        if status is None:
            continue
        holds = status in HOLDS_A_SEAT and not _is_seatless(status, now, at, last=place == len(rows))
        steps.append(
            Step(
                at=at,
                rank=rank,
                id=row.id,
                event_id=now.event_id,
                attendee_id=now.attendee_id,
                number=f"{now.reference}-{now.branch}",
                before=before,
                after=status,
                was_in=was_in,
                is_in=is_in,
                held=held,
                holds=holds,
                reason=row.reason if rank else "moved",
                account=row.account,
            )
        )
    return _with_choice(steps) if now.over_limit else steps


def _place(entry: tuple[datetime, int, Row[Any]]) -> tuple[bool, datetime, int, int]:
    """Whoever is moved came into being before."""
    at, rank, row = entry
    came = rank == 1 and row.from_status is None
    return not came, at, rank, row.id


def _is_seatless(status: Status, now: Row[Any], at: datetime, *, last: bool) -> bool:
    """Before the draw pending holds no seat (D20): what is so now stands in the row, what was so follows from the draw."""
    if last or status != Status.PENDING:
        return bool(now.seatless)
    return now.selection == "lottery" and (now.drawn_at is None or at < now.drawn_at)


def _with_choice(steps: list[Step]) -> list[Step]:
    """The mark of D11 is of the seat that the attendee took last."""
    place = max((place for place, step in enumerate(steps) if step.takes), default=None)
    return [step._replace(over_limit=number == place) for number, step in enumerate(steps)]


def _cap_changes(event: Event) -> list[CapChange]:
    rows = db.session.execute(
        select(AuditEntry.at, AuditEntry.action, AuditEntry.details, Account.name)
        .outerjoin(Account, Account.id == AuditEntry.account_id)
        .where(AuditEntry.event_id == event.id, AuditEntry.action.in_(["event.changed", "category.changed"]))
        .order_by(AuditEntry.at, AuditEntry.id)
    )
    found = []
    for at, action, details, name in rows:
        fields = set(details["fields"])
        if action == "event.changed" and fields & CAPS_OF_THE_EVENT:
            found.append(CapChange(at, "", name or ""))
        if action == "category.changed" and "capacity" in fields:
            found.append(CapChange(at, details["code"], name or ""))
    return found
