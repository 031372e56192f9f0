"""The association's people: invited, shut out and let in, and what each is for an event (D79, R7, R15; L24)."""

import re
import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import accounts, people, signin
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.mail import outbox
from eventsite.models import Account, AuditEntry, Event, EventRole, Message
from tests.cast import an_account, an_event, kanri, sato, sign_in, suzuki, tanaka
from tests.fixtures.database import on_both
from tests.web.pages import read

NEW = {"email": "takahashi@gdx.example.jp", "name": "高橋 愛", "role": "organiser"}
PASSWORD = "a long enough passphrase"
EVERYWHERE = ("", "/1/invitation", "/1/disabling", "/1/enabling")


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event()


def state() -> list[tuple[str, bool, list[str]]]:
    db.session.rollback()
    query = select(Account).order_by(Account.id)
    return [(one.email, one.active, [role.name for role in one.roles]) for one in db.session.scalars(query)]


def roles(event: Event) -> dict[str, str]:
    db.session.rollback()
    return {account.email.partition("@")[0]: role for account, role in people.of_event(event)}


def invitations() -> list[Message]:
    db.session.rollback()
    query = select(Message).where(Message.letter == "staff_invite").order_by(Message.id)
    return list(db.session.scalars(query))


def link(letter: Message) -> str:
    """The address in a letter that has not left yet."""
    text = message_from_bytes(letter.mime or b"", policy=policy.default).get_body().get_content()
    return re.search(r"http://127\.0\.0\.1:8000(/account/password/\S+)", text)[1]


def recorded() -> list[tuple[str, dict[str, object]]]:
    rows = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(one.action, one.details) for one in rows]


class TestWhoMayEnter:
    @pytest.mark.parametrize("who", [sato, suzuki, tanaka])
    def test_only_admins_see_and_change_accounts(self, client: FlaskClient, event: Event, who) -> None:
        account = who(event) if who is not tanaka else who()
        sign_in(client, account)
        before = state()
        assert client.get("/organiser/people").status_code == 403
        for path in EVERYWHERE:
            assert client.post(f"/organiser/people{path}", data=NEW).status_code == 403
        assert (state(), invitations()) == (before, [])
        assert "/organiser/people" not in read(client.get("/organiser/")).links

    @pytest.mark.parametrize(("role", "status"), [("staff", 403), ("viewer", 403), (None, 404)])
    def test_only_organisers_of_the_event_see_and_change_its_people(
        self, client: FlaskClient, event: Event, role: str | None, status: int
    ) -> None:
        owner, account = sato(event), tanaka()
        if role:
            with transaction():
                db.session.add(EventRole(event_id=event.id, account_id=account.id, role=role))
        sign_in(client, account)
        before = roles(event)
        page = f"/organiser/events/{event.slug}/people"
        mine = {"email": account.email, "role": "organiser"}
        assert client.get(page).status_code == status
        assert client.post(page, data=mine).status_code == status
        assert client.post(f"{page}/{account.id}", data=mine).status_code == status
        assert client.post(f"{page}/{owner.id}", data={"action": "remove"}).status_code == status
        assert roles(event) == before

    def test_the_ways_there(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, kanri())
        links = read(client.get(f"/organiser/events/{event.slug}/")).links
        assert {"/organiser/people", f"/organiser/events/{event.slug}/people"} <= set(links)


