"""Entries by telephone or on paper: the public's form in the office's hands, and the choice to pass the limits."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from eventsite.db import db, transaction
from eventsite.models import (
    Account,
    Attendee,
    AuditEntry,
    Category,
    Consent,
    Event,
    EventStatus,
    Message,
    Question,
    Registration,
)
from eventsite.registration import register
from tests.cast import an_account, an_application, an_event, people, sato, sign_in, suzuki, tanaka
from tests.fixtures.database import on_both
from tests.web.pages import Form, read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
BOX = 'name="over_limit"'
MINIMUM = {
    "attendees-0-family_name": "山田",
    "attendees-0-given_name": "太郎",
    "attendees-0-organisation": "株式会社サンプル",
    "consent_privacy": "y",
    "source": "phone",
}


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event(capacities={"company": 1})


@pytest.fixture
def account(client: FlaskClient, event: Event) -> Account:
    found = sato(event)
    sign_in(client, found)
    return found


def new(event: Event, category: str = "company") -> str:
    return f"/organiser/events/{event.slug}/attendees/new?category={category}"


def filled(client: FlaskClient, event: Event, category: str = "company", **more: str) -> Form:
    page = read(client.get(new(event, category)))
    return page.form | MINIMUM | {name.replace("__", "-"): value for name, value in more.items()}


def send(client: FlaskClient, event: Event, form: Form) -> TestResponse:
    return client.post(f"/organiser/events/{event.slug}/attendees/new", data=form)


def entered() -> list[Attendee]:
    db.session.rollback()
    return list(db.session.scalars(select(Attendee).order_by(Attendee.id)))


def take_the_seat(event: Event) -> None:
    register(event, an_application(*people(1), category="company"))


class TestEntry:
    @on_both
    @pytest.mark.parametrize("source", ["phone", "paper", "staff"])
    def test_a_free_seat_is_recorded_at_once(
        self, client: FlaskClient, event: Event, account: Account, source: str
    ) -> None:
        answer = send(client, event, filled(client, event, source=source))
        (one,) = entered()
        address = f"/organiser/events/{event.slug}/attendees/{one.number}"
        assert (answer.status_code, answer.headers["Location"]) == (303, address)
        assert (one.status, one.over_limit, one.registration.source) == ("confirmed", False, source)
        assert one.registration.locale == "ja"
        consent = db.session.scalars(select(Consent)).one()
        assert (consent.kind, consent.value, consent.source, consent.account_id) == (
            "privacy",
            True,
            source,
            account.id,
        )
        entry = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "registration.created")
        ).one()
        assert (entry.account_id, entry.details["source"], entry.details["over_limit"]) == (
            account.id,
            source,
            False,
        )
        page = client.get(address).text
        assert f"受付番号{one.registration.reference}で登録しました。" in page
        words = {"phone": "電話（口頭）", "paper": "書面", "staff": "窓口（口頭）"}
        assert words[source] in page

    @pytest.mark.parametrize(("email", "letters"), [("", 0), ("yamada@example.co.jp", 1)])
    def test_the_address_may_be_blank(
        self, client: FlaskClient, event: Event, account: Account, email: str, letters: int
    ) -> None:
        send(client, event, filled(client, event, contact_email=email))
        assert len(entered()) == 1
        assert db.session.scalar(select(func.count()).select_from(Message)) == letters
        page = client.get(f"/organiser/events/{event.slug}/attendees/{entered()[0].number}").text
        assert ("なし（通知は送られません）" in page) is (letters == 0)

    def test_the_public_still_needs_an_address(self, client: FlaskClient, event: Event, account) -> None:
        """The office's form leaves the form of the public as it is."""
        client.get(new(event))
        form = read(client.get(f"/events/{event.slug}/register?category=company")).form | MINIMUM
        answer = client.post(f"/events/{event.slug}/register", data=form)
        assert (answer.status_code, list(read(answer).errors)) == (422, ["contact_email"])

    def test_in_english(self, client: FlaskClient, event: Event, account: Account) -> None:
        form = filled(client, event, contact_email="smith@example.co.jp", locale="en")
        send(client, event, form)
        assert entered()[0].registration.locale == "en"
        assert db.session.scalars(select(Message)).one().locale == "en"

    @on_both
    def test_a_double_click_is_one(self, client: FlaskClient, event: Event, account: Account) -> None:
        form = filled(client, event)
        first, second = send(client, event, form), send(client, event, form)
        assert first.headers["Location"] == second.headers["Location"]
        assert len(entered()) == 1

    def test_the_questions_of_the_event(self, client: FlaskClient, event: Event, account: Account) -> None:
        with transaction():
            event.questions.append(
                Question(key="topic", label="関心", type="text", required=True, purpose="準備のため")
            )
        form = filled(client, event)
        answer = send(client, event, form)
        assert (answer.status_code, list(read(answer).errors)) == (422, ["q-topic"])
        send(client, event, form | {"q-topic": "窓口"})
        assert [one.value for one in entered()[0].registration.answers] == ["窓口"]

    def test_faults_stand_at_their_fields_and_nothing_is_lost(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        form = filled(
            client,
            event,
            attendees__0__family_name="",
            attendees__0__given_name="<script>",
            contact_email="nobody",
            contact_name="外字\ue000",
            source="paper",
        )
        form.poplist("consent_privacy")
        answer = send(client, event, form)
        page = read(answer)
        assert answer.status_code == 422
        assert list(page.errors) == [
            "attendees-0-family_name",
            "contact_email",
            "contact_name",
            "consent_privacy",
        ]
        assert page.title.startswith("入力エラー：")
        kept = {name: page.form[name] for name in ("attendees-0-given_name", "contact_email", "source")}
        assert kept == {
            "attendees-0-given_name": "<script>",
            "contact_email": "nobody",
            "source": "paper",
        }
        assert (entered(), BOX in answer.text) == ([], False)

    def test_colleagues_are_added_and_removed(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        form = filled(client, event)
        answer = send(client, event, form | {"action": "add-attendee"})
        page = read(answer)
        assert page.form["attendees-1-organisation"] == "株式会社サンプル"
        page = read(send(client, event, page.form | {"action": "remove-1"}))
        assert "attendees-1-family_name" not in page.form
        assert (page.form["attendees-0-family_name"], entered()) == ("山田", [])

    def test_an_old_form_comes_back(
        self, client: FlaskClient, event: Event, account: Account, moment
    ) -> None:
        form = filled(client, event)
        moment.move(timedelta(hours=25))
        answer = send(client, event, form)
        assert (answer.status_code, read(answer).form["attendees-0-family_name"]) == (422, "山田")
        assert send(client, event, read(answer).form | MINIMUM).status_code == 303
        assert len(entered()) == 1

    @pytest.mark.parametrize(
        "broken",
        [
            {"form_token": "x"},
            {"form_token": ""},
            {"source": "x" * 500, "locale": "xx"},
            {"shown": "x" * 5000, "step": "confirmed"},
            {"attendees-999-family_name": "x"},
            {"attendees-0-family_name": "\ud83d"},
        ],
        ids=["token", "no token", "choices", "shown", "numbers", "half a character"],
    )
    def test_nothing_breaks_it(
        self, client: FlaskClient, event: Event, account: Account, broken: dict[str, str]
    ) -> None:
        form = {
            name: value.encode("utf-8", "replace") for name, value in (filled(client, event) | broken).items()
        }
        assert send(client, event, Form(form)).status_code in {303, 422}


class TestCategory:
    def test_is_chosen_first(self, client: FlaskClient, event: Event, account: Account) -> None:
        address = f"/organiser/events/{event.slug}/attendees/new"
        links = read(client.get(address)).links
        assert [one for one in links if "category=" in one] == [
            new(event, code) for code in ("local_gov", "gdx_member", "company")
        ]
        answer = client.post(address, data={"category": "x"})
        assert (answer.status_code, answer.headers["Location"]) == (303, address)

    def test_the_only_one_needs_no_choice(self, client: FlaskClient, app: Flask) -> None:
        event = an_event()
        with transaction():
            for one in event.categories[1:]:
                db.session.delete(one)
        sign_in(client, sato(event))
        page = read(client.get(f"/organiser/events/{event.slug}/attendees/new"))
        assert page.form["category"] == "local_gov"


class TestOutcome:
    @on_both
    def test_whoever_would_wait_is_shown_first(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        take_the_seat(event)
        answer = send(client, event, filled(client, event))
        page = read(answer)
        assert (answer.status_code, len(entered()), BOX in answer.text) == (200, 1, True)
        assert "まだ登録していません。" in answer.text
        assert send(client, event, page.form).status_code == 303
        one = entered()[1]
        assert (one.status, one.registration.source) == ("waitlisted", "phone")

    @on_both
    def test_over_the_limit_by_choice(self, client: FlaskClient, event: Event, account: Account) -> None:
        take_the_seat(event)
        page = read(send(client, event, filled(client, event)))
        sent = page.form | {"over_limit": "y"}
        assert send(client, event, sent).status_code == 303
        assert send(client, event, sent).status_code == 303
        assert [(one.status, one.over_limit) for one in entered()] == [
            ("confirmed", False),
            ("confirmed", True),
        ]
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert (entry.action, entry.details["over_limit"], entry.account_id) == (
            "registration.created",
            True,
            account.id,
        )

    def test_back_to_the_form(self, client: FlaskClient, event: Event, account: Account) -> None:
        take_the_seat(event)
        page = read(send(client, event, filled(client, event)))
        again = read(send(client, event, page.form | {"action": "edit"}))
        assert again.form["attendees-0-family_name"] == "山田"
        assert len(entered()) == 1

    def test_approval_is_shown_first(self, client: FlaskClient, event: Event, account: Account) -> None:
        with transaction():
            event.category("company").approval = "manual"
        answer = send(client, event, filled(client, event))
        assert ("承認待ち" in answer.text, BOX in answer.text, entered()) == (True, False, [])
        send(client, event, read(answer).form)
        assert entered()[0].status == "pending"

    def test_a_repeat_is_shown_first(self, client: FlaskClient, event: Event, account: Account) -> None:
        with transaction():
            event.category("company").capacity = 5
        send(client, event, filled(client, event))
        answer = send(client, event, filled(client, event))
        assert "同じお名前とメールアドレスのお申し込みが、すでにあります。" in answer.text
        send(client, event, read(answer).form)
        assert [one.possible_duplicate for one in entered()] == [False, True]

    def test_less_than_was_shown_is_shown_again(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        with transaction():
            event.category("company").approval = "manual"
        page = read(send(client, event, filled(client, event)))
        take_the_seat(event)
        answer = send(client, event, page.form)
        assert (answer.status_code, len(entered())) == (200, 1)
        assert "お手続きのあいだに席の状況が変わりました。" in answer.text
        send(client, event, read(answer).form)
        assert entered()[1].status == "waitlisted"


class TestRefused:
    @pytest.fixture
    def company(self, event: Event) -> Category:
        found = event.category("company")
        assert found is not None
        return found

    @on_both
    @pytest.mark.parametrize(
        ("why", "code"), [("full", "sold-out"), ("over", "closed"), ("early", "not-open-yet")]
    )
    def test_the_limit_is_explained_and_may_be_passed(
        self, client: FlaskClient, event: Event, account: Account, company: Category, why: str, code: str
    ) -> None:
        form = filled(client, event)
        take_the_seat(event)
        with transaction():
            company.waitlist = False
            if why == "over":
                company.closes_at = NOW
            if why == "early":
                company.opens_at = NOW + timedelta(days=1)
        answer = send(client, event, form)
        page = read(answer)
        assert (answer.status_code, page.data["data-refusal"]) == (409, [code])
        assert (BOX in answer.text, len(entered()), page.form["attendees-0-family_name"]) == (True, 1, "山田")
        assert len(page.summary) == 1
        assert send(client, event, page.form | {"over_limit": "y"}).status_code == 303
        assert (entered()[1].status, entered()[1].over_limit) == ("confirmed", True)

    def test_the_share_of_an_organisation(
        self, client: FlaskClient, event: Event, account: Account, company: Category
    ) -> None:
        with transaction():
            company.per_organization_limit, company.capacity = 1, 10
        send(client, event, filled(client, event))
        form = filled(client, event, attendees__0__family_name="大塚")
        answer = send(client, event, form)
        assert (answer.status_code, BOX in answer.text) == (422, True)
        send(client, event, read(answer).form | {"over_limit": "y"})
        assert [one.over_limit for one in entered()] == [False, False]

    def test_the_places_of_a_choice(
        self, client: FlaskClient, event: Event, account: Account, company: Category
    ) -> None:
        with transaction():
            company.capacity = 10
            event.questions.append(
                Question(
                    key="lunch",
                    label="昼食",
                    type="radio",
                    choices=[{"label": "あり", "capacity": 1}],
                    purpose="準備のため",
                )
            )
        send(client, event, filled(client, event, **{"q-lunch": "あり"}))
        form = filled(client, event, attendees__0__family_name="大塚")
        assert "disabled" not in client.get(new(event)).text, "the office may ask for a place too many"
        answer = send(client, event, form | {"q-lunch": "あり"})
        page = read(answer)
        assert (list(page.errors), BOX in answer.text) == (["q-lunch"], True)
        assert send(client, event, page.form | {"over_limit": "y"}).status_code == 303
        assert len(entered()) == 2

    @pytest.mark.parametrize("why", ["draft", "called off", "over"])
    def test_nothing_to_enter(
        self, client: FlaskClient, event: Event, account: Account, moment, why: str
    ) -> None:
        form = filled(client, event, over_limit="y")
        with transaction():
            if why == "draft":
                event.status = EventStatus.DRAFT
            if why == "called off":
                event.status = EventStatus.CANCELLED
        if why == "over":
            moment.moment = event.end_at
        roster = f"/organiser/events/{event.slug}/roster"
        answer = client.get(new(event))
        assert (answer.status_code, answer.headers["Location"]) == (303, roster)
        assert 'data-tone="stop"' in (page := client.get(roster)).text
        assert not any("attendees/new" in one for one in read(page).links)
        assert send(client, event, form).status_code in {409, 422}
        assert entered() == []

    def test_a_walk_in_during_the_event(
        self, client: FlaskClient, event: Event, account: Account, moment
    ) -> None:
        moment.moment = event.start_at + timedelta(minutes=5)
        answer = send(client, event, filled(client, event))
        assert (answer.status_code, BOX in answer.text) == (409, True)
        assert send(client, event, read(answer).form | {"over_limit": "y"}).status_code == 303
        assert entered()[0].over_limit is False, "there was a seat"


class TestDoors:
    @pytest.mark.parametrize(
        ("who", "status"), [("suzuki", 403), ("tanaka", 404), ("viewer", 403), (None, 302)]
    )
    def test_who_may(self, client: FlaskClient, event: Event, who: str | None, status: int) -> None:
        account = {
            "suzuki": lambda: suzuki(event),
            "tanaka": tanaka,
            "viewer": lambda: an_account("viewer@gdx.example.jp", "閲覧", "viewer", (event,)),
        }
        if who:
            sign_in(client, account[who]())
        assert client.get(new(event)).status_code == status
        assert send(client, event, Form(MINIMUM)).status_code == status
        assert db.session.scalar(select(func.count()).select_from(Registration)) == 0

    def test_the_roster_leads_there_for_those_who_may(self, client: FlaskClient, event: Event) -> None:
        way = f"/organiser/events/{event.slug}/attendees/new"
        roster = f"/organiser/events/{event.slug}/roster"
        found = []
        for one in (sato(event), suzuki(event)):
            sign_in(client, one)
            found.append(way in read(client.get(roster)).links)
        assert found == [True, False]

    class TestToken:
        @pytest.fixture
        def client(self, make_app) -> Iterator[FlaskClient]:
            app = make_app(WTF_CSRF_ENABLED=True)
            with app.app_context():
                yield app.test_client()

        def test_only_with_the_token_of_the_page(self, client: FlaskClient) -> None:
            event = an_event(capacities={"company": 1})
            sign_in(client, sato(event))
            form = filled(client, event)
            token = form.poplist("csrf_token")
            assert (send(client, event, form).status_code, entered()) == (400, [])
            take_the_seat(event)
            page = read(send(client, event, form | {"csrf_token": token[0]}))
            assert re.fullmatch(r"\S{40,}", page.form["csrf_token"])
            assert send(client, event, page.form).status_code == 303
