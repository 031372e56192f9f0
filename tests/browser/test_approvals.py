"""The office looks through its queue: one person approved, two declined with a reason, everybody told."""

from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Page

from eventsite.db import db, transaction
from eventsite.models import Attendee, Status
from eventsite.registration import register
from tests.browser import journey
from tests.browser.journey import heading, named, press
from tests.browser.test_accessibility import DESK, Inspection
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, sato
from tests.fixtures.browser import NewPage, Watch
from tests.fixtures.database import on_both
from tests.fixtures.live import LiveServer
from tests.fixtures.post import Sink

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

REASON = "企業の方の席は、\n会員企業を優先しました。"
FREE_MAIL = "yamada.taro@gmail.com"


@on_both
def test_one_approved_and_two_declined(
    app: Flask, live_server: LiveServer, smtp_sink: Sink, new_page: NewPage, watch: Watch
) -> None:
    event = an_event()
    with transaction():
        for one in event.categories:
            one.approval = "manual"
    first = register(event, an_application(TAKASAKI, YOSHIDA)).attendees
    alone = an_application(replace(YAMADA, email=""), category="company", contact_email=FREE_MAIL)
    (third,) = register(event, alone).attendees
    account = journey.with_password(sato(event))
    live_server.wait_until(lambda: len(smtp_sink.received) == 3, "nobody was told to wait")
    page = new_page(watch, viewport=DESK, reduced_motion="reduce")
    inspection = Inspection(page)

    journey.sign_in(page, live_server.url, account.email)
    page.goto(f"{live_server.url}/organiser/events/{event.slug}/")
    journey.follow(page, "承認へ進む")
    assert heading(page) == "承認"
    assert _queue(page) == [first[0].name, first[1].name, third.name]
    assert page.locator("tbody .badge").all_inner_texts() == ["自治体のアドレス"] * 2 + ["フリーメール"]
    inspection.look("queue")

    press(page, "選んだ参加者を承認する")
    assert page.title().startswith("入力エラー：")
    assert page.locator(".error-summary li").inner_text() == "参加者を選んでから押してください。"
    inspection.look("nobody chosen")

    _choose(page, first[1])
    page.get_by_label(f"{first[1].name} 様を選ぶ").press("Enter")
    assert _queue(page) == [first[0].name, first[1].name, third.name], "Enter approves nobody"
    press(page, "選んだ参加者を承認する")
    assert page.get_by_role("status").inner_text() == "1名を承認しました。"
    assert _queue(page) == [first[0].name, third.name]

    _choose(page, first[0])
    _choose(page, third)
    press(page, "選んだ参加者を参加不可にする")
    assert heading(page) == "参加をお断りしますか"
    assert page.locator(".people bdi").all_inner_texts()[::2] == [first[0].name, third.name]
    inspection.look("asked before")
    named(page, "reason").fill("長" * 501)
    press(page, "参加不可にする")
    assert named(page, "reason").get_attribute("aria-invalid") == "true"
    inspection.look("reason too long")
    named(page, "reason").fill(REASON)
    press(page, "参加不可にする")
    assert page.get_by_role("status").inner_text() == "2名を参加不可にしました。"
    assert page.locator(".empty h2").inner_text() == "承認を待っている方はいません"
    inspection.look("nobody waits")

    db.session.rollback()
    assert [one.status for one in (*first, third)] == [Status.DECLINED, Status.CONFIRMED, Status.DECLINED]
    live_server.wait_until(lambda: len(smtp_sink.received) == 7, "not everybody was told")
    _check_letters(smtp_sink)
    assert inspection.faults == {}
    assert len(inspection.inks) == 2  # dark was dark
    assert watch.origins == {live_server.url}
    assert [one for one in watch.complaints if "422" not in one] == []


def _queue(page: Page) -> list[str]:
    return page.locator("tbody th bdi").all_inner_texts()


def _choose(page: Page, attendee: Attendee) -> None:
    page.get_by_label(f"{attendee.name} 様を選ぶ").check()


def _check_letters(sink: Sink) -> None:
    """To whom, with which subject, and whether the reason stands in it."""
    told = []
    for one in sink.received[3:]:
        body = one.message.get_body(("plain",))
        assert body is not None
        text = body.get_content().replace("\r\n", "\n")
        told.append((one.recipients[0], one.message["Subject"].split("】")[0], REASON in text))
    assert sorted(told) == sorted(
        [
            (TOWN_HALL, "【承認・参加確定", False),
            (YOSHIDA.email, "【承認・参加確定", False),
            (TOWN_HALL, "【申込結果：参加不可", True),
            (FREE_MAIL, "【申込結果：参加不可", True),
        ]
    )
