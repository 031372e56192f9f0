"""The draw: everybody in the lottery of a category gets a seat, a place in line, or nothing (domain rules D19, D20).

Like every verb: lock → decide → write → audit → letter, in one transaction. Not for the order: that is `lottery`; nor
for who finds a seat in that order: that is `seats.draw`.
"""

from collections.abc import Sequence
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from eventsite import audit, clock, dates, i18n
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters
from eventsite.models import Account, Attendee, Category, Draw, Event, EventStatus, Registration, Status
from eventsite.registration import ledger, lottery, seats, waiting
from eventsite.registration.moves import move
from eventsite.registration.seeds import seed_for

HOUR = 10


def draw(category: Category, by: Account | None) -> Draw:
    """Draw the lottery of a category, once; `by` None = at the set hour. Returns the record of the draw.

    Those who are still pending are left out (D20). Raises Refusal as `check_drawable` does; of two who draw at the
    same moment one is refused.
    """
    event = category.event
    with transaction():
        lock(event)
        now = clock.now()
        check_drawable(category, now, by_hand=by is not None)
        made = seed_for(category)
        lots = _lots(category, made.seed)
        _settle(category, lots, now, by)
        category.drawn_at = made.drawn_at = now
        made.account_id = by.id if by else None
        made.entries = [{"number": one.number, "status": one.status.value} for one in lots]
        made.left_out = count_pending(category)
        audit.record(
            "draw.made", event, by, category=category.code, entries=len(lots), left_out=made.left_out
        )
        if lots:
            letters.drawn(lots, now, ledger.positions(event))
        waiting.promote(event)
    return made


def check_drawable(category: Category, now: datetime, *, by_hand: bool = True) -> None:
    """Raise Refusal unless the category can be drawn at `now`.

    The office may draw from the closing or the set hour on, whichever comes first, and until the event begins; the
    worker (`by_hand` false) from the set hour on.
    """
    event = category.event
    if category.selection != "lottery":
        raise Refusal("invalid", _l("この参加区分は抽選ではありません。"))
    if category.drawn_at is not None:
        raise Refusal("already-submitted", _l("この参加区分の抽選は、すでに終わっています。"))
    if event.status == EventStatus.CANCELLED:
        raise Refusal("cancelled", _l("このセミナーは中止になりました。"))
    if event.start_at <= now:
        raise Refusal("closed", _l("開始時刻を過ぎているため、抽選できません。"))
    if not event.is_public(now):
        raise Refusal("not-open-yet", _l("公開されていないため、抽選できません。"))
    moments = [set_hour(event), category.window[1] if by_hand else None]
    begins = min((one for one in moments if one is not None and one < event.start_at), default=None)
    if begins is None:
        words = _l("受付の終了も抽選日も、開始より前に決まっていません。どちらかを決めると、抽選できます。")
        raise Refusal("not-open-yet", words)
    if now < begins:
        when = i18n.lazy_moment(begins, event.timezone)
        raise Refusal("not-open-yet", _l("抽選できるのは、%(when)sからです。", when=when))


def set_hour(event: Event) -> datetime | None:
    """Return when the lotteries of an event are drawn by themselves: on the set day at 10:00 of its zone."""
    if event.lottery_at is None:
        return None
    day = dates.in_zone(event.lottery_at, event.timezone)
    hour = datetime(day.year, day.month, day.day, HOUR)  # noqa: DTZ001 - wall time
    return dates.to_instant(hour, event.timezone)


def count_pending(category: Category) -> int:
    """Return how many ask for a place in the lottery of a category and still wait for approval (D20)."""
    query = select(func.count()).where(
        Attendee.category_id == category.id, Attendee.status == Status.PENDING, Attendee.seatless.is_(True)
    )
    return db.session.scalar(query) or 0


def _lots(category: Category, seed: str) -> list[Attendee]:
    """Return everybody in the lottery of a category, in drawn order."""
    query = (
        select(Attendee)
        .where(Attendee.category_id == category.id, Attendee.status == Status.LOTTERY)
        .options(joinedload(Attendee.registration).selectinload(Registration.attendees))
    )
    by_number = {one.number: one for one in db.session.scalars(query)}
    return [by_number[number] for number in lottery.order(seed, by_number)]


def _settle(category: Category, lots: Sequence[Attendee], now: datetime, by: Account | None) -> None:
    walk = [
        seats.Waiting(one.id, category.code, one.participation, False, (rank,))
        for rank, one in enumerate(lots, start=1)
    ]
    results = seats.draw(walk, ledger.category_rule(category), ledger.read(category.event))
    for rank, (one, result) in enumerate(zip(lots, results, strict=True), start=1):
        one.lottery_rank = rank
        one.queued_at = now if result.status == Status.WAITLISTED else None
        move(one, result.status, "won" if result.status == Status.CONFIRMED else "not-drawn", now, by)
