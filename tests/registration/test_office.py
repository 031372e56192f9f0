"""What staff do for an attendee: undo a cancellation, move between categories, keep a remark; who then has the seats."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from queue import Queue
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import checks
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.models import (
    Account,
    Attendee,
    AuditEntry,
    Draw,
    Event,
    EventStatus,
    Format,
    Message,
    ParticipationMode,
    Question,
    Revision,
    StatusChange,
)
from eventsite.registration import (
    approve,
    cancel,
    ledger,
    move_to,
    register,
    restore,
    roster,
    set_remark,
)
from tests.cast import TAKASAKI, YAMADA, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
OFFICE = "kikaku@city.example.lg.jp"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def office(app: Flask) -> Account:
    return sato()


def an_event_for(seats: dict[str, int | None], rule: dict[str, dict[str, Any]] | None = None, **changes: Any):
    found = an_event(capacities=seats, **changes)
    with transaction():
        for code, values in (rule or {}).items():
            for name, value in values.items():
                setattr(found.category(code), name, value)
    return found


def enter(event: Event, count: int = 1, category: str = "local_gov", **changes: Any) -> list[Attendee]:
    return list(register(event, an_application(*people(count), category=category, **changes)).attendees)


def statuses(*attendees: Attendee) -> list[str]:
    db.session.rollback()
    return [one.status.value for one in attendees]


def refused(deed: Any) -> str:
    with pytest.raises(Refusal) as caught:
        deed()
    return caught.value.code


def recorded(action: str) -> dict[str, Any]:
    return (
        db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id.desc())
        )
        .first()
        .details
    )


def written(*letters: str) -> list[str]:
    rows = db.session.scalars(select(Message).order_by(Message.id))
    return [one.letter for one in rows if not letters or one.letter in letters]


class TestRestore:
    @on_both
    def test_the_seat_is_had_again(self, app: Flask, office: Account) -> None:
        event = an_event_for({"local_gov": 2})
        first, second = enter(event, 2)
        cancel([first], by=office, reason="二重のため")
        restore(first, office)
        assert statuses(first, second) == ["confirmed", "confirmed"]
        assert (first.cancelled_at, first.cancel_reason, first.over_limit) == (None, "", False)
        change = db.session.scalars(select(StatusChange).order_by(StatusChange.id.desc())).first()
        assert (change.from_status, change.to_status, change.reason, change.account_id) == (
            "cancelled",
            "confirmed",
            "restored",
            office.id,
        )
        assert recorded("attendee.restored") == {"numbers": [first.number], "over_limit": False}
        assert written() == ["confirmed", "cancelled_by_office", "confirmed"]
        assert checks.run() == []

    @on_both
    def test_not_without_a_seat_unless_the_office_says_so(self, app: Flask, office: Account) -> None:
        event = an_event_for({"local_gov": 1})
        (first,) = enter(event)
        cancel([first])
        (second,) = enter(event)
        assert refused(lambda: restore(first, office)) == "sold-out"
        assert statuses(first, second) == ["cancelled", "confirmed"]
        restore(first, office, over_limit=True)
        assert statuses(first, second) == ["confirmed", "confirmed"]
        assert (first.over_limit, second.over_limit) == (True, False)
        assert recorded("attendee.restored") == {"numbers": [first.number], "over_limit": True}
        assert checks.run() == []

    @pytest.mark.parametrize(
        "changes", [{"capacity_total": 1}, {"format": Format.HYBRID}], ids=["event", "way"]
    )
    def test_every_cap_counts(self, app: Flask, office: Account, changes: dict[str, Any]) -> None:
        event = an_event(**changes)
        if event.format == Format.HYBRID:
            with transaction():
                event.modes.append(ParticipationMode(key="venue", label="会場参加", capacity=1))
        way = {"participation": "venue"} if event.modes else {}
        one, another = (replace(person, **way) for person in people(2))
        (first,) = register(event, an_application(one)).attendees
        cancel([first])
        register(event, an_application(another))
        assert refused(lambda: restore(first, office)) == "sold-out"

    def test_not_before_those_who_wait_for_the_same_kind(self, app: Flask, office: Account, moment) -> None:
        """After the closing nobody is promoted by the rule: a seat lies free while somebody waits."""
        event = an_event_for({"local_gov": 1}, closes_at=NOW + timedelta(days=1))
        (first,) = enter(event)
        (waiting,) = enter(event)
        moment.move(timedelta(days=2))
        cancel([first], by=office)
        assert ledger.read(event).has_room("local_gov")
        assert refused(lambda: restore(first, office)) == "sold-out"
        restore(first, office, over_limit=True)
        assert statuses(first, waiting) == ["confirmed", "waitlisted"]
        assert first.over_limit is False, "no cap was passed"

    def test_whoever_waits_in_another_category_is_not_in_the_way(self, app: Flask, office: Account) -> None:
        event = an_event_for({"company": 1})
        enter(event, 2, "company")
        (first,) = enter(event)
        cancel([first])
        restore(first, office)
        assert statuses(first) == ["confirmed"]

    @on_both
    def test_twice_is_once(self, app: Flask, office: Account) -> None:
        event = an_event_for({"local_gov": 1})
        (first,) = enter(event)
        cancel([first])
        restore(first, office)
        before = written()
        restore(first, office)
        assert (statuses(first), written()) == (["confirmed"], before)

    def test_only_what_was_cancelled(self, app: Flask, office: Account) -> None:
        event = an_event_for({"local_gov": 1})
        enter(event)
        (waiting,) = enter(event)
        assert refused(lambda: restore(waiting, office)) == "closed"
        assert statuses(waiting) == ["waitlisted"]

    def test_not_from_the_start_on(self, app: Flask, office: Account, moment) -> None:
        event = an_event()
        (first,) = enter(event)
        cancel([first])
        moment.moment = event.start_at
        assert refused(lambda: restore(first, office, over_limit=True)) == "closed"

    def test_not_for_an_event_that_was_called_off(self, app: Flask, office: Account) -> None:
        event = an_event()
        (first,) = enter(event)
        cancel([first])
        with transaction():
            event.status = EventStatus.CANCELLED
        assert refused(lambda: restore(first, office, over_limit=True)) == "cancelled"

    def test_not_past_a_draw(self, app: Flask, office: Account) -> None:
        event = an_event_for({}, {"local_gov": {"selection": "lottery"}})
        (first,) = enter(event)
        cancel([first])
        assert refused(lambda: restore(first, office, over_limit=True)) == "closed"

    def test_whoever_waited_for_approval_has_it_then(self, app: Flask, office: Account) -> None:
        event = an_event_for({}, {"local_gov": {"approval": "manual"}})
        (first,) = enter(event)
        cancel([first])
        restore(first, office)
        assert (statuses(first), first.needs_approval) == (["confirmed"], False)

    def test_the_share_of_an_organisation_is_a_cap_too(self, app: Flask, office: Account) -> None:
        event = an_event_for({}, {"local_gov": {"per_organization_limit": 1}})
        (first,) = enter(event)
        cancel([first])
        enter(event)
        assert refused(lambda: restore(first, office)) == "sold-out"
        restore(first, office, over_limit=True)
        assert (statuses(first), first.over_limit) == (["confirmed"], False)

    def test_the_places_of_a_choice_are_caps_too(self, app: Flask, office: Account) -> None:
        event = an_event()
        choices = [{"label": "昼食", "capacity": 1}]
        with transaction():
            event.questions.append(
                Question(key="lunch", label="昼食", type="radio", choices=choices, purpose="準備のため")
            )
        (first,) = enter(event, answers={"lunch": "昼食"})
        cancel([first])
        enter(event, answers={"lunch": "昼食"})
        assert refused(lambda: restore(first, office)) == "sold-out"
        restore(first, office, over_limit=True)
        assert statuses(first) == ["confirmed"]

    def test_a_repeat_is_marked(self, app: Flask, office: Account) -> None:
        event = an_event()
        (first,) = enter(event)
        cancel([first])
        enter(event)
        restore(first, office)
        assert first.possible_duplicate is True

    @on_both
    def test_two_for_one_seat(self, app: Flask, office: Account) -> None:
        event = an_event_for({"local_gov": 2})
        first, second = enter(event, 2)
        cancel([first, second])
        enter(event)
        answers = at_once(app, [(restore_by_id, first.id, office.id), (restore_by_id, second.id, office.id)])
        assert sorted(answers) == ["confirmed", "sold-out"]
        assert ledger.read(event).held == 2
        assert checks.run() == []


class TestMove:
    @on_both
    def test_a_seat_goes_along_and_the_one_left_is_given_on(self, app: Flask, office: Account) -> None:
        event = an_event_for({"company": 1})
        (moving,) = enter(event, 1, "company")
        (waiting,) = enter(event, 1, "company")
        number = moving.number
        move_to(moving, event.category("gdx_member"), office)
        assert statuses(moving, waiting) == ["confirmed", "confirmed"]
        assert (moving.category.code, moving.number, moving.over_limit) == ("gdx_member", number, False)
        book = ledger.read(event)
        assert (book.held, book.held_in_category) == (2, {"gdx_member": 1, "company": 1})
        revision = db.session.scalars(select(Revision)).one()
        assert (
            revision.kind,
            revision.before,
            revision.after,
            revision.attendee_id,
            revision.account_id,
        ) == (
            "moved",
            {"category": "company"},
            {"category": "gdx_member"},
            moving.id,
            office.id,
        )
        assert recorded("attendee.moved") == {
            "numbers": [number],
            "before": "company",
            "after": "gdx_member",
            "over_limit": False,
        }
        assert written() == ["confirmed", "waitlisted", "changed", "promoted"]
        assert checks.run() == []

    def test_the_letter_says_from_where_to_where(self, app: Flask, office: Account) -> None:
        event = an_event()
        both = register(event, an_application(*people(2), category="company"))
        move_to(both.attendees[1], event.category("gdx_member"), office)
        letter = db.session.scalars(select(Message).where(Message.letter == "changed")).one()
        text = body(letter)
        assert "参加者2　参加区分　変更前：一般企業　変更後：GDX会員" in text
        assert letter.recipient == OFFICE

    def test_in_the_recipient_s_language(self, app: Flask, office: Account) -> None:
        event = an_event()
        (moving,) = enter(event, 1, "company", locale="en")
        move_to(moving, event.category("gdx_member"), office)
        letter = db.session.scalars(select(Message).where(Message.letter == "changed")).one()
        assert letter.locale == "en"
        assert "参加区分" not in body(letter)

    @on_both
    def test_not_into_a_full_category_unless_the_office_says_so(self, app: Flask, office: Account) -> None:
        event = an_event_for({"gdx_member": 1})
        enter(event, 1, "gdx_member")
        (moving,) = enter(event, 1, "company")
        target = event.category("gdx_member")
        assert refused(lambda: move_to(moving, target, office)) == "sold-out"
        assert (statuses(moving), moving.category.code) == (["confirmed"], "company")
        move_to(moving, target, office, over_limit=True)
        assert (moving.category.code, moving.over_limit) == ("gdx_member", True)
        assert recorded("attendee.moved")["over_limit"] is True
        assert checks.run() == []

    @pytest.mark.parametrize("whole", [None, 1])
    def test_the_mark_stays_as_long_as_a_cap_is_passed(
        self, app: Flask, office: Account, whole: int | None
    ) -> None:
        event = an_event_for({"company": 1}, capacity_total=whole)
        enter(event, 1, "company")
        application = an_application(YAMADA, category="company")
        (moving,) = register(event, application, by=office, over_limit=True).attendees
        move_to(moving, event.category("gdx_member"), office)
        assert (moving.category.code, moving.over_limit) == ("gdx_member", whole == 1)
        assert checks.run() == []

    @on_both
    def test_the_seats_of_event_and_way_are_kept(self, app: Flask, office: Account) -> None:
        """The event is full, but whoever moves has a seat of it already."""
        event = an_event_for({}, capacity_total=1, format=Format.HYBRID)
        with transaction():
            event.modes.append(ParticipationMode(key="venue", label="会場参加", capacity=1))
        (person,) = people(1)
        application = an_application(replace(person, participation="venue"), category="company")
        (moving,) = register(event, application).attendees
        move_to(moving, event.category("gdx_member"), office)
        assert (statuses(moving), moving.category.code, moving.over_limit) == (
            ["confirmed"],
            "gdx_member",
            False,
        )
        assert ledger.read(event).held == 1
        assert checks.run() == []

    def test_not_past_those_who_wait_there(self, app: Flask, office: Account) -> None:
        event = an_event_for({"gdx_member": 2}, capacity_total=1)
        (moving,) = enter(event, 1, "company")
        (waiting,) = enter(event, 1, "gdx_member")
        target = event.category("gdx_member")
        assert statuses(waiting) == ["waitlisted"]
        assert refused(lambda: move_to(moving, target, office)) == "sold-out"
        move_to(moving, target, office, over_limit=True)
        assert (moving.category.code, moving.over_limit) == ("gdx_member", False)

    @on_both
    def test_whoever_waits_goes_to_the_end_of_the_list(self, app: Flask, office: Account, moment) -> None:
        event = an_event_for({"company": 1, "gdx_member": 1})
        enter(event, 1, "company")
        enter(event, 1, "gdx_member")
        (moving,) = enter(event, 1, "company")
        moment.move(timedelta(minutes=1))
        (there,) = enter(event, 1, "gdx_member")
        moment.move(timedelta(minutes=1))
        move_to(moving, event.category("gdx_member"), office)
        assert statuses(moving, there) == ["waitlisted", "waitlisted"]
        assert moving.queued_at == NOW + timedelta(minutes=2)
        assert ledger.positions(event) == {there.id: 1, moving.id: 2}

    def test_whoever_waits_gets_a_seat_that_is_free_there(self, app: Flask, office: Account) -> None:
        event = an_event_for({"company": 1})
        enter(event, 1, "company")
        (moving,) = enter(event, 1, "company")
        move_to(moving, event.category("gdx_member"), office)
        assert (statuses(moving), moving.category.code) == (["confirmed"], "gdx_member")
        assert written()[-2:] == ["changed", "promoted"]

    def test_there_must_be_a_list_to_wait_on(self, app: Flask, office: Account) -> None:
        event = an_event_for({"company": 1, "gdx_member": 1}, {"gdx_member": {"waitlist": False}})
        enter(event, 1, "company")
        enter(event, 1, "gdx_member")
        (moving,) = enter(event, 1, "company")
        target = event.category("gdx_member")
        assert refused(lambda: move_to(moving, target, office, over_limit=True)) == "closed"
        with transaction():
            target.capacity, target.waitlist = 0, True
        assert refused(lambda: move_to(moving, target, office, over_limit=True)) == "closed"

    def test_approval_is_still_waited_for(self, app: Flask, office: Account) -> None:
        event = an_event_for({}, {"company": {"approval": "manual"}})
        (moving,) = enter(event, 1, "company")
        move_to(moving, event.category("gdx_member"), office)
        assert (statuses(moving), moving.needs_approval) == (["pending"], True)
        approve(event, [moving], office)
        assert statuses(moving) == ["confirmed"]

    def test_lots_and_seats_are_kept_apart(self, app: Flask, office: Account) -> None:
        lottery = {"selection": "lottery"}
        event = an_event_for({}, {"local_gov": lottery, "gdx_member": lottery})
        (lot,) = enter(event)
        (seat,) = enter(event, 1, "company")
        assert (
            refused(lambda: move_to(lot, event.category("company"), office, over_limit=True))
            == "not-eligible"
        )
        assert (
            refused(lambda: move_to(seat, event.category("local_gov"), office, over_limit=True))
            == "not-eligible"
        )
        move_to(lot, event.category("gdx_member"), office)
        assert (statuses(lot), lot.category.code) == (["lottery"], "gdx_member")
        seeds = select(Draw.category_id).order_by(Draw.id)
        assert list(db.session.scalars(seeds)) == [
            event.category(code).id for code in ("local_gov", "gdx_member")
        ]
        assert checks.run() == []

    def test_whoever_waits_for_approval_of_a_lot_stays_without_a_seat(
        self, app: Flask, office: Account
    ) -> None:
        rule = {"selection": "lottery", "approval": "manual"}
        event = an_event_for({}, {"local_gov": rule, "gdx_member": rule})
        (asking,) = enter(event)
        assert refused(lambda: move_to(asking, event.category("company"), office)) == "not-eligible"
        move_to(asking, event.category("gdx_member"), office)
        assert (statuses(asking), asking.seatless, ledger.read(event).held) == (["pending"], True, 0)

    @pytest.mark.parametrize("moved", [1, 2])
    def test_the_registration_follows_once_all_are_there(
        self, app: Flask, office: Account, moved: int
    ) -> None:
        event = an_event()
        found = register(event, an_application(*people(3), category="company"))
        cancel([found.attendees[2]])
        for one in found.attendees[:moved]:
            move_to(one, event.category("gdx_member"), office)
        assert found.category.code == ("gdx_member" if moved == 2 else "company")

    def test_twice_is_once(self, app: Flask, office: Account) -> None:
        event = an_event()
        (moving,) = enter(event, 1, "company")
        for _ in range(2):
            move_to(moving, event.category("gdx_member"), office)
        assert (len(list(db.session.scalars(select(Revision)))), written("changed")) == (1, ["changed"])

    def test_not_to_another_event(self, app: Flask, office: Account) -> None:
        event, other = an_event(), an_event()
        (moving,) = enter(event, 1, "company")
        assert refused(lambda: move_to(moving, other.category("gdx_member"), office)) == "not-eligible"
        assert moving.category.event_id == event.id

    def test_not_once_cancelled_nor_from_the_start_on(self, app: Flask, office: Account, moment) -> None:
        event = an_event()
        gone, late = enter(event, 2, "company")
        cancel([gone])
        target = event.category("gdx_member")
        assert refused(lambda: move_to(gone, target, office)) == "not-eligible"
        moment.moment = event.start_at
        assert refused(lambda: move_to(late, target, office, over_limit=True)) == "closed"

    def test_the_share_of_an_organisation_holds_there_too(self, app: Flask, office: Account) -> None:
        event = an_event_for({}, {"gdx_member": {"per_organization_limit": 1}})
        first, second = enter(event, 2, "company")
        target = event.category("gdx_member")
        assert refused(lambda: move_to(first, target, office)) == "sold-out"
        cancel([second])
        move_to(first, target, office)
        assert first.category.code == "gdx_member"

    @on_both
    def test_a_move_and_a_newcomer_for_one_seat(self, app: Flask, office: Account) -> None:
        event = an_event_for({"gdx_member": 1}, {"gdx_member": {"waitlist": False}})
        (moving,) = enter(event, 1, "company")
        deeds = [(move_by_id, moving.id, office.id), (register_late, event.id, 0)]
        answers = at_once(app, deeds)
        assert sorted(answers) in (["confirmed", "sold-out"], ["gdx_member", "sold-out"])
        db.session.rollback()
        assert ledger.read(event).held_in_category["gdx_member"] == 1
        assert checks.run() == []


class TestRemark:
    @on_both
    def test_is_kept_and_recorded_once(self, app: Flask, office: Account) -> None:
        event = an_event()
        (one,) = enter(event)
        for _ in range(2):
            set_remark(one, "車いす席\n要確認", office)
        db.session.rollback()
        assert one.remark == "車いす席\n要確認"
        entries = list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == "attendee.changed")))
        assert [one.details for one in entries] == [{"numbers": [one.number], "fields": ["remark"]}]
        assert written() == ["confirmed"]


class TestEntryOverTheLimit:
    def test_passes_deadlines_and_caps(self, app: Flask, office: Account) -> None:
        event = an_event_for({"local_gov": 1}, closes_at=NOW)
        application = an_application(TAKASAKI, YOSHIDA)
        assert refused(lambda: register(event, application, by=office, source="phone")) == "closed"
        found = register(event, application, by=office, source="phone", over_limit=True)
        assert [(one.status.value, one.over_limit) for one in found.attendees] == [
            ("confirmed", False),
            ("confirmed", True),
        ]
        assert recorded("registration.created")["over_limit"] is True
        assert checks.run() == []

    def test_not_for_an_event_that_is_over_or_called_off(self, app: Flask, office: Account, moment) -> None:
        event = an_event()
        moment.moment = event.end_at
        assert refused(lambda: register(event, an_application(), by=office, over_limit=True)) == "closed"
        with transaction():
            event.status = EventStatus.CANCELLED
        assert refused(lambda: register(event, an_application(), by=office, over_limit=True)) == "cancelled"

    def test_without_an_address_nobody_is_written_to(self, app: Flask, office: Account) -> None:
        event = an_event()
        own = replace(YAMADA, email="yamada@example.co.jp")
        application = an_application(TAKASAKI, own, contact_email="")
        found = register(event, application, by=office, source="phone")
        cancel(found.attendees, by=office)
        for one in found.attendees:
            restore(one, office)
            move_to(one, event.category("company"), office)
        assert {one.recipient for one in db.session.scalars(select(Message))} == {"yamada@example.co.jp"}
        assert [row[0] for row in roster.table(event, "zoom").rows] == ["yamada@example.co.jp"]
        assert checks.run() == []


def body(message: Message) -> str:
    found = message_from_bytes(message.mime, policy=policy.default).get_body(("plain",))
    return found.get_content()


def at_once(app: Flask, deeds: list[tuple[Any, int, int]]) -> list[str]:
    """Let several hands act at the same moment; return what came of each."""
    barrier = threading.Barrier(len(deeds))
    answers: Queue[str] = Queue()

    def act(deed: Any, about: int, by: int) -> None:
        with app.app_context():
            barrier.wait(60)
            try:
                answers.put(deed(about, by))
            except Refusal as refusal:
                answers.put(refusal.code)
            finally:
                db.session.remove()

    crowd = [threading.Thread(target=act, args=one) for one in deeds]
    db.session.rollback()
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(60)
    return [answers.get_nowait() for _ in deeds]


def restore_by_id(about: int, by: int) -> str:
    attendee = db.session.get_one(Attendee, about)
    restore(attendee, db.session.get_one(Account, by))
    return attendee.status.value


def move_by_id(about: int, by: int) -> str:
    attendee = db.session.get_one(Attendee, about)
    event = attendee.registration.event
    move_to(attendee, event.category("gdx_member"), db.session.get_one(Account, by))
    return attendee.category.code


def register_late(about: int, by: int) -> str:
    event = db.session.get_one(Event, about)
    (late,) = register(event, an_application(YAMADA, category="gdx_member")).attendees
    return late.status.value
