"""The waitlist: who moves up, who is offered a seat and takes it, and how waiting ends (domain rules D21–D23).

Each verb: lock → ask `seats` → write → audit → letter, in one transaction. Every verb that frees a seat calls
`promote` inside its own transaction.
"""

from collections.abc import Sequence
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from eventsite import audit, clock, dates
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters
from eventsite.models import Account, Attendee, Category, Event, EventStatus, Status
from eventsite.registration import ledger, seats
from eventsite.registration.moves import move


def promote(event: Event) -> list[Attendee]:
    """Give free seats to those who wait, in the order of the rule; returns who moved."""
    with transaction():
        lock(event)
        if event.status == EventStatus.CANCELLED:
            return []
        now = clock.now()
        return _give(event, _next(event, ledger.waitlist(event), now), now, None)


def promote_by_hand(
    event: Event, by: Account, chosen: Sequence[Attendee] | None = None, *, over_limit: bool = False
) -> list[Attendee]:
    """Let the office give seats until the start, after the closing too; returns who moved (D23).

    Without `chosen` the free seats go to the first in line. Else to the chosen alone, whoever else waits, as far as
    there is room; with `over_limit` also without room (D11). Raises Refusal `closed` from the start on, `sold-out` if
    nobody could move.
    """
    with transaction():
        lock(event)
        now = clock.now()
        if event.status == EventStatus.CANCELLED or event.start_at <= now:
            raise Refusal("closed", _l("開始時刻を過ぎているため、繰り上げられません。"))
        waiting = ledger.waitlist(event)
        if chosen is not None:
            ids = {one.id for one in chosen}
            waiting = [one for one in waiting if one.key in ids]
        moved = _give(event, _next(event, waiting, now, by_hand=True, over_limit=over_limit), now, by)
        if waiting and not moved:
            raise Refusal("sold-out", _l("空席がないため、繰り上げられません。"))
    return moved


def accept(attendee: Attendee) -> None:
    """Take an offered seat; raises Refusal `closed` once the answer is too late (D22)."""
    event = attendee.registration.event
    with transaction():
        lock(event)
        now = clock.now()
        if attendee.status == Status.CONFIRMED:
            return
        if attendee.status != Status.OFFERED or attendee.offer_until is None or attendee.offer_until <= now:
            raise Refusal("closed", _l("繰上げのご案内の回答期限を過ぎています。"))
        move(attendee, Status.CONFIRMED, "offer-accepted", now, None)
        audit.record("offer.accepted", event, None, numbers=[attendee.number])
        letters.promoted([attendee], now)


def expire_offers(event: Event) -> list[Attendee]:
    """End the offers whose time is over and pass their seats on; returns whose offer ended."""
    with transaction():
        lock(event)
        now = clock.now()
        late = list(
            db.session.scalars(
                select(Attendee).where(
                    Attendee.event_id == event.id,
                    Attendee.status == Status.OFFERED,
                    Attendee.offer_until <= now,
                )
            )
        )
        for one in late:
            move(one, Status.EXPIRED, "no-answer", now, None)
        if late:
            audit.record("offer.expired", event, None, numbers=[one.number for one in late])
            letters.offer_expired(late, now)
            promote(event)
    return late


def end_waiting(event: Event, categories: Sequence[Category], by: Account) -> list[Attendee]:
    """End the waitlists of categories at the office's word: nobody waits there any more, nobody can begin to (D23)."""
    with transaction():
        lock(event)
        now = clock.now()
        for category in categories:
            category.waitlist = False
        ended = _end(_waiting_in(event, {one.id for one in categories}), now, by)
        numbers = [one.number for one in ended]
        audit.record(
            "waitlist.ended", event, by, categories=[one.code for one in categories], numbers=numbers
        )
        if ended and now < event.start_at:
            letters.waitlist_ended(ended, now)
    return ended


def end_at_start(event: Event) -> list[Attendee]:
    """Once the event has begun nobody waits any more; no letter comes that late (D23)."""
    with transaction():
        lock(event)
        now = clock.now()
        if now < event.start_at:
            return []
        codes = {one.id: one.code for one in event.categories}
        ended = _end(_waiting_in(event, set(codes)), now, None)
        if ended:
            where = sorted({codes[one.category_id] for one in ended})
            numbers = [one.number for one in ended]
            audit.record("waitlist.ended", event, None, categories=where, numbers=numbers)
    return ended


def _next(
    event: Event,
    waiting: Sequence[seats.Waiting],
    now: datetime,
    *,
    by_hand: bool = False,
    over_limit: bool = False,
) -> list[seats.Promotion]:
    rules = {one.code: ledger.category_rule(one) for one in event.categories}
    deadline = _offer_deadline(now, event.timezone)
    return seats.promote(
        waiting, rules, ledger.read(event), now, deadline, by_hand=by_hand, over_limit=over_limit
    )


def _give(
    event: Event, promotions: Sequence[seats.Promotion], now: datetime, by: Account | None
) -> list[Attendee]:
    moved = []
    for one in promotions:
        attendee = db.session.get_one(Attendee, one.key)
        move(attendee, one.status, "by-hand" if by else "seat-free", now, by)
        attendee.offer_until = one.offer_until
        attendee.over_limit = one.over_limit
        moved.append(attendee)
    if moved:
        audit.record(
            "attendee.promoted",
            event,
            by,
            numbers=[one.number for one in moved],
            by_hand=by is not None,
            over_limit=any(one.over_limit for one in promotions),
        )
        letters.promoted(moved, now)
    return moved


def _waiting_in(event: Event, categories: set[int]) -> list[Attendee]:
    query = select(Attendee).where(
        Attendee.event_id == event.id,
        Attendee.status == Status.WAITLISTED,
        Attendee.category_id.in_(categories),
    )
    return list(db.session.scalars(query.order_by(Attendee.id)))


def _end(waiting: Sequence[Attendee], now: datetime, by: Account | None) -> list[Attendee]:
    for one in waiting:
        move(one, Status.LOST, "waitlist-ended", now, by)
    return list(waiting)


def _offer_deadline(now: datetime, zone: str) -> datetime:
    """17:00 two business days after today, in the event's zone (D22)."""
    day = dates.add_business_days(dates.in_zone(now, zone).date(), 2)
    return dates.to_instant(datetime(day.year, day.month, day.day, 17), zone)  # noqa: DTZ001 - wall time
