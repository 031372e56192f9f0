"""`flask check`: each violation is found where it is planted, and nothing is found in a healthy database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import checks, tokens
from eventsite.db import db, transaction
from eventsite.events import operations as events
from eventsite.events import telling
from eventsite.events.demo import load_demo
from eventsite.models import (
    Attendee,
    Category,
    Draw,
    Event,
    EventStatus,
    Format,
    InviteCode,
    Mailing,
    MailingStatus,
    Message,
    MessageStatus,
    ParticipationMode,
    Registration,
    Revision,
    Status,
    StatusChange,
)
from eventsite.registration import accept, cancel, end_at_start, expire_offers, lottery, register
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event, people, sato
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


def test_the_demo_has_none(app: Flask, moment) -> None:
    moment.move(timedelta(weeks=50))
    load_demo(today=moment().date())
    assert checks.run() == []


@on_both
def test_a_healthy_one_has_none_on_either_database(event: Event) -> None:
    assert checks.run() == []


def first(kind: Any, **values: Any) -> Any:
    return db.session.scalars(select(kind).filter_by(**values).order_by(kind.id)).first()


def moved(attendee: Attendee, to: str) -> None:
    """Somebody has another status, with its line of history and its letter."""
    before, attendee.status = attendee.status, Status(to)
    moment = NOW + timedelta(days=9)
    db.session.add(
        StatusChange(
            attendee_id=attendee.id,
            event_id=attendee.event_id,
            from_status=before.value,
            to_status=to,
            reason="planted",
            at=moment,
        )
    )
    a_letter(attendee.registration, f"planted:change-{attendee.id}:contact", moment)


def a_letter(registration: Registration, key: str, moment: datetime) -> None:
    db.session.add(
        Message(
            dedupe_key=key,
            letter="planted",
            registration_id=registration.id,
            recipient=registration.contact_email,
            locale="ja",
            subject="件名",
            message_id=f"{key}@example.jp",
            mime=b"bytes",
            next_try=moment,
            created_at=moment,
            give_up_at=moment,
        )
    )


def one_more_seat(event: Event) -> str:
    """Somebody waiting has been given a seat that is not there."""
    moved(first(Attendee, category_id=event.category("company").id, status=Status.WAITLISTED), "confirmed")
    return "healthy: 2 seats are held in company, its cap is 1"


def one_more_seat_besides_one_by_choice(event: Event) -> str:
    by_choice = first(Attendee, category_id=event.category("gdx_member").id)
    by_choice.over_limit = True
    event.category("gdx_member").capacity = 1
    register(event, an_application(category="gdx_member"))
    moved(first(Attendee, category_id=by_choice.category_id, status=Status.WAITLISTED), "confirmed")
    return "healthy: 2 seats are held in gdx_member, its cap is 1"


def a_seat_that_nobody_got(event: Event) -> str:
    event.category("company").capacity = 2
    return f"healthy: attendee {first(Attendee, status=Status.WAITLISTED).id} waits in company while a seat is free"


def a_move_to_nowhere(event: Event) -> str:
    attendee = first(Attendee, category_id=event.category("company").id, status=Status.CONFIRMED)
    db.session.add(
        Revision(
            registration_id=attendee.registration_id,
            attendee_id=attendee.id,
            kind="moved",
            before={"category": "company"},
            after={"category": "nowhere"},
            at=NOW,
        )
    )
    a_letter(attendee.registration, "planted:move:contact", NOW)
    return "healthy: the lines of company sum to 0, 1 seats are held"


def another_status(event: Event) -> str:
    attendee = first(Attendee, status=Status.WAITLISTED)
    attendee.status = Status.LOST
    return f"attendee {attendee.id}: the history does not lead to lost"


def no_history(event: Event) -> str:
    attendee = first(Attendee, status=Status.WAITLISTED)
    for one in db.session.scalars(select(StatusChange).where(StatusChange.attendee_id == attendee.id)):
        db.session.delete(one)
    return f"attendee {attendee.id}: the history does not lead to waitlisted"


def an_illegal_move(event: Event) -> str:
    attendee = first(Attendee, status=Status.EXPIRED)
    moved(attendee, "confirmed")
    event.category("local_gov").capacity = None
    return f"attendee {attendee.id}: expired → confirmed is no legal move"


def a_gap_in_history(event: Event) -> str:
    change = first(StatusChange, from_status="waitlisted", to_status="offered")
    change.from_status = "lottery"
    return f"attendee {change.attendee_id}: lottery → offered is no legal move"


def an_offer_without_an_end(event: Event) -> str:
    attendee = first(Attendee, status=Status.WAITLISTED)
    event.category("company").capacity = 2
    moved(attendee, "offered")
    return f"attendee {attendee.id}: offered a seat without an end"


def waiting_since_no_moment(event: Event) -> str:
    attendee = first(Attendee, status=Status.WAITLISTED)
    attendee.queued_at = None
    return f"attendee {attendee.id}: waits since no moment"


def a_lot_without_a_draw(event: Event) -> str:
    event.category("gdx_member").selection = "lottery"
    found = register(event, an_application(category="gdx_member"))
    event.category("gdx_member").selection = "first_come"
    return f"attendee {found.attendees[0].id}: waits for a draw that does not come"


def a_seat_without_a_seat(event: Event) -> str:
    attendee = first(Attendee, status=Status.CONFIRMED)
    attendee.seatless = True
    return f"attendee {attendee.id}: confirmed, but holds no seat"


def confirmed_unasked(event: Event) -> str:
    attendee = first(Attendee, status=Status.CONFIRMED)
    attendee.needs_approval = True
    return f"attendee {attendee.id}: confirmed without the approval needed"


def approved_by_nobody(event: Event) -> str:
    attendee = first(Attendee, status=Status.CONFIRMED)
    attendee.approved_at = NOW
    return f"attendee {attendee.id}: approved at another moment than the history says"


def cancelled_at_another_time(event: Event) -> str:
    attendee = first(Attendee, status=Status.CANCELLED)
    attendee.cancelled_at = NOW + timedelta(days=2)
    return f"attendee {attendee.id}: cancelled at another moment than the history says"


def cancelled_and_yet_coming(event: Event) -> str:
    attendee = first(Attendee, status=Status.CONFIRMED)
    attendee.cancelled_at = NOW
    return f"attendee {attendee.id}: cancelled at another moment than the history says"


def a_draw(event: Event, entries: list[tuple[str, str]]) -> str:
    """A draw of GDX members at the moment that the category tells, with that result."""
    category = event.category("gdx_member")
    stored = [{"number": number, "status": status} for number, status in entries]
    category.drawn_at = NOW
    db.session.add(Draw(category=category, seed="x", seeded_at=NOW, drawn_at=NOW, entries=stored))
    return "healthy: the draw of gdx_member"


def a_draw_in_another_order(event: Event) -> str:
    ordered = lottery.order("x", ["GDX-AAAA-AA-1", "GDX-AAAA-AA-2"])
    name = a_draw(event, [(number, "lost") for number in reversed(ordered)])
    return f"{name} is not in the order of its seed"


def somebody_drawn_twice(event: Event) -> str:
    name = a_draw(event, [("GDX-AAAA-AA-1", "lost"), ("GDX-AAAA-AA-1", "confirmed")])
    return f"{name} is not in the order of its seed"


def a_result_that_no_draw_gives(event: Event) -> str:
    return f"{a_draw(event, [('GDX-AAAA-AA-1', 'offered')])} has a result that no draw gives"


def a_draw_that_nobody_made(event: Event) -> str:
    event.category("gdx_member").drawn_at = NOW
    return f"healthy: the draw of gdx_member was made at None, the category says {NOW}"


def a_result_before_the_draw(event: Event) -> str:
    name = a_draw(event, [("GDX-AAAA-AA-1", "lost")])
    event.category("gdx_member").drawn_at = None
    db.session.flush()
    first(Draw).drawn_at = None
    return f"{name} has a result before it was made"


def no_letter(event: Event) -> str:
    found = first(Registration)
    for one in db.session.scalars(select(Message).where(Message.registration_id == found.id)):
        db.session.delete(one)
    return f"{found.reference}: no letter was written"


def not_told_of_it(event: Event) -> str:
    message = first(Message, letter="offer_expired", recipient=TOWN_HALL)
    expired = first(Attendee, status=Status.EXPIRED)
    for one in db.session.scalars(select(Message).where(Message.created_at == message.created_at)):
        if one.registration_id == message.registration_id:
            db.session.delete(one)
    return f"attendee {expired.id}: no letter told of offered → expired"


def cancelled_without_a_word(event: Event) -> str:
    """The mailing about a cancelled seminar has been dropped."""
    telling.cancel(event, None)
    first(Mailing, event_id=event.id).status = MailingStatus.DROPPED
    return f"event {event.id}: it was cancelled, and no mailing tells of it"


def told_twice(event: Event) -> str:
    """The link was renewed, and the same news was told by the new one again."""
    message = first(Message, letter="offer_expired", recipient=TOWN_HALL)
    cause, _, recipient = message.dedupe_key.rpartition(":")
    assert recipient == "contact"
    a_letter(first(Registration, id=message.registration_id), f"{cause}:contact-2", message.created_at)
    return f"2 letters tell contact of {cause}"


def no_bytes(event: Event) -> str:
    message = first(Message)
    message.mime = None
    return f"message {message.id}: nothing to send"


def no_holder(event: Event) -> str:
    message = first(Message)
    message.status = MessageStatus.SENDING
    return f"message {message.id}: being sent by nobody"


def a_neighbour() -> Event:
    found = an_event()
    db.session.flush()
    return found


def another_event(event: Event) -> str:
    found = first(Registration, category_id=event.category("gdx_member").id)
    found.event_id = a_neighbour().id
    return f"attendee {found.attendees[0].id}: belongs to another event than its registration"


def a_category_of_another_event(event: Event) -> str:
    attendee = first(Attendee, category_id=event.category("company").id, status=Status.WAITLISTED)
    moved(attendee, "lost")
    attendee.category_id = a_neighbour().categories[0].id
    return f"attendee {attendee.id}: belongs to another event than its category"


def nobody_in_it(event: Event) -> str:
    found = Registration(
        event_id=event.id,
        category_id=event.categories[0].id,
        reference="GDX-AAAA-AA",
        contact_email="a@example.jp",
        created_at=NOW,
    )
    db.session.add(found)
    db.session.flush()
    found.link_hash = tokens.digest(tokens.derive("registration", found.id, 1))
    a_letter(found, "planted:contact", NOW)
    return "GDX-AAAA-AA: has no attendee"


def a_dead_link(event: Event) -> str:
    found = first(Registration)
    found.link_version = 2
    return f"{found.reference}: its link does not open it"


def a_dead_link_of_an_attendee(event: Event) -> str:
    attendee = first(Attendee, email=YOSHIDA.email)
    attendee.link_hash = None
    return f"attendee {attendee.id}: the own link does not open it"


def a_link_to_nobody(event: Event) -> str:
    attendee = first(Attendee, email=YOSHIDA.email)
    attendee.email = ""
    return f"attendee {attendee.id}: has a link of its own without an address to send it to"


def a_code_used_too_often(event: Event) -> str:
    code = InviteCode(category_id=event.category("company").id, code="ABCDEFGH", uses=1, created_at=NOW)
    db.session.add(code)
    db.session.flush()
    for one in db.session.scalars(select(Registration)):
        one.invite_code_id = code.id
    return f"code {code.id}: let in 4 registrations, 1 may use it"


PLANTS: dict[Callable[[], Any], tuple[Callable[[Event], str], ...]] = {
    checks.seats_within_caps: (one_more_seat, one_more_seat_besides_one_by_choice),
    checks.no_free_seat_while_somebody_waits: (a_seat_that_nobody_got,),
    checks.seat_lines_sum_to_what_is_held: (a_move_to_nowhere,),
    checks.states_follow_moves: (another_status, no_history, an_illegal_move, a_gap_in_history),
    checks.states_have_what_they_need: (
        an_offer_without_an_end,
        waiting_since_no_moment,
        a_lot_without_a_draw,
        a_seat_without_a_seat,
        confirmed_unasked,
    ),
    checks.moments_agree_with_the_history: (
        approved_by_nobody,
        cancelled_at_another_time,
        cancelled_and_yet_coming,
    ),
    checks.draws_can_be_repeated: (
        a_draw_in_another_order,
        somebody_drawn_twice,
        a_result_that_no_draw_gives,
        a_draw_that_nobody_made,
        a_result_before_the_draw,
    ),
    checks.registrations_have_letters: (no_letter,),
    checks.changes_have_letters: (not_told_of_it,),
    checks.cancelled_events_are_told_of: (cancelled_without_a_word,),
    checks.each_cause_has_one_letter: (told_twice,),
    checks.messages_can_leave: (no_bytes, no_holder),
    checks.attendees_belong_together: (another_event, a_category_of_another_event, nobody_in_it),
    checks.links_open_what_they_should: (a_dead_link, a_dead_link_of_an_attendee, a_link_to_nobody),
    checks.codes_admit_no_more_than_they_may: (a_code_used_too_often,),
}


def test_every_check_has_a_plant() -> None:
    assert list(PLANTS) == list(checks.CHECKS)


@pytest.mark.parametrize(
    ("check", "plant"),
    [(check, one) for check, plants in PLANTS.items() for one in plants],
    ids=lambda value: value.__name__,
)
def test_what_is_planted_is_found_and_nothing_else(
    event: Event, check: Callable[[], Any], plant: Callable[[Event], str]
) -> None:
    with transaction():
        words = plant(event)
    assert list(check()) == [words]
    assert checks.run() == [words]


def test_the_command_lists_them_and_fails(app: Flask, event: Event) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["check"]).exit_code == 0
    with transaction():
        one_more_seat(event)
    result = runner.invoke(args=["check"])
    assert (result.exit_code, "its cap is 1" in result.output) == (1, True)


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
            first(
                Attendee, status=Status.CONFIRMED, category_id=event.category("company").id
            ).over_limit = True
        assert checks.run() == ["healthy: 2 seats are held in company, its cap is 1"]
        with transaction():
            for one in db.session.scalars(select(Attendee)):
                one.over_limit = one.queued_at is not None
        assert checks.run() == []


class TestFreeSeats:
    """A seat that somebody waits for may lie free only while nobody may have it by the rule (D21, D23)."""

    @pytest.fixture
    def company(self, event: Event) -> Category:
        found = event.category("company")
        with transaction():
            a_seat_that_nobody_got(event)
        return found

    @pytest.mark.parametrize(
        ("row", "changes"),
        [
            ("category", {"closes_at": NOW}),
            ("category", {"selection": "lottery"}),
            ("event", {"closes_at": NOW}),
            ("event", {"start_at": NOW}),
            ("event", {"status": EventStatus.CANCELLED}),
            ("event", {"capacity_total": 4}),
        ],
    )
    def test_nobody_may_have_it(self, company: Category, row: str, changes: dict[str, Any]) -> None:
        with transaction():
            for name, value in changes.items():
                setattr(company if row == "category" else company.event, name, value)
        assert checks.run() == []

    def test_the_other_way_to_take_part_is_full(self, company: Category) -> None:
        with transaction():
            company.event.modes.append(ParticipationMode(key="venue", label="会場参加", capacity=0))
            first(Attendee, status=Status.WAITLISTED).participation = "venue"
        assert checks.run() == []


def test_the_start_ends_waiting_without_a_letter(event: Event, moment) -> None:
    moment.move(timedelta(weeks=5))
    (ended,) = end_at_start(event)
    assert (ended.status, checks.run()) == (Status.LOST, [])


def test_a_code_is_given_back_by_those_who_cancel(event: Event) -> None:
    with transaction():
        a_code_used_too_often(event)
        first(InviteCode).uses = 3
        assert checks.run() != []
        cancel([first(Attendee, category_id=event.category("gdx_member").id)])
    assert checks.run() == []


def test_who_has_no_address_needs_no_letter(event: Event) -> None:
    with transaction():
        no_letter(event)
        first(Registration).contact_email = ""
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