class TestInvitation:
    @on_both
    def test_an_account_and_its_letter(self, client: FlaskClient, app: Flask) -> None:
        admin = kanri()
        sign_in(client, admin)
        form = read(client.get("/organiser/people")).form
        answer = client.post("/organiser/people", data=form | NEW)
        assert (answer.status_code, answer.location) == (303, "/organiser/people")
        account = accounts.find_account("takahashi@gdx.example.jp")
        assert (account.name, account.password, [one.name for one in account.roles]) == (
            "高橋 愛",
            None,
            ["organiser"],
        )
        (letter,) = invitations()
        assert (letter.recipient, letter.recipient_key) == (account.email, f"account-{account.id}")
        assert letter.subject == "【利用登録のお願い】GDXセミナー受付 管理画面"
        assert "管理画面の利用者（権限：担当者）として登録されました。" in letter.text
        assert link(letter) not in letter.text
        assert recorded() == [
            ("account.created", {"account": account.id, "role": "organiser"}),
            ("account.invited", {"account": account.id, "role": "organiser"}),
        ]
        page = client.get("/organiser/people").text
        assert "招待中" in page
        assert "送信待ち" in page

    @pytest.mark.parametrize(
        ("typed", "at"),
        [
            ({"email": ""}, "email"),
            ({"email": "takahashi"}, "email"),
            ({"email": "KANRI@gdx.example.jp"}, "email"),
            ({"email": f"{'a' * 300}@gdx.example.jp"}, "email"),
            ({"email": "a\x00b@gdx.example.jp"}, "email"),
            ({"name": ""}, "name"),
            ({"name": "高" * 101}, "name"),
            ({"name": "高\ue000"}, "name"),
            ({"role": "viewer"}, "role"),
            ({"role": ""}, "role"),
        ],
    )
    def test_what_cannot_be(self, client: FlaskClient, app: Flask, typed: dict[str, str], at: str) -> None:
        sign_in(client, kanri())
        before = state()
        answer = client.post("/organiser/people", data=NEW | typed)
        page = read(answer)
        assert (answer.status_code, set(page.errors)) == (422, {at})
        assert (state(), invitations()) == (before, [])
        kept = {"email", "name"} - {at}
        assert {name: page.form[name] for name in kept} == {name: NEW[name] for name in kept}

    def test_the_link_sets_a_password_once(self, client: FlaskClient, app: Flask) -> None:
        admin = kanri()
        people.invite(NEW["email"], NEW["name"], "staff", admin)
        way = link(invitations()[0])
        page = read(client.get(way))
        answer = client.post(way, data=page.form | {"password": PASSWORD, "password_confirm": PASSWORD})
        assert answer.status_code == 302
        db.session.rollback()
        kept = accounts.find_account(NEW["email"]).password
        assert kept
        assert client.get(way).location.endswith("/account/password")
        client.post(way, data=page.form | {"password": PASSWORD * 2, "password_confirm": PASSWORD * 2})
        db.session.rollback()
        assert accounts.find_account(NEW["email"]).password == kept
        sign_in(client, admin)
        number = accounts.find_account(NEW["email"]).id
        assert f"/organiser/people/{number}/invitation" not in client.get("/organiser/people").text

    def test_the_link_ends_after_three_days(self, client: FlaskClient, app: Flask, monkeypatch) -> None:
        """Its day is the one that the letter names; the signature counts whole seconds."""
        made = float(int(time.time()))
        monkeypatch.setattr(time, "time", lambda: made)
        people.invite(NEW["email"], NEW["name"], "staff", kanri())
        way = link(invitations()[0])
        monkeypatch.setattr(time, "time", lambda: made + signin.LINK_VALID.total_seconds() - 1)
        assert client.get(way).status_code == 200
        monkeypatch.setattr(time, "time", lambda: made + signin.LINK_VALID.total_seconds() + 1)
        assert client.get(way).location.endswith("/account/password")

    @on_both
    def test_again_with_a_new_link_while_there_is_no_password(
        self, client: FlaskClient, app: Flask, at
    ) -> None:
        moment = at(datetime(2025, 12, 1, 1, 0, tzinfo=UTC))
        account = people.invite(NEW["email"], NEW["name"], "staff", kanri())
        moment.move(signin.LINK_VALID)
        sign_in(client, db.session.scalars(select(Account).where(Account.email.startswith("kanri"))).one())
        assert "URLの期限切れ" in client.get("/organiser/people").text
        answer = client.post(f"/organiser/people/{account.id}/invitation")
        assert (answer.status_code, len(invitations())) == (303, 2)
        assert recorded()[-1] == ("account.invited", {"account": account.id, "role": "staff"})
        with transaction():
            account.password = "set"
        client.post(f"/organiser/people/{account.id}/invitation")
        assert len(invitations()) == 2

    def test_what_became_of_the_letter(self, client: FlaskClient, app: Flask) -> None:
        admin = kanri()
        people.invite(NEW["email"], NEW["name"], "staff", admin)
        for one in outbox.claim("w"):
            outbox.failed(one, "w", "550 no such user")
        sign_in(client, admin)
        assert "送信できませんでした" in client.get("/organiser/people").text


