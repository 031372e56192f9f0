"""The way of a registration through the site's own pages: form, confirm screen, done page."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from eventsite import tokens
from eventsite.db import db, transaction
from eventsite.models import (
    Attendee,
    Consent,
    Event,
    EventStatus,
    Format,
    Message,
    ParticipationMode,
    Question,
    Registration,
    Status,
)
from eventsite.registration import cancel, register
from tests.cast import TOWN_HALL, an_application, an_event, people
from tests.fixtures.database import on_both
from tests.web.pages import Page, own_links, read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
CLOSING = datetime(2025, 12, 23, 8, 0, tzinfo=UTC)
TOWNSPERSON = {
    "attendees-0-prefecture": "長野県",
    "attendees-0-municipality_code": "202011",
    "attendees-0-department": "企画課",
    "attendees-0-position": "係長",
    "attendees-0-family_name": "\u9ad9\ufa11",
    "attendees-0-given_name": "洋子",
    "attendees-0-family_kana": "タカサキ",
    "attendees-0-given_kana": "ヨウコ",
    "contact_email": TOWN_HALL,
    "contact_phone": "026-000-0000",
    "consent_privacy": "y",
}
YAMADA = {
    "attendees-0-organisation": "株式会社サンプル",
    "attendees-0-family_name": "山田",
    "attendees-0-given_name": "太郎",
    "contact_email": "yamada@example.co.jp",
    "consent_privacy": "y",
}
COLLEAGUE = {
    "attendees-1-organisation": "株式会社サンプル",
    "attendees-1-family_name": "鈴木",
    "attendees-1-given_name": "一郎",
    "consent_group": "y",
}
Fill = dict[str, Any]


@pytest.fixture(autouse=True)
def moment(at):
    """It is 1 December 2025, 10:00 in Japan."""
    return at(NOW)


def a_seminar(**changes: Any) -> Event:
    """A seminar on 24 December without a confirm screen, unless it is asked for."""
    rules = changes.pop("company", {})
    usual = {"start_at": START, "end_at": START + timedelta(minutes=90), "confirm_screen": False}
    event = an_event(**(usual | changes))
    with transaction():
        for name, value in rules.items():
            setattr(event.category("company"), name, value)
    return event


def address(event: Event) -> str:
    return f"/events/{event.slug}/register"


def opened(client: FlaskClient, event: Event, category: str = "company", more: str = "") -> Page:
    answer = client.get(f"{address(event)}?category={category}{more}")
    assert answer.status_code == 200
    return read(answer)


def send(
    client: FlaskClient, event: Event, filled: Fill, category: str = "company", **how: Any
) -> TestResponse:
    """Open the form, fill it in and send it off."""
    return client.post(address(event), data=opened(client, event, category).form | filled, **how)


def registrations() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Registration))


def the_one() -> Registration:
    db.session.rollback()
    return db.session.scalars(select(Registration)).one()


def a_question(event: Event, key: str, kind: str = "text", **more: Any) -> None:
    with transaction():
        values = {"label": f"質問{key}", "purpose": "企画のため", "position": len(event.questions)}
        event.questions.append(Question(key=key, type=kind, **(values | more)))


class TestWay:
    @on_both
    def test_from_the_form_to_the_done_page(self, client: FlaskClient) -> None:
        event = a_seminar(confirm_screen=True)
        screen = send(client, event, TOWNSPERSON, "local_gov")
        assert (screen.status_code, registrations()) == (200, 0)
        confirm = read(screen)
        assert confirm.title.startswith("入力内容の確認")
        assert confirm.buttons[-2:] == [("", ""), ("action", "edit")]
        answer = client.post(address(event), data=confirm.form)
        assert answer.status_code == 303
        found = the_one()
        done = client.get(answer.headers["Location"])
        page = read(done)
        assert page.data["data-registered"] == [found.reference]
        assert page.data["data-status"] == ["confirmed"]
        assert TOWN_HALL in done.text
        (attendee,) = found.attendees
        assert (attendee.name, attendee.organisation) == ("\u9ad9\ufa11 洋子", "長野市")
        assert (attendee.municipality_code, attendee.prefecture) == ("202011", "長野県")
        assert found.contact_phone == "026-000-0000"

    @pytest.mark.parametrize("confirm_screen", [True, False])
    def test_the_done_page_never_shows_the_link_of_the_letter(
        self, client: FlaskClient, confirm_screen: bool
    ) -> None:
        event = a_seminar(confirm_screen=confirm_screen, join_url="https://zoom.us/j/0000")
        answer = send(client, event, YAMADA)
        if confirm_screen:
            answer = client.post(address(event), data=read(answer).form)
        done = client.get(answer.headers["Location"])
        assert done.status_code == 200
        assert "/r/" not in done.text
        assert "zoom.us" not in done.text
        assert done.headers["Cache-Control"] == "no-store"

    def test_a_reload_and_a_second_sending_lead_to_the_same_page(self, client: FlaskClient) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA
        first = client.post(address(event), data=form)
        second = client.post(address(event), data=form | {"attendees-0-family_name": "別人"})
        assert (first.status_code, second.status_code) == (303, 303)
        pages = [client.get(one.headers["Location"]).text for one in (first, second)]
        assert pages[0] == pages[1]
        assert registrations() == 1
        assert db.session.scalar(select(func.count()).select_from(Message)) == 1

    def test_a_reload_after_the_last_seat_and_the_closing_is_no_refusal(
        self, client: FlaskClient, moment
    ) -> None:
        event = a_seminar(closes_at=NOW + timedelta(hours=1), company={"capacity": 1, "waitlist": False})
        form = opened(client, event).form | YAMADA
        first = client.post(address(event), data=form)
        moment.move(timedelta(hours=2))
        again = client.post(address(event), data=form | {"consent_privacy": []})
        assert (again.status_code, client.get(again.headers["Location"]).text) == (
            303,
            client.get(first.headers["Location"]).text,
        )
        assert registrations() == 1

    def test_the_confirm_screen_comes_back_from_editing_with_everything(self, client: FlaskClient) -> None:
        event = a_seminar(confirm_screen=True)
        filled = YAMADA | COLLEAGUE | {"all_or_nothing": "y", "viewers": "\uff13"}
        confirm = read(send(client, event, filled))
        back = read(client.post(address(event), data=confirm.form | {"action": "edit"}))
        assert {name: back.form.get(name) for name in filled} == filled

    def test_a_changed_outcome_brings_the_confirm_screen_again(self, client: FlaskClient) -> None:
        event = a_seminar(confirm_screen=True, company={"capacity": 1})
        confirm = read(send(client, event, YAMADA))
        assert confirm.form["shown"] == "confirmed"
        register(event, an_application(*people(1), category="company"))
        changed = client.post(address(event), data=confirm.form)
        assert (changed.status_code, registrations()) == (200, 1)
        again = read(changed)
        assert again.form["shown"] == "waitlisted"
        assert "席の状況が変わりました" in changed.text
        assert client.post(address(event), data=again.form).status_code == 303
        assert registrations() == 2

    def test_who_asks_for_more_than_there_is_sees_it_first(self, client: FlaskClient) -> None:
        event = a_seminar(company={"capacity": 1})
        screen = send(client, event, YAMADA | COLLEAGUE)
        assert (screen.status_code, registrations()) == (200, 0)
        assert "お申し込みのうち1名は、満席のためキャンセル待ちになります。" in screen.text
        assert client.post(address(event), data=read(screen).form).status_code == 303
        assert [one.status for one in the_one().attendees] == [Status.CONFIRMED, Status.WAITLISTED]

    def test_a_repeat_is_pointed_out_and_taken(self, client: FlaskClient) -> None:
        event = a_seminar()
        assert send(client, event, YAMADA).status_code == 303
        screen = send(client, event, YAMADA)
        assert (
            "同じお名前とメールアドレスのお申し込みを、すでに受け付けています。"
            "二重のお申し込みでなければ、このままお進みください。"
        ) in screen.text
        assert "GDX-" not in screen.text
        assert client.post(address(event), data=read(screen).form).status_code == 303
        assert registrations() == 2

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (
                {"contact_email": "taro@gamil.com"},
                "「gamil.com」は「gmail.com」の誤りではありませんか。正しい場合は、このままお進みください。",
            ),
            ({"attendees-0-given_name": ""}, "「山田」様の名が空欄です。"),
            (
                {"attendees-0-family_name": "\U00020bb7\u7530"},
                "この文字は一部の帳票で「〓」と表示されることがあります。",
            ),
        ],
        ids=["typo", "one name", "not on paper"],
    )
    def test_warnings_stop_nobody(self, client: FlaskClient, change: Fill, words: str) -> None:
        event = a_seminar(confirm_screen=True)
        screen = send(client, event, YAMADA | change)
        assert (screen.status_code, words in screen.text) == (200, True)
        assert client.post(address(event), data=read(screen).form).status_code == 303
        assert registrations() == 1


TOO_LONG = "あ" * 101
LIKE_MAIL = "例：taro@city.example.lg.jp"
PRIVATE_USE = "外字は使えません。代わりの漢字（例：﨑→崎）を入力してください。"
NO_KANA = "を入力してください。アルファベットのお名前の場合は、空欄でかまいません。"
NO_BODY = "市区町村を選んでください。一覧にない団体は、所属を入力してください。"
FAULTS = [
    pytest.param("contact_email", "", "メールアドレスを入力してください。", id="email blank"),
    pytest.param("contact_email", "taro.city.example.lg.jp", "メールアドレスに「@」がありません。" + LIKE_MAIL, id="no at"),
    pytest.param("contact_email", "a@example.jp、b@example.jp", "メールアドレスの形式を確認してください。" + LIKE_MAIL, id="two"),
    pytest.param("contact_email", "taro@", "メールアドレスの形式を確認してください。" + LIKE_MAIL, id="half"),
    pytest.param("contact_phone", "０９０", "電話番号は、市外局番から数字で入力してください。例：00-0000-0000", id="phone"),
    pytest.param("contact_name", "\ue000", PRIVATE_USE, id="contact"),
    pytest.param("viewers", "0", "視聴人数は1から99までの数字で入力してください。", id="0 viewers"),
    pytest.param("viewers", "100", "視聴人数は1から99までの数字で入力してください。", id="100 viewers"),
    pytest.param("attendees-0-municipality_code", "", NO_BODY, id="municipality"),
    pytest.param("attendees-0-municipality_code", "132063", "市区町村を選び直してください。", id="of another prefecture"),
    pytest.param("attendees-0-department", "", "部署名を入力してください。", id="department"),
    pytest.param("attendees-0-department", "　\u200b ", "部署名を入力してください。", id="nothing visible"),
    pytest.param("attendees-0-department", TOO_LONG, "部署名は100文字以内で入力してください。", id="too long"),
    pytest.param("attendees-0-position", TOO_LONG, "役職は100文字以内で入力してください。", id="position"),
    pytest.param("attendees-0-family_name", "", "姓を入力してください。", id="family name"),
    pytest.param("attendees-0-family_name", "\ue000", PRIVATE_USE, id="private use"),
    pytest.param("attendees-0-given_name", "\U000f0000", PRIVATE_USE, id="plane 15"),
    pytest.param("attendees-0-family_name", "https://example.jp/", "姓にURLは入力できません。", id="a link for a name"),
    pytest.param("attendees-0-family_kana", "", "セイ" + NO_KANA, id="kana blank"),
    pytest.param("attendees-0-given_kana", "", "メイ" + NO_KANA, id="kana blank too"),
    pytest.param("attendees-0-family_kana", "高崎", "セイは全角カタカナで入力してください。例：タカサキ", id="no kana"),
    pytest.param("attendees-0-given_kana", "洋子", "メイは全角カタカナで入力してください。例：タカサキ", id="no kana too"),
    pytest.param("consent_privacy", [], "個人情報の取扱いをご確認のうえ、同意の欄にチェックを入れてください。", id="consent"),
    pytest.param("q-topic", TOO_LONG, "関心のあるテーマは100文字以内で入力してください。", id="answer"),
    pytest.param("q-topic", "", "関心のあるテーマに答えてください。", id="no answer"),
    pytest.param("q-part", "夜", "部を選んでください。", id="no such choice"),
    pytest.param("q-count", "三", "人数は数字で入力してください。", id="number"),
    pytest.param("q-day", "2026-02-30", "日は、2026-04-01のように入力してください。", id="date"),
]  # fmt: skip


class TestFaults:
    filled = TOWNSPERSON | {
        "q-topic": "窓口",
        "q-part": "午後",
        "q-many": ["甲", "丙"],
        "q-count": "12",
        "q-day": "2026-04-01",
        "q-note": "一行目\r\n二行目 <b>&amp;\u9ad9",
        "viewers": "3",
        "contact_name": "総務 係",
        "consent_followup": "y",
    }

    def seminar(self) -> Event:
        event = a_seminar(consents=["privacy", "followup"])
        a_question(event, "topic", label="関心のあるテーマ", required=True)
        a_question(event, "part", "radio", label="部", choices=["午前", {"label": "午後", "capacity": 9}])
        a_question(event, "many", "checkbox", label="複数", choices=["甲", "乙", "丙"])
        a_question(event, "count", "number", label="人数")
        a_question(event, "day", "date", label="日")
        a_question(event, "note", "textarea", label="自由記入")
        return event

    @pytest.mark.parametrize(("name", "value", "words"), FAULTS)
    def test_each_has_its_own_words_and_nothing_typed_is_lost(
        self, client: FlaskClient, name: str, value: Any, words: str
    ) -> None:
        filled = self.filled | {name: value}
        answer = send(client, self.seminar(), filled, "local_gov")
        page = read(answer)
        assert answer.status_code == 422
        assert page.errors == {name: words}
        assert page.summary == [(name, words)]
        assert page.title.startswith("入力エラー：")
        assert page.data["data-refusal"] == ["invalid"]
        assert registrations() == 0
        expected = {one: typed if isinstance(typed, list) else [typed] for one, typed in filled.items()}
        if words.endswith(("選んでください。", "選び直してください。")):
            del expected[name]  # what is not on offer cannot stay chosen
        kept = {one: page.form.getlist(one) for one in expected}
        assert {one: [word.replace("\r\n", "\n") for word in words] for one, words in kept.items()} == {
            one: [word.replace("\r\n", "\n") for word in words] for one, words in expected.items()
        }

    def test_without_any_fault_the_same_form_is_taken(self, client: FlaskClient) -> None:
        assert send(client, self.seminar(), self.filled, "local_gov").status_code == 303
        found = the_one()
        assert {one.question.key: one.value for one in found.answers} == {
            "topic": "窓口",
            "part": "午後",
            "many": ["甲", "丙"],
            "count": 12,
            "day": "2026-04-01",
            "note": "一行目\n二行目 <b>&amp;\u9ad9",
        }

    def test_several_faults_are_listed_in_the_order_of_the_page(self, client: FlaskClient) -> None:
        event = self.seminar()
        filled = {"attendees-1-family_name": "鈴木", "attendees-1-given_name": "一郎"}
        page = read(send(client, event, filled, "local_gov"))
        targets = [name for name, _ in page.summary]
        assert set(targets) == set(page.errors)
        assert targets[0] == "attendees-0-prefecture"
        assert "attendees-1-department" in targets
        assert "consent_group" in targets
        order = {name: place for place, name in enumerate(page.form)}
        present = [one for one in targets if one in order]
        assert present == sorted(present, key=lambda one: order[one])

    @pytest.mark.parametrize(
        ("names", "taken"),
        [
            (("Smith", "John"), True),
            (("\u0141ukasz", "Nowak"), True),
            (("O\u2019Brien", "Mary-Ann"), True),
            (("\u9ad9\ufa11", "洋子"), False),
        ],
    )
    def test_latin_names_need_no_kana(self, client: FlaskClient, names: tuple[str, str], taken: bool) -> None:
        blank = {"attendees-0-family_kana": "", "attendees-0-given_kana": ""}
        named = {"attendees-0-family_name": names[0], "attendees-0-given_name": names[1]}
        answer = send(client, a_seminar(), TOWNSPERSON | blank | named, "local_gov")
        assert answer.status_code == (303 if taken else 422)

    @pytest.mark.parametrize(("typed", "stored"), [("ﾀｶｻｷ", "タカサキ"), ("たかさき", "タカサキ")])
    def test_kana_of_any_kind_is_stored_full_width(
        self, client: FlaskClient, typed: str, stored: str
    ) -> None:
        send(client, a_seminar(), TOWNSPERSON | {"attendees-0-family_kana": typed}, "local_gov")
        assert the_one().attendees[0].family_kana == stored

    @pytest.mark.parametrize("prefecture", ["", "江戸"])
    def test_a_town_needs_its_prefecture(self, client: FlaskClient, prefecture: str) -> None:
        chosen = {"attendees-0-prefecture": prefecture, "attendees-0-municipality_code": ""}
        answer = send(client, a_seminar(), TOWNSPERSON | chosen, "local_gov")
        assert (answer.status_code, read(answer).errors) == (
            422,
            {
                "attendees-0-prefecture": "都道府県を選んでください。",
                "attendees-0-municipality_code": NO_BODY,
            },
        )

    def test_a_town_brings_its_prefecture(self, client: FlaskClient) -> None:
        chosen = TOWNSPERSON | {"attendees-0-prefecture": ""}
        assert send(client, a_seminar(), chosen, "local_gov").status_code == 303
        assert the_one().attendees[0].prefecture == "長野県"

    def test_another_body_is_typed(self, client: FlaskClient) -> None:
        other = TOWNSPERSON | {"attendees-0-municipality_code": "other"}
        page = read(send(client, a_seminar(), other, "local_gov"))
        assert page.errors == {"attendees-0-organisation": "所属（団体名・会社名）を入力してください。"}
        named = other | {"attendees-0-organisation": "例示広域連合"}
        assert send(client, a_seminar(), named, "local_gov").status_code == 303
        (attendee,) = the_one().attendees
        assert (attendee.organisation, attendee.municipality_code) == ("例示広域連合", "")
        assert attendee.prefecture == "長野県"


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "now", "code"),
        [
            pytest.param({"closes_at": CLOSING}, CLOSING, "closed", id="closed"),
            pytest.param({"opens_at": NOW + timedelta(hours=1)}, NOW, "not-open-yet", id="not open yet"),
            pytest.param({"company": {"capacity": 0}}, NOW, "closed", id="capacity 0"),
            pytest.param({"capacity_total": 0}, NOW, "closed", id="event-wide 0"),
            pytest.param({"status": EventStatus.CANCELLED}, NOW, "cancelled", id="cancelled"),
        ],
    )
    def test_there_is_no_form(
        self, client: FlaskClient, moment, changes: Fill, now: datetime, code: str
    ) -> None:
        event = a_seminar(**changes)
        moment.moment = now
        answer = client.get(f"{address(event)}?category=company")
        page = read(answer)
        assert answer.status_code == 409
        assert page.data["data-refusal"] == [code]
        assert "form_token" not in page.names

    def test_full_and_without_a_waitlist_there_is_no_form(self, client: FlaskClient, moment) -> None:
        event = a_seminar(company={"capacity": 1, "waitlist": False})
        assert client.get(f"{address(event)}?category=company").status_code == 200
        register(event, an_application(*people(1), category="company"))
        answer = client.get(f"{address(event)}?category=company")
        assert (answer.status_code, read(answer).data["data-refusal"]) == (409, ["sold-out"])

    def sent_late(self, client: FlaskClient, event: Event, change: Callable[[], None]) -> TestResponse:
        form = opened(client, event).form | YAMADA
        change()
        return client.post(address(event), data=form)

    @pytest.mark.parametrize(
        ("rule", "now", "code", "words"),
        [
            pytest.param(
                {"closes_at": CLOSING},
                CLOSING,
                "closed",
                "この区分の受付は、12月23日（火）17:00に終了しました。",
                id="closed",
            ),
            pytest.param({"capacity": 0}, NOW, "closed", "この区分は受け付けていません。", id="0"),
            pytest.param(
                {"capacity": 1, "waitlist": False},
                NOW,
                "sold-out",
                "この区分は満席のため、受け付けできません。",
                id="sold out",
            ),
        ],
    )
    def test_what_was_typed_stays_on_the_page(
        self, client: FlaskClient, moment, rule: Fill, now: datetime, code: str, words: str
    ) -> None:
        event = a_seminar()
        register(event, an_application(*people(1), category="company"))

        def change() -> None:
            moment.moment = now - timedelta(hours=1) if now == CLOSING else now
            with transaction():
                for name, value in rule.items():
                    setattr(event.category("company"), name, value)

        form = opened(client, event).form | YAMADA
        change()
        if now == CLOSING:
            form["form_token"] = opened(client, event).form["form_token"]
        moment.moment = now
        answer = client.post(address(event), data=form)
        page = read(answer)
        assert (answer.status_code, page.data["data-refusal"]) == (409, [code])
        assert page.summary == [("", words)]
        assert {name: page.form.get(name) for name in YAMADA} == YAMADA
        assert registrations() == 1

    @pytest.mark.parametrize(
        ("second", "status"),
        [(timedelta(seconds=-1), 303), (timedelta(0), 409)],
        ids=["16:59:59", "17:00:00"],
    )
    def test_closing_is_to_the_second(
        self, client: FlaskClient, moment, second: timedelta, status: int
    ) -> None:
        event = a_seminar(closes_at=CLOSING)
        moment.moment = CLOSING - timedelta(minutes=5)
        form = opened(client, event).form | YAMADA
        moment.moment = CLOSING + second
        assert client.post(address(event), data=form).status_code == status

    def test_all_or_nothing_says_how_many_are_left(self, client: FlaskClient) -> None:
        event = a_seminar(company={"capacity": 1})
        answer = send(client, event, YAMADA | COLLEAGUE | {"all_or_nothing": "y"})
        words = "残席は1名です。人数を減らすか、事務局へお問い合わせください。"
        assert (answer.status_code, read(answer).summary) == (409, [("", words)])

    @pytest.mark.parametrize("code", ["", "GUESSED1"])
    def test_a_wrong_code_is_refused_at_its_field(self, client: FlaskClient, code: str) -> None:
        event = a_seminar(company={"verification": "invite_code"})
        answer = send(client, event, YAMADA | {"code": code})
        page = read(answer)
        assert (answer.status_code, registrations()) == (422, 0)
        if code:
            words = "招待コードを確認できません。お手元の案内をご確認ください。"
            assert page.data["data-refusal"] == ["wrong-code"]
        else:
            words = "招待コードを入力してください。"
        assert (page.errors, page.summary) == ({"code": words}, [("code", words)])

    def test_a_code_may_come_in_the_address(self, client: FlaskClient) -> None:
        event = a_seminar(company={"verification": "invite_code"})
        assert opened(client, event, more="&code=ABCD1234").form["code"] == "ABCD1234"

    @pytest.mark.parametrize(
        "path",
        [
            "/events/nothing",
            "/events/nothing/register?category=company",
            "/r/nothing",
            "/r/nothing/invite.ics",
        ]
        + ["/r/nothing/cancellation", "/events/nothing/registered/x", "/events/nothing.ics", "/nothing"],
    )
    def test_what_does_not_exist_is_a_page(self, client: FlaskClient, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 404
        assert read(answer).title.startswith("ページが見つかりません")

    @pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.SCHEDULED])
    def test_nor_does_what_is_not_public(self, client: FlaskClient, status: EventStatus) -> None:
        event = a_seminar(status=status)
        assert client.get(f"{address(event)}?category=company").status_code == 404
        assert client.post(address(event), data=YAMADA).status_code == 404

    def test_the_done_page_of_another_seminar_does_not_exist(self, client: FlaskClient) -> None:
        event, other = a_seminar(), a_seminar()
        done = send(client, event, YAMADA).headers["Location"]
        assert client.get(done).status_code == 200
        assert client.get(done.replace(event.slug, other.slug)).status_code == 404
        assert client.get(done + "x").status_code == 404

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_an_unknown_category_leads_to_the_event(self, client: FlaskClient, method: str) -> None:
        event = a_seminar()
        for category in ("", "nobody"):
            answer = getattr(client, method)(f"{address(event)}?category={category}")
            assert (answer.status_code, answer.headers["Location"]) == (
                303,
                f"/events/{event.slug}#apply-heading",
            )


class TestToken:
    def test_after_23_hours_it_is_taken(self, client: FlaskClient, moment) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA
        moment.move(timedelta(hours=23))
        assert client.post(address(event), data=form).status_code == 303

    @pytest.mark.parametrize("hours", [25, 24 * 20])
    def test_after_25_hours_the_form_comes_back_with_everything(
        self, client: FlaskClient, moment, hours: int
    ) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA | COLLEAGUE
        moment.move(timedelta(hours=hours))
        answer = client.post(address(event), data=form)
        page = read(answer)
        assert (answer.status_code, registrations()) == (422, 0)
        assert page.summary == [("", "時間がたったため、もう一度内容をご確認ください。")]
        assert {name: page.form.get(name) for name in YAMADA | COLLEAGUE} == YAMADA | COLLEAGUE
        assert page.form["form_token"] != form["form_token"]
        assert client.post(address(event), data=page.form).status_code == 303

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda token: "",
            lambda token: token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:],
            lambda token: token[1:],
            lambda token: "x.y.z",
            lambda token: "\x00",
            lambda token: "あ" * 100,
        ],
        ids=["none", "one letter", "cut", "invented", "NUL", "Japanese"],
    )
    def test_a_token_of_nobody_s_brings_the_form_back(self, client: FlaskClient, spoil) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA
        answer = client.post(address(event), data=form | {"form_token": spoil(form["form_token"])})
        page = read(answer)
        assert (answer.status_code, registrations()) == (422, 0)
        assert {name: page.form.get(name) for name in YAMADA} == YAMADA
        assert client.post(address(event), data=page.form).status_code == 303

    def test_a_token_of_another_seminar_is_nobody_s(self, client: FlaskClient) -> None:
        event, other = a_seminar(), a_seminar()
        form = opened(client, other).form | YAMADA
        assert client.post(address(event), data=form).status_code == 422


class TestPrograms:
    @pytest.fixture
    def client(self, make_app) -> Any:
        app = make_app(FORM_MIN_SECONDS=2)
        with app.app_context():
            yield app.test_client()

    words = "お手数ですが、内容を確認して、もう一度「申し込む」を押してください。"

    def test_who_is_too_fast_gets_the_form_once_again(self, client: FlaskClient, moment) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA
        moment.move(timedelta(seconds=1))
        answer = client.post(address(event), data=form)
        page = read(answer)
        assert (answer.status_code, page.summary) == (422, [("", self.words)])
        assert {name: page.form.get(name) for name in YAMADA} == YAMADA
        assert client.post(address(event), data=page.form).status_code == 303
        assert registrations() == 1

    def test_two_seconds_are_enough(self, client: FlaskClient, moment) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA
        moment.move(timedelta(seconds=2))
        assert client.post(address(event), data=form).status_code == 303

    def test_so_does_who_fills_in_what_nobody_sees(self, client: FlaskClient, moment) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA | {"website": "https://spam.example/"}
        moment.move(timedelta(seconds=60))
        answer = client.post(address(event), data=form)
        assert (answer.status_code, read(answer).summary) == (422, [("", self.words)])
        assert client.post(address(event), data=read(answer).form).status_code == 303


class TestAttendees:
    def test_adding_one_copies_the_office_and_keeps_everything(self, client: FlaskClient) -> None:
        event = a_seminar()
        form = opened(client, event, "local_gov").form | TOWNSPERSON | {"action": "add-attendee"}
        answer = client.post(address(event), data=form)
        page = read(answer)
        assert (answer.status_code, page.errors) == (200, {})
        assert {name: page.form.get(name) for name in TOWNSPERSON} == TOWNSPERSON
        copied = {
            name: page.form.get(f"attendees-1-{name}")
            for name in ("prefecture", "municipality_code", "organisation", "department")
        }
        assert copied == {
            "prefecture": "長野県",
            "municipality_code": "202011",
            "organisation": "",
            "department": "企画課",
        }
        assert page.form["attendees-1-family_name"] == ""
        assert page.form["form_token"] == form["form_token"]

    def test_removing_one_closes_the_gap(self, client: FlaskClient) -> None:
        event = a_seminar()
        third = {"attendees-2-family_name": "佐藤", "attendees-2-given_name": "花子"}
        form = opened(client, event).form | YAMADA | COLLEAGUE | third | {"action": "remove-1"}
        page = read(client.post(address(event), data=form))
        assert {name: page.form.get(name) for name in YAMADA} == YAMADA
        assert page.form["attendees-1-family_name"] == "佐藤"
        assert "attendees-2-family_name" not in page.form

    def test_the_last_one_stays(self, client: FlaskClient) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA | {"action": "remove-0"}
        page = read(client.post(address(event), data=form))
        assert page.form["attendees-0-family_name"] == "山田"

    @pytest.mark.parametrize(
        "action",
        [
            "",
            "remove-",
            "remove-99",
            "remove-x",
            "municipalities-77",
            "nothing",
            "\x00",
            "remove-\u00b2",
            "remove-" + "9" * 5000,
        ],
        ids=ascii,
    )
    def test_a_button_that_does_not_exist_changes_nothing(self, client: FlaskClient, action: str) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA | COLLEAGUE | {"action": action}
        answer = client.post(address(event), data=form)
        assert answer.status_code == 200
        page = read(answer)
        assert {name: page.form.get(name) for name in YAMADA | COLLEAGUE} == YAMADA | COLLEAGUE
        assert registrations() == 0

    def test_no_more_than_the_category_allows_can_be_added(self, client: FlaskClient) -> None:
        event = a_seminar(company={"max_attendees": 2})
        form = opened(client, event).form | YAMADA | COLLEAGUE | {"action": "add-attendee"}
        page = read(client.post(address(event), data=form))
        assert "attendees-2-family_name" not in page.form
        assert ("action", "add-attendee") not in page.buttons

    def test_numbers_with_gaps_are_closed(self, client: FlaskClient) -> None:
        event = a_seminar()
        gaps = {name.replace("-1-", "-7-"): value for name, value in COLLEAGUE.items()}
        filled = {name.replace("-0-", "-3-"): value for name, value in YAMADA.items()}
        form = {"form_token": opened(client, event).form["form_token"], "category": "company"}
        assert client.post(address(event), data=form | filled | gaps).status_code == 303
        assert [(one.branch, one.family_name) for one in the_one().attendees] == [(1, "山田"), (2, "鈴木")]

    @pytest.mark.parametrize("count", [6, 25, 60])
    def test_too_many_are_refused(self, client: FlaskClient, count: int) -> None:
        event = a_seminar()
        crowd = {
            f"attendees-{number}-{name}": value
            for number in range(count)
            for name, value in (
                ("family_name", f"山田{number}"),
                ("given_name", "太郎"),
                ("organisation", "株式会社サンプル"),
            )
        }
        answer = send(client, event, YAMADA | crowd | {"consent_group": "y"})
        page = read(answer)
        assert (answer.status_code, page.data["data-refusal"]) == (422, ["too-many-attendees"])
        assert page.summary == [("", "1回のお申し込みは5名までです。")]
        assert registrations() == 0

    def test_municipalities_come_with_the_prefecture(self, client: FlaskClient) -> None:
        event = a_seminar()
        form = opened(client, event, "local_gov").form | {
            "attendees-0-prefecture": "東京都",
            "action": "municipalities-0",
        }
        answer = client.post(address(event), data=form)
        page = read(answer)
        assert 'value="132063"' in answer.text
        assert 'value="342084"' not in answer.text
        assert page.form["attendees-0-prefecture"] == "東京都"

    def test_own_addresses_and_a_contact_who_does_not_come(self, client: FlaskClient) -> None:
        event = a_seminar()
        more = {"attendees-1-email": "Suzuki@Example.co.jp", "contact_name": "総務 係"}
        assert send(client, event, YAMADA | COLLEAGUE | more).status_code == 303
        found = the_one()
        assert found.contact_name == "総務 係"
        assert [one.email for one in found.attendees] == ["", "Suzuki@example.co.jp"]

    def test_viewers_count_for_the_first(self, client: FlaskClient) -> None:
        assert send(client, a_seminar(), YAMADA | COLLEAGUE | {"viewers": "\uff13"}).status_code == 303
        assert [one.viewers for one in the_one().attendees] == [3, 1]


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "email", "status"),
        [
            ({"verification": "domain_hint"}, "yamada@example.co.jp", "pending"),
            ({"verification": "domain_hint"}, TOWN_HALL, "confirmed"),
            ({"approval": "manual"}, TOWN_HALL, "pending"),
            ({"selection": "lottery"}, TOWN_HALL, "lottery"),
            ({"verification": "member_roster"}, TOWN_HALL, "pending"),
        ],
        ids=["hint, company", "hint, town", "manual", "lottery", "member"],
    )
    def test_lead_to_the_status_on_the_done_page(
        self, client: FlaskClient, rule: Fill, email: str, status: str
    ) -> None:
        event = a_seminar(company=rule)
        more = {"attendees-0-member_number": "ａ－００１２"} if "member_roster" in rule.values() else {}
        answer = send(client, event, YAMADA | {"contact_email": email} | more)
        assert answer.status_code == 303
        assert read(client.get(answer.headers["Location"])).data["data-status"] == [status]
        assert the_one().attendees[0].member_number == ("A0012" if more else "")

    def test_a_hybrid_seminar_asks_how(self, client: FlaskClient) -> None:
        event = a_seminar(format=Format.HYBRID, venue_name="例示会館")
        with transaction():
            event.modes += [
                ParticipationMode(key="venue", label="会場参加", capacity=1),
                ParticipationMode(key="online", label="オンライン参加", position=1),
            ]
        assert "participation" in opened(client, event).names
        for chosen in ({}, {"participation": "moon"}):
            page = read(send(client, event, YAMADA | chosen))
            assert page.errors == {"participation": "参加方法を選んでください。"}
        assert send(client, event, YAMADA | {"participation": "venue"}).status_code == 303
        assert the_one().attendees[0].participation == "venue"
        second = YAMADA | {"participation": "venue", "attendees-0-family_name": "鈴木"}
        assert read(send(client, event, second)).form["shown"] == "waitlisted"
        online = second | {"participation": "online"}
        assert send(client, event, online).status_code == 303

    def test_a_venue_seminar_does_not_ask_for_viewers(self, client: FlaskClient) -> None:
        event = a_seminar(format=Format.VENUE, venue_name="例示会館")
        assert "viewers" not in opened(client, event).names
        assert send(client, event, YAMADA | {"viewers": "9"}).status_code == 303
        assert the_one().attendees[0].viewers == 1

    def test_a_question_appears_with_the_answer_it_follows(self, client: FlaskClient) -> None:
        event = a_seminar()
        a_question(event, "uses", "yes_no", label="利用")
        a_question(event, "which", label="製品名", required=True, shown_if={"question": "uses", "is": True})
        page = opened(client, event)
        assert "q-which" not in page.names
        filled = page.form | YAMADA | {"q-uses": "yes"}
        asked = read(client.post(address(event), data=filled))
        assert "q-which" in asked.names
        assert asked.errors == {"q-which": "製品名に答えてください。"}
        assert asked.form["q-uses"] == "yes"
        answered = client.post(address(event), data=asked.form | {"q-which": "例"})
        assert answered.status_code == 303
        assert {one.question.key: one.value for one in the_one().answers} == {"uses": "yes", "which": "例"}

    def test_an_optional_one_is_shown_before_it_is_passed_over(self, client: FlaskClient) -> None:
        event = a_seminar()
        a_question(event, "uses", "yes_no", label="利用")
        a_question(event, "which", label="製品名", shown_if={"question": "uses", "is": True})
        filled = opened(client, event).form | YAMADA | {"q-uses": "yes"}
        asked = client.post(address(event), data=filled)
        assert (asked.status_code, "q-which" in read(asked).names) == (200, True)
        assert "質問が増えました" in asked.text
        assert client.post(address(event), data=read(asked).form).status_code == 303

    def test_an_answer_that_nobody_asked_for_is_not_kept(self, client: FlaskClient) -> None:
        event = a_seminar()
        a_question(event, "towns", label="自治体のみ", categories=["local_gov"])
        a_question(event, "uses", "yes_no", label="利用")
        a_question(event, "which", label="製品名", shown_if={"question": "uses", "is": True})
        filled = YAMADA | {"q-towns": "甲", "q-uses": "no", "q-which": "乙", "q-none": "丙"}
        assert send(client, event, filled).status_code == 303
        assert {one.question.key: one.value for one in the_one().answers} == {"uses": "no"}

    @pytest.mark.parametrize("ticked", [True, False])
    def test_optional_consents_begin_unticked_and_change_nothing(
        self, client: FlaskClient, ticked: bool
    ) -> None:
        event = a_seminar(
            consents=["privacy", "followup", "share"],
            recipients=[{"code": "a", "name": "A社", "items": ["氏名", "所属"], "purpose": "ご案内"}],
        )
        page = opened(client, event)
        assert {"consent_followup", "consent_share-a", "consent_privacy"} <= page.names
        assert [name for name in page.form if name.startswith("consent_")] == []
        boxes = {"consent_followup": "y", "consent_share-a": "y"} if ticked else {}
        assert send(client, event, YAMADA | boxes).status_code == 303
        kept = {
            (one.kind, one.recipient): one.value for one in db.session.scalars(select(Consent)) if one.text
        }
        assert kept == {("privacy", ""): True, ("share", "a"): ticked, ("followup", ""): ticked}
        assert the_one().attendees[0].status == Status.CONFIRMED


HOSTILE = (
    {"status": "confirmed", "event_id": "1", "category_id": "1", "source": "staff", "seq": "1", "id": "1"}
    | {"attendees-0-status": "confirmed", "attendees-0-branch": "9", "attendees-0-over_limit": "y"}
    | {"attendees-0-needs_approval": "", "attendees-0-link_hash": "x", "attendees-0-viewers": "99"}
    | {"reference": "GDX-AAAA-AA", "form_key": "x", "locale": "xx", "over_limit": "y", "by": "1"}
    | {"shown": "offered lost <x>", "created_at": "1999-01-01", "lock_version": "9", "link_version": "9"}
)


class TestSafety:
    def test_columns_that_are_not_in_the_form_change_nothing(self, client: FlaskClient) -> None:
        event = a_seminar(company={"approval": "manual"})
        assert send(client, event, YAMADA | HOSTILE).status_code == 303
        found = the_one()
        (attendee,) = found.attendees
        assert (attendee.status, attendee.branch, attendee.over_limit) == (Status.PENDING, 1, False)
        assert (attendee.needs_approval, attendee.link_hash, attendee.viewers) == (True, None, 1)
        assert (found.event_id, found.source, found.locale, found.link_version) == (event.id, "web", "ja", 1)
        assert found.reference != "GDX-AAAA-AA"
        assert found.created_at == NOW

    @pytest.mark.parametrize("shown", ["", "confirmed", "offered", "<x> \x00", "waitlisted waitlisted"])
    def test_a_screen_that_was_never_shown_gives_no_seat(self, client: FlaskClient, shown: str) -> None:
        event = a_seminar(company={"capacity": 1})
        register(event, an_application(*people(1), category="company"))
        answer = send(client, event, YAMADA | {"step": "confirmed", "shown": shown})
        assert (answer.status_code, registrations()) == (200, 1)
        assert read(answer).form["shown"] == "waitlisted"

    @pytest.mark.parametrize("site", ["cross-site", "same-origin", "same-site", "none", None])
    def test_other_sites_cannot_post(self, client: FlaskClient, site: str | None) -> None:
        headers = {"Sec-Fetch-Site": site} if site else {}
        answer = send(client, a_seminar(), YAMADA, headers=headers)
        assert answer.status_code == (403 if site == "cross-site" else 303)
        assert registrations() == (0 if site == "cross-site" else 1)

    def test_no_public_page_sets_a_cookie(self, client: FlaskClient) -> None:
        event = a_seminar(confirm_screen=True)
        screen = send(client, event, YAMADA)
        sent = client.post(address(event), data=read(screen).form)
        found = the_one()
        pages = ["/", "/past", "/privacy", "/environment", "/events.ics", "/events.ics?lang=en", "/nothing"]
        pages += [f"/events/{event.slug}", f"/events/{event.slug}.ics", f"{address(event)}?category=company"]
        pages += [f"{address(event)}?category=company&lang=en", sent.headers["Location"], "/r/nothing"]
        pages += self.manage_pages(found)
        answers = [screen, sent, *(client.get(one) for one in pages)]
        assert [one.headers.getlist("Set-Cookie") for one in answers] == [[]] * len(answers)

    def manage_pages(self, found: Registration) -> list[str]:
        link = f"/r/{tokens.derive('registration', found.id, 1)}"
        return [link, f"{link}/calendar", f"{link}/invite.ics", f"{link}/cancellation"]

    def test_what_is_typed_comes_back_as_text(self, client: FlaskClient) -> None:
        script = "\"><script>alert(1)</script><img src=x onerror='1'>{{7*7}}"
        names = ("attendees-0-family_name", "attendees-0-organisation", "contact_name", "contact_phone")
        answer = send(client, a_seminar(), YAMADA | dict.fromkeys(names, script))
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "{{7*7}}" in answer.text
        assert read(answer).form["attendees-0-family_name"] == script

    @pytest.mark.parametrize(
        ("value", "status"),
        [
            pytest.param("山\x00田", 303, id="NUL"),
            pytest.param("山\x07田\x1b[31m", 303, id="control characters"),
            pytest.param("\u202e山田", 303, id="a lone direction mark"),
            pytest.param("\u2066\u2067\u202d", 422, id="nothing but direction marks"),
            pytest.param("\ud800".encode("utf-8", "surrogatepass"), 303, id="half a character"),
            pytest.param(b"\xff\xfe", 303, id="no UTF-8 at all"),
            pytest.param("z" + "\u0301" * 90, 422, id="a pile of marks"),
            pytest.param("あ" * 25_000, 422, id="225 kB"),
            pytest.param("あ" * 350_000, 413, id="1 MB"),
            pytest.param("\uffff", 422, id="no character"),
        ],
    )
    @on_both
    def test_hostile_names_end_well(self, client: FlaskClient, value: Any, status: int) -> None:
        event = a_seminar()
        form = opened(client, event).form | YAMADA | {"attendees-0-family_name": value}
        answer = client.post(
            address(event),
            data="&".join(f"{name}={quote(typed, safe='')}" for name, typed in form.items()),
            content_type="application/x-www-form-urlencoded",
        )
        found = registrations()
        assert (answer.status_code in {303, 413, 422}, found) == (True, int(answer.status_code == 303))
        if answer.status_code == 303:
            (name,) = db.session.scalars(select(Attendee.family_name))
            assert re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069]", name) is None
        assert answer.status_code == status

    @pytest.mark.parametrize("path", ["/events/%00", "/events/a%00b/register?category=company", "/r/%00"])
    @pytest.mark.parametrize("end", ["", "\ud800"])
    @on_both
    def test_hostile_addresses_do_not_exist(self, client: FlaskClient, path: str, end: str) -> None:
        raw = path + quote(end.encode("utf-8", "surrogatepass"))
        assert client.get(raw).status_code in {303, 404}

    def test_five_thousand_attendees_are_not_worked_through(self, client: FlaskClient) -> None:
        event = a_seminar()
        crowd = "&".join(f"attendees-{number}-family_name=a" for number in range(5000))
        token = opened(client, event).form["form_token"]
        answer = client.post(
            f"{address(event)}?category=company",
            data=f"form_token={token}&{crowd}",
            content_type="application/x-www-form-urlencoded",
        )
        assert 400 <= answer.status_code < 500
        assert len(answer.data) < 1_000_000
        assert registrations() == 0


NAMES = sorted(
    {name for name in TOWNSPERSON | YAMADA | COLLEAGUE if not name.startswith("consent")}
    | {
        "viewers",
        "contact_name",
        "form_token",
        "category",
        "code",
        "participation",
        "q-topic",
        "action",
        "step",
    }
    | {"shown", "asked", "website", "attendees-0-email", "attendees-0-member_number", "all_or_nothing"}
)
ANYTHING = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(categories=["Cc", "Cf", "Co", "Cn", "Mn", "Zs", "Zl"]), max_size=20),
    st.sampled_from(["\x00", "9" * 400, "%s", "{0}", "../..", "' OR 1=1 --", "=1+1", "\u202e\u202e", "𝟙"]),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    filled=st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=6),
    category=st.sampled_from(["local_gov", "company"]),
)
def test_nothing_typed_can_break_the_site(app: Flask, filled: dict[str, str], category: str) -> None:
    event = db.session.scalar(select(Event)) or a_seminar(confirm_screen=False)
    client = app.test_client()
    answer = send(client, event, (TOWNSPERSON if category == "local_gov" else YAMADA) | filled, category)
    assert answer.status_code in {200, 303, 409, 413, 422}


class TestLanguage:
    def test_english_goes_with_the_links(self, client: FlaskClient) -> None:
        event = a_seminar(confirm_screen=True)
        start = read(client.get(f"/events/{event.slug}?lang=en"))
        form = client.get(f"{address(event)}?category=company&lang=en")
        page = read(form)
        post_to = re.search(r'id="registration-form"[^>]* action="([^"]+)"', form.text)
        assert post_to is not None
        assert post_to[1] == f"{address(event)}?lang=en"
        screen = client.post(post_to[1], data=page.form | YAMADA)
        sent = client.post(post_to[1], data=read(screen).form)
        assert sent.headers["Location"].endswith("?lang=en")
        done = client.get(sent.headers["Location"])
        for one in (start, page, read(screen), read(done)):
            others = [link for link in own_links(one) if "lang=en" not in link]
            assert {("lang=ja" in link) or link.startswith("/account") for link in others} <= {True}
        assert 'lang="en"' in done.text
        assert the_one().locale == "en"
        letter = db.session.scalars(select(Message)).one()
        assert (letter.locale, letter.subject[:11]) == ("en", "[Confirmed]")

    @pytest.mark.parametrize(
        ("query", "accepts", "language"),
        [
            ("", None, "ja"),
            ("", "en-GB,en;q=0.9", "en"),
            ("", "de", "ja"),
            ("", "ja,en;q=0.5", "ja"),
            ("&lang=ja", "en", "ja"),
            ("&lang=en", "ja", "en"),
            ("&lang=xx", "en", "en"),
        ],
    )
    def test_which_language(
        self, client: FlaskClient, query: str, accepts: str | None, language: str
    ) -> None:
        headers = {"Accept-Language": accepts} if accepts else {}
        answer = client.get(f"{address(a_seminar())}?category=company{query}", headers=headers)
        assert f'<html lang="{language}"' in answer.text

    def test_english_faults_are_english(self, client: FlaskClient) -> None:
        event = a_seminar()
        form = opened(client, event).form
        page = read(client.post(f"{address(event)}?lang=en", data=form))
        words = " ".join(words for _, words in page.summary)
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", words) is None


def test_a_seat_given_back_goes_to_who_waits_not_to_a_newcomer(client: FlaskClient) -> None:
    event = a_seminar(company={"capacity": 1})
    first = register(event, an_application(*people(1), category="company"))
    second = register(event, an_application(category="company"))
    cancel(first.attendees)
    assert [one.status for one in second.attendees] == [Status.CONFIRMED]
    assert read(send(client, event, YAMADA)).form["shown"] == "waitlisted"
