"""One seat as an iCalendar object, and the public calendar feeds, as bytes.

For: the invitation and the cancellation that travel with a letter or are downloaded from the manage page,
and the public `.ics` addresses. Pure: no database, no request, no clock; the same entry always gives the
same bytes. Not for: MIME (see `eventsite.mail.mime`), links into web calendars, when SEQUENCE grows.

Sources: RFC 5545 (syntax), RFC 5546 (METHOD), RFC 6068 (mailto), RFC 7986 (CONFERENCE, feed properties).
"""

import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from icalendar import Alarm, Calendar, Event
from icalendar.prop import vCalAddress, vDuration, vText, vUri

PRODID = "-//eventsite//Seminar registration 1//EN"
ALARM_BEFORE = timedelta(minutes=15)
FEED_REFRESH = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One recipient's entry of one registration, as stored for the revision that is being sent.

    All times are aware (any zone) and written as UTC instants, to the second. `stamp` is the moment of this
    revision, never that of rendering. `description` may hold LF, every other text is one line; control
    characters are taken out of all of them. `organizer_email` accepts mail and is not the attendee's own.
    `join_url` is "" or None until the attendee may have it; `join_label` says what it opens ("Zoom").
    """

    uid: str
    sequence: int
    stamp: datetime
    created: datetime
    start: datetime
    end: datetime
    summary: str
    organizer_email: str
    attendee_email: str
    description: str = ""
    location: str = ""
    url: str = ""
    organizer_name: str = ""
    attendee_name: str = ""
    join_url: str | None = ""
    join_label: str = ""


@dataclass(frozen=True, kw_only=True)
class FeedEntry:
    """One public event of a feed: no person, no join link. `uid` belongs to the event and never changes."""

    uid: str
    sequence: int
    stamp: datetime
    created: datetime
    start: datetime
    end: datetime
    summary: str
    description: str = ""
    location: str = ""
    url: str = ""
    cancelled: bool = False


def request(entry: Entry) -> bytes:
    """The invitation or its update (METHOD:REQUEST, one VEVENT, one ATTENDEE). RFC 5546 3.2.2.

    Raises ValueError for a UID that is not opaque ASCII, a naive time, an end that is not after the start, or a
    missing address.
    """
    event = _seat(entry, "CONFIRMED")
    join = _uri(entry.join_url)
    body = [join, _block(entry.description)] if join else [_block(entry.description)]
    _put_text(event, "DESCRIPTION", "\n".join(part for part in body if part))
    if join:
        event["CONFERENCE"] = _conference(join, entry.join_label)
    event["TRANSP"] = "OPAQUE"
    event["X-MICROSOFT-CDO-BUSYSTATUS"] = "BUSY"
    event["X-MICROSOFT-DISALLOW-COUNTER"] = "TRUE"
    event.add_component(_alarm(entry.summary))
    return _object("REQUEST", [event])


def cancellation(entry: Entry) -> bytes:
    """The same entry taken back (METHOD:CANCEL): no alarm, no join link. RFC 5546 3.2.5.

    Raises ValueError as `request`.
    """
    event = _seat(entry, "CANCELLED")
    _put_text(event, "DESCRIPTION", _block(entry.description))
    event["TRANSP"] = "TRANSPARENT"
    return _object("CANCEL", [event])


def repeated(request: bytes) -> dict[str, Any]:
    """Return what a cancellation repeats of the invitation before it, as fields of an `Entry`. RFC 5546 3.2.5."""
    event: Any = Calendar.from_ical(request).events[0]
    organizer, attendee = event["ORGANIZER"], event["ATTENDEE"]
    return {
        "start": event["DTSTART"].dt,
        "end": event["DTEND"].dt,
        "summary": str(event["SUMMARY"]),
        "location": str(event.get("LOCATION", "")),
        "organizer_name": organizer.params.get("CN", ""),
        "organizer_email": _bare(organizer),
        "attendee_name": attendee.params.get("CN", ""),
        "attendee_email": _bare(attendee),
    }


def publication(
    entries: Iterable[FeedEntry], *, name: str = "", refresh: timedelta = FEED_REFRESH, contact: str = ""
) -> bytes:
    """A public calendar: one event's file, or with `name` a feed that calendars subscribe to.

    A stored calendar, not a scheduling message: it has no METHOD, hence no ORGANIZER and no ATTENDEE
    (RFC 5545 3.8.4.1, 3.8.4.3), and a cancelled event stays in it as CANCELLED. The feed's name and its
    refresh interval stand only where `name` is given. Raises ValueError as `request`.
    """
    calendar = _calendar()
    if name:
        _put_text(calendar, "NAME", _line(name))
        _put_text(calendar, "X-WR-CALNAME", _line(name))
        calendar.add("REFRESH-INTERVAL", refresh, parameters={"VALUE": "DURATION"})
        calendar["X-PUBLISHED-TTL"] = vDuration(refresh)
    for entry in entries:
        event = _event(entry, "CANCELLED" if entry.cancelled else "CONFIRMED")
        _put_text(event, "DESCRIPTION", _block(entry.description))
        _put_text(event, "CONTACT", _line(contact))
        event["TRANSP"] = "TRANSPARENT" if entry.cancelled else "OPAQUE"
        calendar.add_component(event)
    return calendar.to_ical()


def new_uid(domain: str) -> str:
    """A new opaque UID `<128 random bits>@<domain>`; store it, since it must never change. RFC 7986 5.3.

    `domain` is one that the site owns (a port or anything else outside `A-Z a-z 0-9 . -` becomes `-`).
    """
    return f"{secrets.token_hex(16)}@{re.sub(r'[^A-Za-z0-9.-]', '-', domain).lower()[:200]}"


def _object(method: str, events: list[Event]) -> bytes:
    calendar = _calendar()
    calendar["METHOD"] = method
    for event in events:
        calendar.add_component(event)
    return calendar.to_ical()


def _calendar() -> Calendar:
    """Not `Calendar.new`: that adds a random UID, and two renderings would differ."""
    calendar = Calendar()
    calendar["VERSION"] = "2.0"
    calendar["PRODID"] = PRODID
    calendar["CALSCALE"] = "GREGORIAN"
    return calendar


def _seat(entry: Entry, status: str) -> Event:
    event = _event(entry, status)
    event["ORGANIZER"] = _person(entry.organizer_email, entry.organizer_name)
    attendee = _person(entry.attendee_email, entry.attendee_name)
    attendee.params.update(
        {"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
    )
    event["ATTENDEE"] = attendee
    return event


def _event(entry: Entry | FeedEntry, status: str) -> Event:
    if not re.fullmatch(r"[A-Za-z0-9._@-]{1,254}", entry.uid):
        raise ValueError("the UID must be opaque ASCII under 255 octets")
    start, end = _instant(entry.start), _instant(entry.end)
    if end <= start:
        raise ValueError("the end must be after the start")
    stamp, created = _instant(entry.stamp), _instant(entry.created)
    event = Event()
    event["UID"] = entry.uid
    event.add("SEQUENCE", entry.sequence)
    event.add("DTSTAMP", stamp)
    event.add("CREATED", created)
    event.add("LAST-MODIFIED", max(stamp, created))
    event.add("DTSTART", start)
    event.add("DTEND", end)
    event["STATUS"] = status
    event["SUMMARY"] = _Text(_line(entry.summary))
    _put_text(event, "LOCATION", _line(entry.location))
    if url := _uri(entry.url):
        event["URL"] = vUri(url)
    return event


def _alarm(summary: str) -> Alarm:
    alarm = Alarm()
    alarm["ACTION"] = "DISPLAY"
    alarm["DESCRIPTION"] = _Text(_line(summary))
    alarm.add("TRIGGER", -ALARM_BEFORE)
    return alarm


def _conference(url: str, label: str) -> vUri:
    """FEATURE as a bare list: icalendar's own class would quote it into one value. RFC 7986 6.3."""
    conference = vUri(url, params={"VALUE": "URI", "FEATURE": ["AUDIO", "VIDEO"]})
    if _line(label):
        conference.params["LABEL"] = _parameter(label)
    return conference


