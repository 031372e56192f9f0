"""The public calendars: one name for life, versions that grow, cancelled seminars kept, and 304 for who knows it all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest
from flask.testing import FlaskClient

from eventsite.config import ROOT
from eventsite.db import db, transaction
from eventsite.events import calendar_revision, importing, operations
from eventsite.models import Event, EventStatus, Format
from tests.cast import an_event, sato
from tests.fixtures.database import on_both

NOW = datetime(2026, 1, 15, 1, 0, tzinfo=UTC)
START = datetime(2026, 2, 10, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_seminar(**values: Any) -> Event:
    given = {"start_at": START, "end_at": START + timedelta(minutes=90), "abstract": "要旨"}
    return an_event(**(given | values))


def entries(client: FlaskClient, path: str = "/events.ics") -> dict[str, icalendar.Event]:
    """What a feed holds, by title."""
    answer = client.get(path)
    assert answer.status_code == 200
    return {str(one["SUMMARY"]): one for one in icalendar.Calendar.from_ical(answer.data).events}


def version(client: FlaskClient, event: Event) -> tuple[str, int, datetime, str]:
    one = icalendar.Calendar.from_ical(client.get(f"/events/{event.slug}.ics").data).events[0]
    return str(one["UID"]), one["SEQUENCE"], one["DTSTAMP"].dt, str(one["STATUS"])


class TestVersion:
    @on_both
    def test_grows_with_what_is_shown_under_one_uid(self, client: FlaskClient, moment) -> None:
        event = a_seminar()
        by = sato(event)
        life = [version(client, event)]
        for values in (
            {"title": "別の題名"},
            {"end_at": START + 2 * timedelta(hours=1)},
            {"slug": "another"},
        ):
            moment.move(timedelta(hours=1))
            operations.change(event, values, by)
            life.append(version(client, event))
        assert life == [
            (event.calendar_uid, number, NOW + timedelta(hours=number), "CONFIRMED") for number in range(4)
        ]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("slug", "another"),
            ("title", "別の題名"),
            ("notice", "お知らせ"),
            ("abstract", "別の要旨"),
            ("start_at", START - timedelta(minutes=1)),
            ("end_at", START + timedelta(minutes=91)),
            ("format", Format.VENUE),
            ("live", True),
            ("online_words", "Teams"),
            ("online_status", "想定"),
            ("venue_name", "見本会館"),
        ],
    )
    def test_grows_with_each_thing_shown(self, client: FlaskClient, moment, name: str, value: Any) -> None:
        event = a_seminar()
        moment.move(DAY)
        operations.change(event, {name: value}, sato(event))
        assert (event.calendar_sequence, event.calendar_stamp) == (1, NOW + DAY)

    def test_every_shown_thing_is_tried(self) -> None:
        (marker,) = (
            one
            for one in TestVersion.test_grows_with_each_thing_shown.pytestmark
            if one.name == "parametrize"
        )
        assert {name for name, _ in marker.args[1]} == set(calendar_revision.COLUMNS)

    @pytest.mark.parametrize(
        "values",
        [{"title": "はじめての自治体DX"}, {"fee_note": "無料"}, {"join_url": "https://zoom.us/j/1"}, {}],
        ids=["the same title", "fee", "join link", "nothing"],
    )
    def test_stays_with_anything_else(self, client: FlaskClient, moment, values: dict[str, Any]) -> None:
        event = a_seminar()
        before = client.get(f"/events/{event.slug}.ics").data
        moment.move(DAY)
        operations.change(event, values, sato(event))
        assert (event.calendar_sequence, event.calendar_stamp) == (0, None)
        assert client.get(f"/events/{event.slug}.ics").data == before

    def test_is_newer_even_within_a_second(self, client: FlaskClient) -> None:
        event = a_seminar()
        by = sato(event)
        for title in ("一", "二", "三"):
            operations.change(event, {"title": title}, by)
        assert version(client, event)[1:3] == (3, NOW + timedelta(seconds=3))

    def test_goes_on_while_the_seminar_is_hidden(self, client: FlaskClient, moment) -> None:
        event = a_seminar()
        by = sato(event)
        uid = version(client, event)[0]
        operations.withdraw(event, by)
        assert client.get(f"/events/{event.slug}.ics").status_code == 404
        moment.move(DAY)
        operations.change(event, {"title": "別の題名"}, by)
        operations.publish(event, by)
        assert version(client, event) == (uid, 1, NOW + DAY, "CONFIRMED")

    def test_grows_with_a_file(self, client: FlaskClient, moment) -> None:
        event = a_seminar(notice="")
        uid = version(client, event)[0]
        document = importing.export(event)
        assert importing.import_events(document, today=NOW.date())[0].action == "unchanged"
        assert version(client, event)[:2] == (uid, 0)
        moment.move(DAY)
        document["events"][0]["title"] = "ファイルの題名"
        importing.import_events(document, today=NOW.date())
        assert version(client, event) == (uid, 1, NOW + DAY, "CONFIRMED")
        moment.move(DAY)
        document["events"][0]["status"] = "cancelled"
        importing.import_events(document, today=NOW.date())
        assert version(client, event) == (uid, 2, NOW + 2 * DAY, "CANCELLED")

    def test_two_events_have_two_uids(self, client: FlaskClient) -> None:
        first, second = a_seminar(title="一"), a_seminar(title="二")
        uids = [str(one["UID"]) for one in entries(client).values()]
        assert uids == [first.calendar_uid, second.calendar_uid]
        assert len(set(uids)) == 2


class TestFeed:
    def test_names_itself_and_says_how_often_to_ask(self, client: FlaskClient) -> None:
        a_seminar()
        lines = client.get("/events.ics").data.decode().split("\r\n")
        for line in (
            "NAME:GDXセミナー",
            "X-WR-CALNAME:GDXセミナー",
            "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
            "X-PUBLISHED-TTL:PT6H",
        ):
            assert lines.count(line) == 1
        assert not [one for one in lines if one.startswith(("METHOD", "ATTENDEE", "ORGANIZER", "CONFERENCE"))]

    def test_one_event_is_no_feed(self, client: FlaskClient) -> None:
        event = a_seminar()
        data = client.get(f"/events/{event.slug}.ics").data
        assert b"REFRESH-INTERVAL" not in data
        assert b"\r\nNAME:" not in data

    @on_both
    def test_keeps_what_was_cancelled(self, client: FlaskClient) -> None:
        event = a_seminar(title="中止の講座")
        a_seminar(title="次の講座", start_at=START + DAY, end_at=START + 2 * DAY)
        with transaction():
            event.status = EventStatus.CANCELLED
        assert {title: str(one["STATUS"]) for title, one in entries(client).items()} == {
            "中止の講座": "CANCELLED",
            "次の講座": "CONFIRMED",
        }
        assert str(entries(client, f"/events/{event.slug}.ics")["中止の講座"]["STATUS"]) == "CANCELLED"

    @pytest.mark.parametrize("status", [EventStatus.PUBLISHED, EventStatus.CANCELLED])
    def test_keeps_what_is_over_for_thirty_days(
        self, client: FlaskClient, moment, status: EventStatus
    ) -> None:
        event = a_seminar(status=status)
        for later, kept in ((timedelta(0), True), (30 * DAY - timedelta(seconds=1), True), (30 * DAY, False)):
            moment.moment = event.end_at + later
            assert (event.title in entries(client)) is kept
        assert client.get(f"/events/{event.slug}.ics").status_code == 200

    def test_shows_no_draft_and_nothing_before_its_time(self, client: FlaskClient, moment) -> None:
        a_seminar(title="下書き", status=EventStatus.DRAFT)
        a_seminar(title="公開予定", status=EventStatus.SCHEDULED, publish_at=NOW + DAY)
        assert entries(client) == {}
        moment.move(DAY)
        assert list(entries(client)) == ["公開予定"]

    def test_does_not_tell_how_to_join(self, client: FlaskClient) -> None:
        a_seminar(join_url="https://zoom.us/j/0000", passcode="123456", webinar_id="999 9999 9999")
        text = client.get("/events.ics").data.replace(b"\r\n ", b"")
        assert [one for one in (b"zoom.us/j", b"123456", b"999 9999") if one in text] == []


class TestCaching:
    @pytest.fixture(params=["feed", "file"])
    def path(self, app, request) -> str:
        event = a_seminar(slug="kept")
        return "/events.ics" if request.param == "feed" else f"/events/{event.slug}.ics"

    def test_says_what_it_is_and_for_how_long(self, client: FlaskClient, path: str) -> None:
        answer = client.get(path)
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer.headers["Last-Modified"] == "Thu, 15 Jan 2026 01:00:00 GMT"
        assert answer.headers["ETag"].startswith('"')
        assert "Accept-Language" in answer.headers["Vary"]
        assert answer.headers.getlist("Set-Cookie") == []

    @pytest.mark.parametrize("header", [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")])
    def test_is_not_sent_twice(self, client: FlaskClient, path: str, header: tuple[str, str]) -> None:
        given, asked = header
        first = client.get(path)
        for method in ("get", "head"):
            again = getattr(client, method)(path, headers={asked: first.headers[given]})
            assert (again.status_code, again.data) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
            assert again.headers["Cache-Control"] == "public, max-age=300"

    @pytest.mark.parametrize("header", [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")])
    def test_is_sent_anew_after_a_change(
        self, client: FlaskClient, moment, path: str, header: tuple[str, str]
    ) -> None:
        given, asked = header
        first = client.get(path)
        moment.move(timedelta(seconds=1))
        event = db.session.query(Event).one()
        operations.change(event, {"title": "別の題名"}, sato(event))
        again = client.get(path, headers={asked: first.headers[given]})
        assert again.status_code == 200
        assert "別の題名" in again.data.decode()

    def test_another_language_is_another_text(self, client: FlaskClient, path: str) -> None:
        first = client.get(path)
        english = client.get(f"{path}?lang=en", headers={"If-None-Match": first.headers["ETag"]})
        assert english.status_code == 200

    def test_the_feed_changes_when_something_appears_or_leaves(self, client: FlaskClient, moment) -> None:
        """Also for readers who know only a date: nothing was edited, and yet the feed is another one."""
        event = a_seminar()
        other = a_seminar(status=EventStatus.SCHEDULED, publish_at=NOW + DAY, title="公開予定")
        by = sato(other)
        for later, titles in (
            (NOW + DAY, [event.title, "公開予定"]),
            (event.end_at + DAY, [event.title, "公開予定"]),
            (event.end_at + 30 * DAY, []),
        ):
            known = client.get("/events.ics").headers["Last-Modified"]
            moment.moment = later
            if later == event.end_at + DAY:
                operations.change(other, {"fee_note": "無料"}, by)
            answer = client.get("/events.ics", headers={"If-Modified-Since": known})
            assert answer.status_code == 200
            assert [str(one["SUMMARY"]) for one in icalendar.Calendar.from_ical(answer.data).events] == titles
        known = answer.headers["Last-Modified"]
        assert client.get("/events.ics", headers={"If-Modified-Since": known}).status_code == 304

    def test_an_empty_site_has_an_empty_feed(self, client: FlaskClient) -> None:
        answer = client.get("/events.ics")
        assert (answer.status_code, entries(client)) == (200, {})
        assert "Last-Modified" not in answer.headers

    @pytest.mark.parametrize("value", ["yesterday", "*", '"x"', "W/", "\u9ad9"])
    def test_odd_conditions_are_no_fault(self, client: FlaskClient, path: str, value: str) -> None:
        headers = {"If-None-Match": value.encode().decode("latin-1"), "If-Modified-Since": "yesterday"}
        assert client.get(path, headers=headers).status_code in {200, 304}


def test_nothing_else_writes_the_version() -> None:
    """One place raises it, so that no verb forgets the moment or counts twice."""
    writers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "eventsite").rglob("*.py")
        if "calendar_sequence +=" in path.read_text() or "calendar_stamp =" in path.read_text()
    }
    assert writers == {"eventsite/events/calendar_revision.py"}
