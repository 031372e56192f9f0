"""The event file without a database: its faults, what it means, and the way back."""

import copy
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from eventsite.events import demo, event_file, markdown
from eventsite.events.event_file import Fault, FaultyFile
from eventsite.models import Category, Event, EventStatus, Format, ParticipationMode, Question

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _stopped_clock(at: Any) -> None:
    at(NOW)


def a_definition(**changes: Any) -> dict[str, Any]:
    """Return a small valid definition; a change of None removes the key."""
    definition = {
        "slug": "hajimete-no-dx",
        "title": "はじめての自治体DX",
        "schedule": {
            "mode": "absolute",
            "start_at": "2027-01-20T10:00:00+09:00",
            "end_at": "2027-01-20T11:30:00+09:00",
            "timezone": "Asia/Tokyo",
        },
        "format": "online",
        "status": "published",
        "categories": [{"code": "local_gov", "label": "自治体職員", "capacity": 60}],
    } | changes
    return {key: value for key, value in definition.items() if value is not None}


def a_relative(days: int, start: str = "14:00", end: str = "15:30", **changes: Any) -> dict[str, Any]:
    return {"mode": "relative", "days_from_seeding": days, "start": start, "end": end} | changes


def a_question(**changes: Any) -> dict[str, Any]:
    return {"key": "diet", "label": "食事", "type": "text", "purpose": "昼食の用意のため"} | changes


def a_category(**changes: Any) -> dict[str, Any]:
    return {"code": "press", "label": "報道", "capacity": None} | changes


def a_file(*definitions: Any) -> dict[str, Any]:
    return {"schema_version": 1, "events": list(definitions)}


def faults_of(*definitions: Any, today: date = TODAY) -> list[str]:
    return [str(fault) for fault in event_file.check(a_file(*definitions), today=today)]


def built(rows: dict[str, Any]) -> Event:
    return Event(
        **rows["event"],
        categories=[Category(**one) for one in rows["categories"]],
        modes=[ParticipationMode(**one) for one in rows["modes"]],
        questions=[Question(**one) for one in rows["questions"]],
    )


SHAPE_FAULTS = [
    pytest.param({"title": None}, "events[0].title: is missing", id="required"),
    pytest.param({"title": " \u3000"}, "events[0].title: is empty", id="blank once cleaned"),
    pytest.param({"title": 5}, "events[0].title: must be text, not 5", id="type"),
    pytest.param({"title": "長" * 401}, "events[0].title: has 401 characters, more than 400", id="too long"),
    pytest.param({"titel": "x"}, "events[0].titel: is no key of this form", id="unknown key"),
    pytest.param(
        {"ti tle": "x"}, 'events[0]."ti tle": is no key of this form', id="unknown key that needs quotes"
    ),
    pytest.param(
        {"slug": "Ab"},
        'events[0].slug: "Ab" is not a slug of 3 to 60 characters out of a-z, 0-9 and -',
        id="slug",
    ),
    pytest.param({"format": "zoom"}, 'events[0].format: "zoom" is none of online, venue, hybrid', id="enum"),
    pytest.param({"categories": []}, "events[0].categories: is an empty list", id="no category"),
    pytest.param(
        {"capacity_total": 1.5}, "events[0].capacity_total: must be a whole number, not 1.5", id="float"
    ),
    pytest.param(
        {"capacity_total": 60.0},
        "events[0].capacity_total: must be a whole number, not 60.0",
        id="whole float",
    ),
    pytest.param(
        {"capacity_total": True}, "events[0].capacity_total: must be a whole number, not true", id="boolean"
    ),
    pytest.param(
        {"capacity_total": 2**31},
        "events[0].capacity_total: 2147483648 is more than 2147483647",
        id="more than 32 bits",
    ),
    pytest.param(
        {"categories": [{"code": "local_gov", "label": "自治体職員", "capacity": -1}]},
        "events[0].categories[0].capacity: -1 is less than 0",
        id="negative capacity",
    ),
    pytest.param(
        {"categories": [{"code": "local_gov", "label": "自治体職員"}]},
        "events[0].categories[0].capacity: is missing",
        id="capacity is named even where it is null",
    ),
    pytest.param(
        {"categories": [{"code": "a", "label": "甲", "capacity": None, "max_attendees": 21}]},
        "events[0].categories[0].max_attendees: 21 is more than 20",
        id="max_attendees",
    ),
    pytest.param(
        {"delivery": {"join_url": "http://zoom.us/j/1"}},
        'events[0].delivery.join_url: "http://zoom.us/j/1" is not an address that begins with https://',
        id="join_url without https",
    ),
    pytest.param(
        {"schedule": a_relative(7, start="9:00")},
        'events[0].schedule.start: "9:00" is not a time of day such as "09:30"',
        id="time of day",
    ),
    pytest.param(
        {"application": {"opens_at": "2026-12-01T10:00:00"}},
        'events[0].application.opens_at: "2026-12-01T10:00:00" is not an instant such as'
        ' "2026-01-20T10:00:00+09:00"',
        id="instant without offset",
    ),
    pytest.param(
        {"consents": ["privacy", "privacy"]}, "events[0].consents: holds the same item twice", id="unique"
    ),
    pytest.param(
        {"questions": [a_question(purpose=None)]},
        "events[0].questions[0].purpose: must be text, not null",
        id="null where required",
    ),
    pytest.param(
        {"title": "\ud800"}, "events[0].title: holds a character that cannot be stored", id="surrogate"
    ),
    pytest.param(
        {"agenda": [{"label": "\ue000"}]},
        "events[0].agenda[0].label: holds a private-use character (外字)",
        id="private use",
    ),
    pytest.param({"contact": {"email": "info"}}, "events[0].contact.email: is no mail address", id="email"),
]


