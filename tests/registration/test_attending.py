"""Who came: recorded of the confirmed, from the start on, in one go or one by one."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from eventsite import clock, registration
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.events import reminding
from eventsite.mail import mailings, schedule
from eventsite.mail.due import follow_up
from eventsite.mail.letters.followups import ATTENDED, FOLLOW_UPS
from eventsite.models import AuditEntry, Event, EventStatus, MailingStatus, Message
from eventsite.registration import attending, roster
from tests.cast import YAMADA, YOSHIDA, an_application, an_event, people, sato, sign_in, suzuki, tanaka
from tests.fixtures.database import on_both
from tests.web.pages import read


@pytest.fixture
def moment(at):
    return at(clock.now())


@pytest.fixture
def event(app: Flask, moment) -> Event:
    """It has just begun, with three confirmed attendees and one who cancelled."""
    event = an_event()
    registration.register(event, an_application(YOSHIDA, YAMADA))
    registration.register(event, an_application())
    gone = registration.register(event, an_application())
    registration.cancel(gone.attendees)
    moment.moment = event.start_at
    return event


def marked(event: Event) -> list[str]:
    return [one.attendance for one in sorted(attending.confirmed(event), key=lambda one: one.number)]


def recorded() -> list[tuple[list[str], str]]:
    query = select(AuditEntry).where(AuditEntry.action == "attendance.marked").order_by(AuditEntry.id)
    return [(one.details["numbers"], one.details["attendance"]) for one in db.session.scalars(query)]


@on_both
def test_a_list_is_kept_in_one_go(event: Event) -> None:
    first, second, third = attending.confirmed(event)
    organiser = sato(event)
    listed = {first.id, second.id, third.id}
    assert registration.mark_list(event, listed, {first.id}, organiser) == 3
    assert (first.attendance, second.attendance, third.attendance) == ("present", "absent", "absent")
    assert recorded() == [([first.number], "present"), ([second.number, third.number], "absent")]
    assert registration.mark_list(event, listed, {first.id}, organiser) == 0
    assert len(recorded()) == 2


def test_whoever_was_not_on_the_list_stays_as_they_are(event: Event) -> None:
    first, second, third = attending.confirmed(event)
    registration.mark_list(event, {first.id}, {first.id, second.id}, None)
    assert (first.attendance, second.attendance, third.attendance) == ("present", "", "")


def test_one_is_marked_and_unmarked(event: Event) -> None:
    one = attending.confirmed(event)[0]
    assert registration.mark([one], "present", None) == [one]
    assert registration.mark([one], "present", None) == []
    assert registration.mark([one], "", None) == [one]
    assert recorded() == [([one.number], "present"), ([one.number], "")]


def test_whoever_has_no_seat_did_not_come(event: Event) -> None:
    found = roster.find(event, roster.Filter(status="cancelled")).items
    assert (len(found), registration.mark(found, "present", None)) == (1, [])


def test_nobody_came_before_the_start_or_to_what_was_called_off(event: Event, moment) -> None:
    moment.move(-timedelta(seconds=1))
    with pytest.raises(Refusal, match="not-open-yet"):
        registration.mark(attending.confirmed(event), "present", None)
    moment.move(timedelta(seconds=1))
    with transaction():
        lock(event)
        event.status = EventStatus.CANCELLED
    with pytest.raises(Refusal, match="cancelled"):
        registration.mark_list(event, {1, 2, 3}, {1}, None)
    assert marked(event) == ["", "", ""]


def test_other_words_are_no_attendance(event: Event) -> None:
    with pytest.raises(ValueError, match="perhaps"):
        registration.mark(attending.confirmed(event), "perhaps", None)


def test_the_roster_says_who_came(event: Event) -> None:
    first, second, _third = attending.confirmed(event)
    registration.mark_list(event, {first.id, second.id}, {first.id}, None)
    table = roster.table(event)
    column = table.header.index("出欠")
    assert sorted(row[column] for row in table.rows) == ["出席", "未確認", "未確認", "欠席"]


# Those who are marked after the hour of the follow-ups.


@pytest.fixture
def thanked(app: Flask, moment) -> Event:
    """It is over, its follow-ups were due an hour ago, and three attendees are registered one by one."""
    event = an_event(followup_days=1, reminders=[])
    for number in range(3):
        registration.register(event, an_application(contact_email=f"{number}@city.example.lg.jp"))
    with transaction():
        lock(event)
        schedule.replan(event, clock.now())
    moment.moment = follow_up(event.end_at, event.timezone, 1) + timedelta(hours=1)
    return event


def work(moment) -> None:
    """Write what is due, and let a moment go by."""
    for _round in range(4):
        mailings.work("one")
    moment.move(timedelta(minutes=1))


def follow_ups() -> list[tuple[str, str]]:
    """Which follow-up went to which contact."""
    query = select(Message).where(Message.letter.in_(list(FOLLOW_UPS))).order_by(Message.id)
    found = list(db.session.scalars(query))
    return [(one.letter.removeprefix("followup_"), one.recipient.partition("@")[0]) for one in found]


@on_both
def test_attendance_that_is_known_late_still_brings_letters(thanked: Event, moment) -> None:
    work(moment)
    assert {one.status for one in schedule.of_event(thanked)} == {MailingStatus.DROPPED}
    first, second, third = attending.confirmed(thanked)
    registration.mark_list(thanked, {first.id, second.id}, {first.id}, sato(thanked))
    work(moment)
    assert sorted(follow_ups()) == [("absent", "1"), ("attended", "0")]
    registration.mark([third], "present", None)
    work(moment)
    assert sorted(follow_ups()) == [("absent", "1"), ("attended", "0"), ("attended", "2")]


@on_both
def test_who_is_marked_after_the_others_gets_theirs(thanked: Event, moment) -> None:
    first, second, third = attending.confirmed(thanked)
    due = clock.now()
    moment.move(-timedelta(hours=2))
    registration.mark([first], "present", None)
    assert mailings.open_of(thanked, FOLLOW_UPS) == schedule.of_event(thanked), "nothing before its hour"
    assert len(schedule.of_event(thanked)) == 2
    moment.moment = due
    work(moment)
    assert follow_ups() == [("attended", "0")]
    registration.mark([second, third], "present", None)
    work(moment)
    assert follow_ups() == [("attended", "0"), ("attended", "1"), ("attended", "2")]


def test_who_is_marked_while_the_others_are_written_to_gets_theirs(
    thanked: Event, moment, monkeypatch
) -> None:
    monkeypatch.setattr(mailings, "CHUNK", 1)
    first, second, third = attending.confirmed(thanked)
    registration.mark([second, third], "present", None)
    claimed = mailings._claim("one")
    assert claimed is not None
    assert mailings._write_chunk(claimed, "one") == 1
    registration.mark([first], "present", None)
    moment.move(timedelta(minutes=6))
    for _round in range(2):
        work(moment)
    assert sorted(follow_ups()) == [("attended", "0"), ("attended", "1"), ("attended", "2")]


def test_marking_anew_brings_no_second_letter_unless_by_the_button(thanked: Event, moment) -> None:
    first, second, _third = attending.confirmed(thanked)
    registration.mark([first], "absent", None)
    work(moment)
    registration.mark([first, second], "present", None)
    work(moment)
    assert follow_ups() == [("absent", "0"), ("attended", "1")]
    reminding.send_follow_ups(thanked, sato(thanked))
    work(moment)
    assert follow_ups() == [("absent", "0"), ("attended", "1"), ("attended", "0")]


def test_what_was_left_out_by_hand_does_not_come_back(thanked: Event, moment) -> None:
    (thanks,) = (one for one in schedule.of_event(thanked) if one.letter == ATTENDED)
    reminding.leave_out(thanks, sato(thanked))
    work(moment)
    first, second, _third = attending.confirmed(thanked)
    registration.mark_list(thanked, {first.id, second.id}, {first.id}, None)
    work(moment)
    assert follow_ups() == [("absent", "1")]


@pytest.mark.parametrize("why", ["no rule", "never planned", "not known again"])
def test_no_letters_where_none_were_to_come(thanked: Event, moment, why: str) -> None:
    work(moment)
    moment.move(timedelta(days=7))
    attendees = attending.confirmed(thanked)
    with transaction():
        attendees[0].attendance = "absent"
        thanked.followup_days = {"no rule": None, "never planned": 5, "not known again": 1}[why]
    before = len(schedule.of_event(thanked))
    registration.mark(attendees, "" if why == "not known again" else "present", None)
    work(moment)
    assert (len(schedule.of_event(thanked)), follow_ups()) == (before, [])


# The page.


def address(event: Event, end: str = "") -> str:
    return f"/organiser/events/{event.slug}/attendance{end}"


def test_the_page_keeps_what_is_ticked(client: FlaskClient, event: Event) -> None:
    sign_in(client, sato(event))
    first, second, third = attending.confirmed(event)
    form = read(client.get(address(event))).form
    assert "present" not in form
    answer = client.post(address(event), data=form | {"present": [str(first.id), str(third.id)]})
    assert (answer.status_code, answer.location) == (303, address(event))
    assert (first.attendance, second.attendance, third.attendance) == ("present", "absent", "present")
    again = read(client.get(address(event))).form
    assert again.getlist("present") == [str(first.id), str(third.id)]
    person = client.get(f"/organiser/events/{event.slug}/attendees/{second.number}")
    assert "<span>欠席</span>" in person.get_data(as_text=True)


def test_everybody_goes_back_to_not_known(client: FlaskClient, event: Event) -> None:
    sign_in(client, sato(event))
    assert client.post(address(event, "/reset")).status_code == 303
    assert recorded() == []
    registration.mark(attending.confirmed(event), "present", None)
    client.post(address(event, "/reset"))
    assert marked(event) == ["", "", ""]


@pytest.mark.parametrize("listed", ["x", "1;2 -3", "9" * 40, "１", "0", ""])
def test_hostile_lists_mark_nobody(client: FlaskClient, event: Event, listed: str) -> None:
    sign_in(client, sato(event))
    ids = [one.id for one in attending.confirmed(event)]
    data = {"listed": listed.replace("1", str(max(ids) + 5)), "present": [listed, *map(str, ids)]}
    assert client.post(address(event), data=data).status_code == 303
    assert marked(event) == ["", "", ""]


def test_before_the_start_the_page_says_when(client: FlaskClient, event: Event, moment) -> None:
    sign_in(client, sato(event))
    moment.move(-timedelta(hours=1))
    shown = client.get(address(event)).get_data(as_text=True)
    assert ("まだ始まっていません" in shown, "attendance-form" in shown) == (True, False)
    refused = client.post(address(event), data={"listed": "1", "present": "1"}, follow_redirects=True)
    assert "出欠は、開始時刻から記録できます。" in refused.get_data(as_text=True)


@pytest.mark.parametrize(("who", "status"), [(suzuki, 403), (tanaka, 404)])
def test_who_may(client: FlaskClient, event: Event, who, status: int) -> None:
    sign_in(client, who(event) if who is suzuki else who())
    answers = [client.get(address(event)), client.post(address(event)), client.post(address(event, "/reset"))]
    assert {one.status_code for one in answers} == {status}


def test_five_hundred_are_marked_with_few_statements(app: Flask, client: FlaskClient, moment) -> None:
    event = an_event(capacities={"local_gov": None})
    with transaction():
        event.category("local_gov").max_attendees = 20
    for number in range(25):
        registration.register(event, an_application(*people(20), contact_email=f"c{number}@example.jp"))
    moment.moment = event.start_at
    sign_in(client, sato(event))
    form = read(client.get(address(event))).form
    chosen = form["listed"].split()[::2]
    made = []
    listen = ("before_cursor_execute", lambda *row: made.append(row[2]))
    sqlalchemy_event.listen(db.engine, *listen)
    client.post(address(event), data=form | {"present": chosen})
    sqlalchemy_event.remove(db.engine, *listen)
    assert sorted(marked(event)) == ["absent"] * 250 + ["present"] * 250
    assert len(made) < 40
