"""The pages of a draw: the organisers' button and result, and what everybody may see of it and repeat."""

import html
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import checks, tokens
from eventsite.db import db, transaction
from eventsite.models import Attendee, AuditEntry, Draw, Event, EventStatus, Message, Registration, Status
from eventsite.registration import approve, cancel, draw, lottery, move_to, register
from tests.cast import an_application, an_event, kanri, people, sato, sign_in, suzuki, tanaka
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
CLOSING = datetime(2025, 12, 15, 8, 0, tzinfo=UTC)
DRAW_HOUR = datetime(2025, 12, 17, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NO_SEAT = "名は、空席がないため承認できませんでした。定員を増やすか、参加不可にしてください。"
DONE_BEFORE = "名は、すでに処理されていました。"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_lottery(seats: int | None = 2, *, approval: str = "auto", waitlist: bool = True, **changes) -> Event:
    """A seminar on 24 December whose towns are drawn, after the closing on the 15th."""
    times = {"start_at": START, "end_at": START + timedelta(minutes=90), "closes_at": CLOSING}
    event = an_event(capacities={"local_gov": seats}, **(times | changes))
    with transaction():
        category = event.category("local_gov")
        category.selection, category.approval, category.waitlist = "lottery", approval, waitlist
    return event


@pytest.fixture
def event(app: Flask) -> Event:
    return a_lottery()


def enter(event: Event, count: int = 5) -> Registration:
    return register(event, an_application(*people(count)))


def inside(event: Event, rest: str = "/local_gov") -> str:
    return f"/organiser/events/{event.slug}/draws{rest}"


def outside(event: Event, code: str = "local_gov") -> str:
    return f"/events/{event.slug}/draws/{code}"


def seed_of(event: Event) -> str:
    query = select(Draw.seed).where(Draw.category_id == event.category("local_gov").id)
    seed = db.session.scalar(query)
    assert seed is not None
    return seed


def rows(page: str) -> list[list[str]]:
    """The rows of the page's table, each as the words of its cells."""
    body = re.search(r"<tbody>(.*)</tbody>", page, re.DOTALL)
    found = re.findall(r"<tr.*?>(.*?)</tr>", body[1], re.DOTALL) if body else []
    cells = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL) for row in found]
    return [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in cells]


def facts(page: str) -> dict[str, str]:
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page, re.DOTALL)
    return {label: " ".join(re.sub(r"<[^>]*>", " ", words).split()) for label, words in pairs}


def tiles(page: str) -> dict[str, str]:
    pairs = re.findall(r'tile-label">(.*?)</p>\s*<p class="tile-number">(.*?)</p>', page, re.DOTALL)
    return {label: re.sub(r"<[^>]*>", "", number) for label, number in pairs}