def _person(email: str, name: str) -> vCalAddress:
    if "@" not in email:
        raise ValueError("a calendar entry needs the addresses of organiser and attendee")
    address = vCalAddress("mailto:" + quote(_line(email).replace(" ", ""), safe="@!$'*+-._~"))
    if _line(name):
        address.params["CN"] = _parameter(name)
    return address


def _bare(address: vCalAddress) -> str:
    return unquote(str(address)).removeprefix("mailto:")


def _parameter(value: str) -> str:
    """Fit for a quoted parameter: it cannot hold `"` at all, and a backslash there is read in two ways."""
    return _line(value).replace('"', "'").replace("\\", "\N{FULLWIDTH REVERSE SOLIDUS}")


def _instant(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("a calendar time needs a zone")
    return moment.astimezone(UTC).replace(microsecond=0)


def _put_text(component: Calendar | Event, name: str, value: str) -> None:
    if value:
        component[name] = _Text(value)


def _line(value: str | None) -> str:
    return " ".join(_block(value).split("\n")).strip()


def _block(value: str | None) -> str:
    """Every kind of line end as LF, no other control character, no lone surrogate or noncharacter."""
    text = re.sub(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", "\n", value or "").replace("\t", " ")
    return "".join(c for c in text if c == "\n" or _is_writable(c)).strip("\n")


def _is_writable(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs") and ord(char) & 0xFFFE != 0xFFFE


def _uri(value: str | None) -> str:
    """One line without blanks, other than ASCII percent-encoded."""
    return quote("".join(_block(value).split()), safe="!#$%&'()*+,/:;=?@[]~._-")


class _Text(vText):
    r"""TEXT escaped once, as RFC 5545 3.3.11 says: the library would turn a typed `\N` into a line break."""

    def to_ical(self) -> bytes:
        escaped = self.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
        return escaped.encode("utf-8")
