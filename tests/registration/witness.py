"""An independent witness: looks at the rows and says, in plain Python, whether a step was right.

It knows the rules from the specification and asks nothing of the product's rule: neither the seats, nor the legal
moves, nor who is next come from there. `test_lives.py` calls it after every step.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from eventsite import clock
from eventsite.db import db
from eventsite.models import Attendee, Event, Message, Registration, StatusChange

HOLDING = {"confirmed", "pending", "offered"}
LEGAL = {
    (None, "confirmed"),
    (None, "pending"),
    (None, "waitlisted"),
    (None, "lottery"),
    ("pending", "confirmed"),
    ("pending", "lottery"),
    ("pending", "declined"),
    ("waitlisted", "confirmed"),
    ("waitlisted", "pending"),
    ("waitlisted", "offered"),
    ("waitlisted", "lost"),
    ("lottery", "confirmed"),
    ("lottery", "waitlisted"),
    ("lottery", "lost"),
    ("offered", "confirmed"),
    ("offered", "expired"),
    ("cancelled", "confirmed"),
    *((one, "cancelled") for one in ("confirmed", "pending", "waitlisted", "lottery", "offered")),
}
FIRST_LETTERS = {"confirmed", "pending", "waitlisted", "lottery"}
LETTERS = {
    ("pending", "confirmed"): {"approved"},
    ("pending", "lottery"): {"lottery"},
    ("pending", "declined"): {"declined"},
    ("waitlisted", "confirmed"): {"promoted"},
    ("waitlisted", "pending"): {"pending"},
    ("waitlisted", "offered"): {"offered"},
    ("waitlisted", "lost"): {"waitlist_ended"},
    ("lottery", "confirmed"): {"won"},
    ("lottery", "waitlisted"): {"won", "lost"},
    ("lottery", "lost"): {"won", "lost"},
    ("offered", "confirmed"): {"promoted"},
    ("offered", "expired"): {"offer_expired"},
    ("cancelled", "confirmed"): {"confirmed"},
}
CANCELLATIONS = {"cancelled", "cancelled_by_office"}
ABOUT_CHANGES = {"changed", "cancelled", *FIRST_LETTERS, "offered"}

Cap = tuple[str, str]


@dataclass(frozen=True)
class Person:
    """One attendee as stored; `seatless` as the witness has seen it come about, not as the product keeps it."""

    id: int
    registration: int
    place: tuple[str, int]
    category: str
    mode: str | None
    status: str
    over_limit: bool
    seatless: bool
    queued_at: datetime | None
    rank: int | None
    offer_until: datetime | None
    addresses: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return self.status in HOLDING and not self.seatless

    @property
    def caps(self) -> list[Cap]:
        """The caps under which this person needs a seat (D14)."""
        under = [("event", ""), ("category", self.category)]
        return [*under, ("mode", self.mode)] if self.mode else under

    @property
    def turn(self) -> tuple[Any, ...]:
        """The order of the waitlist (D21); those who were not drawn come behind those who were."""
        return (self.queued_at, self.rank or 10**9, *self.place)


@dataclass(frozen=True)
class Seen:
    """Everything that the witness saw at one moment."""

    now: datetime
    start: datetime
    caps: Mapping[Cap, int | None] = field(default_factory=dict)
    closes: Mapping[str, datetime] = field(default_factory=dict)
    undrawn: frozenset[str] = frozenset()
    people: Mapping[int, Person] = field(default_factory=dict)
    changes: tuple[Row[Any], ...] = ()
    messages: tuple[Row[Any], ...] = ()

    def held(self, cap: Cap) -> int:
        return sum(one.holds and cap in one.caps for one in self.people.values())

    def has_room(self, one: Person) -> bool:
        return all(limit is None or self.held(cap) < limit for cap in one.caps for limit in [self.caps[cap]])

    def who(self, *statuses: str) -> list[Person]:
        return [one for one in self.people.values() if one.status in statuses]


def look(event: Event, before: Seen) -> Seen:
    """Read the rows afresh. Whoever asked while a draw was to come holds no seat until the answer (D20)."""
    db.session.rollback()
    start = event.start_at
    undrawn = frozenset(
        one.code for one in event.categories if one.selection == "lottery" and one.drawn_at is None
    )
    caps: dict[Cap, int | None] = {("event", ""): event.capacity_total}
    caps |= {("category", one.code): one.capacity for one in event.categories}
    caps |= {("mode", one.key): one.capacity for one in event.modes}
    codes = {one.id: one.code for one in event.categories}
    people = {}
    for attendee, registration in db.session.execute(
        select(Attendee, Registration).join(Attendee.registration).order_by(Attendee.id)
    ):
        known = before.people.get(attendee.id)
        category = codes[attendee.category_id]
        asked_before_the_draw = known.seatless if known else category in undrawn
        people[attendee.id] = Person(
            id=attendee.id,
            registration=registration.id,
            place=(registration.reference, attendee.branch),
            category=category,
            mode=attendee.participation,
            status=attendee.status.value,
            over_limit=attendee.over_limit,
            seatless=attendee.status.value == "pending" and asked_before_the_draw,
            queued_at=attendee.queued_at,
            rank=attendee.lottery_rank,
            offer_until=attendee.offer_until,
            addresses=tuple(one for one in (registration.contact_email, attendee.email) if one),
        )
    return Seen(
        now=clock.now(),
        start=start,
        caps=caps,
        closes={one.code: min(one.closes_at or event.closes_at or start, start) for one in event.categories},
        undrawn=undrawn,
        people=people,
        changes=_rows(StatusChange, "attendee_id", "from_status", "to_status", "reason", "at", "account_id"),
        messages=_rows(Message, "registration_id", "letter", "recipient"),
    )


def faults(before: Seen, after: Seen, *, by_choice: bool, details: bool) -> Iterator[str]:
    """Yield what was wrong with the step between two looks.

    `by_choice`: the office chose whom to seat, past those who wait (D11, D23). `details`: who comes, or in which
    category, was changed, and letters told of that.
    """
    yield from _oversold(before, after)
    yield from _left_lying(after)
    yield from _misplaced(before, after)
    yield from _promoted_too_late(before, after)
    if not by_choice:
        yield from _let_in(before, after)
        yield from _overtaken(before, after)
    yield from _histories(before, after)
    yield from _letters(before, after, details=details)


def _rows(table: Any, *names: str) -> tuple[Row[Any], ...]:
    columns = [getattr(table, name) for name in names]
    return tuple(db.session.execute(select(*columns).order_by(table.id)))


def _oversold(before: Seen, after: Seen) -> Iterator[str]:
    """Whoever newly holds a seat under a cap found room there, but for those over the limit (D11, D14, D16)."""
    for cap, limit in after.caps.items():
        taken = [one for one in after.people.values() if one.holds and cap in one.caps]
        new = [one for one in taken if not _held_under(before, one, cap)]
        within = [one for one in new if not one.over_limit]
        if limit is not None and within and len(taken) - (len(new) - len(within)) > limit:
            yield f"{cap}: {within} got seats, {len(taken)} are held, the cap is {limit}"


def _held_under(before: Seen, one: Person, cap: Cap) -> bool:
    known = before.people.get(one.id)
    return known is not None and known.holds and cap in known.caps


def _left_lying(after: Seen) -> Iterator[str]:
    """Nobody waits beside a free seat, until the category closes (D21, D23)."""
    for one in after.who("waitlisted"):
        may = after.now < after.closes[one.category] and one.category not in after.undrawn
        if may and after.has_room(one):
            yield f"{one} waits while a seat is free"


def _misplaced(before: Seen, after: Seen) -> Iterator[str]:
    """A place on the waitlist is kept, but for those moved elsewhere: they go to that list's end (D11, D21)."""
    for one in after.who("waitlisted"):
        known = before.people.get(one.id)
        stays = known is not None and (known.status, known.category) == ("waitlisted", one.category)
        if one.queued_at != (known.queued_at if known and stays else after.now):
            yield f"{one} has another place than {known}"


