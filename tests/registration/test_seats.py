"""The seat rule, sentence by sentence: numbers and dates in, an answer or a refusal out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsite.errors import Refusal
from eventsite.models.status import Status
from eventsite.registration import seats
from eventsite.registration.seats import Applicant, CategoryRule, EventRule, Ledger, Promotion, Waiting

NOW = datetime(2025, 12, 19, 2, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
END = START + timedelta(minutes=90)
CLOSING = datetime(2025, 12, 23, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LATER = NOW + timedelta(days=4)

CONFIRMED, PENDING, WAITLISTED = Status.CONFIRMED, Status.PENDING, Status.WAITLISTED
LOTTERY, OFFERED, LOST = Status.LOTTERY, Status.OFFERED, Status.LOST
EVENT = EventRule(START, END)
TOWNS = CategoryRule("local_gov", CLOSING)
COMPANIES = CategoryRule("company", CLOSING)
ONE = Applicant()
ASKS_FIRST = Applicant(needs_approval=True)
BEHIND = Applicant(behind_others=True)
VENUE = Applicant(mode="venue")


def a_ledger(
    caps: tuple[int | None, int | None] = (None, None),
    held: tuple[int, int] = (0, 0),
    venue: tuple[int | None, int] | None = None,
    **modes: int | None,
) -> Ledger:
    """Caps and held seats as (event, category); `venue` is (cap, held) of one way to take part."""
    ways = {"venue": venue[0], **modes} if venue else modes
    return Ledger(
        replace(EVENT, capacity=caps[0], modes=ways),
        {"local_gov": caps[1]},
        held=held[0],
        held_in_category={"local_gov": held[1]},
        held_in_mode={"venue": venue[1]} if venue else {},
    )


def decided(
    applicants: Sequence[Applicant], book: Ledger, rule: CategoryRule = TOWNS, **how: bool
) -> tuple[Status, ...] | str:
    """What the rule says: the statuses, or the code of its refusal."""
    try:
        return seats.decide(applicants, rule, book, **how)
    except Refusal as refusal:
        return refusal.code


class TestOpening:
    """Sentence 1 and D29: open from the opening until just before the closing."""

    @pytest.mark.parametrize(
        ("opens", "moment", "expected"),
        [
            pytest.param(None, NOW, None, id="without an opening it is open"),
            pytest.param(NOW + SECOND, NOW, "not-open-yet", id="a second before the opening"),
            pytest.param(NOW, NOW, None, id="at the opening"),
            pytest.param(None, CLOSING - SECOND, None, id="a second before the closing (16:59:59)"),
            pytest.param(None, CLOSING, "closed", id="at the closing (17:00:00)"),
            pytest.param(None, CLOSING + SECOND, "closed", id="a second after the closing"),
            pytest.param(CLOSING + HOUR, CLOSING + HOUR, "closed", id="opening after closing is closed"),
        ],
    )
    def test_to_the_second(self, opens: datetime | None, moment: datetime, expected: str | None) -> None:
        rule = replace(TOWNS, opens_at=opens)
        assert self.refusal(EVENT, rule, moment) == expected

    @pytest.mark.parametrize(
        ("event", "moment", "expected"),
        [
            pytest.param(EVENT, START - SECOND, None, id="until the start"),
            pytest.param(EVENT, START, "closed", id="never after the start, whatever the closing says"),
            pytest.param(replace(EVENT, cancelled=True), NOW, "cancelled", id="not when cancelled"),
        ],
    )
    def test_the_event_goes_before(self, event: EventRule, moment: datetime, expected: str | None) -> None:
        late = replace(TOWNS, closes_at=START + HOUR)
        assert self.refusal(event, late, moment) == expected

    def test_words_name_the_moment(self, app) -> None:
        with app.test_request_context(), pytest.raises(Refusal) as closed:
            seats.check_open(EVENT, TOWNS, CLOSING)
        assert str(closed.value.words) == "この区分の受付は、12月23日（火）17:00に終了しました。"
        with app.test_request_context(), pytest.raises(Refusal) as early:
            seats.check_open(EVENT, replace(TOWNS, opens_at=NOW + HOUR), NOW)
        assert str(early.value.words) == "この区分の受付は、12月19日（金）12:00に始まります。"

    def refusal(self, event: EventRule, rule: CategoryRule, moment: datetime) -> str | None:
        try:
            seats.check_open(event, rule, moment)
        except Refusal as refusal:
            return refusal.code
        return None


class TestCapacity:
    """Sentences 1, 2 and 5: null, 0 and n, in the category, the event and the way to take part (D14)."""

    @pytest.mark.parametrize(
        ("book", "mode", "expected"),
        [
            pytest.param(a_ledger((None, None), (500, 500)), None, (CONFIRMED,), id="null null - 500/500"),
            pytest.param(a_ledger((None, 0)), None, "closed", id="null 0 - 0/0"),
            pytest.param(
                a_ledger((100, 60), (50, 40), (30, 30)), "venue", (WAITLISTED,), id="100 60 30 full"
            ),
            pytest.param(a_ledger((100, 60), (50, 40), (30, 29)), "venue", (CONFIRMED,), id="100 60 30 room"),
            pytest.param(a_ledger((3, 2), (3, 1)), None, (WAITLISTED,), id="3 2 - 3/1 event full"),
            pytest.param(a_ledger((0, None)), None, "closed", id="event 0"),
            pytest.param(a_ledger((None, None), venue=(0, 0)), "venue", "closed", id="mode 0"),
            pytest.param(
                a_ledger((None, None), venue=(0, 0), online=None), "online", (CONFIRMED,), id="other mode 0"
            ),
            pytest.param(a_ledger((None, 60), (40, 40), (None, 40)), "venue", (CONFIRMED,), id="mode null"),
            pytest.param(a_ledger((2, None), (2, 2)), None, (WAITLISTED,), id="event alone has a cap"),
            pytest.param(a_ledger((None, 1), (9, 1)), None, (WAITLISTED,), id="category alone has a cap"),
        ],
    )
    def test_the_table(self, book: Ledger, mode: str | None, expected: tuple[Status, ...] | str) -> None:
        assert decided([Applicant(mode=mode)], book) == expected

    def test_110_80_109_79_confirms_one_and_lets_the_next_wait(self) -> None:
        book = a_ledger((110, 80), (109, 79))
        assert decided([ONE], book) == (CONFIRMED,)
        assert decided([ONE], book) == (WAITLISTED,)

    @pytest.mark.parametrize(
        ("book", "mode", "left"),
        [
            pytest.param(a_ledger(), None, None, id="no cap"),
            pytest.param(a_ledger((10, 5), (4, 3)), None, 2, id="the category is the narrowest"),
            pytest.param(a_ledger((10, 9), (8, 3)), None, 2, id="the event is the narrowest"),
            pytest.param(a_ledger((10, 9), (3, 3), (4, 3)), "venue", 1, id="the way is the narrowest"),
            pytest.param(a_ledger((10, 9), (3, 3), (4, 3)), None, 6, id="the way not asked for"),
            pytest.param(a_ledger((10, 2), (5, 5)), None, 0, id="a lowered cap is never below 0 (D16)"),
        ],
    )
    def test_what_is_left(self, book: Ledger, mode: str | None, left: int | None) -> None:
        assert book.left("local_gov", mode) == left

    @pytest.mark.parametrize(
        ("event", "category", "modes", "accepts"),
        [
            pytest.param(None, None, {}, True, id="no caps"),
            pytest.param(0, None, {}, False, id="event 0"),
            pytest.param(None, 0, {}, False, id="category 0"),
            pytest.param(None, None, {"venue": 0, "online": 0}, False, id="both ways 0"),
            pytest.param(None, None, {"venue": 0, "online": 5}, True, id="one way 0"),
            pytest.param(5, 5, {"venue": None}, True, id="caps above 0"),
        ],
    )
    def test_the_form_is_there(
        self, event: int | None, category: int | None, modes: dict[str, int | None], accepts: bool
    ) -> None:
        whole, rule = replace(EVENT, capacity=event, modes=modes), replace(TOWNS, capacity=category)
        if accepts:
            seats.check_accepting(whole, rule)
        else:
            with pytest.raises(Refusal) as refused:
                seats.check_accepting(whole, rule)
            assert refused.value.code == "closed"

    def test_a_refused_registration_of_two_ways_takes_nobody(self) -> None:
        book = a_ledger(venue=(0, 0), online=None)
        assert decided([Applicant(mode="online"), Applicant(mode="venue")], book) == "closed"


class TestGroups:
    """Sentences 3 and 5: in the order entered; all or nothing; no waitlist (D17)."""

    @pytest.mark.parametrize(
        ("count", "free", "how", "waitlist", "expected"),
        [
            pytest.param(3, 3, {}, True, (CONFIRMED,) * 3, id="room for all"),
            pytest.param(3, 2, {}, True, (CONFIRMED, CONFIRMED, WAITLISTED), id="3 people, 2 seats"),
            pytest.param(3, 0, {}, True, (WAITLISTED,) * 3, id="no seat: all wait"),
            pytest.param(3, 2, {"all_or_nothing": True}, True, "sold-out", id="all or nothing, 2 seats"),
            pytest.param(
                3, 3, {"all_or_nothing": True}, True, (CONFIRMED,) * 3, id="all or nothing, 3 seats"
            ),
            pytest.param(3, 2, {}, False, "sold-out", id="no waitlist, 2 seats"),
            pytest.param(1, 0, {}, False, "sold-out", id="no waitlist, full"),
            pytest.param(2, 2, {}, False, (CONFIRMED,) * 2, id="no waitlist, room"),
            pytest.param(5, 9, {}, True, (CONFIRMED,) * 5, id="as many as allowed"),
            pytest.param(6, 9, {}, True, "too-many-attendees", id="one too many"),
        ],
    )
    def test_outcomes(
        self,
        count: int,
        free: int,
        how: dict[str, bool],
        waitlist: bool,
        expected: tuple[Status, ...] | str,
    ) -> None:
        book = a_ledger((None, 10), (10 - free, 10 - free))
        assert decided([ONE] * count, book, replace(TOWNS, waitlist=waitlist), **how) == expected

    @pytest.mark.parametrize(
        ("free", "words"),
        [
            (2, "残席は2名です。人数を減らすか、事務局へお問い合わせください。"),
            (0, "この区分は満席のため、受け付けできません。"),
        ],
    )
    def test_words_say_how_many_are_left(self, app, free: int, words: str) -> None:
        book = a_ledger((None, 10), (10 - free, 10 - free))
        with app.test_request_context(), pytest.raises(Refusal) as refused:
            seats.decide([ONE] * 3, replace(TOWNS, waitlist=False), book)
        assert str(refused.value.words) == words

    def test_each_takes_the_seat_of_the_own_way(self) -> None:
        book = a_ledger((None, 10), venue=(1, 0), online=None)
        group = [Applicant(mode=mode) for mode in ("venue", "venue", "online")]
        assert decided(group, book) == (CONFIRMED, WAITLISTED, CONFIRMED)
        assert (book.held, book.held_in_mode) == (2, {"venue": 1, "online": 1})

    @pytest.mark.parametrize(
        ("outcome", "shown", "worse"),
        [
            pytest.param([CONFIRMED], [CONFIRMED], False, id="as shown"),
            pytest.param([WAITLISTED], [CONFIRMED], True, id="waits instead of coming"),
            pytest.param([PENDING], [CONFIRMED], True, id="has to be approved now"),
            pytest.param([LOTTERY], [CONFIRMED], True, id="has to be drawn now"),
            pytest.param([WAITLISTED], [PENDING], True, id="waits instead of pending"),
            pytest.param([CONFIRMED], [WAITLISTED], False, id="better than shown"),
            pytest.param([PENDING], [WAITLISTED], False, id="pending is better than waiting"),
            pytest.param([CONFIRMED, WAITLISTED], [CONFIRMED, CONFIRMED], True, id="one of two waits"),
            pytest.param([CONFIRMED, CONFIRMED], [CONFIRMED], True, id="more people than shown"),
            pytest.param([CONFIRMED], [], True, id="nothing was shown"),
            pytest.param([WAITLISTED], [OFFERED], True, id="a word that nobody is shown counts as the best"),
        ],
    )
    def test_worse_than_the_screen_said(
        self, outcome: list[Status], shown: list[Status], worse: bool
    ) -> None:
        assert seats.worse(outcome, shown) is worse


class TestOrderOfArrival:
    """Sentences 3, 4 and 6: approval keeps the order, nobody overtakes, the draw comes first (D18-D20)."""

    @pytest.mark.parametrize(
        ("applicants", "free", "expected"),
        [
            pytest.param([ASKS_FIRST], 1, (PENDING,), id="manual holds a seat"),
            pytest.param([ASKS_FIRST], 0, (WAITLISTED,), id="manual with no seat left waits"),
            pytest.param([ASKS_FIRST, ONE], 1, (PENDING, WAITLISTED), id="a pending one keeps the order"),
            pytest.param([BEHIND], 1, (WAITLISTED,), id="somebody waits: no overtaking"),
            pytest.param([Applicant(needs_approval=True, behind_others=True)], 1, (WAITLISTED,), id="nor so"),
            pytest.param([BEHIND, ONE], 1, (WAITLISTED, CONFIRMED), id="each way has its own queue"),
        ],
    )
    def test_first_come(self, applicants: list[Applicant], free: int, expected: tuple[Status, ...]) -> None:
        assert decided(applicants, a_ledger((None, 5), (5 - free, 5 - free))) == expected

    def test_no_overtaking_without_a_waitlist_is_a_refusal(self) -> None:
        rule = replace(TOWNS, waitlist=False)
        assert decided([BEHIND], a_ledger((None, 5)), rule) == "sold-out"

    @pytest.mark.parametrize(
        ("applicants", "book", "expected"),
        [
            pytest.param([ONE], a_ledger((None, 1), (1, 1)), (LOTTERY,), id="whatever the numbers"),
            pytest.param([BEHIND], a_ledger((None, 9)), (LOTTERY,), id="whoever waits"),
            pytest.param(
                [ASKS_FIRST, ONE], a_ledger((None, 1)), (PENDING, LOTTERY), id="approval comes first"
            ),
            pytest.param([ONE], a_ledger((None, 0)), "closed", id="but not where nothing is accepted"),
            pytest.param([ONE] * 6, a_ledger((None, 9)), "too-many-attendees", id="nor too many at once"),
        ],
    )
    @pytest.mark.parametrize("waitlist", [True, False], ids=["waitlist", "no waitlist"])
    def test_before_the_draw(
        self,
        applicants: list[Applicant],
        book: Ledger,
        expected: tuple[Status, ...] | str,
        waitlist: bool,
    ) -> None:
        held = book.held
        assert decided(applicants, book, replace(TOWNS, awaits_draw=True, waitlist=waitlist)) == expected
        assert book.held == held, "nobody holds a seat before the draw"


def waits(key: int, minute: int, rule: CategoryRule = TOWNS, **more: object) -> Waiting:
    """Somebody who was put on the list at that minute after ten."""
    order = (NOW + timedelta(minutes=minute), 0, "GDX-7K3M-Q2", key)
    usual = {"category": rule.code, "mode": None, "needs_approval": False, "order": order}
    return Waiting(key=key, **(usual | more))


def moved(
    waiting: list[Waiting],
    book: Ledger,
    *rules: CategoryRule,
    now: datetime = NOW,
    deadline: datetime = LATER,
    **how: bool,
) -> list[Promotion]:
    by_code = {one.code: one for one in rules or (TOWNS, COMPANIES)}
    return seats.promote(waiting, by_code, book, now, deadline, **how)


class TestWhyWaiting:
    """Sentences 2 and 4 again, in a word: which cap is full, or that others wait."""

    @pytest.mark.parametrize(
        ("applicants", "book", "expected"),
        [
            pytest.param([ONE, ONE], a_ledger((None, 1)), ("", "category-full"), id="category"),
            pytest.param([ONE, ONE], a_ledger((1, 5)), ("", "event-full"), id="event"),
            pytest.param([VENUE], a_ledger((5, 5), venue=(1, 1)), ("mode-full",), id="way to take part"),
            pytest.param([VENUE], a_ledger((1, 1), (1, 1), venue=(1, 1)), ("category-full",), id="all three"),
            pytest.param([BEHIND], a_ledger((None, 5)), ("behind-others",), id="others wait"),
            pytest.param([BEHIND], a_ledger((None, 5), (5, 5)), ("category-full",), id="full comes first"),
            pytest.param([BEHIND, ONE], a_ledger((None, 1)), ("behind-others", ""), id="each at its turn"),
            pytest.param([ASKS_FIRST], a_ledger((None, 1)), ("",), id="approval is no reason"),
        ],
    )
    def test_says_what_stands_in_the_way(self, applicants, book: Ledger, expected: tuple[str, ...]) -> None:
        assert seats.why_waiting(applicants, TOWNS, book.copy()) == expected
        assert [bool(one) for one in expected] == [
            one == WAITLISTED for one in decided(applicants, book, TOWNS)
        ]

    def test_a_copy_counts_for_itself(self) -> None:
        book = a_ledger((5, 5), venue=(5, 0))
        book.copy().hold("local_gov", "venue")
        assert (book.held, book.held_in_category, book.held_in_mode) == (0, {"local_gov": 0}, {"venue": 0})


class TestPromotion:
    """Sentence 7: who gets a freed seat, and how (D21-D23)."""

    @pytest.mark.parametrize(
        ("held", "waiting", "first"),
        [
            pytest.param((1, 1), [waits(2, 0, COMPANIES), waits(3, 1)], 2, id="B2 then A3, A1 leaves: B2"),
            pytest.param((2, 0), [waits(3, 0), waits(2, 1, COMPANIES)], 2, id="A3 then B2, B1 leaves: B2"),
            pytest.param((1, 1), [waits(3, 0), waits(2, 1, COMPANIES)], 3, id="A3 then B2, A1 leaves: A3"),
        ],
    )
    def test_the_examples(self, held: tuple[int, int], waiting: list[Waiting], first: int) -> None:
        book = Ledger(
            replace(EVENT, capacity=3),
            {"local_gov": 2, "company": 2},
            held=sum(held),
            held_in_category={"local_gov": held[0], "company": held[1]},
        )
        assert moved(waiting, book) == [Promotion(first, CONFIRMED)]

    @pytest.mark.parametrize(
        ("orders", "expected"),
        [
            pytest.param([(2, 0, "B", 1), (1, 9, "C", 9)], [2, 1], id="time put on the list first"),
            pytest.param([(1, 7, "A", 1), (1, 3, "B", 1)], [2, 1], id="then the lottery rank"),
            pytest.param([(1, 0, "GDX-B", 1), (1, 0, "GDX-A", 2)], [2, 1], id="then the reference number"),
            pytest.param([(1, 0, "A", 2), (1, 0, "A", 1)], [2, 1], id="then the branch"),
        ],
    )
    def test_order(self, orders: list[tuple], expected: list[int]) -> None:
        waiting = [waits(key, 0, order=order) for key, order in enumerate(orders, start=1)]
        assert [one.key for one in moved(waiting, a_ledger())] == expected
        assert [one.key for one in moved(waiting, a_ledger((None, 1)))] == expected[:1]

    def test_those_without_room_are_passed_over_and_the_walk_goes_on(self) -> None:
        book = a_ledger((None, 5), venue=(1, 1), online=2)
        waiting = [
            waits(key, key, mode=mode) for key, mode in enumerate(["venue", "online", "venue", "online"])
        ]
        assert [one.key for one in moved(waiting, book)] == [1, 3]

    def test_nobody_moves_while_held_seats_are_over_a_lowered_cap(self) -> None:
        assert moved([waits(1, 0)], a_ledger((None, 2), (3, 3))) == []
        assert moved([waits(1, 0)], a_ledger((None, 2), (2, 2))) == []
        assert moved([waits(1, 0)], a_ledger((None, 2), (1, 1))) == [Promotion(1, CONFIRMED)]

    def test_a_raised_cap_takes_as_many_as_it_has_seats(self) -> None:
        waiting = [waits(key, key) for key in range(5)]
        assert [one.key for one in moved(waiting, a_ledger((None, 4), (1, 1)))] == [0, 1, 2]

    def test_approval_still_needed_makes_pending_and_never_an_offer(self) -> None:
        rule = replace(TOWNS, promotion="offer")
        assert moved([waits(1, 0, needs_approval=True)], a_ledger(), rule) == [Promotion(1, PENDING)]

    @pytest.mark.parametrize(
        ("promotion", "deadline", "closes", "expected"),
        [
            pytest.param("confirm", LATER, LATER + HOUR, Promotion(1, CONFIRMED), id="confirm"),
            pytest.param("offer", LATER, LATER + HOUR, Promotion(1, OFFERED, LATER), id="offer"),
            pytest.param(
                "offer", LATER, LATER - HOUR, Promotion(1, OFFERED, LATER - HOUR), id="closing first"
            ),
            pytest.param("offer", NOW + 3 * HOUR, LATER, Promotion(1, OFFERED, NOW + 3 * HOUR), id="3 hours"),
            pytest.param("offer", NOW + 3 * HOUR - SECOND, LATER, Promotion(1, CONFIRMED), id="less than 3"),
            pytest.param("offer", LATER, NOW + 2 * HOUR, Promotion(1, CONFIRMED), id="closing in 2 hours"),
        ],
    )
    def test_offer_or_confirm(
        self, promotion: str, deadline: datetime, closes: datetime, expected: Promotion
    ) -> None:
        rule = replace(TOWNS, promotion=promotion, closes_at=closes)
        assert moved([waits(1, 0)], a_ledger(), rule, deadline=deadline) == [expected]

    def test_an_offer_holds_its_seat(self) -> None:
        rule = replace(TOWNS, promotion="offer")
        book = a_ledger((None, 1))
        assert [one.key for one in moved([waits(1, 0), waits(2, 1)], book, rule)] == [1]
        assert book.held == 1

    @pytest.mark.parametrize(
        ("now", "keys"),
        [
            pytest.param(CLOSING - SECOND, [1, 2], id="a second before"),
            pytest.param(CLOSING, [2], id="at the closing only the other category"),
        ],
    )
    def test_nobody_moves_after_the_own_category_has_closed(self, now: datetime, keys: list[int]) -> None:
        open_longer = replace(COMPANIES, closes_at=CLOSING + HOUR)
        waiting = [waits(1, 0), waits(2, 1, COMPANIES)]
        assert [one.key for one in moved(waiting, a_ledger(), TOWNS, open_longer, now=now)] == keys

    def test_nobody_moves_once_the_event_has_begun(self) -> None:
        late = replace(TOWNS, closes_at=START + 9 * HOUR)
        assert [one.key for one in moved([waits(1, 0)], a_ledger(), late, now=START - SECOND)] == [1]
        assert moved([waits(1, 0)], a_ledger(), late, now=START) == []

    def test_no_offer_reaches_beyond_the_start(self) -> None:
        late = replace(TOWNS, promotion="offer", closes_at=START + 99 * HOUR)
        ends = moved([waits(1, 0)], a_ledger(), late, deadline=START + 90 * HOUR)
        assert ends == [Promotion(1, OFFERED, START)]


class TestByHand:
    """Sentences 7 and 8: what the office alone may do (D11, D23)."""

    @pytest.mark.parametrize(
        ("now", "how", "expected"),
        [
            pytest.param(CLOSING, {}, [], id="the rule alone stops at the closing"),
            pytest.param(CLOSING, {"by_hand": True}, [Promotion(1, CONFIRMED)], id="the office goes on"),
            pytest.param(
                NOW, {"by_hand": True}, [Promotion(1, OFFERED, LATER)], id="before it the usual way holds"
            ),
        ],
    )
    def test_after_the_closing(self, now: datetime, how: dict, expected: list[Promotion]) -> None:
        rule = replace(TOWNS, promotion="offer", closes_at=CLOSING)
        deadline = min(LATER, CLOSING)
        given = moved([waits(1, 0), waits(2, 1)], a_ledger((None, 1)), rule, now=now, deadline=LATER, **how)
        assert [replace(one, offer_until=one.offer_until and LATER) for one in given] == expected
        assert all(one.offer_until in (None, deadline) for one in given)

    @pytest.mark.parametrize(
        ("caps", "held", "expected"),
        [
            pytest.param((None, 2), (2, 2), [Promotion(1, CONFIRMED, over_limit=True)], id="full: marked"),
            pytest.param((None, 3), (2, 2), [Promotion(1, CONFIRMED)], id="room: not marked"),
            pytest.param((2, 9), (2, 2), [Promotion(1, CONFIRMED, over_limit=True)], id="the event is full"),
        ],
    )
    def test_beyond_a_cap(self, caps: tuple, held: tuple, expected: list[Promotion]) -> None:
        assert moved([waits(1, 0)], a_ledger(caps, held), by_hand=True, over_limit=True) == expected

    @pytest.mark.parametrize(
        ("applicants", "book", "rule", "statuses", "over"),
        [
            pytest.param([ONE], a_ledger((None, 1)), TOWNS, (CONFIRMED,), (False,), id="room is no excess"),
            pytest.param(
                [ONE, ONE],
                a_ledger((None, 1)),
                TOWNS,
                (CONFIRMED, CONFIRMED),
                (False, True),
                id="only the second",
            ),
            pytest.param([ONE], a_ledger((None, 0)), TOWNS, (CONFIRMED,), (True,), id="even where closed"),
            pytest.param([BEHIND], a_ledger((None, 5)), TOWNS, (CONFIRMED,), (False,), id="nobody is asked"),
            pytest.param([ASKS_FIRST], a_ledger((None, 0)), TOWNS, (PENDING,), (True,), id="approval stays"),
            pytest.param(
                [ONE, ASKS_FIRST],
                a_ledger((None, 0)),
                replace(TOWNS, awaits_draw=True),
                (LOTTERY, PENDING),
                (False, False),
                id="before the draw there is no seat to give",
            ),
        ],
    )
    def test_what_the_office_gives(
        self, applicants: list, book: Ledger, rule: CategoryRule, statuses: tuple, over: tuple
    ) -> None:
        assert seats.give(applicants, rule, book) == seats.Given(statuses, over)


class TestDraw:
    """Sentence 9: what becomes of the lots, in their order (D19)."""

    @pytest.mark.parametrize(
        ("waitlist", "rest"), [(True, WAITLISTED), (False, LOST)], ids=["waitlist", "no waitlist"]
    )
    def test_58_entries_for_40_seats(self, waitlist: bool, rest: Status) -> None:
        lots = [waits(key, 0) for key in range(58)]
        rule = replace(TOWNS, waitlist=waitlist)
        results = seats.draw(lots, rule, a_ledger((None, 40)))
        assert [one.key for one in results] == list(range(58)), "nobody is left out, nobody changes place"
        assert [one.status for one in results] == [CONFIRMED] * 40 + [rest] * 18

    @pytest.mark.parametrize(
        ("book", "modes", "expected"),
        [
            pytest.param(a_ledger((3, 9), (2, 0)), [None] * 3, [0], id="the event has one left"),
            pytest.param(a_ledger((None, 9), (0, 0), venue=(1, 0)), ["venue", "venue"], [0], id="the way"),
            pytest.param(a_ledger((None, 2), (2, 2)), [None], [], id="seats given before count"),
            pytest.param(a_ledger(), [None] * 9, list(range(9)), id="no cap: everybody"),
        ],
    )
    def test_room_in_all_three(self, book: Ledger, modes: list, expected: list[int]) -> None:
        lots = [waits(key, 0, mode=mode) for key, mode in enumerate(modes)]
        results = seats.draw(lots, TOWNS, book)
        assert [one.key for one in results if one.status == CONFIRMED] == expected


class TestPublicWord:
    """The word for a category, from the same rule that decides (D31)."""

    @pytest.mark.parametrize(
        ("change", "now", "expected"),
        [
            pytest.param({"cancelled": True}, NOW, "cancelled", id="cancelled"),
            pytest.param({"cancelled": True}, END, "cancelled", id="cancelled stays cancelled"),
            pytest.param({}, END, "past", id="over"),
            pytest.param({}, END - SECOND, "closed", id="running"),
            pytest.param({}, CLOSING, "closed", id="closed"),
            pytest.param({}, NOW - 99 * HOUR, "before", id="not open yet"),
            pytest.param({}, NOW, "open", id="open"),
            pytest.param({"capacity": 0}, NOW, "closed", id="event takes nobody"),
            pytest.param({"modes": {"venue": 0, "online": 0}}, NOW, "closed", id="no way takes anybody"),
            pytest.param({"modes": {"venue": 0, "online": 90}}, NOW, "open", id="one way does"),
        ],
    )
    def test_of_the_event(self, change: dict, now: datetime, expected: str) -> None:
        event = replace(EVENT, **change)
        book = Ledger(event, {"local_gov": None})
        rule = replace(TOWNS, opens_at=NOW - HOUR)
        assert seats.seat_state(event, rule, book, now) == expected

    @pytest.mark.parametrize(
        ("cap", "held", "expected"),
        [
            pytest.param(100, 89, "open", id="11 of 100"),
            pytest.param(100, 90, "few", id="10 of 100: 10 percent"),
            pytest.param(60, 53, "open", id="7 of 60"),
            pytest.param(60, 54, "few", id="6 of 60: 10 percent"),
            pytest.param(20, 14, "open", id="6 of 20"),
            pytest.param(20, 15, "few", id="5 of 20"),
            pytest.param(5, 0, "few", id="5 of 5"),
            pytest.param(20, 19, "few", id="the last one"),
            pytest.param(20, 20, "waitlist", id="full"),
            pytest.param(20, 25, "waitlist", id="over a lowered cap"),
            pytest.param(None, 9999, "open", id="no cap"),
            pytest.param(0, 0, "closed", id="0"),
        ],
    )
    def test_of_the_numbers(self, cap: int | None, held: int, expected: str) -> None:
        rule = replace(TOWNS, capacity=cap)
        assert seats.seat_state(EVENT, rule, a_ledger((None, cap), (held, held)), NOW) == expected
        event = replace(EVENT, capacity=cap)
        assert seats.seat_state(event, TOWNS, a_ledger((cap, None), (held, held)), NOW) == expected

    @pytest.mark.parametrize(
        ("rule", "book", "waiting", "expected"),
        [
            pytest.param(TOWNS, a_ledger((None, 9)), {None}, "waitlist", id="somebody waits"),
            pytest.param(
                replace(TOWNS, waitlist=False), a_ledger((None, 9), (9, 9)), set(), "full", id="no waitlist"
            ),
            pytest.param(
                replace(TOWNS, awaits_draw=True),
                a_ledger((None, 1), (1, 1)),
                set(),
                "open",
                id="before a draw",
            ),
            pytest.param(
                TOWNS, a_ledger((None, 90), venue=(1, 1), online=60), {"venue"}, "open", id="one way is free"
            ),
            pytest.param(
                TOWNS,
                a_ledger((None, 90), venue=(1, 1), online=60),
                {"venue", "online"},
                "waitlist",
                id="both",
            ),
            pytest.param(
                TOWNS, a_ledger((None, 90), venue=(3, 0), online=2), set(), "few", id="few in both ways"
            ),
        ],
    )
    def test_of_the_queue(
        self, rule: CategoryRule, book: Ledger, waiting: set[str | None], expected: str
    ) -> None:
        assert seats.seat_state(book.event, rule, book, NOW, waiting) == expected


CAPS = st.one_of(st.none(), st.integers(0, 4))
WAYS = st.sampled_from(["venue", "online"])
CODES = st.sampled_from(["local_gov", "company"])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("apply"), CODES, st.lists(WAYS, min_size=1, max_size=4), st.booleans(), st.booleans()
        ),
        st.tuples(st.just("leave"), st.integers(0, 30)),
        st.tuples(st.just("cap"), CODES, CAPS),
    ),
    max_size=25,
)


class Seminar:
    """A seminar in memory: who holds a seat and who waits, moved by nothing but the rule."""

    def __init__(self, whole: int | None, categories: dict, modes: dict) -> None:
        self.event = replace(EVENT, capacity=whole, modes=modes)
        self.categories = categories
        self.holding: list[tuple[str, str]] = []
        self.waiting: list[Waiting] = []
        self.count = 0

    def book(self) -> Ledger:
        book = Ledger(self.event, self.categories)
        for code, mode in self.holding:
            book.hold(code, mode)
        return book

    def apply(self, code: str, modes: list[str], approval: bool, whole: bool) -> None:
        queue = {(one.category, one.mode) for one in self.waiting}
        group = [Applicant(mode, approval, (code, mode) in queue) for mode in modes]
        statuses = decided(group, self.book(), self.rules()[code], all_or_nothing=whole)
        if isinstance(statuses, str):
            return
        for mode, status in zip(modes, statuses, strict=True):
            self.count += 1
            if status == WAITLISTED:
                self.waiting.append(waits(self.count, self.count, category=code, mode=mode))
            else:
                assert (code, mode) not in queue, "somebody has overtaken"
                self.holding.append((code, mode))

    def fill(self) -> None:
        moves = {one.key for one in moved(self.waiting, self.book(), *self.rules().values())}
        self.holding += [(one.category, one.mode) for one in self.waiting if one.key in moves]
        self.waiting = [one for one in self.waiting if one.key not in moves]

    def rules(self) -> dict[str, CategoryRule]:
        return {code: CategoryRule(code, CLOSING, capacity=cap) for code, cap in self.categories.items()}

    def over(self) -> dict[str, int]:
        book = self.book()
        caps = {
            "event": (self.event.capacity, book.held),
            **{code: (cap, book.held_in_category.get(code, 0)) for code, cap in self.categories.items()},
            **{mode: (cap, book.held_in_mode.get(mode, 0)) for mode, cap in self.event.modes.items()},
        }
        return {name: max(0, held - cap) for name, (cap, held) in caps.items() if cap is not None}


@settings(max_examples=300, deadline=None)
@given(whole=CAPS, towns=CAPS, companies=CAPS, venue=CAPS, online=CAPS, steps=STEPS)
def test_no_cap_is_passed_and_no_seat_stays_free_while_somebody_waits(
    whole, towns, companies, venue, online, steps
) -> None:
    seminar = Seminar(whole, {"local_gov": towns, "company": companies}, {"venue": venue, "online": online})
    for action, *about in steps:
        before = seminar.over()
        if action == "apply":
            seminar.apply(*about)
        elif action == "leave" and seminar.holding:
            seminar.holding.pop(about[0] % len(seminar.holding))
        elif action == "cap":
            seminar.categories[about[0]] = about[1]
            before = seminar.over()
        seminar.fill()
        after = seminar.over()
        assert [name for name in after if after[name] > before[name]] == [], "a cap has been passed"
        free = [one.key for one in seminar.waiting if seminar.book().has_room(one.category, one.mode)]
        assert free == [], "a seat is free while somebody waits"
