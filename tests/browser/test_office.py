"""The office at the telephone: an entry beyond the limit, cancelled by mistake, and undone; its pages without faults."""

import pytest
from flask import Flask
from playwright.sync_api import Page

from eventsite.db import db
from eventsite.models import Attendee, Event
from eventsite.registration import register
from tests.browser import journey
from tests.browser.journey import follow, heading, named, press
from tests.browser.test_accessibility import DESK, Inspection
from tests.cast import TAKASAKI, YAMADA, an_application, an_event, people, sato
from tests.fixtures.browser import NewPage, Watch
from tests.fixtures.database import on_both
from tests.fixtures.live import LiveServer
from tests.fixtures.post import Sink

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

BOX = "定員を超えて登録します"


@on_both
def test_by_telephone_beyond_the_limit_then_cancelled_and_undone(
    app: Flask, live_server: LiveServer, smtp_sink: Sink, new_page: NewPage, watch: Watch
) -> None:
    event = an_event(capacities={"company": 1})
    for person in (TAKASAKI, *people(1)):
        register(event, an_application(person, category="company"))
    account = journey.with_password(sato(event))
    page = new_page(watch, viewport=DESK, reduced_motion="reduce")
    inspection = Inspection(page)
    journey.sign_in(page, live_server.url, account.email)

    page.goto(f"{live_server.url}/organiser/events/{event.slug}/roster")
    follow(page, "代理で登録する")
    inspection.look("choice of category")
    follow(page, "一般企業")
    assert heading(page) == "代理で登録する"
    inspection.look("entry")
    press(page, "登録する")
    assert page.title().startswith("入力エラー：")
    inspection.look("entry with faults")
    _fill(page)
    named(page, "attendees-0-given_name").press("Enter")
    assert heading(page) == "登録の前の確認"
    assert page.locator("section .badge").inner_text() == "キャンセル待ち"
    inspection.look("before it is recorded")
    page.get_by_label(BOX).check()
    press(page, "登録する")
    assert heading(page) == f"{YAMADA.family_name} {YAMADA.given_name} 様"
    assert _state(page) == ["参加確定", "定員超過"]
    inspection.look("attendee")

    follow(page, "取り消す")
    inspection.look("asked before")
    named(page, "reason").fill("二重のお申し込みのため")
    press(page, "取り消す")
    assert _state(page) == ["取消"]
    press(page, "取消を元に戻す")
    assert page.locator(".error-summary li").inner_text() == "「一般企業」に空席がありません。"
    inspection.look("refused")
    page.get_by_label(BOX).check()
    press(page, "取消を元に戻す")
    assert page.get_by_role("status").inner_text() == "取消を元に戻しました。"
    assert _state(page) == ["参加確定", "定員超過"]

    _look_at_the_waitlist(page, event, inspection)
    assert _statuses() == ["confirmed", "lost", "confirmed"]
    live_server.wait_until(lambda: len(smtp_sink.received) == 6, "not everybody was told")
    assert inspection.faults == {}
    assert len(inspection.inks) == 2  # dark was dark
    assert watch.origins == {live_server.url}
    assert [one for one in watch.complaints if "422" not in one and "409" not in one] == []


def _look_at_the_waitlist(page: Page, event: Event, inspection: Inspection) -> None:
    page.locator("nav.event-nav").get_by_role("link", name="キャンセル待ち").click()
    inspection.look("waitlist")
    page.locator("tbody").get_by_role("button", name="繰り上げる").click()
    assert "空席がないため、繰り上げられません。" in page.locator(".error-summary").inner_text()
    inspection.look("no free seat")
    press(page, "キャンセル待ちを終了")
    assert heading(page) == "キャンセル待ちを終了しますか"
    inspection.look("asked before the end")
    press(page, "キャンセル待ちを終了する")
    assert page.locator(".empty h2").inner_text() == "待っている方はいません"


def _fill(page: Page) -> None:
    named(page, "attendees-0-organisation").fill(YAMADA.organisation)
    named(page, "attendees-0-family_name").fill(YAMADA.family_name)
    named(page, "attendees-0-given_name").fill(YAMADA.given_name)
    named(page, "contact_email").fill(YAMADA.email)
    named(page, "consent_privacy").check()


def _state(page: Page) -> list[str]:
    return page.locator(".facts .badge").all_inner_texts()


def _statuses() -> list[str]:
    db.session.rollback()
    return [one.status.value for one in db.session.query(Attendee).order_by(Attendee.id)]
