"""Instants as Japanese offices write them, wall times as instants, and business days (D59 to D62, R44).

Instants are timezone-aware both ways; a wall time is naive and belongs to a zone of the IANA database.
Not for: the present moment (clock.py), the locale of a request (i18n.py), calendar files (calendar.py).
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import jpholiday

TOKYO = "Asia/Tokyo"
REIWA = date(2019, 5, 1)

_STATUS_EN = {"予定": "provisional"}
_WEEKDAYS_JA = "月火水木金土日"
_WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_EN = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class NoSuchTime(ValueError):
    """A wall time that the clocks of its zone skip."""


class AmbiguousTime(ValueError):
    """A wall time that the clocks of its zone show twice: at the instants earlier and later, both in UTC."""

    def __init__(self, earlier: datetime, later: datetime) -> None:
        super().__init__(f"{earlier.isoformat()} or {later.isoformat()}")
        self.earlier = earlier
        self.later = later


def in_zone(instant: datetime, zone: str = TOKYO) -> datetime:
    """Return an instant on the clocks of a zone. Raises ValueError for a naive one."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(ZoneInfo(zone))


def to_instant(local: datetime, zone: str = TOKYO) -> datetime:
    """Return the instant, in UTC, at which the clocks of a zone show a wall time (R44).

    Raises NoSuchTime or AmbiguousTime where a zone changes its clocks, and ValueError for an aware argument.
    """
    if local.tzinfo is not None:
        raise ValueError("a wall time has no time zone of its own")
    first, second = (local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) != local.replace(fold=0):
        raise NoSuchTime(f"{local.isoformat()} in {zone}")
    if first != second:
        raise AmbiguousTime(first, second)
    return first


def when(start: datetime, end: datetime, zone: str = TOKYO, locale: str = "ja", status: str = "") -> str:
    """Return when something takes place (D59): 2025年12月24日（水）10:00～11:30.

    status: a word for brackets behind it; 予定 becomes (provisional) in English. The Japanese
    form names the zone only outside Tokyo, the English form always.
    """
    begins, ends = in_zone(start, zone), in_zone(end, zone)
    if _is_english(locale):
        return _when_en(begins, ends) + (f" ({_STATUS_EN.get(status, status)})" if status else "")
    zone_name = "" if zone == TOKYO else f"（{_zone_name(begins, ends)}）"
    return _when_ja(begins, ends) + zone_name + (f"（{status}）" if status else "")


def when_short(start: datetime, zone: str = TOKYO, locale: str = "ja") -> str:
    """Return a beginning in few characters: 12月24日（水）10:00, in English 24 Dec 2025 (Wed) 10:00."""
    local = in_zone(start, zone)
    if _is_english(locale):
        month, weekday = _MONTHS_EN[local.month - 1][:3], _WEEKDAYS_EN[local.weekday()][:3]
        return f"{local.day} {month} {local.year} ({weekday}) {_clock(local)}"
    return f"{_month_day_ja(local)}{_clock(local)}"


def day(moment: datetime | date, zone: str = TOKYO, locale: str = "ja", *, year: bool = True) -> str:
    """Return a day: 2025年12月24日（水）, Wednesday 24 December 2025. year=False leaves the year out.

    moment: an instant, shown as the day in the zone, or a calendar day.
    """
    local = _calendar_day(moment, zone)
    if _is_english(locale):
        return _day_en(local) if year else _day_en(local).rpartition(" ")[0]
    return _day_ja(local) if year else _month_day_ja(local)


def deadline(instant: datetime, zone: str = TOKYO, locale: str = "ja") -> str:
    """Return the end of a term as when_short() does, midnight as 23:59 of the day before; no まで (D59)."""
    local = in_zone(instant, zone)
    at_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    return when_short(instant.astimezone(UTC) - timedelta(minutes=at_midnight), zone, locale)


def clock_time(instant: datetime, zone: str = TOKYO) -> str:
    """Return the time of day without a leading zero: 9:30."""
    return _clock(in_zone(instant, zone))


def roster_time(instant: datetime, zone: str = TOKYO) -> str:
    """Return an instant for a roster: 2025/12/24 10:00, of one width so that cells sort by time (D59)."""
    return in_zone(instant, zone).strftime("%Y/%m/%d %H:%M")


def official(start: datetime, end: datetime, zone: str = TOKYO) -> str:
    """Return the official form (D60): 令和7年12月24日（水曜日）午前10時から午前11時30分まで."""
    begins, ends = in_zone(start, zone), in_zone(end, zone)
    until = _official_clock(ends)
    if begins.year != ends.year:
        until = official_day(ends.date()) + until
    elif begins.date() != ends.date():
        until = _official_month_day(ends) + until
    return f"{official_day(begins.date())}{_official_clock(begins)}から{until}まで"


