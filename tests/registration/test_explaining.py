"""The figures under each cap, their sentences, and what a newcomer would get: all as the deciding function says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from eventsite import clock
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.events import catalogue
from eventsite.events import operations as events
from eventsite.models import Attendee, Event, EventStatus, Format, ParticipationMode, Status
from eventsite.registration import approve, cancel, explaining, foresee, register
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, kanri, people, sato
from tests.fixtures.database import on_both
from tests.registration.test_history import statements

NOW = datetime(2025, 12, 18, 1, 0, tzinfo=UTC)  # Thursday, 10:00 in Japan
START = datetime(2026, 1, 14, 1, 0, tzinfo=UTC)
END = START + timedelta(minutes=90)
SECOND = timedelta(seconds=1)
ZONE = "Asia/Tokyo"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_seminar(seats: int | None = 60, *, modes: dict[str, int | None] | None = None, **changes: Any) -> Event:
    """A seminar; keywords that are a category's are set on that of the towns."""
    rule = {name: changes.pop(name) for name in list(changes) if name in RULE}
    own = {"format": Format.HYBRID} if modes else {}
    event = an_event(capacities={"local_gov": seats}, start_at=START, end_at=END, **own, **changes)
    with transaction():
        for name, value in rule.items():
            setattr(event.category("local_gov"), name, value)
        for place, (key, cap) in enumerate((modes or {}).items()):
            event.modes.append(ParticipationMode(key=key, label=MODES[key], position=place, capacity=cap))
    return event


RULE = {"promotion", "approval", "selection", "waitlist", "opens_at", "closes_at", "verification", "drawn_at"}
MODES = {"venue": "会場参加", "online": "オンライン参加"}


def take(
    event: Event, count: int, mode: str | None = None, category: str = "local_gov", **how: Any
) -> list[Attendee]:
    """Register that many people, each for himself."""
    asking = [replace(one, participation=mode) for one in people(count)]
    return [register(event, an_application(one, category=category), **how).attendees[0] for one in asking]


def words(event: Event, code: str = "local_gov") -> list[str]:
    figures = explaining.figures(event, clock.now())
    count = figures.categories[code] if code else figures.event
    shortage = explaining.shortage(count, figures.event) if code else ""
    return [
        explaining.sentence(count, ZONE),
        *explaining.remarks(count, ZONE),
        *([shortage] if shortage else []),
    ]


class TestSentence:
    def test_every_kind_of_seat_is_in_it(self, app: Flask, moment) -> None:
        event = a_seminar(6, promotion="offer")
        holders = take(event, 5)
        with transaction():
            event.category("local_gov").approval = "manual"
        take(event, 1)
        with transaction():
            event.category("local_gov").approval = "auto"
        moment.move(timedelta(minutes=2))
        take(event, 3)
        cancel(holders[:1])
        moment.move(timedelta(hours=4))
        cancel(holders[1:2])
        events.change_category(event.category("local_gov"), {"capacity": 9}, kanri())
        assert words(event) == [
            "9席 = 参加確定 3 + 承認待ち 1 + 繰上げ案内中 3（最も早い期限 12月22日（月）17:00） + 空き 2"
        ]
        assert words(event, "") == [
            "定員なし。参加確定 3 + 承認待ち 1 + 繰上げ案内中 3（最も早い期限 12月22日（月）17:00）"
        ]

    def test_who_waits_and_since_when(self, app: Flask, moment) -> None:
        event = a_seminar(1)
        take(event, 1)
        moment.move(timedelta(minutes=62))
        take(event, 1)
        moment.move(timedelta(minutes=1))
        take(event, 1)
        assert words(event) == [
            "1席 = 参加確定 1 + 空き 0",
            "キャンセル待ち 2（最初の方は12月18日（木）11:02から）",
        ]

    def test_beyond_the_cap(self, app: Flask) -> None:
        event = a_seminar(1)
        take(event, 1)
        take(event, 2, by=sato(event), over_limit=True)
        assert words(event) == [
            "1席 = 参加確定 3 − 定員超過 2名",
            "うち事務局が定員を超えて登録 2",
        ]
        assert explaining.figures(event, NOW).categories["local_gov"].free == 0

    def test_before_a_draw_nothing_is_held(self, app: Flask) -> None:
        event = a_seminar(1, selection="lottery")
        take(event, 2)
        with transaction():
            event.category("local_gov").approval = "manual"
        take(event, 1)
        assert words(event) == [
            "1席 = 参加確定 0 + 空き 1",
            "席をまだ取らない承認待ち（抽選の申込） 1",
            "抽選待ち 2",
        ]

    def test_no_limit_and_no_seats(self, app: Flask) -> None:
        event = a_seminar(None)
        take(event, 2)
        assert words(event) == ["定員なし。参加確定 2"]
        assert words(a_seminar(0)) == ["受け付けていません"]

    @pytest.mark.parametrize(
        ("event_cap", "modes", "taken", "expected"),
        [
            pytest.param(2, None, 2, "区分には空きがありますが、セミナー全体が満席です。", id="event full"),
            pytest.param(
                3,
                None,
                2,
                "セミナー全体や参加方法の定員により、この区分で席があるのは1名分です。",
                id="event nearly full",
            ),
            pytest.param(
                None,
                {"venue": 1, "online": 1},
                2,
                "区分には空きがありますが、どの参加方法も満席です。",
                id="both ways full",
            ),
            pytest.param(None, {"venue": 1, "online": None}, 2, None, id="one way full"),
        ],
    )
    def test_room_that_another_cap_takes_away(self, app: Flask, event_cap, modes, taken, expected) -> None:
        event = a_seminar(60, modes=modes, capacity_total=event_cap)
        ways = ["venue", "online"] if modes else [None, None]
        for mode in ways[:taken]:
            take(event, 1, mode)
        assert words(event)[1:] == ([expected] if expected else [])
        assert words(event)[0] == "60席 = 参加確定 2 + 空き 58"

    def test_ways_to_take_part_have_figures_of_their_own(self, app: Flask) -> None:
        event = a_seminar(60, modes={"venue": 2, "online": None})
        take(event, 3, "venue")
        take(event, 1, "online")
        found = explaining.figures(event, NOW).modes
        assert [(one.held, one.waiting, one.room, one.free) for one in found.values()] == [
            (2, 1, 0, 0),
            (1, 0, None, None),
        ]


