"""Mail sent again, addresses put right, lost links: who may, how often, and what the old address still learns."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from eventsite import checks, registration, tokens
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.mail import mailings, outbox, schedule
from eventsite.mail.recipients import Recipient
from eventsite.mail.sending import delivery
from eventsite.models import (
    Attendee,
    AuditEntry,
    CalendarEntry,
    Message,
    MessageStatus,
    Registration,
    Revision,
    Status,
    StatusChange,
)
from eventsite.registration import Application
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event, people, suzuki
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
RIGHT = "soumu@city.example.lg.jp"
PRIVATE = "takasaki@mail.example.com"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def registered(application: Application | None = None, seats: int = 60, **rule: Any) -> Registration:
    seminar = an_event(capacities={"local_gov": seats})
    with transaction():
        for name, value in rule.items():
            setattr(seminar.category("local_gov"), name, value)
    return registration.register(seminar, application or an_application())


def written(found: Registration) -> list[tuple[str, str]]:
    """Letter and address of all that was ever written about a registration, in order."""
    rows = db.session.execute(
        select(Message.letter, Message.recipient)
        .where(Message.registration_id == found.id)
        .order_by(Message.id)
    )
    return [(letter, recipient) for letter, recipient in rows]


def opens(found: Registration, version: int) -> bool:
    token = tokens.derive("registration", found.id, version)
    return (
        db.session.scalar(select(Registration.id).where(Registration.link_hash == tokens.digest(token)))
        == found.id
    )


def refusal_of(verb: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as refused:
        verb()
    return refused.value.code


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def at_once(app: Flask, verb: Callable[[], Any], count: int = 2) -> list[Any]:
    """Run a verb in several threads that begin together; returns what each came to."""
    gate = threading.Barrier(count)
    answers: list[Any] = []

    def run() -> None:
        with app.app_context():
            gate.wait(10)
            try:
                answers.append(verb())
            except Refusal as refusal:
                answers.append(refusal.code)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    db.session.rollback()
    return sorted(answers, key=str)


class TestSentAgain:
    def test_the_same_letter_to_the_same_address(self, app: Flask, moment) -> None:
        found = registered()
        moment.move(timedelta(minutes=5))
        assert registration.send_again(found, seen=0) is True
        assert written(found) == [("confirmed", TOWN_HALL), ("confirmed", TOWN_HALL)]
        assert (found.sent_again, found.link_version) == (1, 1)
        assert actions()[-1] == "registration.sent_again"
        assert list(db.session.scalars(select(CalendarEntry.sequence))) == [0]

    def test_only_the_contact_s(self, app: Flask) -> None:
        found = registered(an_application(TAKASAKI, YOSHIDA))
        registration.send_again(found)
        assert written(found)[2:] == [("confirmed", TOWN_HALL)]

    @pytest.mark.parametrize(
        ("minutes", "code"), [(29, None), (30, "closed"), (31, "closed")], ids=["29", "30", "31"]
    )
    def test_for_half_an_hour(self, app: Flask, moment, minutes: int, code: str | None) -> None:
        found = registered()
        moment.move(timedelta(minutes=minutes))
        if code is None:
            registration.send_again(found)
        else:
            assert refusal_of(lambda: registration.send_again(found)) == code
            assert refusal_of(lambda: registration.correct_address(found, RIGHT)) == code
        assert found.sent_again == (code is None)

    def test_three_times_corrections_included(self, app: Flask) -> None:
        found = registered()
        registration.send_again(found, seen=0)
        registration.correct_address(found, RIGHT, seen=1)
        registration.send_again(found, seen=2)
        assert refusal_of(lambda: registration.send_again(found, seen=3)) == "rate-limited"
        assert refusal_of(lambda: registration.correct_address(found, PRIVATE, seen=3)) == "rate-limited"
        assert written(found) == [("confirmed", TOWN_HALL)] * 2 + [("confirmed", RIGHT)] * 2

    def test_a_second_press_of_the_same_page_does_nothing(self, app: Flask) -> None:
        found = registered()
        assert [registration.send_again(found, seen=0) for _ in range(3)] == [True, False, False]
        assert found.sent_again == 1
        assert len(written(found)) == 2

    @on_both
    def test_two_presses_at_once_are_one(self, app: Flask) -> None:
        found = registered()
        number = found.id

        def press() -> bool:
            return registration.send_again(db.session.get_one(Registration, number), seen=0)

        assert at_once(app, press, 4) == [False, False, False, True]
        assert found.sent_again == 1
        assert len(written(found)) == 2

    def test_who_has_cancelled_gets_the_link(self, app: Flask) -> None:
        found = registered()
        registration.cancel(found.attendees)
        registration.send_again(found)
        assert written(found)[-1] == ("link_resent", TOWN_HALL)


class TestCorrected:
    @on_both
    def test_everything_goes_to_the_new_address(self, app: Flask, moment) -> None:
        found = registered()
        uid = db.session.scalar(select(CalendarEntry.uid))
        moment.move(timedelta(minutes=5))
        assert registration.correct_address(found, RIGHT, seen=0) is True
        assert (found.contact_email, found.link_version, found.sent_again) == (RIGHT, 2, 1)
        assert [opens(found, version) for version in (1, 2)] == [False, True]
        assert written(found) == [("confirmed", TOWN_HALL), ("confirmed", RIGHT)]
        entries = db.session.execute(
            select(CalendarEntry.recipient_key, CalendarEntry.method, CalendarEntry.sequence).order_by(
                CalendarEntry.id
            )
        ).all()
        assert [tuple(one) for one in entries] == [("contact", "REQUEST", 0), ("contact-2", "REQUEST", 0)]
        assert db.session.scalars(select(CalendarEntry.uid).order_by(CalendarEntry.id)).all()[1] != uid
        (revision,) = db.session.scalars(select(Revision))
        assert (revision.kind, revision.attendee_id, revision.account_id) == ("address", None, None)
        assert (revision.before, revision.after) == ({"contact_email": TOWN_HALL}, {"contact_email": RIGHT})
        assert actions()[-1] == "registration.readdressed"
        assert checks.run() == []

    def test_what_has_not_left_stays_here(self, app: Flask, moment) -> None:
        found = registered(an_application(TAKASAKI, YOSHIDA))
        registration.correct_address(found, RIGHT)
        rows = db.session.execute(select(Message.recipient, Message.status).order_by(Message.id)).all()
        assert [tuple(one) for one in rows] == [
            (TOWN_HALL, MessageStatus.HELD),
            (YOSHIDA.email, MessageStatus.QUEUED),
            (RIGHT, MessageStatus.QUEUED),
        ]
        assert sorted(one.recipient for one in outbox.claim("worker")) == sorted([YOSHIDA.email, RIGHT])

    def test_not_even_by_a_worker_that_holds_it(self, app: Flask) -> None:
        found = registered()
        (held,) = outbox.claim("worker")
        registration.correct_address(found, RIGHT)
        assert outbox.renew(held, "worker") is False

    def test_what_has_left_is_left_alone(self, app: Flask) -> None:
        found = registered()
        delivery.deliver("worker")
        registration.correct_address(found, RIGHT)
        rows = db.session.scalars(select(Message.status).order_by(Message.id)).all()
        assert rows == [MessageStatus.SENT, MessageStatus.QUEUED]

    def test_the_same_address_is_no_correction(self, app: Flask) -> None:
        found = registered()
        registration.correct_address(found, TOWN_HALL)
        assert (found.link_version, found.sent_again) == (1, 1)
        assert list(db.session.scalars(select(Revision))) == []
        assert len(written(found)) == 2

    @on_both
    def test_two_corrections_at_once_are_one(self, app: Flask) -> None:
        found = registered()
        number = found.id

        def press() -> bool:
            return registration.correct_address(db.session.get_one(Registration, number), RIGHT, seen=0)

        assert at_once(app, press) == [False, True]
        assert (found.link_version, found.sent_again) == (2, 1)
        assert written(found) == [("confirmed", TOWN_HALL), ("confirmed", RIGHT)]

    def test_repeats_of_a_person_are_looked_for_anew(self, app: Flask) -> None:
        found = registered()
        other = registration.register(found.event, an_application(contact_email=RIGHT))
        assert other.attendees[0].possible_duplicate is False
        registration.correct_address(other, TOWN_HALL)
        assert other.attendees[0].possible_duplicate is True


class TestAccess:
    """A correction asks again whether approval is needed (D24–D28)."""

    HINT = {"verification": "domain_hint"}

    def test_for_the_worse_it_is_for_the_office(self, app: Flask) -> None:
        found = registered(**self.HINT)
        assert refusal_of(lambda: registration.correct_address(found, PRIVATE)) == "not-eligible"
        assert (found.contact_email, found.sent_again, found.link_version) == (TOWN_HALL, 0, 1)
        assert found.attendees[0].status == Status.CONFIRMED
        assert found.attendees[0].eligibility == "domain-lg match"
        assert len(written(found)) == 1

    def test_for_the_better_it_gives_what_the_right_address_would_have(self, app: Flask) -> None:
        found = registered(an_application(contact_email=PRIVATE), **self.HINT)
        assert found.attendees[0].status == Status.PENDING
        registration.correct_address(found, TOWN_HALL)
        attendee = found.attendees[0]
        assert (attendee.status, attendee.needs_approval) == (Status.CONFIRMED, False)
        assert attendee.eligibility == "domain-lg match"
        reasons = db.session.scalars(select(StatusChange.reason).order_by(StatusChange.id)).all()
        assert reasons == ["registered", "address-corrected"]
        assert written(found) == [("pending", PRIVATE), ("confirmed", TOWN_HALL)]
        assert checks.run() == []

    def test_before_a_draw_it_is_a_lot(self, app: Flask) -> None:
        found = registered(an_application(contact_email=PRIVATE), selection="lottery", **self.HINT)
        registration.correct_address(found, TOWN_HALL)
        assert found.attendees[0].status == Status.LOTTERY
        assert written(found)[-1] == ("lottery", TOWN_HALL)

    def test_whoever_all_are_looked_at_stays_pending(self, app: Flask) -> None:
        found = registered(an_application(contact_email=PRIVATE), approval="manual", **self.HINT)
        registration.correct_address(found, TOWN_HALL)
        assert found.attendees[0].status == Status.PENDING
        assert found.attendees[0].eligibility == "domain-lg match"

    @pytest.mark.parametrize(
        ("first", "second", "needed"), [(TOWN_HALL, PRIVATE, True), (PRIVATE, TOWN_HALL, False)]
    )
    def test_who_waits_for_a_seat_goes_on_waiting(
        self, app: Flask, first: str, second: str, needed: bool
    ) -> None:
        full = registered(an_application(*people(1)), seats=1, **self.HINT)
        found = registration.register(full.event, an_application(contact_email=first))
        assert found.attendees[0].needs_approval is not needed
        registration.correct_address(found, second)
        assert (found.attendees[0].status, found.attendees[0].needs_approval) == (Status.WAITLISTED, needed)

    def test_who_was_approved_stays_so(self, app: Flask) -> None:
        found = registered(an_application(contact_email=PRIVATE), **self.HINT)
        registration.approve(found.event, found.attendees, suzuki(found.event))
        registration.correct_address(found, "takasaki@other.example.com")
        assert found.attendees[0].status == Status.CONFIRMED

    def test_an_own_address_is_not_the_contact_s(self, app: Flask) -> None:
        own = replace(TAKASAKI, email="takasaki@city.example.lg.jp")
        found = registered(an_application(own), **self.HINT)
        registration.correct_address(found, PRIVATE)
        assert (found.contact_email, found.attendees[0].status) == (PRIVATE, Status.CONFIRMED)


class TestByTheLink:
    def test_the_letter_again_three_times_an_hour(self, app: Flask, moment) -> None:
        found = registered()
        for _ in range(3):
            moment.move(timedelta(minutes=2))
            registration.send_state(Recipient(found))
        moment.move(timedelta(minutes=2))
        assert refusal_of(lambda: registration.send_state(Recipient(found))) == "rate-limited"
        assert len(written(found)) == 4
        moment.move(timedelta(minutes=55))
        registration.send_state(Recipient(found))
        assert len(written(found)) == 5
        assert found.sent_again == 0

    def test_twice_in_a_minute_is_once(self, app: Flask) -> None:
        found = registered()
        registration.send_state(Recipient(found))
        registration.send_state(Recipient(found))
        assert len(written(found)) == 2
        assert actions().count("registration.sent_again") == 1

    def test_an_own_link_sends_the_own_letter(self, app: Flask) -> None:
        found = registered(an_application(TAKASAKI, YOSHIDA))
        registration.send_state(Recipient(found, found.attendees[1]))
        assert written(found)[2:] == [("confirmed", YOSHIDA.email)]

    @on_both
    def test_a_new_address_for_the_contact(self, app: Flask, moment) -> None:
        found = registered()
        moment.move(timedelta(days=3))
        assert registration.change_address(Recipient(found), RIGHT) is True
        assert [opens(found, version) for version in (1, 2)] == [False, True]
        assert written(found)[1:] == [("address_changed", RIGHT), ("address_changed", TOWN_HALL)]
        assert actions()[-1] == "registration.readdressed"
        assert list(db.session.scalars(select(Message.status))) == [MessageStatus.QUEUED] * 3
        assert checks.run() == []

    def test_a_new_own_address(self, app: Flask) -> None:
        found = registered(an_application(TAKASAKI, YOSHIDA))
        attendee = found.attendees[1]
        registration.change_address(Recipient(found, attendee), RIGHT)
        assert (attendee.email, attendee.link_version, found.link_version) == (RIGHT, 2, 1)
        assert attendee.link_hash == tokens.digest(tokens.derive("attendee", attendee.id, 2))
        assert found.contact_email == TOWN_HALL
        assert written(found)[2:] == [("address_changed", RIGHT), ("address_changed", YOSHIDA.email)]
        (revision,) = db.session.scalars(select(Revision))
        assert (revision.attendee_id, revision.after) == (attendee.id, {"email": RIGHT})
        assert checks.run() == []

    def test_the_mail_is_proven_so_nobody_is_asked_again(self, app: Flask) -> None:
        found = registered(verification="domain_hint")
        registration.change_address(Recipient(found), PRIVATE)
        assert found.attendees[0].status == Status.CONFIRMED
        assert found.attendees[0].eligibility == "domain-other"

    def test_mail_that_came_back_is_forgotten(self, app: Flask) -> None:
        found = registered(an_application(TAKASAKI, YOSHIDA))
        with transaction():
            for one in found.attendees:
                one.undeliverable = True
        registration.change_address(Recipient(found), RIGHT)
        assert [one.undeliverable for one in found.attendees] == [False, True]

    @pytest.mark.parametrize("reason", ["over", "cancelled"])
    def test_not_without_a_registration(self, app: Flask, moment, reason: str) -> None:
        found = registered()
        if reason == "cancelled":
            registration.cancel(found.attendees)
        else:
            moment.moment = found.event.end_at + timedelta(minutes=1)
        assert refusal_of(lambda: registration.change_address(Recipient(found), RIGHT)) == "closed"
        assert found.contact_email == TOWN_HALL

    def test_not_to_the_same_address(self, app: Flask) -> None:
        found = registered()
        assert refusal_of(lambda: registration.change_address(Recipient(found), TOWN_HALL)) == "invalid"

    @on_both
    def test_two_changes_at_once_are_one(self, app: Flask) -> None:
        found = registered()
        number = found.id

        def change() -> bool:
            mine = db.session.get_one(Registration, number)
            gate.wait(10)
            return registration.change_address(Recipient(mine), RIGHT)

        gate = threading.Barrier(2)
        assert at_once(app, change) in ([False, True], ["invalid", True])
        assert found.link_version == 2
        assert len(written(found)) == 3

    def test_the_office_may_add_an_address_to_a_registration_by_telephone(self, app: Flask) -> None:
        found = registered(an_application(contact_email=""))
        registration.change_address(Recipient(found), TOWN_HALL, by=suzuki(found.event))
        assert written(found) == [("confirmed", TOWN_HALL)]
        (revision,) = db.session.scalars(select(Revision))
        assert revision.account_id is not None


class TestLostLink:
    @on_both
    def test_number_and_address_bring_the_link(self, app: Flask, moment) -> None:
        found = registered()
        for minutes in (0, 30, 31):
            moment.move(timedelta(minutes=minutes))
            registration.send_link(found.reference, TOWN_HALL.upper())
        assert written(found)[1:] == [("link_resent", TOWN_HALL)] * 2
        assert actions().count("registration.sent_again") == 2

    def test_an_own_address_brings_the_own_link(self, app: Flask) -> None:
        found = registered(an_application(TAKASAKI, YOSHIDA))
        registration.send_link(found.reference, YOSHIDA.email)
        assert written(found)[2:] == [("link_resent", YOSHIDA.email)]

    @pytest.mark.parametrize(
        ("reference", "email"),
        [("GDX-2222-22", TOWN_HALL), (None, "somebody@example.jp"), (None, YOSHIDA.email)],
        ids=["number", "address", "other's"],
    )
    def test_anything_else_brings_nothing(self, app: Flask, reference: str | None, email: str) -> None:
        found = registered()
        before = actions()
        registration.send_link(reference or found.reference, email)
        assert written(found) == [("confirmed", TOWN_HALL)]
        assert actions() == before

    def test_the_former_address_brings_nothing(self, app: Flask) -> None:
        found = registered()
        for _ in range(2):
            registration.send_link(found.reference, TOWN_HALL)
        registration.change_address(Recipient(found), RIGHT)
        registration.send_link(found.reference, TOWN_HALL)
        assert written(found)[4:] == []
        registration.send_link(found.reference, RIGHT)
        registration.send_state(Recipient(found))
        assert written(found)[4:] == [("link_resent", RIGHT), ("confirmed", RIGHT)]
        assert checks.run() == []

    @pytest.mark.parametrize("known", [True, False])
    def test_what_is_unknown_takes_as_much_work(self, app: Flask, known: bool) -> None:
        found = registered()
        done: list[str] = []

        def listen(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            done.append(" ".join(statement.split()[:3]))

        event.listen(db.engine, "before_cursor_execute", listen)
        registration.send_link(found.reference if known else "GDX-2222-22", TOWN_HALL)
        event.remove(db.engine, "before_cursor_execute", listen)
        assert done.count("INSERT INTO message") == 1
        assert len(written(found)) == (2 if known else 1)

    @on_both
    def test_twenty_at_once_are_one_letter(self, app: Flask) -> None:
        found = registered()
        reference = found.reference
        assert at_once(app, lambda: registration.send_link(reference, TOWN_HALL), 8) == [None] * 8
        assert written(found)[1:] == [("link_resent", TOWN_HALL)]


def test_nothing_personal_is_recorded(app: Flask) -> None:
    found = registered()
    registration.correct_address(found, RIGHT)
    registration.send_link(found.reference, RIGHT)
    entries = db.session.scalars(select(AuditEntry)).all()
    assert [one.details for one in entries[-2:]] == [{"reference": found.reference}] * 2
    assert db.session.scalars(select(Attendee.email)).all() == [""]


@on_both
def test_a_new_address_gets_what_was_on_its_way_to_the_old_one(app: Flask, at) -> None:
    """A reminder was written and had not left: it goes to the new address, with the link of today, and only there."""
    moment = at(NOW)
    start = NOW + timedelta(days=23)
    event = an_event(start_at=start, end_at=start + timedelta(hours=1))
    with transaction():
        schedule.replan(event, NOW)
    found = registration.register(event, an_application(TAKASAKI, YOSHIDA))
    moment.moment = start - timedelta(days=1)
    assert sum(mailings.work("w") for _ in range(3)) == 2
    registration.change_address(Recipient(found), "new@city.example.lg.jp")
    while delivery.deliver("w"):
        pass
    query = select(Message.recipient, Message.status).where(Message.letter == "reminder").order_by(Message.id)
    assert [tuple(row) for row in db.session.execute(query)] == [
        (TOWN_HALL, MessageStatus.HELD),
        (YOSHIDA.email, MessageStatus.SENT),
        ("new@city.example.lg.jp", MessageStatus.SENT),
    ]