def official_day(moment: datetime | date, zone: str = TOKYO) -> str:
    """Return a day in the official form (D60): 令和7年12月24日（水曜日）; before Reiwa in western years."""
    local = _calendar_day(moment, zone)
    return f"{_era_year(local)}年{_official_month_day(local)}"


def official_day_cell(moment: datetime | date, zone: str = TOKYO) -> str:
    """Return a day in the official form for a table (D60): 令和7.12.24."""
    local = _calendar_day(moment, zone)
    return f"{_era_year(local)}.{local.month}.{local.day}"


def official_time_cell(instant: datetime, zone: str = TOKYO) -> str:
    """Return a time of day in the official form for a table (D60): 午前9:30, 正午."""
    local = in_zone(instant, zone)
    return "正午" if _is_noon(local) else f"{_half(local)}{local.hour % 12}:{local.minute:02}"


def is_business_day(day: date, closures: Collection[date] = ()) -> bool:
    """Say whether offices work on a day (D61). closures: further days on which the association is closed."""
    new_year = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return not (day.weekday() >= 5 or new_year or day in closures or jpholiday.is_holiday(day))


def next_business_day(day: date, closures: Collection[date] = ()) -> date:
    """Return a day if it is a business day, else the first one after it."""
    while not is_business_day(day, closures):
        day += timedelta(days=1)
    return day


def previous_business_day(day: date, closures: Collection[date] = ()) -> date:
    """Return a day if it is a business day, else the last one before it (reminders, D62)."""
    while not is_business_day(day, closures):
        day -= timedelta(days=1)
    return day


def add_business_days(day: date, count: int, closures: Collection[date] = ()) -> date:
    """Return the count-th business day after a day, which is not counted; before it if count is negative."""
    step, nearest = (1, next_business_day) if count > 0 else (-1, previous_business_day)
    for _ in range(abs(count)):
        day = nearest(day + timedelta(days=step), closures)
    return day


def _is_english(locale: str) -> bool:
    return locale.lower().startswith("en")


def _when_ja(begins: datetime, ends: datetime) -> str:
    until = _clock(ends)
    if begins.year != ends.year:
        until = _day_ja(ends) + until
    elif begins.date() != ends.date():
        until = _month_day_ja(ends) + until
    return f"{_day_ja(begins)}{_clock(begins)}～{until}"


def _when_en(begins: datetime, ends: datetime) -> str:
    zone_name = _zone_name(begins, ends)
    if begins.date() == ends.date():
        return f"{_day_en(begins)}, {_clock(begins)}–{_clock(ends)} ({zone_name})"
    return f"{_day_en(begins)}, {_clock(begins)} – {_day_en(ends)}, {_clock(ends)} ({zone_name})"


def _zone_name(begins: datetime, ends: datetime) -> str:
    names = dict.fromkeys(moment.tzname() or "UTC" for moment in (begins, ends))
    return "–".join(f"UTC{name}" if name[0] in "+-" else name for name in names)


def _day_ja(local: date) -> str:
    return f"{local.year}年{_month_day_ja(local)}"


def _month_day_ja(local: date) -> str:
    return f"{local.month}月{local.day}日（{_WEEKDAYS_JA[local.weekday()]}）"


def _day_en(local: date) -> str:
    return f"{_WEEKDAYS_EN[local.weekday()]} {local.day} {_MONTHS_EN[local.month - 1]} {local.year}"


def _clock(local: datetime) -> str:
    return f"{local.hour}:{local.minute:02}"


def _calendar_day(moment: datetime | date, zone: str) -> date:
    return in_zone(moment, zone).date() if isinstance(moment, datetime) else moment


def _era_year(local: date) -> str:
    if local < REIWA:
        return str(local.year)
    return "令和" + ("元" if local.year == REIWA.year else str(local.year - REIWA.year + 1))


def _official_month_day(local: date) -> str:
    return f"{local.month}月{local.day}日（{_WEEKDAYS_JA[local.weekday()]}曜日）"


def _official_clock(local: datetime) -> str:
    if _is_noon(local):
        return "正午"
    return f"{_half(local)}{local.hour % 12}時" + (f"{local.minute}分" if local.minute else "")


def _half(local: datetime) -> str:
    return "午前" if local.hour < 12 else "午後"


def _is_noon(local: datetime) -> bool:
    return (local.hour, local.minute) == (12, 0)