@pytest.mark.parametrize(("changes", "fault"), SHAPE_FAULTS)
def test_a_wrong_form_is_named_by_its_path(changes: dict[str, Any], fault: str) -> None:
    assert faults_of(a_definition(**changes)) == [fault]


MEANING_FAULTS = [
    pytest.param(
        {
            "categories": [
                {"code": "a", "label": "甲", "capacity": 1},
                {"code": "a", "label": "乙", "capacity": 1},
            ]
        },
        'categories[1].code: "a" stands there twice',
        id="category twice",
    ),
    pytest.param(
        {"questions": [a_question(), a_question()]},
        'questions[1].key: "diet" stands there twice',
        id="question twice",
    ),
    pytest.param(
        {"schedule": {"start_at": "2027-01-20T10:00+09:00", "end_at": "2027-01-20T10:00+09:00"}},
        "schedule.end_at: is not after the start",
        id="no duration",
    ),
    pytest.param(
        {"schedule": a_relative(7, "15:00", "14:00")},
        "schedule.end: is not after the start",
        id="ends before start",
    ),
    pytest.param(
        {"schedule": {"start_at": "2027-02-30T10:00:00+09:00", "end_at": "2027-03-01T10:00:00+09:00"}},
        'schedule.start_at: "2027-02-30T10:00:00+09:00" is no day and time that exists',
        id="no such day",
    ),
    pytest.param(
        {"schedule": a_relative(7, timezone="Asia/Tokio")},
        'schedule.timezone: "Asia/Tokio" is no time zone',
        id="unknown zone",
    ),
    pytest.param(
        {"application": {"opens_at": "2027-01-10T10:00:00+09:00", "closes_at": "2027-01-10T10:00:00+09:00"}},
        "application.closes_at: is not after the opening",
        id="closes at the opening",
    ),
    pytest.param(
        {
            "application": {"opens_at": "2027-01-10T10:00:00+09:00"},
            "categories": [
                {"code": "a", "label": "甲", "capacity": 1, "closes_at": "2027-01-09T10:00:00+09:00"}
            ],
        },
        "categories[0].closes_at: is not after the opening",
        id="category closes before the event opens",
    ),
    pytest.param(
        {"application": {"closes_days_before": 1}},
        "application.closes_time: is missing: closes_days_before needs it",
        id="days without time",
    ),
    pytest.param(
        {"application": {"opens_at": "2027-01-10T10:00:00+09:00", "opens_days_before": 5}},
        "application.opens_days_before: stands beside opens_at: one of them is enough",
        id="opening given twice",
    ),
    pytest.param(
        {"status": "scheduled"},
        "publish_at: is missing: a scheduled event needs it",
        id="scheduled for no time",
    ),
    pytest.param(
        {"status": "finished"}, "status: finished needs an end in the past", id="finished in future"
    ),
    pytest.param(
        {"status": "finished", "schedule": a_relative(0)},
        "status: finished needs an end in the past",
        id="finished today",
    ),
    pytest.param(
        {"sessions": [{"key": "online"}]},
        "sessions: belong to a hybrid event only",
        id="ways of an online event",
    ),
    pytest.param(
        {"format": "hybrid", "sessions": [{"key": "online"}]},
        "sessions: of a hybrid event are online and venue",
        id="hybrid with one way",
    ),
    pytest.param(
        {"questions": [a_question(categories=["local_gov", "press"])]},
        'questions[0].categories[1]: "press" is no category of this event',
        id="question of an unknown category",
    ),
    pytest.param(
        {"questions": [a_question(shown_if={"question": "diet", "is": "有"})]},
        'questions[0].shown_if.question: "diet" is no earlier question',
        id="shown after itself",
    ),
    pytest.param(
        {
            "questions": [
                a_question(key="lunch", type="radio", choices=["要", {"label": "不要", "capacity": 3}]),
                a_question(shown_if={"question": "lunch", "is": "いる"}),
            ]
        },
        'questions[1].shown_if.is: "いる" is no choice of lunch',
        id="shown for no possible answer",
    ),
    pytest.param(
        {"categories": [a_category(domains=["example.jp", "taro@example.jp"])]},
        'categories[0].domains[1]: "taro@example.jp" is no domain of mail addresses',
        id="address instead of a domain",
    ),
    pytest.param(
        {"application": {"cancel_until": "2027-02-30T10:00:00+09:00"}},
        'application.cancel_until: "2027-02-30T10:00:00+09:00" is no day and time that exists',
        id="no such day to cancel until",
    ),
    pytest.param(
        {"questions": [a_question(type="radio")]},
        "questions[0].choices: is missing: a question of type radio needs it",
        id="radio without choices",
    ),
]


