"""The organisers' side: who may enter, what the forms take, and what becomes of it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from eventsite.db import Base, db, transaction
from eventsite.models import (
    Account,
    Attendee,
    AuditEntry,
    Category,
    Event,
    EventRole,
    EventStatus,
    Question,
    Status,
)
from eventsite.registration import register
from tests.cast import an_application, an_event, kanri, people, sato, sign_in, suzuki, tanaka
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
SEMINAR = {
    "title": "新しい\u9ad9いセミナー",
    "date": "2025-12-24",
    "start": "10:00",
    "end": "11:30",
    "format": "online",
    "confirm_screen": "y",
}


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def rows() -> dict[str, int]:
    db.session.rollback()
    return {
        table.name: db.session.scalar(select(func.count()).select_from(table))
        for table in Base.metadata.sorted_tables
    }


def contents() -> list[tuple]:
    """Every value of the event's own tables."""
    db.session.rollback()
    return [
        tuple(row)
        for kind in (Event, Category, EventRole)
        for row in db.session.execute(select(kind.__table__).order_by(kind.__table__.c.id))
    ]


def organiser_pages(app: Flask, event: Event) -> Iterator[tuple[str, str]]:
    """Method and address of every route of the organisers' side that names an event."""
    values = {
        "slug": event.slug,
        "code": "company",
        "file_format": "csv",
        "key": "diet",
        "letter": "confirmed",
    }
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if rule.endpoint.startswith("organiser.") and "slug" in rule.arguments:
                own = {"number": attendee_number(event)} if "/attendees/" in rule.rule else {}
                address = rule.build({name: (values | own).get(name, "1") for name in rule.arguments})[1]
                yield from ((method, address) for method in sorted(rule.methods & {"GET", "POST"}))


def attendee_number(event: Event) -> str:
    attendee = db.session.scalars(select(Attendee).where(Attendee.event_id == event.id)).one()
    return attendee.number


@pytest.fixture
def event(app: Flask) -> Event:
    found = an_event(description_html="")
    with transaction():
        found.category("company").selection = "lottery"
        found.questions.append(Question(key="diet", label="食事", type="text", purpose="昼食の用意"))
    register(found, an_application(category="company"))
    return found


class TestWhoMayEnter:
    def test_every_page_of_an_event_is_asked_for(self, app: Flask, event: Event) -> None:
        pages = list(organiser_pages(app, event))
        assert len(pages) >= 12
        assert ("GET", f"/organiser/events/{event.slug}/roster.csv") in pages

    @on_both
    def test_another_organiser_learns_nothing(self, app: Flask, client: FlaskClient, event: Event) -> None:
        sato(event)
        sign_in(client, tanaka())
        before, words = rows(), contents()
        unknown = client.get("/organiser/events/nothing/").text
        for method, path in organiser_pages(app, event):
            answer = client.open(path, method=method, data=SEMINAR | {"label": "盗", "code": "company"})
            assert (path, answer.status_code) == (path, 404)
            assert answer.text.replace(event.slug, "nothing") == unknown
        assert (rows(), contents()) == (before, words)
        assert event.title not in client.get("/organiser/").text

    def test_who_has_not_signed_in_is_asked_to(self, app: Flask, client: FlaskClient, event: Event) -> None:
        before = contents()
        for method, path in [*organiser_pages(app, event), ("GET", "/organiser/"), ("GET", "/organiser/events/new")]:  # fmt: skip
            answer = client.open(path, method=method, data=SEMINAR)
            assert answer.status_code in {302, 303, 401}
            assert event.title not in answer.text
        assert contents() == before

    @pytest.mark.parametrize("role", ["staff", "viewer"])
    def test_helpers_see_and_do_not_change(
        self, app: Flask, client: FlaskClient, event: Event, role: str
    ) -> None:
        account = suzuki(event)
        with transaction():
            db.session.scalars(select(EventRole)).one().role = role
        sign_in(client, account)
        before = contents()
        for_staff = {"roster", "roster.csv", "roster.xlsx", "waitlist", "letters", "letters/1"}
        for_staff.add(f"attendees/{attendee_number(event)}")
        allowed = {"", "preview", "seats", "letters/schedule"} | (for_staff if role == "staff" else set())
        start = f"/organiser/events/{event.slug}/"
        for method, path in organiser_pages(app, event):
            answer = client.open(path, method=method, data=SEMINAR)
            expected = 200 if method == "GET" and path.removeprefix(start) in allowed else 403
            assert (method, path, answer.status_code) == (method, path, expected)
        assert contents() == before
        assert client.get("/organiser/events/new").status_code == 403
        assert client.get("/organiser/").status_code == 200

    @pytest.mark.parametrize("who", [kanri, None], ids=["admin", "organiser"])
    def test_the_owner_and_admins_may(self, app: Flask, client: FlaskClient, event: Event, who) -> None:
        sign_in(client, who() if who else sato(event))
        for method, path in organiser_pages(app, event):
            if method == "GET":
                assert (path, client.get(path).status_code) == (path, 200)

    def test_a_download_is_logged(self, client: FlaskClient, event: Event) -> None:
        account = suzuki(event)
        sign_in(client, account)
        assert client.get(f"/organiser/events/{event.slug}/roster.csv").status_code == 200
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "roster.downloaded")).one()
        assert (entry.account_id, entry.event_id, entry.details["rows"]) == (account.id, event.id, 1)

    def test_pages_are_not_kept(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, sato(event))
        for path in ("", "roster", "roster.csv", "edit"):
            answer = client.get(f"/organiser/events/{event.slug}/{path}")
            assert "no-store" in answer.headers["Cache-Control"]

    @on_both
    @pytest.mark.parametrize(
        "query", ["q=%00", "category=%00", "status=%00", "page=x", "page=-1", "preset=no"]
    )
    def test_hostile_questions_end_well(self, client: FlaskClient, event: Event, query: str) -> None:
        sign_in(client, sato(event))
        for path in ("roster", "roster.csv"):
            answer = client.get(f"/organiser/events/{event.slug}/{path}?{query}")
            assert answer.status_code in {200, 400, 403}
        assert client.get("/organiser/events/%00/").status_code == 404


