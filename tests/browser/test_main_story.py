"""The whole way once: an organiser puts up a seminar, a town hall registers two people, one of them leaves again."""

import csv
import io
import re
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from icalendar import Calendar
from playwright.sync_api import Page
from sqlalchemy import select

from eventsite import accounts, clock, dates
from eventsite.db import db
from eventsite.models import Message, MessageStatus
from tests.browser import journey
from tests.browser.journey import follow, heading, named, press
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA
from tests.fixtures.browser import NewPage, Watch
from tests.fixtures.database import on_both
from tests.fixtures.live import LiveServer
from tests.fixtures.post import Sink

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

SLUG = "jichitai-dx"
TITLE = "はじめての自治体DX"
JOIN_URL = "https://zoom.us/j/00000000000"
SATO = "sato@gdx.example.jp"
NAMES = [f"{TAKASAKI.family_name} {TAKASAKI.given_name}", f"{YOSHIDA.family_name} {YOSHIDA.given_name}"]
ROSTER_BEGINS = "受付番号,枝番,状態,参加区分,参加方法,参加費,都道府県,団体コード,団体名・会社名,部署名"


@on_both
def test_main_story(
    app: Flask, live_server: LiveServer, smtp_sink: Sink, new_page: NewPage, tmp_path: Path
) -> None:
    start = datetime.combine(
        dates.in_zone(clock.now()).date() + timedelta(weeks=4), time(14), tzinfo=ZoneInfo(dates.TOKYO)
    )
    accounts.create_account(SATO, "佐藤 花子", "organiser", journey.PASSWORD)
    office, office_watch = _page(new_page)
    journey.sign_in(office, live_server.url, SATO)
    _put_up(office, start)
    stranger, _ = _page(new_page)
    assert stranger.goto(f"{live_server.url}/events/{SLUG}").status == 404
    _publish(office)

    visitor, visitor_watch = _page(new_page)
    reference = _register(visitor, live_server.url)
    manage_url = _confirmation(live_server, smtp_sink, reference, start)
    _open_three_times(visitor, manage_url)
    _cancel_first(visitor)
    _cancellation(live_server, smtp_sink, reference)

    downloaded = _download_roster(office, tmp_path / "download.csv")
    _check_roster(downloaded, reference)
    live_server.flask("roster", SLUG, "-o", str(tmp_path / "command.csv"))
    assert (tmp_path / "command.csv").read_bytes() == downloaded

    assert visitor_watch.origins == {live_server.url}
    assert visitor_watch.setting_cookies == []
    assert visitor.context.cookies() == []
    assert visitor_watch.complaints == []
    assert office_watch.origins == {live_server.url}
    assert office_watch.setting_cookies != []  # so the log does see them
    assert office_watch.complaints == []


def _page(new_page: NewPage) -> tuple[Page, Watch]:
    watch = Watch()
    return new_page(watch), watch


def _put_up(page: Page, start: datetime) -> None:
    """Make the draft, give a category its seats, look at the preview."""
    follow(page, "セミナーを作る")
    values = {
        "title": TITLE,
        "date": f"{start:%Y-%m-%d}",
        "start": "14:00",
        "end": "15:30",
        "online_words": "Zoomウェビナー",
        "join_url": JOIN_URL,
        "capacity_total": "30",
        "slug": SLUG,
        "contact_email": "seminar@gdx.example.jp",
    }
    for name, value in values.items():
        named(page, name).fill(value)
    page.get_by_label("オンライン", exact=True).check()
    press(page, "下書きを作る")
    assert heading(page) == "参加区分"
    follow(page, "自治体職員")
    named(page, "capacity").fill("10")
    press(page, "保存する")
    assert (
        page.locator("tr", has_text="local_gov").locator("td.number").inner_text().split("\n")[0] == "0 / 10"
    )
    follow(page, "公開前の確認")
    assert heading(page) == TITLE
    assert page.locator("main .notice-title").first.inner_text() == "プレビュー"


def _publish(page: Page) -> None:
    follow(page, "管理画面へ戻る")
    press(page, "公開する")
    assert page.get_by_role("status").inner_text() == "公開しました。"


def _register(page: Page, site: str) -> str:
    """Register two colleagues on one mailbox; return the reference number."""
    page.goto(f"{site}/")
    follow(page, TITLE)
    page.locator(".apply").get_by_role("link", name="自治体職員").click()
    journey.fill_person(page, 0, TAKASAKI)
    press(page, "参加者を追加する")
    journey.fill_person(page, 1, YOSHIDA)
    journey.fill_contact(page)
    named(page, "consent_group").check()
    press(page, "確認画面へ進む")
    assert heading(page) == "入力内容の確認"
    assert page.get_by_text(NAMES[0], exact=True).count() == 1
    assert page.get_by_text(NAMES[1], exact=True).count() == 1
    press(page, "申し込む")
    page.wait_for_url(f"{site}/events/{SLUG}/registered/*")
    assert page.locator("[data-status]").evaluate_all("all => all.map(one => one.dataset.status)") == [
        "confirmed",
        "confirmed",
    ]
    assert re.search(r"/r/[\w-]{20}", page.content()) is None
    reference = page.locator("[data-registered]").get_attribute("data-registered")
    assert reference is not None
    return reference


