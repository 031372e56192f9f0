"""THE RULE: who gets a seat. Numbers and dates in, an answer or a Refusal out; no database, no clock, no request.

The policy in prose:

1. A category takes registrations from its opening until just before its closing (D29). Capacity 0, of the category, of
   the event or of the way to take part, means: not accepting (D14).
2. A seat needs room in all three: the category, the event as a whole, and, at a hybrid event, the way to take part.
   No cap means room. Seats are held by confirmed, pending and offered attendees only (D10, D14).
3. Attendees of one registration take seats in the order they were entered (D17). Whoever finds room is confirmed, or
   pending where approval is still needed: a pending attendee holds the seat, so that order is kept (D20).
4. Nobody overtakes: while somebody waits for the same kind of seat, a newcomer joins the waitlist even if a seat is
   momentarily free (D18).
5. No room: the waitlist if the category has one, else the registration is refused as a whole. A contact may ask for
   all seats or none (D17).
6. Before the draw of a lottery category everybody accepted is in the lottery, whatever the numbers; there approval
   comes first and a pending attendee holds no seat (D19, D20). After the draw the category is first come.
7. A freed seat goes to the first on the event's list whose category, way to take part and event all have room; the
   others are passed over and keep their place (D21). With promotion by offer the seat is held until the answer, or
   given at once when too little time is left (D22). After the category has closed only the office promotes, by hand,
   and nobody after the start (D23).
8. Only the office passes a cap, by an explicit choice; every seat given so carries the mark (D11).
9. The draw walks the lots in their order: whoever has room is confirmed, the others wait in that order, or have lost
   where there is no waitlist (D19).

Not for reading the numbers from the database: see `ledger`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l

from eventsite import i18n
from eventsite.errors import Refusal
from eventsite.models.status import Status

SHORTEST_OFFER = timedelta(hours=3)
FEW_LEFT = 5
FEW_SHARE = 10


@dataclass(frozen=True)
class CategoryRule:
    """What the organiser set for one category. Instants are aware; `opens_at` None = since publication."""

    code: str
    closes_at: datetime
    opens_at: datetime | None = None
    capacity: int | None = None
    waitlist: bool = True
    awaits_draw: bool = False
    promotion: str = "confirm"
    max_attendees: int = 5


@dataclass(frozen=True)
class EventRule:
    """What holds for the whole event: is it on, when does it start, its own cap and those of its ways to take part."""

    start_at: datetime
    end_at: datetime
    timezone: str = "Asia/Tokyo"
    cancelled: bool = False
    capacity: int | None = None
    modes: Mapping[str, int | None] = field(default_factory=dict)


@dataclass
class Ledger:
    """Caps and held seats of one event, by category code and by way to take part."""

    event: EventRule
    categories: Mapping[str, int | None]
    held: int = 0
    held_in_category: dict[str, int] = field(default_factory=dict)
    held_in_mode: dict[str, int] = field(default_factory=dict)

    def left(self, category: str, mode: str | None = None) -> int | None:
        """Seats left for an attendee of this kind; None = no cap at all. Never below 0 (D16)."""
        rooms = self._rooms(category, mode).values()
        left = [max(cap - held, 0) for cap, held in rooms if cap is not None]
        return min(left) if left else None

    def has_room(self, category: str, mode: str | None = None) -> bool:
        return self.left(category, mode) != 0

    def full(self, category: str, mode: str | None = None) -> str:
        """Return which cap leaves no room: `category-full`, `event-full` or `mode-full`; empty where there is room."""
        rooms = self._rooms(category, mode).items()
        return next((name for name, (cap, held) in rooms if cap is not None and held >= cap), "")

    def copy(self) -> "Ledger":
        """Return a ledger of its own, for asking what would happen."""
        return replace(
            self, held_in_category=dict(self.held_in_category), held_in_mode=dict(self.held_in_mode)
        )

    def hold(self, category: str, mode: str | None = None) -> None:
        self.held += 1
        self.held_in_category[category] = self.held_in_category.get(category, 0) + 1
        if mode is not None:
            self.held_in_mode[mode] = self.held_in_mode.get(mode, 0) + 1

    def accepts(self, category: str, mode: str | None = None) -> bool:
        """False when a cap of 0 says: not accepting (D14)."""
        caps = [self.event.capacity, self.categories.get(category)]
        if mode is not None:
            caps.append(self.event.modes.get(mode))
        return 0 not in caps

    def _rooms(self, category: str, mode: str | None) -> dict[str, tuple[int | None, int]]:
        """Cap and held seats of everything in which an attendee of this kind needs room."""
        rooms = {
            "category-full": (self.categories.get(category), self.held_in_category.get(category, 0)),
            "event-full": (self.event.capacity, self.held),
        }
        if mode is not None:
            rooms["mode-full"] = (self.event.modes.get(mode), self.held_in_mode.get(mode, 0))
        return rooms


@dataclass(frozen=True)
class Applicant:
    """One attendee who asks: the way to take part, whether approval is needed, whether somebody waits already."""

    mode: str | None = None
    needs_approval: bool = False
    behind_others: bool = False


@dataclass(frozen=True)
class Waiting:
    """One attendee on the waitlist. `order` is (time put on the list, lottery rank, reference number, branch)."""

    key: int
    category: str
    mode: str | None
    needs_approval: bool
    order: tuple


@dataclass(frozen=True)
class Promotion:
    key: int
    status: Status
    offer_until: datetime | None = None
    over_limit: bool = False


@dataclass(frozen=True)
class Given:
    """Seats given by the office: the status of each applicant, and who got one beyond a cap."""

    statuses: tuple[Status, ...]
    over_limit: tuple[bool, ...]


def check_open(event: EventRule, category: CategoryRule, now: datetime) -> None:
    """Raise Refusal unless the category takes registrations at `now` (D14, D29)."""
    if event.cancelled:
        raise Refusal("cancelled", _l("このセミナーは中止になりました。"))
    if category.opens_at is not None and now < category.opens_at:
        opens = i18n.lazy_moment(category.opens_at, event.timezone)
        raise Refusal("not-open-yet", _l("この区分の受付は、%(when)sに始まります。", when=opens))
    closes_at = _closing(event, category)
    if closes_at <= now:
        closes = i18n.lazy_deadline(closes_at, event.timezone)
        raise Refusal("closed", _l("この区分の受付は、%(when)sに終了しました。", when=closes))


def check_takes_place(event: EventRule, now: datetime) -> None:
    """Raise Refusal once nobody can take part any more, not even by the office's choice (D11)."""
    if event.cancelled:
        raise Refusal("cancelled", _l("このセミナーは中止になりました。"))
    if event.end_at <= now:
        raise Refusal("closed", _l("このセミナーは終了しました。"))