@pytest.mark.parametrize(("changes", "fault"), MEANING_FAULTS)
def test_what_a_schema_cannot_say_is_checked(changes: dict[str, Any], fault: str) -> None:
    assert faults_of(a_definition(**changes)) == [f"events[0].{fault}"]


@pytest.mark.parametrize(
    ("day", "start", "fault"),
    [
        pytest.param(
            date(2026, 4, 24), "00:30", "2026-04-24 00:30 does not exist in Africa/Cairo", id="skipped"
        ),
        pytest.param(
            date(2026, 10, 29), "23:30", "2026-10-29 23:30 comes twice in Africa/Cairo", id="repeated"
        ),
    ],
)
def test_a_relative_time_that_the_clocks_do_not_show_once(day: date, start: str, fault: str) -> None:
    definition = a_definition(schedule=a_relative(0, start, "23:50", timezone="Africa/Cairo"))
    assert faults_of(definition, today=day) == [f"events[0].schedule.start: {fault}"]


def test_two_events_of_one_slug() -> None:
    assert faults_of(a_definition(), a_definition(title="別")) == [
        'events[1].slug: "hajimete-no-dx" stands there twice'
    ]


def test_each_event_is_checked_although_another_is_wrong() -> None:
    definitions = a_definition(title=7), a_definition(slug="second", status="scheduled"), 7
    assert faults_of(*definitions) == [
        "events[0].title: must be text, not 7",
        "events[2]: must be an object, not 7",
        "events[1].publish_at: is missing: a scheduled event needs it",
    ]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        pytest.param([], Fault("", "must be an object, not a list"), id="list"),
        pytest.param({"schema_version": 1}, Fault("events", "is missing"), id="no events"),
        pytest.param(
            {"schema_version": 2, "events": []}, Fault("schema_version", "2 is not 1"), id="version"
        ),
    ],
)
def test_a_document_of_another_form(document: Any, fault: Fault) -> None:
    assert event_file.check(document, today=TODAY) == [fault]


def test_notes_and_nulls_are_as_good_as_missing() -> None:
    definition = a_definition(
        note="自分用",
        note_2=[1],
        subtitle="",
        delivery={"venue": None, "note_x": {}},
        survey={"enabled": None},
    )
    definition["application"] = definition["questions"] = definition["agenda"] = None
    assert faults_of(definition) == []
    assert event_file.plan(definition, TODAY) == event_file.plan(a_definition(), TODAY)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"\xff{}", "is not UTF-8: see byte 0", id="not UTF-8"),
        pytest.param('{"events": NaN}', "NaN is no JSON number", id="NaN"),
        pytest.param('{"a": 1, "a": 2}', 'the key "a" stands twice in one object', id="key twice"),
        pytest.param("[]", "must be an object, not a list", id="list"),
        pytest.param("[" * 100_000, "is nested too deeply", id="deep"),
    ],
)
def test_what_is_no_event_file_is_not_loaded(content: str | bytes, fault: str) -> None:
    with pytest.raises(FaultyFile) as caught:
        event_file.load(content)
    assert [str(one) for one in caught.value.faults] == [fault]


