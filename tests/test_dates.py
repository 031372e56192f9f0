from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsite import dates

BERLIN = "Europe/Berlin"
days = st.dates(date(2016, 1, 1), date(2040, 12, 31))


def at(*parts):
    return dates.to_instant(datetime(*parts))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        pytest.param(
            at(2025, 12, 24, 10), at(2025, 12, 24, 11, 30), "2025年12月24日（水）10:00～11:30", id="D59"
        ),
        pytest.param(
            at(2025, 12, 24, 9, 30), at(2025, 12, 24, 12), "2025年12月24日（水）9:30～12:00", id="D59-hour"
        ),
        pytest.param(
            at(2026, 1, 20, 10),
            at(2026, 1, 21, 16),
            "2026年1月20日（火）10:00～1月21日（水）16:00",
            id="D59-days",
        ),
        pytest.param(
            at(2025, 12, 31, 22),
            at(2026, 1, 1, 1),
            "2025年12月31日（水）22:00～2026年1月1日（木）1:00",
            id="years",
        ),
    ],
)
def test_when(start, end, words):
    assert dates.when(start, end) == words
    assert dates.when(start, end, status="予定") == f"{words}（予定）"


@pytest.mark.parametrize(
    ("start", "end", "zone", "words"),
    [
        pytest.param(at(2025, 12, 24, 10), at(2025, 12, 24, 11, 30), dates.TOKYO,
                     "Wednesday 24 December 2025, 10:00–11:30 (JST)", id="one-day"),
        pytest.param(at(2026, 1, 20, 10), at(2026, 1, 21, 16), dates.TOKYO,
                     "Tuesday 20 January 2026, 10:00 – Wednesday 21 January 2026, 16:00 (JST)", id="days"),
        pytest.param(at(2025, 12, 24, 18), at(2025, 12, 24, 19), BERLIN,
                     "Wednesday 24 December 2025, 10:00–11:00 (CET)", id="Berlin"),
        pytest.param(datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC), BERLIN,
                     "Sunday 25 October 2026, 1:00–4:00 (CEST–CET)", id="clocks-change"),
        pytest.param(at(2025, 12, 24, 10), at(2025, 12, 24, 11), "Asia/Singapore",
                     "Wednesday 24 December 2025, 9:00–10:00 (UTC+08)", id="nameless-zone"),
    ],
)  # fmt: skip
def test_when_in_english(start, end, zone, words):
    assert dates.when(start, end, zone, "en") == words
    assert dates.when(start, end, zone, "en-GB", status="予定") == f"{words} (provisional)"
    assert dates.when(start, end, zone, "en", status="tentative") == f"{words} (tentative)"


def test_japanese_names_a_foreign_zone():
    words = dates.when(at(2025, 12, 24, 18), at(2025, 12, 24, 19), BERLIN, status="予定")
    assert words == "2025年12月24日（水）10:00～11:00（CET）（予定）"


def test_short_forms():
    start = at(2025, 12, 24, 10)
    assert dates.when_short(start) == "12月24日（水）10:00"
    assert dates.when_short(start, dates.TOKYO, "en") == "24 Dec 2025 (Wed) 10:00"
    assert dates.day(start) == "2025年12月24日（水）"
    assert dates.day(start, locale="en") == "Wednesday 24 December 2025"
    assert dates.day(start, locale="en", year=False) == "Wednesday 24 December"
    assert dates.day(date(2026, 1, 7), year=False) == "1月7日（水）"
    assert dates.clock_time(at(2025, 12, 24, 9, 30)) == "9:30"
    assert dates.roster_time(start) == "2025/12/24 10:00"
    assert dates.roster_time(at(2026, 1, 5, 9, 5)) == "2026/01/05 09:05"


@pytest.mark.parametrize(
    ("instant", "japanese", "english"),
    [
        pytest.param(at(2025, 12, 23, 17), "12月23日（火）17:00", "23 Dec 2025 (Tue) 17:00", id="D59"),
        pytest.param(at(2025, 12, 24), "12月23日（火）23:59", "23 Dec 2025 (Tue) 23:59", id="D59-midnight"),
        pytest.param(at(2026, 1, 1), "12月31日（水）23:59", "31 Dec 2025 (Wed) 23:59", id="new-year"),
        pytest.param(at(2025, 12, 24, 0, 1), "12月24日（水）0:01", "24 Dec 2025 (Wed) 0:01", id="after"),
    ],
)
def test_deadline(instant, japanese, english):
    assert dates.deadline(instant) == japanese
    assert dates.deadline(instant, dates.TOKYO, "en") == english


def test_midnight_is_that_of_the_zone():
    assert dates.deadline(datetime(2025, 12, 23, 23, tzinfo=UTC), BERLIN) == "12月23日（火）23:59"


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        pytest.param(at(2025, 12, 24, 10), at(2025, 12, 24, 11, 30),
                     "令和7年12月24日（水曜日）午前10時から午前11時30分まで", id="D60"),
        pytest.param(at(2025, 12, 24, 12), at(2025, 12, 24, 12, 30),
                     "令和7年12月24日（水曜日）正午から午後0時30分まで", id="D60-noon"),
        pytest.param(at(2019, 5, 1, 13, 30), at(2019, 5, 1, 15),
                     "令和元年5月1日（水曜日）午後1時30分から午後3時まで", id="D60-first-year"),
        pytest.param(at(2019, 4, 30, 0), at(2019, 4, 30, 0, 5),
                     "2019年4月30日（火曜日）午前0時から午前0時5分まで", id="D60-before"),
        pytest.param(at(2026, 1, 20, 10), at(2026, 1, 21, 16),
                     "令和8年1月20日（火曜日）午前10時から1月21日（水曜日）午後4時まで", id="days"),
        pytest.param(at(2025, 12, 31, 22), at(2026, 1, 1, 1),
                     "令和7年12月31日（水曜日）午後10時から令和8年1月1日（木曜日）午前1時まで", id="years"),
    ],
)  # fmt: skip
def test_official(start, end, words):
    assert dates.official(start, end) == words