class TestForgery:
    @pytest.fixture
    def client(self, make_app) -> Iterator[FlaskClient]:
        app = make_app(WTF_CSRF_ENABLED=True)
        with app.app_context():
            yield app.test_client()

    def test_without_its_token_nothing_is_taken(self, client: FlaskClient) -> None:
        event = an_event()
        sign_in(client, sato(event))
        before, words = rows(), contents()
        start = f"/organiser/events/{event.slug}"
        posts = [f"{start}/edit", f"{start}/publication", f"{start}/withdrawal", f"{start}/categories/new"]
        posts += [
            f"{start}/categories/company",
            f"{start}/categories/company/removal",
            "/organiser/events/new",
        ]
        for path in posts:
            for token in ({}, {"csrf_token": "x"}):
                answer = client.post(path, data=SEMINAR | {"label": "盗", "code": "new"} | token)
                assert (path, answer.status_code) == (path, 400)
        assert (rows(), contents()) == (before, words)

    def test_with_its_token_it_is(self, client: FlaskClient) -> None:
        event = an_event()
        sign_in(client, sato(event))
        form = read(client.get(f"/organiser/events/{event.slug}/edit")).form
        assert form["csrf_token"]
        answer = client.post(f"/organiser/events/{event.slug}/edit", data=form | {"title": "改めた題名"})
        assert answer.status_code == 303
        assert event.title == "改めた題名"


