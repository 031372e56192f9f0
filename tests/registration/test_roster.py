"""Rosters from the database: who is found, in which order, in which columns, with how many statements."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from eventsite import clock, text
from eventsite.db import db, transaction
from eventsite.models import (
    Answer,
    Attendee,
    AuditEntry,
    Consent,
    Format,
    ParticipationMode,
    Question,
    Registration,
    Status,
    StatusChange,
)
from eventsite.registration import roster
from eventsite.registration.roster import Filter
from tests.cast import an_event
from tests.fixtures.database import on_both

TAKASAKI = "\u9ad9\ufa11"
YOSHIDA = "\U00020bb7\u7530"
TOWN_HALL = "kikaku@city.example.lg.jp"
APPLIED = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
COMPANY_A = {
    "code": "a",
    "name": "共催企業A",
    "items": ["氏名", "所属", "部署", "メールアドレス"],
    "purpose": "ご案内",
}
COMPANY_B = {"code": "b", "name": "共催企業B", "items": ["氏名カナ", "受付番号"], "purpose": "ご案内"}

COLUMNS = [
    "受付番号", "枝番", "状態", "参加区分", "参加方法", "参加費", "都道府県", "団体コード",
    "団体名・会社名", "部署名", "役職", "姓", "名", "セイ", "メイ", "メールアドレス", "電話番号",
    "内線", "視聴人数", "申込日時", "承認日時", "取消日時", "取消理由", "出欠", "視聴分数",
    "同意_規約版", "同意_案内メール", "メール不達", "重複の可能性", "備考",
]  # fmt: skip


def apply(event, *people, reference="GDX-7K3M-Q2", answers=None, category="local_gov", **contact):
    """Store an application as rows; each person is a dictionary of an attendee's columns."""
    chosen = event.category(category)
    with transaction():
        registration = Registration(
            event_id=event.id,
            category_id=chosen.id,
            reference=reference,
            **{"contact_email": TOWN_HALL, "created_at": APPLIED, **contact},
        )
        for branch, person in enumerate(people, start=1):
            registration.attendees.append(attendee(event, chosen, branch, person))
        for question in event.questions:
            if question.key in (answers or {}):
                registration.answers.append(Answer(question_id=question.id, value=answers[question.key]))
        db.session.add(registration)
    return registration


def attendee(event, category, branch, person):
    values = {"family_name": "例示", "status": Status.CONFIRMED, "created_at": APPLIED, **person}
    return Attendee(
        event_id=event.id,
        category_id=category.id,
        branch=branch,
        person_key=text.person_key(values["family_name"], values.get("given_name", "")),
        organisation_key=text.organisation_key(values.get("organisation", "")),
        **values,
    )


def say(one, kind, value, recipient="", version="v1"):
    with transaction():
        db.session.add(
            Consent(
                attendee_id=one.id,
                kind=kind,
                value=value,
                recipient=recipient,
                text="同意します",
                text_version=version,
                source="web",
                at=APPLIED,
            )
        )


def record(one, before, to):
    with transaction():
        db.session.add(
            StatusChange(
                attendee_id=one.id,
                event_id=one.event_id,
                from_status=before,
                to_status=to,
                reason="test",
                at=APPLIED,
            )
        )


def numbers(page):
    return [one.number for one in page.items]


def as_dicts(table):
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def count_statements(work):
    """Run the work in a session that remembers nothing and return how many statements it sent."""
    sent = []

    def on_execute(connection, cursor, statement, *rest):
        if not statement.startswith(("PRAGMA", "BEGIN")):
            sent.append(statement)

    db.session.expire_all()
    sqlalchemy_event.listen(db.engine, "before_cursor_execute", on_execute)
    try:
        work()
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", on_execute)
    return len(sent)