def check_accepting(event: EventRule, category: CategoryRule) -> None:
    """Raise Refusal if a cap of 0 closes the category whatever the way to take part (D14)."""
    caps = {category.capacity, event.capacity} | (
        {0} if event.modes and set(event.modes.values()) == {0} else set()
    )
    if 0 in caps:
        raise Refusal("closed", _l("この区分は受け付けていません。"))


def decide(
    applicants: Sequence[Applicant], category: CategoryRule, ledger: Ledger, *, all_or_nothing: bool = False
) -> tuple[Status, ...]:
    """Return the status of each applicant, in order; raise Refusal if the registration cannot be taken.

    The ledger is counted up as seats are given, so it tells afterwards what is left.
    """
    if len(applicants) > category.max_attendees:
        words = _l("1回のお申し込みは%(count)s名までです。", count=category.max_attendees)
        raise Refusal("too-many-attendees", words)
    if any(not ledger.accepts(category.code, one.mode) for one in applicants):
        raise Refusal("closed", _l("この区分は受け付けていません。"))
    if category.awaits_draw:
        return tuple(Status.PENDING if one.needs_approval else Status.LOTTERY for one in applicants)
    statuses = tuple(_seat(one, category, ledger) for one in applicants)
    short = statuses.count(Status.WAITLISTED)
    if short and (all_or_nothing or not category.waitlist):
        raise sold_out(len(applicants) - short)
    return statuses


def why_waiting(applicants: Sequence[Applicant], category: CategoryRule, ledger: Ledger) -> tuple[str, ...]:
    """Return for each applicant the reason to wait: which cap is full, or `behind-others`; empty for who need not.

    It walks them as `decide` does and counts the ledger up; so give it a copy from before that.
    """
    return tuple(
        "" if _seat(one, category, ledger) != Status.WAITLISTED else _obstacle(one, category, ledger)
        for one in applicants
    )


def give(applicants: Sequence[Applicant], category: CategoryRule, ledger: Ledger) -> Given:
    """Return what the office gives when it chose to pass deadlines and caps (D11): a seat, or a lot before the draw."""
    if category.awaits_draw:
        drawn = tuple(Status.PENDING if one.needs_approval else Status.LOTTERY for one in applicants)
        return Given(drawn, (False,) * len(drawn))
    over = []
    for one in applicants:
        over.append(not ledger.has_room(category.code, one.mode))
        ledger.hold(category.code, one.mode)
    seated = tuple(Status.PENDING if one.needs_approval else Status.CONFIRMED for one in applicants)
    return Given(seated, tuple(over))


def draw(lots: Sequence[Waiting], category: CategoryRule, ledger: Ledger) -> list[Promotion]:
    """Return what becomes of each lot, in drawn order (D19)."""
    results = []
    for one in lots:
        if ledger.has_room(one.category, one.mode):
            ledger.hold(one.category, one.mode)
            results.append(Promotion(one.key, Status.CONFIRMED))
        else:
            results.append(Promotion(one.key, Status.WAITLISTED if category.waitlist else Status.LOST))
    return results


