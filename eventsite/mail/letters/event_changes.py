"""What people are told when an event changes: which columns, which letter they make, the words for each.

What a change replaced is kept as *former* values: plain values by column, of those columns that differ and matter. They
go into the details of a mailing and are compared with the event again when its letters are written. Words are in the
language in force. Not for who hears of a change (`event_news`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

from flask_babel import gettext as _

from eventsite import wording
from eventsite.models import Event, Format

TIMES = frozenset({"start_at", "end_at"})
JOINING = frozenset({"join_url", "webinar_id", "passcode"})
_ONLINE = frozenset({"live", "online_words", "online_status"})
_VENUE = frozenset({"venue_name", "venue_address"})
_CLOCK = frozenset({"timezone", "time_status"})
TOLD_OF = TIMES | JOINING | _ONLINE | _VENUE | _CLOCK | {"title", "format"}

Former = Mapping[str, Any]


class Difference(NamedTuple):
    """One line of what changed: the columns that it speaks of, what it is called, its words before and after."""

    columns: frozenset[str]
    label: str
    before: str
    after: str


def values_of(event: Event) -> dict[str, Any]:
    """Return what people are told of, by column, as it is now."""
    return {name: getattr(event, name) for name in TOLD_OF}


def with_values(event: Event, values: Mapping[str, Any]) -> Event:
    """Return a copy of an event, not stored, that has other values in some of these columns."""
    return Event(**values_of(event) | {name: values[name] for name in TOLD_OF & values.keys()})


def former(before: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """Return the former values of what differs now and matters to people, as plain values."""
    plain = {name: _plain(value) for name, value in before.items()}
    return remaining(plain, event)


def remaining(earlier: Former, event: Event) -> dict[str, Any]:
    """Return those former values that still differ from the event and matter to people."""
    differing = {name: old for name, old in earlier.items() if old != _plain(getattr(event, name))}
    unimportant = _unimportant(_as_it_was(differing, event), event)
    return {name: differing[name] for name in sorted(differing.keys() - unimportant)}


def letter_for(earlier: Former) -> str:
    """Return the one letter that tells of a change: the weightiest says everything; "" = nobody need hear of it."""
    if TIMES & earlier.keys():
        return "rescheduled"
    if earlier.keys() - JOINING:
        return "event_changed"
    return "join_info" if earlier else ""


def before_when(earlier: Former, event: Event) -> str:
    """Return when it was to take place."""
    return wording.when(_as_it_was(earlier, event))


def differences(earlier: Former, event: Event) -> list[Difference]:
    """Return what changed, line by line, that of which the words are the same left out."""
    was = _as_it_was(earlier, event)
    lines = [
        Difference(frozenset({"title"}), _("題名"), was.title, event.title),
        Difference(TIMES | _CLOCK, _("日時"), wording.when(was), wording.when(event)),
        Difference(_ONLINE | {"format"}, _("形式"), wording.form_of_event(was), wording.form_of_event(event)),
        Difference(_VENUE, _("会場"), _place(was), _place(event)),
        Difference(JOINING, _("参加用URL"), was.join_url, event.join_url),
        Difference(JOINING, _("ウェビナーID"), was.webinar_id, event.webinar_id),
        Difference(JOINING, _("パスコード"), was.passcode, event.passcode),
    ]
    return [one for one in lines if one.columns & earlier.keys() and one.before != one.after]


def _unimportant(was: Event, event: Event) -> frozenset[str]:
    """What says nothing where nobody comes to a venue, or nobody takes part online, or there is no link."""
    nothing: frozenset[str] = frozenset()
    if was.format == event.format == Format.ONLINE:
        nothing |= _VENUE
    if was.format == event.format == Format.VENUE:
        nothing |= _ONLINE
    if not event.has_online or not (was.join_url or event.join_url):
        nothing |= JOINING
    return nothing


def _as_it_was(earlier: Former, event: Event) -> Event:
    return with_values(event, {name: _value(name, plain) for name, plain in earlier.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.value if isinstance(value, Enum) else value


def _value(name: str, plain: Any) -> Any:
    if name in TIMES:
        return datetime.fromisoformat(plain)
    return Format(plain) if name == "format" else plain


def _place(event: Event) -> str:
    return "　".join(one for one in (event.venue_name, event.venue_address) if one)