TAKASAKI_PERSON = {
    "family_name": TAKASAKI,
    "given_name": "洋子",
    "family_kana": "タカサキ",
    "given_kana": "ヨウコ",
    "organisation": "例示市",
    "department": "企画政策課",
    "position": "係長",
    "prefecture": "北海道",
    "municipality_code": "011002",
    "viewers": 3,
}
YOSHIDA_PERSON = {
    "family_name": YOSHIDA,
    "given_name": "健",
    "family_kana": "ヨシダ",
    "given_kana": "ケン",
    "organisation": "例示市",
    "department": "企画政策課",
}


@on_both
def test_order_is_kana_by_code_point_then_number(app):
    event = an_event()
    apply(
        event,
        {},
        {"family_kana": "ヴィ"},
        {"family_kana": "アベ", "given_kana": "サン"},
        reference="GDX-ZZZZ-ZZ",
    )
    apply(
        event,
        {"family_kana": "アベ", "given_kana": "イチ"},
        {"family_kana": "アベノ"},
        reference="GDX-2222-22",
    )
    apply(event, *[{"family_kana": "ヰ"}] * 11, {}, reference="GDX-3333-33")
    assert numbers(roster.find(event)) == [
        "GDX-2222-22-1",
        "GDX-ZZZZ-ZZ-3",
        "GDX-2222-22-2",
        *[f"GDX-3333-33-{branch}" for branch in range(1, 12)],
        "GDX-ZZZZ-ZZ-2",
        "GDX-3333-33-12",
        "GDX-ZZZZ-ZZ-1",
    ]


@on_both
def test_two_people_on_one_address_are_two_rows(app):
    event = an_event()
    apply(event, TAKASAKI_PERSON, YOSHIDA_PERSON)
    rows = as_dicts(roster.table(event))
    assert [(row["枝番"], row["姓"], row["メールアドレス"]) for row in rows] == [
        (1, TAKASAKI, TOWN_HALL),
        (2, YOSHIDA, TOWN_HALL),
    ]


@on_both
@pytest.mark.parametrize(
    ("search", "found"),
    [
        pytest.param("高崎", ["GDX-7K3M-Q2-1"], id="another spelling"),
        pytest.param("高崎\u3000洋子", ["GDX-7K3M-Q2-1"], id="family and given name"),
        pytest.param("吉田", ["GDX-7K3M-Q2-2"], id="beyond the basic plane"),
        pytest.param("たかさき", ["GDX-7K3M-Q2-1"], id="reading"),
        pytest.param("\u3231サンプル", ["GDX-8P4N-R3-1"], id="organisation"),
        pytest.param("例示市", ["GDX-7K3M-Q2-1", "GDX-7K3M-Q2-2"], id="organisation of two"),
        pytest.param("ＫＩＫＡＫＵ＠", ["GDX-7K3M-Q2-1", "GDX-7K3M-Q2-2"], id="contact's address"),
        pytest.param("yamada@example.co.jp", ["GDX-8P4N-R3-1"], id="own address"),
        pytest.param("ｇｄｘ－８ｐ４ｎ", ["GDX-8P4N-R3-1"], id="reference number"),
        pytest.param("GDX-7K3M-Q2-2", ["GDX-7K3M-Q2-2"], id="attendee number"),
        pytest.param("%", [], id="percent"),
        pytest.param("_", [], id="underscore"),
        pytest.param("-", [], id="dash"),
        pytest.param("\ud800", [], id="lone surrogate"),
        pytest.param("\ue000", [], id="private use"),
        pytest.param("あ" * 60000, [], id="too long"),
        pytest.param("\0", [], id="nul"),
        pytest.param(" ", ["GDX-7K3M-Q2-1", "GDX-8P4N-R3-1", "GDX-7K3M-Q2-2"], id="blank"),
    ],
)
def test_search(app, search, found):
    event = an_event()
    apply(event, TAKASAKI_PERSON, YOSHIDA_PERSON)
    yamada = {"family_name": "山田", "family_kana": "ヤマダ", "organisation": "株式会社サンプル"}
    apply(
        event,
        yamada | {"family_kana": "ヤ", "email": "Yamada@example.co.jp"},
        reference="GDX-8P4N-R3",
        contact_email="tantou@example.co.jp",
    )
    assert sorted(numbers(roster.find(event, Filter(search=search)))) == sorted(found)


