"""The page on which letters are planned: what goes out when, its rules, and the button that thanks people."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import registration
from eventsite.db import db, lock, transaction
from eventsite.mail import mailings, schedule
from eventsite.models import Event, Mailing, MailingStatus, Message
from tests.cast import an_application, an_event, kanri, sato, sign_in, suzuki, tanaka
from tests.web.pages import Page, read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
JOIN = "https://zoom.us/j/00000000000"
RULES = [{"days_before": 7, "time": "10:00"}, {"days_before": 1, "time": "10:00"}]
NO_LINK = "参加用URLがまだ登録されていません"


@pytest.fixture(autouse=True)
def moment(at):
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(NOW)


def a_seminar(**changes) -> Event:
    usual = {"start_at": START, "end_at": START + timedelta(minutes=90), "join_url": JOIN}
    event = an_event(**(usual | changes))
    with transaction():
        lock(event)
        schedule.replan(event, NOW)
    return event


@pytest.fixture
def event(app: Flask, client: FlaskClient) -> Event:
    event = a_seminar()
    sign_in(client, sato(event))
    return event


def address(event: Event, *more: object) -> str:
    return "/".join([f"/organiser/events/{event.slug}/letters/schedule", *map(str, more)])


def page(client: FlaskClient, event: Event) -> Page:
    answer = client.get(address(event))
    assert answer.status_code == 200
    return read(answer)


def saved(client: FlaskClient, event: Event, **filled: object) -> Page:
    return read(client.post(address(event), data=page(client, event).form | filled, follow_redirects=True))


def test_the_plan_is_shown_in_the_events_time(client: FlaskClient, event: Event) -> None:
    registration.register(event, an_application())
    shown = client.get(address(event)).get_data(as_text=True)
    assert shown.index("2025/12/17 10:00") < shown.index("2025/12/23 10:00")
    assert shown.count("開催前のご案内</span>") == 2
    assert '<td class="number" data-label="通数"><span>1</span></td>' in shown


def test_the_form_shows_the_rules_and_saving_them_changes_nothing(client: FlaskClient, event: Event) -> None:
    form = page(client, event).form
    names = ["days_1", "time_1", "days_2", "time_2", "days_3", "time_3", "followup_days"]
    assert [form[one] for one in names] == ["7", "10:00", "1", "10:00", "", "", ""]
    answer = client.post(address(event), data=form, follow_redirects=True)
    assert "変わったところはありませんでした。" in answer.get_data(as_text=True)
    assert event.reminders == RULES


def test_new_rules_are_kept_and_planned(client: FlaskClient, event: Event) -> None:
    saved(
        client,
        event,
        days_1="３",
        time_1="9:30",
        days_2="",
        time_2="",
        hour_before="y",
        only_reminders="y",
        followup_days="1",
        materials_url="https://gdx.example.jp/materials",
        materials_date="2026-01-31",
        survey_url="https://gdx.example.jp/survey",
        survey_date="2026-01-09",
        survey_time="17:00",
    )
    assert event.reminders == [{"days_before": 3, "time": "09:30"}, {"hours_before": 1}]
    assert (event.join_in_letters, event.followup_days) == (False, 1)
    assert (event.materials_url, event.materials_until) == (
        "https://gdx.example.jp/materials",
        datetime(2026, 1, 31, 14, 59, tzinfo=UTC),
    )
    assert event.survey_until == datetime(2026, 1, 9, 8, 0, tzinfo=UTC)
    due = [one.due_at for one in mailings.open_of(event)]
    friday, hour_before = datetime(2025, 12, 19, 0, 30, tzinfo=UTC), START - timedelta(hours=1)
    thanks = datetime(2025, 12, 25, 1, 0, tzinfo=UTC)
    assert due == [friday, hour_before, thanks, thanks]
    again = page(client, event).form
    assert (again["time_1"], again["hour_before"], again["materials_time"]) == ("09:30", "y", "23:59")


def test_rules_that_have_no_row_stay(client: FlaskClient, event: Event) -> None:
    rules = [{"days_before": n, "time": "10:00", "business_day": False} for n in (14, 7, 3, 1)]
    with transaction():
        lock(event)
        event.reminders = [*rules, {"hours_before": 24}]
    saved(client, event, days_2="", time_2="11:00")
    assert event.reminders == [rules[0], rules[2], rules[3], {"hours_before": 24}]


@pytest.mark.parametrize(
    ("filled", "field"),
    [
        ({"days_1": "seven"}, "days_1"),
        ({"days_1": "61"}, "days_1"),
        ({"days_1": "99999999999999999999"}, "days_1"),
        ({"days_1": "-1"}, "days_1"),
        ({"time_1": "25:00"}, "time_1"),
        ({"followup_days": "いつか"}, "followup_days"),
        ({"materials_url": "http://gdx.example.jp/m"}, "materials_url"),
        ({"materials_url": "javascript:alert(1)"}, "materials_url"),
        ({"survey_url": "https://" + "a" * 2000 + ".jp/"}, "survey_url"),
        ({"survey_date": "2026-01-09"}, "survey_url"),
        ({"survey_time": "10:00"}, "survey_date"),
        ({"materials_date": "2026-02-30", "materials_url": JOIN}, "materials_date"),
        ({"materials_date": "0001-01-01", "materials_url": JOIN}, "materials_date"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    client: FlaskClient, event: Event, filled: dict[str, str], field: str
) -> None:
    answer = client.post(address(event), data=page(client, event).form | filled)
    found = read(answer)
    assert (answer.status_code, list(found.errors)) == (422, [field])
    assert {name: found.form[name] for name in filled} == filled
    assert event.reminders == RULES


def test_one_mailing_is_left_out_and_brought_back(client: FlaskClient, event: Event) -> None:
    first, _second = schedule.of_event(event)
    client.post(address(event, first.id, "omission"))
    assert first.status == MailingStatus.DROPPED
    shown = client.get(address(event)).get_data(as_text=True)
    assert ("予定に戻す" in shown, shown.count(">送りません<")) == (True, 1)
    client.post(address(event, first.id, "restoration"))
    assert first.status == MailingStatus.PLANNED


@pytest.mark.parametrize("number", [0, 2**31, 10**30])
def test_no_such_mailing(client: FlaskClient, event: Event, number: int) -> None:
    assert client.post(address(event, number, "omission")).status_code == 404


def test_another_events_mailing_is_not_found(client: FlaskClient, event: Event) -> None:
    first = schedule.of_event(a_seminar())[0]
    assert client.post(address(event, first.id, "omission")).status_code == 404
    assert first.status == MailingStatus.PLANNED


@pytest.mark.parametrize(
    ("who", "look", "change"), [(kanri, 200, 303), (suzuki, 200, 403), (tanaka, 404, 404)]
)
def test_who_may(app: Flask, client: FlaskClient, who, look: int, change: int) -> None:
    event = a_seminar()
    sign_in(client, who(event) if who is suzuki else who())
    first = schedule.of_event(event)[0]
    assert client.get(address(event)).status_code == look
    paths = [(first.id, "omission"), (first.id, "restoration"), ("follow-ups",)]
    assert {client.post(address(event, *path)).status_code for path in paths} == {change}
    assert ('id="schedule-form"' in client.get(address(event)).get_data(as_text=True)) == (change == 303)


def test_a_missing_link_is_said_here_and_on_the_overview(client: FlaskClient, event: Event) -> None:
    overview = f"/organiser/events/{event.slug}/"
    assert NO_LINK not in client.get(overview).get_data(as_text=True)
    with transaction():
        lock(event)
        event.join_url = ""
    assert NO_LINK in client.get(overview).get_data(as_text=True)
    assert NO_LINK in client.get(address(event)).get_data(as_text=True)


def test_people_are_thanked_by_a_button_once_attendance_is_known(
    client: FlaskClient, event: Event, moment
) -> None:
    one = registration.register(event, an_application())
    thanks = address(event, "follow-ups")
    early = client.post(thanks, follow_redirects=True).get_data(as_text=True)
    assert "お礼のメールは、終了後に送れます。" in early
    moment.moment = START + timedelta(days=1)
    unknown = client.post(thanks, follow_redirects=True).get_data(as_text=True)
    assert "先に、出欠を記録してください。" in unknown
    assert db.session.scalars(select(Mailing).where(Mailing.letter != "reminder")).all() == []
    registration.mark(one.attendees, "present", None)
    client.post(thanks)
    client.post(thanks)
    while mailings.work("one") or mailings.open_of(event, ("followup_attended", "followup_absent")):
        pass
    assert len(db.session.scalars(select(Message).where(Message.letter == "followup_attended")).all()) == 1


def test_a_draft_has_no_plan_yet(app: Flask, client: FlaskClient) -> None:
    event = an_event(status="draft", start_at=START, end_at=START + timedelta(hours=1))
    sign_in(client, sato(event))
    assert "予定しているメールはありません" in client.get(address(event)).get_data(as_text=True)