class TestEvent:
    @pytest.fixture
    def account(self, client: FlaskClient) -> Account:
        account = sato()
        sign_in(client, account)
        return account

    @on_both
    def test_from_nothing_to_public_and_back(self, client: FlaskClient, account: Account) -> None:
        answer = client.post("/organiser/events/new", data=SEMINAR)
        event = db.session.scalars(select(Event)).one()
        assert answer.headers["Location"] == f"/organiser/events/{event.slug}/categories"
        assert (event.slug, event.status) == ("seminar-20251224-1000", EventStatus.DRAFT)
        assert event.start_at == datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
        assert [one.code for one in event.categories] == ["local_gov", "gdx_member", "company"]
        role = db.session.scalars(select(EventRole)).one()
        assert (role.account_id, role.role) == (account.id, "organiser")
        page, public = f"/organiser/events/{event.slug}", f"/events/{event.slug}"
        assert client.get(public).status_code == 404
        assert client.post(f"{page}/publication").status_code == 303
        assert client.get(public).status_code == 200
        assert client.post(f"{page}/withdrawal").status_code == 303
        assert client.get(public).status_code == 404
        client.post(f"{page}/publication")
        register(event, an_application())
        client.post(f"{page}/withdrawal")
        assert "申し込みがあるため、下書きに戻せません。" in client.get(f"{page}/").text
        assert event.status == EventStatus.PUBLISHED

    @pytest.mark.parametrize(
        ("change", "field", "words"),
        [
            ({"title": ""}, "title", "題名を入力してください。"),
            ({"date": "2025-02-30"}, "date", "日付は、2026-12-24のように入力してください。"),
            ({"start": "25:00"}, "start", "時刻は、10:00のように入力してください。"),
            ({"end": "10:00"}, "end", "終了は、開始よりあとにしてください。"),
            ({"format": "moon"}, "format", "形式を選んでください。"),
            ({"capacity_total": "-1"}, "capacity_total", "0以上の数字で入力してください。"),
            ({"capacity_total": "9" * 11}, "capacity_total", "0以上の数字で入力してください。"),
            ({"join_url": "javascript:alert(1)"}, "join_url", "https:// で始まるURLを入力してください。"),
            ({"closes_date": "2025-12-25"}, "closes_date", "受付終了は、開始より前にしてください。"),
            ({"slug": "あ"}, "slug", "半角の英小文字・数字・ハイフンで、3～60文字で入力してください。"),
            ({"slug": "taken"}, "slug", "このアドレスは、ほかのセミナーで使われています。"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
    )
    def test_faults_have_words_and_keep_what_was_typed(
        self, client: FlaskClient, account: Account, change: dict[str, str], field: str, words: str
    ) -> None:
        an_event(slug="taken")
        typed = SEMINAR | {"abstract": "一行目\n二行目", "venue_name": "会館"} | change
        answer = client.post("/organiser/events/new", data=typed)
        page = read(answer)
        assert answer.status_code == 422
        assert (page.errors, page.summary) == ({field: words}, [(field, words)])
        kept = {name: page.form.get(name) for name in typed if change.get(name) != "moon"}
        assert kept == {name: value for name, value in typed.items() if name in kept}
        assert rows()["event"] == 1

    def test_markdown_becomes_harmless(self, client: FlaskClient, account: Account) -> None:
        hostile = "\n\n".join(
            (
                "## 内容",
                "<script>alert(1)</script>",
                "[押す](javascript:alert(1)) [也](JaVaScRiPt:alert(1)) [d](data:text/html;base64,PHN2Zz4=)",
                "<img src=x onerror=alert(1)> ![x](https://else.example/pixel.png)",
                "<a href='https://example.jp/' onclick='alert(1)'>飾り</a>",
                "[よい](https://example.jp/)",
            )
        )
        client.post("/organiser/events/new", data=SEMINAR | {"description": hostile})
        event = db.session.scalars(select(Event)).one()
        client.post(f"/organiser/events/{event.slug}/publication")
        page = client.get(f"/events/{event.slug}").text
        part = event.description_html
        assert "<h" in part
        assert part in page
        assert set(re.findall(r"<([a-zA-Z0-9]+)", part)) == {"h4", "p", "a"}
        assert re.findall(r"<[^>]*\bon\w+=", part) == []
        assert re.findall(r'href="([^"]*)"', part) == [
            "https://else.example/pixel.png",
            "https://example.jp/",
        ]

    def test_titles_are_text(self, client: FlaskClient, account: Account) -> None:
        script = "<script>alert(1)</script>{{7*7}}"
        client.post("/organiser/events/new", data=SEMINAR | {"title": script, "abstract": script})
        event = db.session.scalars(select(Event)).one()
        client.post(f"/organiser/events/{event.slug}/publication")
        for path in ("/", f"/events/{event.slug}", f"/organiser/events/{event.slug}/", "/organiser/"):
            text = client.get(path).text
            assert ("<script>alert" in text, "{{7*7}}" in text) == (False, True)

    def test_the_form_shows_what_is_stored_and_changes_nothing(self, client: FlaskClient, account) -> None:
        client.post("/organiser/events/new", data=SEMINAR | {"capacity_total": "110", "tags": "窓口、財政"})
        event = db.session.scalars(select(Event)).one()
        before = contents()
        form = read(client.get(f"/organiser/events/{event.slug}/edit")).form
        assert client.post(f"/organiser/events/{event.slug}/edit", data=form).status_code == 303
        lock_versions = [row[2:] for row in contents()]
        assert lock_versions != []
        after = contents()
        changed = [
            (old, new)
            for row_before, row_after in zip(before, after, strict=True)
            for old, new in zip(row_before, row_after, strict=True)
            if old != new
        ]
        assert changed == [(0, 1)], "only the lock has been taken"


class TestCategory:
    @pytest.fixture
    def page(self, client: FlaskClient) -> str:
        event = an_event(slug="offered", capacities={"company": 1})
        sign_in(client, sato(event))
        return "/organiser/events/offered/categories"

    @on_both
    def test_more_seats_go_to_those_who_wait(self, client: FlaskClient, page: str) -> None:
        event = db.session.scalars(select(Event)).one()
        found = register(event, an_application(*people(3), category="company"))
        form = read(client.get(f"{page}/company")).form
        assert client.post(f"{page}/company", data=form | {"capacity": "2"}).status_code == 303
        db.session.rollback()
        assert [one.status for one in found.attendees] == [
            Status.CONFIRMED,
            Status.CONFIRMED,
            Status.WAITLISTED,
        ]

    def test_one_is_added_and_removed_until_somebody_comes(self, client: FlaskClient, page: str) -> None:
        form = read(client.get(f"{page}/new")).form | {"label": "学生", "code": "student", "capacity": "0"}
        assert client.post(f"{page}/new", data=form).status_code == 303
        event = db.session.scalars(select(Event)).one()
        added = event.category("student")
        assert (added.label, added.capacity, added.position, added.waitlist) == ("学生", 0, 3, True)
        again = read(client.post(f"{page}/new", data=form))
        assert again.errors == {"code": "この記号の参加区分は、すでにあります。"}
        client.post(f"{page}/student/removal")
        db.session.rollback()
        assert event.category("student") is None
        register(event, an_application(category="company"))
        client.post(f"{page}/company/removal")
        assert event.category("company") is not None

    @pytest.mark.parametrize(
        ("change", "field", "words"),
        [
            ({"label": ""}, "label", "名前を入力してください。"),
            ({"capacity": "三"}, "capacity", "0以上の数字で入力してください。"),
            ({"max_attendees": "0"}, "max_attendees", "1以上の数字で入力してください。"),
            ({"max_attendees": "21"}, "max_attendees", "20以下の数字で入力してください。"),
            ({"per_organization_limit": "0"}, "per_organization_limit", "1以上の数字で入力してください。"),
            ({"selection": "moon"}, "selection", "決め方を選んでください。"),
            ({"verification": "moon"}, "verification", "確認の方法を選んでください。"),
        ],
        ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else None,
    )
    def test_faults_have_words(
        self, client: FlaskClient, page: str, change: dict[str, str], field: str, words: str
    ) -> None:
        form = read(client.get(f"{page}/company")).form
        before = contents()
        answer = client.post(f"{page}/company", data=form | change)
        assert (answer.status_code, read(answer).errors) == (422, {field: words})
        assert contents() == before

    @pytest.mark.parametrize("value", ["", "required", "optional", "off", "moon"])
    def test_standard_fields_are_one_of_three(self, client: FlaskClient, page: str, value: str) -> None:
        form = read(client.get(f"{page}/company")).form | {"fields_phone": value}
        answer = client.post(f"{page}/company", data=form)
        assert answer.status_code == (422 if value == "moon" else 303)
        db.session.rollback()
        stored = db.session.scalars(select(Event)).one().category("company").fields
        assert stored == ({"phone": value} if value in {"required", "optional", "off"} else {})


def test_an_unknown_event_and_an_unknown_category_do_not_exist(client: FlaskClient) -> None:
    event = an_event()
    sign_in(client, sato(event))
    assert client.get("/organiser/events/nothing/").status_code == 404
    assert client.get(f"/organiser/events/{event.slug}/categories/nothing").status_code == 404
    assert client.post(f"/organiser/events/{event.slug}/categories/nothing/removal").status_code == 404
    assert client.get(f"/organiser/events/{event.slug}/roster.pdf").status_code == 404
    assert timedelta(0) < event.start_at - NOW
