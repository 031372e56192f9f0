"""The rules that an event comes with: those of its file, else the usual ones; and what planning makes of them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite.db import db
from eventsite.events import demo, reminding
from eventsite.events.importing import export, find, import_events
from eventsite.mail import schedule
from eventsite.models import AuditEntry, Event
from tests.cast import an_event
from tests.events.test_importing import SLUG, TODAY, a_file
from tests.fixtures.database import on_both

NOW_OVER, HOUR = datetime(2025, 11, 30, 1, tzinfo=UTC), timedelta(hours=1)
USUAL = [{"days_before": 7, "time": "10:00"}, {"days_before": 1, "time": "10:00"}]


def imported(stated: Any) -> Event:
    document = a_file() | ({} if stated is None else {"common": {"reminders": stated}})
    import_events(document, today=TODAY)
    event = find(SLUG)
    assert event is not None
    return event


@pytest.mark.parametrize(
    ("stated", "rules"),
    [
        (None, USUAL),
        ([], []),
        (
            [{"days_before": 3, "time": "09:30", "business_day": True, "note": "x"}],
            [{"days_before": 3, "time": "09:30"}],
        ),
        (
            [{"days_before": 0, "business_day": False}],
            [{"days_before": 0, "time": "10:00", "business_day": False}],
        ),
        ([{"days_before": None, "time": None}], [{"days_before": 1, "time": "10:00"}]),
    ],
)
def test_rules_of_a_file(app: Flask, stated: Any, rules: list[dict[str, Any]]) -> None:
    assert imported(stated).reminders == rules


def test_an_imported_event_is_planned_and_a_second_import_leaves_its_rules(app: Flask, at) -> None:
    at(datetime(2026, 12, 1, tzinfo=UTC))
    event = imported(None)
    planned = [one.due_at for one in schedule.of_event(event)]
    assert planned == [datetime(2027, 1, day, 1, tzinfo=UTC) for day in (13, 19)]
    assert [one.action for one in db.session.scalars(select(AuditEntry))] == ["event.imported"]
    document = export(event)
    document["common"] = {"reminders": []}
    (second,) = import_events(document, today=TODAY)
    assert (second.action, event.reminders) == ("unchanged", USUAL)


def test_the_demos_events_to_come_have_their_reminders(app: Flask, at) -> None:
    at(datetime(2026, 11, 23, 4, tzinfo=UTC))
    demo.load_demo(today=date(2026, 11, 23))
    for event in db.session.scalars(select(Event)):
        to_come = event.status == "published" and event.start_at > datetime(2026, 12, 4, tzinfo=UTC)
        if to_come:
            assert schedule.of_event(event) != []
        if event.status == "cancelled":
            assert schedule.of_event(event) == []


@on_both
def test_events_of_before_there_were_reminders_get_theirs(app: Flask, at) -> None:
    moment = at(datetime(2025, 12, 1, 1, tzinfo=UTC))
    event = an_event(
        start_at=datetime(2025, 12, 24, 1, tzinfo=UTC), end_at=datetime(2025, 12, 24, 3, tzinfo=UTC)
    )
    draft, over = an_event(status="draft"), an_event(start_at=NOW_OVER, end_at=NOW_OVER + HOUR)
    silent = an_event(reminders=[])
    assert reminding.plan_missing() == 1
    assert [one.due_at.day for one in schedule.of_event(event)] == [17, 23]
    assert [schedule.of_event(one) for one in (draft, over, silent)] == [[], [], []]
    moment.move(HOUR)
    assert reminding.plan_missing() == 0
