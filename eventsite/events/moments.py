"""The days and times of a definition as instants: absolute ones, and those counted from the day of import.

Closed days move forward for an event (D62) and back for a closing or a draw (D61). Not for whether the instants go
together: that is `sense`.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from eventsite import dates
from eventsite.events.faults import Fault, shown

_OPENING_TIME = "10:00"
_DRAW_TIME = "10:00"


class NoSuchMoment(Exception):
    """A day or time that a definition names and that does not exist."""

    def __init__(self, path: str, reason: str) -> None:
        self.fault = Fault(path, reason)
        super().__init__(path, reason)


def zone_of(definition: dict[str, Any]) -> str:
    """Return the name of the zone that a definition is in, Tokyo unless it says otherwise."""
    return definition["schedule"].get("timezone") or dates.TOKYO


def event_instants(definition: dict[str, Any], today: date) -> dict[str, Any]:
    """Return the columns of the event's own times; raises NoSuchMoment."""
    zone = zone_of(definition)
    start, end = _start_and_end(definition["schedule"], zone, today)
    application = definition.get("application", {})
    day = dates.in_zone(start, zone).date()
    return {
        "timezone": zone,
        "start_at": start,
        "end_at": end,
        "opens_at": _days_before(application, "opens", day, _OPENING_TIME, zone),
        "closes_at": _days_before(application, "closes", day, application.get("closes_time"), zone),
        "lottery_at": _days_before(application, "lottery", day, _DRAW_TIME, zone),
        **{
            name: instant_or_none(application.get(name), f"application.{name}")
            for name in ("changes_until", "cancel_until")
        },
    }


def category_window(category: dict[str, Any], place: str) -> dict[str, datetime | None]:
    """Return the columns of a category's own opening and closing; raises NoSuchMoment."""
    return {
        name: instant_or_none(category.get(name), f"{place}.{name}") for name in ("opens_at", "closes_at")
    }


def instant_or_none(value: str | None, path: str) -> datetime | None:
    """Return the instant of a text with an offset, None for none; raises NoSuchMoment."""
    return _instant(value, path) if value else None


def _start_and_end(schedule: dict[str, Any], zone: str, today: date) -> tuple[datetime, datetime]:
    if schedule.get("mode") != "relative":
        return (
            _instant(schedule["start_at"], "schedule.start_at"),
            _instant(schedule["end_at"], "schedule.end_at"),
        )
    day = dates.next_business_day(today + timedelta(days=schedule["days_from_seeding"]))
    return (
        _moment(day, schedule["start"], zone, "schedule.start"),
        _moment(day, schedule["end"], zone, "schedule.end"),
    )


def _days_before(
    application: dict[str, Any], name: str, start: date, clock_time: str | None, zone: str
) -> datetime | None:
    days = application.get(f"{name}_days_before")
    if days is None or clock_time is None:
        return instant_or_none(application.get(f"{name}_at"), f"application.{name}_at")
    day = start - timedelta(days=days)
    if name != "opens":
        day = dates.previous_business_day(day)
    return _moment(day, clock_time, zone, f"application.{name}_days_before")


def _moment(day: date, clock_time: str, zone: str, path: str) -> datetime:
    local = datetime.combine(day, time.fromisoformat(clock_time))
    try:
        return dates.to_instant(local, zone)
    except dates.NoSuchTime:
        raise NoSuchMoment(path, f"{local:%Y-%m-%d %H:%M} does not exist in {zone}") from None
    except dates.AmbiguousTime:
        raise NoSuchMoment(path, f"{local:%Y-%m-%d %H:%M} comes twice in {zone}") from None


def _instant(value: str, path: str) -> datetime:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise NoSuchMoment(path, f"{shown(value)} is no day and time that exists") from None