def test_filters_narrow_together(app):
    event = an_event()
    apply(event, TAKASAKI_PERSON, YOSHIDA_PERSON | {"status": Status.CANCELLED})
    apply(event, TAKASAKI_PERSON, reference="GDX-8P4N-R3", category="company")
    apply(an_event(), TAKASAKI_PERSON, reference="GDX-9Q5R-S4")
    assert numbers(roster.find(event, Filter(category="local_gov"))) == ["GDX-7K3M-Q2-1", "GDX-7K3M-Q2-2"]
    assert numbers(roster.find(event, Filter(status="cancelled"))) == ["GDX-7K3M-Q2-2"]
    assert numbers(roster.find(event, Filter("local_gov", "confirmed", "高崎"))) == ["GDX-7K3M-Q2-1"]
    assert numbers(roster.find(event, Filter(category="nobody"))) == []
    assert numbers(roster.find(event, Filter(status="nothing"))) == []


def test_pages(app):
    event = an_event()
    apply(event, *[{"family_kana": "ア"}] * 5)
    assert [numbers(roster.find(event, page=number, per_page=2)) for number in (1, 2, 3)] == [
        ["GDX-7K3M-Q2-1", "GDX-7K3M-Q2-2"],
        ["GDX-7K3M-Q2-3", "GDX-7K3M-Q2-4"],
        ["GDX-7K3M-Q2-5"],
    ]
    before, after = roster.find(event, page=0, per_page=2), roster.find(event, page=10**20, per_page=2)
    assert [(page.number, page.pages, page.total) for page in (before, after)] == [(1, 3, 5), (3, 3, 5)]
    nobody = roster.find(event, Filter(status="lost"), page=1)
    assert (nobody.items, nobody.number, nobody.pages, nobody.total) == ([], 1, 1, 0)


def test_counts(app):
    event = an_event(capacity_total=100)
    apply(event, {}, {}, {"status": Status.WAITLISTED}, {"status": Status.CANCELLED})
    expected = dict.fromkeys([status.value for status in Status], 0)
    expected |= {"confirmed": 2, "waitlisted": 1, "cancelled": 1}
    assert roster.counts(event) == expected
    assert roster.count_summary(event) == expected | {"capacity": 100}
    assert roster.count_summary(an_event())["capacity"] is None


def test_columns_of_the_office(app):
    event = an_event()
    person = TAKASAKI_PERSON | {
        "status": Status.CANCELLED,
        "approved_at": APPLIED + timedelta(hours=1),
        "cancelled_at": APPLIED + timedelta(days=1),
        "cancel_reason": "都合により",
        "undeliverable": True,
        "remark": "請求書発行待ち",
    }
    registration = apply(event, person, contact_phone="090-0000-0000", phone_extension="12")
    say(registration.attendees[0], "privacy", True, version="2025-11")
    say(registration.attendees[0], "followup", False)
    table = roster.table(event)
    assert table.header == COLUMNS
    assert table.rows == [
        [
            "GDX-7K3M-Q2",
            1,
            "取消",
            "自治体職員",
            "オンライン参加",
            "",
            "北海道",
            "011002",
            "例示市",
            "企画政策課",
        ]
        + ["係長", TAKASAKI, "洋子", "タカサキ", "ヨウコ", TOWN_HALL, "090-0000-0000", "12", 3]
        + ["2025/12/01 10:00", "2025/12/01 11:00", "2025/12/02 10:00", "都合により", "未確認", ""]
        + ["2025-11", "いいえ", "はい", "", "請求書発行待ち"]
    ]
    assert table.references == ["GDX-7K3M-Q2-1"]