def _promoted_too_late(before: Seen, after: Seen) -> Iterator[str]:
    """After the closing nobody gets a seat from the waitlist, but by the hand of the office (D23)."""
    for change in after.changes[len(before.changes) :]:
        late = after.now >= after.closes[after.people[change.attendee_id].category]
        if (
            late
            and change.from_status == "waitlisted"
            and change.to_status in HOLDING
            and not change.account_id
        ):
            yield f"attendee {change.attendee_id} was promoted after the closing"


def _let_in(before: Seen, after: Seen) -> Iterator[str]:
    """Nobody comes in where nobody is taken: after the closing, or where a cap is 0 (D14, D29)."""
    for one in after.people.values():
        shut = after.now >= after.closes[one.category] or 0 in [after.caps[cap] for cap in one.caps]
        if shut and one.id not in before.people:
            yield f"{one} was let in where it is closed"


def _overtaken(before: Seen, after: Seen) -> Iterator[str]:
    """Whoever gets a seat was not behind somebody who goes on waiting for one of the same kind (D18, D21)."""
    for one in after.people.values():
        known = before.people.get(one.id)
        if not one.holds or (known and known.holds):
            continue
        for other in after.who("waitlisted"):
            same = (other.category, other.mode) == (one.category, one.mode)
            waited = other.id in before.people and before.people[other.id].status == "waitlisted"
            behind = known is None or known.status != "waitlisted" or other.turn < known.turn
            if same and waited and behind:
                yield f"{one} got a seat before {other}"


