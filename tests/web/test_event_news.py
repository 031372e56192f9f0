"""The organiser's pages before everybody is written to: a change asked about, an event called off; and what is said of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import registration
from eventsite.db import db, transaction
from eventsite.mail import mailings
from eventsite.mail.recipients import Recipient
from eventsite.models import Attendee, Event, EventStatus, Mailing, Message, Registration
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, sato, sign_in, suzuki
from tests.fixtures.database import on_both
from tests.web.pages import Form, Page, read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
HOSTILE = "一行目\r\n\r\n\"二行目\" <b>&amp; 'x'"
PRIVATE_USE = "\ue000"


@pytest.fixture(autouse=True)
def moment(at: Callable[[datetime], Any]) -> Any:
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event(start_at=START, end_at=START + timedelta(minutes=90), slug="first-steps")


@pytest.fixture
def found(event: Event) -> Registration:
    return registration.register(event, an_application(TAKASAKI, YOSHIDA))


@pytest.fixture
def office(client: FlaskClient, event: Event) -> FlaskClient:
    sign_in(client, sato(event))
    return client


EDIT = "/organiser/events/first-steps/edit"
CANCELLATION = "/organiser/events/first-steps/cancellation-of-event"
OVERVIEW = "/organiser/events/first-steps/"


def the_form(client: FlaskClient) -> Form:
    return read(client.get(EDIT)).form


def planned() -> list[str]:
    own = ("rescheduled", "event_changed", "join_info", "event_cancelled")
    return list(
        db.session.scalars(select(Mailing.letter).where(Mailing.letter.in_(own)).order_by(Mailing.id))
    )


def said_after(client: FlaskClient, answer: Any) -> str:
    assert answer.status_code == 303
    return client.get(answer.headers["Location"]).text


@pytest.mark.usefixtures("found")
class TestChange:
    MOVED = {"date": "2026-01-14"}

    def asked(self, client: FlaskClient, **filled: str) -> tuple[str, Page]:
        answer = client.post(EDIT, data=the_form(client) | (filled or self.MOVED))
        assert answer.status_code == 200
        return answer.text, read(answer)

    @on_both
    def test_it_is_asked_before_anything_is_stored(self, office: FlaskClient, event: Event) -> None:
        text, page = self.asked(office)
        for words in (
            "変更前：2025年12月24日（水）",
            "変更後：2026年1月14日（水）",
            "2通のお知らせを送ります",
            "「日時変更のお知らせ」",
            "12月17日（水）10:00 → 1月7日（水）10:00",
        ):
            assert words in text.replace('<span class="nowrap">', "").replace("</span>", "")
        assert page.buttons[-3:] == [("tell", "yes"), ("tell", "no"), ("tell", "back")]
        assert (event.start_at, planned()) == (START, [])

    @on_both
    def test_then_it_is_stored_and_told(self, office: FlaskClient, event: Event) -> None:
        _, page = self.asked(office)
        answer = office.post(EDIT, data=page.form | {"tell": "yes", "reason": "講師の都合により"})
        text = said_after(office, answer)
        assert "保存しました。" in text
        assert "2通のお知らせを送ります。" in text
        assert (event.start_at, planned()) == (datetime(2026, 1, 14, 1, tzinfo=UTC), ["rescheduled"])
        assert mailings.work("worker") == 2
        last = db.session.scalars(select(Message).order_by(Message.id.desc())).first()
        assert "理由：講師の都合により" in last.text

    def test_or_stored_without_a_word(self, office: FlaskClient, event: Event) -> None:
        _, page = self.asked(office)
        text = said_after(office, office.post(EDIT, data=page.form | {"tell": "no"}))
        assert "保存しました。" in text
        assert "お知らせを送ります" not in text
        assert (event.start_at, planned()) == (datetime(2026, 1, 14, 1, tzinfo=UTC), [])

    def test_or_typed_once_more_with_nothing_lost(self, office: FlaskClient, event: Event) -> None:
        typed = the_form(office) | {"description": HOSTILE, "title": "題<b>&\"'", "live": "y", **self.MOVED}
        page = read(office.post(EDIT, data=typed))
        answer = office.post(EDIT, data=page.form | {"tell": "back"})
        assert answer.status_code == 200
        back = read(answer).form
        del typed["csrf_token"]
        assert {name: back.getlist(name) for name in typed} == {
            name: [one.replace("\r\n", "\n") for one in typed.getlist(name)] for name in typed
        }
        assert (event.start_at, planned()) == (START, [])

    def test_what_nobody_need_hear_of_is_stored_at_once(self, office: FlaskClient, event: Event) -> None:
        answer = office.post(EDIT, data=the_form(office) | {"abstract": "概要"})
        assert "保存しました。" in said_after(office, answer)
        assert (event.abstract, planned()) == ("概要", [])

    @pytest.mark.parametrize("words", ["x" * 501, PRIVATE_USE], ids=["too long", "private use"])
    def test_a_reason_that_no_mail_can_hold(self, office: FlaskClient, event: Event, words: str) -> None:
        _, page = self.asked(office)
        answer = office.post(EDIT, data=page.form | {"tell": "yes", "reason": words})
        again = read(answer)
        assert (answer.status_code, list(again.errors), planned()) == (422, ["reason"], [])
        assert again.form["date"] == "2026-01-14"
        assert event.start_at == START

    def test_what_is_tampered_with_on_the_way(self, office: FlaskClient, event: Event) -> None:
        _, page = self.asked(office)
        answer = office.post(EDIT, data=page.form | {"tell": "yes", "title": "", "slug": "\x00"})
        assert (answer.status_code, planned()) == (422, [])
        assert set(read(answer).errors) == {"title", "slug"}
        assert event.start_at == START

    def test_everybody_has_gone_meanwhile(
        self, office: FlaskClient, event: Event, found: Registration
    ) -> None:
        _, page = self.asked(office)
        registration.cancel(found.attendees)
        text = said_after(office, office.post(EDIT, data=page.form | {"tell": "yes"}))
        assert "お知らせを送ります" not in text
        assert (event.start_at, planned()) == (datetime(2026, 1, 14, 1, tzinfo=UTC), [])

    def test_a_link_to_join(self, office: FlaskClient) -> None:
        text, page = self.asked(office, join_url="https://zoom.us/j/1", join_withheld="y")
        assert "「参加用URLのお知らせ」" in text
        office.post(EDIT, data=page.form | {"tell": "yes"})
        event = db.session.scalars(select(Event)).one()
        assert (event.join_url, event.join_in_letters, planned()) == (
            "https://zoom.us/j/1",
            False,
            ["join_info"],
        )
        assert read(office.get(EDIT)).form["join_withheld"] == "y"


def test_without_attendees_nothing_is_asked(office: FlaskClient, event: Event) -> None:
    answer = office.post(EDIT, data=the_form(office) | TestChange.MOVED)
    assert "保存しました。" in said_after(office, answer)
    assert (event.start_at, planned()) == (datetime(2026, 1, 14, 1, tzinfo=UTC), [])


@pytest.mark.usefixtures("found")
class TestCancel:
    WORDS = {"reason": "台風のため\n中止します", "alternative": "1月の回へどうぞ\nhttps://example.jp/"}

    @on_both
    def test_it_says_what_happens_and_does_it(self, office: FlaskClient, event: Event) -> None:
        assert CANCELLATION in read(office.get(OVERVIEW)).links
        answer = office.get(CANCELLATION)
        assert "開催を中止し、2通のお知らせを送る" in answer.text
        assert (event.status, planned()) == (EventStatus.PUBLISHED, [])
        answer = office.post(CANCELLATION, data=read(answer).form | self.WORDS)
        text = said_after(office, answer)
        assert "開催を中止しました。2通のお知らせを送ります。" in text
        for words in ("台風のため", "中止します", "1月の回へどうぞ", "https://example.jp/"):
            assert words in text
        assert CANCELLATION not in read(office.get(OVERVIEW)).links
        assert (event.status, planned()) == (EventStatus.CANCELLED, ["event_cancelled"])
        assert office.get(CANCELLATION).headers["Location"] == OVERVIEW

    @pytest.mark.parametrize("field", ["reason", "alternative"])
    @pytest.mark.parametrize("words", ["x" * 1001, PRIVATE_USE], ids=["too long", "private use"])
    def test_words_that_no_mail_can_hold(
        self, office: FlaskClient, event: Event, field: str, words: str
    ) -> None:
        answer = office.post(CANCELLATION, data=self.WORDS | {field: words})
        (other,) = {"reason", "alternative"} - {field}
        page = read(answer)
        assert (answer.status_code, list(page.errors)) == (422, [field])
        assert page.form[other] == self.WORDS[other]
        assert (event.status, planned()) == (EventStatus.PUBLISHED, [])

    @pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.PUBLISHED], ids=["draft", "over"])
    def test_too_early_and_too_late(
        self, office: FlaskClient, event: Event, moment, status: EventStatus
    ) -> None:
        with transaction():
            event.status = status
        if status == EventStatus.PUBLISHED:
            moment.move(timedelta(days=60))
        assert CANCELLATION not in read(office.get(OVERVIEW)).links
        for method in ("GET", "POST"):
            answer = office.open(CANCELLATION, method=method, data=self.WORDS)
            assert "中止にできません。" in said_after(office, answer)
        assert (event.status, planned()) == (status, [])

    def test_a_file_has_called_it_off_without_a_word(self, office: FlaskClient, event: Event) -> None:
        with transaction():
            event.status, event.cancel_reason = EventStatus.CANCELLED, "台風のため"
        page = office.get(OVERVIEW)
        assert "まだ知らせていません" in page.text
        assert CANCELLATION in read(page).links
        page = office.get(CANCELLATION)
        assert read(page).form["reason"] == "台風のため"
        office.post(CANCELLATION, data=read(page).form)
        assert "まだ知らせていません" not in office.get(OVERVIEW).text
        assert {one.status.value for one in db.session.scalars(select(Attendee))} == {"cancelled"}
        assert planned() == ["event_cancelled"]

    def test_helpers_cannot(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, suzuki(event))
        assert CANCELLATION not in read(client.get(OVERVIEW)).links
        assert client.get(CANCELLATION).status_code == 403
        assert client.post(CANCELLATION, data=self.WORDS).status_code == 403
        assert event.status == EventStatus.PUBLISHED

    @pytest.mark.parametrize("told", [True, False], ids=["told", "by a file"])
    def test_what_everybody_else_reads(
        self, office: FlaskClient, event: Event, found: Registration, told: bool
    ) -> None:
        if told:
            office.post(CANCELLATION, data=self.WORDS)
        else:
            with transaction():
                event.status, event.join_url = EventStatus.CANCELLED, "https://zoom.us/j/1"
                event.cancel_reason, event.alternative = self.WORDS.values()
        link = f"/r/{Recipient(found).token}"
        for address in ("/events/first-steps", link):
            text = office.get(address).text
            for words in ("中止", "台風のため", "中止します", "1月の回へどうぞ", "https://example.jp/"):
                assert (address, words, words in text) == (address, words, True)
            assert "zoom.us" not in text
        assert "/register" not in office.get("/events/first-steps").text
        page = read(office.get(link))
        assert page.data["data-status"] == (["cancelled"] if told else ["confirmed"]) * 2
        assert not [
            one for one in page.links if "cancellation" in one or "replacement" in one or "details" in one
        ]
        assert office.get(f"{link}/cancellation").headers["Location"] == link
