"""When reminders and follow-ups are due, as tables: closed days, rules that meet, nights in which clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from eventsite.mail import due

TOKYO = "Asia/Tokyo"
BERLIN = "Europe/Berlin"
WEEK, DAY = {"days_before": 7, "time": "10:00"}, {"days_before": 1, "time": "10:00"}
HOUR = {"hours_before": 1}


def wall(text: str, zone: str = TOKYO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def shown(found: list[due.Due], zone: str = TOKYO) -> list[str]:
    return [one.at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") for one in found]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2025-12-24 10:00", ["2025-12-17 10:00", "2025-12-23 10:00"]),
        ("2026-01-05 10:00", ["2025-12-26 10:00"]),
        ("2026-01-13 10:00", ["2026-01-06 10:00", "2026-01-09 10:00"]),
        ("2026-05-07 14:00", ["2026-04-30 10:00", "2026-05-01 10:00"]),
        ("2026-09-24 14:00", ["2026-09-17 10:00", "2026-09-18 10:00"]),
    ],
)
def test_closed_days_move_back_and_rules_that_meet_give_one_reminder(start: str, expected: list[str]) -> None:
    assert shown(due.reminders(wall(start), TOKYO, [WEEK, DAY])) == expected


def test_a_reminder_names_every_rule_that_comes_to_it() -> None:
    (only,) = due.reminders(wall("2026-01-05 10:00"), TOKYO, [WEEK, DAY])
    assert only == due.Due(wall("2025-12-26 10:00"), (WEEK, DAY))


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        (HOUR, "2026-01-03 09:30", ["2026-01-03 08:30"]),
        ({"hours_before": 24}, "2025-12-22 09:30", ["2025-12-21 09:30"]),
        ({"days_before": 1, "time": "17:30"}, "2025-12-24 10:00", ["2025-12-23 17:30"]),
        ({"days_before": 1}, "2025-12-24 10:00", ["2025-12-23 10:00"]),
        (
            {"days_before": 1, "time": "10:00", "business_day": False},
            "2025-12-22 10:00",
            ["2025-12-21 10:00"],
        ),
        ({"days_before": 1, "time": "10:00", "business_day": None}, "2025-12-22 10:00", ["2025-12-19 10:00"]),
        ({"days_before": 0, "time": "08:00"}, "2025-12-24 10:00", ["2025-12-24 08:00"]),
        ({"days_before": 0, "time": "10:00"}, "2025-12-24 10:00", []),
        ({"days_before": 0, "time": "18:00"}, "2025-12-24 10:00", []),
    ],
)
def test_rules(rule: due.Rule, start: str, expected: list[str]) -> None:
    assert shown(due.reminders(wall(start), TOKYO, [rule])) == expected


def test_reminders_come_in_the_order_of_time_whatever_that_of_the_rules() -> None:
    found = shown(due.reminders(wall("2025-12-24 10:00"), TOKYO, [HOUR, DAY, WEEK]))
    assert found == ["2025-12-17 10:00", "2025-12-23 10:00", "2025-12-24 09:00"]


def test_an_hour_before_at_the_time_of_the_other_rule_is_one_reminder() -> None:
    found = due.reminders(wall("2025-12-24 11:00"), TOKYO, [HOUR, {"days_before": 0, "time": "10:00"}])
    assert [(one.at, len(one.rules)) for one in found] == [(wall("2025-12-24 10:00"), 2)]


def test_the_associations_own_closed_days_count() -> None:
    closed = {date(2025, 12, 23), date(2025, 12, 22)}
    found = due.reminders(wall("2025-12-24 10:00"), TOKYO, [DAY], closed)
    assert shown(found) == ["2025-12-19 10:00"]


@pytest.mark.parametrize(
    ("start", "rule", "utc"),
    [
        ("2026-03-31 14:00", {"days_before": 1, "time": "10:00"}, "2026-03-30 08:00"),
        ("2026-03-30 14:00", {"days_before": 3, "time": "10:00"}, "2026-03-27 09:00"),
        ("2026-10-27 14:00", {"days_before": 1, "time": "10:00"}, "2026-10-26 09:00"),
        ("2026-10-26 14:00", {"days_before": 3, "time": "10:00"}, "2026-10-23 08:00"),
        ("2026-03-29 03:30", HOUR, "2026-03-29 00:30"),
        ("2026-10-25 03:30", HOUR, "2026-10-25 01:30"),
        # 02:30 does not exist on the first of these nights, and comes twice on the second
        ("2026-03-29 14:00", {"days_before": 0, "time": "02:30", "business_day": False}, "2026-03-29 01:30"),
        ("2026-10-25 14:00", {"days_before": 0, "time": "02:30", "business_day": False}, "2026-10-25 00:30"),
    ],
)
def test_wall_time_of_the_events_own_zone(start: str, rule: due.Rule, utc: str) -> None:
    found = due.reminders(wall(start, BERLIN), BERLIN, [rule, dict(rule)])
    assert [one.at for one in found] == [wall(utc, "UTC")]


def test_the_day_is_that_of_the_events_zone() -> None:
    start = datetime(2025, 12, 23, 16, 0, tzinfo=UTC)  # the 24th in Japan
    assert shown(due.reminders(start, TOKYO, [DAY])) == ["2025-12-23 10:00"]
    assert shown(due.reminders(start, BERLIN, [DAY]), BERLIN) == ["2025-12-22 10:00"]


@pytest.mark.parametrize(
    ("end", "days", "expected"),
    [
        ("2025-12-24 11:30", 1, "2025-12-25 10:00"),
        ("2025-12-26 11:30", 1, "2026-01-05 10:00"),
        ("2026-05-01 11:30", 1, "2026-05-07 10:00"),
        ("2025-12-24 23:59", 1, "2025-12-25 10:00"),
        ("2025-12-24 11:30", 0, "2025-12-25 10:00"),
        ("2025-12-24 09:30", 0, "2025-12-24 10:00"),
    ],
)
def test_follow_ups_move_forward(end: str, days: int, expected: str) -> None:
    assert due.follow_up(wall(end), TOKYO, days) == wall(expected)


def test_a_whole_year_of_starts_has_its_reminders_on_days_on_which_offices_work() -> None:
    """Never later than the rule says, never two at one instant, never after the start."""
    for number in range(366):
        start = wall("2026-01-01 14:00") + timedelta(days=number)
        found = due.reminders(start, TOKYO, [WEEK, DAY, HOUR])
        assert all(one.at < later.at < start for one, later in pairwise(found))
        for one in found:
            if HOUR not in one.rules:
                assert due.dates.is_business_day(one.at.astimezone(ZoneInfo(TOKYO)).date())
                assert all(start - one.at >= timedelta(days=rule["days_before"]) for rule in one.rules)
