"""A visitor whose browser runs no scripts, and one who has no mouse."""

import re

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page

from eventsite.models import Event
from tests.browser import journey
from tests.browser.journey import follow, has_focus, heading, named, press, tab_to
from tests.cast import TAKASAKI, TOWN_HALL, an_event
from tests.fixtures.browser import NewPage, Watch
from tests.fixtures.live import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

NAGANO_CITY = "202011"


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event()


@pytest.fixture
def page(new_page: NewPage, watch: Watch) -> Page:
    """A page that runs no script."""
    return new_page(watch, java_script_enabled=False)


def test_registers_with_the_municipality_picker(
    page: Page, watch: Watch, event: Event, live_server: LiveServer
) -> None:
    page.goto(live_server.url)
    follow(page, event.title)
    page.locator(".apply").get_by_role("link", name="自治体職員").click()
    named(page, "attendees-0-prefecture").select_option("長野県")
    press(page, "市区町村を表示")
    assert named(page, "attendees-0-prefecture").input_value() == "長野県"
    named(page, "attendees-0-municipality_code").select_option(NAGANO_CITY)
    for name in ("department", "family_name", "given_name", "family_kana", "given_kana"):
        named(page, f"attendees-0-{name}").fill(getattr(TAKASAKI, name))
    journey.fill_contact(page)
    press(page, "確認画面へ進む")
    assert heading(page) == "入力内容の確認"
    assert page.get_by_text("長野県長野市", exact=True).count() == 1
    press(page, "修正する")
    assert named(page, "attendees-0-municipality_code").input_value() == NAGANO_CITY
    press(page, "確認画面へ進む")
    press(page, "申し込む")
    assert _outcome(page) == ["confirmed"]
    assert watch.origins == {live_server.url}
    assert [url for url in watch.urls if url.endswith(".js")] == []
    assert page.context.cookies() == []


def test_an_input_error_is_pointed_out(page: Page, event: Event, live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/events/{event.slug}/register?category=local_gov")
    journey.fill_person(page, 0, TAKASAKI)
    named(page, "attendees-0-family_kana").fill("")
    named(page, "contact_email").fill("kikaku.city.example.lg.jp")
    named(page, "consent_privacy").check()
    press(page, "確認画面へ進む")

    assert page.title().startswith("入力エラー：")
    summary = page.locator(".error-summary")
    assert has_focus(summary)
    links = summary.get_by_role("link")
    assert links.evaluate_all("all => all.map(one => one.getAttribute('href'))") == [
        "#attendees-0-family_kana",
        "#contact_email",
    ]
    assert page.locator("[aria-invalid=true]").evaluate_all("all => all.map(one => one.id)") == [
        "attendees-0-family_kana",
        "contact_email",
    ]
    assert named(page, "contact_email").input_value() == "kikaku.city.example.lg.jp"
    assert named(page, "attendees-0-family_name").input_value() == TAKASAKI.family_name
    assert named(page, "attendees-0-prefecture").input_value() == TAKASAKI.prefecture
    assert named(page, "consent_privacy").is_checked()
    links.nth(1).click()
    assert has_focus(named(page, "contact_email"))


def test_keyboard_alone_is_enough(page: Page, event: Event, live_server: LiveServer) -> None:
    page.goto(live_server.url)
    page.keyboard.press("Tab")
    assert has_focus(page.locator(".skip-link"))
    _enter(page, page.get_by_role("link", name=event.title))
    _enter(page, page.locator(".apply").get_by_role("link", name="自治体職員"))
    _choose(page, named(page, "attendees-0-prefecture"), TAKASAKI.prefecture)
    for name in journey.PERSON_FIELDS + journey.KANA_FIELDS:
        _type(page, named(page, f"attendees-0-{name}"), getattr(TAKASAKI, name))
    _type(page, named(page, "contact_email"), TOWN_HALL)
    tab_to(page, named(page, "consent_privacy"))
    page.keyboard.press("Space")
    assert named(page, "consent_privacy").is_checked()
    _press_through(page, page.get_by_role("button", name="確認画面へ進む").last, "Space")
    assert heading(page) == "入力内容の確認"
    _press_through(page, page.get_by_role("button", name="申し込む"), "Enter")
    assert _outcome(page) == ["confirmed"]


def test_enter_in_a_text_field_goes_forward(page: Page, event: Event, live_server: LiveServer) -> None:
    """Neither the picker's button nor 参加者を追加する, which stand earlier on the page than 確認画面へ進む."""
    page.goto(f"{live_server.url}/events/{event.slug}/register?category=local_gov")
    journey.fill_person(page, 0, TAKASAKI)
    journey.fill_contact(page)
    with page.expect_navigation():
        named(page, "attendees-0-family_name").press("Enter")
    assert heading(page) == "入力内容の確認"
    assert re.findall(r"参加者 \d", page.locator("main").inner_text()) == ["参加者 1"]


def _enter(page: Page, link: Locator) -> None:
    _press_through(page, link, "Enter")


def _press_through(page: Page, target: Locator, key: str) -> None:
    """Press a key on something that leads to another page."""
    tab_to(page, target)
    with page.expect_navigation():
        page.keyboard.press(key)


def _type(page: Page, target: Locator, words: str) -> None:
    tab_to(page, target)
    page.keyboard.type(words)
    assert target.input_value() == words


def _choose(page: Page, target: Locator, value: str) -> None:
    """Go down a list to a value, as the arrow key does."""
    tab_to(page, target)
    for _ in range(target.locator("option").count()):
        if target.input_value() == value:
            return
        page.keyboard.press("ArrowDown")
    assert target.input_value() == value


def _outcome(page: Page) -> list[str]:
    statuses: list[str] = page.locator("[data-registered] [data-status]").evaluate_all(
        "all => all.map(one => one.dataset.status)"
    )
    return statuses