class TestOrganisersPage:
    @pytest.mark.parametrize(
        ("who", "status"),
        [(sato, 200), (lambda _: kanri(), 200), (suzuki, 403), (lambda _: tanaka(), 404)],
        ids=["organiser", "admin", "staff", "somebody else"],
    )
    def test_who_may_enter(
        self, client: FlaskClient, event: Event, moment, who: Callable, status: int
    ) -> None:
        enter(event)
        moment.moment = CLOSING
        sign_in(client, who(event))
        pages = (inside(event, ""), inside(event))
        assert [client.get(page).status_code for page in pages] == [status, status]
        assert client.post(inside(event)).status_code == (303 if status == 200 else status)
        assert (event.category("local_gov").drawn_at is not None) == (status == 200)

    def test_before_the_closing(self, client: FlaskClient, event: Event) -> None:
        enter(event)
        sign_in(client, sato(event))
        page = client.get(inside(event, "")).text
        assert tiles(page) == {"抽選の申込": "5", "承認待ち": "0", "空き": "2"}
        shown = facts(page)
        assert shown["種の指紋"] == lottery.fingerprint(seed_of(event))
        assert shown["抽選の日時"].startswith("受付終了（12月15日（月））のあと")
        assert "抽選できるのは、12月15日（月）17:00からです。" in page
        assert "抽選へ進む" not in page
        assert seed_of(event) not in page

    def test_from_the_closing_on_there_is_a_button(self, client: FlaskClient, event: Event, moment) -> None:
        enter(event)
        sign_in(client, sato(event))
        moment.moment = CLOSING
        assert inside(event) in read(client.get(inside(event, ""))).links
        overview = client.get(f"/organiser/events/{event.slug}/").text
        assert "自治体職員の抽選を実施できます（5名）。" in overview

    def test_the_set_day_is_told(self, client: FlaskClient) -> None:
        event = a_lottery(lottery_at=DRAW_HOUR)
        enter(event)
        sign_in(client, sato(event))
        page = client.get(inside(event, "")).text
        assert facts(page)["抽選の日時"] == "12月17日（水）10:00 その時刻に、自動で行います。"

    def test_without_day_and_closing_it_says_what_to_do(self, client: FlaskClient) -> None:
        event = a_lottery(closes_at=None)
        enter(event)
        sign_in(client, sato(event))
        assert "どちらかを決めると、抽選できます。" in client.get(inside(event, "")).text

    def test_without_a_lottery(self, client: FlaskClient) -> None:
        event = an_event()
        sign_in(client, sato(event))
        page = client.get(inside(event, "")).text
        assert "抽選をする参加区分はありません" in page
        assert inside(event, "") not in client.get(f"/organiser/events/{event.slug}/").text, "nor in the menu"

    def test_nobody_yet(self, client: FlaskClient, event: Event, moment) -> None:
        sign_in(client, sato(event))
        assert facts(client.get(inside(event, "")).text)["種の指紋"] == "最初の申込のときに決まります。"
        moment.moment = CLOSING
        assert "抽選の申込は、まだありません。" in client.get(inside(event, "")).text

    @pytest.mark.parametrize("code", ["company", "nothing", "x" * 500, "%F0%9F%98%80", "..%2Fedit"])
    def test_what_is_no_lottery_is_not_there(self, client: FlaskClient, event: Event, code: str) -> None:
        sign_in(client, sato(event))
        for method in ("GET", "POST"):
            assert client.open(inside(event, f"/{code}"), method=method).status_code == 404


class TestTheButton:
    def test_asks_first(self, client: FlaskClient, moment) -> None:
        event = a_lottery(approval="manual")
        entered = enter(event, 5).attendees
        account = sato(event)
        approve(event, entered[:3], account)
        sign_in(client, account)
        moment.moment = CLOSING
        page = client.get(inside(event)).text
        assert "抽選を実施しますか" in page
        shown = facts(page)
        assert (shown["抽選の申込"], shown["空き"]) == ("3名", "2名")
        assert "2名が承認を待っています。いま抽選すると、この方々は対象外になります。" in page
        assert f"/organiser/events/{event.slug}/approvals" in read(client.get(inside(event))).links
        assert event.category("local_gov").drawn_at is None, "looking draws nothing"

    @on_both
    def test_draws(self, client: FlaskClient, event: Event, moment) -> None:
        enter(event)
        account = sato(event)
        sign_in(client, account)
        moment.moment = CLOSING
        answer = client.post(inside(event))
        assert (answer.status_code, answer.location) == (303, inside(event))
        page = client.get(inside(event)).text
        assert "抽選を行い、結果をメールでお知らせしました。" in page
        assert tiles(page) == {"当選": "2", "キャンセル待ち": "3", "対象外": "0"}
        shown = facts(page)
        assert (shown["種"], shown["抽選した人"]) == (seed_of(event), "佐藤 花子")
        assert shown["抽選した日時"] == "2025/12/15 17:00"
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "draw.made")).one()
        assert entry.account_id == account.id
        assert checks.run() == []

    def test_the_result_names_people_and_what_became_of_them(
        self, client: FlaskClient, event: Event, moment
    ) -> None:
        entered = {one.number: one for one in enter(event).attendees}
        sign_in(client, sato(event))
        moment.moment = CLOSING
        client.post(inside(event))
        order = lottery.order(seed_of(event), entered)
        cancel([entered[order[0]]])
        results = rows(client.get(inside(event)).text)
        assert results[0] == ["1", order[0], entered[order[0]].name, "当選", "取消"]
        assert results[1] == ["2", order[1], entered[order[1]].name, "当選", "参加確定"]
        assert results[4] == ["5", order[4], entered[order[4]].name, "キャンセル待ち", "キャンセル待ち"]
        assert [one[1] for one in results] == order

    def test_it_names_those_whom_the_office_has_moved_since(
        self, client: FlaskClient, event: Event, moment
    ) -> None:
        entered = {one.number: one for one in enter(event).attendees}
        account = sato(event)
        sign_in(client, account)
        moment.moment = CLOSING
        client.post(inside(event))
        last = entered[lottery.order(seed_of(event), entered)[-1]]
        move_to(last, event.category("company"), account)
        assert last.category.code == "company"
        assert rows(client.get(inside(event)).text)[-1][1:4] == [last.number, last.name, "キャンセル待ち"]

    def test_somebody_else_was_quicker(self, client: FlaskClient, event: Event, moment) -> None:
        enter(event)
        sign_in(client, sato(event))
        moment.moment = CLOSING
        client.post(inside(event))
        messages = len(db.session.scalars(select(Message.id)).all())
        assert client.post(inside(event)).status_code == 303
        assert "この参加区分の抽選は、すでに終わっています。" in client.get(inside(event)).text
        assert len(db.session.scalars(select(Message.id)).all()) == messages

    def test_too_early(self, client: FlaskClient, event: Event) -> None:
        enter(event)
        sign_in(client, sato(event))
        assert "draw-form" not in client.get(inside(event)).text
        assert client.post(inside(event)).status_code == 303
        assert "抽選できるのは、12月15日（月）17:00からです。" in client.get(inside(event)).text
        assert event.category("local_gov").drawn_at is None

    def test_drawn_by_itself(self, client: FlaskClient, moment) -> None:
        event = a_lottery(lottery_at=DRAW_HOUR, waitlist=False)
        enter(event)
        sign_in(client, sato(event))
        moment.moment = DRAW_HOUR
        draw(event.category("local_gov"), None)
        page = client.get(inside(event)).text
        assert tiles(page) == {"当選": "2", "落選": "3", "対象外": "0"}
        assert facts(page)["抽選した人"] == "決められた時刻に自動で"