@pytest.mark.parametrize(
    ("fee_jpy", "fee_note", "shown"),
    [(0, "一部有料", "無料"), (5500, "", "5,500円（税込）"), (None, "実費", "実費"), (None, "", "")],
    ids=["free", "fee", "note", "blank"],
)
def test_fee(app, fee_jpy, fee_note, shown):
    event = an_event(fee_note=fee_note)
    with transaction():
        event.category("local_gov").fee_jpy = fee_jpy
    apply(event, {})
    assert as_dicts(roster.table(event))[0]["参加費"] == shown


def test_ways_to_take_part(app):
    event = an_event(format=Format.HYBRID)
    with transaction():
        event.modes.append(ParticipationMode(key="venue", label="会場で", position=0))
        event.modes.append(ParticipationMode(key="online", label="オンラインで", position=1))
    apply(event, {"participation": "venue"}, {"participation": "online", "viewers": 2})
    assert [(row["参加方法"], row["視聴人数"]) for row in as_dicts(roster.table(event))] == [
        ("会場で", ""),
        ("オンラインで", 2),
    ]
    assert roster.table(event, "zoom").references == ["GDX-7K3M-Q2-2"]


def test_a_venue_has_no_viewers_and_nobody_for_zoom(app):
    event = an_event(format=Format.VENUE)
    apply(event, {})
    assert [(row["参加方法"], row["視聴人数"]) for row in as_dicts(roster.table(event))] == [("会場参加", "")]
    assert roster.table(event, "zoom").rows == []


def test_the_last_move_gives_an_ending_its_word(app):
    event = an_event()
    lost, cancelled = {"status": Status.LOST}, {"status": Status.CANCELLED}
    first, second, third, fourth, fifth = apply(event, lost, lost, cancelled, cancelled, {}).attendees
    record(first, "lottery", "lost")
    record(second, "waitlisted", "lost")
    record(third, "offered", "cancelled")
    for before in ("offered", "confirmed"):
        record(fourth, before, "cancelled")
    record(fifth, "offered", "cancelled")
    words = [row["状態"] for row in as_dicts(roster.table(event))]
    assert words == ["落選", "繰上げなし", "辞退", "取消", "参加確定"]


def test_answers_and_consents_have_columns_of_their_own(app):
    event = an_event(recipients=[COMPANY_A, COMPANY_B], consents=["privacy", "share", "followup"])
    with transaction():
        for position, (key, kind) in enumerate(
            [("topic", "checkbox"), ("stay", "yes_no"), ("age", "number")]
        ):
            event.questions.append(
                Question(key=key, label=f"質問 {key}", type=kind, position=position, purpose="準備")
            )
    registration = apply(event, {}, {}, answers={"topic": ["甲", "乙"], "age": -5})
    say(registration.attendees[0], "share", True, "a")
    say(registration.attendees[0], "share", False, "a")
    say(registration.attendees[1], "share", True, "b")
    table = roster.table(event)
    names = COLUMNS[-3:]
    assert table.header == [
        *COLUMNS[:-3],
        "同意_第三者提供_共催企業A",
        "同意_第三者提供_共催企業B",
        *names,
        "質問 topic",
        "質問 stay",
        "質問 age",
    ]
    assert [row[-8:-6] + row[-3:] for row in table.rows] == [
        ["いいえ", "", "甲、乙", "", "-5"],
        ["", "はい", "甲、乙", "", "-5"],
    ]


def test_words_are_japanese_for_an_english_reader(app):
    event = an_event()
    apply(event, {})
    with app.test_request_context("/?lang=en"):
        assert as_dicts(roster.table(event))[0]["状態"] == "参加確定"