def test_a_syntax_error_is_named_by_line_and_column() -> None:
    with pytest.raises(FaultyFile) as caught:
        event_file.load('{\n "events" []}')
    assert [one.path for one in caught.value.faults] == ["line 2, column 11"]


def test_a_byte_order_mark_is_passed_over() -> None:
    content = json.dumps(a_file(a_definition()), ensure_ascii=False).encode("utf-8-sig")
    assert event_file.load(content) == a_file(a_definition())


def instants(definition: dict[str, Any], today: date) -> dict[str, str | None]:
    columns = event_file.plan(definition, today)["event"]
    names = ("start_at", "end_at", "opens_at", "closes_at", "lottery_at")
    return {name: columns[name] and columns[name].strftime("%Y-%m-%d %H:%M") for name in names}


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        pytest.param(
            date(2025, 12, 13),
            (
                "2026-01-05 05:00",
                "2026-01-05 06:30",
                "2025-12-06 01:00",
                "2025-12-26 08:00",
                "2025-12-26 01:00",
            ),
            id="year end: 12-27 moves to 01-05",
        ),
        pytest.param(
            date(2026, 4, 18),
            (
                "2026-05-07 05:00",
                "2026-05-07 06:30",
                "2026-04-07 01:00",
                "2026-05-01 08:00",
                "2026-05-01 01:00",
            ),
            id="Golden Week: 05-02 moves to 05-07",
        ),
        pytest.param(
            date(2026, 11, 26),
            (
                "2026-12-10 05:00",
                "2026-12-10 06:30",
                "2026-11-10 01:00",
                "2026-12-09 08:00",
                "2026-12-07 01:00",
            ),
            id="business days stay",
        ),
    ],
)
def test_relative_times_in_utc(today: date, expected: tuple[str, ...]) -> None:
    definition = a_definition(
        schedule=a_relative(14),
        application={
            "opens_days_before": 30,
            "closes_days_before": 1,
            "closes_time": "17:00",
            "lottery_days_before": 3,
        },
    )
    assert tuple(instants(definition, today).values()) == expected


def test_days_before_an_absolute_start() -> None:
    definition = a_definition(application={"closes_days_before": 4, "closes_time": "12:00"})
    assert instants(definition, date(2000, 1, 1)) == {
        "start_at": "2027-01-20 01:00",
        "end_at": "2027-01-20 02:30",
        "opens_at": None,
        "closes_at": "2027-01-15 03:00",  # the 16th is a Saturday
        "lottery_at": None,
    }


def test_only_a_relative_schedule_has_counted_columns() -> None:
    application = {"opens_at": None, "opens_days_before": 30}
    assert event_file.counted_columns(a_definition(application=application)) == frozenset()
    assert event_file.counted_columns(a_definition(schedule=a_relative(7), application=application)) == {
        "start_at",
        "end_at",
        "timezone",
        "opens_at",
    }


def test_defaults_of_what_is_missing() -> None:
    rows = event_file.plan(a_definition(status="finished"), TODAY)
    chosen = (
        "status",
        "format",
        "timezone",
        "consents",
        "recipients",
        "background",
        "live",
        "confirm_screen",
        "changes_allowed",
        "changes_until",
        "cancel_until",
        "join_on_page",
    )
    assert {name: rows["event"][name] for name in chosen} == {
        "status": EventStatus.PUBLISHED,
        "format": Format.ONLINE,
        "timezone": "Asia/Tokyo",
        "consents": ["privacy"],
        "recipients": [],
        "background": {},
        "live": False,
        "confirm_screen": True,
        "changes_allowed": True,
        "changes_until": None,
        "cancel_until": None,
        "join_on_page": True,
    }
    assert rows["categories"] == [
        {
            "code": "local_gov",
            "label": "自治体職員",
            "position": 0,
            "capacity": 60,
            "selection": "first_come",
            "approval": "auto",
            "verification": "none",
            "domain_classes": ["lg", "local_geo"],
            "domains": [],
            "listed": False,
            "waitlist": True,
            "promotion": "confirm",
            "opens_at": None,
            "closes_at": None,
            "max_attendees": 5,
            "per_organization_limit": None,
            "help": "",
            "fee_jpy": None,
            "fields": {},
        }
    ]
    assert (rows["modes"], rows["questions"]) == ([], [])


