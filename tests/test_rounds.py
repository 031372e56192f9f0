"""Work that comes round: each time once, by one worker, whatever becomes of workers and clocks (F16)."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import jobs, rounds
from eventsite.db import db, transaction
from eventsite.errors import Busy
from eventsite.models import Task
from eventsite.rounds import Round
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 0, 30, tzinfo=UTC)  # Monday, 9:30 in Japan
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MORNING = rounds.on_business_days(time(9))


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


class Diary:
    """What was done, and a round that does it."""

    def __init__(self, after: Callable[[datetime], datetime] | None = None) -> None:
        self.done: list[str] = []
        self.trouble: Exception | None = None
        self.round = Round("diary", after or rounds.every(10 * MINUTE), self.write)

    def write(self) -> None:
        self.done.append("done")
        if self.trouble:
            raise self.trouble

    def look(self, worker: str = "a") -> int:
        db.session.rollback()
        return rounds.run_due(worker, [self.round])


def task() -> Task:
    db.session.rollback()
    return db.session.scalars(select(Task)).one()


@pytest.mark.parametrize(
    ("moment", "then"),
    [
        ("2025-12-01T08:59:59", "2025-12-01T09:00"),
        ("2025-12-01T09:00", "2025-12-02T09:00"),
        ("2025-12-05T09:30", "2025-12-08T09:00"),
        ("2025-12-06T08:00", "2025-12-08T09:00"),
        ("2025-12-26T12:00", "2026-01-05T09:00"),
        ("2026-01-09T12:00", "2026-01-13T09:00"),
    ],
    ids=["same day", "next day", "Friday", "Saturday", "new year", "holiday"],
)
def test_mornings_of_business_days(moment: str, then: str) -> None:
    japan = timedelta(hours=9)
    asked = datetime.fromisoformat(moment).replace(tzinfo=UTC) - japan
    assert MORNING(asked) == datetime.fromisoformat(then).replace(tzinfo=UTC) - japan


@pytest.mark.parametrize(("minute", "then"), [(0, 10), (9, 10), (10, 20)])
def test_intervals_fall_on_the_same_moments_for_everybody(minute: int, then: int) -> None:
    ten_minutes = rounds.every(10 * MINUTE)
    assert ten_minutes(NOW.replace(minute=minute, second=1)) == NOW.replace(minute=then)
    assert ten_minutes(NOW.replace(minute=minute)) == NOW.replace(minute=then)


@on_both
def test_a_round_is_done_when_its_time_has_come_and_once(app: Flask, moment) -> None:
    diary = Diary()
    assert [diary.look(), diary.look()] == [0, 0]  # the row is made, nothing is due
    moment.move(10 * MINUTE)
    assert [diary.look("a"), diary.look("b"), diary.look("a")] == [1, 0, 0]
    assert diary.done == ["done"]
    assert (task().next_run, task().lease_until) == (NOW + 20 * MINUTE, None)


@on_both
def test_of_two_workers_one_does_it(app: Flask, moment) -> None:
    diary = Diary()
    diary.look()
    moment.move(10 * MINUTE)
    db.session.remove()
    gate = threading.Barrier(8)
    counts = []

    def work(name: str) -> None:
        with app.app_context():
            gate.wait()
            counts.append(rounds.run_due(name, [diary.round]))
            db.session.remove()

    threads = [threading.Thread(target=work, args=[str(number)]) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (sorted(counts), diary.done) == ([0] * 7 + [1], ["done"])


@on_both
def test_rows_made_by_two_workers_at_once_are_one(app: Flask) -> None:
    diaries = [Diary() for _ in range(6)]
    gate = threading.Barrier(6)

    def work(diary: Diary) -> None:
        with app.app_context():
            gate.wait()
            diary.look()
            db.session.remove()

    threads = [threading.Thread(target=work, args=[one]) for one in diaries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert task().next_run == NOW + 10 * MINUTE


@on_both
def test_what_a_killed_worker_held_comes_back_when_its_lease_ends(app: Flask, moment) -> None:
    diary = Diary()
    diary.look()
    moment.move(10 * MINUTE)
    with transaction():
        held = db.session.scalars(select(Task)).one()
        held.worker, held.lease_until = "killed", moment() + rounds.LEASE
    assert diary.look("b") == 0
    moment.move(rounds.LEASE)
    assert diary.look("b") == 0
    moment.move(timedelta(seconds=1))
    assert (diary.look("b"), diary.done, task().worker) == (1, ["done"], "b")


@on_both
def test_a_worker_that_comes_too_late_settles_nothing(app: Flask, moment) -> None:
    diary = Diary()
    diary.look()
    moment.move(10 * MINUTE)

    def sleep() -> None:
        moment.move(rounds.LEASE + MINUTE)
        assert diary.look("b") == 1

    assert rounds.run_due("a", [Round("diary", diary.round.after, sleep)]) == 1
    assert (task().worker, task().next_run) == ("b", NOW + 30 * MINUTE)


@pytest.mark.parametrize("trouble", [RuntimeError("broken"), Busy()])
def test_a_round_that_fails_is_tried_again_and_holds_up_no_other(app: Flask, moment, trouble, caplog) -> None:
    broken, well = Diary(MORNING), Diary()
    broken.trouble = trouble
    both = [broken.round, Round("well", well.round.after, well.write)]
    rounds.run_due("a", both)
    moment.move(DAY)
    assert [rounds.run_due("a", both) for _ in range(3)] == [1, 1, 0]
    assert (broken.done, well.done) == (["done"], ["done"])
    broken.trouble = None
    moment.move(rounds.AGAIN)
    assert rounds.run_due("a", both) == 1
    assert db.session.get_one(Task, "diary").next_run == MORNING(moment())
    assert ("the round diary failed; it is tried again" in caplog.text) is isinstance(trouble, RuntimeError)


@pytest.mark.parametrize("after", [MORNING, rounds.every(10 * MINUTE)], ids=["morning", "interval"])
def test_a_clock_that_jumps_an_hour_does_nothing_twice(app: Flask, moment, after) -> None:
    diary = Diary(after)
    diary.look()
    moment.moment = after(after(NOW))
    assert diary.look() == 1
    moment.move(-HOUR)
    assert [diary.look() for _ in range(3)] == [0, 0, 0]
    moment.move(HOUR)
    assert diary.look() == 0
    assert diary.done == ["done"]


def test_a_jump_in_the_middle_of_a_round_does_nothing_twice(app: Flask, moment) -> None:
    diary = Diary(MORNING)
    diary.look()
    moment.moment = MORNING(NOW)

    def jump() -> None:
        diary.write()
        moment.move(-HOUR)

    assert rounds.run_due("a", [Round("diary", MORNING, jump)]) == 1
    moment.move(HOUR)
    assert (diary.look(), diary.done) == (0, ["done"])


def test_a_clock_that_was_a_year_ahead_stops_nothing_for_a_year(app: Flask, moment) -> None:
    diary = Diary()
    moment.move(365 * DAY)
    diary.look()
    moment.move(-365 * DAY)
    assert diary.look() == 0
    moment.move(10 * MINUTE)
    assert (diary.look(), diary.done) == (1, ["done"])


def test_what_was_missed_while_nobody_worked_is_done_once(app: Flask, moment) -> None:
    diary = Diary()
    diary.look()
    moment.move(3 * DAY)
    assert [diary.look(), diary.look()] == [1, 0]


def test_the_worker_does_every_round_in_turn(app: Flask, moment) -> None:
    worker = jobs.Worker()
    worker.drain()
    assert set(db.session.scalars(select(Task.name))) == {one.name for one in rounds.ROUNDS}
    moment.move(4 * DAY)
    worker.drain()
    db.session.rollback()
    due = {one.name: one.after(moment()) for one in rounds.ROUNDS}
    assert {one.name: one.next_run for one in db.session.scalars(select(Task))} == due


def test_what_is_to_be_done_at_once_waits_for_no_hour(app: Flask, moment) -> None:
    diary = Diary(rounds.every(timedelta(hours=1)))
    diary.round = replace(diary.round, at_once=True)
    assert [diary.look(), diary.look(), diary.look()] == [0, 1, 0]
    assert [one.name for one in rounds.ROUNDS if one.at_once] == ["plan"]