def test_zoom_has_one_row_for_an_address(app):
    event = an_event()
    apply(event, TAKASAKI_PERSON, YOSHIDA_PERSON, {"status": Status.WAITLISTED})
    apply(
        event,
        TAKASAKI_PERSON | {"email": "takasaki@example.jp"},
        {"family_name": "ソクラテス", "family_kana": "ソクラテス", "email": "s@example.jp"},
        YOSHIDA_PERSON | {"department": "総務課", "email": TOWN_HALL.upper()},
        reference="GDX-8P4N-R3",
    )
    table = roster.table(event, "zoom")
    assert table.header == ["Email Address", "First Name", "Last Name"]
    assert table.rows == [
        ["s@example.jp", "ソクラテス", ""],
        [TOWN_HALL, "例示市（3名）", ""],
        ["takasaki@example.jp", "洋子", TAKASAKI],
    ]
    assert table.references[1] == "GDX-7K3M-Q2-1、GDX-7K3M-Q2-2、GDX-8P4N-R3-3"
    shared = roster.shared_mailboxes(event)
    assert {address: len(people) for address, people in shared.items()} == {TOWN_HALL: 3}


def test_zoom_names_the_office_of_a_shared_mailbox(app):
    event = an_event()
    apply(event, TAKASAKI_PERSON, YOSHIDA_PERSON)
    assert roster.table(event, "zoom").rows == [[TOWN_HALL, "例示市 企画政策課（2名）", ""]]
    assert roster.table(event, "zoom", Filter(search="高崎")).rows == [[TOWN_HALL, "洋子", TAKASAKI]]


def test_shared_is_not_allowed_unless_attendees_were_told(app):
    for event in (an_event(), an_event(recipients=[COMPANY_A]), an_event(consents=["share"])):
        with pytest.raises(roster.PresetNotAllowed):
            roster.table(event, "shared")


def test_shared_holds_those_who_agreed_and_the_items_named(app):
    event = an_event(recipients=[COMPANY_A], consents=["privacy", "share"])
    first, second, third, fourth = apply(
        event, TAKASAKI_PERSON, YOSHIDA_PERSON, {"status": Status.CANCELLED}, {"remark": "内緒"}
    ).attendees
    for one in (first, second, third):
        say(one, "share", True, "a")
    say(second, "share", False, "a")
    say(fourth, "share", True, "b")
    table = roster.table(event, "shared")
    assert table.header == ["氏名", "所属", "部署", "メールアドレス"]
    assert table.rows == [[f"{TAKASAKI} 洋子", "例示市", "企画政策課", TOWN_HALL]]


def test_shared_needs_a_recipient_where_there_are_several(app):
    event = an_event(recipients=[COMPANY_A, COMPANY_B], consents=["share"])
    one = apply(event, TAKASAKI_PERSON).attendees[0]
    say(one, "share", True, "b")
    for wrong in (None, "c"):
        with pytest.raises(roster.RecipientNeeded, match="^a, b$"):
            roster.table(event, "shared", recipient=wrong)
    assert roster.table(event, "shared", recipient="a").rows == []
    assert as_dicts(roster.table(event, "shared", recipient="b")) == [
        {"氏名カナ": "タカサキ ヨウコ", "受付番号": "GDX-7K3M-Q2"}
    ]


def test_a_question_cannot_take_the_place_of_an_item(app):
    event = an_event(recipients=[COMPANY_A], consents=["share"])
    with transaction():
        for label in ("氏名", "メールアドレス"):
            event.questions.append(Question(key=label, label=label, type="text", purpose="準備"))
    one = apply(event, TAKASAKI_PERSON, answers={"氏名": "x", "メールアドレス": "x"}).attendees[0]
    say(one, "share", True, "a")
    assert roster.table(event, "shared").rows == [[f"{TAKASAKI} 洋子", "例示市", "企画政策課", TOWN_HALL]]


def test_a_shared_download_records_its_recipient(app):
    event = an_event(recipients=[COMPANY_A], consents=["share"])
    done = roster.download(event, preset="shared")
    assert done.content.decode("utf-8-sig") == '"氏名","所属","部署","メールアドレス"\r\n'
    details = db.session.scalars(select(AuditEntry)).one().details
    assert (details["preset"], details["rows"], details["columns"]) == ("shared:a", 0, COMPANY_A["items"])


