"""What a change means, foreseen and told; and an event called off."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite import checks, registration
from eventsite.db import Base, db, transaction
from eventsite.errors import Refusal
from eventsite.events import operations, telling
from eventsite.mail import mailings
from eventsite.models import (
    Account,
    Attendee,
    AuditEntry,
    Event,
    EventStatus,
    Format,
    Mailing,
    MailingStatus,
    Message,
    Status,
    StatusChange,
)
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
LATER = {"start_at": START + timedelta(days=7), "end_at": START + timedelta(days=7, hours=1)}
LINK = "https://zoom.us/j/00000000000?pwd=example"


@pytest.fixture(autouse=True)
def moment(at: Callable[[datetime], Any]) -> Any:
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    """Two confirmed, one of them with an own address, one who waits, one who asks and one who is offered a seat."""
    found = an_event(start_at=START, end_at=START + AN_HOUR, capacities={"local_gov": 2, "company": 1})
    with transaction():
        found.category("company").promotion = "offer"
        found.category("gdx_member").approval = "manual"
    registration.register(found, an_application(TAKASAKI, YOSHIDA))
    registration.register(found, an_application(*people(1), contact_email="waits@town.example.jp"))
    registration.register(
        found, an_application(*people(1), contact_email="asks@example.jp", category="gdx_member")
    )
    first = registration.register(
        found, an_application(*people(1), category="company", contact_email="c@example.jp")
    )
    registration.register(
        found, an_application(*people(1), category="company", contact_email="offered@example.jp")
    )
    registration.cancel(first.attendees)
    return found


@pytest.fixture
def by(event: Event) -> Account:
    return sato(event)


def statuses(event: Event) -> list[str]:
    return [one.value for one in db.session.scalars(select(Attendee.status).order_by(Attendee.id))]


def planned(*letters: str) -> list[tuple[str, str]]:
    rows = db.session.scalars(select(Mailing).where(Mailing.letter.in_(letters)).order_by(Mailing.id))
    return [(one.letter, one.status.value) for one in rows]


def rows() -> dict[str, list[Any]]:
    """Every row of every table."""
    tables = {
        one.name: [tuple(row) for row in db.session.execute(select(one))]
        for one in Base.metadata.sorted_tables
    }
    db.session.rollback()
    return tables


class TestForesee:
    @pytest.mark.parametrize(
        ("values", "letter", "letters", "differing"),
        [
            (LATER, "rescheduled", 5, ["日時"]),
            (LATER | {"title": "改題"}, "rescheduled", 5, ["題名", "日時"]),
            ({"time_status": "予定"}, "event_changed", 5, ["日時"]),
            ({"format": Format.VENUE, "venue_name": "見本会館"}, "event_changed", 5, ["形式", "会場"]),
            ({"join_url": LINK, "passcode": "1"}, "join_info", 2, ["参加用URL", "パスコード"]),
            ({"passcode": "1"}, "", 0, []),
            ({"venue_name": "見本会館"}, "", 0, []),
            ({"abstract": "概要", "capacity_total": 9, "slug": "other"}, "", 0, []),
            ({}, "", 0, []),
        ],
    )
    def test_what_is_worth_a_letter(
        self, event: Event, values: dict[str, Any], letter: str, letters: int, differing: list[str]
    ) -> None:
        before = rows()
        outlook = telling.foresee(event, values)
        assert (outlook.letter, outlook.letters) == (letter, letters)
        assert [one.label for one in outlook.differences] == differing
        assert rows() == before

    def test_reminders_that_move(self, event: Event) -> None:
        """7 days before and the day before, at 10:00; 30 December is no business day (D62)."""
        outlook = telling.foresee(event, LATER)
        assert outlook.moves == [
            (START - timedelta(days=7), START),
            (START - timedelta(days=1), datetime(2025, 12, 26, 1, 0, tzinfo=UTC)),
        ]
        assert telling.foresee(event, {"title": "改題"}).moves == []

    def test_nobody_hears_of_what_is_over(self, event: Event, moment) -> None:
        assert telling.foresee(event, {"end_at": NOW}).letters == 0
        moment.move(timedelta(days=60))
        assert telling.foresee(event, {"title": "改題"}).letters == 0
        with transaction():
            event.status = EventStatus.CANCELLED
        moment.move(timedelta(days=-60))
        assert telling.foresee(event, LATER).letters == 0

    @on_both
    @pytest.mark.parametrize("values", [LATER, {"title": "改題"}, {"join_url": LINK}])
    def test_as_many_letters_are_written(self, event: Event, by: Account, values: dict[str, Any]) -> None:
        outlook = telling.foresee(event, values)
        operations.change(event, values, by, tell=True)
        assert mailings.work("worker") == outlook.letters > 0
        assert planned(outlook.letter) == [(outlook.letter, "done")]


class TestChange:
    def test_the_letters_come_with_the_change_or_not_at_all(self, event: Event, by: Account) -> None:
        other = an_event(slug="taken")
        before = rows()
        with pytest.raises(Refusal):
            operations.change(event, LATER | {"slug": other.slug}, by, tell=True)
        assert rows() == before

    def test_who_did_it_and_why_is_kept(self, event: Event, by: Account) -> None:
        operations.change(event, LATER, by, tell=True, reason="講師の都合")
        (mailing,) = db.session.scalars(select(Mailing).where(Mailing.letter == "rescheduled"))
        assert (mailing.account_id, mailing.due_at) == (by.id, NOW)
        assert mailing.details["stages"][0]["reasons"] == ["講師の都合"]

    def test_nobody_is_registered(self, app: Flask) -> None:
        event = an_event()
        operations.change(event, {"title": "改題"}, sato(event), tell=True)
        assert planned("event_changed") == []


class TestCancel:
    @on_both
    def test_everybody_loses_the_place_and_nobody_moves_up(self, event: Event, by: Account) -> None:
        assert statuses(event) == ["confirmed", "confirmed", "waitlisted", "pending", "cancelled", "offered"]
        gone = telling.cancel(event, by, "講師の都合により", "1月の回へどうぞ")
        assert statuses(event) == ["cancelled"] * 6
        assert (event.status, event.cancel_reason, event.alternative) == (
            EventStatus.CANCELLED,
            "講師の都合により",
            "1月の回へどうぞ",
        )
        assert {one.cancelled_at for one in gone} == {NOW}
        changes = db.session.scalars(
            select(StatusChange).where(StatusChange.reason == "event-cancelled")
        ).all()
        assert [(one.attendee_id, one.at, one.account_id) for one in changes] == [
            (one.id, NOW, by.id) for one in gone
        ]
        last = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "event.cancelled")).one()
        assert last.details == {"numbers": [one.number for one in gone]}
        assert checks.run() == []
        assert mailings.work("worker") == 5
        assert planned("event_cancelled") == [("event_cancelled", "done")]
        assert checks.run() == []

    def test_what_was_planned_is_not_written(self, event: Event, by: Account) -> None:
        operations.change(event, LATER, by, tell=True)
        assert [one.letter for one in mailings.open_of(event)].count("reminder") == 2
        telling.cancel(event, by)
        assert [one.letter for one in mailings.open_of(event)] == ["event_cancelled"]
        assert planned("rescheduled") == [("rescheduled", "dropped")]

    @on_both
    def test_a_second_time_does_nothing(self, event: Event, by: Account, moment) -> None:
        telling.cancel(event, by, "台風")
        before = rows()
        moment.move(AN_HOUR)
        assert telling.cancel(event, by, "別の理由") == []
        after = rows()
        assert [name for name in before if before[name] != after[name] and name != "event"] == []
        assert event.cancel_reason == "台風"

    def test_a_file_has_called_it_off_without_a_word(self, event: Event, by: Account) -> None:
        with transaction():
            event.status = EventStatus.CANCELLED
        assert telling.still_registered(event)
        assert len(telling.cancel(event, by, "台風")) == 5
        assert not telling.still_registered(event)
        assert planned("event_cancelled") == [("event_cancelled", "planned")]

    def test_nobody_of_a_registration_was_left(self, event: Event, by: Account) -> None:
        telling.cancel(event, by)
        mailings.work("worker")
        told = select(Message.recipient).where(Message.letter == "event_cancelled").order_by(Message.id)
        assert db.session.scalars(told).all() == [
            TOWN_HALL,
            YOSHIDA.email,
            "waits@town.example.jp",
            "asks@example.jp",
            "offered@example.jp",
        ]

    def test_nobody_is_registered_at_all(self, app: Flask) -> None:
        event = an_event()
        assert telling.cancel(event, sato(event), "台風") == []
        assert (event.status, planned("event_cancelled")) == (EventStatus.CANCELLED, [])

    @pytest.mark.parametrize(
        ("status", "later", "code"),
        [
            (EventStatus.DRAFT, timedelta(), "invalid"),
            (EventStatus.SCHEDULED, timedelta(), "invalid"),
            (EventStatus.PUBLISHED, timedelta(days=60), "closed"),
            (EventStatus.CANCELLED, timedelta(days=60), "closed"),
        ],
    )
    def test_too_early_and_too_late(
        self, event: Event, by: Account, moment, status: EventStatus, later: timedelta, code: str
    ) -> None:
        with transaction():
            event.status = status
        moment.move(later)
        before = statuses(event)
        with pytest.raises(Refusal) as refused:
            telling.cancel(event, by)
        assert (refused.value.code, statuses(event)) == (code, before)
        assert (
            db.session.scalar(select(func.count(Mailing.id)).where(Mailing.letter == "event_cancelled")) == 0
        )

    def test_nobody_comes_back_one_by_one(self, event: Event, by: Account) -> None:
        gone = telling.cancel(event, by)
        with pytest.raises(Refusal) as refused:
            registration.restore(gone[0], by, over_limit=True)
        assert refused.value.code == "cancelled"
        assert gone[0].status == Status.CANCELLED

    def test_a_word_too_late_is_not_said(self, event: Event, by: Account) -> None:
        """The event takes place again before the worker has come: whoever is back reads nothing wrong."""
        telling.cancel(event, by)
        with transaction():
            event.status = EventStatus.PUBLISHED
        assert mailings.work("worker") == 0
        assert planned("event_cancelled") == [("event_cancelled", MailingStatus.DONE.value)]
