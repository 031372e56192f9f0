"""`flask check`: what must be true of the stored data, asked of the database afresh.

Seats within caps, states reached by legal moves, a letter for every registration, messages in a known state. Each
check returns sentences about violations; none means that it holds.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from sqlalchemy import ColumnElement, func, or_, select, true

from eventsite.db import db
from eventsite.models import (
    HOLDS_A_SEAT,
    MOVES,
    Attendee,
    AuditEntry,
    Event,
    Message,
    MessageStatus,
    Registration,
    Status,
    StatusChange,
)
from eventsite.registration import ledger


def run() -> list[str]:
    """Return every violation found, as sentences."""
    return [words for check in CHECKS for words in check()]


def seats_within_caps() -> Iterator[str]:
    """Held seats stay within each cap (D14), but for entries over the limit (D11) and caps lowered since (D16)."""
    for event in db.session.scalars(select(Event)):
        book = ledger.read(event)
        caps: list[tuple[str, int | None, int, ColumnElement[bool]]] = [
            ("the event", event.capacity_total, book.held, true())
        ]
        for category in event.categories:
            held = book.held_in_category.get(category.code, 0)
            caps.append((category.code, category.capacity, held, Attendee.category_id == category.id))
        for mode in event.modes:
            held = book.held_in_mode.get(mode.key, 0)
            caps.append((mode.key, mode.capacity, held, Attendee.participation == mode.key))
        for name, cap, held, own in caps:
            if cap is not None and held > cap and _given_since_caps_changed(event, own):
                yield f"{event.slug}: {held} seats are held in {name}, its cap is {cap}"


def _given_since_caps_changed(event: Event, own: ColumnElement[bool]) -> int:
    """Count the seats under one cap that were given, not over the limit, since a cap of the event was last changed.

    A seat is given when somebody gets one who held none; an approval or an accepted offer gives none.
    """
    changed = db.session.scalar(
        select(func.max(AuditEntry.at)).where(
            AuditEntry.event_id == event.id, AuditEntry.action.in_(["event.changed", "category.changed"])
        )
    )
    holding = [one.value for one in HOLDS_A_SEAT]
    given = (
        select(func.count())
        .select_from(StatusChange)
        .join(Attendee, Attendee.id == StatusChange.attendee_id)
        .where(
            StatusChange.event_id == event.id,
            StatusChange.to_status.in_(holding),
            or_(StatusChange.from_status.is_(None), StatusChange.from_status.not_in(holding)),
            own,
            Attendee.over_limit.is_(False),
        )
    )
    if changed is not None:
        given = given.where(StatusChange.at > changed)
    return db.session.scalar(given) or 0


def states_follow_moves() -> Iterator[str]:
    """The history of each attendee is a chain of legal moves that ends at the present state (D10)."""
    history: dict[int, list[StatusChange]] = {}
    for change in db.session.scalars(select(StatusChange).order_by(StatusChange.id)):
        history.setdefault(change.attendee_id, []).append(change)
    for attendee in db.session.scalars(select(Attendee)):
        changes = history.get(attendee.id, [])
        if not changes or changes[0].from_status is not None or changes[-1].to_status != attendee.status:
            yield f"attendee {attendee.id}: the history does not lead to {attendee.status.value}"
            continue
        for earlier, later in pairwise(changes):
            legal = MOVES[Status(earlier.to_status)]
            if later.from_status != earlier.to_status or Status(later.to_status) not in legal:
                yield f"attendee {attendee.id}: {later.from_status} → {later.to_status} is no legal move"


def registrations_have_letters() -> Iterator[str]:
    """Whoever registered by the site has been written to, in the same transaction."""
    told = select(Message.registration_id).where(Message.registration_id.is_not(None))
    for reference in db.session.scalars(select(Registration.reference).where(Registration.id.not_in(told))):
        yield f"{reference}: no letter was written"


def messages_can_leave() -> Iterator[str]:
    """A message that still has to leave has its bytes; one being sent has a holder."""
    waiting = [MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.HELD]
    empty = select(Message.id).where(Message.status.in_(waiting), Message.mime.is_(None))
    for number in db.session.scalars(empty):
        yield f"message {number}: nothing to send"
    unheld = select(Message.id).where(Message.status == MessageStatus.SENDING, Message.lease_until.is_(None))
    for number in db.session.scalars(unheld):
        yield f"message {number}: being sent by nobody"


def attendees_belong_together() -> Iterator[str]:
    """An attendee's event is that of the registration, and branch numbers begin at 1."""
    rows = db.session.execute(
        select(Attendee.id).join(Attendee.registration).where(Attendee.event_id != Registration.event_id)
    )
    for (number,) in rows:
        yield f"attendee {number}: belongs to another event than its registration"
    empty = (
        select(Registration.reference)
        .outerjoin(Registration.attendees)
        .group_by(Registration.reference)
        .having(func.count(Attendee.id) == 0)
    )
    for reference in db.session.scalars(empty):
        yield f"{reference}: has no attendee"


CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    seats_within_caps,
    states_follow_moves,
    registrations_have_letters,
    messages_can_leave,
    attendees_belong_together,
)
