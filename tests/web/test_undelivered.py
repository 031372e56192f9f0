"""Mail that did not arrive, as the office sees it: on the roster, the overview and the person's page; the way out."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import registration
from eventsite.db import db
from eventsite.mail.returns import inbound
from eventsite.models import Attendee, CalendarEntry, Event, Message, Registration, Status
from tests.cast import (
    TAKASAKI,
    TOWN_HALL,
    YAMADA,
    YOSHIDA,
    an_application,
    an_event,
    sato,
    sign_in,
    suzuki,
    tanaka,
)
from tests.mail import returned
from tests.web.pages import read

NOW = datetime(2025, 11, 25, 1, 12, tzinfo=UTC)
RIGHT = "soumu@city.example.lg.jp"
UNREACHED = "この方へのメールが届いていません。"
REJECTED = "550 5.1.1 &lt;kikaku@city.example.lg.jp&gt;: Recipient address rejected: User unknown"
DECLINED = "予定表から「不参加」の返信がありました（11月25日（火）10:12）。取消はまだされていません。"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask, client: FlaskClient) -> Event:
    """An event of 佐藤, who has signed in."""
    event = an_event()
    sign_in(client, sato(event))
    return event


@pytest.fixture
def found(event: Event) -> Registration:
    return registration.register(event, an_application(TAKASAKI, YOSHIDA))


def bounce(found: Registration, to: str = TOWN_HALL) -> None:
    query = select(Message.message_id).where(Message.registration_id == found.id, Message.recipient == to)
    inbound.take(returned.postfix(db.session.scalars(query).first()))


def reply(found: Registration, answer: str, comment: str = "") -> None:
    query = select(CalendarEntry.uid).where(
        CalendarEntry.registration_id == found.id, CalendarEntry.recipient_key == "contact"
    )
    inbound.take(returned.calendar_reply(db.session.scalars(query).one(), answer, comment))


def page_of(one: Attendee) -> str:
    return f"/organiser/events/{one.registration.event.slug}/attendees/{one.number}"


def marks(found: Registration) -> list[bool]:
    db.session.rollback()
    return [one.undeliverable for one in found.attendees]


class TestWhereItIsSeen:
    def test_the_overview_counts_and_leads_to_them(self, client: FlaskClient, found: Registration) -> None:
        overview = f"/organiser/events/{found.event.slug}/"
        assert "メールが届かなかった" not in client.get(overview).text
        bounce(found)
        bounce(found, YOSHIDA.email)
        page = client.get(overview)
        assert "メールが届かなかった方が2名います。" in page.text
        (link,) = [one for one in read(page).links if "undeliverable" in one]
        names = [one for one in ("\u9ad9\ufa11", "\U00020bb7\u7530") if one in client.get(link).text]
        assert len(names) == 2

    def test_the_roster_can_be_narrowed_to_them(self, client: FlaskClient, found: Registration) -> None:
        bounce(found)
        page = client.get(f"/organiser/events/{found.event.slug}/roster?status=undeliverable")
        assert "\u9ad9\ufa11" in page.text
        assert "\U00020bb7\u7530" not in page.text
        assert read(page).form["status"] == "undeliverable"

    def test_the_page_says_what_the_server_said(self, client: FlaskClient, found: Registration) -> None:
        bounce(found)
        page = client.get(page_of(found.attendees[0])).text
        assert UNREACHED in page
        assert REJECTED in page
        assert "2025/11/25 10:12" in page
        other = client.get(page_of(found.attendees[1])).text
        assert (UNREACHED in other, REJECTED in other) == (False, True), "the contact's mail is about both"

    def test_a_delay_is_told_without_alarm(self, client: FlaskClient, found: Registration) -> None:
        message_id = db.session.scalars(select(Message.message_id).order_by(Message.id)).first()
        inbound.take(returned.postfix(message_id, action="delayed", status="4.4.1"))
        page = client.get(page_of(found.attendees[0])).text
        assert "遅れています" in page
        assert UNREACHED not in page

    def test_a_hostile_server_says_nothing_but_words(self, client: FlaskClient, found: Registration) -> None:
        message_id = db.session.scalars(select(Message.message_id).order_by(Message.id)).first()
        words = "smtp; 550 <script>alert(1)</script>\u202e{{ 7*7 }}"
        inbound.take(returned.postfix(message_id, diagnostic=words))
        page = client.get(page_of(found.attendees[0])).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


class TestTheAddressPutRight:
    def test_the_letter_goes_to_the_new_one_at_once(
        self, client: FlaskClient, found: Registration, moment
    ) -> None:
        bounce(found)
        moment.move(timedelta(minutes=5))
        page = page_of(found.attendees[0])
        form = read(client.get(f"{page}/address")).form
        assert form["email"] == TOWN_HALL
        answer = client.post(f"{page}/address", data=form | {"email": RIGHT})
        assert (answer.status_code, answer.location) == (303, page)
        assert marks(found) == [False, False]
        last = db.session.scalars(select(Message).order_by(Message.id.desc())).first()
        assert (last.letter, last.recipient) == ("confirmed", RIGHT)
        shown = client.get(page).text
        assert "新しいアドレスへメールを送りました。" in shown
        assert UNREACHED not in shown

    def test_an_own_address_is_the_one_that_is_put_right(
        self, client: FlaskClient, found: Registration
    ) -> None:
        page = f"{page_of(found.attendees[1])}/address"
        assert read(client.get(page)).form["email"] == YOSHIDA.email
        client.post(page, data={"email": RIGHT})
        db.session.rollback()
        assert (found.contact_email, found.attendees[1].email) == (TOWN_HALL, RIGHT)

    @pytest.mark.parametrize(
        "typed", ["", "nobody", TOWN_HALL, "a@b\r\nBcc: c@d", "x" * 5000, "\udc80\x00@x"]
    )
    def test_what_is_no_new_address_comes_back_with_a_sentence(
        self, client: FlaskClient, found: Registration, typed: str
    ) -> None:
        data = {"email": typed.encode("utf-8", "surrogatepass")}
        answer = client.post(f"{page_of(found.attendees[0])}/address", data=data)
        assert answer.status_code == 422
        assert list(read(answer).errors) == ["email"]
        db.session.rollback()
        assert found.contact_email == TOWN_HALL

    def test_it_says_whom_else_it_concerns(self, client: FlaskClient, event: Event) -> None:
        both = registration.register(event, an_application(TAKASAKI, TAKASAKI, YOSHIDA))
        page = client.get(f"{page_of(both.attendees[0])}/address").text
        assert "同じ申込の2名に関わります。" in page

    def test_or_the_person_was_reached_by_telephone(self, client: FlaskClient, found: Registration) -> None:
        bounce(found)
        page = page_of(found.attendees[0])
        answer = client.post(f"{page}/reached")
        assert (answer.status_code, marks(found)) == (303, [False, False])
        shown = client.get(page).text
        assert REJECTED in shown
        assert f"{page}/reached" not in shown


class TestCalendarReplies:
    def test_a_no_is_a_hint_with_the_way_to_cancel(self, client: FlaskClient, found: Registration) -> None:
        reply(found, "DECLINED", "<b>会議</b>")
        page = client.get(page_of(found.attendees[0]))
        assert DECLINED in page.text
        assert "&lt;b&gt;会議&lt;/b&gt;" in page.text
        assert f"{page_of(found.attendees[0])}/cancellation" in read(page).links
        db.session.rollback()
        assert [one.status for one in found.attendees] == [Status.CONFIRMED] * 2

    @pytest.mark.parametrize(("answer", "word"), [("ACCEPTED", "参加"), ("TENTATIVE", "仮の参加")])
    def test_the_last_word_counts(
        self, client: FlaskClient, found: Registration, answer: str, word: str
    ) -> None:
        reply(found, "DECLINED")
        reply(found, answer)
        page = client.get(page_of(found.attendees[0])).text
        assert f"予定表から「{word}」の返信がありました" in page
        assert "取消はまだ" not in page

    def test_it_is_over_when_the_person_has_gone(self, client: FlaskClient, found: Registration) -> None:
        reply(found, "DECLINED")
        registration.cancel([found.attendees[0]])
        assert "予定表から" not in client.get(page_of(found.attendees[0])).text

    def test_nobody_reads_that_of_another_registration(
        self, client: FlaskClient, found: Registration
    ) -> None:
        other = registration.register(found.event, an_application(YAMADA))
        reply(found, "DECLINED")
        bounce(found)
        page = client.get(page_of(other.attendees[0])).text
        assert ("予定表から" in page, "戻ってきたメール" in page) == (False, False)


class TestRights:
    def test_staff_looks_and_does_not_touch(
        self, client: FlaskClient, app: Flask, found: Registration
    ) -> None:
        bounce(found)
        reply(found, "DECLINED")
        sign_in(client, suzuki(found.event))
        page = page_of(found.attendees[0])
        shown = client.get(page)
        assert UNREACHED in shown.text
        assert [one for one in read(shown).links if one.endswith(("/address", "/cancellation"))] == []
        for post in (f"{page}/address", f"{page}/reached"):
            assert client.post(post, data={"email": RIGHT}).status_code in {403, 404}
        assert marks(found) == [True, False]

    @pytest.mark.parametrize("path", ["/address", "/reached"])
    def test_strangers_find_nothing(self, client: FlaskClient, found: Registration, path: str) -> None:
        sign_in(client, tanaka())
        assert client.post(page_of(found.attendees[0]) + path, data={"email": RIGHT}).status_code == 404
