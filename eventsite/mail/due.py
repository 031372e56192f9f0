"""When an event's own letters are due: from its times and rules to instants (D61, D62, F16).

A rule for reminders is `{"days_before": n, "time": "10:00"}`, moved back over closed days unless it says
`"business_day": False`, or `{"hours_before": n}`, which is never moved. Days and times of day are those of the event's
zone, closed days are the Japanese ones everywhere. Pure: for what is planned and stored see `schedule`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from eventsite import dates

Rule = Mapping[str, Any]
USUAL_TIME = "10:00"
FOLLOW_UP_TIME = time(10)


@dataclass(frozen=True)
class Due:
    """One moment at which a reminder goes out, and the rules that come to it."""

    at: datetime
    rules: tuple[Rule, ...]


def reminders(
    start: datetime, zone: str, rules: Sequence[Rule], closures: Collection[date] = ()
) -> list[Due]:
    """Return when reminders of an event that starts at `start` are due, the first first.

    Rules that come to the same instant give one reminder (D62); none is due at the start or after it. `closures` are
    further days on which the association is closed.
    """
    found: dict[datetime, list[Rule]] = {}
    for rule in rules:
        at = moment(start, zone, rule, closures)
        if at < start:
            found.setdefault(at, []).append(rule)
    return [Due(at, tuple(found[at])) for at in sorted(found)]


def moment(start: datetime, zone: str, rule: Rule, closures: Collection[date] = ()) -> datetime:
    """Return the instant that one rule means, in UTC."""
    if "hours_before" in rule:
        return start.astimezone(UTC) - timedelta(hours=rule["hours_before"])
    day = dates.in_zone(start, zone).date() - timedelta(days=rule["days_before"])
    if rule.get("business_day") is not False:
        day = dates.previous_business_day(day, closures)
    return _on_the_clocks(day, time.fromisoformat(rule.get("time") or USUAL_TIME), zone)


def follow_up(end: datetime, zone: str, days: int, closures: Collection[date] = ()) -> datetime:
    """Return when people are thanked: at 10:00 `days` after the end; a closed day moves forward, never before the end."""
    day = dates.next_business_day(dates.in_zone(end, zone).date() + timedelta(days=days), closures)
    at = _on_the_clocks(day, FOLLOW_UP_TIME, zone)
    return at if at > end else follow_up(end, zone, days + 1, closures)


def _on_the_clocks(day: date, at: time, zone: str) -> datetime:
    """A time that the clocks show twice is the first of both; one that they skip comes as much later as they jump."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