def filled(event: Event, count: int, mode: str | None = None) -> Event:
    take(event, count, mode)
    return event


def left_by(event: Event, count: int) -> Event:
    """The seats are taken, one is given back after the closing, and the category opens anew: somebody waits."""
    holders = take(event, count)
    take(event, 1)
    with transaction():
        event.category("local_gov").closes_at = NOW
    cancel(holders[:1])
    with transaction():
        event.category("local_gov").closes_at = None
    return event


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        pytest.param(lambda: a_seminar(), "open", id="empty"),
        pytest.param(lambda: a_seminar(None), "open", id="no cap"),
        pytest.param(lambda: a_seminar(6), "open", id="six left"),
        pytest.param(lambda: filled(a_seminar(6), 1), "few", id="five left"),
        pytest.param(lambda: filled(a_seminar(2), 2), "waitlist", id="full"),
        pytest.param(lambda: filled(a_seminar(2, waitlist=False), 2), "full", id="full without waitlist"),
        pytest.param(lambda: filled(a_seminar(2, capacity_total=1), 1), "waitlist", id="event full"),
        pytest.param(
            lambda: filled(a_seminar(2, capacity_total=1, waitlist=False), 1),
            "full",
            id="event full, no list",
        ),
        pytest.param(lambda: left_by(a_seminar(2), 2), "waitlist", id="a free seat that somebody waits for"),
        pytest.param(lambda: a_seminar(0), "closed", id="not accepting"),
        pytest.param(lambda: a_seminar(capacity_total=0), "closed", id="event not accepting"),
        pytest.param(lambda: a_seminar(modes={"venue": 0, "online": 0}), "closed", id="no way to take part"),
        pytest.param(
            lambda: filled(a_seminar(modes={"venue": 1, "online": None}), 1, "venue"),
            "open",
            id="one way full",
        ),
        pytest.param(
            lambda: filled(a_seminar(modes={"venue": 1, "online": 0}), 1, "venue"),
            "waitlist",
            id="one way full, the other not accepting",
        ),
        pytest.param(
            lambda: filled(a_seminar(modes={"venue": 1, "online": 0}, waitlist=False), 1, "venue"),
            "full",
            id="the same without waitlist",
        ),
        pytest.param(lambda: filled(a_seminar(1, selection="lottery"), 3), "open", id="lottery"),
        pytest.param(
            lambda: filled(a_seminar(1, selection="lottery", drawn_at=NOW), 1),
            "waitlist",
            id="drawn and full",
        ),
        pytest.param(lambda: a_seminar(approval="manual"), "open", id="approval"),
        pytest.param(lambda: filled(a_seminar(1, approval="manual"), 1), "waitlist", id="approval, full"),
        pytest.param(lambda: a_seminar(opens_at=NOW + SECOND), "before", id="a second before the opening"),
        pytest.param(lambda: a_seminar(opens_at=NOW), "open", id="at the opening"),
        pytest.param(lambda: a_seminar(closes_at=NOW + SECOND), "open", id="a second before the closing"),
        pytest.param(lambda: a_seminar(closes_at=NOW), "closed", id="at the closing"),
        pytest.param(lambda: a_seminar(status=EventStatus.CANCELLED), "cancelled", id="cancelled"),
    ],
)
def test_the_public_word_is_what_a_visitor_gets(app: Flask, make: Callable[[], Event], shown: str) -> None:
    """Whatever the event page says, the deciding function then does, in at least one way to take part."""
    event = make()
    assert catalogue.look(event, clock.now()).categories["local_gov"] == shown
    answers = {answer(event, mode.key) for mode in event.modes} or {answer(event, None)}
    assert PROMISED[shown](answers - {"closed"} or answers)
    assert explained(event) == {mode.key: answer(event, mode.key) for mode in event.modes} or {
        None: answer(event, None)
    }