def test_official_parts():
    assert dates.official_day(at(2025, 12, 24, 0)) == "令和7年12月24日（水曜日）"
    assert dates.official_day_cell(date(2025, 12, 24)) == "令和7.12.24"
    assert dates.official_day_cell(date(2019, 5, 1)) == "令和元.5.1"
    assert dates.official_day_cell(date(2019, 4, 30)) == "2019.4.30"
    assert dates.official_time_cell(at(2025, 12, 24, 9, 30)) == "午前9:30"
    assert dates.official_time_cell(at(2025, 12, 24, 12)) == "正午"
    assert dates.official_time_cell(at(2025, 12, 24, 12, 5)) == "午後0:05"


@pytest.mark.parametrize(
    ("day", "opened"),
    [
        (date(2026, 5, 6), False),
        (date(2026, 9, 22), False),
        (date(2025, 12, 24), True),
        (date(2025, 12, 27), False),
        (date(2025, 12, 28), False),
        (date(2026, 12, 28), True),
        (date(2026, 12, 29), False),
        (date(2025, 12, 31), False),
        (date(2024, 1, 3), False),
        (date(2024, 1, 4), True),
        (date(2026, 1, 12), False),
    ],
    ids=str,
)
def test_is_business_day(day, opened):
    assert dates.is_business_day(day) is opened


def test_closures_of_the_association():
    closed = {date(2026, 8, 13), date(2026, 8, 14)}
    assert not dates.is_business_day(date(2026, 8, 13), closed)
    assert dates.next_business_day(date(2026, 8, 13), closed) == date(2026, 8, 17)
    assert dates.previous_business_day(date(2026, 8, 14), closed) == date(2026, 8, 12)
    assert dates.add_business_days(date(2026, 8, 12), 1, closed) == date(2026, 8, 17)


@pytest.mark.parametrize(
    ("event", "reminders"),
    [
        (date(2025, 12, 24), [date(2025, 12, 17), date(2025, 12, 23)]),
        (date(2026, 1, 5), [date(2025, 12, 26), date(2025, 12, 26)]),
        (date(2026, 1, 13), [date(2026, 1, 6), date(2026, 1, 9)]),
        (date(2026, 5, 7), [date(2026, 4, 30), date(2026, 5, 1)]),
    ],
    ids=str,
)
def test_reminders_move_back(event, reminders):
    assert [dates.previous_business_day(event - timedelta(days=ahead)) for ahead in (7, 1)] == reminders


@pytest.mark.parametrize(
    ("day", "moved"),
    [(date(2025, 12, 27), date(2026, 1, 5)), (date(2026, 5, 2), date(2026, 5, 7)), (date(2026, 1, 5),) * 2],
    ids=str,
)
def test_example_events_move_forward(day, moved):
    assert dates.next_business_day(day) == moved


@pytest.mark.parametrize(
    ("day", "count", "reached"),
    [
        pytest.param(date(2025, 12, 26), 3, date(2026, 1, 7), id="D20"),
        pytest.param(date(2025, 12, 19), 2, date(2025, 12, 23), id="D22"),
        pytest.param(date(2025, 12, 27), 1, date(2026, 1, 5), id="from-a-closed-day"),
        pytest.param(date(2026, 1, 5), -1, date(2025, 12, 26), id="backwards"),
        pytest.param(date(2025, 12, 27), 0, date(2025, 12, 27), id="none"),
    ],
)
def test_add_business_days(day, count, reached):
    assert dates.add_business_days(day, count) == reached


@given(days, st.integers(1, 15))
def test_business_days_there_and_back(day, count):
    opened = dates.next_business_day(day)
    assert dates.is_business_day(opened)
    assert dates.add_business_days(dates.add_business_days(opened, count), -count) == opened


def test_to_instant():
    assert at(2025, 12, 24, 10) == datetime(2025, 12, 24, 1, tzinfo=UTC)
    assert at(2025, 12, 24, 10).tzinfo is UTC


def test_a_time_that_does_not_exist():
    with pytest.raises(dates.NoSuchTime):
        dates.to_instant(datetime(2026, 3, 29, 2, 30), BERLIN)  # noqa: DTZ001


def test_a_time_that_exists_twice():
    with pytest.raises(dates.AmbiguousTime) as caught:
        dates.to_instant(datetime(2026, 10, 25, 2, 30), BERLIN)  # noqa: DTZ001
    assert caught.value.earlier == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert caught.value.later == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("hour", [1, 3], ids=["before", "after"])
@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)], ids=str)
def test_times_around_a_change_of_clocks(day, hour):
    local = datetime(day.year, day.month, day.day, hour, 30)  # noqa: DTZ001
    assert dates.in_zone(dates.to_instant(local, BERLIN), BERLIN).replace(tzinfo=None) == local


def test_zones_are_required_where_they_belong():
    with pytest.raises(ValueError):
        dates.in_zone(datetime(2025, 12, 24))  # noqa: DTZ001
    with pytest.raises(ValueError):
        dates.to_instant(datetime(2025, 12, 24, tzinfo=UTC))
