"""A contact changes what was sent in, replaces a colleague, cancels, accepts and withdraws: with scripts and without."""

from dataclasses import replace as but

import pytest
from flask import Flask
from playwright.sync_api import Page

from eventsite.db import db, transaction
from eventsite.mail.recipients import Recipient
from eventsite.models import Question, Registration, Status
from eventsite.registration import ConsentBox, cancel, register, roster
from tests.browser.journey import follow, has_focus, heading, named, press
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, people
from tests.fixtures.browser import NewPage, Watch
from tests.fixtures.live import LiveServer
from tests.fixtures.post import Sink

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

GDX = {"code": "gdx", "name": "GDX会員企業", "items": ["氏名", "所属"], "purpose": "事後のご案内"}
NAGANO_CITY = "202011"
OTSUKA = but(
    TAKASAKI,
    family_name="大\ufa10",
    given_name="福子",
    family_kana="オオツカ",
    given_kana="フクコ",
    email="otsuka@city.example.lg.jp",
)
with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


@pytest.fixture
def page(new_page: NewPage, watch: Watch, scripts: bool) -> Page:
    return new_page(watch, java_script_enabled=scripts)


@pytest.fixture
def found(app: Flask) -> Registration:
    """髙﨑 and 𠮷田, registered together, with an answer and with a consent of the first."""
    event = an_event(consents=["privacy", "share"], recipients=[GDX])
    with transaction():
        event.questions.append(
            Question(key="meal", label="お弁当", type="radio", choices=["和食", "洋食"], purpose="手配")
        )
    boxes = (ConsentBox("share", True, "GDX会員企業に提供することに同意します", "gdx"),)
    return register(event, an_application(TAKASAKI, YOSHIDA, answers={"meal": "和食"}, consents=boxes))


@with_and_without_scripts
def test_details_are_changed(
    page: Page, watch: Watch, found: Registration, live_server: LiveServer, smtp_sink: Sink
) -> None:
    _open(page, live_server, found)
    _to(page, "/details")
    assert heading(page) == "お申し込み内容の変更"
    page.locator('[value="municipalities-0"]').click()
    named(page, "attendees-0-municipality_code").select_option(NAGANO_CITY)
    named(page, "attendees-0-organisation").fill("")
    named(page, "attendees-0-department").fill("")
    named(page, "contact_phone").fill("026-111-1111")
    page.get_by_label("洋食").check()
    with page.expect_navigation():
        press(page, "変更を保存する")
    assert page.title().startswith("入力エラー：")
    summary = page.locator(".error-summary")
    assert has_focus(summary)
    summary.get_by_role("link", name="部署名を入力してください。").click()
    assert has_focus(named(page, "attendees-0-department"))
    assert named(page, "contact_phone").input_value() == "026-111-1111"
    named(page, "attendees-0-department").fill("総務課")
    with page.expect_navigation():
        press(page, "変更を保存する")
    assert heading(page) == "お申し込みの確認"
    assert page.get_by_role("status").inner_text() == "お申し込みの内容を変更しました。"
    shown = page.locator("main").inner_text()
    for words in ("長野県長野市　長野市　総務課", "026-111-1111", "洋食"):
        assert words in shown
    live_server.wait_until(lambda: "【変更完了】" in _subjects(smtp_sink, TOWN_HALL), "nobody was told")
    _check_privacy(page, watch, live_server)


@with_and_without_scripts
def test_somebody_else_comes(
    page: Page, watch: Watch, found: Registration, live_server: LiveServer, smtp_sink: Sink
) -> None:
    _open(page, live_server, found)
    _to(page, "/attendees/2/replacement")
    assert heading(page) == "参加者の差し替え"
    assert page.locator(".people .person-name").count() == 1
    for name in ("family_name", "given_name", "family_kana", "given_kana", "email"):
        named(page, f"attendees-0-{name}").fill(getattr(OTSUKA, name))
    with page.expect_navigation():
        named(page, "attendees-0-family_name").press("Enter")
    assert page.title().startswith("入力エラー：")
    named(page, "consent_group").check()
    with page.expect_navigation():
        press(page, "差し替える")
    assert page.get_by_role("status").inner_text() == "参加者を差し替えました。"
    assert _names(page) == ["\u9ad9\ufa11 洋子 様", "大\ufa10 福子 様"]
    assert _statuses(page) == ["confirmed", "confirmed"]
    live_server.wait_until(lambda: _subjects(smtp_sink, OTSUKA.email) == ["【申込完了】"], "she was not told")
    live_server.wait_until(
        lambda: _subjects(smtp_sink, YOSHIDA.email) == ["【申込完了】", "【取消完了】"], "he was not told"
    )
    _check_privacy(page, watch, live_server)