class TestForgery:
    @pytest.fixture
    def client(self, make_app):
        app = make_app(WTF_CSRF_ENABLED=True)
        with app.app_context():
            yield app.test_client()

    def test_only_the_page_s_own_button_draws(self, client: FlaskClient, moment) -> None:
        event = a_lottery()
        enter(event)
        sign_in(client, sato(event))
        moment.moment = CLOSING
        assert client.post(inside(event)).status_code == 400
        form = read(client.get(inside(event))).form
        assert client.post(inside(event), data={"csrf_token": form["csrf_token"]}).status_code == 303
        assert event.category("local_gov").drawn_at == CLOSING


class TestPublicPage:
    def test_before_the_first_entry(self, client: FlaskClient, event: Event) -> None:
        page = client.get(outside(event))
        assert page.status_code == 200
        assert facts(page.text)["種の指紋"] == "最初の申込のときに決まり、ここに載ります。"
        assert "HMAC-SHA256" in page.text

    def test_before_the_draw_it_binds_and_tells_nothing(self, client: FlaskClient) -> None:
        event = a_lottery(lottery_at=DRAW_HOUR)
        found = enter(event)
        page = client.get(outside(event)).text
        shown = facts(page)
        assert shown["抽選の日時"] == "12月17日（水）10:00"
        assert shown["種の指紋"] == lottery.fingerprint(seed_of(event))
        assert shown["種を決めた日時"] == "2025/12/01 10:00"
        assert seed_of(event) not in page
        assert found.reference not in page
        assert 'id="program"' not in page

    @on_both
    def test_afterwards_the_program_on_it_repeats_the_draw(
        self, client: FlaskClient, event: Event, moment
    ) -> None:
        enter(event, 5)
        enter(event, 3)
        before = facts(client.get(outside(event)).text)["種の指紋"]
        moment.moment = CLOSING
        draw(event.category("local_gov"), sato(event))
        page = client.get(outside(event)).text
        program = re.search(r'<code id="program">(.*?)</code>', page, re.DOTALL)
        assert program is not None
        done = subprocess.run(
            [sys.executable, "-I", "-c", html.unescape(program[1])],
            capture_output=True,
            text=True,
            check=True,
        )
        bound, *places = done.stdout.splitlines()
        results = rows(page)
        assert bound == before == facts(page)["種の指紋"]
        assert places == [f"{place} {number}" for place, number, _ in results]
        assert [word for *_, word in results] == ["当選"] * 2 + ["キャンセル待ち"] * 6
        assert facts(page)["種"] == seed_of(event)
        assert (facts(page)["当選"], facts(page)["キャンセル待ち"]) == ("2名", "6名")

    def test_numbers_only(self, client: FlaskClient, event: Event, moment) -> None:
        found = enter(event)
        moment.moment = CLOSING
        draw(event.category("local_gov"), sato(event))
        page = client.get(outside(event)).text
        for one in found.attendees:
            assert one.number in page
        for words in (
            found.contact_email,
            "参加 者",
            "見本市",
            "総務課",
            "佐藤",
            tokens.derive("registration", found.id, 1),
        ):
            assert words not in page
        assert "Set-Cookie" not in client.get(outside(event)).headers

    def test_the_result_stays_whatever_comes(self, client: FlaskClient, event: Event, moment) -> None:
        found = enter(event)
        moment.moment = CLOSING
        account = sato(event)
        draw(event.category("local_gov"), account)
        before = rows(client.get(outside(event)).text)
        cancel(found.attendees, by=account)
        assert rows(client.get(outside(event)).text) == before

    def test_how_many_were_left_out(self, client: FlaskClient, moment) -> None:
        event = a_lottery(approval="manual")
        enter(event, 3)
        moment.moment = CLOSING
        draw(event.category("local_gov"), sato(event))
        page = client.get(outside(event)).text
        assert facts(page)["対象外"] == "3名（抽選のときに承認待ちでした）"
        assert rows(page) == []

    @pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.SCHEDULED])
    def test_what_is_not_public_is_not_there(self, client: FlaskClient, event: Event, status) -> None:
        with transaction():
            event.status = status
        assert client.get(outside(event)).status_code == 404

    @pytest.mark.parametrize("code", ["company", "nothing", "x" * 500, "%F0%9F%98%80", "%E3%81%82"])
    def test_what_is_no_lottery_is_not_there(self, client: FlaskClient, event: Event, code: str) -> None:
        assert client.get(outside(event, code)).status_code == 404
        assert client.get(f"/events/nothing/draws/{code}").status_code == 404

    def test_called_off(self, client: FlaskClient, event: Event) -> None:
        enter(event)
        with transaction():
            event.status = EventStatus.CANCELLED
        assert "抽選は行いません。" in client.get(outside(event)).text

    def test_in_english(self, client: FlaskClient, event: Event, moment) -> None:
        enter(event)
        moment.moment = CLOSING
        draw(event.category("local_gov"), sato(event))
        page = client.get(f"{outside(event)}?lang=en")
        assert (page.status_code, '<html lang="en">' in page.text) == (200, True)