def test_recognised_addresses_are_kept_in_one_order_and_spelling() -> None:
    typed = a_category(
        domain_classes=["edu", "lg"], domains=["@Example.OR.jp", "例え.example", "example.or.jp"]
    )
    (columns,) = event_file.plan(a_definition(categories=[typed]), TODAY)["categories"]
    assert columns["domain_classes"] == ["lg", "edu"]
    assert columns["domains"] == ["example.or.jp", "xn--r8jz45g.example"]


@pytest.mark.parametrize("classes", [[], ["lg"], ["lg", "local_geo"]], ids=str)
def test_no_recognised_class_is_not_the_usual_ones(classes: list[str]) -> None:
    rows = event_file.plan(a_definition(categories=[a_category(domain_classes=classes)]), TODAY)
    (written,) = event_file.describe(built(rows), NOW)["categories"]
    assert written.get("domain_classes", "usual") == ("usual" if classes == ["lg", "local_geo"] else classes)


def test_a_hybrid_event_has_both_ways_to_take_part() -> None:
    assert event_file.plan(a_definition(format="hybrid"), TODAY)["modes"] == [
        {"key": "venue", "label": "会場参加", "position": 0, "capacity": None},
        {"key": "online", "label": "オンライン参加", "position": 1, "capacity": None},
    ]


def test_texts_are_cleaned() -> None:
    definition = a_definition(
        title="  ﾃﾞｰﾀ\u200b 連携\u3000", abstract="一行目 \r\n二行目", description="- 甲\r\n  - 乙\n"
    )
    columns = event_file.plan(definition, TODAY)["event"]
    assert {name: columns[name] for name in ("title", "abstract", "description")} == {
        "title": "データ 連携",
        "abstract": "一行目\n二行目",
        "description": "- 甲\n  - 乙",
    }


def everything() -> dict[str, Any]:
    """Return a definition that uses every key."""
    return a_definition(
        subtitle="副題",
        full_title="はじめての自治体DX～副題～",
        abstract="概要",
        description="# 内容\n\n- 甲\n  - 乙",
        audience_note="職員の方",
        organizer="協議会",
        contact={
            "name": "事務局",
            "email": "info@example.jp",
            "phone": "03-0000-0000",
            "hours": "平日10時～17時",
        },
        notice="お知らせ",
        example=True,
        schedule=a_relative(30, timezone="Asia/Tokyo", time_status="予定", adjust="next_business_day_jp"),
        format="hybrid",
        delivery={
            "online": "Zoomウェビナー",
            "online_status": "想定",
            "join_url": "https://zoom.us/j/1?pwd=a",
            "webinar_id": "1",
            "passcode": "p",
            "live": True,
            "venue": {"name": "会議室", "address": "東京都", "capacity": 0, "note": "3階"},
        },
        sessions=[
            {"key": "online", "label": "配信", "capacity": 0},
            {"key": "venue", "label": "会場", "capacity": 3},
        ],
        fee_note="無料",
        capacity_total=0,
        application={
            "opens_days_before": 20,
            "closes_days_before": 3,
            "closes_time": "17:00",
            "lottery_days_before": 2,
            "changes_allowed": False,
            "changes_until": "2026-12-22T12:00:00+09:00",
            "cancel_until": "2026-12-23T12:00:00+09:00",
            "join_on_page": False,
        },
        confirm_screen=False,
        status="scheduled",
        publish_at="2026-12-01T00:00:00+09:00",
        cancel_reason="都合により",
        categories=[
            {
                "code": "press",
                "label": "報道",
                "capacity": None,
                "selection": "lottery",
                "approval": "manual",
                "verification": "invite_code",
                "domain_classes": ["go", "edu"],
                "domains": ["example.or.jp", "xn--r8jz45g.example"],
                "listed": True,
                "waitlist": False,
                "promotion": "offer",
                "opens_at": "2026-12-08T10:00:00.5+09:00",
                "closes_at": "2026-12-15T10:00:00Z",
                "max_attendees": 1,
                "per_organization_limit": 2,
                "help": "一社二名",
                "fee_jpy": 0,
                "fields": {"kana": "off"},
            }
        ],
        questions=[
            a_question(
                key="lunch",
                type="radio",
                required=True,
                choices=["要", {"label": "不要", "capacity": 3}],
                help="昼食",
            ),
            a_question(max_length=10, categories=["press"], shown_if={"question": "lunch", "is": "要"}),
            a_question(key="stay", required=True, retired=True, shown_if={"question": "gone", "is": True}),
        ],
        consents=[],
        third_party_recipients=[
            {"code": "a", "name": "甲社", "items": ["氏名"], "purpose": "案内", "withdrawable": False}
        ],
        agenda=[{"label": "開会", "organisation": "協議会", "time": "10:50"}],
        speakers=[{"name": "佐藤", "organisation": "市", "role": "講師", "hypothetical": True}],
        themes=[{"no": 1, "label": "題"}],
        case={"organisation": "社", "summary": "要約"},
        tags=["AI"],
        resources_after=["資料", {"label": "録画", "url": "https://example.jp/a"}],
        survey={"enabled": True, "anonymous": False},
        facts=["事実"],
        themes_status="例",
        demo_state="受付中",
    )


