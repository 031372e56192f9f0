"""Three parsers that know nothing of each other read the same out of every calendar object, and every byte is legal.

`icalendar` and `vobject` in Python, `ical.js` under node: one process for the whole module reads all objects.
"""

import json
import re
import shutil
import subprocess
import unicodedata
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from eventsite import calendar
from eventsite.calendar import Entry, FeedEntry
from eventsite.config import ROOT
from tests.fixtures.requirements import missing

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import vobject

NODE = ROOT / "tests" / "calendars"
TOKYO, NEW_YORK, LONDON = (ZoneInfo(one) for one in ("Asia/Tokyo", "America/New_York", "Europe/London"))
STAMP = datetime(2026, 11, 20, 9, 30, 15, tzinfo=TOKYO)
JOIN = "https://zoom.us/j/00000000000?pwd=a.b;c&from=%E5%B8%82"
NAMES = "\u9ad9\ufa11 \U00020bb7\u7530 \u8fbb\U000e0100 \U0001f600\U0001f468\u200d\U0001f469 ①㈱～"

ENTRY = Entry(
    uid="4f1c2a@seminar.example",
    sequence=0,
    stamp=STAMP,
    created=STAMP,
    start=datetime(2026, 12, 10, 14, 0, tzinfo=TOKYO),
    end=datetime(2026, 12, 10, 15, 30, tzinfo=TOKYO),
    summary="なぜ、あの官民連携はうまくいくのか？",
    description="ウェビナーID　000 0000 0000\nパスコード　a;b,c\\d",
    location="オンライン（Zoomウェビナー）",
    url="https://seminar.example/events/kanmin?a=1&b=2",
    organizer_name="一般社団法人自治体DX推進協議会（GDX）",
    organizer_email="seminar@seminar.example",
    attendee_email="kikaku@city.example.lg.jp",
    join_url=JOIN,
    join_label="Zoomウェビナー",
)
TITLES = {
    "separators": "a,b;c:d\\e \\n \\N \\, \\; 、；：＼",
    "markup": "<b>&amp; \"quoted\" 'single' {{ title }} %s",
    "names": NAMES,
    "200 characters": "長い題名、改行なし；" * 20,
    "200 pictures": "\U0001f600" * 200,
    "200 bytes of ASCII": "long ascii title without end " * 7 + "x",
    "digits only": "2026",
    "Hebrew": "שלום עולם seminar",
    "combining": "が" * 30,
}
ENTRIES = {
    "plain": ENTRY,
    **{name: replace(ENTRY, summary=words.strip(), location=words.strip()) for name, words in TITLES.items()},
    **{
        f"described: {name}": replace(ENTRY, description=f"{words.strip()}\n\n{words.strip()}")
        for name, words in TITLES.items()
    },
    "no joining": replace(ENTRY, join_url="", join_label=""),
    "an address as long as can be": replace(ENTRY, join_url="https://zoom.us/w/" + "a1" * 490),
    "nothing but what must be": replace(
        ENTRY, join_url=None, description="", location="", url="", organizer_name=""
    ),
    "several days": replace(ENTRY, end=datetime(2026, 12, 13, 17, 0, tzinfo=TOKYO)),
    "over the turn of the year": replace(
        ENTRY,
        start=datetime(2026, 12, 31, 23, 30, tzinfo=TOKYO),
        end=datetime(2027, 1, 1, 0, 30, tzinfo=TOKYO),
    ),
    "New York, clocks go back": replace(
        ENTRY,
        start=datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK),
        end=datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=1),
    ),
    "London in summer": replace(
        ENTRY,
        start=datetime(2026, 7, 1, 10, 0, tzinfo=LONDON),
        end=datetime(2026, 7, 1, 11, 0, tzinfo=LONDON),
    ),
    "a later version": replace(ENTRY, sequence=41, stamp=STAMP + timedelta(days=3, seconds=7)),
    "quotes in names": replace(
        ENTRY,
        organizer_name="社: 係; 名, 'x'",
        attendee_name="Doe, Jane: a;b <c>",
        join_label="Zoom, 会議; 1:2",
    ),
    "names beyond the plane": replace(ENTRY, organizer_name=NAMES, attendee_name=NAMES, join_label=NAMES),
    "a name of 200 characters": replace(ENTRY, organizer_name="協議会、" * 50, attendee_name="名" * 200),
    "an address with signs": replace(ENTRY, attendee_email="o'brien+a?b%c&d=e@city.example.lg.jp"),
}
HOSTILE = {
    "前\r\nATTENDEE:mailto:evil@example.com": "前 ATTENDEE:mailto:evil@example.com",
    "前\nEND:VEVENT\nBEGIN:VEVENT": "前 END:VEVENT BEGIN:VEVENT",
    "a\x00b\x0bc\x85d\u2028e\x7f": "ab c d e",
}
MOVED = replace(
    ENTRY,
    sequence=1,
    stamp=STAMP + timedelta(days=1),
    start=ENTRY.start + timedelta(days=7),
    end=ENTRY.end + timedelta(days=7),
)
GONE = replace(MOVED, sequence=2, stamp=STAMP + timedelta(days=2))
FEED = [
    FeedEntry(
        uid=f"{number}@seminar.example",
        sequence=number,
        stamp=STAMP + timedelta(hours=number),
        created=STAMP,
        start=ENTRY.start + timedelta(days=number),
        end=ENTRY.end + timedelta(days=number),
        summary=words,
        description=f"{words}\n{words}",
        location=words,
        url=f"https://seminar.example/events/{number}",
        cancelled=number % 2 == 1,
    )
    for number, words in enumerate(one.strip() for one in TITLES.values())
]
OBJECTS = {
    **{f"request: {name}": calendar.request(one) for name, one in ENTRIES.items()},
    **{f"cancellation: {name}": calendar.cancellation(one) for name, one in ENTRIES.items()},
    **{f"hostile: {one!r}": calendar.request(replace(ENTRY, summary=one, location=one)) for one in HOSTILE},
    "life: moved": calendar.request(MOVED),
    "life: gone": calendar.cancellation(GONE),
    "feed": calendar.publication(FEED, name="GDXセミナー, 一覧; \\"),
    "file": calendar.publication(FEED[:1], contact="GDX事務局, 026-000-0000"),
}