class TestLinks:
    def test_from_the_event_page(self, client: FlaskClient, event: Event, moment) -> None:
        page = client.get(f"/events/{event.slug}")
        assert read(page).links.count(outside(event)) == 1
        assert "抽選のしくみ（自治体職員）" in page.text
        enter(event)
        moment.moment = CLOSING
        draw(event.category("local_gov"), sato(event))
        assert "抽選の結果（自治体職員）" in client.get(f"/events/{event.slug}").text

    def test_none_without_a_lottery_or_in_the_preview(self, client: FlaskClient, event: Event) -> None:
        assert "/draws/" not in client.get(f"/events/{an_event().slug}").text
        sign_in(client, sato(event))
        assert outside(event) not in client.get(f"/organiser/events/{event.slug}/preview").text

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"lottery_at": DRAW_HOUR}, "抽選は12月17日（水）に行います。"),
            ({}, "抽選は受付終了（12月15日（月））のあとに行います。"),
        ],
        ids=["a day is set", "after the closing"],
    )
    def test_the_registration_says_when(self, client: FlaskClient, moment, changes: dict, words: str) -> None:
        event = a_lottery(**changes)
        found = enter(event)
        address = f"/r/{tokens.derive('registration', found.id, 1)}"
        page = client.get(address)
        assert words in page.text
        assert outside(event) in read(page).links
        moment.moment = CLOSING
        draw(event.category("local_gov"), sato(event))
        page = client.get(address)
        assert words not in page.text
        assert "抽選は終わりました。" in page.text
        assert outside(event) in read(page).links

    def test_other_registrations_do_not(self, client: FlaskClient, event: Event) -> None:
        found = register(event, an_application(category="company"))
        page = client.get(f"/r/{tokens.derive('registration', found.id, 1)}")
        assert outside(event) not in read(page).links


