"""A question that follows from an answer: with scripts it appears at once, without them it comes with the next page."""

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from eventsite.db import db
from eventsite.events.questions import add_question
from eventsite.models import Answer, Event
from tests.browser import journey
from tests.browser.journey import has_focus, heading, named, press, tab_to
from tests.browser.test_accessibility import DESK, Inspection
from tests.cast import TAKASAKI, an_event, sato
from tests.fixtures.browser import NewPage, Watch
from tests.fixtures.live import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]


@pytest.fixture
def event(app: Flask) -> Event:
    """A seminar that asks whether people use a product, of those who do which, and of one product since when."""
    event = an_event()
    for key, kind, label, condition in (
        ("uses", "yes_no", "製品を利用していますか", None),
        ("which", "radio", "どの製品ですか", {"question": "uses", "is": True}),
        ("since", "text", "いつからですか", {"question": "which", "is": "甲"}),
        ("wish", "text", "ご要望", None),
    ):
        values = {
            "key": key,
            "type": kind,
            "label": label,
            "purpose": "企画のため",
            "choices": ["甲", "乙"] if kind == "radio" else [],
            "required": key == "since",
            "shown_if": condition,
        }
        add_question(event, values, None)
    return event


def asked(page: Page) -> list[str]:
    names: list[str] = page.locator("[name^=q-]").evaluate_all("all => all.map(one => one.name)")
    return list(dict.fromkeys(names))


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f'[name="{name}"][value="{value}"]').check()


def stored() -> dict[str, object]:
    db.session.rollback()
    return {one.question.key: one.value for one in db.session.query(Answer)}


def test_with_scripts_it_appears_where_one_is(
    page: Page, watch: Watch, event: Event, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}/events/{event.slug}/register?category=local_gov")
    journey.fill_person(page, 0, TAKASAKI)
    journey.fill_contact(page)
    named(page, "q-wish").fill("録画")
    assert asked(page) == ["q-uses", "q-wish"]

    tab_to(page, page.locator("#q-uses"))
    page.keyboard.press("Space")
    which = named(page, "q-which")
    expect(which).to_have_count(2)
    status = page.locator("form [role=status]")
    expect(status).to_have_text("お答えに応じて、質問が増えました。")
    assert asked(page) == ["q-uses", "q-which", "q-wish"]
    assert has_focus(page.locator("#q-uses"))
    page.keyboard.press("Tab")
    assert has_focus(page.locator("#q-which"))

    choose(page, "q-which", "甲")
    since = named(page, "q-since")
    expect(since).to_have_count(1)
    since.fill("二年前")
    choose(page, "q-uses", "no")
    expect(which).to_have_count(0)
    expect(status).to_have_text("お答えに応じて、質問が減りました。")
    assert asked(page) == ["q-uses", "q-wish"]
    choose(page, "q-uses", "yes")
    expect(since).to_have_value("二年前")
    assert asked(page) == ["q-uses", "q-which", "q-since", "q-wish"]
    assert named(page, "q-wish").input_value() == "録画"
    assert named(page, "attendees-0-family_name").input_value() == TAKASAKI.family_name

    press(page, "確認画面へ進む")
    assert heading(page) == "入力内容の確認"
    press(page, "申し込む")
    page.wait_for_url("**/registered/**")
    assert stored() == {"uses": "yes", "which": "甲", "since": "二年前", "wish": "録画"}
    assert watch.complaints == []
    assert watch.origins == {live_server.url}
    assert page.context.cookies() == []


def test_without_an_answer_of_the_server_the_next_page_asks(
    page: Page, event: Event, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}/events/{event.slug}/register?category=local_gov")
    journey.fill_person(page, 0, TAKASAKI)
    journey.fill_contact(page)
    page.context.set_offline(True)
    choose(page, "q-uses", "yes")
    page.context.set_offline(False)
    assert asked(page) == ["q-uses", "q-wish"]
    press(page, "確認画面へ進む")
    assert asked(page) == ["q-uses", "q-which", "q-wish"]


def test_without_scripts_it_comes_with_the_next_page(
    new_page: NewPage, event: Event, live_server: LiveServer
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{live_server.url}/events/{event.slug}/register?category=local_gov")
    journey.fill_person(page, 0, TAKASAKI)
    journey.fill_contact(page)
    choose(page, "q-uses", "yes")
    named(page, "q-wish").fill("録画")
    press(page, "確認画面へ進む")
    assert asked(page) == ["q-uses", "q-which", "q-wish"]
    assert page.get_by_text("お答えの内容に応じて、質問が増えました。ご確認ください。").count() == 1
    assert page.locator("#q-uses").is_checked()
    assert named(page, "q-wish").input_value() == "録画"
    choose(page, "q-which", "乙")
    press(page, "確認画面へ進む")
    assert heading(page) == "入力内容の確認"
    press(page, "申し込む")
    assert stored() == {"uses": "yes", "which": "乙", "wish": "録画"}


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_an_organiser_adds_a_question(
    new_page: NewPage, watch: Watch, event: Event, live_server: LiveServer, scripts: bool
) -> None:
    account = journey.with_password(sato(event))
    page = new_page(watch, viewport=DESK, reduced_motion="reduce", java_script_enabled=scripts)
    inspection = Inspection(page) if scripts else None
    journey.sign_in(page, live_server.url, account.email)
    page.goto(f"{live_server.url}/organiser/events/{event.slug}/questions")
    _look(inspection, "list")
    journey.follow(page, "質問を追加する")
    named(page, "label").fill("懇親会に参加しますか")
    named(page, "type").select_option(label="一つを選ぶ")
    for row, words in enumerate(("参加する", "未定", "参加しない")):
        named(page, f"choices-{row}-label").fill(words)
    press(page, "選択肢を追加する")
    assert has_focus(named(page, "choices-3-label"))
    press(page, "選択肢 2 を削除する")
    press(page, "選択肢 3 を削除する")
    named(page, "choices-0-capacity").fill("20人")
    named(page, "choices-0-label").press("Enter")
    assert page.locator(".error-summary li").all_inner_texts() == [
        "0以上の数字で入力してください。",
        "利用目的を入力してください。",
    ]
    _look(inspection, "faults")
    named(page, "choices-0-capacity").fill("20")
    named(page, "purpose").fill("会場を用意するため")
    press(page, "見え方を確かめる")
    expect(page.locator("#preview-heading")).to_be_visible()
    assert page.locator("[name=q-q1]").evaluate_all("all => all.map(one => one.value)") == [
        "参加する",
        "参加しない",
    ]
    _look(inspection, "preview")
    press(page, "保存する")
    assert page.get_by_role("status").inner_text() == "質問を保存しました。"
    row = page.locator("tbody tr", has_text="懇親会に参加しますか")
    row.locator("[value=up]").click()
    expect(page.get_by_role("status")).to_have_text("「懇親会に参加しますか」を一つ上に移しました。")
    assert page.locator("tbody th a").all_inner_texts() == [
        "製品を利用していますか",
        "どの製品ですか",
        "いつからですか",
        "懇親会に参加しますか",
        "ご要望",
    ]
    page.get_by_role("link", name="懇親会に参加しますか").click()
    journey.follow(page, "削除へ進む")
    assert heading(page) == "質問を削除しますか"
    _look(inspection, "removal")
    press(page, "削除する")
    assert "懇親会に参加しますか" not in page.locator("tbody").inner_text()
    assert [one for one in watch.complaints if "422" not in one] == []
    if inspection:
        assert inspection.faults == {}


def _look(inspection: Inspection | None, name: str) -> None:
    if inspection:
        inspection.look(name)