def demo_definitions() -> list[Any]:
    document = event_file.load(demo.FILE.read_bytes())
    return [pytest.param(one, id=one["slug"]) for one in document["events"]]


@pytest.mark.parametrize(
    "definition",
    [
        *demo_definitions(),
        pytest.param(a_definition(), id="little"),
        pytest.param(everything(), id="everything"),
    ],
)
def test_what_is_written_means_the_same(definition: dict[str, Any]) -> None:
    given = copy.deepcopy(definition)
    rows = event_file.plan(definition, TODAY)
    written = json.loads(json.dumps(event_file.describe(built(rows), NOW)))
    assert faults_of(written) == []
    assert event_file.plan(written, date(2000, 1, 1)) == rows
    assert event_file.describe(built(rows), NOW) == written
    assert definition == given


def test_what_is_written_of_everything() -> None:
    wanted = everything() | {
        "schedule": {
            "mode": "absolute",
            "start_at": "2026-12-24T14:00:00+09:00",
            "end_at": "2026-12-24T15:30:00+09:00",
            "timezone": "Asia/Tokyo",
            "time_status": "予定",
        },
        "application": {
            "opens_at": "2026-12-04T10:00:00+09:00",
            "closes_at": "2026-12-21T17:00:00+09:00",
            "lottery_at": "2026-12-22T10:00:00+09:00",
            "changes_allowed": False,
            "changes_until": "2026-12-22T12:00:00+09:00",
            "cancel_until": "2026-12-23T12:00:00+09:00",
            "join_on_page": False,
        },
    }
    wanted["categories"][0] |= {
        "opens_at": "2026-12-08T10:00:00.500000+09:00",
        "closes_at": "2026-12-15T19:00:00+09:00",
    }
    wanted["questions"][1]["required"] = False
    assert event_file.describe(built(event_file.plan(everything(), TODAY)), NOW) == wanted


def test_a_published_event_is_finished_after_its_end() -> None:
    event = built(event_file.plan(a_definition(), TODAY))
    assert event_file.describe(event, NOW)["status"] == "published"
    assert event_file.describe(event, event.end_at)["status"] == "finished"


@pytest.mark.parametrize("today", [date(2026, 11, 24), date(2025, 12, 20), date(2026, 4, 25)], ids=str)
def test_the_demo_file_is_valid(today: date) -> None:
    assert event_file.check(event_file.load(demo.FILE.read_bytes()), today=today) == []


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        pytest.param("# 題", "<h3>題</h3>", id="headings stand below the page's"),
        pytest.param("一\n二", "<p>一<br>\n二</p>", id="line break"),
        pytest.param("<b onclick=x>太</b>", "<p>&lt;b onclick=x&gt;太&lt;/b&gt;</p>", id="HTML stays text"),
        pytest.param("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>", id="no script links"),
        pytest.param(
            "[a](/x)", '<p><a href="/x" rel="nofollow noopener">a</a></p>', id="link within the site"
        ),
        pytest.param(
            "![絵](https://example.jp/a.png)",
            '<p>!<a href="https://example.jp/a.png" rel="nofollow noopener">絵</a></p>',
            id="pictures become links",
        ),
    ],
)
def test_markdown(typed: str, shown: str) -> None:
    assert markdown.render(typed) == shown
