"""The page 席の内訳: who may read it, what it says in words, and its lines."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite.db import db, transaction
from eventsite.events import operations as events
from eventsite.models import MOVES, Attendee, Event, EventRole, Format, ParticipationMode
from eventsite.registration import accept, cancel, move_to, register
from eventsite.web.organiser import seats
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, people, sato, sign_in, suzuki, tanaka
from tests.fixtures.database import on_both
from tests.registration.test_history import statements

NOW = datetime(2025, 12, 18, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event(capacities={"local_gov": 1}, start_at=datetime(2026, 1, 14, 1, 0, tzinfo=UTC))


def address(event: Event) -> str:
    return f"/organiser/events/{event.slug}/seats"


def words(fragment: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", fragment)).split())


def facts(page: str) -> dict[str, str]:
    """What is said of the seats, by label."""
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page, re.DOTALL)
    return {words(label): words(lines) for label, lines in pairs}


def rows(page: str, heading: str) -> list[str]:
    """The rows of the table below a heading, each as its words."""
    section = page.split(f'id="{heading}"')[1].split("</section>")[0]
    body = re.search(r"<tbody>(.*)</tbody>", section, re.DOTALL)
    return [words(row) for row in re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)] if body else []


def staffed(event: Event) -> str:
    """The number of the attendee whom the staff entered."""
    query = select(Attendee).where(Attendee.event_id == event.id, Attendee.over_limit.is_(True))
    return db.session.scalars(query).one().number


class TestPage:
    @on_both
    def test_tells_how_it_adds_up_and_why(self, client: FlaskClient, event: Event, moment) -> None:
        sign_in(client, sato(event))
        first = register(event, an_application(TAKASAKI))
        moment.move(MINUTE)
        second = register(event, an_application(YOSHIDA))
        moment.move(MINUTE)
        page = client.get(address(event)).text
        assert facts(page) == {
            "セミナー全体": "定員なし。参加確定 1 キャンセル待ち 1（最初の方は12月18日（木）10:01から）",
            "自治体職員": "1席 = 参加確定 1 + 空き 0 キャンセル待ち 1（最初の方は12月18日（木）10:01から）",
            "GDX会員": "60席 = 参加確定 0 + 空き 60",
            "一般企業": "30席 = 参加確定 0 + 空き 30",
        }
        assert rows(page, "answers-heading") == [
            "自治体職員 満席（キャンセル待ち受付中） キャンセル待ち（区分が満席）",
            "GDX会員 受付中 参加確定",
            "一般企業 受付中 参加確定",
        ]
        one, other = (found.attendees[0].number for found in (first, second))
        assert rows(page, "lines-heading") == [
            f"2025/12/18 10:00 {one} 申込で確定 自治体職員 申込者 +1 1",
            f"2025/12/18 10:01 {other} 申込でキャンセル待ち（区分が満席） 自治体職員 申込者 0 1",
        ]
        assert [one.name in page for one in (*first.attendees, *second.attendees)] == [False, False]

    def test_the_lines_of_one_category(self, client: FlaskClient, event: Event, moment) -> None:
        by = sato(event)
        sign_in(client, by)
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        one, other = found.attendees
        moment.move(MINUTE)
        register(event, an_application(*people(1)), by=by, source="staff", over_limit=True)
        moment.move(MINUTE)
        move_to(one, event.category("company"), by)
        moment.move(MINUTE)
        events.change_category(event.category("local_gov"), {"capacity": 2, "promotion": "offer"}, by)
        moment.move(MINUTE)
        accept(other)
        cancel([other])
        page = client.get(f"{address(event)}?category=local_gov").text
        assert [line.split(" ", 2)[2] for line in rows(page, "lines-heading")] == [
            f"{one.number} 申込で確定 申込者 +1 1",
            f"{other.number} 申込でキャンセル待ち（区分が満席） 申込者 0 1",
            f"{staffed(event)} 事務局が定員を超えて登録 佐藤 花子 +1 2",
            f"{one.number} 区分の変更（自治体職員 → 一般企業） 佐藤 花子 −1 1",
            "定員の変更 佐藤 花子 0 1",
            f"{other.number} 繰上げ案内 自動 +1 2",
            f"{other.number} 繰上げ案内に応じて確定 申込者 0 2",
            f"{other.number} 取消で解放 申込者 −1 1",
        ]
        company = client.get(f"{address(event)}?category=company").text
        assert [line.split(" ", 2)[2] for line in rows(company, "lines-heading")] == [
            f"{one.number} 区分の変更（自治体職員 → 一般企業） 佐藤 花子 +1 1"
        ]

    def test_ways_to_take_part_and_what_is_looked_at(self, client: FlaskClient, app: Flask) -> None:
        event = an_event(format=Format.HYBRID, capacity_total=3)
        with transaction():
            for place, (key, label) in enumerate(events.MODES):
                event.modes.append(
                    ParticipationMode(key=key, label=label, position=place, capacity=1 if not place else None)
                )
            for code, rule in (("local_gov", "domain_hint"), ("gdx_member", "member_roster")):
                event.category(code).verification = rule
            event.category("company").verification = "invite_code"
        register(event, an_application(replace(TAKASAKI, participation="venue")))
        sign_in(client, sato(event))
        page = client.get(address(event)).text
        assert facts(page)["会場参加"] == "1席 = 参加確定 1 + 空き 0"
        assert facts(page)["自治体職員"] == (
            "60席 = 参加確定 1 + 空き 59 "
            "セミナー全体や参加方法の定員により、この区分で席があるのは2名分です。"
        )
        assert [line.replace("残りわずか ", "") for line in rows(page, "answers-heading")] == [
            "自治体職員 会場参加 キャンセル待ち（参加方法が満席）",
            "自治体職員 オンライン参加 参加確定 自治体のアドレスの方です。ほかの方は承認待ちになります。",
            "GDX会員 会場参加 キャンセル待ち（参加方法が満席）",
            "GDX会員 オンライン参加 参加確定 会員番号を確認できた方です。ほかの方は承認待ちになります。",
            "一般企業 会場参加 キャンセル待ち（参加方法が満席） 正しい招待コードのある方だけです。",
            "一般企業 オンライン参加 参加確定 正しい招待コードのある方だけです。",
        ]

    def test_a_refusal_is_given_in_its_words(self, client: FlaskClient, event: Event) -> None:
        with transaction():
            event.category("company").waitlist = False
            event.category("company").capacity = 1
            event.category("gdx_member").closes_at = NOW
        register(event, an_application(TAKASAKI, category="company"))
        sign_in(client, sato(event))
        assert rows(client.get(address(event)).text, "answers-heading")[1:] == [
            "GDX会員 受付終了 この区分の受付は、12月18日（木）10:00に終了しました。",
            "一般企業 満席 この区分は満席のため、受け付けできません。",
        ]

    def test_every_legal_move_has_words(self, app: Flask) -> None:
        with app.test_request_context():
            moves = {(before, after) for before, all_after in MOVES.items() for after in all_after}
            assert set(seats._moves()) == moves
            assert len(set(seats._moves().values())) == len(moves) - 1  # two ways to cancel a seat


class TestLines:
    def test_come_in_pages(self, client: FlaskClient, event: Event, monkeypatch) -> None:
        monkeypatch.setattr(seats, "PAGE_SIZE", 2)
        sign_in(client, sato(event))
        for one in people(5):
            register(event, an_application(one))
        sizes = [
            len(rows(client.get(f"{address(event)}?category=local_gov&page={page}").text, "lines-heading"))
            for page in ("1", "2", "3", "4", "0", "-9", "9" * 30, "x")
        ]
        assert sizes == [2, 2, 1, 1, 2, 2, 1, 2]
        page = client.get(f"{address(event)}?category=local_gov&page=2").text
        start = f"{address(event)}?category=local_gov"
        assert f'href="{start}&amp;page=1#lines-heading"' in page
        assert f'href="{start}&amp;page=3#lines-heading"' in page

    @pytest.mark.parametrize("code", ["nowhere", "%F0%9F%98%80", "x" * 5000])
    def test_a_category_that_is_not_there_has_none(self, client, event: Event, code: str) -> None:
        sign_in(client, sato(event))
        register(event, an_application(TAKASAKI))
        answer = client.get(f"{address(event)}?category={code}")
        assert (answer.status_code, "まだ記録はありません" in answer.text) == (200, True)

    def test_the_number_of_queries_is_that_of_one_line(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        register(event, an_application(TAKASAKI))
        few = statements(lambda: client.get(address(event)))
        for _ in range(10):
            register(event, an_application(*people(5)))
        assert statements(lambda: client.get(address(event))) == few
        assert len(rows(client.get(address(event)).text, "lines-heading")) == 51


class TestWhoMayRead:
    @pytest.mark.parametrize("role", ["viewer", "staff", "organiser"])
    def test_whoever_may_see_the_event(self, client: FlaskClient, event: Event, role: str) -> None:
        account = suzuki(event)
        with transaction():
            db.session.scalars(select(EventRole)).one().role = role
        sign_in(client, account)
        assert client.get(address(event)).status_code == 200
        assert f'href="{address(event)}"' in client.get(f"/organiser/events/{event.slug}/").text

    def test_nobody_else(self, client: FlaskClient, event: Event) -> None:
        assert client.get(address(event)).status_code == 302
        sign_in(client, tanaka())
        assert client.get(address(event)).status_code == 404