Reading = dict[str, Any]


@pytest.fixture(scope="module")
def under_node() -> dict[str, Reading]:
    """What ical.js reads out of every object."""
    if shutil.which("node") is None or not (NODE / "node_modules" / "ical.js").is_dir():
        missing("node with ical.js", "nodejs npm, and then: make test")
    done = subprocess.run(
        ["node", str(NODE / "read.mjs")],
        input=json.dumps([one.decode() for one in OBJECTS.values()]),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    read = [{**one, "name": _plain(one["name"])} for one in json.loads(done.stdout)]
    return dict(zip(OBJECTS, read, strict=True))


def with_icalendar(data: bytes) -> Reading:
    root = icalendar.Calendar.from_ical(data)
    return {
        "method": str(root.get("METHOD", "")),
        "name": _plain(str(root.get("NAME", ""))),
        "refresh": _written(root.get("REFRESH-INTERVAL")),
        "ttl": _written(root.get("X-PUBLISHED-TTL")),
        "events": [
            {
                **{name: str(one.get(name.upper(), "")) for name in TEXTS},
                "stamp": _instant(one["DTSTAMP"].dt),
                "start": _instant(one["DTSTART"].dt),
                "end": _instant(one["DTEND"].dt),
                **{name: _property(one.get(name.upper()), wanted) for name, wanted in PROPERTIES.items()},
                "alarms": [
                    {
                        "action": str(alarm["ACTION"]),
                        "trigger": _written(alarm["TRIGGER"]),
                        "description": str(alarm["DESCRIPTION"]),
                    }
                    for alarm in one.walk("VALARM")
                ],
            }
            for one in root.events
        ],
    }


def with_vobject(data: bytes) -> Reading:
    root = vobject.readOne(data.decode())
    return {
        "method": root.getChildValue("method", ""),
        "name": root.getChildValue("name", ""),
        "refresh": root.getChildValue("refresh_interval", ""),
        "ttl": root.getChildValue("x_published_ttl", ""),
        "events": [
            {
                **{name: one.getChildValue(name, "") for name in TEXTS},
                "stamp": _instant(one.dtstamp.value),
                "start": _instant(one.dtstart.value),
                "end": _instant(one.dtend.value),
                **{
                    name: _vobject_property(one.contents.get(name), wanted)
                    for name, wanted in PROPERTIES.items()
                },
                "alarms": [
                    {
                        "action": alarm.action.value,
                        "trigger": _written(icalendar.prop.vDuration(alarm.trigger.value)),
                        "description": alarm.description.value,
                    }
                    for alarm in one.contents.get("valarm", [])
                ],
            }
            for one in root.contents["vevent"]
        ],
    }


TEXTS = ("uid", "sequence", "status", "summary", "description", "location", "url")
PROPERTIES = {
    "attendee": ("cn", "cutype", "role", "partstat", "rsvp"),
    "organizer": ("cn",),
    "conference": ("value", "feature", "label"),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_all_three_read_the_same(name: str, under_node: dict[str, Reading]) -> None:
    assert with_icalendar(OBJECTS[name]) == with_vobject(OBJECTS[name]) == under_node[name]


@pytest.mark.parametrize("name", ENTRIES)
def test_what_they_read_is_what_was_said(name: str) -> None:
    entry = ENTRIES[name]
    asked, taken_back = (with_icalendar(OBJECTS[f"{kind}: {name}"]) for kind in ("request", "cancellation"))
    assert (asked["method"], taken_back["method"]) == ("REQUEST", "CANCEL")
    (request,), (cancellation,) = asked["events"], taken_back["events"]
    assert request == {
        "uid": entry.uid,
        "sequence": str(entry.sequence),
        "status": "CONFIRMED",
        "summary": entry.summary,
        "description": "\n".join(one for one in (entry.join_url, entry.description) if one),
        "location": entry.location,
        "url": entry.url,
        "stamp": _instant(entry.stamp),
        "start": _instant(entry.start),
        "end": _instant(entry.end),
        "attendee": {
            "value": ADDRESSES.get(entry.attendee_email, f"mailto:{entry.attendee_email}"),
            "cutype": "INDIVIDUAL",
            "role": "REQ-PARTICIPANT",
            "partstat": "ACCEPTED",
            "rsvp": "FALSE",
            **({"cn": entry.attendee_name} if entry.attendee_name else {}),
        },
        "organizer": {
            "value": "mailto:seminar@seminar.example",
            **({"cn": entry.organizer_name} if entry.organizer_name else {}),
        },
        "conference": {"value": entry.join_url, "feature": "AUDIO,VIDEO", "label": entry.join_label}
        if entry.join_url
        else {},
        "alarms": [{"action": "DISPLAY", "trigger": "-PT15M", "description": entry.summary}],
    }
    assert cancellation == {
        **request,
        "status": "CANCELLED",
        "description": entry.description,
        "conference": {},
        "alarms": [],
    }


@pytest.mark.parametrize("words", HOSTILE)
def test_what_wants_to_be_a_line_is_a_text(words: str, under_node: dict[str, Reading]) -> None:
    (event,) = under_node[f"hostile: {words!r}"]["events"]
    assert (event["summary"], event["location"]) == (HOSTILE[words], HOSTILE[words])
    assert event["attendee"]["value"] == "mailto:kikaku@city.example.lg.jp"


def test_a_feed_reads_as_it_was_written(under_node: dict[str, Reading]) -> None:
    feed = under_node["feed"]
    assert {name: feed[name] for name in ("method", "name", "refresh", "ttl")} == {
        "method": "",
        "name": "GDXセミナー, 一覧; \\",
        "refresh": "PT6H",
        "ttl": "PT6H",
    }
    assert [
        (one["uid"], one["sequence"], one["status"], one["start"], one["summary"], one["location"])
        for one in feed["events"]
    ] == [
        (
            one.uid,
            str(one.sequence),
            "CANCELLED" if one.cancelled else "CONFIRMED",
            _instant(one.start),
            one.summary,
            one.summary,
        )
        for one in FEED
    ]
    assert [one["attendee"] or one["organizer"] or one["conference"] for one in feed["events"]] == [{}] * len(
        FEED
    )


def test_a_life_is_one_uid_with_rising_versions(under_node: dict[str, Reading]) -> None:
    names = ["request: plain", "life: moved", "life: gone"]
    life = [under_node[name]["events"][0] for name in names]
    assert [under_node[name]["method"] for name in names] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [(one["sequence"], one["status"]) for one in life] == [
        ("0", "CONFIRMED"),
        ("1", "CONFIRMED"),
        ("2", "CANCELLED"),
    ]
    assert len({one["uid"] for one in life}) == 1
    assert len({one["stamp"] for one in life}) == 3
    assert sorted(one["stamp"] for one in life) == [one["stamp"] for one in life]
    assert [one["start"] for one in life] == [
        "2026-12-10T05:00:00.000Z",
        "2026-12-17T05:00:00.000Z",
        "2026-12-17T05:00:00.000Z",
    ]


@pytest.mark.parametrize("name", OBJECTS)
def test_every_byte_is_legal(name: str) -> None:
    assert faults(OBJECTS[name]) == []


def test_each_fault_of_the_bytes_is_found() -> None:
    lines = calendar.request(ENTRY).split(b"\r\n")
    split = "あ".encode()
    assert faults(b"\xef\xbb\xbf" + calendar.request(ENTRY)) == ["a BOM"]
    assert faults(b"\r\n".join([*lines[:3], b"", *lines[3:]])) == ["a blank line"]
    assert faults(calendar.request(ENTRY).removesuffix(b"\r\n")) == ["no CRLF at the end"]
    assert faults(calendar.request(ENTRY).replace(b"\r\n", b"\n", 1)) == ["a bare CR or LF"]
    assert faults(b"\r\n".join([lines[0], b"X-A:" + b"a" * 72, *lines[1:]])) == ["a line over 75 octets"]
    assert faults(b"\r\n".join([lines[0], b"X-A:" + split[:1], b" " + split[1:], *lines[1:]])) == [
        "a split character"
    ]
    assert faults(b"\r\n".join([lines[0], b"X-A:a\x0bb", *lines[1:]])) == ["a control character"]


def faults(data: bytes) -> list[str]:
    """What RFC 5545 3.1 forbids, as far as a byte string shows it."""
    lines = data.removesuffix(b"\r\n").split(b"\r\n")
    checks = {
        "a BOM": data.startswith(b"\xef\xbb\xbf"),
        "a blank line": any(not line.strip() for line in lines),
        "no CRLF at the end": not data.endswith(b"\r\n"),
        "a bare CR or LF": re.search(rb"(?<!\r)\n|\r(?!\n)", data) is not None,
        "a line over 75 octets": max(map(len, lines)) > 75,
        "a split character": not all(_decodes(line) for line in lines),
        "a control character": any(
            unicodedata.category(one) == "Cc" and one not in "\r\n" for one in data.decode("utf-8", "ignore")
        ),
    }
    return [words for words, found in checks.items() if found]


ADDRESSES = {"o'brien+a?b%c&d=e@city.example.lg.jp": "mailto:o'brien+a%3Fb%25c%26d%3De@city.example.lg.jp"}


def _decodes(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _instant(moment: datetime) -> str:
    assert moment.utcoffset() is not None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _written(interval: Any) -> str:
    return interval.to_ical().decode() if interval is not None else ""


def _plain(words: str) -> str:
    """`icalendar` and `ical.js` leave the escapes of NAME, which they do not know."""
    return re.sub(r"\\(.)", r"\1", words)


def _property(value: Any, wanted: tuple[str, ...]) -> Reading:
    if value is None:
        return {}
    found = {one: value.params.get(one.upper()) for one in wanted if one.upper() in value.params}
    return {
        **{name: ",".join(one) if isinstance(one, list) else str(one) for name, one in found.items()},
        "value": str(value),
    }


def _vobject_property(values: Any, wanted: tuple[str, ...]) -> Reading:
    if not values:
        return {}
    (one,) = values
    found = {name: one.params[name.upper()] for name in wanted if name.upper() in one.params}
    return {**{name: ",".join(words) for name, words in found.items()}, "value": one.value}