@with_and_without_scripts
def test_a_consent_is_withdrawn(
    page: Page, watch: Watch, found: Registration, live_server: LiveServer
) -> None:
    assert len(roster.table(found.event, "shared").rows) == 1
    _open(page, live_server, found)
    follow(page, "同意を確認・変更する")
    box = named(page, "attendees-0-consent_share-gdx")
    assert box.is_checked()
    box.uncheck()
    with page.expect_navigation():
        press(page, "この内容で保存する")
    assert page.get_by_role("status").inner_text() == "同意の内容を変更しました。"
    db.session.rollback()
    assert roster.table(found.event, "shared").rows == []
    _check_privacy(page, watch, live_server)


@with_and_without_scripts
def test_one_cancels_and_who_waited_accepts(
    page: Page, watch: Watch, app: Flask, live_server: LiveServer
) -> None:
    event = an_event(capacities={"local_gov": 1})
    with transaction():
        event.category("local_gov").promotion = "offer"
    first = register(event, an_application(*people(1)))
    waiting = register(event, an_application(YAMADA, contact_email=YAMADA.email))
    _open(page, live_server, first)
    page.locator("main").get_by_role("link", name="取り消す").click()
    assert heading(page) == "お申し込みを取り消しますか"
    with page.expect_navigation():
        press(page, "取り消す")
    assert _statuses(page) == ["cancelled"]
    _open(page, live_server, waiting)
    assert _statuses(page) == ["offered"]
    with page.expect_navigation():
        press(page, "参加する")
    assert _statuses(page) == ["confirmed"]
    _check_privacy(page, watch, live_server)


@pytest.mark.parametrize("scripts", [False])
def test_too_late_is_said_with_what_was_typed(
    page: Page, found: Registration, live_server: LiveServer, scripts: bool
) -> None:
    _open(page, live_server, found)
    _to(page, "/attendees/2/replacement")
    named(page, "attendees-0-family_name").fill(OTSUKA.family_name)
    cancel(found.attendees[1:])
    named(page, "attendees-0-family_kana").fill(OTSUKA.family_kana)
    named(page, "attendees-0-given_kana").fill(OTSUKA.given_kana)
    named(page, "consent_group").check()
    with page.expect_navigation():
        press(page, "差し替える")
    assert page.locator("[data-refusal]").get_attribute("data-refusal") == "closed"
    assert has_focus(page.locator(".error-summary"))
    assert named(page, "attendees-0-family_name").input_value() == OTSUKA.family_name
    db.session.rollback()
    assert found.attendees[1].status == Status.CANCELLED


def _open(page: Page, live_server: LiveServer, found: Registration) -> None:
    page.goto(f"{live_server.url}/r/{Recipient(found).token}")
    assert heading(page) == "お申し込みの確認"


def _to(page: Page, end: str) -> None:
    page.locator(f'main a[href$="{end}"]').first.click()


def _names(page: Page) -> list[str]:
    return page.locator(".person-name .whole").all_inner_texts()


def _statuses(page: Page) -> list[str]:
    statuses: list[str] = page.locator("[data-status]").evaluate_all(
        "all => all.map(one => one.dataset.status)"
    )
    return statuses


def _subjects(sink: Sink, to: str) -> list[str]:
    mine = [one.message["Subject"] for one in sink.received if one.recipients == (to,)]
    return [subject.split("】")[0] + "】" for subject in mine]


def _check_privacy(page: Page, watch: Watch, live_server: LiveServer) -> None:
    assert watch.origins == {live_server.url}
    assert page.context.cookies() == []
    assert [one for one in watch.complaints if "422" not in one] == []
