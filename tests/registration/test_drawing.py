"""The draw: when it may be made, what comes of it for whom, who is told, and that it is made once (D19, D20)."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import checks, jobs
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.events import event_file, importing, operations
from eventsite.models import (
    Account,
    Attendee,
    AuditEntry,
    Category,
    Draw,
    Event,
    EventStatus,
    Format,
    Message,
    Status,
    StatusChange,
)
from eventsite.registration import approve, cancel, decline, draw, drawing, ledger, lottery, register, seeds
from tests.cast import an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
CLOSING = datetime(2025, 12, 15, 8, 0, tzinfo=UTC)
DRAW_HOUR = datetime(2025, 12, 17, 1, 0, tzinfo=UTC)  # 10:00 in Japan
LATE_IN_UTC = datetime(2025, 12, 17, 20, 0, tzinfo=UTC)  # the 18th in Japan
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
CONFIRMED, PENDING, WAITLISTED = Status.CONFIRMED, Status.PENDING, Status.WAITLISTED
LOTTERY, LOST, DECLINED, CANCELLED = Status.LOTTERY, Status.LOST, Status.DECLINED, Status.CANCELLED


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def by(app: Flask) -> Account:
    return sato()


def a_lottery(seats: int | None, *, rule: dict[str, Any] | None = None, **changes: Any) -> Event:
    """A seminar on 24 December whose towns are drawn; registration closes on the 15th."""
    times = {"start_at": START, "end_at": START + timedelta(minutes=90), "closes_at": CLOSING}
    event = an_event(capacities={"local_gov": seats}, **(times | changes))
    with transaction():
        for name, value in ({"selection": "lottery"} | (rule or {})).items():
            setattr(event.category("local_gov"), name, value)
    return event


def enter(event: Event, *counts: int, mode: str | None = None, **changes: Any) -> list[Attendee]:
    """Registrations of so many attendees each; returns the attendees."""
    entered = []
    for count in counts:
        asking = [replace(one, participation=mode) for one in people(count)]
        entered += register(event, an_application(*asking, **changes)).attendees
    return entered


def towns(event: Event) -> Category:
    category = event.category("local_gov")
    assert category is not None
    return category


def in_order(category: Category) -> list[Attendee]:
    """Everybody who was in the draw, in the order that its seed gives."""
    made = seeds.draw_of(category)
    assert made is not None
    rows = db.session.scalars(select(Attendee).where(Attendee.lottery_rank.is_not(None)))
    drawn = {one.number: one for one in rows if one.category_id == category.id}
    return [drawn[number] for number in lottery.order(made.seed, drawn)]


def outcomes(attendees: list[Attendee]) -> dict[Status, int]:
    db.session.rollback()
    return dict(Counter(one.status for one in attendees))


def refusal(category: Category, by: Account | None) -> str:
    with pytest.raises(Refusal) as caught:
        draw(category, by)
    return caught.value.code


def history(attendee: Attendee) -> list[tuple[str | None, str, str, int | None]]:
    rows = select(StatusChange).where(StatusChange.attendee_id == attendee.id).order_by(StatusChange.id)
    return [(one.from_status, one.to_status, one.reason, one.account_id) for one in db.session.scalars(rows)]


class TestSeed:
    def test_is_fixed_with_the_first_entry_and_stays(self, app: Flask, moment) -> None:
        event = a_lottery(40)
        assert seeds.draw_of(towns(event)) is None
        enter(event, 1)
        first = seeds.draw_of(towns(event))
        assert first is not None
        seed = first.seed
        assert (len(seed), first.seeded_at, first.drawn_at, first.entries) == (32, NOW, None, [])
        assert 0 <= int(seed, 16) < 2**128
        moment.move(timedelta(days=1))
        enter(event, 2)
        db.session.rollback()
        (only,) = db.session.scalars(select(Draw))
        assert (only.seed, only.seeded_at) == (seed, NOW)

    def test_each_lottery_has_its_own(self, app: Flask) -> None:
        for one in (a_lottery(1), a_lottery(1)):
            enter(one, 1)
        first, second = db.session.scalars(select(Draw.seed))
        assert first != second

    def test_whoever_still_needs_approval_fixes_it_too(self, app: Flask) -> None:
        event = a_lottery(40, rule={"approval": "manual"})
        enter(event, 1)
        assert seeds.draw_of(towns(event)) is not None

    def test_first_come_needs_none(self, app: Flask) -> None:
        event = a_lottery(40)
        enter(event, 1, category="company")
        assert db.session.scalars(select(Draw)).all() == []

    def test_an_entry_that_is_refused_fixes_none(self, app: Flask) -> None:
        event = a_lottery(0)
        with pytest.raises(Refusal):
            enter(event, 1)
        assert db.session.scalars(select(Draw)).all() == []


class TestResult:
    @on_both
    def test_58_entries_for_40_seats(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(40, rule={"max_attendees": 20})
        entered = enter(event, 20, 20, 10, 5, 2, 1)
        assert outcomes(entered) == {LOTTERY: 58}
        moment.moment = CLOSING
        made = draw(towns(event), by)
        drawn = in_order(towns(event))
        assert [one.status for one in drawn] == [CONFIRMED] * 40 + [WAITLISTED] * 18
        assert [one.lottery_rank for one in drawn] == list(range(1, 59))
        assert {one.queued_at for one in drawn[:40]} == {None}
        assert {one.queued_at for one in drawn[40:]} == {CLOSING}
        assert made.entries == [{"number": one.number, "status": one.status.value} for one in drawn]
        assert (made.drawn_at, made.account_id, made.left_out) == (CLOSING, by.id, 0)
        assert towns(event).drawn_at == CLOSING
        places = ledger.positions(event)
        assert [places[one.id] for one in drawn[40:]] == list(range(1, 19))
        assert ledger.read(event).held == 40
        assert checks.run() == []

    def test_the_same_seed_and_entries_give_the_same(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(3)
        entered = {one.number: one for one in enter(event, 5, 2)}
        made = seeds.draw_of(towns(event))
        assert made is not None
        foretold = lottery.order(made.seed, entered)
        moment.moment = CLOSING
        draw(towns(event), by)
        assert [one["number"] for one in made.entries] == foretold
        assert [entered[one].status for one in foretold] == [CONFIRMED] * 3 + [WAITLISTED] * 4

    def test_without_a_waitlist_the_others_have_lost(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(2, rule={"waitlist": False})
        entered = enter(event, 5)
        moment.moment = CLOSING
        draw(towns(event), by)
        assert [one.status for one in in_order(towns(event))] == [CONFIRMED] * 2 + [LOST] * 3
        assert {one.queued_at for one in entered} == {None}
        assert checks.run() == []

    def test_seats_without_end_are_enough_for_everybody(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(None)
        entered = enter(event, 5, 4)
        moment.moment = CLOSING
        draw(towns(event), by)
        assert outcomes(entered) == {CONFIRMED: 9}

    def test_people_of_one_registration_may_fare_differently(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(2)
        entered = enter(event, 4)
        moment.moment = CLOSING
        draw(towns(event), by)
        assert outcomes(entered) == {CONFIRMED: 2, WAITLISTED: 2}

    def test_the_cap_of_the_event_holds_and_so_do_seats_taken(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(40, capacity_total=6)
        others = enter(event, 4, category="company")
        entered = enter(event, 5)
        moment.moment = CLOSING
        draw(towns(event), by)
        assert (outcomes(others), outcomes(entered)) == ({CONFIRMED: 4}, {CONFIRMED: 2, WAITLISTED: 3})
        assert ledger.read(event).held == 6
        assert checks.run() == []

    def test_each_way_to_take_part_has_its_own_seats(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(40)
        with transaction():
            event.format = Format.HYBRID
            operations._set_modes(event, {"venue": 2, "online": None})
        on_site = enter(event, 5, mode="venue")
        at_home = enter(event, 5, mode="online")
        moment.moment = CLOSING
        draw(towns(event), by)
        assert outcomes(at_home) == {CONFIRMED: 5}, "passed over is only who wants what is full"
        assert outcomes(on_site) == {CONFIRMED: 2, WAITLISTED: 3}
        ranks = sorted(on_site, key=lambda one: one.lottery_rank or 0)
        assert [one.status for one in ranks] == [CONFIRMED] * 2 + [WAITLISTED] * 3
        assert checks.run() == []

    def test_other_categories_stay_as_they_are(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1)
        with transaction():
            event.category("company").selection = "lottery"
        enter(event, 2)
        others = enter(event, 2, category="company")
        moment.moment = CLOSING
        draw(towns(event), by)
        assert outcomes(others) == {LOTTERY: 2}
        draw(event.category("company"), by)
        assert outcomes(others) == {CONFIRMED: 2}
        assert checks.run() == []

    def test_somebody_moved_there_by_the_office_is_in_it(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(40)
        with transaction():
            event.category("company").selection = "lottery"
        (moved,) = enter(event, 1, category="company")
        with transaction():
            moved.category = towns(event)
        moment.moment = CLOSING
        made = draw(towns(event), by)
        assert made.entries == [{"number": moved.number, "status": "confirmed"}]

    def test_whoever_cancelled_is_not_in_it(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1)
        gone, stays = enter(event, 2)
        cancel([gone])
        moment.moment = CLOSING
        made = draw(towns(event), by)
        assert [one["number"] for one in made.entries] == [stays.number]
        assert (gone.status, stays.status) == (CANCELLED, CONFIRMED)

    def test_nobody_in_it_makes_an_empty_draw(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1)
        moment.moment = CLOSING
        made = draw(towns(event), by)
        assert (made.entries, towns(event).awaits_draw) == ([], False)
        assert checks.run() == []

    def test_the_history_tells_who_drew_and_why(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1)
        enter(event, 2)
        moment.moment = CLOSING
        draw(towns(event), by)
        won, waits = in_order(towns(event))
        assert history(won)[-1] == ("lottery", "confirmed", "won", by.id)
        assert history(waits)[-1] == ("lottery", "waitlisted", "not-drawn", by.id)
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.action, entry.account_id) == ("draw.made", by.id)
        assert entry.details == {"category": "local_gov", "entries": 2, "left_out": 0}


class TestLetters:
    def test_everybody_is_told(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(2)
        for number in range(4):
            enter(event, 1, contact_email=f"{number}@town.example.lg.jp")
        known = db.session.scalars(select(Message.id)).all()
        moment.moment = CLOSING
        draw(towns(event), by)
        news = db.session.scalars(select(Message).where(Message.id.not_in(known)))
        told = {one.recipient: one.letter for one in news}
        expected = {
            one.registration.contact_email: "won" if one.status == CONFIRMED else "lost"
            for one in in_order(towns(event))
        }
        assert told == expected
        assert Counter(told.values()) == {"won": 2, "lost": 2}


class TestWhen:
    @pytest.mark.parametrize(
        ("changes", "when", "by_hand", "by_itself"),
        [
            ({}, CLOSING - A_SECOND, "not-open-yet", "not-open-yet"),
            ({}, CLOSING, "", "not-open-yet"),
            ({}, START - A_SECOND, "", "not-open-yet"),
            ({}, START, "closed", "closed"),
            ({"lottery_at": DRAW_HOUR}, CLOSING - A_SECOND, "not-open-yet", "not-open-yet"),
            ({"lottery_at": DRAW_HOUR}, CLOSING, "", "not-open-yet"),
            ({"lottery_at": DRAW_HOUR}, DRAW_HOUR - A_SECOND, "", "not-open-yet"),
            ({"lottery_at": DRAW_HOUR}, DRAW_HOUR, "", ""),
            ({"lottery_at": DRAW_HOUR + timedelta(hours=9)}, DRAW_HOUR, "", ""),
            ({"lottery_at": DRAW_HOUR - timedelta(hours=9)}, DRAW_HOUR - A_SECOND, "", "not-open-yet"),
            (
                {"lottery_at": DRAW_HOUR, "closes_at": None},
                DRAW_HOUR - A_SECOND,
                "not-open-yet",
                "not-open-yet",
            ),
            ({"lottery_at": DRAW_HOUR, "closes_at": None}, DRAW_HOUR, "", ""),
            ({"lottery_at": DRAW_HOUR, "timezone": "UTC"}, DRAW_HOUR, "", "not-open-yet"),
            ({"lottery_at": DRAW_HOUR, "timezone": "UTC"}, DRAW_HOUR + timedelta(hours=9), "", ""),
            ({"lottery_at": LATE_IN_UTC, "timezone": "UTC"}, LATE_IN_UTC, "", ""),
            ({"lottery_at": LATE_IN_UTC}, LATE_IN_UTC, "", "not-open-yet"),
            ({"closes_at": None}, START - A_SECOND, "not-open-yet", "not-open-yet"),
            ({"status": EventStatus.CANCELLED}, CLOSING, "cancelled", "cancelled"),
            ({"status": EventStatus.DRAFT}, CLOSING, "not-open-yet", "not-open-yet"),
        ],
    )
    def test_the_moment(
        self, app: Flask, moment, changes: dict, when: datetime, by_hand: str, by_itself: str
    ) -> None:
        event = a_lottery(1, **changes)

        def answer(how: bool) -> str:
            try:
                drawing.check_drawable(towns(event), when, by_hand=how)
            except Refusal as refused:
                return refused.code
            return ""

        assert (answer(True), answer(False)) == (by_hand, by_itself)

    def test_the_closing_of_the_category_counts(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1, rule={"closes_at": CLOSING + timedelta(days=1)})
        moment.moment = CLOSING
        assert refusal(towns(event), by) == "not-open-yet"
        moment.moment = CLOSING + timedelta(days=1)
        assert draw(towns(event), by).drawn_at == moment.moment

    def test_a_refusal_says_from_when_on(self, app: Flask) -> None:
        event = a_lottery(1, lottery_at=DRAW_HOUR)
        with pytest.raises(Refusal) as caught:
            draw(towns(event), None)
        assert str(caught.value.words) == "抽選できるのは、12月17日（水）10:00からです。"

    def test_first_come_has_no_draw(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1)
        moment.moment = CLOSING
        assert refusal(event.category("company"), by) == "invalid"

    def test_what_is_refused_writes_nothing(self, app: Flask, by: Account) -> None:
        event = a_lottery(1)
        entered = enter(event, 2)
        before = [db.session.scalars(select(one.id)).all() for one in (Message, StatusChange, AuditEntry)]
        assert refusal(towns(event), by) == "not-open-yet"
        after = [db.session.scalars(select(one.id)).all() for one in (Message, StatusChange, AuditEntry)]
        assert after == before
        assert outcomes(entered) == {LOTTERY: 2}

    def test_it_is_made_once(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1)
        enter(event, 3)
        moment.moment = CLOSING
        first = list(draw(towns(event), by).entries)
        moment.move(A_SECOND)
        assert refusal(towns(event), by) == "already-submitted"
        assert refusal(towns(event), None) == "already-submitted"
        (made,) = db.session.scalars(select(Draw))
        assert (made.entries, made.drawn_at) == (first, CLOSING)

    @on_both
    def test_two_draw_at_the_same_moment(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(2)
        entered = enter(event, 5)
        moment.moment = CLOSING
        category_id, account_id = towns(event).id, by.id
        barrier = threading.Barrier(4)
        answers: list[str] = []

        def press() -> None:
            with app.app_context():
                category, account = (
                    db.session.get_one(Category, category_id),
                    db.session.get_one(Account, account_id),
                )
                barrier.wait(60)
                try:
                    draw(category, account)
                    answers.append("drawn")
                except Refusal as refused:
                    answers.append(refused.code)
                finally:
                    db.session.remove()

        crowd = [threading.Thread(target=press) for _ in range(4)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join(60)
        assert Counter(answers) == {"drawn": 1, "already-submitted": 3}
        assert outcomes(entered) == {CONFIRMED: 2, WAITLISTED: 3}
        drawn = select(AuditEntry).where(AuditEntry.action == "draw.made")
        assert len(db.session.scalars(drawn).all()) == 1
        assert checks.run() == []


class TestAfterwards:
    """The category is first come, behind those whom the draw has put on the list."""

    def test_a_late_one_waits_behind_them(self, app: Flask, moment) -> None:
        event = a_lottery(2, lottery_at=DRAW_HOUR, closes_at=None)
        entered = enter(event, 4)
        moment.moment = DRAW_HOUR
        draw(towns(event), None)
        (late,) = enter(event, 1)
        assert late.status == WAITLISTED
        waiting = sorted(
            (one for one in entered if one.status == WAITLISTED), key=lambda one: one.lottery_rank or 0
        )
        places = ledger.positions(event)
        assert [places[one.id] for one in (*waiting, late)] == [1, 2, 3], "even at the same moment"
        moment.move(timedelta(hours=1))
        for holder in [one for one in entered if one.status == CONFIRMED]:
            cancel([holder])
        assert [one.status for one in (*waiting, late)] == [CONFIRMED, CONFIRMED, WAITLISTED]
        assert checks.run() == []

    def test_a_late_one_gets_a_seat_that_is_left(self, app: Flask, moment) -> None:
        event = a_lottery(3, lottery_at=DRAW_HOUR, closes_at=None)
        entered = enter(event, 2)
        moment.moment = DRAW_HOUR
        draw(towns(event), None)
        first, second = enter(event, 2)
        assert outcomes(entered) == {CONFIRMED: 2}
        assert (first.status, second.status) == (CONFIRMED, WAITLISTED)

    def test_more_seats_go_to_them_in_drawn_order(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1, lottery_at=DRAW_HOUR, closes_at=None)
        enter(event, 4)
        moment.moment = DRAW_HOUR
        draw(towns(event), None)
        operations.change_category(towns(event), {"capacity": 3}, by)
        assert [one.status for one in in_order(towns(event))] == [CONFIRMED] * 3 + [WAITLISTED]

    def test_the_way_seats_are_given_stays_once_somebody_has_entered(self, app: Flask, by: Account) -> None:
        event = a_lottery(1)
        operations.change_category(towns(event), {"selection": "first_come"}, by)
        operations.change_category(towns(event), {"selection": "lottery"}, by)
        enter(event, 1)
        with pytest.raises(Refusal) as caught:
            operations.change_category(towns(event), {"selection": "first_come"}, by)
        assert (caught.value.code, caught.value.field) == ("invalid", "selection")
        operations.change_category(towns(event), {"selection": "lottery", "capacity": 5}, by)
        assert towns(event).capacity == 5

    @pytest.mark.parametrize(
        ("count", "drawn", "reason"),
        [
            (2, False, "has 2 attendees and cannot change its selection"),
            (0, True, "has been drawn and cannot change its selection"),
        ],
    )
    def test_nor_does_a_file_change_it(
        self, app: Flask, by: Account, moment, count: int, drawn: bool, reason: str
    ) -> None:
        event = a_lottery(1)
        if count:
            enter(event, count)
        if drawn:
            moment.moment = CLOSING
            draw(towns(event), by)
        document = importing.export(event)
        (town, *_) = document["events"][0]["categories"]
        town["selection"] = "first_come"
        with pytest.raises(event_file.FaultyFile) as caught:
            importing.import_events(document, today=NOW.date())
        assert [one.reason for one in caught.value.faults] == [f"local_gov {reason}"]
        assert towns(event).selection == "lottery"


class TestApproval:
    """Approval comes before the draw; whoever is still pending is left out of it (D20)."""

    def undecided(self, seats: int, count: int, **rule: Any) -> tuple[Event, list[Attendee]]:
        event = a_lottery(seats, rule={"approval": "manual"} | rule)
        return event, enter(event, count)

    @on_both
    def test_those_still_pending_are_left_out_and_counted(self, app: Flask, by: Account, moment) -> None:
        event, asking = self.undecided(5, 5)
        approve(event, asking[:3], by)
        assert [one.seatless for one in asking] == [False] * 3 + [True] * 2
        moment.moment = CLOSING
        made = draw(towns(event), by)
        assert (len(made.entries), made.left_out) == (3, 2)
        assert outcomes(asking) == {CONFIRMED: 3, PENDING: 2}
        assert ledger.read(event).held == 3, "they hold no seat"
        assert checks.run() == []

    def test_who_asks_with_a_seat_is_not_left_out(self, app: Flask, by: Account, moment) -> None:
        event, asking = self.undecided(3, 2)
        with transaction():
            asking[0].seatless = False
        moment.moment = CLOSING
        assert draw(towns(event), by).left_out == 1

    def test_afterwards_they_get_a_seat_that_is_free(self, app: Flask, by: Account, moment) -> None:
        event, asking = self.undecided(4, 5)
        approve(event, asking[:2], by)
        moment.moment = CLOSING
        draw(towns(event), by)
        approved = approve(event, asking[2:], by)
        assert approved == asking[2:4], "two seats were left"
        assert [one.status for one in asking] == [CONFIRMED] * 4 + [PENDING]
        assert [(one.seatless, one.approved_at) for one in asking[3:]] == [(False, CLOSING), (True, None)]
        assert ledger.read(event).held == 4
        assert checks.run() == []

    def test_nobody_overtakes_those_who_wait(self, app: Flask, by: Account, moment) -> None:
        event, asking = self.undecided(1, 3)
        approve(event, asking[:2], by)
        moment.moment = CLOSING
        draw(towns(event), by)
        assert outcomes(asking[:2]) == {CONFIRMED: 1, WAITLISTED: 1}
        with transaction():
            lock(event)
            towns(event).capacity = 2  # a seat is free, and after the closing nobody moves up by themself
        assert approve(event, asking[2:], by) == []
        assert asking[2].status == PENDING

    def test_what_could_not_be_approved_is_recorded_nowhere(self, app: Flask, by: Account, moment) -> None:
        event, asking = self.undecided(1, 2)
        approve(event, asking[:1], by)
        moment.moment = CLOSING
        draw(towns(event), by)
        before = [db.session.scalars(select(one.id)).all() for one in (Message, StatusChange, AuditEntry)]
        assert approve(event, asking[1:], by) == []
        after = [db.session.scalars(select(one.id)).all() for one in (Message, StatusChange, AuditEntry)]
        assert after == before

    def test_declining_one_frees_nothing(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(1, rule={"approval": "manual"}, lottery_at=DRAW_HOUR, closes_at=None)
        asking = enter(event, 3)
        approve(event, asking[:2], by)
        moment.moment = DRAW_HOUR
        draw(towns(event), None)
        assert decline(event, asking[2:], by) == asking[2:]
        assert outcomes(asking) == {CONFIRMED: 1, WAITLISTED: 1, DECLINED: 1}
        assert asking[2].seatless is False

    def test_a_late_one_holds_a_seat_while_it_is_looked_at(self, app: Flask, by: Account, moment) -> None:
        event = a_lottery(2, rule={"approval": "manual"}, lottery_at=DRAW_HOUR, closes_at=None)
        asking = enter(event, 1)
        moment.moment = DRAW_HOUR
        draw(towns(event), None)
        late = enter(event, 3)
        assert [(one.status, one.seatless) for one in late] == [
            (PENDING, False),
            (PENDING, False),
            (WAITLISTED, False),
        ]
        assert approve(event, [*asking, *late], by) == late[:2], "the one left out finds no seat"
        assert checks.run() == []


class TestByItself:
    """The worker draws at 10:00 of the set day."""

    @on_both
    def test_at_the_set_hour(self, app: Flask, moment) -> None:
        event = a_lottery(2, lottery_at=DRAW_HOUR)
        entered = enter(event, 5)
        moment.moment = DRAW_HOUR - A_SECOND
        jobs.Worker().drain()
        assert outcomes(entered) == {LOTTERY: 5}
        moment.moment = DRAW_HOUR
        jobs.Worker().drain()
        assert outcomes(entered) == {CONFIRMED: 2, WAITLISTED: 3}
        made = seeds.draw_of(towns(event))
        assert made is not None
        assert (made.drawn_at, made.account_id) == (DRAW_HOUR, None)
        moment.move(timedelta(days=1))
        jobs.Worker().drain()
        db.session.rollback()
        assert made.drawn_at == DRAW_HOUR
        assert checks.run() == []

    def test_while_registration_is_still_open(self, app: Flask, moment) -> None:
        event = a_lottery(1, lottery_at=DRAW_HOUR, closes_at=None)
        entered = enter(event, 2)
        moment.moment = DRAW_HOUR
        jobs.Worker().drain()
        assert outcomes(entered) == {CONFIRMED: 1, WAITLISTED: 1}
        assert [one.status for one in enter(event, 1)] == [WAITLISTED]

    @pytest.mark.parametrize(
        ("changes", "when"),
        [
            ({}, CLOSING + timedelta(days=1)),
            ({"lottery_at": DRAW_HOUR, "status": EventStatus.CANCELLED}, DRAW_HOUR),
            ({"lottery_at": DRAW_HOUR}, START),
        ],
        ids=["no day is set", "called off", "too late"],
    )
    def test_never(self, app: Flask, moment, changes: dict, when: datetime) -> None:
        event = a_lottery(1, **{name: value for name, value in changes.items() if name != "status"})
        entered = enter(event, 2)
        with transaction():
            event.status = changes.get("status", event.status)
        moment.moment = when
        jobs.Worker().drain()
        assert outcomes(entered) == {LOTTERY: 2}

    def test_every_lottery_that_is_due(self, app: Flask, moment) -> None:
        first, second = a_lottery(1, lottery_at=DRAW_HOUR), a_lottery(2, lottery_at=DRAW_HOUR)
        with transaction():
            first.category("company").selection = "lottery"
        entered = [*enter(first, 2), *enter(first, 2, category="company"), *enter(second, 2)]
        moment.moment = DRAW_HOUR
        jobs.Worker().drain()
        assert outcomes(entered) == {CONFIRMED: 5, WAITLISTED: 1}


def text_of(letter: Message) -> str:
    assert letter.mime is not None
    body = message_from_bytes(letter.mime, policy=policy.default).get_body()
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lottery_at": DRAW_HOUR}, "抽選は12月17日（水）に行います。"),
        ({}, "抽選は受付終了（12月15日（月））のあとに行います。"),
    ],
    ids=["a day is set", "after the closing"],
)
def test_the_letter_of_an_entry_says_when_it_is_drawn(app: Flask, changes: dict, words: str) -> None:
    enter(a_lottery(1, **changes), 1)
    (letter,) = db.session.scalars(select(Message))
    assert words in text_of(letter).replace("\n", "")


def test_the_letter_speaks_of_the_lottery_that_somebody_was_moved_to(app: Flask, by: Account, moment) -> None:
    event = a_lottery(1, rule={"closes_at": CLOSING + timedelta(days=1), "approval": "manual"})
    (moved,) = enter(event, 1, category="company")
    with transaction():
        moved.category, moved.status, moved.seatless = towns(event), PENDING, True
        db.session.add(
            StatusChange(
                attendee_id=moved.id,
                event_id=event.id,
                from_status="confirmed",
                to_status="pending",
                reason="planted",
                at=NOW,
            )
        )
    approve(event, [moved], by)
    letter = db.session.scalars(select(Message).order_by(Message.id.desc())).first()
    assert letter is not None
    assert "受付終了（12月16日（火））のあと" in text_of(letter).replace("\n", "")
