"""The queue of those who wait for approval: who may see it, what it shows, and what its two buttons do."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from eventsite.db import db, transaction
from eventsite.models import Attendee, AuditEntry, Event, EventStatus, Message, Status, StatusChange
from eventsite.registration import approve, cancel, register
from tests.cast import (
    TAKASAKI,
    YOSHIDA,
    an_application,
    an_event,
    kanri,
    people,
    sato,
    sign_in,
    suzuki,
    tanaka,
)
from tests.fixtures.database import on_both
from tests.web.pages import Page, read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
CHOOSE = "参加者を選んでから押してください。"
TOO_LONG = "理由は500文字以内で入力してください。"
UNUSABLE = "理由に使えない文字が含まれています。"
NOBODY = "承認を待っている方はいません"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return by_approval()


def by_approval(**changes) -> Event:
    """A seminar with approval in every category."""
    found = an_event(**changes)
    with transaction():
        for one in found.categories:
            one.approval = "manual"
    return found


def asking(event: Event, count: int = 3) -> list[Attendee]:
    return list(register(event, an_application(*people(count))).attendees)


def start(event: Event) -> str:
    return f"/organiser/events/{event.slug}"


def statuses(attendees: list[Attendee]) -> list[Status]:
    db.session.rollback()
    return [one.status for one in attendees]


def written() -> list[int | None]:
    db.session.rollback()
    return [
        db.session.scalar(select(func.count()).select_from(one))
        for one in (StatusChange, AuditEntry, Message)
    ]


def shown(page: str) -> list[str]:
    """The rows of the queue, each as its words."""
    body = re.search(r"<tbody>(.*)</tbody>", page, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL) if body else []
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", row)).split()) for row in rows]


def told(client: FlaskClient, event: Event) -> list[str]:
    """What the next page says has been done."""
    page = client.get(f"{start(event)}/approvals").text
    return re.findall(r'<div class="notice" data-tone="(?:ok|info)">\s*<p>(.*?)</p>', page)


def ticked(page: Page) -> list[str]:
    return page.form.getlist("attendee")


def ids(attendees: list[Attendee]) -> list[str]:
    return [str(one.id) for one in attendees]


class TestQueue:
    @on_both
    def test_shows_who_waits_the_longest_first(self, client: FlaskClient, event: Event, moment) -> None:
        sign_in(client, sato(event))
        (late,) = register(event, an_application(YOSHIDA)).attendees
        moment.move(timedelta(hours=-1))
        (early,) = register(event, an_application(TAKASAKI, category="company")).attendees
        confirmed, gone, foreign = asking(event, 1), asking(event, 1), asking(by_approval(), 1)
        approve(event, confirmed, kanri())
        cancel(gone)
        first, second = shown(client.get(f"{start(event)}/approvals").text)
        for words in (early.name, "タカサキ ヨウコ", "見本市 企画課", "一般企業", early.number, "2025"):
            assert words in first
        for words in (late.name, "情報政策課 係長", "自治体職員", late.number, "yoshida@city.example.lg.jp"):
            assert words in second
        page = client.get(f"{start(event)}/approvals").text
        assert "2名が承認を待っています。" in page
        assert [one.number in page for one in (*confirmed, *gone, *foreign)] == [False, False, False]
        assert ticked(read(client.get(f"{start(event)}/approvals"))) == []

    @pytest.mark.parametrize(
        ("address", "badge"),
        [
            ("kikaku@city.example.lg.jp", "自治体のアドレス"),
            ("kikaku@city.yokohama.jp", "自治体のアドレス"),
            ("someone@example.go.jp", "国の機関のアドレス"),
            ("someone@example.ac.jp", "学校のアドレス"),
            ("someone@gmail.com", "フリーメール"),
            ("someone@example.co.jp", "そのほかのアドレス"),
            ("someone@city.example.lg.jp.example.com", "そのほかのアドレス"),
        ],
    )
    def test_a_badge_says_what_kind_of_address_it_is(
        self, client: FlaskClient, event: Event, address: str, badge: str
    ) -> None:
        sign_in(client, sato(event))
        register(event, an_application(contact_email=address))
        (row,) = shown(client.get(f"{start(event)}/approvals").text)
        assert (badge in row, address in row) == (True, True)

    def test_the_badge_is_about_the_attendee_s_own_address(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        register(event, an_application(TAKASAKI, YOSHIDA, contact_email="takasaki@gmail.com"))
        first, second = shown(client.get(f"{start(event)}/approvals").text)
        assert ("フリーメール" in first, "takasaki@gmail.com" in first) == (True, True)
        assert ("自治体のアドレス" in second, YOSHIDA.email in second) == (True, True)

    def test_members_and_repeats_are_marked(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        with transaction():
            event.category("gdx_member").verification = "member_roster"
        for _ in range(2):
            register(event, an_application(category="gdx_member"))
        first, second = shown(client.get(f"{start(event)}/approvals").text)
        assert "会員番号を確認できません" in first
        assert ("重複の可能性" in first, "重複の可能性" in second) == (False, True)

    def test_nobody_waits(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        page = client.get(f"{start(event)}/approvals")
        assert NOBODY in page.text
        assert f"{start(event)}/roster" in read(page).links
        assert "approval-form" not in page.text

    def test_nobody_waits_for_a_cancelled_event(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        chosen = asking(event)
        with transaction():
            event.status = EventStatus.CANCELLED
        assert NOBODY in client.get(f"{start(event)}/approvals").text
        before = written()
        for path in ("approvals", "declines"):
            assert client.post(f"{start(event)}/{path}", data={"attendee": ids(chosen)}).status_code == 303
        assert (set(statuses(chosen)), written()) == ({Status.PENDING}, before)

    def test_the_way_there_is_shown_to_those_who_may(self, client: FlaskClient, event: Event) -> None:
        asking(event)
        way = f"{start(event)}/approvals"
        sign_in(client, sato(event))
        overview = client.get(f"{start(event)}/")
        assert read(overview).links.count(way) == 2
        assert "3名が承認を待っています。" in overview.text
        sign_in(client, suzuki(event))
        assert way not in read(client.get(f"{start(event)}/")).links


class TestAnswers:
    @on_both
    def test_approves_whom_the_form_names(self, client: FlaskClient, event: Event) -> None:
        account = sato(event)
        sign_in(client, account)
        people_asking = asking(event)
        form = read(client.get(f"{start(event)}/approvals")).form
        answer = client.post(
            f"{start(event)}/approvals",
            data=form | {"attendee": ids(people_asking[:2]), "reason": "読まれない"},
        )
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"{start(event)}/approvals"
        assert statuses(people_asking) == [Status.CONFIRMED, Status.CONFIRMED, Status.PENDING]
        assert {one.cancel_reason for one in people_asking} == {""}
        assert told(client, event) == ["2名を承認しました。"]
        assert told(client, event) == []
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "attendee.approved")).one()
        assert (entry.account_id, entry.event_id) == (account.id, event.id)

    @on_both
    def test_declines_with_a_reason(self, client: FlaskClient, event: Event) -> None:
        account = sato(event)
        sign_in(client, account)
        people_asking = asking(event)
        sent = {"attendee": ids(people_asking[1:]), "reason": "  一行目\r\n二行目  \r\n"}
        answer = client.post(f"{start(event)}/declines", data=sent)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{start(event)}/approvals")
        assert statuses(people_asking) == [Status.PENDING, Status.DECLINED, Status.DECLINED]
        assert [one.cancel_reason for one in people_asking] == ["", "一行目\n二行目", "一行目\n二行目"]
        assert told(client, event) == ["2名を参加不可にしました。"]
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "attendee.declined")).one()
        assert (entry.account_id, entry.event_id) == (account.id, event.id)

    def test_an_admin_may(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, kanri())
        chosen = asking(event)
        client.post(f"{start(event)}/approvals", data={"attendee": ids(chosen)})
        assert set(statuses(chosen)) == {Status.CONFIRMED}

    @pytest.mark.parametrize("path", ["approvals", "declines", "declines/question"])
    @pytest.mark.parametrize(
        "chosen", [[], ["", "x", "-1", "１", "9" * 12, "1.0", "0"]], ids=["none", "nonsense"]
    )
    def test_nobody_chosen(self, client: FlaskClient, event: Event, path: str, chosen: list[str]) -> None:
        sign_in(client, sato(event))
        waiting = asking(event)
        before = written()
        answer = client.post(f"{start(event)}/{path}", data={"attendee": chosen, "reason": "満席のため"})
        page = read(answer)
        assert answer.status_code == 422
        assert (page.summary, page.errors) == ([("", CHOOSE)], {})
        assert page.title.startswith("入力エラー：")
        assert len(shown(answer.text)) == 3
        assert (set(statuses(waiting)), written()) == ({Status.PENDING}, before)

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            ("</textarea><script>\n" + "あ" * 500, TOO_LONG),
            ("あ" * 501, TOO_LONG),
            ("外字\ue000です", UNUSABLE),
        ],
        ids=["hostile", "501", "private use"],
    )
    def test_a_reason_that_cannot_be_sent_is_kept(
        self, client: FlaskClient, event: Event, reason: str, words: str
    ) -> None:
        sign_in(client, sato(event))
        waiting = asking(event)
        before = written()
        sent = {"attendee": ids(waiting[:2]), "reason": reason}
        answer = client.post(f"{start(event)}/declines", data=sent)
        page = read(answer)
        assert answer.status_code == 422
        assert (page.summary, page.errors) == ([("reason", words)], {"reason": words})
        assert 'aria-describedby="reason-support reason-error" aria-invalid="true"' in answer.text
        assert page.form["reason"] == reason
        assert ticked(page) == ids(waiting[:2])
        assert (set(statuses(waiting)), written()) == ({Status.PENDING}, before)

    @pytest.mark.parametrize("reason", ["あ" * 500, "\u845b\U000e0100" * 500], ids=["plain", "with variants"])
    def test_500_characters_are_not_too_long(self, client: FlaskClient, event: Event, reason: str) -> None:
        sign_in(client, sato(event))
        waiting = asking(event, 1)
        answer = client.post(f"{start(event)}/declines", data={"attendee": ids(waiting), "reason": reason})
        assert (answer.status_code, statuses(waiting)) == (303, [Status.DECLINED])
        assert waiting[0].cancel_reason == reason

    @on_both
    @pytest.mark.parametrize("path", ["approvals", "declines"])
    def test_those_of_another_event_are_passed_over(
        self, client: FlaskClient, event: Event, path: str
    ) -> None:
        other = by_approval()
        sign_in(client, sato(event, other))
        mine, foreign = asking(event, 1), asking(other, 2)
        before = written()
        answer = client.post(f"{start(event)}/{path}", data={"attendee": ids(foreign)})
        assert (answer.status_code, read(answer).summary) == (422, [("", CHOOSE)])
        assert written() == before
        client.post(f"{start(event)}/{path}", data={"attendee": ids([*foreign, *mine])})
        assert set(statuses(foreign)) == {Status.PENDING}
        assert statuses(mine) != [Status.PENDING]
        assert len(told(client, event)) == 1, "and nobody is said to have been dealt with before"

    @pytest.mark.parametrize("path", ["approvals", "declines"])
    def test_those_dealt_with_before_are_told(self, client: FlaskClient, event: Event, path: str) -> None:
        account = sato(event)
        sign_in(client, account)
        first, second, third = asking(event)
        approve(event, [first], account)
        cancel([second])
        client.post(f"{start(event)}/{path}", data={"attendee": ids([first, second, third])})
        done = "1名を承認しました。" if path == "approvals" else "1名を参加不可にしました。"
        assert told(client, event) == [done, "2名は、すでに処理されていました。"]
        assert statuses([first, second]) == [Status.CONFIRMED, Status.CANCELLED]
        before = written()
        client.post(f"{start(event)}/{path}", data={"attendee": ids([third])})
        assert told(client, event) == ["1名は、すでに処理されていました。"], "not that nobody was approved"
        assert written() == before

    def test_a_decline_has_no_page_of_its_own(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        for path in ("declines", "declines/question"):
            assert client.get(f"{start(event)}/{path}").status_code == 405

    def test_declining_is_asked_first_by_name_and_changes_nothing(
        self, client: FlaskClient, event: Event
    ) -> None:
        account = sato(event)
        sign_in(client, account)
        first, second, third = asking(event)
        approve(event, [first], account)
        before = written()
        answer = client.post(f"{start(event)}/declines/question", data={"attendee": ids([first, second])})
        assert answer.status_code == 200
        assert [one.name in answer.text for one in (first, second, third)] == [False, True, False]
        assert (statuses([second]), written()) == ([Status.PENDING], before)
        asked = read(answer)
        assert (ticked(asked), asked.form["reason"]) == (ids([second]), "")
        client.post(f"{start(event)}/declines", data=asked.form | {"reason": "定員のため"})
        assert (statuses([second]), second.cancel_reason) == ([Status.DECLINED], "定員のため")

    def test_nobody_is_asked_about_who_was_dealt_with_before(self, client: FlaskClient, event: Event) -> None:
        account = sato(event)
        sign_in(client, account)
        chosen = asking(event)
        approve(event, chosen, account)
        answer = client.post(f"{start(event)}/declines/question", data={"attendee": ids(chosen)})
        assert answer.status_code == 303
        assert told(client, event) == ["3名は、すでに処理されていました。"]

    def test_the_first_button_of_the_form_approves_nobody(self, client: FlaskClient, event: Event) -> None:
        """Enter on a box presses it (the browser's test presses Enter)."""
        sign_in(client, sato(event))
        waiting = asking(event)
        page = read(client.get(f"{start(event)}/approvals"))
        first = page.buttons[1]  # before it stands the one that signs out
        assert first == ("action", "look")
        before = written()
        sent = page.form | {"attendee": ids(waiting[:2]), first[0]: first[1]}
        answer = client.post(f"{start(event)}/approvals", data=sent)
        assert (answer.status_code, ticked(read(answer))) == (200, ids(waiting[:2]))
        assert (set(statuses(waiting)), written()) == ({Status.PENDING}, before)


class TestWhoMayEnter:
    DOORS = (
        ("GET", "approvals"),
        ("POST", "approvals"),
        ("POST", "declines"),
        ("POST", "declines/question"),
    )

    @pytest.mark.parametrize(
        ("who", "status"),
        [(suzuki, 403), (lambda _: tanaka(), 404), (None, 302)],
        ids=["staff", "stranger", "nobody"],
    )
    def test_nobody_else(self, client: FlaskClient, event: Event, who, status: int) -> None:
        chosen = asking(event)
        if who is not None:
            sign_in(client, who(event))
        before = written()
        for method, path in self.DOORS:
            answer = client.open(f"{start(event)}/{path}", method=method, data={"attendee": ids(chosen)})
            assert (method, path, answer.status_code) == (method, path, status)
            assert chosen[0].number not in answer.text
        assert (set(statuses(chosen)), written()) == ({Status.PENDING}, before)

    def test_the_organiser_of_another_event_cannot_reach_in(self, client: FlaskClient, event: Event) -> None:
        own = by_approval()
        sign_in(client, sato(own))
        chosen = asking(event)
        for method, path in self.DOORS:
            data = {"attendee": ids(chosen)}
            assert client.open(f"{start(event)}/{path}", method=method, data=data).status_code == 404
            if method == "POST":
                assert client.post(f"{start(own)}/{path}", data=data).status_code == 422
        assert set(statuses(chosen)) == {Status.PENDING}

    def test_pages_are_not_kept(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        assert "no-store" in client.get(f"{start(event)}/approvals").headers["Cache-Control"]


class TestForgery:
    @pytest.fixture
    def client(self, make_app) -> Iterator[FlaskClient]:
        app = make_app(WTF_CSRF_ENABLED=True)
        with app.app_context():
            yield app.test_client()

    @pytest.mark.parametrize("path", ["approvals", "declines"])
    def test_only_with_the_token_of_the_form(self, client: FlaskClient, path: str) -> None:
        event = by_approval()
        sign_in(client, sato(event))
        chosen = asking(event)
        before = written()
        for token in ({}, {"csrf_token": "x"}):
            answer = client.post(f"{start(event)}/{path}", data={"attendee": ids(chosen)} | token)
            assert answer.status_code == 400
        assert (set(statuses(chosen)), written()) == ({Status.PENDING}, before)
        page = client.get(f"{start(event)}/approvals")
        assert 'name="csrf_token"' in page.text.split('id="approval-form"')[1].split("</form>")[0]
        form = read(page).form
        answer = client.post(f"{start(event)}/{path}", data=form | {"attendee": ids(chosen)})
        assert answer.status_code == 303
        assert Status.PENDING not in statuses(chosen)
