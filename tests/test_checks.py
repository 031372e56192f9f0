"""`flask check`: each violation is found where it is planted, and nothing is found in a healthy database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import checks
from eventsite.db import db, transaction
from eventsite.events import operations as events
from eventsite.models import (
    Attendee,
    Event,
    Format,
    Message,
    MessageStatus,
    ParticipationMode,
    Registration,
    Status,
    StatusChange,
)
from eventsite.registration import accept, cancel, expire_offers, register
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask, moment) -> Event:
    """A seminar with two full categories, people who wait, an offer, cancellations and letters on their way."""
    found = an_event(capacities={"local_gov": 2, "company": 1}, slug="healthy")
    with transaction():
        found.category("local_gov").promotion = "offer"
    holders = register(found, an_application(*people(2)))
    waiting = register(found, an_application(TAKASAKI, YOSHIDA))
    register(found, an_application(*people(2), category="company"))
    register(found, an_application(category="gdx_member"))
    cancel(holders.attendees)
    accept(waiting.attendees[0])
    moment.move(timedelta(days=5))
    expire_offers(found)
    register(found, an_application(TAKASAKI))
    moment.move(timedelta(minutes=1))
    return found


def test_a_healthy_database_has_no_violation(event: Event) -> None:
    assert {one.value for one in db.session.scalars(select(Attendee.status))} == {
        "confirmed",
        "waitlisted",
        "cancelled",
        "expired",
    }
    assert checks.run() == []


def test_an_empty_one_has_none(app: Flask) -> None:
    assert checks.run() == []


@on_both
def test_a_healthy_one_has_none_on_either_database(event: Event) -> None:
    assert checks.run() == []


def first(kind: Any, **values: Any) -> Any:
    return db.session.scalars(select(kind).filter_by(**values).order_by(kind.id)).first()


def one_more_seat(event: Event) -> None:
    """Somebody waiting has been given a seat that is not there."""
    attendee = first(Attendee, category_id=event.category("company").id, status=Status.WAITLISTED)
    attendee.status = Status.CONFIRMED
    db.session.add(
        StatusChange(
            attendee_id=attendee.id,
            event_id=event.id,
            from_status="waitlisted",
            to_status="confirmed",
            reason="planted",
            at=NOW + timedelta(days=9),
        )
    )


def another_status(event: Event) -> None:
    first(Attendee, status=Status.WAITLISTED).status = Status.LOST


def no_history(event: Event) -> None:
    for one in db.session.scalars(select(StatusChange).where(StatusChange.attendee_id == first(Attendee).id)):
        db.session.delete(one)


def an_illegal_move(event: Event) -> None:
    attendee = first(Attendee, status=Status.EXPIRED)
    attendee.status = Status.CONFIRMED
    db.session.add(
        StatusChange(
            attendee_id=attendee.id,
            event_id=event.id,
            from_status="expired",
            to_status="confirmed",
            reason="planted",
            at=NOW,
        )
    )
    event.category("local_gov").capacity = None


def a_gap_in_history(event: Event) -> None:
    first(StatusChange, from_status="waitlisted", to_status="offered").from_status = "lottery"


def no_letter(event: Event) -> None:
    for one in db.session.scalars(select(Message).where(Message.registration_id == first(Registration).id)):
        db.session.delete(one)


def no_bytes(event: Event) -> None:
    first(Message).mime = None


def no_holder(event: Event) -> None:
    first(Message).status = MessageStatus.SENDING


def another_event(event: Event) -> None:
    other = an_event()
    found = first(Registration)
    found.event_id = other.id


def nobody_in_it(event: Event) -> None:
    found = Registration(
        event_id=event.id,
        category_id=event.categories[0].id,
        reference="GDX-AAAA-AA",
        contact_email="a@example.jp",
        created_at=NOW,
    )
    db.session.add(found)
    db.session.flush()
    first(Message).registration_id = found.id


@pytest.mark.parametrize(
    ("plant", "check", "words"),
    [
        (one_more_seat, checks.seats_within_caps, "healthy: 2 seats are held in company, its cap is 1"),
        (another_status, checks.states_follow_moves, "the history does not lead to lost"),
        (no_history, checks.states_follow_moves, "the history does not lead to cancelled"),
        (an_illegal_move, checks.states_follow_moves, "expired → confirmed is no legal move"),
        (a_gap_in_history, checks.states_follow_moves, "lottery → offered is no legal move"),
        (no_letter, checks.registrations_have_letters, "no letter was written"),
        (no_bytes, checks.messages_can_leave, "nothing to send"),
        (no_holder, checks.messages_can_leave, "being sent by nobody"),
        (another_event, checks.attendees_belong_together, "belongs to another event than its registration"),
        (nobody_in_it, checks.attendees_belong_together, "GDX-AAAA-AA: has no attendee"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_is_planted_is_found(
    event: Event, plant: Callable[[Event], None], check: Callable[[], Any], words: str
) -> None:
    with transaction():
        plant(event)
    found = checks.run()
    assert found == list(check())
    assert [one for one in found if not one.endswith(words)] == []
    assert found != []


def test_the_command_lists_them_and_fails(app: Flask, event: Event) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["check"]).exit_code == 0
    with transaction():
        one_more_seat(event)
    result = runner.invoke(args=["check"])
    assert (result.exit_code, "its cap is 1" in result.output) == (1, True)


def test_every_check_has_a_plant() -> None:
    assert len(checks.CHECKS) == 5


class TestLoweredCap:
    """Lowering a cap drops nobody (D16) and is no violation, whatever happens afterwards."""

    @pytest.fixture
    def lowered(self, event: Event) -> Event:
        account = sato(event)
        events.change_category(event.category("local_gov"), {"capacity": 1}, account)
        return event

    def test_by_itself(self, lowered: Event, moment) -> None:
        moment.move(timedelta(minutes=1))
        assert checks.run() == []

    def test_while_others_register_elsewhere(self, lowered: Event, moment) -> None:
        moment.move(timedelta(minutes=1))
        register(lowered, an_application(category="gdx_member"))
        register(lowered, an_application())
        assert checks.run() == []

    def test_while_an_offer_is_taken(self, app: Flask, moment) -> None:
        event = an_event(capacities={"local_gov": 1})
        account = sato(event)
        with transaction():
            event.category("local_gov").promotion = "offer"
        holder = register(event, an_application(*people(1)))
        found = register(event, an_application())
        cancel(holder.attendees)
        moment.move(timedelta(minutes=1))
        events.change_category(event.category("local_gov"), {"capacity": 0}, account)
        moment.move(timedelta(minutes=1))
        accept(found.attendees[0])
        assert checks.run() == []

    def test_of_the_event(self, event: Event, moment) -> None:
        events.change(event, {"capacity_total": 1}, sato(event))
        moment.move(timedelta(minutes=1))
        assert checks.run() == []

    def test_a_seat_given_afterwards_is_one(self, lowered: Event, moment) -> None:
        moment.move(timedelta(days=3))
        with transaction():
            one_more_seat(lowered)
        assert checks.run() == ["healthy: 2 seats are held in company, its cap is 1"]

    def test_over_the_limit_by_choice_is_none(self, event: Event) -> None:
        with transaction():
            one_more_seat(event)
            for one in db.session.scalars(select(Attendee)):
                one.over_limit = True
        assert checks.run() == []


def test_a_way_to_take_part_has_its_own_cap(app: Flask) -> None:
    event = an_event(format=Format.HYBRID, slug="hybrid")
    with transaction():
        event.modes.append(ParticipationMode(key="venue", label="会場参加", capacity=1))
    found = register(event, an_application())
    with transaction():
        found.attendees[0].participation = "venue"
    assert checks.run() == []
    with transaction():
        event.modes[0].capacity = 0
    assert checks.run() == ["hybrid: 1 seats are held in venue, its cap is 0"]
