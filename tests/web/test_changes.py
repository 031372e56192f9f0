"""Changing a registration by its link: the pages, what they take, what they refuse, and that nothing typed is lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from eventsite.db import Base, db, transaction
from eventsite.mail.recipients import Recipient
from eventsite.models import Attendee, Consent, Event, EventStatus, Question, Registration, Revision, Status
from eventsite.registration import ConsentBox, cancel, register
from tests.cast import TAKASAKI, YAMADA, YOSHIDA, an_application, an_event, people, sato, sign_in
from tests.fixtures.database import on_both
from tests.web.pages import Form, Page, read

NOW = datetime(2025, 12, 19, 2, 0, tzinfo=UTC)
START = datetime(2025, 12, 26, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GDX = {"code": "gdx", "name": "GDX会員企業", "items": ["氏名", "所属"], "purpose": "事後のご案内"}
NAGANO, UEDA = "202011", "202037"
NEW = {
    "attendees-0-family_name": "大\ufa10",
    "attendees-0-given_name": "福子",
    "attendees-0-family_kana": "おおつか",
    "attendees-0-given_kana": "ﾌｸｺ",
    "attendees-0-email": "otsuka@city.example.lg.jp",
    "consent_group": "y",
}


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_seminar(**changes: Any) -> Event:
    usual: dict[str, Any] = {"start_at": START, "end_at": START + timedelta(minutes=90)}
    usual |= {"consents": ["privacy", "share", "followup"], "recipients": [GDX]}
    return an_event(**(usual | changes))


def with_question(event: Event, key: str = "meal", **more: Any) -> None:
    usual = {"label": "お弁当", "type": "radio", "purpose": "お弁当の手配", "choices": ["和食", "洋食"]}
    with transaction():
        event.questions.append(Question(key=key, position=len(event.questions), **(usual | more)))


def link(found: Registration | Attendee) -> str:
    if isinstance(found, Attendee):
        return f"/r/{Recipient(found.registration, found).token}"
    return f"/r/{Recipient(found).token}"


def rows() -> dict[str, int]:
    db.session.rollback()
    return {
        table.name: db.session.scalar(select(func.count()).select_from(table))
        for table in Base.metadata.sorted_tables
    }


def form_of(client: FlaskClient, address: str) -> Form:
    answer = client.get(address)
    assert answer.status_code == 200
    return read(answer).form


def refusal(page: Page) -> list[str]:
    return page.data.get("data-refusal", [])


class TestDetails:
    @on_both
    def test_shows_what_is_stored_and_changes_it(self, client: FlaskClient) -> None:
        event = a_seminar()
        with_question(event)
        found = register(
            event, an_application(TAKASAKI, YOSHIDA, phone_extension="12", answers={"meal": "和食"})
        )
        form = form_of(client, f"{link(found)}/details")
        assert {name: form[name] for name in form if name not in {"shown", "asked", "theme"}} == {
            "attendees-0-prefecture": "長野県",
            "attendees-0-municipality_code": "other",
            "attendees-0-organisation": "見本市",
            "attendees-0-department": "企画課",
            "attendees-0-position": "",
            "attendees-0-family_kana": "タカサキ",
            "attendees-0-given_kana": "ヨウコ",
            "attendees-0-viewers": "1",
            "attendees-1-prefecture": "長野県",
            "attendees-1-municipality_code": "other",
            "attendees-1-organisation": "見本市",
            "attendees-1-department": "情報政策課",
            "attendees-1-position": "係長",
            "attendees-1-family_kana": "ヨシダ",
            "attendees-1-given_kana": "ケン",
            "attendees-1-viewers": "1",
            "contact_phone": "026-000-0000 内線12",
            "contact_name": "",
            "q-meal": "和食",
        }
        filled = form | {"attendees-1-department": "総務課", "attendees-0-viewers": "３", "q-meal": "洋食"}
        answer = client.post(f"{link(found)}/details", data=filled)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{link(found)}?done=changed")
        assert [(one.department, one.viewers) for one in found.attendees] == [("企画課", 3), ("総務課", 1)]
        assert [one.value for one in found.answers] == ["洋食"]
        page = client.get(f"{link(found)}?done=changed").text
        for words in ("お申し込みの内容を変更しました。", "総務課", "洋食", "026-000-0000　内線12"):
            assert words in page

    def test_sent_back_as_it_was_changes_nothing(self, client: FlaskClient) -> None:
        event = a_seminar()
        with_question(event)
        with_question(event, "agree", type="agreement", label="録画", choices=[])
        with_question(event, "topics", type="checkbox", label="関心")
        with_question(event, "count", type="number", label="台数", choices=[])
        with_question(event, "lift", type="yes_no", label="送迎", choices=[])
        with_question(event, "note", type="textarea", label="備考", choices=[])
        answers = {
            "topics": ["和食", "洋食"],
            "count": 0,
            "lift": "no",
            "note": "一行\n\n二行",
            "agree": True,
        }
        found = register(event, an_application(TAKASAKI, YOSHIDA, answers=answers, phone_extension="12"))
        before = rows()
        answer = client.post(f"{link(found)}/details", data=form_of(client, f"{link(found)}/details"))
        assert answer.headers["Location"] == f"{link(found)}?done=unchanged"
        assert rows() == before
        assert "変わったところはありませんでした。" in client.get(answer.headers["Location"]).text

    def test_a_question_that_came_later_may_stay_unticked(self, client: FlaskClient) -> None:
        event = a_seminar()
        found = register(event, an_application())
        with_question(event, "agree", type="agreement", label="録画", choices=[])
        answer = client.post(f"{link(found)}/details", data=form_of(client, f"{link(found)}/details"))
        assert answer.headers["Location"].endswith("?done=unchanged")

    def test_nothing_typed_is_lost(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        typed = {
            "attendees-0-department": "",
            "attendees-1-family_kana": "漢字",
            "contact_phone": "電話",
            "attendees-1-viewers": "100",
        }
        answer = client.post(f"{link(found)}/details", data=form_of(client, f"{link(found)}/details") | typed)
        page = read(answer)
        assert (answer.status_code, refusal(page)) == (422, ["invalid"])
        assert page.title.startswith("入力エラー：")
        assert {name: page.form[name] for name in typed} == typed
        assert (
            [target for target, _ in page.summary]
            == list(page.errors)
            == [
                "attendees-0-department",
                "attendees-1-family_kana",
                "attendees-1-viewers",
                "contact_phone",
            ]
        )
        assert page.summary[1][1] == "参加者 2：セイは全角カタカナで入力してください。例：タカサキ"
        assert rows()["revision"] == 0

    def test_names_addresses_and_categories_are_not_taken(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        more = {
            "attendees-0-family_name": "別",
            "attendees-0-email": "x@example.jp",
            "attendees-0-member_number": "A1",
            "contact_email": "x@example.jp",
            "category": "company",
            "participation": "venue",
        }
        form = form_of(client, f"{link(found)}/details")
        assert set(more) & set(form) == set()
        answer = client.post(f"{link(found)}/details", data=form | more)
        assert answer.headers["Location"].endswith("?done=unchanged")

    def test_a_name_in_latin_letters_needs_no_kana(self, client: FlaskClient) -> None:
        smith = YAMADA.__class__(
            "Smith", "John", organisation="見本市", department="企画課", prefecture="長野県"
        )
        found = register(a_seminar(), an_application(smith))
        filled = form_of(client, f"{link(found)}/details") | {"attendees-0-department": "総務課"}
        assert client.post(f"{link(found)}/details", data=filled).status_code == 303

    @on_both
    def test_the_picker_works_without_scripts(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        address = f"{link(found)}/details"
        typed = {
            "attendees-0-prefecture": "長野県",
            "attendees-0-position": "課長",
            "action": "municipalities-0",
        }
        page = read(client.post(address, data=form_of(client, address) | typed))
        assert page.form["attendees-0-position"] == "課長"
        assert rows()["revision"] == 0
        chosen = page.form | {"attendees-0-municipality_code": NAGANO, "attendees-0-organisation": ""}
        client.post(address, data=chosen)
        (attendee,) = found.attendees
        assert (attendee.municipality_code, attendee.organisation, attendee.position) == (
            NAGANO,
            "長野市",
            "課長",
        )
        client.post(address, data=form_of(client, address) | {"attendees-0-municipality_code": UEDA})
        assert (found.attendees[0].municipality_code, found.attendees[0].organisation) == (UEDA, "上田市")

    def test_a_question_that_follows_is_asked_and_taken_back(self, client: FlaskClient) -> None:
        event = a_seminar()
        with_question(event)
        with_question(
            event, "why", type="text", choices=[], required=True, shown_if={"question": "meal", "is": "洋食"}
        )
        found = register(event, an_application(answers={"meal": "和食"}))
        address = f"{link(found)}/details"
        answer = client.post(address, data=form_of(client, address) | {"q-meal": "洋食"})
        assert answer.status_code in {200, 422}
        page = read(answer)
        assert "q-why" in page.names
        client.post(address, data=page.form | {"q-why": "好き"})
        assert {one.question.key: one.value for one in found.answers} == {"meal": "洋食", "why": "好き"}
        client.post(address, data=form_of(client, address) | {"q-meal": "和食"})
        assert {one.question.key: one.value for one in found.answers} == {"meal": "和食"}

    def test_an_answer_to_a_retired_question_stays(self, client: FlaskClient) -> None:
        event = a_seminar()
        with_question(event)
        found = register(event, an_application(answers={"meal": "和食"}))
        with transaction():
            event.questions[0].retired_at = NOW
        address = f"{link(found)}/details"
        form = form_of(client, address)
        assert "q-meal" not in form
        client.post(address, data=form | {"attendees-0-department": "総務課"})
        assert [one.value for one in found.answers] == ["和食"]
        assert "和食" in client.get(link(found)).text

    def test_a_full_choice_can_be_kept(self, client: FlaskClient) -> None:
        event = a_seminar()
        with_question(event, choices=[{"label": "見学", "capacity": 1}, "なし"])
        found = register(event, an_application(answers={"meal": "見学"}))
        other = register(event, an_application(YAMADA, answers={"meal": "なし"}))
        address = f"{link(found)}/details"
        filled = form_of(client, address) | {"attendees-0-department": "総務課"}
        assert filled["q-meal"] == "見学"
        assert client.post(address, data=filled).headers["Location"].endswith("?done=changed")
        address = f"{link(other)}/details"
        answer = client.post(
            address,
            data=form_of(client, address)
            | {"q-meal": "見学", "attendees-0-family_kana": "ヤマダ", "attendees-0-prefecture": "長野県"},
        )
        page = read(answer)
        assert (answer.status_code, refusal(page), list(page.errors)) == (422, ["invalid"], ["q-meal"])

    def test_a_refusal_keeps_what_was_typed(self, client: FlaskClient) -> None:
        event = a_seminar()
        register(event, an_application(*people(2)))
        found = register(
            event, an_application(YOSHIDA.__class__("別", organisation="別の市", department="課"))
        )
        with transaction():
            event.category("local_gov").per_organization_limit = 2
        address = f"{link(found)}/details"
        typed = {
            "attendees-0-organisation": "見本市",
            "attendees-0-prefecture": "長野県",
            "attendees-0-family_kana": "ベツ",
        }
        answer = client.post(address, data=form_of(client, address) | typed)
        page = read(answer)
        assert (answer.status_code, refusal(page)) == (422, ["too-many-attendees"])
        assert {name: page.form[name] for name in typed} == typed

    def test_too_late_is_said_above_what_was_typed(self, client: FlaskClient, moment) -> None:
        found = register(a_seminar(closes_at=START - timedelta(days=1)), an_application())
        address = f"{link(found)}/details"
        filled = form_of(client, address) | {"attendees-0-department": "総務課"}
        moment.moment = START - timedelta(days=1)
        answer = client.post(address, data=filled)
        page = read(answer)
        assert (answer.status_code, refusal(page)) == (409, ["closed"])
        assert page.form["attendees-0-department"] == "総務課"
        assert "12月25日（木）10:00まで" in page.summary[0][1]
        assert client.get(address).status_code == 303
        shown = client.get(link(found)).text
        assert "内容の変更は、12月25日（木）10:00で締め切りました。" in shown
        assert f"{link(found)}/details" not in shown
        assert f"{link(found)}/attendees/1/replacement" in shown

    def test_where_the_organiser_allows_none(self, client: FlaskClient) -> None:
        found = register(a_seminar(changes_allowed=False), an_application())
        assert client.get(f"{link(found)}/details").status_code == 303
        assert f"{link(found)}/details" not in client.get(link(found)).text
        answer = client.post(f"{link(found)}/details", data={"attendees-0-department": "総務課"})
        assert (answer.status_code, refusal(read(answer)), rows()["revision"]) == (409, ["closed"], 0)

    def test_an_own_link_has_own_details_alone(self, client: FlaskClient) -> None:
        event = a_seminar()
        with_question(event)
        found = register(event, an_application(TAKASAKI, YOSHIDA, answers={"meal": "和食"}))
        second = found.attendees[1]
        address = f"{link(second)}/details"
        form = form_of(client, address)
        assert {name.split("-")[0] + "-" + name.split("-")[1] for name in form if "-" in name} == {
            "attendees-1"
        }
        assert "contact_phone" not in form
        more = {
            "attendees-1-department": "総務課",
            "attendees-0-department": "盗",
            "contact_phone": "026-999-9999",
            "q-meal": "洋食",
        }
        assert client.post(address, data=form | more).status_code == 303
        assert [one.department for one in found.attendees] == ["企画課", "総務課"]
        assert (found.contact_phone, found.answers[0].value) == ("026-000-0000", "和食")
        page = client.get(link(second)).text
        for secret in ("026-000-0000", "和食", "洋子", "kikaku@"):
            assert secret not in page

    def test_of_whom_was_replaced_meanwhile(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        old = form_of(client, f"{link(found)}/details") | {"attendees-0-department": "税務課"}
        replacement = f"{link(found)}/attendees/1/replacement"
        client.post(replacement, data=form_of(client, replacement) | NEW)
        answer = client.post(f"{link(found)}/details", data=old)
        assert (answer.status_code, refusal(read(answer))) == (409, ["closed"])

    @pytest.mark.parametrize(
        "hostile",
        [
            {"shown": "1:99999999999999999999 x:y"},
            {"attendees-0-viewers": "9" * 400},
            {"attendees-0-municipality_code": "\u0661" * 6},
            {"attendees-0-department": "\ud800"},
            {"attendees-99-department": "x", "attendees-99999999-department": "x"},
            {"action": "municipalities-9999"},
            {"action": "remove-0"},
            {"action": "\u0661"},
            {"contact_phone": "\u202e"},
        ],
        ids=range(9),
    )
    def test_hostile_input_is_no_fault_of_ours(self, client: FlaskClient, hostile: dict[str, str]) -> None:
        found = register(a_seminar(), an_application())
        for path in ("details", "consents", "attendees/1/replacement"):
            for data in (hostile, form_of(client, f"{link(found)}/{path}") | hostile):
                encoded = {name: value.encode("utf-8", "surrogatepass") for name, value in data.items()}
                assert client.post(f"{link(found)}/{path}", data=encoded).status_code < 500


class TestReplacement:
    @on_both
    def test_is_a_page_that_shows_who_leaves(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        second = found.attendees[1]
        own, address = link(second), f"{link(found)}/attendees/2/replacement"
        assert address in client.get(link(found)).text
        before = rows()
        page = client.get(address)
        assert (second.name in page.text, found.attendees[0].name in page.text) == (True, False)
        assert rows() == before
        form = read(page).form
        assert (form["attendees-0-organisation"], form["attendees-0-department"]) == ("見本市", "情報政策課")
        assert [form[f"attendees-0-{name}"] for name in ("family_name", "email", "position")] == ["", "", ""]
        answer = client.post(address, data=form | NEW)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{link(found)}?done=replaced")
        assert (second.name, second.family_kana, second.given_kana) == ("大\ufa10 福子", "オオツカ", "フクコ")
        assert (second.number, second.status) == (f"{found.reference}-2", Status.CONFIRMED)
        assert client.get(own).status_code == 404
        assert "大\ufa10 福子" in client.get(link(second)).text

    def test_needs_the_new_person_s_agreement(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        address = f"{link(found)}/attendees/1/replacement"
        without = {name: value for name, value in NEW.items() if name != "consent_group"}
        without |= {"attendees-0-email": "otsuka", "consent_followup": "y"}
        answer = client.post(address, data=form_of(client, address) | without)
        page = read(answer)
        assert (answer.status_code, refusal(page)) == (422, ["invalid"])
        assert list(page.errors) == ["attendees-0-email", "consent_group"]
        assert {name: page.form[name] for name in without} == without
        assert rows()["revision"] == 0

    def test_optional_consents_begin_unticked_and_are_kept_in_their_words(self, client: FlaskClient) -> None:
        boxes = (ConsentBox("followup", True, "案内"),)
        found = register(a_seminar(), an_application(consents=boxes))
        address = f"{link(found)}/attendees/1/replacement"
        form = form_of(client, address)
        assert [name for name in form if name.startswith("consent")] == []
        client.post(address, data=form | NEW | {"consent_share-gdx": "y"})
        stored = db.session.scalars(select(Consent).where(Consent.source == "manage").order_by(Consent.id))
        assert [(one.kind, one.recipient, one.value, one.text) for one in stored] == [
            ("group", "", True, "新しい参加者の了承を得ています"),
            (
                "share",
                "gdx",
                True,
                "GDX会員企業に、氏名・所属を、事後のご案内のために提供することに同意します",
            ),
            ("followup", "", False, "今後のセミナー案内をメールで受け取ります"),
        ]

    def test_the_picker_works_without_scripts(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        address = f"{link(found)}/attendees/1/replacement"
        page = read(
            client.post(address, data=form_of(client, address) | NEW | {"action": "municipalities-0"})
        )
        assert page.form["attendees-0-family_name"] == NEW["attendees-0-family_name"]
        assert page.errors == {}
        chosen = page.form | {"attendees-0-municipality_code": NAGANO, "attendees-0-organisation": ""}
        assert client.post(address, data=chosen).status_code == 303
        assert found.attendees[0].organisation == "長野市"

    def test_only_the_contact_replaces(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        own = link(found.attendees[1])
        assert "replacement" not in client.get(own).text
        assert "replacement" not in client.get(f"{own}/details").text
        for branch in (1, 2, 9):
            assert client.get(f"{own}/attendees/{branch}/replacement").status_code == 404
            assert client.post(f"{own}/attendees/{branch}/replacement", data=NEW).status_code == 404
        assert client.get(f"{link(found)}/attendees/9/replacement").status_code == 404
        assert rows()["revision"] == 0

    def test_the_number_of_a_member_stays(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        with transaction():
            found.category.verification = "member_roster"
            found.attendees[0].member_number = "A0012"
        address = f"{link(found)}/attendees/1/replacement"
        form = form_of(client, address)
        assert "attendees-0-member_number" not in form
        assert client.post(address, data=form | NEW).status_code == 303
        assert found.attendees[0].member_number == "A0012"

    @pytest.mark.parametrize("until", [None, START - timedelta(days=2)], ids=["start", "deadline"])
    def test_until_the_second(self, client: FlaskClient, moment, until: datetime | None) -> None:
        found = register(a_seminar(cancel_until=until), an_application(TAKASAKI, YOSHIDA))
        address = f"{link(found)}/attendees/2/replacement"
        form = form_of(client, address) | NEW
        moment.moment = until or START
        assert client.get(address).status_code == 303
        answer = client.post(address, data=form)
        page = read(answer)
        assert (answer.status_code, refusal(page)) == (409, ["closed"])
        assert page.form["attendees-0-family_name"] == "大\ufa10"
        assert "replacement" not in client.get(link(found)).text
        moment.move(-SECOND)
        assert client.post(address, data=form).status_code == 303

    def test_of_somebody_cancelled_meanwhile(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        address = f"{link(found)}/attendees/2/replacement"
        form = form_of(client, address) | NEW
        cancel(found.attendees[1:])
        answer = client.post(address, data=form)
        assert (answer.status_code, refusal(read(answer))) == (409, ["closed"])
        assert "すでに有効ではない" in answer.text
        assert client.get(address).status_code == 303

    def test_once_the_seminar_is_called_off(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        address = f"{link(found)}/attendees/1/replacement"
        form = form_of(client, address) | NEW
        with transaction():
            found.event.status = EventStatus.CANCELLED
        answer = client.post(address, data=form)
        assert (answer.status_code, refusal(read(answer))) == (409, ["cancelled"])
        assert client.get(f"{link(found)}/details").status_code == 303

    def test_a_cancellation_asked_about_somebody_else(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        asked = form_of(client, f"{link(found)}/attendees/1/cancellation")
        address = f"{link(found)}/attendees/1/replacement"
        client.post(address, data=form_of(client, address) | NEW)
        answer = client.post(f"{link(found)}/attendees/1/cancellation", data=asked)
        assert (answer.status_code, refusal(read(answer))) == (409, ["closed"])
        assert found.attendees[0].status == Status.CONFIRMED
        asked = form_of(client, f"{link(found)}/attendees/1/cancellation")
        assert client.post(f"{link(found)}/attendees/1/cancellation", data=asked).status_code == 303
        assert found.attendees[0].status == Status.CANCELLED


class TestConsents:
    @on_both
    def test_are_shown_and_changed(self, client: FlaskClient) -> None:
        boxes = (ConsentBox("share", True, "提供", "gdx"), ConsentBox("followup", False, "案内"))
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA, consents=boxes))
        address = f"{link(found)}/consents"
        assert address in client.get(link(found)).text
        form = form_of(client, address)
        assert {name for name in form if "consent" in name} == {"attendees-0-consent_share-gdx"}
        before = rows()["consent"]
        assert client.post(address, data=form).headers["Location"].endswith("?done=unchanged")
        assert rows()["consent"] == before
        del form["attendees-0-consent_share-gdx"]
        answer = client.post(address, data=form | {"attendees-1-consent_followup": "y"})
        assert answer.headers["Location"] == f"{link(found)}?done=consents"
        new = db.session.scalars(select(Consent).order_by(Consent.id)).all()[before:]
        branch = {one.id: one.branch for one in found.attendees}
        assert [(branch[one.attendee_id], one.kind, one.value, one.source, one.text) for one in new] == [
            (
                1,
                "share",
                False,
                "manage",
                "GDX会員企業に、氏名・所属を、事後のご案内のために提供することに同意します",
            ),
            (2, "followup", True, "manage", "今後のセミナー案内をメールで受け取ります"),
        ]
        form = form_of(client, address)
        assert {name for name in form if "consent" in name} == {"attendees-1-consent_followup"}

    def test_by_an_own_link(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        second = found.attendees[1]
        address = f"{link(second)}/consents"
        form = form_of(client, address)
        more = {"attendees-1-consent_followup": "y", "attendees-0-consent_followup": "y"}
        client.post(address, data=form | more)
        said = db.session.scalars(select(Consent).where(Consent.source == "manage")).all()
        assert [(one.attendee_id, one.kind, one.value) for one in said] == [(second.id, "followup", True)]

    def test_can_be_withdrawn_when_everything_else_is_over(self, client: FlaskClient, moment) -> None:
        boxes = (ConsentBox("followup", True, "案内"),)
        found = register(a_seminar(), an_application(consents=boxes))
        cancel(found.attendees)
        moment.moment = START + timedelta(days=30)
        form = form_of(client, f"{link(found)}/consents")
        del form["attendees-0-consent_followup"]
        answer = client.post(f"{link(found)}/consents", data=form)
        assert answer.headers["Location"].endswith("?done=consents")

    def test_where_nothing_is_asked_there_is_no_page(self, client: FlaskClient) -> None:
        found = register(a_seminar(consents=["privacy"], recipients=[]), an_application())
        assert "consents" not in client.get(link(found)).text
        assert client.get(f"{link(found)}/consents").status_code == 303


class TestPage:
    def test_opening_changes_nothing_and_is_nobody_else_s(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        before = rows()
        for path in ("/details", "/consents", "/attendees/1/replacement", "?done=changed", "?done=x"):
            for method in ("get", "head", "options"):
                answer = getattr(client, method)(link(found) + path)
                assert answer.status_code == 200
            assert client.get(link(found) + path).headers["Cache-Control"] == "no-store"
        assert rows() == before
        for path in ("/details", "/consents", "/attendees/1/replacement"):
            answer = client.post(link(found) + path, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403

    def test_says_until_when(self, client: FlaskClient, moment) -> None:
        event = a_seminar(cancel_until=START - timedelta(days=2), changes_until=START - timedelta(days=3))
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        page = client.get(link(found)).text
        assert "取消と差し替えは、12月24日（水）10:00まで、このページから行えます。" in page
        assert "内容は、12月23日（火）10:00まで、このページから変更できます。" in page
        assert (
            "取消は、12月24日（水）10:00まで、このページから行えます。"
            in client.get(link(found.attendees[1])).text
        )
        moment.moment = START - timedelta(days=2)
        page = client.get(link(found)).text
        assert "取消と差し替えは、12月24日（水）10:00で締め切りました。" in page
        assert [word in page for word in ("/cancellation", "/replacement", "/details")] == [False] * 3
        answer = client.post(f"{link(found)}/cancellation")
        assert (answer.status_code, refusal(read(answer))) == (409, ["closed"])

    def test_english_goes_with_the_links(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(locale="en"))
        for path in ("", "/details", "/consents", "/attendees/1/replacement"):
            links = [
                one for one in read(client.get(f"{link(found)}{path}?lang=en")).links if one.startswith("/r/")
            ]
            assert links
            assert [one for one in links if "lang=" not in one] == []
        answer = client.post(f"{link(found)}/consents?lang=en", data={"shown": "1:1"})
        assert "lang=en" in answer.headers["Location"]

    @pytest.mark.parametrize("shown", [True, False])
    def test_how_to_join_only_where_the_organiser_lets_it_stand(
        self, client: FlaskClient, shown: bool
    ) -> None:
        event = a_seminar(join_url="https://zoom.us/j/0000", join_on_page=shown)
        found = register(event, an_application())
        for path in ("", "/calendar"):
            assert ("zoom.us" in client.get(link(found) + path).text) is shown
        assert ("参加用URLは、メールでお知らせします。" in client.get(link(found)).text) is not shown


class TestSettings:
    """The organiser's side of it."""

    @pytest.fixture
    def edit(self, client: FlaskClient) -> Callable[..., tuple[int, Page]]:
        def send(event: Event, **filled: str) -> tuple[int, Page]:
            address = f"/organiser/events/{event.slug}/edit"
            form = read(client.get(address)).form
            for name in ("changes_allowed", "join_on_page"):
                if filled.get(name) == "":
                    form.pop(name)
                    filled.pop(name)
            answer = client.post(address, data=form | filled)
            return answer.status_code, read(answer)

        return send

    @on_both
    def test_are_stored_and_shown_again(self, client: FlaskClient, edit) -> None:
        event = a_seminar()
        sign_in(client, sato(event))
        status, _ = edit(
            event,
            changes_allowed="",
            join_on_page="",
            changes_date="2025-12-24",
            cancel_date="2025-12-25",
            cancel_time="9:30",
        )
        assert status == 303
        assert (event.changes_allowed, event.join_on_page) == (False, False)
        assert event.changes_until == datetime(2025, 12, 24, 8, 0, tzinfo=UTC)
        assert event.cancel_until == datetime(2025, 12, 25, 0, 30, tzinfo=UTC)
        form = read(client.get(f"/organiser/events/{event.slug}/edit")).form
        assert [form.get(name) for name in ("changes_date", "changes_time", "cancel_time")] == [
            "2025-12-24",
            "17:00",
            "09:30",
        ]
        edit(event, changes_date="", changes_time="", cancel_date="", cancel_time="")
        assert (event.changes_until, event.cancel_until) == (None, None)

    @pytest.mark.parametrize(
        ("filled", "field"),
        [
            ({"changes_date": "2025-12-26", "changes_time": "10:01"}, "changes_date"),
            ({"cancel_date": "2025-12-27"}, "cancel_date"),
            ({"cancel_time": "10:00"}, "cancel_date"),
            ({"cancel_date": "0001-01-01", "cancel_time": "00:00"}, "cancel_date"),
            ({"cancel_date": "いつか"}, "cancel_date"),
        ],
        ids=["after the start", "a day after", "a time alone", "year one", "no day"],
    )
    def test_what_makes_no_sense_is_said_at_the_field(
        self, client: FlaskClient, edit, filled: dict[str, str], field: str
    ) -> None:
        event = a_seminar()
        sign_in(client, sato(event))
        status, page = edit(event, **filled)
        assert (status, list(page.errors)) == (422, [field])
        assert {name: page.form[name] for name in filled} == filled
        assert (event.changes_until, event.cancel_until) == (None, None)

    def test_times_are_those_of_the_event_s_zone(self, client: FlaskClient, edit) -> None:
        """In Berlin the clocks go back on 25 October 2026 and forward on 28 March 2027."""
        start = datetime(2026, 10, 26, 9, 0, tzinfo=UTC)
        event = a_seminar(timezone="Europe/Berlin", start_at=start, end_at=start + timedelta(hours=1))
        sign_in(client, sato(event))
        assert edit(event, cancel_date="2026-10-25", cancel_time="02:30")[0] == 303
        assert (event.start_at, event.cancel_until) == (start, datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
        with transaction():
            event.cancel_until = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        assert edit(event, title="別の題名")[0] == 303
        assert event.cancel_until == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        with transaction():
            event.start_at = datetime(2027, 3, 29, 9, 0, tzinfo=UTC)
            event.end_at = datetime(2027, 3, 29, 10, 0, tzinfo=UTC)
        status, page = edit(event, cancel_date="2027-03-28", cancel_time="02:30")
        assert (status, list(page.errors)) == (422, ["cancel_date"])


def test_every_change_of_a_registration_is_kept(client: FlaskClient) -> None:
    found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
    address = f"{link(found)}/attendees/2/replacement"
    client.post(address, data=form_of(client, address) | NEW)
    address = f"{link(found)}/details"
    client.post(address, data=form_of(client, address) | {"attendees-1-position": "主任"})
    kept = db.session.scalars(select(Revision).order_by(Revision.id)).all()
    assert [(one.kind, one.account_id) for one in kept] == [("replaced", None), ("details", None)]