class TestApprovalAfterwards:
    """Whoever was left out of the draw gets a free seat, or the page says plainly why not (D20)."""

    @pytest.fixture
    def asking(self, client: FlaskClient, moment) -> list[Attendee]:
        event = a_lottery(2, approval="manual")
        account = sato(event)
        sign_in(client, account)
        asking = enter(event, 4).attendees
        approve(event, asking[:1], account)
        moment.moment = CLOSING
        draw(event.category("local_gov"), account)
        return asking[1:]

    def press(self, client: FlaskClient, chosen: list[Attendee], verb: str = "approvals") -> str:
        page = f"/organiser/events/{chosen[0].category.event.slug}"
        answer = client.post(f"{page}/{verb}", data={"attendee": [str(one.id) for one in chosen]})
        assert answer.status_code == 303
        return client.get(f"{page}/approvals").text

    def test_the_queue_marks_them(self, client: FlaskClient, asking: list[Attendee]) -> None:
        page = client.get(f"/organiser/events/{asking[0].category.event.slug}/approvals").text
        assert page.count("抽選の対象外・席なし") == 3

    def test_one_gets_the_seat_the_others_stay(self, client: FlaskClient, asking: list[Attendee]) -> None:
        page = self.press(client, asking)
        assert [one.status for one in asking] == [Status.CONFIRMED, Status.PENDING, Status.PENDING]
        assert ("1名を承認しました。" in page, f"2{NO_SEAT}" in page, DONE_BEFORE in page) == (
            True,
            True,
            False,
        )

    def test_decided_before_is_another_thing(self, client: FlaskClient, asking: list[Attendee]) -> None:
        self.press(client, asking[:1])
        page = self.press(client, asking[:2])
        assert (f"1{NO_SEAT}" in page, f"1{DONE_BEFORE}" in page) == (True, True)
        assert "承認しました。" not in page

    def test_they_can_be_declined(self, client: FlaskClient, asking: list[Attendee]) -> None:
        page = self.press(client, asking, "declines")
        assert "3名を参加不可にしました。" in page
        assert {one.status for one in asking} == {Status.DECLINED}


class TestTheDay:
    """The organiser sets the day of the draw in the form of the event."""

    def test_is_set_shown_and_taken_away(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        page = f"/organiser/events/{event.slug}/edit"
        form = read(client.get(page)).form
        assert form["lottery_date"] == ""
        assert client.post(page, data=form | {"lottery_date": "2025-12-17"}).status_code == 303
        db.session.rollback()
        assert event.lottery_at == DRAW_HOUR
        form = read(client.get(page)).form
        assert form["lottery_date"] == "2025-12-17"
        client.post(page, data=form | {"lottery_date": ""})
        db.session.rollback()
        assert event.lottery_at is None

    @pytest.mark.parametrize("day", ["2025-12-24", "2026-01-01", "moon"])
    def test_is_before_the_start(self, client: FlaskClient, event: Event, day: str) -> None:
        sign_in(client, sato(event))
        page = f"/organiser/events/{event.slug}/edit"
        form = read(client.get(page)).form | {"lottery_date": day}
        answer = client.post(page, data=form)
        assert answer.status_code == 422
        assert list(read(answer).errors) == ["lottery_date"]
        assert read(answer).form["lottery_date"] == day

    def test_the_same_day_may_do_if_the_seminar_begins_later(self, client: FlaskClient) -> None:
        event = a_lottery(start_at=START + timedelta(hours=3), end_at=START + timedelta(hours=4))
        sign_in(client, sato(event))
        page = f"/organiser/events/{event.slug}/edit"
        form = read(client.get(page)).form | {"lottery_date": "2025-12-24"}
        assert client.post(page, data=form).status_code == 303

    def test_first_come_or_lottery_stays_once_somebody_is_in(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        enter(event)
        page = f"/organiser/events/{event.slug}/categories/local_gov"
        answer = client.post(page, data=read(client.get(page)).form | {"selection": "first_come"})
        assert answer.status_code == 422
        assert read(answer).errors == {"selection": "申し込みがあるため、先着順か抽選かは変えられません。"}