def _histories(before: Seen, after: Seen) -> Iterator[str]:
    """Rows are only added, each a legal move from where the last one led, with who was there still there (D10)."""
    if after.changes[: len(before.changes)] != before.changes:
        yield "the history of before is another one"
    if not before.people.keys() <= after.people.keys():
        yield "somebody has vanished"
    last: dict[int, str] = {}
    for change in after.changes:
        if last.get(change.attendee_id) != change.from_status:
            was = last.get(change.attendee_id)
            yield f"attendee {change.attendee_id} came from {change.from_status}, was {was}"
        if (change.from_status, change.to_status) not in LEGAL:
            yield f"attendee {change.attendee_id}: {change.from_status} → {change.to_status}"
        if change.from_status == "offered" and change.at == after.now and not _in_time(before, change):
            yield f"attendee {change.attendee_id}: {change.to_status} at the wrong time"
        last[change.attendee_id] = change.to_status
    stored = {one.id: one.status for one in after.people.values()}
    if last != stored:
        yield f"histories lead to {last}, stored are {stored}"


def _in_time(before: Seen, change: Row[Any]) -> bool:
    """An offer is taken before it ends, and ends no sooner (D22)."""
    until = before.people[change.attendee_id].offer_until
    over = until is not None and until <= change.at
    return over == (change.to_status == "expired") or change.to_status == "cancelled"


def _letters(before: Seen, after: Seen, *, details: bool) -> Iterator[str]:
    """Each news goes to everybody whom it concerns, once, and no letter comes without news (D10, D66)."""
    news = after.changes[len(before.changes) :]
    sent = after.messages[len(before.messages) :]
    wanted: set[tuple[int, str, str]] = set()
    for change in news:
        one = after.people[change.attendee_id]
        if change.reason == "waitlist-ended" and after.now >= after.start:
            continue
        names = _names(change)
        got = {
            (one.registration, message.letter, message.recipient)
            for message in sent
            if message.registration_id == one.registration and message.letter in names
        }
        for address in one.addresses:
            if address not in {recipient for _, _, recipient in got}:
                yield f"{address} was not told of {change.from_status} → {change.to_status}: {one}"
        wanted |= got
    often = Counter((one.registration_id, one.letter, one.recipient) for one in sent)
    for letter, count in often.items():
        if count > 1 and letter[1] != "offer_expired":
            yield f"{letter} was written {count} times"
        if letter not in wanted and not (details and letter[1] in ABOUT_CHANGES):
            yield f"{letter} was written without news"


def _names(change: Row[Any]) -> set[str]:
    if change.from_status is None:
        return FIRST_LETTERS
    if change.to_status == "cancelled":
        return CANCELLATIONS
    return LETTERS[change.from_status, change.to_status]
