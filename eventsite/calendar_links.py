"""Links that open a web calendar with one seminar filled in, for its reader to save: Google, Outlook.com, Microsoft 365.

Pure; nothing is sent anywhere until somebody follows a link. The formats are those of the services' own pages and
documented nowhere. Every value is percent-encoded UTF-8 with a space as %20; instants are UTC with Z. Not for: files
(see `calendar`), what may be said to whom.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote

LONGEST = 1999
"""Octets of a link: mail gateways cut what is longer than about 2,000."""

_TITLE, _PLACE = 600, 300
_CUT = "…"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MARKS = "\u0300-\u036f\u20e3\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"
_CHARACTER = re.compile(rf".[{_MARKS}]*(?:\u200d.[{_MARKS}]*)*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Item:
    """What a web calendar is to hold. `start` and `end` are aware, `timezone` is the IANA name of the event's zone.

    `details` are lines, the most important first: what does not fit is left out from the end, and a line with an
    address is never cut.
    """

    title: str
    start: datetime
    end: datetime
    timezone: str
    location: str = ""
    details: Sequence[str] = ()


def google(item: Item) -> str:
    """Return the link that opens a new entry in Google Calendar."""
    begins, ends = (f"{_instant(one):%Y%m%dT%H%M%SZ}" for one in (item.start, item.end))
    link = (
        "https://calendar.google.com/calendar/render?action=TEMPLATE"
        f"&text={_fitting(item.title, _TITLE)}&dates={begins}/{ends}&ctz={quote(item.timezone, safe='/')}"
    )
    return _completed(link, item, "details")


def outlook(item: Item) -> str:
    """Return the link that opens a new entry in the calendar of Outlook.com."""
    path = quote("/calendar/action/compose", safe="")
    return _composed(f"https://outlook.live.com/calendar/0/deeplink/compose?path={path}&", item)


def microsoft_365(item: Item) -> str:
    """Return the link that opens a new entry in the calendar of a Microsoft 365 account."""
    return _composed("https://outlook.office.com/calendar/action/compose?", item)


def _composed(page: str, item: Item) -> str:
    """Outlook reads an ampersand, encoded or not, as the end of a value; addresses have to keep theirs."""
    begins, ends = (_encoded(f"{_instant(one):%Y-%m-%dT%H:%M:%SZ}") for one in (item.start, item.end))
    item = replace(
        item,
        title=_full_width(item.title),
        location=_full_width(item.location),
        details=[one if _holds_address(one) else _full_width(one) for one in item.details],
    )
    subject = _fitting(item.title, _TITLE)
    return _completed(f"{page}rru=addevent&subject={subject}&startdt={begins}&enddt={ends}", item, "body")


def _completed(link: str, item: Item, details: str) -> str:
    """Add place and details, the latter as far as there is room."""
    if item.location:
        link += f"&location={_fitting(item.location, _PLACE)}"
    link += f"&{details}="
    separator = ""
    for line in item.details:
        room = LONGEST - len(link) - len(separator)
        if _holds_address(line) and len(_encoded(line)) > room:
            continue
        if words := _fitting(line, room):
            link += separator + words
            separator = "%0A"
    return link if separator else link.removesuffix(f"&{details}=")


def _fitting(words: str, room: int) -> str:
    """Return words encoded in at most `room` octets; cut ones end in …, between two characters that a reader sees."""
    words = _CONTROLS.sub(" ", words).strip(" ")
    if len(_encoded(words)) <= room:
        return _encoded(words)
    kept, room = "", room - len(_encoded(_CUT))
    for character in map(_encoded, _CHARACTER.findall(words)):
        if len(kept) + len(character) > room:
            break
        kept += character
    return kept + _encoded(_CUT) if kept else ""


def _encoded(words: str) -> str:
    return quote(words, safe="", errors="ignore")


def _full_width(words: str) -> str:
    return words.replace("&", "\N{FULLWIDTH AMPERSAND}")


def _holds_address(line: str) -> bool:
    return "://" in line


def _instant(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("a calendar time needs a zone")
    return moment.astimezone(UTC)
