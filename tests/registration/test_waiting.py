"""The waitlist under the office's hand, and its end: promotion by hand, over the limit, the last word (D11, D23)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import checks, clock, jobs
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.models import Account, Attendee, AuditEntry, Event, Message, Registration, Status, StatusChange
from eventsite.registration import end_at_start, end_waiting, promote_by_hand, register
from tests.cast import an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
START = datetime(2026, 1, 14, 1, 0, tzinfo=UTC)
CLOSING = datetime(2026, 1, 9, 8, 0, tzinfo=UTC)
CONFIRMED, WAITLISTED, LOST, OFFERED = Status.CONFIRMED, Status.WAITLISTED, Status.LOST, Status.OFFERED


@pytest.fixture(autouse=True)
def monday(at):
    """It is Monday, 5 January 2026, 11:00 in Japan."""
    return at(NOW)


def with_a_queue(seats: int, people_in_all: int, **rule: Any) -> tuple[Event, list[Registration], Account]:
    """A seminar with that many seats for towns, more people than seats, and its organiser."""
    event = an_event(capacities={"local_gov": seats}, start_at=START, end_at=START + timedelta(minutes=90))
    with transaction():
        event.category("local_gov").closes_at = CLOSING
        for name, value in rule.items():
            setattr(event.category("local_gov"), name, value)
    found = []
    for number, one in enumerate(people(people_in_all), start=1):
        clock.now.moment = NOW + timedelta(seconds=number)
        found.append(register(event, an_application(one, contact_email=f"{number}@town.example.lg.jp")))
    return event, found, sato(event)


def resize(event: Event, seats: int) -> None:
    """Raise the cap behind the back of the verbs, so that seats stay free."""
    with transaction():
        event.category("local_gov").capacity = seats


def statuses(registrations: list[Registration]) -> list[Status]:
    return [attendee.status for one in registrations for attendee in one.attendees]


def letters(kind: str) -> list[str]:
    rows = db.session.scalars(select(Message).where(Message.letter == kind).order_by(Message.id))
    return [one.recipient for one in rows]


def last_entry() -> tuple[str, int | None, dict[str, Any]]:
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    return entry.action, entry.account_id, entry.details


class TestPromoteByHand:
    @on_both
    def test_after_the_closing_free_seats_go_to_the_first_in_line(self, app: Flask, at) -> None:
        event, found, account = with_a_queue(1, 4)
        at(CLOSING)
        resize(event, 3)
        assert promote_by_hand(event, account) == [found[1].attendees[0], found[2].attendees[0]]
        assert statuses(found) == [CONFIRMED, CONFIRMED, CONFIRMED, WAITLISTED]
        assert letters("promoted") == ["2@town.example.lg.jp", "3@town.example.lg.jp"]
        numbers = [found[1].attendees[0].number, found[2].attendees[0].number]
        details = {"numbers": numbers, "by_hand": True, "over_limit": False}
        assert last_entry() == ("attendee.promoted", account.id, details)
        change = db.session.scalars(select(StatusChange).order_by(StatusChange.id.desc())).first()
        assert (change.reason, change.account_id) == ("by-hand", account.id)
        assert checks.run() == []

    def test_one_by_one_passes_those_in_front(self, app: Flask, at) -> None:
        event, found, account = with_a_queue(1, 4)
        at(CLOSING)
        resize(event, 2)
        third = found[3].attendees[0]
        assert promote_by_hand(event, account, [third]) == [third]
        assert statuses(found) == [CONFIRMED, WAITLISTED, WAITLISTED, CONFIRMED]

    def test_without_room_it_says_so_and_nobody_moves(self, app: Flask) -> None:
        event, found, account = with_a_queue(1, 3)
        with pytest.raises(Refusal) as refusal:
            promote_by_hand(event, account, found[2].attendees)
        assert refusal.value.code == "sold-out"
        assert statuses(found) == [CONFIRMED, WAITLISTED, WAITLISTED]

    def test_over_the_limit_is_a_marked_choice(self, app: Flask) -> None:
        event, found, account = with_a_queue(1, 3)
        promote_by_hand(event, account, found[2].attendees, over_limit=True)
        assert statuses(found) == [CONFIRMED, WAITLISTED, CONFIRMED]
        assert [one.attendees[0].over_limit for one in found] == [False, False, True]
        assert last_entry()[2]["over_limit"] is True
        assert checks.run() == []

    def test_twice_is_once(self, app: Flask) -> None:
        event, found, account = with_a_queue(1, 2)
        promote_by_hand(event, account, found[1].attendees, over_limit=True)
        assert promote_by_hand(event, account, found[1].attendees, over_limit=True) == []
        assert letters("promoted") == ["2@town.example.lg.jp"]

    @pytest.mark.parametrize(
        ("moment", "moves"), [(START - timedelta(seconds=1), True), (START, False)], ids=["before", "at"]
    )
    def test_until_the_start(self, app: Flask, at, moment: datetime, moves: bool) -> None:
        event, found, account = with_a_queue(1, 2)
        resize(event, 2)
        at(moment)
        if moves:
            assert promote_by_hand(event, account) == found[1].attendees
        else:
            with pytest.raises(Refusal) as refusal:
                promote_by_hand(event, account)
            assert refusal.value.code == "closed"

    def test_an_offer_stays_an_offer_before_the_closing(self, app: Flask) -> None:
        event, found, account = with_a_queue(1, 2, promotion="offer")
        resize(event, 2)
        promote_by_hand(event, account)
        assert statuses(found) == [CONFIRMED, OFFERED]

    def test_people_of_another_event_are_left_alone(self, app: Flask) -> None:
        event, _, account = with_a_queue(1, 1)
        _, others, _ = with_other_office(1, 2)
        assert promote_by_hand(event, account, others[1].attendees, over_limit=True) == []
        assert statuses(others) == [CONFIRMED, WAITLISTED]


def with_other_office(seats: int, people_in_all: int) -> tuple[Event, list[Registration], None]:
    """Another seminar with a queue, organised by somebody else."""
    event = an_event(capacities={"local_gov": seats}, start_at=START, end_at=START + timedelta(minutes=90))
    found = [register(event, an_application(one)) for one in people(people_in_all)]
    return event, found, None


class TestTheEnd:
    @on_both
    def test_the_office_ends_it_and_everybody_hears(self, app: Flask) -> None:
        event, found, account = with_a_queue(1, 3)
        category = event.category("local_gov")
        assert end_waiting(event, [category], account) == [one.attendees[0] for one in found[1:]]
        assert statuses(found) == [CONFIRMED, LOST, LOST]
        assert letters("waitlist_ended") == ["2@town.example.lg.jp", "3@town.example.lg.jp"]
        assert category.waitlist is False, "nobody can begin to wait"
        with pytest.raises(Refusal) as refusal:
            register(event, an_application(people(9)[8], contact_email="9@town.example.lg.jp"))
        assert refusal.value.code == "sold-out"
        action, actor, details = last_entry()
        assert (action, actor, details["categories"]) == ("waitlist.ended", account.id, ["local_gov"])
        assert checks.run() == []

    def test_of_one_category_only(self, app: Flask) -> None:
        event, found, account = with_a_queue(1, 2)
        end_waiting(event, [event.category("company")], account)
        assert statuses(found) == [CONFIRMED, WAITLISTED]

    def test_twice_writes_once(self, app: Flask) -> None:
        event, _, account = with_a_queue(1, 2)
        end_waiting(event, event.categories, account)
        assert end_waiting(event, event.categories, account) == []
        assert letters("waitlist_ended") == ["2@town.example.lg.jp"]

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [(START - timedelta(seconds=1), WAITLISTED), (START, LOST)],
        ids=["a second before", "at the start"],
    )
    def test_the_start_ends_it_without_a_letter(
        self, app: Flask, at, moment: datetime, expected: Status
    ) -> None:
        _, found, _ = with_a_queue(1, 2)
        at(moment)
        jobs.Worker().drain()
        assert statuses(found) == [CONFIRMED, expected]
        assert letters("waitlist_ended") == []

    def test_at_the_start_a_second_worker_finds_nothing_to_do(self, app: Flask, at) -> None:
        event, found, _ = with_a_queue(1, 2)
        at(START)
        assert end_at_start(event) == found[1].attendees
        assert end_at_start(event) == []
        assert len(db.session.scalars(select(Attendee).where(Attendee.status == LOST)).all()) == 1
