"""The estimate from earlier events: said only with data, and true of those who joined the list at that place."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from eventsite.db import transaction
from eventsite.models import Attendee, Event, EventStatus, Status
from eventsite.registration import cancel, draw, ledger, move_to, prospects, register
from tests.cast import TAKASAKI, an_application, an_event, kanri, people
from tests.fixtures.database import on_both
from tests.registration.test_history import statements

NOW = datetime(2025, 9, 1, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def held(moment: Any, waiting: int = 5, seated: int = 4, **changes: Any) -> Event:
    """Hold an event of 10 seats for which that many waited, and as many as `seated` got one; a month passes."""
    event = an_event(
        capacities={"local_gov": 10}, start_at=moment() + DAY * 9, end_at=moment() + DAY * 10, **changes
    )
    holders = [one for _ in range(2) for one in register(event, an_application(*people(5))).attendees]
    for _ in range(waiting):
        moment.move(timedelta(minutes=1))
        register(event, an_application(TAKASAKI))
    for one in holders[:seated]:
        cancel([one])
    moment.move(DAY * 30)
    return event


def a_full_event(moment: Any, waiting: int = 1, **changes: Any) -> tuple[Event, list[Attendee]]:
    """An event to come, and those who wait for it."""
    event = an_event(
        capacities={"local_gov": 1}, start_at=moment() + DAY * 900, end_at=moment() + DAY * 901, **changes
    )
    register(event, an_application(TAKASAKI))
    lined_up = []
    for _ in range(waiting):
        moment.move(timedelta(minutes=1))
        lined_up += register(event, an_application(TAKASAKI)).attendees
    return event, lined_up


def known(event: Event, waiting: list[Attendee], moment: Any) -> list[tuple[int, int, int] | None]:
    """For each who waits: events, people, seated."""
    found = prospects.estimates(event, waiting, ledger.positions(event), moment())
    return [
        (found[one.id].events, found[one.id].people, found[one.id].seated) if one.id in found else None
        for one in waiting
    ]


class TestEstimate:
    def test_nothing_is_said_without_data(self, app: Flask, moment) -> None:
        event, waiting = a_full_event(moment)
        assert known(event, waiting, moment) == [None]

    @on_both
    def test_people_count_by_the_place_at_which_they_joined(self, app: Flask, moment) -> None:
        for _ in range(3):
            held(moment, waiting=7, seated=5)
        event, waiting = a_full_event(moment, 8)
        assert known(event, waiting, moment) == [
            *[(3, 9, 9)] * 3,
            *[(3, 9, 6)] * 3,
            *[None] * 2,
        ]

    def test_fewer_than_five_say_nothing(self, app: Flask, moment) -> None:
        held(moment, waiting=2)
        held(moment, waiting=2)
        event, waiting = a_full_event(moment)
        assert known(event, waiting, moment) == [None]
        held(moment, waiting=1, seated=0)
        assert known(event, waiting, moment) == [(3, 5, 4)]

    def test_only_the_last_three_that_had_a_waitlist(self, app: Flask, moment) -> None:
        held(moment, waiting=3, seated=0)
        for _ in range(3):
            held(moment, waiting=3, seated=3)
        held(moment, waiting=0)
        event, waiting = a_full_event(moment)
        assert known(event, waiting, moment) == [(3, 9, 9)]

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"status": EventStatus.CANCELLED}, id="called off"),
            pytest.param({"example": True}, id="example"),
            pytest.param({"end_at": NOW + DAY * 900}, id="not over"),
        ],
    )
    def test_events_that_teach_nothing(self, app: Flask, moment, changes: dict[str, Any]) -> None:
        past = [held(moment, waiting=3, seated=3) for _ in range(2)]
        event, waiting = a_full_event(moment)
        assert known(event, waiting, moment) == [(2, 6, 6)]
        with transaction():
            for name, value in changes.items():
                setattr(past[0], name, value)
        assert known(event, waiting, moment) == [None]

    def test_examples_learn_from_examples(self, app: Flask, moment) -> None:
        for _ in range(2):
            held(moment, waiting=3, example=True)
        event, waiting = a_full_event(moment, example=True)
        assert known(event, waiting, moment) == [(2, 6, 6)]

    def test_another_category_is_another_list(self, app: Flask, moment) -> None:
        for _ in range(2):
            held(moment, waiting=3)
        event, waiting = a_full_event(moment)
        with transaction():
            event.category("company").capacity = 1
        register(event, an_application(TAKASAKI, category="company"))
        others = register(event, an_application(TAKASAKI, category="company")).attendees
        assert known(event, [*waiting, *others], moment) == [(2, 6, 6), None]

    def test_whoever_gave_up_or_was_cancelled_later_is_counted_as_it_was(self, app: Flask, moment) -> None:
        event = an_event(capacities={"local_gov": 1}, start_at=NOW + DAY * 9, end_at=NOW + DAY * 10)
        holder = register(event, an_application(TAKASAKI)).attendees
        lined_up = []
        for _ in range(3):
            moment.move(timedelta(minutes=1))
            lined_up += register(event, an_application(TAKASAKI)).attendees
        cancel(lined_up[1:2])
        cancel(holder)
        cancel(lined_up[:1])
        assert [one.status for one in lined_up] == [Status.CANCELLED, Status.CANCELLED, Status.CONFIRMED]
        moment.move(DAY * 30)
        held(moment, waiting=2, seated=0)
        coming, waiting = a_full_event(moment)
        assert known(coming, waiting, moment) == [(2, 5, 2)]

    def test_a_draw_lines_up_in_drawn_order(self, app: Flask, moment) -> None:
        event = an_event(capacities={"local_gov": 1}, start_at=NOW + DAY * 9, end_at=NOW + DAY * 10)
        category = event.category("local_gov")
        with transaction():
            category.selection, category.closes_at = "lottery", NOW + DAY
        for _ in range(9):
            register(event, an_application(TAKASAKI))
        moment.move(DAY * 2)
        draw(category, kanri())
        moment.move(DAY * 30)
        held(moment, waiting=2)
        coming, waiting = a_full_event(moment, 4)
        assert known(coming, waiting, moment) == [*[(2, 5, 2)] * 3, None]

    def test_a_move_joins_the_list_anew(self, app: Flask, moment) -> None:
        event = an_event(
            capacities={"local_gov": 1, "company": 1}, start_at=NOW + DAY * 9, end_at=NOW + DAY * 10
        )
        for code in ("local_gov", "company"):
            register(event, an_application(TAKASAKI, category=code))
        lined_up = []
        for code in ("local_gov", "local_gov", "local_gov", "company"):
            moment.move(timedelta(minutes=1))
            lined_up += register(event, an_application(TAKASAKI, category=code)).attendees
        moment.move(timedelta(minutes=1))
        move_to(lined_up[3], event.category("local_gov"), kanri())
        moment.move(DAY * 30)
        held(moment, waiting=2, seated=0)
        coming, waiting = a_full_event(moment, 4)
        assert known(coming, waiting, moment) == [*[(2, 5, 0)] * 3, None]


def test_the_sentence_says_where_it_comes_from(app: Flask, moment) -> None:
    for _ in range(3):
        held(moment, waiting=3, seated=2)
    event, (first,) = a_full_event(moment)
    assert prospects.sentences(event, [first], {first.id: 2}, moment()) == {
        first.id: "これまでの3回のセミナーでは、1～3番目から待ち始めた9名のうち6名の参加が確定しました。"
    }
    last = prospects.Estimate(events=1, first=21, last=None, people=5, seated=0)
    assert prospects.words(last) == (
        "これまでの1回のセミナーでは、21番目以降から待ち始めた5名のうち0名の参加が確定しました。"
    )


def test_the_number_of_queries_is_that_of_one_who_waited(app: Flask, moment) -> None:
    def work(event: Event, waiting: list[Attendee]) -> int:
        places = ledger.positions(event)
        assert [one.category.code for one in waiting]
        return statements(lambda: prospects.estimates(event, waiting, places, moment()))

    held(moment, waiting=1)
    few = work(*a_full_event(moment))
    held(moment, waiting=50)
    assert work(*a_full_event(moment, 9)) == few == 3
