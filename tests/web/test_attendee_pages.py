"""One attendee's page: what the office sees there, and what it does there; who may look and who may act."""

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
    Question,
    Status,
    StatusChange,
)
from eventsite.registration import cancel, move_to, register
from tests.cast import (
    TAKASAKI,
    TOWN_HALL,
    YOSHIDA,
    an_account,
    an_application,
    an_event,
    people,
    sato,
    sign_in,
    suzuki,
    tanaka,
)
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
BOX = "定員を超えて登録します"
HOSTILE = "</textarea><script>alert(1)</script>"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event(capacities={"local_gov": 1})


@pytest.fixture
def account(client: FlaskClient, event: Event) -> Account:
    """佐藤, who has signed in."""
    found = sato(event)
    sign_in(client, found)
    return found


def enter(event: Event, category: str = "local_gov", count: int = 1) -> Attendee:
    return register(event, an_application(*people(count), category=category)).attendees[0]


def page_of(one: Attendee) -> str:
    return f"/organiser/events/{one.registration.event.slug}/attendees/{one.number}"


def status(one: Attendee) -> str:
    db.session.rollback()
    return one.status.value


def written() -> list[int | None]:
    db.session.rollback()
    return [
        db.session.scalar(select(func.count()).select_from(one))
        for one in (StatusChange, AuditEntry, Message)
    ]


