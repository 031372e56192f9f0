"""Every page against axe's rules, in light and in dark, and against sideways scrolling on a narrow screen."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page

from eventsite import clock, registration
from eventsite.mail.recipients import Recipient
from eventsite.models import Event
from tests.browser import journey
from tests.browser.journey import heading, press
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, sato
from tests.fixtures.browser import NewPage
from tests.fixtures.live import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
DESK = {"width": 1280, "height": 900}
NARROWEST = {"width": 320, "height": 640}
SIDEWAYS = "document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth"
INK = "getComputedStyle(document.body).color"
FAULTY = """
<!doctype html><html lang="ja"><head><title>見本</title></head><body><main><h1>見本</h1>
<img src="data:,"><p style="color: #bbb; background: #fff">うすい文字</p><p style="width: 400px">長い</p>
</main></body></html>
"""
OFFICE = {
    "index": "/",
    "new": "/events/new",
    "overview": "/events/{slug}/",
    "edit": "/events/{slug}/edit",
    "categories": "/events/{slug}/categories",
    "category": "/events/{slug}/categories/local_gov",
    "new category": "/events/{slug}/categories/new",
    "roster": "/events/{slug}/roster",
    "roster with losses": "/events/{slug}/roster?losses=1",
    "empty roster": "/events/{slug}/roster?q=%E7%84%A1",
    "preview": "/events/{slug}/preview",
    "organisers and staff": "/events/{slug}/people",
}


class Inspection:
    """Collects by page and circumstance what is wrong: axe's rules with the places, or `sideways`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: dict[str, list[str]] = {}
        self.inks: set[str] = set()

    def visit(self, name: str, address: str, status: int = 200) -> None:
        answer = self.page.goto(address)
        assert answer is not None
        assert answer.status == status, f"{name}: {answer.status}"
        self.look(name)

    def look(self, name: str) -> None:
        """Inspect the page as it stands."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            self._note(f"{name}, {scheme}", _violations(self.page))
            self.inks.add(self.page.evaluate(INK))
        self.page.set_viewport_size(NARROWEST)  # type: ignore[arg-type]
        self._note(f"{name}, narrow", ["sideways"] if self.page.evaluate(SIDEWAYS) else [])
        self.page.set_viewport_size(DESK)  # type: ignore[arg-type]

    def _note(self, where: str, found: list[str]) -> None:
        if found:
            self.faults[where] = found


@pytest.fixture
def inspect(new_page: NewPage) -> Callable[[], Inspection]:
    return lambda: Inspection(new_page(viewport=DESK, reduced_motion="reduce"))


def test_planted_faults_are_found(inspect: Callable[[], Inspection]) -> None:
    inspection = inspect()
    inspection.page.set_content(FAULTY)
    inspection.look("faulty")
    assert {name: [one.split(":")[0] for one in found] for name, found in inspection.faults.items()} == {
        "faulty, light": ["color-contrast", "image-alt"],
        "faulty, dark": ["color-contrast", "image-alt"],
        "faulty, narrow": ["sideways"],
    }


def test_pages_to_read(app: Flask, live_server: LiveServer, inspect: Callable[[], Inspection]) -> None:
    event = _seminar()
    _past_seminar()
    site, inspection = live_server.url, inspect()
    inspection.visit("catalogue", f"{site}/")
    inspection.visit("catalogue in English", f"{site}/?lang=en")
    inspection.visit("past", f"{site}/past")
    inspection.visit("event", f"{site}/events/{event.slug}")
    inspection.visit("event in English", f"{site}/events/{event.slug}?lang=en")
    inspection.visit("privacy", f"{site}/privacy")
    inspection.visit("environment", f"{site}/environment")
    inspection.visit("not found", f"{site}/events/nothing", 404)
    inspection.visit("sign-in", f"{site}/account/signin")
    inspection.visit("forgotten password", f"{site}/account/password")
    assert inspection.faults == {}
    assert len(inspection.inks) == 2  # dark was dark


def test_pages_of_a_registration(
    app: Flask, live_server: LiveServer, inspect: Callable[[], Inspection]
) -> None:
    event = _seminar()
    registered = registration.register(event, an_application(TAKASAKI, YOSHIDA))
    manage_url = f"{live_server.url}/r/{Recipient(registered).token}"
    form_url = f"{live_server.url}/events/{event.slug}/register?category="
    inspection = inspect()
    page = inspection.page
    inspection.visit("form", f"{form_url}local_gov")
    press(page, "参加者を追加する")
    press(page, "確認画面へ進む")
    assert page.title().startswith("入力エラー：")
    inspection.look("form with errors")
    journey.fill_person(page, 0, TAKASAKI)
    journey.fill_person(page, 1, YOSHIDA)
    journey.fill_contact(page)
    journey.named(page, "consent_group").check()
    press(page, "確認画面へ進む")
    assert heading(page) == "入力内容の確認"
    inspection.look("confirm screen")
    press(page, "申し込む")
    page.locator("[data-registered]").wait_for()
    inspection.look("done page")
    inspection.visit("refusal", f"{form_url}company", 409)
    inspection.visit("manage page", manage_url)
    inspection.visit("cancellation", f"{manage_url}/attendees/1/cancellation")
    inspection.visit("details", f"{manage_url}/details")
    inspection.visit("consents", f"{manage_url}/consents")
    inspection.visit("replacement", f"{manage_url}/attendees/2/replacement")
    press(page, "差し替える")
    assert page.title().startswith("入力エラー：")
    inspection.look("replacement with errors")
    inspection.visit("calendar", f"{manage_url}/calendar")
    assert inspection.faults == {}


def test_pages_of_the_office(app: Flask, live_server: LiveServer, inspect: Callable[[], Inspection]) -> None:
    event = _seminar()
    registration.register(event, an_application(TAKASAKI, YOSHIDA))
    account = journey.with_password(sato(event, _past_seminar()))
    inspection = inspect()
    journey.sign_in(inspection.page, live_server.url, account.email)
    for name, path in OFFICE.items():
        inspection.visit(name, f"{live_server.url}/organiser{path.format(slug=event.slug)}")
    inspection.page.goto(f"{live_server.url}/organiser/events/new")
    press(inspection.page, "下書きを作る")
    inspection.look("new with errors")
    assert inspection.faults == {}


def _seminar() -> Event:
    """A seminar with every part a page can show, one category closed."""
    return an_event(
        capacities={"company": 0},
        subtitle="窓口の仕事を、いまの道具で見直す",
        abstract="窓口の仕事を見直した自治体の話を、担当した職員から聞きます。",
        description="## ねらい\n\n- 一つめ\n- 二つめ",
        description_html="<h3>ねらい</h3><ul><li>一つめ</li><li>二つめ</li></ul>",
        notice="見本のセミナーです。",
        join_url="https://zoom.us/j/00000000000",
        agenda=[{"time": "14:00", "label": "開会", "organisation": "GDX事務局"}],
        speakers=[{"name": "佐藤 花子", "organisation": "見本市", "role": "企画課長"}],
        tags=["窓口", "業務の見直し"],
        consents=["privacy", "followup"],
    )


def _past_seminar() -> Event:
    start = clock.now() - timedelta(weeks=1)
    return an_event(title="終わったセミナー", start_at=start, end_at=start + timedelta(hours=1))


def _violations(page: Page) -> list[str]:
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return sorted(
        f"{one['id']}: {', '.join(' '.join(map(str, node['target'])) for node in one['nodes'])}"
        for one in found
    )
