"""Event files into the database and back."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite import accounts, audit, checks, registration
from eventsite.db import Base, db, transaction
from eventsite.events import demo, event_file
from eventsite.events.demo import NotADemoDatabase, load_demo
from eventsite.events.event_file import FaultyFile
from eventsite.events.importing import Imported, export, find, import_events
from eventsite.mail import mailings
from eventsite.models import Account, Answer, AuditEntry, Event, EventRole, Message, Registration, Status
from tests import cast

TODAY = date(2026, 11, 24)
SLUG = "hajimete-no-dx"

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def stopped_clock(at: Callable[[datetime], Any]) -> Any:
    return at(datetime(2026, 11, 24, 3, tzinfo=UTC))


def a_file(**changes: Any) -> dict[str, Any]:
    """Return a document of one open online event with two categories and two questions."""
    definition = {
        "slug": SLUG,
        "title": "はじめての自治体DX",
        "schedule": {"start_at": "2027-01-20T10:00:00+09:00", "end_at": "2027-01-20T11:30:00+09:00"},
        "format": "online",
        "delivery": {"online": "Zoomウェビナー", "join_url": "https://zoom.us/j/1"},
        "status": "published",
        "categories": [
            {"code": "local_gov", "label": "自治体職員", "capacity": 1},
            {"code": "company", "label": "一般企業", "capacity": 10},
        ],
        "questions": [
            {"key": "diet", "label": "食事", "type": "text", "purpose": "昼食の用意のため"},
            {"key": "wish", "label": "要望", "type": "text", "purpose": "準備のため"},
        ],
    }
    return {"schema_version": 1, "events": [copy.deepcopy(definition | changes)]}


def with_capacity(capacity: int | None) -> dict[str, Any]:
    document = a_file()
    document["events"][0]["categories"][0]["capacity"] = capacity
    return document


def imported(document: dict[str, Any], today: date = TODAY, owner: Account | None = None) -> list[Imported]:
    return import_events(document, today=today, owner=owner)


def faults(document: dict[str, Any]) -> list[str]:
    with pytest.raises(FaultyFile) as caught:
        imported(document)
    return [str(one) for one in caught.value.faults]


def stored(*left_out: str) -> dict[str, list[Any]]:
    """Return every row of every table, to see that nothing has changed."""
    tables = [one for one in Base.metadata.sorted_tables if one.name not in left_out]
    rows = {one.name: [tuple(row) for row in db.session.execute(select(one))] for one in tables}
    db.session.rollback()
    return rows


def statuses() -> list[Status]:
    rows = db.session.scalars(select(Registration).order_by(Registration.id))
    return [attendee.status for one in rows for attendee in one.attendees]


def test_an_event_is_created_by_its_slug() -> None:
    assert imported(a_file()) == [Imported(SLUG, "created", [], 0)]
    event = find(SLUG)
    assert (event.title, event.start_at) == ("はじめての自治体DX", datetime(2027, 1, 20, 1, tzinfo=UTC))
    assert [one.code for one in event.categories] == ["local_gov", "company"]
    assert [(one.action, one.event_id, one.details) for one in db.session.scalars(select(AuditEntry))] == [
        ("event.imported", event.id, {"slug": SLUG})
    ]


def test_the_same_file_again_changes_nothing() -> None:
    imported(a_file())
    before = stored()
    assert imported(a_file()) == [Imported(SLUG, "unchanged", [], 0)]
    assert stored() == before


def test_what_differs_is_changed_and_named(stopped_clock: Any) -> None:
    imported(a_file())
    stopped_clock.move(timedelta(hours=1))
    document = a_file(subtitle="副題", delivery={"online": "Teams"}, format="hybrid")
    definition = document["events"][0]
    definition["categories"] = [
        definition["categories"][1] | {"help": "一社一名"},
        {"code": "a", "label": "甲", "capacity": 0},
    ]
    del definition["questions"][0]
    changes = [
        "title",
        "format",
        "delivery.online",
        "categories.local_gov",
        "categories.company.help",
        "categories.a",
        "questions.diet",
        "subtitle",
        "sessions.venue",
        "sessions.online",
    ]
    definition["title"] = "つぎの自治体DX"
    result = imported(document)
    assert [(one.slug, one.action, sorted(one.changes), one.told) for one in result] == [
        (SLUG, "changed", sorted([*changes, "delivery.join_url"]), 0)
    ]
    event = find(SLUG)
    assert (event.title, event.format, event.online_words, event.join_url) == (
        "つぎの自治体DX",
        "hybrid",
        "Teams",
        "",
    )
    assert event.updated_at - event.created_at == timedelta(hours=1)
    assert [(one.code, one.position, one.help) for one in event.categories] == [
        ("company", 0, "一社一名"),
        ("a", 1, ""),
    ]
    assert [one.key for one in event.questions] == ["wish"]
    assert [one.key for one in event.modes] == ["venue", "online"]
    last = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (last.action, last.details) == ("event.changed", {"fields": result[0].changes})


def test_another_order_is_a_change() -> None:
    imported(a_file())
    document = a_file()
    document["events"][0]["categories"].reverse()
    assert imported(document) == [Imported(SLUG, "changed", ["categories"], 0)]
    assert [one.code for one in find(SLUG).categories] == ["company", "local_gov"]


def test_an_export_changes_nothing() -> None:
    imported(event_file.load(demo.FILE.read_bytes()))
    before = stored()
    for slug in db.session.scalars(select(Event.slug)).all():
        assert imported(export(find(slug)), date(2000, 1, 1)) == [Imported(slug, "unchanged", [], 0)]
    assert stored() == before


def test_a_relative_date_is_counted_once() -> None:
    schedule = {"mode": "relative", "days_from_seeding": 28, "start": "10:00", "end": "11:30"}
    application = {"opens_days_before": 10, "closes_days_before": 1, "closes_time": "17:00"}
    document = a_file(schedule=schedule, application=application)
    imported(document)
    before = stored()
    assert imported(document, date(2026, 12, 1)) == [Imported(SLUG, "unchanged", [], 0)]
    assert stored() == before
    document["events"][0]["title"] = "改題"
    assert imported(document, date(2026, 12, 1)) == [Imported(SLUG, "changed", ["title"], 0)]
    assert find(SLUG).start_at == datetime(2026, 12, 22, 1, tzinfo=UTC)


def test_one_fault_and_nothing_is_stored() -> None:
    document = a_file()
    document["events"].append(document["events"][0] | {"slug": "second", "capacity_total": -1})
    before = stored()
    assert faults(document) == ["events[1].capacity_total: -1 is less than 0"]
    assert stored() == before


def test_a_larger_capacity_promotes(stopped_clock) -> None:
    imported(with_capacity(1))
    for email in ("a@city.example.lg.jp", "b@city.example.lg.jp", "c@city.example.lg.jp"):
        registration.register(find(SLUG), cast.an_application(contact_email=email))
        stopped_clock.move(timedelta(seconds=1))
    assert statuses() == [Status.CONFIRMED, Status.WAITLISTED, Status.WAITLISTED]
    assert imported(with_capacity(2)) == [Imported(SLUG, "changed", ["categories.local_gov.capacity"], 0)]
    assert statuses() == [Status.CONFIRMED, Status.CONFIRMED, Status.WAITLISTED]
    assert imported(with_capacity(1)) == [Imported(SLUG, "changed", ["categories.local_gov.capacity"], 0)]
    assert statuses() == [Status.CONFIRMED, Status.CONFIRMED, Status.WAITLISTED]
    imported(with_capacity(None))
    assert statuses() == [Status.CONFIRMED, Status.CONFIRMED, Status.CONFIRMED]


def test_a_later_closing_passes_on_the_seats_given_back_meanwhile(stopped_clock) -> None:
    imported(a_file())
    first = registration.register(find(SLUG), cast.an_application())
    registration.register(find(SLUG), cast.an_application())
    closed = a_file()
    closed["events"][0]["categories"][0]["closes_at"] = "2026-11-24T12:00:00+09:00"
    imported(closed)
    registration.cancel(first.attendees)
    assert statuses() == [Status.CANCELLED, Status.WAITLISTED]
    imported(a_file())
    assert statuses() == [Status.CANCELLED, Status.CONFIRMED]


TOLD = [
    pytest.param({"title": "改題"}, ["title"], 2, id="title"),
    pytest.param(
        {"schedule": {"start_at": "2027-01-20T10:00:00+09:00", "end_at": "2027-01-20T12:00:00+09:00"}},
        ["schedule.end_at"],
        2,
        id="end",
    ),
    pytest.param(
        {"delivery": {"online": "Zoomウェビナー", "join_url": "https://zoom.us/j/2"}},
        ["delivery.join_url"],
        2,
        id="join_url",
    ),
    pytest.param({"status": "cancelled"}, ["status"], 2, id="cancelled"),
    pytest.param({"abstract": "概要"}, ["abstract"], 0, id="nobody needs to hear of an abstract"),
]


@pytest.mark.parametrize(("changes", "paths", "told"), TOLD)
def test_who_should_hear_of_a_change(changes: dict[str, Any], paths: list[str], told: int) -> None:
    imported(a_file())
    first, *_ = (registration.register(find(SLUG), cast.an_application(category="company")) for _ in range(3))
    registration.cancel(first.attendees)
    letters = db.session.scalar(select(func.count(Message.id)))
    assert imported(a_file(**changes)) == [Imported(SLUG, "changed", paths, told)]
    assert db.session.scalar(select(func.count(Message.id))) == letters


def told_of(letter: str) -> list[str]:
    """Let the worker write, and return who got a letter."""
    for _ in range(3):
        mailings.work("worker")
    query = select(Message.recipient).where(Message.letter == letter).order_by(Message.id)
    return list(db.session.scalars(query))


@pytest.mark.parametrize(
    ("changes", "letter"),
    [
        ({"title": "改題"}, "event_changed"),
        (
            {"schedule": {"start_at": "2027-01-21T10:00:00+09:00", "end_at": "2027-01-21T12:00:00+09:00"}},
            "rescheduled",
        ),
        ({"delivery": {"online": "Zoomウェビナー", "join_url": "https://zoom.us/j/2"}}, "join_info"),
        ({"status": "cancelled", "cancel_reason": "台風", "alternative": "1月の回へ"}, "event_cancelled"),
    ],
)
def test_people_are_told_where_that_is_asked_for(changes: dict[str, Any], letter: str) -> None:
    imported(a_file())
    for number in range(2):
        application = cast.an_application(category="company", contact_email=f"{number}@example.jp")
        registration.register(find(SLUG), application)
    (one,) = import_events(a_file(**changes), today=TODAY, notify=True)
    assert (one.action, one.told) == ("changed", 2)
    assert told_of(letter) == ["0@example.jp", "1@example.jp"]
    assert import_events(a_file(**changes), today=TODAY, notify=True) == [Imported(SLUG, "unchanged", [], 0)]
    assert len(told_of(letter)) == 2
    assert checks.run() == []


def test_a_file_without_a_word_can_be_told_of_later() -> None:
    """The event is called off, nobody has lost a place; the same file does the rest, once."""
    imported(a_file())
    registration.register(find(SLUG), cast.an_application())
    off = a_file(status="cancelled", cancel_reason="台風")
    assert [(one.action, one.told) for one in imported(off)] == [("changed", 1)]
    assert (find(SLUG).status, statuses()) == ("cancelled", [Status.CONFIRMED])
    assert [(one.action, one.told) for one in imported(off)] == [("unchanged", 1)]
    assert import_events(off, today=TODAY, notify=True) == [Imported(SLUG, "unchanged", [], 1)]
    assert (find(SLUG).cancel_reason, statuses()) == ("台風", [Status.CANCELLED])
    assert told_of("event_cancelled") == [cast.TOWN_HALL]
    assert imported(off) == [Imported(SLUG, "unchanged", [], 0)]


@pytest.mark.parametrize(
    ("options", "words", "letters"),
    [
        ([], "hajimete-no-dx: letters not written, for want of --notify: 1", 0),
        (["--notify"], "hajimete-no-dx: letters that tell of this: 1", 1),
    ],
)
def test_the_command_says_how_many_letters_it_is(
    app: Flask, tmp_path: Any, options: list[str], words: str, letters: int
) -> None:
    imported(a_file())
    registration.register(find(SLUG), cast.an_application())
    path = tmp_path / "event.json"
    path.write_text(json.dumps(a_file(title="改題")))
    result = app.test_cli_runner().invoke(args=["events", "import", str(path), *options])
    assert result.output.splitlines()[0] == "hajimete-no-dx: changed (title)"
    assert words in result.output
    assert len(told_of("event_changed")) == letters


def test_what_people_have_chosen_cannot_vanish() -> None:
    sessions = [{"key": "venue", "capacity": None}, {"key": "online", "capacity": None}]
    imported(a_file(format="hybrid", sessions=sessions))
    person = cast.Person(family_name="山田", organisation="見本市", participation="venue")
    registration.register(find(SLUG), cast.an_application(person, answers={"diet": "なし"}))
    document = a_file()
    definition = document["events"][0]
    definition["categories"] = [definition["categories"][1]]
    definition["questions"] = []
    before = stored("event")
    assert faults(document) == [
        "events[0].categories: local_gov has 1 registrations and cannot be removed",
        "events[0].sessions: venue was chosen by 1 attendees and cannot be removed",
    ]
    assert stored("event") == before
    definition |= a_file(format="hybrid")["events"][0]
    definition["questions"][0]["type"] = "number"
    assert faults(document) == ["events[0].questions: diet has 1 answers and cannot change its type"]


def test_what_people_have_registered_for_is_no_draft_again() -> None:
    imported(a_file())
    registration.register(find(SLUG), cast.an_application())
    assert faults(a_file(status="draft")) == [
        "events[0].status: the event has 1 registrations and cannot be a draft again"
    ]


def test_what_people_have_agreed_to_stays_what_it_was() -> None:
    lunch = {
        "key": "lunch",
        "label": "昼食",
        "type": "radio",
        "purpose": "準備のため",
        "choices": ["要", "不要"],
    }
    imported(a_file(questions=[lunch]))
    registration.register(find(SLUG), cast.an_application(answers={"lunch": "要"}))
    other = lunch | {"label": "弁当", "purpose": "名簿のため", "choices": ["要る", "不要"]}
    before = stored("event")
    assert faults(a_file(questions=[other])) == [
        "events[0].questions: lunch has 1 answers and cannot change its label",
        "events[0].questions: lunch has 1 answers and cannot change its purpose",
        "events[0].questions: lunch has 1 answers and cannot lose or rename a choice",
    ]
    assert stored("event") == before
    more = lunch | {"help": "当日", "choices": ["要", {"label": "不要", "capacity": 3}, "未定"]}
    changes = ["questions.lunch.choices", "questions.lunch.help"]
    assert imported(a_file(questions=[more])) == [Imported(SLUG, "changed", changes, 0)]


def test_a_question_left_out_is_retired_if_it_has_answers(stopped_clock: Any) -> None:
    imported(a_file())
    registration.register(find(SLUG), cast.an_application(answers={"diet": "卵"}))
    left_out = [Imported(SLUG, "changed", ["questions.diet.retired", "questions.wish"], 0)]
    assert imported(a_file(questions=[])) == left_out
    retired_at = stopped_clock()
    stopped_clock.move(timedelta(days=1))
    assert imported(a_file(questions=[])) == [Imported(SLUG, "unchanged", [], 0)]
    (diet,) = find(SLUG).questions
    assert (diet.key, diet.retired_at) == ("diet", retired_at)
    assert db.session.scalars(select(Answer.value)).all() == ["卵"]

    written = export(find(SLUG))
    assert [one["retired"] for one in written["events"][0]["questions"]] == [True]
    assert imported(written) == [Imported(SLUG, "unchanged", [], 0)]

    again = [Imported(SLUG, "changed", ["questions.diet.retired", "questions.wish"], 0)]
    assert imported(a_file()) == again
    assert [(one.key, one.retired) for one in find(SLUG).questions] == [("diet", False), ("wish", False)]


def test_a_retired_question_follows_from_whatever_it_did() -> None:
    """What it waited for may be gone or retired; nobody is asked."""
    asked = {"key": "lunch", "label": "昼食", "type": "yes_no", "purpose": "準備のため"}
    follows = {"key": "diet", "label": "食事", "type": "text", "purpose": "準備のため"}
    condition = {"shown_if": {"question": "lunch", "is": True}}
    imported(a_file(questions=[asked, follows | condition]))
    answers = {"lunch": "yes", "diet": "卵"}
    registration.register(find(SLUG), cast.an_application(answers=answers))
    changes = ["questions.lunch.retired", "questions.diet.retired"]
    assert imported(a_file(questions=[])) == [Imported(SLUG, "changed", changes, 0)]
    assert imported(export(find(SLUG))) == [Imported(SLUG, "unchanged", [], 0)]
    revived = [asked | {"retired": True}, follows | condition]
    assert faults(a_file(questions=revived)) == [
        'events[0].questions[1].shown_if.question: "lunch" is no earlier question'
    ]


def test_a_question_left_out_forgets_a_category_left_out() -> None:
    definition = a_file()["events"][0]
    definition["questions"][0]["categories"] = ["company", "local_gov"]
    imported(a_file(questions=definition["questions"]))
    registration.register(find(SLUG), cast.an_application(answers={"diet": "卵"}))
    imported(a_file(questions=[], categories=definition["categories"][:1]))
    (diet,) = find(SLUG).questions
    assert (diet.retired, diet.categories) == (True, ["local_gov"])
    assert imported(export(find(SLUG))) == [Imported(SLUG, "unchanged", [], 0)]


def test_the_owner_becomes_organiser() -> None:
    imported(a_file())
    sato = cast.sato()
    assert imported(a_file(), owner=sato) == [Imported(SLUG, "changed", ["organiser"], 0)]
    assert imported(a_file(), owner=sato) == [Imported(SLUG, "unchanged", [], 0)]
    imported(a_file(slug="another"), owner=sato)
    roles = db.session.execute(
        select(Event.slug, EventRole.account_id, EventRole.role).join(Event, Event.id == EventRole.event_id)
    )
    assert sorted(map(tuple, roles)) == [("another", sato.id, "organiser"), (SLUG, sato.id, "organiser")]


def test_the_demo_is_loaded_once() -> None:
    first = load_demo(today=TODAY)
    assert [one.action for one in first.events] == ["created"] * 12
    assert (first.email, len(first.password or "")) == ("sato@example.jp", 16)
    assert db.session.scalar(select(func.count(EventRole.id))) == 12
    before = stored()
    second = load_demo(today=TODAY + timedelta(days=40))
    assert [one.action for one in second.events] == ["unchanged"] * 12
    assert second.password is None
    assert stored() == before


def test_the_demo_keeps_what_the_organiser_has_changed() -> None:
    load_demo(today=TODAY)
    slug = "aizu-data-platform"
    with transaction():
        find(slug).title = "改題"
    load_demo(today=TODAY)
    assert find(slug).title == "改題"


def test_the_demo_refuses_a_database_with_other_events() -> None:
    imported(a_file())
    before = stored()
    with pytest.raises(NotADemoDatabase) as caught:
        load_demo(today=TODAY)
    assert caught.value.slugs == [SLUG]
    assert stored() == before


def test_an_account_is_created() -> None:
    account = accounts.create_account(" Suzuki@Example.JP ", "鈴木 一郎", "staff")
    assert (account.email, account.name, account.password) == ("Suzuki@example.jp", "鈴木 一郎", None)
    assert [one.name for one in account.roles] == ["staff"]
    assert accounts.find_account("suzuki@example.jp") == account
    entry = db.session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.details) == ("account.created", {"account": account.id, "role": "staff"})
    assert set(entry.details) == audit.VOCABULARY["account.created"]


@pytest.mark.parametrize(
    ("email", "role", "reason"),
    [
        pytest.param("SUZUKI@example.jp", "staff", "has an account already", id="known"),
        pytest.param("suzuki", "staff", "that is no mail address", id="no address"),
        pytest.param("tanaka@example.jp", "boss", "'boss' is none of admin, organiser, staff", id="role"),
    ],
)
def test_an_account_that_cannot_be(email: str, role: str, reason: str) -> None:
    accounts.create_account("suzuki@example.jp", "鈴木 一郎", "organiser")
    with pytest.raises(ValueError, match=reason):
        accounts.create_account(email, "鈴木 一郎", role)
    assert db.session.scalar(select(func.count(Account.id))) == 1


def test_the_password_is_hashed(app: Flask) -> None:
    account = accounts.create_account("suzuki@example.jp", "鈴木 一郎", "admin", "correct horse battery")
    assert account.password.startswith("$argon2")
