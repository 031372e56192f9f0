"""The organiser's form of a category, its invite codes and its member list; what attendees are told of them."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from eventsite.db import db, transaction
from eventsite.models import (
    Account,
    AuditEntry,
    Category,
    Event,
    InviteCode,
    Member,
    Registration,
    Status,
    Upload,
)
from eventsite.registration import cancel, codes, create_code, register
from eventsite.web import admission
from tests.cast import an_application, an_event, people, sato, sign_in, suzuki
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
HEADER = "会員番号,会員名,上限人数\n"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(client: FlaskClient) -> Event:
    found = an_event(slug="offered")
    sign_in(client, sato(found))
    return found


@pytest.fixture
def page(event: Event) -> str:
    return "/organiser/events/offered/categories/company"


def company() -> Category:
    db.session.rollback()
    found = db.session.scalars(select(Event).where(Event.slug == "offered")).one().category("company")
    assert found is not None
    return found


def admits(verification: str, **rule: object) -> None:
    with transaction():
        category = db.session.scalars(select(Category).where(Category.code == "company")).one()
        category.verification = verification
        for name, value in rule.items():
            setattr(category, name, value)


class TestForm:
    @on_both
    def test_every_rule_is_stored_and_shown_again(self, client: FlaskClient, page: str) -> None:
        filled = {
            "capacity": "12",
            "approval": "manual",
            "verification": "domain_hint",
            "domain_classes": ["edu", "lg"],
            "domains": "@Example.OR.jp\n例え.example、example.or.jp",
            "listed": "y",
            "promotion": "offer",
            "opens_date": "2025-12-05",
            "closes_date": "2025-12-19",
            "closes_time": "12:30",
            "max_attendees": "3",
            "per_organization_limit": "4",
            "fee_jpy": "5500",
            "help": "説明",
        }
        form = read(client.get(page)).form
        assert client.post(page, data=form | filled).status_code == 303
        stored = company()
        assert (stored.approval, stored.verification, stored.promotion, stored.listed) == (
            "manual",
            "domain_hint",
            "offer",
            True,
        )
        assert stored.domain_classes == ["lg", "edu"]
        assert stored.domains == ["example.or.jp", "xn--r8jz45g.example"]
        assert stored.opens_at == datetime(2025, 12, 5, 1, 0, tzinfo=UTC)
        assert stored.closes_at == datetime(2025, 12, 19, 3, 30, tzinfo=UTC)
        assert (stored.capacity, stored.max_attendees, stored.per_organization_limit) == (12, 3, 4)
        before = db.session.scalar(select(func.count(AuditEntry.id)))
        assert client.post(page, data=read(client.get(page)).form).status_code == 303
        db.session.rollback()
        assert db.session.scalar(select(func.count(AuditEntry.id))) == before, "shown as stored, so unchanged"

    @pytest.mark.parametrize("verification", ["none", "domain_hint", "member_roster", "invite_code"])
    def test_all_four_ways_to_check_can_be_chosen(
        self, client: FlaskClient, page: str, verification: str
    ) -> None:
        form = read(client.get(page)).form | {"verification": verification, "domain_classes": []}
        assert client.post(page, data=form).status_code == 303
        assert (company().verification, company().domain_classes) == (verification, [])

    @pytest.mark.parametrize(
        ("change", "field", "words"),
        [
            ({"domains": "taro@example.jp"}, "domains", "「taro@example.jp」はドメインとして読み取れません。例：example.or.jp"),
            ({"domains": "jp"}, "domains", "「jp」はドメインとして読み取れません。例：example.or.jp"),
            ({"domains": "\n".join(f"a{one}.jp" for one in range(201))}, "domains", "ドメインは200件までにしてください。"),
            (
                {"opens_date": "2025-12-19", "closes_date": "2025-12-19", "closes_time": "10:00"},
                "opens_date",
                "受付開始は、受付終了より前にしてください。",
            ),
            ({"closes_date": "2026-02-01"}, "closes_date", "受付終了は、開始より前にしてください。"),
            ({"opens_date": "2026-02-01"}, "opens_date", "受付開始は、受付終了より前にしてください。"),
            ({"opens_time": "10:00"}, "opens_date", "日付も入力してください。"),
            ({"opens_date": "十二月"}, "opens_date", "日付は、2026-12-24のように入力してください。"),
            ({"verification": "moon"}, "verification", "確認の方法を選んでください。"),
        ],
        ids=lambda value: "-".join(value)[:30] if isinstance(value, dict) else None,
    )  # fmt: skip
    def test_faults_have_words_and_nothing_is_lost(
        self, client: FlaskClient, page: str, change: dict[str, str], field: str, words: str
    ) -> None:
        form = read(client.get(page)).form | {"help": "書きかけ"} | change
        answer = client.post(page, data=form)
        shown = read(answer)
        assert (answer.status_code, shown.errors, shown.summary) == (422, {field: words}, [(field, words)])
        assert shown.form["help"] == "書きかけ"
        assert company().help == ""

    def test_its_end_comes_before_the_events_opening(self, client: FlaskClient, page: str, event) -> None:
        with transaction():
            event.opens_at = datetime(2025, 12, 10, tzinfo=UTC)
        answer = client.post(page, data=read(client.get(page)).form | {"closes_date": "2025-12-09"})
        assert read(answer).errors == {"closes_date": "受付終了は、受付開始よりあとにしてください。"}

    def test_times_are_those_of_the_events_zone(self, client: FlaskClient) -> None:
        start = datetime(2026, 4, 30, 9, 0, tzinfo=UTC)
        found = an_event(
            slug="cairo", timezone="Africa/Cairo", start_at=start, end_at=start + timedelta(hours=1)
        )
        sign_in(client, sato(found))
        page = "/organiser/events/cairo/categories/company"
        form = read(client.get(page)).form
        skipped = read(client.post(page, data=form | {"closes_date": "2026-04-24", "closes_time": "00:30"}))
        assert skipped.errors == {"closes_date": "この日時は、夏時間の切り替えのため、ありません。"}
        filled = {"closes_date": "2026-04-24", "closes_time": "12:00"}
        assert client.post(page, data=form | filled).status_code == 303
        db.session.rollback()
        assert found.category("company").closes_at == datetime(2026, 4, 24, 9, 0, tzinfo=UTC)
        assert read(client.get(page)).form["closes_time"] == "12:00"

    def test_the_selection_stays_once_somebody_has_registered(self, client: FlaskClient, page, event) -> None:
        register(event, an_application(category="company"))
        answer = client.post(page, data=read(client.get(page)).form | {"selection": "lottery"})
        assert (answer.status_code, list(read(answer).errors)) == (422, ["selection"])
        assert company().selection == "first_come"

    def test_the_selection_stays_once_it_was_drawn(self, client: FlaskClient, page: str) -> None:
        admits("none", selection="lottery", drawn_at=NOW)
        answer = client.post(page, data=read(client.get(page)).form | {"selection": "first_come"})
        words = "抽選を行ったため、先着順には変えられません。"
        assert (answer.status_code, read(answer).errors) == (422, {"selection": words})

    @on_both
    def test_fewer_seats_than_are_taken(self, client: FlaskClient, page: str, event: Event) -> None:
        """Nobody is dropped, the office is told, and nobody new gets a seat until enough have left (D16)."""
        found = register(event, an_application(*people(3), category="company"))
        assert client.post(page, data=read(client.get(page)).form | {"capacity": "1"}).status_code == 303
        told = client.get("/organiser/events/offered/categories").text
        assert "定員超過 2名です。参加者はそのままで、席が空くまで新しい参加者は受け付けません。" in told
        assert {one.status for one in found.attendees} == {Status.CONFIRMED}
        late = register(event, an_application(category="company", contact_email="late@example.jp"))
        cancel(found.attendees[:2])
        assert late.attendees[0].status == Status.WAITLISTED
        cancel(found.attendees[2:])
        assert late.attendees[0].status == Status.CONFIRMED

    def test_removal_asks_first_and_names_what_is_lost(self, client: FlaskClient, page: str, event) -> None:
        create_code(company(), sato_of(event), "SUMMER2026")
        text = client.get(f"{page}/removal").text
        assert ("一般企業" in text, "招待コード1件も削除します。" in text) == (True, True)
        assert company().label == "一般企業"
        assert client.post(f"{page}/removal").status_code == 303
        db.session.rollback()
        assert db.session.scalar(select(func.count(InviteCode.id))) == 0
        assert client.get(page).status_code == 404

    def test_a_used_category_is_not_removed(self, client: FlaskClient, page: str, event: Event) -> None:
        found = register(event, an_application(category="company"))
        cancel(found.attendees)
        assert 'id="removal-form"' not in client.get(f"{page}/removal").text
        client.post(f"{page}/removal")
        assert company().label == "一般企業"

    @on_both
    def test_a_category_whose_code_let_somebody_in_is_not_removed(
        self, client: FlaskClient, page: str, event: Event
    ) -> None:
        admits("invite_code")
        create_code(company(), sato_of(event), "SUMMER2026")
        found = register(event, an_application(category="company", code="SUMMER2026"))
        with transaction():
            found.category = event.category("local_gov")
            found.attendees[0].category = event.category("local_gov")
        assert client.post(f"{page}/removal").status_code == 303
        assert company().label == "一般企業"


def sato_of(event: Event) -> Account:
    return db.session.scalars(select(Account).where(Account.email == "sato@gdx.example.jp")).one()


class TestCodes:
    @on_both
    def test_one_is_made_shown_with_its_link_and_withdrawn(self, client: FlaskClient, page: str) -> None:
        admits("invite_code")
        assert "招待コードはまだありません" in client.get(f"{page}/codes").text
        filled = {"code": "", "uses": "2", "expires_date": "2025-12-20", "note": "町会"}
        assert client.post(f"{page}/codes", data=filled).status_code == 303
        code = db.session.scalars(select(InviteCode)).one()
        assert (code.uses, code.note) == (2, "町会")
        assert code.expires_at == datetime(2025, 12, 20, 14, 59, tzinfo=UTC)
        text = client.get(f"{page}/codes").text
        link = f"http://127.0.0.1:8000/events/offered/register?category=company&amp;code={code.code}"
        assert (link in text, codes.grouped(code.code) in text, "0 / 2" in text) == (True, True, True)
        assert client.post(f"{page}/codes/{code.id}/withdrawal").status_code == 303
        text = client.get(f"{page}/codes").text
        assert (link in text, "取り下げ済み" in text) == (False, True)

    @pytest.mark.parametrize(
        ("change", "field", "words"),
        [
            ({"code": "short"}, "code", "招待コードは、空白と「-」を除いて8～40文字にしてください。"),
            ({"uses": "0"}, "uses", "1以上の数字で入力してください。"),
            ({"uses": "9" * 30}, "uses", "0以上の数字で入力してください。"),
            ({"expires_date": "2025-11-30"}, "expires_date", "有効期限は、これからの日時にしてください。"),
            ({"expires_time": "10:00"}, "expires_date", "日付も入力してください。"),
            ({"note": "長" * 101}, "note", "メモは100文字以内で入力してください。"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
    )
    def test_faults_have_words(
        self, client: FlaskClient, page: str, change: dict[str, str], field: str, words: str
    ) -> None:
        answer = client.post(f"{page}/codes", data={"code": "", "note": ""} | change)
        shown = read(answer)
        assert (answer.status_code, shown.errors, shown.summary) == (422, {field: words}, [(field, words)])
        assert {name: shown.form[name] for name in change} == change
        assert db.session.scalar(select(func.count(InviteCode.id))) == 0

    def test_the_code_of_another_category_is_not_there(self, client: FlaskClient, page: str, event) -> None:
        other = create_code(event.category("local_gov"), sato_of(event))
        assert client.post(f"{page}/codes/{other.id}/withdrawal").status_code == 404
        assert client.post(f"{page}/codes/{10**30}/withdrawal").status_code == 404
        assert client.get("/organiser/events/offered/categories/nothing/codes").status_code == 404


def upload(client: FlaskClient, page: str, content: bytes, name: str = "会員.csv"):
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--edge--\r\n"
    return client.post(f"{page}/members", data=body, content_type="multipart/form-data; boundary=edge")


class TestMembers:
    @on_both
    def test_a_list_is_looked_over_before_it_counts(self, client: FlaskClient, page: str) -> None:
        assert "会員名簿はまだありません" in client.get(f"{page}/members").text
        answer = upload(client, page, (HEADER + "A-1,<b>甲市</b>,2\nB2,,\n").encode("cp932"))
        assert answer.status_code == 303
        text = client.get(f"{page}/members").text
        assert "会員.csv から2件を読み取りました。まだ取り込んでいません。" in text
        assert "追加 2件、削除 0件、変更 0件" in text
        assert ("&lt;b&gt;甲市" in text, "<b>甲市" in text) == (True, False)
        assert db.session.scalar(select(func.count(Member.id))) == 0
        form = read(client.get(f"{page}/members")).form
        assert client.post(f"{page}/members/confirmation", data={"upload": form["upload"]}).status_code == 303
        text = client.get(f"{page}/members").text
        assert ("名簿を取り込みました（2件）。" in text, "今の名簿（2件）" in text) == (True, True)
        client.post(f"{page}/members/confirmation", data={"upload": form["upload"]})
        assert "この名簿は、もう取り込めません。" in client.get(f"{page}/members").text
        assert "2件の会員を" in client.get(f"{page}/members/removal").text
        client.post(f"{page}/members/removal")
        assert "会員名簿はまだありません" in client.get(f"{page}/members").text

    def test_broken_lines_are_shown_and_nothing_is_kept(self, client: FlaskClient, page: str) -> None:
        answer = upload(client, page, (HEADER + ",甲市,2\nB2,,x\nC3,,\n").encode(), "<b>.csv")
        shown = read(answer)
        words = "2行に直すところがあります。何も取り込んでいません。"
        assert (answer.status_code, shown.errors, shown.summary) == (422, {"file": words}, [("file", words)])
        assert "会員番号がありません。" in answer.text
        assert ("<b>.csv" in answer.text, "&lt;b&gt;.csv" in answer.text) == (False, True)
        assert db.session.scalar(select(func.count(Upload.id))) == 0

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            pytest.param(b"", "会員.csv", id="empty"),
            pytest.param(b"\0\x01\x02" * 99, "会員.xlsx", id="binary"),
            pytest.param(b"PK\x03\x04broken", "会員.csv", id="broken-zip"),
            pytest.param(b"x" * (5 * 1024 * 1024 + 1), "会員.csv", id="more-than-5MB"),
            pytest.param((HEADER + "A1\n" * 20_001).encode(), "会員.csv", id="too-many"),
        ],
    )
    def test_what_is_no_list_gets_a_sentence(
        self, client: FlaskClient, page: str, content: bytes, name: str
    ) -> None:
        answer = upload(client, page, content, name)
        assert (answer.status_code, list(read(answer).errors)) == (422, ["file"])

    def test_no_file_at_all(self, client: FlaskClient, page: str) -> None:
        for data in ({}, {"file": "text"}, {"file": (io.BytesIO(b""), "")}):
            answer = client.post(f"{page}/members", data=data, content_type="multipart/form-data")
            assert read(answer).errors == {"file": "ファイルを選んでください。"}

    def test_a_workbook_of_5MB_may_come_but_not_from_strangers(self, app: Flask, page: str, client) -> None:
        lines = "".join(f"A{number},{'長' * 60},3\n" for number in range(20_000))
        content = (HEADER + lines).encode()
        assert len(content) > 3_000_000
        assert upload(client, page, content).status_code == 303
        assert upload(app.test_client(), page, content).status_code in {302, 413}
        assert client.post("/organiser/events/offered/edit", data={"title": "x" * 300_000}).status_code == 413

    def test_an_upload_can_be_given_up(self, client: FlaskClient, page: str) -> None:
        upload(client, page, (HEADER + "A1,,\n").encode())
        assert client.post(f"{page}/members/rejection").status_code == 303
        assert "取り込む前の確認" not in client.get(f"{page}/members").text

    def test_the_template_is_a_list(self, client: FlaskClient, page: str) -> None:
        answer = client.get(f"{page}/members/template.csv")
        assert answer.data.decode("utf-8-sig").splitlines()[0].replace('"', "") == HEADER.strip()
        assert upload(client, page, answer.data).status_code == 303

    @pytest.mark.parametrize(
        "path", ["members", "codes", "removal", "members/removal", "members/template.csv"]
    )
    def test_helpers_see_none_of_it(self, client: FlaskClient, page: str, event: Event, path: str) -> None:
        sign_in(client, suzuki(event))
        assert client.get(f"{page}/{path}").status_code == 403


class TestForgery:
    @pytest.mark.parametrize(
        "path",
        [
            *("removal", "codes", "codes/1/withdrawal", "members", "members/confirmation"),
            *("members/rejection", "members/removal"),
        ],
    )
    def test_without_its_token_nothing_is_taken(self, make_app, path: str) -> None:
        app = make_app(WTF_CSRF_ENABLED=True)
        with app.app_context():
            found = an_event(slug="offered")
            client = app.test_client()
            sign_in(client, sato(found))
            answer = client.post(
                f"/organiser/events/offered/categories/company/{path}", data={"code": "SUMMER2026"}
            )
            assert answer.status_code == 400
            assert (company().label, db.session.scalar(select(func.count(InviteCode.id)))) == ("一般企業", 0)


class TestApprovals:
    def test_the_office_sees_what_the_check_found(self, client: FlaskClient, page: str, event: Event) -> None:
        admits("member_roster")
        upload(client, page, (HEADER + "A1,名簿の名前,0\n").encode())
        form = read(client.get(f"{page}/members")).form
        client.post(f"{page}/members/confirmation", data={"upload": form["upload"]})
        known, unknown = (
            replace(one, member_number=no) for one, no in zip(people(2), ("A1", "Z9"), strict=True)
        )
        register(company().event, an_application(known, unknown, category="company"))
        admits("none", approval="manual")
        register(company().event, an_application(category="company", contact_email="a@gmail.com"))
        text = client.get("/organiser/events/offered/approvals").text
        assert text.count("会員番号を確認できません") == 2
        assert text.count("名簿の名前") == 1
        assert "（利用1／上限0）" in text
        assert ("フリーメール" in text, "自動判定：一致" in text) == (True, False)

    def test_a_match_that_waits_for_approval_says_so(self, client: FlaskClient, page: str, event) -> None:
        admits("domain_hint", approval="manual")
        register(company().event, an_application(category="company"))
        text = client.get("/organiser/events/offered/approvals").text
        assert ("自動判定：一致" in text, "自治体のアドレス" in text) == (True, True)


class TestAttendees:
    @pytest.fixture
    def opened(self, client: FlaskClient, event: Event) -> str:
        admits("invite_code")
        return create_code(company(), sato_of(event), "SUMMER2026", uses=1).code

    def test_a_category_by_invitation_shows_itself_to_the_invited(
        self, client: FlaskClient, event: Event, opened: str
    ) -> None:
        link = "/events/offered/register?category=company&code=summer-2026"
        assert "一般企業" not in client.get("/events/offered").text
        assert "一般企業" not in client.get("/events/offered?code=SUMMER2027").text
        assert link in read(client.get("/events/offered?code=summer-2026")).links
        assert read(client.get(link)).form["code"] == "summer-2026"
        admits("invite_code", listed=True)
        page = client.get("/events/offered")
        assert "招待コードが必要です" in page.text
        assert "/events/offered/register?category=company" in read(page).links

    def test_a_hidden_category_does_not_make_the_event_look_open(
        self, client: FlaskClient, event: Event, opened: str
    ) -> None:
        with transaction():
            for one in event.categories:
                one.capacity = None if one.code == "company" else 0
        assert "受付終了" in client.get("/events/offered").text
        with transaction():
            for one in [one for one in event.categories if one.code != "company"]:
                event.categories.remove(one)
        text = client.get("/events/offered").text
        assert ("招待コードをお持ちの方が申し込めます。" in text, "受付終了" in text) == (True, False)

    def test_a_wrong_code_stands_at_its_field_and_nothing_is_lost(
        self, client: FlaskClient, event: Event, opened: str
    ) -> None:
        first = read(client.get("/events/offered/register?category=company&code=WRONG-WRONG")).form
        filled = first | {
            "attendees-0-family_name": "山田",
            "attendees-0-organisation": "株式会社サンプル",
            "contact_email": "yamada@example.co.jp",
            "consent_privacy": "y",
        }
        answer = client.post("/events/offered/register", data=filled)
        page = read(answer)
        words = "招待コードを確認できません。お手元の案内をご確認ください。"
        assert (answer.status_code, page.errors, page.data["data-refusal"]) == (
            422,
            {"code": words},
            ["wrong-code"],
        )
        assert page.form["attendees-0-family_name"] == "山田"
        again = read(client.post("/events/offered/register", data=page.form | {"code": opened}))
        assert client.post("/events/offered/register", data=again.form).status_code == 303
        assert db.session.scalar(select(func.count(Registration.id))) == 1

    WORDS = [
        pytest.param({}, "先着順／1回に5名まで", id="open"),
        pytest.param({"approval": "manual"}, "先着順／事務局の承認あり／1回に5名まで", id="manual"),
        pytest.param({"selection": "lottery", "max_attendees": 1}, "抽選／お一人ずつ", id="lottery"),
        pytest.param(
            {"verification": "domain_hint"},
            "先着順／自治体のメールアドレスでない方は、事務局が確認します／1回に5名まで",
            id="domain",
        ),
        pytest.param(
            {"verification": "domain_hint", "domains": ["example.or.jp"]},
            "先着順／対象外のメールアドレスの方は、事務局が確認します／1回に5名まで",
            id="own-domains",
        ),
        pytest.param(
            {"verification": "member_roster", "per_organization_limit": 3},
            "先着順／会員番号を確認できない方は、事務局が確認します／1回に5名まで／1団体3名まで",
            id="member",
        ),
        pytest.param(
            {"verification": "invite_code", "approval": "manual", "listed": True},
            "先着順／招待コードが必要です（事務局の承認あり）／1回に5名まで",
            id="code",
        ),
        pytest.param(
            {
                "opens_at": datetime(2025, 11, 30, 1, 0, tzinfo=UTC),
                "closes_at": datetime(2025, 12, 19, 8, 0, tzinfo=UTC),
            },
            "先着順／1回に5名まで／受付は11月30日（日）10:00から／受付は12月19日（金）17:00まで",
            id="window",
        ),
    ]

    @pytest.mark.parametrize(("rule", "words"), WORDS)
    def test_how_it_admits_stands_on_the_card_and_the_form(
        self, app: Flask, client: FlaskClient, event: Event, rule: dict, words: str
    ) -> None:
        admits(
            rule.get("verification", "none"), **{name: rule[name] for name in rule if name != "verification"}
        )
        with app.test_request_context(headers={"Accept-Language": "ja"}):
            assert admission.in_words(company()) == words
        for address in ("/events/offered", "/events/offered/register?category=company"):
            assert words in client.get(address).text
