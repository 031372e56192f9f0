"""The pages of a letter's own words: the list, the form with its checks, the preview that stores nothing, the way back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite.db import Base, db
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording import compose, own_words
from eventsite.mail.wording.editable import LETTERS
from eventsite.models import Account, Event
from eventsite.registration import cancel, register
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, people, sato, sign_in, suzuki, tanaka
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event()


@pytest.fixture
def account(client: FlaskClient, event: Event) -> Account:
    found = sato(event)
    sign_in(client, found)
    return found


def address(event: Event, letter: str = "", rest: str = "") -> str:
    return f"/organiser/events/{event.slug}/letters/words" + (f"/{letter}" if letter else "") + rest


def everything() -> dict[str, list[Any]]:
    """Every row of every table."""
    db.session.rollback()
    return {
        table.name: sorted(map(repr, db.session.execute(select(table)).all()))
        for table in Base.metadata.sorted_tables
    }


@on_both
def test_the_list_names_every_letter_and_what_is_changed(
    client: FlaskClient, event: Event, account: Account
) -> None:
    own_words.save(event, "confirmed", "ja", "【受付】", "", "", account)
    text = client.get(address(event)).text
    links = [one for one in read(client.get(address(event))).links if f"{address(event)}/" in one]
    assert links == [address(event, letter) for letter in LETTERS]
    assert (text.count("変更あり"), text.count(">標準<")) == (1, 2 * len(LETTERS) - 1)


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("language", compose.LOCALES)
def test_every_letter_has_its_page(
    client: FlaskClient, event: Event, account: Account, letter: str, language: str
) -> None:
    found = client.get(address(event, letter, f"?language={language}"))
    assert found.status_code == 200
    assert (read(found).form["subject"], read(found).form["body"]) == ("", "")
    seen = client.post(
        address(event, letter, f"?language={language}"), data=read(found).form | {"action": "preview"}
    )
    assert seen.status_code == 200
    assert 'id="preview-heading"' in seen.text


@on_both
def test_words_are_saved_shown_again_and_put_back(
    client: FlaskClient, event: Event, account: Account
) -> None:
    page = address(event, "confirmed")
    typed = {"subject": "【受付】", "addition": "持ち物は\u3000筆記用具です。\r\n{氏名}様"}
    answer = client.post(page, data=read(client.get(page)).form | typed)
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    shown = client.get(page)
    assert "文面を保存しました。" in shown.text
    form = read(shown).form
    assert (form["subject"], form["addition"], form["body"]) == (
        "【受付】",
        "持ち物は\u3000筆記用具です。\n{氏名}様",
        "",
    )
    answer = client.post(address(event, "confirmed", "/standard"))
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    shown = client.get(page)
    assert "標準の文面に戻しました。" in shown.text
    assert read(shown).form["addition"] == ""
    assert "/confirmed/standard" not in shown.text


def test_each_language_has_its_own_words(client: FlaskClient, event: Event, account: Account) -> None:
    page = address(event, "confirmed", "?language=en")
    answer = client.post(page, data=read(client.get(page)).form | {"addition": "See you."})
    assert answer.headers["Location"] == page
    assert read(client.get(page)).form["addition"] == "See you."
    assert read(client.get(address(event, "confirmed"))).form["addition"] == ""
    client.post(address(event, "confirmed", "/standard?language=en"))
    assert own_words.changed(event) == set()


def test_nothing_changed_is_said(client: FlaskClient, event: Event, account: Account) -> None:
    page = address(event, "confirmed")
    client.post(page, data=read(client.get(page)).form)
    assert "変わったところはありませんでした。" in client.get(page).text


def test_replaced_signs_of_a_subject_are_told(client: FlaskClient, event: Event, account: Account) -> None:
    page = address(event, "confirmed")
    client.post(page, data=read(client.get(page)).form | {"subject": "①受付㈱\U0001f363"})
    assert "「(1)受付株式会社」に直しました。" in client.get(page).text


@on_both
def test_faults_stand_at_their_fields_and_nothing_typed_is_lost(
    client: FlaskClient, event: Event, account: Account
) -> None:
    page = address(event, "confirmed")
    typed = {
        "subject": "【{氏名}】",
        "addition": "{{ config }}\u3000&lt;b",
        "body": "{0.__class__}",
        "attendee": "GDX-'\x00",
    }
    before = everything()
    for action in ("", "preview"):
        answer = client.post(page, data=read(client.get(page)).form | typed | {"action": action})
        assert answer.status_code == 422
        found = read(answer)
        assert found.errors == {
            "subject": "氏名という差し込み項目はありません。",
            "addition": "{ config という差し込み項目はありません。",
            "body": "0.__class__という差し込み項目はありません。",
        }
        assert [name for name, _ in found.summary] == ["subject", "addition", "body"]
        assert {name: found.form[name] for name in ("subject", "addition", "body")} == {
            name: typed[name] for name in ("subject", "addition", "body")
        }
    assert everything() == before


@pytest.mark.parametrize(
    "hostile",
    [
        "\x00",
        "\ud800",
        "\ufffe",
        "\u202e",
        "あ" * 5_500,
        "{" * 4000,
        "［一部：" * 1000,
        "e" + "\u0301" * 200,
    ],
    ids=lambda value: ascii(value)[:12],
)
def test_hostile_words_are_no_fault_of_the_program(
    client: FlaskClient, event: Event, account: Account, hostile: str
) -> None:
    page = address(event, "confirmed")
    sent = {
        name: hostile.encode("utf-8", "surrogatepass") for name in ("subject", "addition", "body", "attendee")
    }
    for action in (b"", b"preview", b"standard", b"\xff"):
        assert client.post(page, data=sent | {"action": action}).status_code in {200, 303, 422}


@on_both
def test_a_preview_stores_nothing_and_shows_no_personal_link(
    client: FlaskClient, event: Event, account: Account
) -> None:
    found = register(event, an_application(TAKASAKI, YOSHIDA))
    page = address(event, "confirmed")
    form = read(client.get(page)).form | {
        "addition": "{氏名}様\n{確認ページURL}",
        "attendee": found.attendees[0].number,
        "action": "preview",
    }
    before = everything()
    for letter in LETTERS:
        assert client.post(address(event, letter), data=form | {"addition": ""}).status_code == 200
    seen = client.post(page, data=form)
    assert everything() == before
    assert "\u9ad9\ufa11 洋子様\n\nhttp://127.0.0.1:8000/r/…\n" in seen.text
    assert Recipient(found).token not in seen.text
    assert read(seen).form["addition"] == "{氏名}様\n{確認ページURL}"
    assert read(seen).form["attendee"] == found.attendees[0].number


def test_only_fitting_people_may_be_chosen(client: FlaskClient, event: Event, account: Account) -> None:
    here = register(event, an_application(TAKASAKI, YOSHIDA))
    other = register(an_event(), an_application(*people(1)))
    cancel([here.attendees[1]])
    text = client.get(address(event, "confirmed")).text
    numbers = [here.attendees[0].number, here.attendees[1].number, other.attendees[0].number]
    assert [one in text for one in numbers] == [True, False, False]
    form = read(client.get(address(event, "confirmed"))).form
    for number in numbers[1:]:
        seen = client.post(
            address(event, "confirmed"), data=form | {"attendee": number, "action": "preview"}
        ).text
        assert "見本の参加者に届くものとして" in seen
        assert "GDX-XXXX-XX" in seen


def test_a_name_is_not_read_as_template_or_as_markup(
    client: FlaskClient, event: Event, account: Account
) -> None:
    hostile = an_application(TAKASAKI.__class__(**{**TAKASAKI.__dict__, "family_name": "{確認ページURL}<b>"}))
    found = register(event, hostile)
    form = read(client.get(address(event, "confirmed"))).form | {"action": "preview"}
    seen = client.post(address(event, "confirmed"), data=form | {"attendee": found.attendees[0].number}).text
    assert "{確認ページURL}&lt;b&gt; 洋子 様" in seen


def test_the_standard_body_to_start_from(client: FlaskClient, event: Event, account: Account) -> None:
    page = address(event, "confirmed")
    form = read(client.get(page)).form | {"subject": "【受付】", "action": "standard"}
    found = read(client.post(page, data=form))
    assert found.form["subject"] == "【受付】"
    assert found.form["body"] == compose.standard_source("confirmed", "ja").body
    kept = read(client.post(page, data=form | {"body": "書きかけ"}))
    assert kept.form["body"] == "書きかけ"


@pytest.mark.parametrize("rest", ["staff_invite", "x", "..", "confirmed?language=fr"])
def test_what_there_is_not(client: FlaskClient, event: Event, account: Account, rest: str) -> None:
    assert client.get(address(event, rest)).status_code == 404
    letter, _, question = rest.partition("?")
    assert client.post(address(event, letter, f"/standard?{question}")).status_code == 404


def test_only_who_may_edit(client: FlaskClient, event: Event) -> None:
    for account, status in ((suzuki(event), 403), (tanaka(), 404)):
        sign_in(client, account)
        doors = [address(event), address(event, "confirmed")]
        answers = [client.get(one).status_code for one in doors]
        answers += [client.post(one).status_code for one in (doors[1], f"{doors[1]}/standard")]
        assert answers == [status] * 4