def _confirmation(server: LiveServer, sink: Sink, reference: str, start: datetime) -> str:
    """The one letter: everything in its text, the calendar entry beside it. Return the manage link."""
    server.wait_until(lambda: _sent() == ["confirmed"], "the confirmation was not sent")
    assert [one.recipients for one in sink.received] == [(TOWN_HALL,)]
    message = sink.messages[0]
    assert [message["To"]] == message.get_all("To") == [TOWN_HALL]
    lines = message.get_body(("plain",)).get_content().splitlines()
    assert f"■ 受付番号　{reference}" in lines
    day = f"{start.year}年{start.month}月{start.day}日（{'月火水木金土日'[start.weekday()]}）"
    assert [one for one in lines if one.startswith(f"■ 日　　時　{day}14:00～15:30")] != []
    assert JOIN_URL in lines
    links = [one for one in lines if re.fullmatch(rf"{re.escape(server.url)}/r/[\w-]+", one)]
    assert len(links) == 1
    parts = [one for one in message.walk() if one.get_content_type() == "text/calendar"]
    calendar = Calendar.from_ical(parts[0].get_payload(decode=True))
    assert calendar["METHOD"] == parts[0].get_param("method") == "REQUEST"
    assert [one.start for one in calendar.events] == [start]
    return links[0]


def _open_three_times(page: Page, manage_url: str) -> None:
    before = _everything_stored()
    for _ in range(3):
        answer = page.goto(manage_url)
        assert answer is not None
        assert answer.status == 200
    assert _everything_stored() == before


def _cancel_first(page: Page) -> None:
    page.get_by_role("link", name="取り消す").first.click()
    page.locator("#cancellation-form").get_by_role("button", name="取り消す").click()
    assert heading(page) == "お申し込みの確認"
    assert page.locator("[data-status]").evaluate_all("all => all.map(one => one.dataset.status)") == [
        "cancelled",
        "confirmed",
    ]


def _cancellation(server: LiveServer, sink: Sink, reference: str) -> None:
    server.wait_until(lambda: _sent() == ["confirmed", "cancelled"], "the cancellation was not sent")
    assert [one.recipients for one in sink.received] == [(TOWN_HALL,)] * 2
    lines = sink.messages[1].get_body(("plain",)).get_content().splitlines()
    assert f"■ 受付番号　{reference}" in lines
    told = lines[lines.index("次の参加者のお申し込みについて、取消しを承りました。") :]
    assert next(one for one in told if " 様" in one).split("　")[0] == f"  1. {NAMES[0]} 様（自治体職員）"


def _download_roster(page: Page, target: Path) -> bytes:
    page.get_by_role("navigation", name="このセミナー").get_by_role("link", name="参加者").click()
    with page.expect_download() as download:
        follow(page, "CSV（UTF-8）")
    download.value.save_as(target)
    return target.read_bytes()


def _check_roster(content: bytes, reference: str) -> None:
    text = content.decode("utf-8")
    assert text[0] == "\ufeff"
    assert text.replace('"', "")[1:].startswith(ROSTER_BEGINS)
    assert re.findall(r"(?<!\r)\n|\r(?!\n)", text) == []
    rows = list(csv.DictReader(io.StringIO(text[1:], newline="")))
    assert [(one["受付番号"], one["枝番"], one["状態"], f"{one['姓']} {one['名']}") for one in rows] == [
        (reference, "1", "取消", NAMES[0]),
        (reference, "2", "参加確定", NAMES[1]),
    ]


def _sent() -> list[str]:
    """Names of the letters in the outbox, once all of them are out; in between an empty list."""
    db.session.rollback()
    rows = db.session.execute(select(Message.letter, Message.status).order_by(Message.id)).all()
    db.session.rollback()
    return [letter for letter, _ in rows] if {status for _, status in rows} == {MessageStatus.SENT} else []


def _everything_stored() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but the worker's signs of life."""
    db.session.rollback()
    tables = [one for one in db.metadata.sorted_tables if one.name != "heartbeat"]
    found = {one.name: sorted(map(tuple, db.session.execute(select(one))), key=repr) for one in tables}
    db.session.rollback()
    return found
