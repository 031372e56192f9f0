"""The lines of the seat ledger: each says what happened and by whom, and their sum is what is held."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from eventsite.db import db, transaction
from eventsite.events import operations as events
from eventsite.models import Event, Format, ParticipationMode, Status, StatusChange
from eventsite.registration import (
    accept,
    approve,
    cancel,
    decline,
    draw,
    end_waiting,
    expire_offers,
    history,
    ledger,
    move_to,
    promote_by_hand,
    register,
    restore,
)
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, kanri, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_seminar(seats: int | None = 2, **rule: Any) -> Event:
    event = an_event(capacities={"local_gov": seats})
    with transaction():
        for name, value in rule.items():
            setattr(event.category("local_gov"), name, value)
    return event


def told(event: Event, code: str = "local_gov") -> list[tuple[str, int, int, bool, str]]:
    """The lines of a category: reason, effect, total, by rule, by whom of the staff."""
    return [
        (one.step.reason if one.step else "caps", one.effect, one.total, one.by_rule, one.account)
        for one in history.lines(event)[code]
    ]


def sums(event: Event) -> dict[str, int]:
    return {code: lines[-1].total if lines else 0 for code, lines in history.lines(event).items()}


def held(event: Event) -> dict[str, int]:
    book = ledger.read(event)
    return {"": book.held} | {one.code: book.held_in_category.get(one.code, 0) for one in event.categories}


def statements(work: Callable[[], object]) -> int:
    """How many statements the work sends."""
    sent: list[str] = []

    def on_execute(conn, cursor, statement, *_: object) -> None:
        sent.append(statement)

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", on_execute)
    try:
        work()
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", on_execute)
    return len(sent)


class TestLines:
    def test_who_comes_who_waits_and_who_goes(self, app: Flask, moment) -> None:
        event = a_seminar(1)
        first = register(event, an_application(TAKASAKI))
        moment.move(MINUTE)
        second = register(event, an_application(YOSHIDA))
        moment.move(MINUTE)
        cancel(first.attendees)
        assert told(event) == [
            ("registered", 1, 1, False, ""),
            ("category-full", 0, 1, False, ""),
            ("by-attendee", -1, 0, False, ""),
            ("seat-free", 1, 1, True, ""),
        ]
        numbers = [one.attendees[0].number for one in (first, second)]
        assert [one.step.number for one in history.lines(event)[""] if one.step] == numbers * 2

    def test_an_offer_holds_until_its_end(self, app: Flask, moment) -> None:
        event = a_seminar(1, promotion="offer")
        first = register(event, an_application(TAKASAKI))
        register(event, an_application(YOSHIDA))
        moment.move(MINUTE)
        last = register(event, an_application(*people(1)))
        cancel(first.attendees)
        moment.move(timedelta(days=5))
        expire_offers(event)
        accept(last.attendees[0])
        assert told(event)[2:] == [
            ("category-full", 0, 1, False, ""),
            ("by-attendee", -1, 0, False, ""),
            ("seat-free", 1, 1, True, ""),
            ("no-answer", -1, 0, True, ""),
            ("seat-free", 1, 1, True, ""),
            ("offer-accepted", 0, 1, False, ""),
        ]

    def test_the_office_is_named_and_its_choice_is_marked(self, app: Flask, moment) -> None:
        event = a_seminar(1)
        by = sato(event)
        register(event, an_application(TAKASAKI))
        moment.move(MINUTE)
        over = register(event, an_application(YOSHIDA), by=by, source="staff", over_limit=True)
        moment.move(MINUTE)
        events.change_category(event.category("local_gov"), {"capacity": 3, "help": "x"}, by)
        events.change_category(event.category("local_gov"), {"help": "y"}, by)
        events.change(event, {"capacity_total": 9}, by)
        moment.move(MINUTE)
        cancel(over.attendees, by=by)
        moment.move(MINUTE)
        restore(over.attendees[0], by)
        assert told(event) == [
            ("registered", 1, 1, False, ""),
            ("registered", 1, 2, False, "佐藤 花子"),
            ("caps", 0, 2, False, "佐藤 花子"),
            ("caps", 0, 2, False, "佐藤 花子"),
            ("by-office", -1, 1, False, "佐藤 花子"),
            ("restored", 1, 2, False, "佐藤 花子"),
        ]
        assert [one.step.over_limit for one in history.lines(event)["local_gov"] if one.step] == [False] * 4
        assert [one[0] for one in told(event, "company")] == ["caps"]

    def test_the_mark_is_of_the_seat_that_was_taken(self, app: Flask, moment) -> None:
        event = a_seminar(1)
        by = sato(event)
        register(event, an_application(TAKASAKI))
        waits = register(event, an_application(YOSHIDA))
        moment.move(MINUTE)
        promote_by_hand(event, by, waits.attendees, over_limit=True)
        assert [
            (one.step.reason, one.step.over_limit) for one in history.lines(event)["local_gov"] if one.step
        ] == [("registered", False), ("category-full", False), ("by-hand", True)]

    def test_a_move_leaves_one_category_and_enters_another(self, app: Flask, moment) -> None:
        event = a_seminar(1)
        by = sato(event)
        found = register(event, an_application(TAKASAKI))
        register(event, an_application(YOSHIDA))
        moment.move(MINUTE)
        move_to(found.attendees[0], event.category("company"), by)
        assert told(event) == [
            ("registered", 1, 1, False, ""),
            ("category-full", 0, 1, False, ""),
            ("moved", -1, 0, False, "佐藤 花子"),
            ("seat-free", 1, 1, True, ""),
        ]
        assert told(event, "company") == [("moved", 1, 1, False, "佐藤 花子")]
        assert [one[:3] for one in told(event, "")][2:] == [("moved", 0, 1), ("seat-free", 1, 2)]
        assert sums(event) == held(event)

    def test_before_the_draw_nobody_takes_a_seat(self, app: Flask, moment) -> None:
        event = a_seminar(1, selection="lottery", approval="manual")
        by = sato(event)
        asking = [register(event, an_application(one)).attendees[0] for one in (*people(3), TAKASAKI)]
        moment.move(MINUTE)
        approve(event, asking[:2], by)
        decline(event, asking[2:3], by)
        assert [one[1] for one in told(event)] == [0] * 7
        with transaction():
            event.category("local_gov").closes_at = NOW
        moment.move(MINUTE)
        draw(event.category("local_gov"), by)
        assert [one[:3] for one in told(event)][7:] == [("won", 1, 1), ("not-drawn", 0, 1)]
        assert sums(event) == held(event) == {"": 1, "local_gov": 1, "gdx_member": 0, "company": 0}

    @pytest.mark.parametrize(
        ("event_cap", "category_cap", "venue_cap", "reason"),
        [
            pytest.param(None, 1, None, "category-full", id="category"),
            pytest.param(1, None, None, "event-full", id="event"),
            pytest.param(None, None, 1, "mode-full", id="way to take part"),
            pytest.param(1, 1, 1, "category-full", id="all of them"),
        ],
    )
    def test_whoever_waits_knows_which_cap_is_full(
        self, app: Flask, event_cap, category_cap, venue_cap, reason
    ) -> None:
        event = an_event(
            capacities={"local_gov": category_cap}, capacity_total=event_cap, format=Format.HYBRID
        )
        with transaction():
            event.modes.append(ParticipationMode(key="venue", label="会場参加", capacity=venue_cap))
        register(event, an_application(*(replace(one, participation="venue") for one in people(2))))
        assert [one[0] for one in told(event)] == ["registered", reason]

    def test_whoever_waits_behind_others_is_told_so(self, app: Flask, moment) -> None:
        event = a_seminar(1)
        with transaction():
            event.category("local_gov").closes_at = NOW + timedelta(hours=1)
        first = register(event, an_application(TAKASAKI))
        register(event, an_application(YOSHIDA))
        moment.move(timedelta(hours=1))
        cancel(first.attendees)
        with transaction():
            event.category("local_gov").closes_at = NOW + timedelta(days=1)
        register(event, an_application(*people(1)))
        assert told(event)[-1] == ("behind-others", 0, 0, False, "")


@on_both
def test_the_lines_sum_to_what_is_held_whatever_happened(app: Flask, moment) -> None:
    event = a_seminar(2, promotion="offer", approval="manual")
    by = kanri()
    first = register(event, an_application(*people(2)))
    second = register(event, an_application(TAKASAKI, YOSHIDA))
    register(event, an_application(*people(2), category="company"))
    for work in (
        lambda: approve(event, first.attendees[:1], by),
        lambda: decline(event, first.attendees[1:], by),
        lambda: cancel(first.attendees[:1]),
        lambda: approve(event, second.attendees, by),
        lambda: move_to(second.attendees[0], event.category("company"), by),
        lambda: register(event, an_application(*people(1)), by=by, source="staff", over_limit=True),
        lambda: events.change_category(event.category("local_gov"), {"capacity": 1}, by),
        lambda: restore(first.attendees[0], by, over_limit=True),
        lambda: end_waiting(event, event.categories, by),
    ):
        moment.move(MINUTE)
        work()
        assert sums(event) == held(event)
    assert {one.after for one in history.history([event.id])} > {Status.CONFIRMED, Status.DECLINED}


def test_the_number_of_queries_is_that_of_one_line(app: Flask) -> None:
    event = a_seminar(None)
    register(event, an_application(TAKASAKI))
    db.session.expire_all()
    few = statements(lambda: history.lines(event))
    for _ in range(10):
        register(event, an_application(*people(5)))
    db.session.expire_all()
    assert statements(lambda: history.lines(event)) == few
    assert len(history.lines(event)[""]) == 51


def test_a_line_that_is_not_there_is_missed_in_the_sum(app: Flask) -> None:
    event = a_seminar()
    register(event, an_application(TAKASAKI, YOSHIDA))
    with transaction():
        db.session.delete(db.session.scalars(select(StatusChange)).first())
    assert (sums(event)["local_gov"], held(event)["local_gov"]) == (1, 2)