@pytest.mark.parametrize(
    ("when", "shown", "got"),
    [
        pytest.param(START - SECOND, "open", "confirmed", id="a second before the start"),
        pytest.param(START, "closed", "closed", id="at the start"),
        pytest.param(END - SECOND, "closed", "closed", id="a second before the end"),
        pytest.param(END, "past", "closed", id="at the end"),
    ],
)
def test_around_the_event(app: Flask, moment, when: datetime, shown: str, got: str) -> None:
    event = a_seminar(closes_at=END)
    moment.moment = when
    assert catalogue.look(event, when).categories["local_gov"] == shown
    assert answer(event, None) == got


SEATED = {"confirmed", "pending", "lottery"}
PROMISED: dict[str, Callable[[set[str]], bool]] = {
    "open": lambda got: bool(got & SEATED),
    "few": lambda got: bool(got & SEATED),
    "waitlist": lambda got: got == {"waitlisted"},
    "full": lambda got: got == {"sold-out"},
    "before": lambda got: got == {"not-open-yet"},
    "closed": lambda got: got == {"closed"},
    "cancelled": lambda got: got == {"cancelled"},
}


def answer(event: Event, mode: str | None) -> str:
    """What `foresee` answers to a plain applicant: a status, or the code of the refusal."""
    newcomer = replace(TAKASAKI, participation=mode)
    try:
        (status,) = foresee(event, an_application(newcomer)).statuses
    except Refusal as refusal:
        return refusal.code
    return status.value


def explained(event: Event) -> dict[str | None, str]:
    """What the organisers read that a newcomer would get, by way to take part."""
    return {
        one.mode: one.refusal.code if one.refusal else (one.status or "").value
        for one in explaining.newcomers(event, clock.now())
        if one.category == "local_gov"
    }


class TestNewcomers:
    def test_why_they_would_wait(self, app: Flask) -> None:
        event = filled(a_seminar(1), 1)
        (town, *others) = explaining.newcomers(event, NOW)
        assert (town.category, town.status, town.reason) == ("local_gov", Status.WAITLISTED, "category-full")
        assert [(one.status, one.reason) for one in others] == [(Status.CONFIRMED, "")] * 2
        assert explaining.newcomers(left_by(a_seminar(1), 1), NOW)[0].reason == "behind-others"

    def test_nobody_gets_anything_from_a_draft(self, app: Flask) -> None:
        event = a_seminar(status=EventStatus.DRAFT)
        assert {str(one.refusal.words) for one in explaining.newcomers(event, NOW) if one.refusal} == {
            "公開していないため、申し込めません。"
        }

    def test_asking_takes_no_seat(self, app: Flask) -> None:
        event = a_seminar(1)
        assert [explaining.newcomers(event, NOW)[0].status for _ in range(3)] == [Status.CONFIRMED] * 3

    def test_where_access_is_looked_at_it_is_said(self, app: Flask) -> None:
        event = a_seminar(verification="domain_hint")
        assert [one.looked_at for one in explaining.newcomers(event, NOW)] == [True, False, False]


@on_both
def test_the_figures_are_those_of_the_ledger(app: Flask, moment) -> None:
    event = a_seminar(3, capacity_total=4, promotion="offer")
    holders = take(event, 3)
    register(event, an_application(TAKASAKI, YOSHIDA))
    moment.move(timedelta(seconds=1))
    take(event, 2, category="company")
    approve(event, holders, kanri())
    cancel(holders[:2])
    found = explaining.figures(event, clock.now())
    town, whole = found.categories["local_gov"], found.event
    assert (town.confirmed, town.offered, town.waiting, town.free, town.state) == (1, 2, 0, 0, "waitlist")
    assert (whole.held, whole.room, whole.waiting) == (4, 0, 1)


def test_the_number_of_queries_is_that_of_one_attendee(app: Flask) -> None:
    event = a_seminar(None, modes={"venue": 5, "online": None})

    def work() -> int:
        db.session.expire_all()
        return statements(lambda: (explaining.figures(event, NOW), explaining.newcomers(event, NOW)))

    take(event, 1, "venue")
    few = work()
    take(event, 49, "online")
    assert work() == few
