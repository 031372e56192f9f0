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
from eventsite.models import AuditEntry, Event, EventStatus
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