class TestPage:
    @on_both
    def test_shows_what_is_known(self, client: FlaskClient, event: Event, account: Account) -> None:
        with transaction():
            event.questions.append(Question(key="how", label="関心のある分野", type="text", purpose="準備"))
        application = an_application(
            TAKASAKI, YOSHIDA, category="company", answers={"how": "<b>窓口</b>"}, contact_name="総務 花"
        )
        first, second = register(event, application).attendees
        move_to(first, event.category("gdx_member"), account)
        cancel([first], by=account, reason="都合により")
        text = client.get(page_of(first)).text
        for words in (
            first.name,
            first.number,
            "タカサキ ヨウコ",
            "見本市",
            "企画課",
            TOWN_HALL,
            "026-000-0000",
            "総務 花",
            "ウェブ",
            "関心のある分野",
            "&lt;b&gt;窓口&lt;/b&gt;",
            "個人情報の取扱いについて確認し、同意します",
            "都合により",
            "事務局による取消",
            "佐藤 花子",
            "参加区分の移動",
            "一般企業",
            "GDX会員",
            "【申込完了",
            "【参加取消",
            "送信待ち",
        ):
            assert words in text, words
        assert page_of(second) in read(client.get(page_of(first))).links

    def test_of_the_letters_only_the_own_and_the_contact_s(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        first, second = register(event, an_application(TAKASAKI, YOSHIDA, category="company")).attendees
        assert (YOSHIDA.email in client.get(page_of(first)).text) is False
        assert client.get(page_of(second)).text.count(YOSHIDA.email) == 2, (
            "in the details and with its letter"
        )

    def test_looking_changes_nothing(self, client: FlaskClient, event: Event, account: Account) -> None:
        one = enter(event)
        before = written()
        for path in ("", "/cancellation"):
            assert client.get(page_of(one) + path).status_code == 200
        assert (status(one), written()) == ("confirmed", before)

    def test_the_roster_leads_there(self, client: FlaskClient, event: Event, account: Account) -> None:
        one = enter(event)
        assert page_of(one) in read(client.get(f"/organiser/events/{event.slug}/roster")).links

    @pytest.mark.parametrize(
        "number",
        ["GDX-AAAA-AA-1", "1", "-", "x-9999999999999999999", "x-１", "%F0%A0%AE%B7-1", "'--1", "a/b-1"],
    )
    def test_what_is_not_there(
        self, client: FlaskClient, event: Event, account: Account, number: str
    ) -> None:
        assert client.get(f"/organiser/events/{event.slug}/attendees/{number}").status_code == 404

    def test_not_by_the_address_of_another_event(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        foreign = enter(an_event())
        assert client.get(f"/organiser/events/{event.slug}/attendees/{foreign.number}").status_code == 404


class TestCancel:
    @on_both
    def test_asks_first_then_tells_why(self, client: FlaskClient, event: Event, account: Account) -> None:
        one, waiting = enter(event), enter(event)
        asked = client.get(f"{page_of(one)}/cancellation")
        assert one.name in asked.text
        answer = client.post(f"{page_of(one)}/cancellation", data={"reason": "  二重のため  "})
        assert (answer.status_code, answer.headers["Location"]) == (303, page_of(one))
        assert (status(one), one.cancel_reason, status(waiting)) == ("cancelled", "二重のため", "confirmed")
        assert "申込を取り消しました。" in client.get(page_of(one)).text
        letters = db.session.scalars(select(Message.letter).order_by(Message.id))
        assert list(letters) == ["confirmed", "waitlisted", "cancelled_by_office", "promoted"]

    def test_twice_is_once(self, client: FlaskClient, event: Event, account: Account) -> None:
        one = enter(event)
        client.post(f"{page_of(one)}/cancellation")
        client.get(page_of(one))
        before = written()
        client.post(f"{page_of(one)}/cancellation")
        assert "すでに取り消されているか、取り消せない状態です。" in client.get(page_of(one)).text
        assert written() == before
        assert client.get(f"{page_of(one)}/cancellation").status_code == 303

    @pytest.mark.parametrize("reason", ["あ" * 501, f"{HOSTILE}\ue000"], ids=["long", "private use"])
    def test_a_reason_that_cannot_be_sent_is_kept(
        self, client: FlaskClient, event: Event, account: Account, reason: str
    ) -> None:
        one = enter(event)
        answer = client.post(f"{page_of(one)}/cancellation", data={"reason": reason})
        page = read(answer)
        assert (answer.status_code, list(page.errors), page.form["reason"]) == (422, ["reason"], reason)
        assert page.title.startswith("入力エラー：")
        assert status(one) == "confirmed"


class TestRestore:
    @on_both
    def test_with_a_free_seat(self, client: FlaskClient, event: Event, account: Account) -> None:
        one = enter(event)
        cancel([one])
        page = client.get(page_of(one)).text
        assert ("取消を元に戻す" in page, BOX in page) == (True, False)
        assert client.post(f"{page_of(one)}/restoration").status_code == 303
        assert status(one) == "confirmed"
        assert "取消を元に戻しました。" in client.get(page_of(one)).text

    def test_without_one_the_choice_is_offered(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        one = enter(event)
        cancel([one])
        enter(event)
        answer = client.post(f"{page_of(one)}/restoration")
        page = read(answer)
        assert (answer.status_code, page.data["data-refusal"]) == (409, ["sold-out"])
        assert page.summary == [("restoration", "「自治体職員」に空席がありません。")]
        assert (answer.text.count(BOX), status(one)) == (1, "cancelled")
        assert client.post(f"{page_of(one)}/restoration", data={"over_limit": "y"}).status_code == 303
        assert (status(one), one.over_limit) == ("confirmed", True)
        assert "定員超過" in client.get(page_of(one)).text


class TestMove:
    def test_to_another_category(self, client: FlaskClient, event: Event, account: Account) -> None:
        one = enter(event, "company")
        form = client.get(page_of(one)).text.split('id="category-form"')[1].split("</form>")[0]
        assert [code in form for code in ("local_gov", "gdx_member", "company")] == [True, True, False]
        assert client.post(f"{page_of(one)}/category", data={"category": "gdx_member"}).status_code == 303
        assert (status(one), one.category.code) == ("confirmed", "gdx_member")
        assert "参加区分を「GDX会員」に移しました。" in client.get(page_of(one)).text

    def test_a_full_one_only_by_choice(self, client: FlaskClient, event: Event, account: Account) -> None:
        enter(event)
        one = enter(event, "company")
        answer = client.post(f"{page_of(one)}/category", data={"category": "local_gov"})
        page = read(answer)
        assert (answer.status_code, page.form["category"]) == (409, "local_gov")
        assert page.errors == {"category": "「自治体職員」に空席がありません。"}
        sent = {"category": "local_gov", "over_limit": "y"}
        assert client.post(f"{page_of(one)}/category", data=sent).status_code == 303
        assert (one.category.code, one.over_limit) == ("local_gov", True)

    @pytest.mark.parametrize("code", ["", "nonsense", "9" * 500, "\U00020bb7"])
    def test_nothing_that_is_there(
        self, client: FlaskClient, event: Event, account: Account, code: str
    ) -> None:
        one = enter(event, "company")
        answer = client.post(f"{page_of(one)}/category", data={"category": code})
        assert answer.status_code == 422
        assert read(answer).errors == {"category": "参加区分を選んでください。"}
        assert (BOX in answer.text, one.category.code) == (False, "company")


class TestPromote:
    @on_both
    def test_first_without_then_over_the_limit(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        enter(event)
        one = enter(event)
        answer = client.post(f"{page_of(one)}/promotion")
        assert (answer.status_code, BOX in answer.text, status(one)) == (409, True, "waitlisted")
        assert client.post(f"{page_of(one)}/promotion", data={"over_limit": "y"}).status_code == 303
        assert (status(one), one.over_limit) == ("confirmed", True)
        client.get(page_of(one))
        before = written()
        client.post(f"{page_of(one)}/promotion", data={"over_limit": "y"})
        assert "変わったところはありませんでした。" in client.get(page_of(one)).text
        assert written() == before


class TestRemark:
    def test_is_kept_as_typed(self, client: FlaskClient, event: Event, account: Account) -> None:
        one = enter(event)
        assert client.post(f"{page_of(one)}/remark", data={"remark": HOSTILE}).status_code == 303
        page = client.get(page_of(one))
        assert (read(page).form["remark"], "<script>alert" in page.text) == (HOSTILE, False)

    def test_too_long_is_not_lost(self, client: FlaskClient, event: Event, account: Account) -> None:
        one = enter(event)
        answer = client.post(f"{page_of(one)}/remark", data={"remark": "長" * 1001})
        page = read(answer)
        assert (answer.status_code, page.form["remark"]) == (422, "長" * 1001)
        assert page.errors == {"remark": "備考は1000文字以内で入力してください。"}
        db.session.rollback()
        assert one.remark == ""


class TestOfferedDeeds:
    """Only what can be done now is offered."""

    def offered(self, client: FlaskClient, one: Attendee) -> set[str]:
        text = client.get(page_of(one)).text
        words = {"restoration-form", "promotion-form", "category-form", "/cancellation"}
        return {one for one in words if one in text}

    def test_by_status(self, client: FlaskClient, event: Event, account: Account) -> None:
        one, waiting = enter(event), enter(event)
        assert self.offered(client, one) == {"category-form", "/cancellation"}
        assert self.offered(client, waiting) == {"promotion-form", "category-form", "/cancellation"}
        cancel([waiting])
        assert self.offered(client, waiting) == {"restoration-form"}

    def test_from_the_start_on_only_cancelling(
        self, client: FlaskClient, event: Event, account: Account, moment
    ) -> None:
        one = enter(event)
        moment.moment = event.start_at
        assert self.offered(client, one) == {"/cancellation"}
        client.post(f"{page_of(one)}/cancellation")
        assert self.offered(client, one) == set()

    def test_nothing_to_restore_once_called_off(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        one = enter(event)
        cancel([one])
        with transaction():
            event.status = EventStatus.CANCELLED
        assert self.offered(client, one) == set()
        answer = client.post(f"{page_of(one)}/restoration", data={"over_limit": "y"})
        assert (answer.status_code, BOX in answer.text) == (409, False)

    def test_a_lot_may_move_only_to_a_lottery(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        with transaction():
            event.category("local_gov").selection = "lottery"
        lot, seat = enter(event), enter(event, "company")
        assert lot.status == Status.LOTTERY
        assert self.offered(client, lot) == {"/cancellation"}
        form = client.get(page_of(seat)).text.split('id="category-form"')[1].split("</form>")[0]
        assert ("local_gov" in form, "gdx_member" in form) == (False, True)


DEEDS = ("cancellation", "restoration", "category", "promotion", "remark")


class TestDoors:
    @pytest.mark.parametrize(
        ("who", "looks", "acts"),
        [("suzuki", 200, 403), ("tanaka", 404, 404), ("viewer", 403, 403), (None, 302, 302)],
    )
    def test_who_may(self, client: FlaskClient, event: Event, who: str | None, looks: int, acts: int) -> None:
        one = enter(event)
        account = {
            "suzuki": lambda: suzuki(event),
            "tanaka": tanaka,
            "viewer": lambda: an_account("viewer@gdx.example.jp", "閲覧", "viewer", (event,)),
        }
        if who:
            sign_in(client, account[who]())
        before = written()
        assert client.get(page_of(one)).status_code == looks
        for deed in DEEDS:
            assert client.post(f"{page_of(one)}/{deed}", data={"over_limit": "y"}).status_code == acts
        assert client.get(f"{page_of(one)}/cancellation").status_code == acts
        assert (status(one), written()) == ("confirmed", before)

    def test_whoever_may_only_look_sees_no_buttons(self, client: FlaskClient, event: Event) -> None:
        one = enter(event)
        sign_in(client, suzuki(event))
        text = client.get(page_of(one)).text
        assert [f"/{deed}" in text for deed in DEEDS] == [False] * len(DEEDS)
        assert "備考" in text

    class TestToken:
        @pytest.fixture
        def client(self, make_app) -> Iterator[FlaskClient]:
            app = make_app(WTF_CSRF_ENABLED=True)
            with app.app_context():
                yield app.test_client()

        @pytest.mark.parametrize("deed", DEEDS)
        def test_only_with_the_token_of_the_page(self, client: FlaskClient, deed: str) -> None:
            event = an_event()
            sign_in(client, sato(event))
            one = enter(event)
            assert client.post(f"{page_of(one)}/{deed}").status_code == 400
            form = read(client.get(page_of(one))).form
            sent = form | {"category": "company", "remark": "a"}
            assert client.post(f"{page_of(one)}/{deed}", data=sent).status_code in {303, 409}


def test_an_english_reader(client: FlaskClient, event: Event, account: Account) -> None:
    one = enter(event)
    assert client.get(f"{page_of(one)}?lang=en").status_code == 200


def test_a_long_history(client: FlaskClient, event: Event, account: Account, moment) -> None:
    one = enter(event, "company")
    for step in range(12):
        moment.move(timedelta(minutes=1))
        move_to(one, event.category("gdx_member" if step % 2 == 0 else "company"), account)
    text = client.get(page_of(one)).text
    assert text.count("参加区分の移動") == 12