class TestDisabling:
    @on_both
    def test_sessions_and_links_end_at_once(self, app: Flask, event: Event) -> None:
        owner, admin = sato(event), kanri()
        way = signin.setup_link(owner).partition(":8000")[2]
        theirs, mine = app.test_client(), app.test_client()
        sign_in(theirs, owner)
        sign_in(mine, admin)
        assert theirs.get("/organiser/").status_code == 200
        answer = mine.post(f"/organiser/people/{owner.id}/disabling")
        assert (answer.status_code, state()[0][1]) == (303, False)
        assert theirs.get("/organiser/").status_code in {302, 401}
        assert app.test_client().get(way).location.endswith("/account/password")
        mine.post(f"/organiser/people/{owner.id}/enabling")
        assert state()[0][1] is True
        assert theirs.get("/organiser/").status_code in {302, 401}
        assert [action for action, _ in recorded()] == ["account.disabled", "account.enabled"]

    def test_a_disabled_account_is_not_invited_nor_signs_in(self, client: FlaskClient, app: Flask) -> None:
        admin = kanri()
        account = people.invite(NEW["email"], NEW["name"], "staff", admin)
        people.disable(account, admin)
        with pytest.raises(Refusal):
            people.invite_again(account, admin)
        sign_in(client, account)
        assert client.get("/organiser/").status_code in {302, 401}

    def test_not_oneself(self, client: FlaskClient, app: Flask) -> None:
        admin = kanri()
        sign_in(client, admin)
        assert client.post(f"/organiser/people/{admin.id}/disabling").status_code == 303
        assert state() == [("kanri@gdx.example.jp", True, ["admin"])]
        page = client.get("/organiser/people").text
        assert f"/organiser/people/{admin.id}/disabling" not in page
        assert "ご自分の利用を停止することはできません。" in page

    @pytest.mark.parametrize("number", ["0", "999", str(2**31), str(10**20)])
    def test_nobody_of_that_number(self, client: FlaskClient, app: Flask, number: str) -> None:
        sign_in(client, kanri())
        for path in EVERYWHERE[1:]:
            assert client.post(f"/organiser/people{path.replace('1', number)}").status_code == 404