def sold_out(left: int = 0) -> Refusal:
    """Return the refusal of somebody for whom there is no seat; `left` are those for a part of the group (D17)."""
    if left:
        words = _l("残席は%(count)s名です。人数を減らすか、事務局へお問い合わせください。", count=left)
        return Refusal("sold-out", words)
    return Refusal("sold-out", _l("この区分は満席のため、受け付けできません。"))


def worse(outcome: Sequence[Status], shown: Sequence[Status]) -> bool:
    """True if somebody gets less than the screen had promised (D17); a different number of people is worse, too."""
    rank = {Status.CONFIRMED: 0, Status.PENDING: 1, Status.LOTTERY: 1, Status.WAITLISTED: 2}
    if len(outcome) != len(shown):
        return True
    return any(rank[got] > rank.get(expected, 0) for got, expected in zip(outcome, shown, strict=True))


def promote(
    waiting: Iterable[Waiting],
    rules: Mapping[str, CategoryRule],
    ledger: Ledger,
    now: datetime,
    offer_deadline: datetime,
    *,
    by_hand: bool = False,
    over_limit: bool = False,
) -> list[Promotion]:
    """Return who moves up, in order (D21). `offer_deadline` is when an offer made now would end by its own rule.

    The office promotes `by_hand` after the closing too, and `over_limit` beyond the caps (D11, D23).
    """
    moves = []
    for one in sorted(waiting, key=lambda each: each.order):
        rule = rules[one.category]
        closes_at = _closing(ledger.event, rule)
        room = ledger.has_room(one.category, one.mode)
        if (closes_at <= now and not by_hand) or not (room or over_limit):
            continue
        ledger.hold(one.category, one.mode)
        moves.append(_promotion(one, rule, now, min(offer_deadline, closes_at), over=not room))
    return moves


def seat_state(
    event: EventRule,
    category: CategoryRule,
    ledger: Ledger,
    now: datetime,
    waiting: Collection[str | None] = (),
) -> str:
    """Return the public word for a category as a code (D31), from the same rule that decides.

    One of `past cancelled before closed full waitlist few open`; `waiting` holds the ways to take part (None where
    there is no choice of them) for which somebody waits in the category.
    """
    if event.cancelled:
        return "cancelled"
    if event.end_at <= now:
        return "past"
    try:
        check_open(event, category, now)
    except Refusal as refusal:
        return "before" if refusal.code == "not-open-yet" else "closed"
    modes: list[str | None] = [mode for mode in event.modes or [None] if ledger.accepts(category.code, mode)]
    if not modes:
        return "closed"
    if category.awaits_draw:
        return "open"
    if not any(mode not in waiting and ledger.has_room(category.code, mode) for mode in modes):
        return "waitlist" if category.waitlist else "full"
    return "few" if _few_left(category, ledger) else "open"


def left_in(category: str, ledger: Ledger) -> int | None:
    """Return the seats left in a category over all ways to take part; None = no cap at all."""
    left = ledger.left(category)
    by_mode = [ledger.left(category, mode) for mode in ledger.event.modes or [None]]
    if None in by_mode:
        return left
    together = sum(one for one in by_mode if one is not None)
    return together if left is None else min(left, together)


def _few_left(category: CategoryRule, ledger: Ledger) -> bool:
    left = left_in(category.code, ledger)
    if left is None:
        return False
    caps = [cap for cap in (category.capacity, ledger.event.capacity) if cap is not None]
    return left <= FEW_LEFT or bool(caps and left * FEW_SHARE <= min(caps))


def _seat(applicant: Applicant, category: CategoryRule, ledger: Ledger) -> Status:
    if _obstacle(applicant, category, ledger):
        return Status.WAITLISTED
    ledger.hold(category.code, applicant.mode)
    return Status.PENDING if applicant.needs_approval else Status.CONFIRMED


def _obstacle(applicant: Applicant, category: CategoryRule, ledger: Ledger) -> str:
    """Why the applicant has to wait; empty for one who gets a seat (D14, D18)."""
    return ledger.full(category.code, applicant.mode) or ("behind-others" if applicant.behind_others else "")


def _closing(event: EventRule, category: CategoryRule) -> datetime:
    """Whatever the category says, the start ends it (D23, D29)."""
    return min(category.closes_at, event.start_at)


def _promotion(one: Waiting, rule: CategoryRule, now: datetime, until: datetime, *, over: bool) -> Promotion:
    if one.needs_approval:
        return Promotion(one.key, Status.PENDING, over_limit=over)
    if rule.promotion == "offer" and until - now >= SHORTEST_OFFER:
        return Promotion(one.key, Status.OFFERED, until, over_limit=over)
    return Promotion(one.key, Status.CONFIRMED, over_limit=over)
