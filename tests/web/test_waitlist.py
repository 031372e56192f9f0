"""The page of those who wait: in which order, promoted one by one or into the free seats, and the end of waiting."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from eventsite.db import db, transaction
from eventsite.models import (
    Account,
    Attendee,
    AuditEntry,
    Event,
    EventStatus,
    Message,
    StatusChange,
)
from eventsite.registration import cancel, register
from tests.cast import TOWN_HALL, an_account, an_application, an_event, people, sato, sign_in, suzuki, tanaka
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
BOX = "定員を超えて登録します"
NOBODY = "待っている方はいません"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    """Two of its categories have one seat each."""
    return an_event(capacities={"local_gov": 1, "company": 1})


@pytest.fixture
def account(client: FlaskClient, event: Event) -> Account:
    found = sato(event)
    sign_in(client, found)
    return found


@pytest.fixture
def waiting(event: Event, moment) -> list[Attendee]:
    """Both categories are full; then one of local_gov, one of company, and one of local_gov wait."""
    found = []
    for code in ("local_gov", "company", "local_gov", "company", "local_gov"):
        (person,) = people(1)
        found += register(event, an_application(person, category=code)).attendees
        moment.move(timedelta(minutes=1))
    return found[2:]


def start(event: Event) -> str:
    return f"/organiser/events/{event.slug}/waitlist"


def rows(client: FlaskClient, event: Event) -> list[str]:
    body = re.search(r"<tbody>(.*)</tbody>", client.get(start(event)).text, re.DOTALL)
    found = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL) if body else []
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", one)).split()) for one in found]


def said(client: FlaskClient, event: Event) -> list[str]:
    page = client.get(start(event)).text
    return re.findall(r'<div class="notice" data-tone="\w+">\s*<p>(.*?)</p>', page)


def statuses(*attendees: Attendee) -> list[str]:
    db.session.rollback()
    return [one.status.value for one in attendees]


def written() -> list[int | None]:
    db.session.rollback()
    return [
        db.session.scalar(select(func.count()).select_from(one))
        for one in (StatusChange, AuditEntry, Message)
    ]


class TestPage:
    @on_both
    def test_in_the_order_of_the_rule(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee]
    ) -> None:
        shown = rows(client, event)
        assert [one.number in row for one, row in zip(waiting, shown, strict=True)] == [True] * 3
        places = [re.search(r"\d+番目", row)[0] for row in shown]
        assert places == ["1番目", "1番目", "2番目"]
        for words in ("自治体職員", "2025/12/01 10:02", "参加 者1"):
            assert words in shown[0]
        assert "3名が待っています。" in client.get(start(event)).text

    def test_nobody(self, client: FlaskClient, event: Event, account: Account) -> None:
        page = client.get(start(event)).text
        assert (NOBODY in page, "free-seats-form" in page) == (True, False)

    def test_the_navigation_names_it_where_there_can_be_a_list(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee]
    ) -> None:
        roster = f"/organiser/events/{event.slug}/roster"
        assert start(event) in read(client.get(roster)).links
        with transaction():
            for one in event.categories:
                one.waitlist = False
        assert start(event) in read(client.get(roster)).links, "somebody still waits"
        cancel([waiting[0]])
        cancel([waiting[1]])
        cancel([waiting[2]])
        assert start(event) not in read(client.get(roster)).links

    def test_looking_changes_nothing(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee]
    ) -> None:
        before = written()
        for path in ("", "/end", "/end?category=company", "/end?category=x"):
            client.get(start(event) + path)
        assert (statuses(*waiting), written()) == (["waitlisted"] * 3, before)


class TestPromotion:
    @on_both
    def test_of_one_beyond_the_limit_by_choice(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee]
    ) -> None:
        chosen = waiting[2]
        sent = {"attendee": str(chosen.id)}
        answer = client.post(f"{start(event)}/promotions", data=sent)
        assert (answer.status_code, answer.text.count(BOX)) == (409, 1)
        assert read(answer).data["data-refusal"] == ["sold-out"]
        assert f"{chosen.name} 様：空席がないため、繰り上げられません。" in answer.text
        assert statuses(*waiting) == ["waitlisted"] * 3
        answer = client.post(f"{start(event)}/promotions", data=sent | {"over_limit": "y"})
        assert answer.status_code == 303
        assert statuses(*waiting) == ["waitlisted", "waitlisted", "confirmed"]
        assert chosen.over_limit is True
        assert said(client, event) == [f"{chosen.name} 様を繰り上げました。"]
        before = written()
        client.post(f"{start(event)}/promotions", data=sent | {"over_limit": "y"})
        assert said(client, event) == ["すでに処理されていました。"]
        assert written() == before

    @on_both
    def test_into_the_free_seats(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee], moment
    ) -> None:
        """After the closing a seat lies free until the office gives it."""
        client.post(f"{start(event)}/promotions")
        assert said(client, event) == ["空席がないため、繰り上げられません。"]
        with transaction():
            event.closes_at = NOW + timedelta(days=1)
        moment.move(timedelta(days=2))
        (first,) = db.session.scalars(select(Attendee).order_by(Attendee.id).limit(1))
        cancel([first], by=account)
        assert statuses(*waiting) == ["waitlisted"] * 3
        client.post(f"{start(event)}/promotions")
        assert statuses(*waiting) == ["confirmed", "waitlisted", "waitlisted"]
        assert said(client, event) == ["1名を繰り上げました。"]

    @pytest.mark.parametrize("chosen", ["", "x", "-1", "9" * 30, "１", "1.0"])
    def test_of_nobody_who_waits(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee], chosen: str
    ) -> None:
        before = written()
        sent = {"attendee": chosen, "over_limit": "y"}
        assert client.post(f"{start(event)}/promotions", data=sent).status_code == 303
        assert written() == before

    def test_not_of_those_of_another_event(
        self, client: FlaskClient, event: Event, account: Account, moment
    ) -> None:
        other = an_event(capacities={"company": 1})
        register(other, an_application(*people(1), category="company"))
        (foreign,) = register(other, an_application(*people(1), category="company")).attendees
        client.post(f"{start(event)}/promotions", data={"attendee": foreign.id, "over_limit": "y"})
        assert statuses(foreign) == ["waitlisted"]

    def test_not_from_the_start_on(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee], moment
    ) -> None:
        moment.moment = event.start_at
        page = client.get(start(event)).text
        assert ("free-seats-form" in page, "/promotions" in page) == (False, False)
        sent = {"attendee": str(waiting[0].id), "over_limit": "y"}
        answer = client.post(f"{start(event)}/promotions", data=sent)
        assert (answer.status_code, BOX in answer.text) == (409, False)
        assert statuses(*waiting) == ["waitlisted"] * 3


class TestEnd:
    @on_both
    def test_asks_first_and_says_whom_it_tells(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee]
    ) -> None:
        answer = client.get(f"{start(event)}/end?category=local_gov")
        asked = [one.number in answer.text for one in waiting]
        assert (asked, TOWN_HALL in answer.text) == ([True, False, True], True)
        assert "次の2名に、メールで終了をお知らせします。" in answer.text
        assert client.post(f"{start(event)}/end", data=read(answer).form).status_code == 303
        assert statuses(*waiting) == ["lost", "waitlisted", "lost"]
        assert said(client, event) == ["キャンセル待ちを終了しました。"]
        assert [one.waitlist for one in event.categories] == [False, True, True]
        letters = select(func.count()).where(Message.letter == "waitlist_ended")
        assert db.session.scalar(letters) == 2
        before = written()
        client.post(f"{start(event)}/end", data={"category": "local_gov"})
        assert said(client, event) == ["すでに処理されていました。"]
        assert written() == before

    def test_of_all_categories(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee]
    ) -> None:
        answer = client.get(f"{start(event)}/end")
        assert "次の3名に、メールで終了をお知らせします。" in answer.text
        client.post(f"{start(event)}/end", data=read(answer).form)
        assert statuses(*waiting) == ["lost"] * 3
        assert NOBODY in client.get(start(event)).text
        assert client.get(f"{start(event)}/end").status_code == 303

    def test_nobody_is_told_from_the_start_on(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee], moment
    ) -> None:
        moment.moment = event.start_at
        page = client.get(f"{start(event)}/end").text
        assert "開始時刻を過ぎているため、次の3名にメールは送りません。" in page
        client.post(f"{start(event)}/end", data={"category": ""})
        assert db.session.scalar(select(func.count()).where(Message.letter == "waitlist_ended")) == 0

    def test_of_a_list_that_takes_nobody_any_more(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee]
    ) -> None:
        with transaction():
            event.category("company").waitlist = False
        client.post(f"{start(event)}/end", data={"category": "company"})
        assert statuses(*waiting) == ["waitlisted", "lost", "waitlisted"]

    def test_nobody_waits(self, client: FlaskClient, event: Event, account: Account) -> None:
        assert "いま待っている方はいません。" in client.get(f"{start(event)}/end").text

    @pytest.mark.parametrize("code", ["x", "9" * 500, "\U00020bb7"])
    def test_of_nothing_that_is_there(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee], code: str
    ) -> None:
        before = written()
        assert client.get(f"{start(event)}/end", query_string={"category": code}).status_code == 303
        assert client.post(f"{start(event)}/end", data={"category": code}).status_code == 303
        assert (statuses(*waiting), written()) == (["waitlisted"] * 3, before)


class TestDoors:
    @pytest.mark.parametrize(
        ("who", "looks", "acts"),
        [("suzuki", 200, 403), ("tanaka", 404, 404), ("viewer", 403, 403), (None, 302, 302)],
    )
    def test_who_may(
        self,
        client: FlaskClient,
        event: Event,
        waiting: list[Attendee],
        who: str | None,
        looks: int,
        acts: int,
    ) -> None:
        account = {
            "suzuki": lambda: suzuki(event),
            "tanaka": tanaka,
            "viewer": lambda: an_account("viewer@gdx.example.jp", "閲覧", "viewer", (event,)),
        }
        if who:
            sign_in(client, account[who]())
        before = written()
        page = client.get(start(event))
        assert (page.status_code, "/promotions" in page.text) == (looks, False)
        sent = {"attendee": str(waiting[0].id), "over_limit": "y"}
        assert client.post(f"{start(event)}/promotions", data=sent).status_code == acts
        assert client.get(f"{start(event)}/end").status_code == acts
        assert client.post(f"{start(event)}/end").status_code == acts
        assert (statuses(*waiting), written()) == (["waitlisted"] * 3, before)

    def test_nothing_is_done_for_an_event_that_was_called_off(
        self, client: FlaskClient, event: Event, account: Account, waiting: list[Attendee]
    ) -> None:
        with transaction():
            event.status = EventStatus.CANCELLED
        client.post(f"{start(event)}/promotions", data={"attendee": str(waiting[0].id), "over_limit": "y"})
        assert statuses(*waiting) == ["waitlisted"] * 3

    class TestToken:
        @pytest.fixture
        def client(self, make_app) -> Iterator[FlaskClient]:
            app = make_app(WTF_CSRF_ENABLED=True)
            with app.app_context():
                yield app.test_client()

        @pytest.mark.parametrize("path", ["promotions", "end"])
        def test_only_with_the_token_of_the_page(self, client: FlaskClient, path: str) -> None:
            event = an_event()
            sign_in(client, sato(event))
            assert client.post(f"{start(event)}/{path}").status_code == 400
            form = read(client.get(f"{start(event)}/end")).form
            assert client.post(f"{start(event)}/{path}", data=form).status_code == 303