@pytest.mark.parametrize("items", [[], ["氏名", "血液型"]], ids=["none", "unknown"])
def test_shared_refuses_items_without_a_column(app, items):
    event = an_event(recipients=[COMPANY_A | {"items": items}], consents=["share"])
    with pytest.raises(roster.PresetNotAllowed):
        roster.table(event, "shared")


def test_unknown_presets_and_formats(app):
    event = an_event()
    with pytest.raises(ValueError, match="nobody"):
        roster.table(event, "nobody")
    with pytest.raises(ValueError, match="pdf"):
        roster.download(event, file_format="pdf")
    with pytest.raises(ValueError, match="latin-1"):
        roster.download(event, encoding="latin-1")
    assert db.session.scalars(select(AuditEntry)).all() == []


def test_a_download_is_named_and_recorded(app, at):
    at(datetime(2025, 12, 22, 6, 30, tzinfo=UTC))
    event = an_event(slug="kanmin", title="官民連携")
    apply(event, TAKASAKI_PERSON, YOSHIDA_PERSON)
    done = roster.download(event, filter=Filter(search="高崎"))
    assert (done.ascii_name, done.japanese_name) == (
        "roster_kanmin_20251222-1530.csv",
        "名簿_官民連携_20251222-1530.csv",
    )
    assert done.media_type == "text/csv"
    rows = list(csv.reader(io.StringIO(done.content.decode("utf-8-sig"), newline="")))
    assert [len(rows), rows[1][0], rows[1][11]] == [2, "GDX-7K3M-Q2", TAKASAKI]
    entry = db.session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.event_id, entry.account_id, entry.at) == (
        "roster.downloaded",
        event.id,
        None,
        clock.now(),
    )
    assert entry.details == {
        "preset": "office",
        "format": "csv",
        "encoding": "utf-8-sig",
        "filter": {"category": None, "status": None, "search": True},
        "rows": 1,
        "columns": COLUMNS,
    }


def test_a_download_for_zoom(app):
    event = an_event()
    apply(event, TAKASAKI_PERSON)
    content = roster.download(event, preset="zoom").content
    assert content.decode() == f"Email Address,First Name,Last Name\r\n{TOWN_HALL},洋子,{TAKASAKI}\r\n"


def test_a_workbook_does_not_depend_on_the_moment(app, at):
    event = an_event()
    apply(event, TAKASAKI_PERSON)
    at(datetime(2025, 12, 22, 6, 30, tzinfo=UTC))
    first = roster.download(event, file_format="xlsx")
    at(datetime(2026, 1, 5, 6, 30, tzinfo=UTC))
    second = roster.download(event, file_format="xlsx")
    assert first.content == second.content
    assert [one.ascii_name[-18:] for one in (first, second)] == ["20251222-1530.xlsx", "20260105-1530.xlsx"]


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(
            lambda event: [(one.number, one.category.label) for one in roster.find(event).items], id="find"
        ),
        pytest.param(lambda event: roster.find(event, page=1), id="page"),
        pytest.param(roster.table, id="office"),
        pytest.param(lambda event: roster.table(event, "zoom"), id="zoom"),
        pytest.param(lambda event: roster.table(event, "shared"), id="shared"),
        pytest.param(roster.count_summary, id="counts"),
    ],
)
def test_statements_do_not_grow_with_the_attendees(app, work):
    event = an_event(recipients=[COMPANY_A], consents=["share"])
    with transaction():
        event.questions.append(Question(key="topic", label="質問", type="text", purpose="準備"))
    apply(event, {}, answers={"topic": "x"})
    few = count_statements(lambda: work(event))
    for number in range(20):
        registration = apply(event, {}, {}, reference=f"GDX-MANY-{number}", answers={"topic": "x"})
        say(registration.attendees[0], "share", True, "a")
    assert count_statements(lambda: work(event)) == few