class TestOfAnEvent:
    @on_both
    def test_somebody_is_added_changed_and_removed(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        other = tanaka()
        page = f"/organiser/events/{event.slug}/people"
        form = read(client.get(page)).form
        answer = client.post(page, data=form | {"email": " Tanaka@gdx.example.jp", "role": "viewer"})
        assert (answer.status_code, answer.location) == (303, page)
        assert roles(event) == {"sato": "organiser", "tanaka": "viewer"}
        client.post(f"{page}/{other.id}", data={"role": "staff", "action": "change"})
        assert roles(event) == {"sato": "organiser", "tanaka": "staff"}
        client.post(f"{page}/{other.id}", data={"role": "staff", "action": "remove"})
        assert roles(event) == {"sato": "organiser"}
        steps = [(None, "viewer"), ("viewer", "staff"), ("staff", None)]
        assert recorded() == [
            ("event.person_changed", {"account": other.id, "before": before, "after": after})
            for before, after in steps
        ]

    @pytest.mark.parametrize(
        ("typed", "at"),
        [
            ({"email": "nobody@gdx.example.jp"}, "email"),
            ({"email": "sato@gdx.example.jp"}, "email"),
            ({"email": "x"}, "email"),
            ({"role": "admin"}, "role"),
        ],
    )
    def test_what_cannot_be(self, client: FlaskClient, event: Event, typed: dict[str, str], at: str) -> None:
        sign_in(client, sato(event))
        tanaka()
        sent = {"email": "tanaka@gdx.example.jp", "role": "staff"} | typed
        answer = client.post(f"/organiser/events/{event.slug}/people", data=sent)
        page = read(answer)
        assert (answer.status_code, set(page.errors)) == (422, {at})
        assert page.form["email"] == sent["email"]
        assert roles(event) == {"sato": "organiser"}

    @on_both
    def test_the_last_organiser_stays_unless_an_admin_says_so(
        self, app: Flask, client: FlaskClient, event: Event
    ) -> None:
        owner, admin = sato(event), kanri()
        gone = an_account("gone@gdx.example.jp", "元 担当", "organiser", (event,))
        people.disable(gone, admin)
        page = f"/organiser/events/{event.slug}/people"
        sign_in(client, owner)
        for change in ({"role": "staff"}, {"action": "remove"}):
            answer = client.post(f"{page}/{owner.id}", data=change)
            assert (answer.status_code, answer.location) == (303, page)
            assert roles(event)["sato"] == "organiser"
        assert "担当者がいなくなります。" in client.get(page).text
        sign_in(client, admin)
        client.post(f"{page}/{owner.id}", data={"action": "remove"})
        assert roles(event) == {"gone": "organiser"}

    def test_who_goes_is_led_to_their_own_list(self, client: FlaskClient, event: Event) -> None:
        owner = sato(event)
        an_account("second@gdx.example.jp", "二人目", "organiser", (event,))
        sign_in(client, owner)
        answer = client.post(f"/organiser/events/{event.slug}/people/{owner.id}", data={"role": "viewer"})
        assert answer.location == "/organiser/"
        assert roles(event) == {"sato": "viewer", "second": "organiser"}

    @pytest.mark.parametrize("number", ["0", "999", str(10**20)])
    def test_only_who_is_somebody_here_can_be_changed(
        self, client: FlaskClient, event: Event, number: str
    ) -> None:
        sign_in(client, sato(event))
        stranger = tanaka()
        page = f"/organiser/events/{event.slug}/people"
        assert client.post(f"{page}/{number}", data={"role": "staff"}).status_code == 404
        assert client.post(f"{page}/{stranger.id}", data={"role": "staff"}).status_code == 404
        assert client.post(f"{page}/{stranger.id}", data={"role": "boss"}).status_code == 404

    def test_an_invented_role_changes_nothing(self, client: FlaskClient, event: Event) -> None:
        owner = sato(event)
        sign_in(client, owner)
        client.post(f"/organiser/events/{event.slug}/people/{owner.id}", data={"role": "boss"})
        assert roles(event) == {"sato": "organiser"}


class TestCommand:
    def test_the_letter_is_written_where_asked_for(self, app: Flask) -> None:
        run = app.test_cli_runner().invoke
        command = ["accounts", "create", "--role", "organiser", "--name", "高橋 愛"]
        made = run(args=[*command, "silent@gdx.example.jp"])
        assert (made.exit_code, invitations()) == (0, [])
        made = run(args=[*command, NEW["email"], "--mail"])
        assert made.exit_code == 0
        assert "/account/password/" in made.output
        assert [one.recipient for one in invitations()] == [NEW["email"]]


def test_the_limit_stands_in_the_letter(app: Flask, at) -> None:
    at(datetime(2025, 12, 1, 1, 0, tzinfo=UTC))
    people.invite(NEW["email"], NEW["name"], "staff", kanri())
    assert "12月4日（木）\n10:00までに、次のページで" in invitations()[0].text
    assert timedelta(days=3) == signin.LINK_VALID
