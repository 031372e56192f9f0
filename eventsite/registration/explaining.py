"""The seat ledger that explains itself: the figures under each cap, and what a newcomer would get now and why.

Both come from the function that decides (domain rules D14, D16, D18, D31). Reads, never writes. Not for what became of
each seat: see `history`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Row, func, select

from eventsite import dates, i18n
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.models import (
    HOLDS_A_SEAT,
    Attendee,
    Category,
    Event,
    Status,
)
from eventsite.registration import ledger, seats


@dataclass
class Count:
    """Who stands under one cap. `confirmed`, `pending` and `offered` hold seats, the others none."""

    cap: int | None
    free: int | None = None
    state: str = ""
    confirmed: int = 0
    pending: int = 0
    offered: int = 0
    offered_until: datetime | None = None
    over_limit: int = 0
    seatless: int = 0
    lottery: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None

    @property
    def held(self) -> int:
        return self.confirmed + self.pending + self.offered

    @property
    def room(self) -> int | None:
        """Seats left under this cap alone; `free` respects all caps."""
        return None if self.cap is None else max(self.cap - self.held, 0)

    @property
    def excess(self) -> int:
        """Seats held beyond the cap: 定員超過 (D16)."""
        return 0 if self.cap is None else max(self.held - self.cap, 0)


class Figures(NamedTuple):
    """The counts of the event as a whole, of its categories by code, of its ways to take part by key."""

    event: Count
    categories: dict[str, Count]
    modes: dict[str, Count]


@dataclass(frozen=True)
class Newcomer:
    """What the rule would say now to one attendee more: a status, or a refusal.

    `reason` is why they would wait: which cap is full, or `behind-others`. `looked_at` says that this holds for those
    whose access is proved, as others would wait for approval or be refused.
    """

    category: str
    mode: str | None
    status: Status | None = None
    reason: str = ""
    refusal: Refusal | None = None
    looked_at: bool = False


def figures(event: Event, now: datetime) -> Figures:
    """Count who stands under each cap of an event; what is free and the public word come from the deciding rule.

    A way to take part, and the event, belong to no category: the rule knows no cap for "".
    """
    book = ledger.read(event)
    states = ledger.seat_states([event], now)
    whole = Count(event.capacity_total, book.left(""))
    categories = {
        one.code: Count(one.capacity, seats.left_in(one.code, book), states[event.id, one.id])
        for one in event.categories
    }
    modes = {one.key: Count(one.capacity, book.left("", one.key)) for one in event.modes}
    codes = {one.id: one.code for one in event.categories}
    for row in _counted(event):
        for count in (whole, categories[codes[row.category_id]], modes.get(row.participation)):
            if count is not None:
                _add(count, row)
    return Figures(whole, categories, modes)


def newcomers(event: Event, now: datetime) -> list[Newcomer]:
    """Ask the deciding rule what one more attendee would get now, in each category and way to take part."""
    book = ledger.read(event)
    kinds = ledger.waiting_kinds([event])
    answers = []
    for category in event.categories:
        for mode in book.event.modes or [None]:
            behind = (event.id, category.id, mode) in kinds
            one = seats.Applicant(mode, needs_approval=category.approval == "manual", behind_others=behind)
            answers.append(_answer(event, category, one, book.copy(), now))
    return answers


def sentence(count: Count, zone: str) -> str:
    """Return how the seats under a cap add up: 「60席 = 参加確定 50 + 承認待ち 2 + 空き 8」."""
    if count.cap == 0 and not count.held:
        return _("受け付けていません")
    parts = [_("参加確定 %(count)s", count=count.confirmed)]
    if count.pending:
        parts.append(_("承認待ち %(count)s", count=count.pending))
    if count.offered:
        parts.append(_offered(count, zone))
    if count.cap is None:
        return _("定員なし。%(parts)s", parts=" + ".join(parts))
    if not count.excess:
        parts.append(_("空き %(count)s", count=count.room))
    words = _("%(cap)s席 = %(parts)s", cap=count.cap, parts=" + ".join(parts))
    return words + (_(" − 定員超過 %(count)s名", count=count.excess) if count.excess else "")


def remarks(count: Count, zone: str) -> list[str]:
    """Return what stands beside the seats: who holds none yet, who waits and since when, who came beyond the cap."""
    words = []
    if count.over_limit:
        words.append(_("うち事務局が定員を超えて登録 %(count)s", count=count.over_limit))
    if count.seatless:
        words.append(_("席をまだ取らない承認待ち（抽選の申込） %(count)s", count=count.seatless))
    if count.lottery:
        words.append(_("抽選待ち %(count)s", count=count.lottery))
    if count.waiting and count.waiting_since:
        since = dates.when_short(count.waiting_since, zone, i18n.current())
        words.append(
            _("キャンセル待ち %(count)s（最初の方は%(since)sから）", count=count.waiting, since=since)
        )
    return words


def shortage(category: Count, whole: Count) -> str:
    """Return why a category with room of its own has less to give: the event, or the ways to take part, are full."""
    if category.room == 0 or category.free == category.room or category.free is None:
        return ""
    if category.free:
        words = _(
            "セミナー全体や参加方法の定員により、この区分で席があるのは%(count)s名分です。",
            count=category.free,
        )
    elif whole.free == 0:
        words = _("区分には空きがありますが、セミナー全体が満席です。")
    else:
        words = _("区分には空きがありますが、どの参加方法も満席です。")
    return words


def _offered(count: Count, zone: str) -> str:
    if count.offered_until is None:
        return _("繰上げ案内中 %(count)s", count=count.offered)
    until = dates.deadline(count.offered_until, zone, i18n.current())
    return _("繰上げ案内中 %(count)s（最も早い期限 %(until)s）", count=count.offered, until=until)


def _counted(event: Event) -> Iterable[Row[Any]]:
    kind = (
        Attendee.category_id,
        Attendee.participation,
        Attendee.status,
        Attendee.seatless,
        Attendee.over_limit,
    )
    return db.session.execute(
        select(
            *kind,
            func.count().label("people"),
            func.min(Attendee.offer_until).label("offered_until"),
            func.min(Attendee.queued_at).label("queued_at"),
        )
        .where(Attendee.event_id == event.id)
        .group_by(*kind)
    )


def _add(count: Count, row: Row[Any]) -> None:
    if row.seatless and row.status in HOLDS_A_SEAT:
        count.seatless += row.people
        return
    match row.status:
        case Status.CONFIRMED:
            count.confirmed += row.people
        case Status.PENDING:
            count.pending += row.people
        case Status.OFFERED:
            count.offered += row.people
            count.offered_until = _first(count.offered_until, row.offered_until)
        case Status.WAITLISTED:
            count.waiting += row.people
            count.waiting_since = _first(count.waiting_since, row.queued_at)
        case Status.LOTTERY:
            count.lottery += row.people
    if row.over_limit and row.status in HOLDS_A_SEAT:
        count.over_limit += row.people


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _answer(
    event: Event, category: Category, applicant: seats.Applicant, book: seats.Ledger, now: datetime
) -> Newcomer:
    rule = ledger.category_rule(category)
    looked_at = category.verification != "none" and not applicant.needs_approval
    newcomer = Newcomer(category.code, applicant.mode, looked_at=looked_at)
    try:
        if not event.is_public(now):
            raise Refusal("closed", _l("公開していないため、申し込めません。"))
        seats.check_open(book.event, rule, now)
        (reason,) = seats.why_waiting([applicant], rule, book.copy())
        (status,) = seats.decide([applicant], rule, book)
    except Refusal as refusal:
        return replace(newcomer, refusal=refusal, looked_at=False)
    return replace(newcomer, status=status, reason=reason if status == Status.WAITLISTED else "")
