"""Putting a seminar into a calendar by the link of a letter: who may, what is offered, and what must not be in it."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import tokens
from eventsite.db import db, transaction
from eventsite.events import operations
from eventsite.models import CalendarEntry, Event, EventStatus, Format, Registration, Status
from eventsite.registration import cancel, register
from tests.cast import TAKASAKI, YAMADA, YOSHIDA, an_application, an_event, sato
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 19, 2, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
JOIN = "https://zoom.us/j/0000?pwd=a&from=b"
HOSTS = ["calendar.google.com", "outlook.live.com", "outlook.office.com"]


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_seminar(seats: int | None = 60, **values: Any) -> Event:
    given = {
        "title": "官民連携 & まちづくり",
        "start_at": START,
        "end_at": START + timedelta(minutes=90),
        "join_url": JOIN,
        "webinar_id": "000 0000 0000",
        "passcode": "1234",
        "contact_phone": "03-0000-0000",
    }
    return an_event(capacities={"local_gov": seats}, **(given | values))


def link(found: Registration) -> str:
    return f"/r/{tokens.derive('registration', found.id, 1)}"


def outward(answer: Any) -> list[str]:
    return [one for one in read(answer).links if urlsplit(one).netloc]


def copied(answer: Any) -> list[str]:
    """The lines that the page offers to copy."""
    return read(answer).form["words"].split("\n")


class TestConfirmed:
    def test_is_offered_everything(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        answer = client.get(f"{link(found)}/calendar")
        assert (answer.status_code, read(answer).data["data-state"]) == (200, ["confirmed"])
        assert [urlsplit(one).netloc for one in outward(answer)] == HOSTS
        own = [one for one in read(answer).links if one.startswith(f"{link(found)}/") and "lang=" not in one]
        assert own == [
            f"{link(found)}/invite.ics",
            f"{link(found)}/calendar.csv",
            f"{link(found)}/calendar.csv?encoding=cp932",
        ]
        assert [client.get(one).status_code for one in own] == [200, 200, 200]

    def test_follows_a_link_without_saying_whence(self, client: FlaskClient) -> None:
        answer = client.get(f"{link(register(a_seminar(), an_application()))}/calendar")
        assert answer.text.count('rel="noopener noreferrer"') == len(HOSTS)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_reads_the_words_to_copy(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        assert copied(client.get(f"{link(found)}/calendar")) == [
            "件名　官民連携 & まちづくり",
            "日時　2025年12月24日（水）10:00～11:30",
            "令和7年12月24日（水曜日）午前10時から午前11時30分まで",
            "場所　オンライン（Zoomウェビナー）",
            "参加用URL",
            JOIN,
            "ウェビナーID　000 0000 0000",
            "パスコード　1234",
            "セミナーのページ",
            f"http://127.0.0.1:8000/events/{found.event.slug}",
            "お問い合わせ　GDX事務局",
            "03-0000-0000",
            "seminar@gdx.example.jp",
        ]

    def test_reads_them_in_english(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(locale="en"))
        lines = copied(client.get(f"{link(found)}/calendar?lang=en"))
        assert lines[1].endswith("Wednesday 24 December 2025, 10:00–11:30 (JST)")
        assert not any("令和" in one for one in lines)
        assert lines[3:5] == lines[3:4] + [JOIN]

    def test_goes_to_a_venue(self, client: FlaskClient) -> None:
        event = a_seminar(
            format=Format.VENUE, venue_name="見本会館", venue_address="見本市1-1", venue_note="2階"
        )
        answer = client.get(f"{link(register(event, an_application()))}/calendar")
        assert copied(answer)[3:5] == ["場所　見本会館　見本市1-1", "2階"]
        assert "zoom.us" not in answer.text

    @pytest.mark.parametrize("shown", [True, False])
    def test_reads_how_to_join_where_the_organiser_lets_it_stand(
        self, client: FlaskClient, shown: bool
    ) -> None:
        found = register(a_seminar(join_on_page=shown), an_application())
        for path in ("/calendar", "/calendar.csv"):
            assert ("zoom.us" in client.get(link(found) + path).text) is shown

    def test_shares_no_personal_link_and_no_name(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        answer = client.get(f"{link(found)}/calendar")
        table = client.get(f"{link(found)}/calendar.csv")
        token = link(found).removeprefix("/r/")
        for words in (*outward(answer), "\n".join(copied(answer)), table.text):
            for secret in (token, "/r/", found.reference, "\u9ad9\ufa11", "kikaku@", "yoshida@"):
                assert secret not in words

    def test_opens_web_calendars_with_the_same_instants(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        google, outlook, office = (
            dict(parse_qsl(urlsplit(one).query)) for one in outward(client.get(f"{link(found)}/calendar"))
        )
        assert (google["text"], google["dates"]) == (
            "官民連携 & まちづくり",
            "20251224T010000Z/20251224T023000Z",
        )
        assert google["location"] == "オンライン（Zoomウェビナー）"
        assert google["details"].split("\n") == [
            JOIN,
            f"http://127.0.0.1:8000/events/{found.event.slug}",
            "お問い合わせ　GDX事務局　03-0000-0000",
        ]
        for one in (outlook, office):
            assert one["subject"] == "官民連携 ＆ まちづくり"
            assert (one["startdt"], one["enddt"]) == ("2025-12-24T01:00:00Z", "2025-12-24T02:30:00Z")
            assert one["body"] == google["details"]

    def test_reads_what_holds_now(self, client: FlaskClient) -> None:
        event = a_seminar()
        found = register(event, an_application())
        with transaction():
            event.start_at += timedelta(days=1)
            event.end_at += timedelta(days=2)
        answer = client.get(f"{link(found)}/calendar")
        assert copied(answer)[1] == "日時　2025年12月25日（木）10:00～12月26日（金）11:30"
        assert "20251225T010000Z/20251226T023000Z" in outward(answer)[0]

    def test_without_a_mail_there_is_no_file(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(contact_email="", contact_phone="026-000-0000"))
        answer = client.get(f"{link(found)}/calendar")
        assert [urlsplit(one).netloc for one in outward(answer)] == HOSTS
        assert "invite.ics" not in answer.text
        assert client.get(f"{link(found)}/invite.ics").status_code == 404

    def test_needs_no_script(self, client: FlaskClient) -> None:
        page = client.get(f"{link(register(a_seminar(), an_application()))}/calendar").text
        main = page[page.index("<main") : page.index("</main>")]
        assert "<script" not in main
        assert "hidden" not in main
        assert "<form" not in main


class TestGroupware:
    @pytest.mark.parametrize(
        ("query", "encoding", "charset", "name"),
        [
            ("", "utf-8-sig", "utf-8", "calendar.csv"),
            ("?encoding=cp932", "cp932", "Shift_JIS", "calendar-sjis.csv"),
        ],
    )
    def test_takes_one_line(
        self, client: FlaskClient, query: str, encoding: str, charset: str, name: str
    ) -> None:
        found = register(a_seminar(), an_application())
        answer = client.get(f"{link(found)}/calendar.csv{query}")
        assert answer.headers["Content-Type"] == f"text/csv; charset={charset}"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.data.startswith(b"\xef\xbb\xbf") is (encoding == "utf-8-sig")
        header, row = csv.reader(io.StringIO(answer.data.decode(encoding), newline=""))
        assert header == ["件名", "開始日", "開始時刻", "終了日", "終了時刻", "内容"]
        assert row[:5] == ["官民連携 & まちづくり", "2025/12/24", "10:00", "2025/12/24", "11:30"]
        assert row[5].split("\n") == copied(client.get(f"{link(found)}/calendar"))[1:]

    def test_reads_beforehand_what_is_lost(self, client: FlaskClient) -> None:
        found = register(a_seminar(title="\U00020bb7野家の話"), an_application())
        words = "Shift_JISでは、次の文字が「〓」になるか省かれます：\U00020bb7"
        assert words in client.get(f"{link(found)}/calendar").text
        data = client.get(f"{link(found)}/calendar.csv?encoding=cp932").data
        assert "〓野家の話" in data.decode("cp932")
        whole = register(a_seminar(), an_application())
        assert "になるか省かれます" not in client.get(f"{link(whole)}/calendar").text

    def test_a_title_is_no_formula(self, client: FlaskClient) -> None:
        found = register(a_seminar(title="=SUM(1,1)"), an_application())
        assert b'"\'=SUM(1,1)"' in client.get(f"{link(found)}/calendar.csv").data

    @pytest.mark.parametrize("encoding", ["utf-7", "", "utf-8", "x" * 3000])
    def test_another_encoding_is_not_there(self, client: FlaskClient, encoding: str) -> None:
        found = register(a_seminar(), an_application())
        assert (
            client.get(f"{link(found)}/calendar.csv", query_string={"encoding": encoding}).status_code == 404
        )


class TestFile:
    @on_both
    def test_is_what_was_mailed(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        entry = db.session.scalars(select(CalendarEntry)).one()
        answer = client.get(f"{link(found)}/invite.ics")
        assert answer.data == entry.ics
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="invite.ics"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers

    def test_of_whoever_has_cancelled_takes_the_entry_back(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        before = client.get(f"{link(found)}/invite.ics").data
        cancel(found.attendees)
        after = client.get(f"{link(found)}/invite.ics").data
        for data, method, sequence in ((before, b"REQUEST", b"0"), (after, b"CANCEL", b"1")):
            assert (b"\r\nMETHOD:%b\r\n" % method in data, b"\r\nSEQUENCE:%b\r\n" % sequence in data) == (
                True,
                True,
            )


class TestCancelled:
    def closed(self, client: FlaskClient, found: Registration, words: str) -> None:
        answer = client.get(f"{link(found)}/calendar")
        assert (answer.status_code, read(answer).data["data-state"]) == (200, ["cancelled"])
        assert words in answer.text
        assert outward(answer) == []
        assert [one for one in read(answer).links if "calendar.csv" in one or "invite.ics" in one] == []
        assert "zoom.us" not in answer.text
        assert client.get(f"{link(found)}/calendar.csv").status_code == 404

    def test_a_seat_is_offered_nothing(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        cancel(found.attendees)
        self.closed(client, found, "このお申し込みは取り消されています。")

    def test_nor_is_a_seminar(self, client: FlaskClient) -> None:
        event = a_seminar()
        found = register(event, an_application())
        with transaction():
            event.status = EventStatus.CANCELLED
        self.closed(client, found, "このセミナーは中止になりました。")
        assert client.get(f"{link(found)}/invite.ics").status_code == 200

    def test_of_two_one_still_comes(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YAMADA))
        cancel(found.attendees[:1])
        answer = client.get(f"{link(found)}/calendar")
        assert read(answer).data["data-state"] == ["confirmed"]
        assert len(outward(answer)) == len(HOSTS)


class TestWaiting:
    @pytest.mark.parametrize(
        "status",
        [Status.PENDING, Status.WAITLISTED, Status.LOTTERY, Status.OFFERED],
        ids=lambda one: one.value,
    )
    def test_reads_when_it_comes(self, client: FlaskClient, status: Status) -> None:
        event = a_seminar(1)
        register(event, an_application())
        found = register(event, an_application(YAMADA))
        with transaction():
            found.attendees[0].status = status
        answer = client.get(f"{link(found)}/calendar")
        assert (answer.status_code, read(answer).data["data-state"]) == (200, ["waiting"])
        assert outward(answer) == []
        assert "参加が確定したら、メールでお知らせします。" in answer.text
        assert client.get(f"{link(found)}/invite.ics").status_code == 404
        assert client.get(f"{link(found)}/calendar.csv").status_code == 404

    def test_whoever_never_had_a_seat_has_no_page(self, client: FlaskClient) -> None:
        event = a_seminar(1)
        register(event, an_application())
        found = register(event, an_application(YAMADA))
        cancel(found.attendees)
        for path in ("/calendar", "/calendar.csv", "/invite.ics"):
            assert client.get(link(found) + path).status_code == 404


def test_a_change_of_the_event_alone_does_not_change_the_file(client: FlaskClient) -> None:
    """The file is what was sent; a new version comes with the letter that tells of the change."""
    event = a_seminar()
    found = register(event, an_application())
    before = client.get(f"{link(found)}/invite.ics").data
    operations.change(event, {"abstract": "新しい要旨"}, sato(event))
    assert client.get(f"{link(found)}/invite.ics").data == before
