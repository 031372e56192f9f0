"""The calendar object byte by byte: RFC 5545, RFC 5546, and what a second and a third parser make of it."""

import re
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import icalendar
import pytest

from eventsite import calendar
from eventsite.calendar import Entry, FeedEntry

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import vobject

TOKYO = timezone(timedelta(hours=9))
STAMP = datetime(2026, 11, 20, 9, 30, 15, tzinfo=TOKYO)
JOIN = "https://zoom.us/j/00000000000?pwd=abc"
TAKASAKI = "\u9ad9\ufa11 洋子"  # the kanji that NFC leaves and Shift_JIS lacks
YOSHIDA = "\U00020bb7田 健"

ENTRY = Entry(
    uid="4f1c2a@seminar.example",
    sequence=0,
    stamp=STAMP,
    created=STAMP,
    start=datetime(2026, 12, 10, 14, 0, tzinfo=TOKYO),
    end=datetime(2026, 12, 10, 15, 30, tzinfo=TOKYO),
    summary="なぜ、あの官民連携はうまくいくのか？",
    description="受付番号　GDX-7K3M-Q2\nお問い合わせは事務局まで。",
    location="オンライン (Zoom)",
    url="https://seminar.example/events/kanmin",
    organizer_name="GDXセミナー事務局",
    organizer_email="seminar@seminar.example",
    attendee_name=TAKASAKI,
    attendee_email="kikaku@city.example.lg.jp",
    join_url=JOIN,
    join_label="Zoom",
)
FEED_ENTRY = FeedEntry(
    uid="kanmin@seminar.example",
    sequence=2,
    stamp=STAMP,
    created=STAMP,
    start=ENTRY.start,
    end=ENTRY.end,
    summary=ENTRY.summary,
    location=ENTRY.location,
    url=ENTRY.url,
)
ONCE = ["UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "SEQUENCE", "STATUS", "ORGANIZER", "ATTENDEE"] + [
    "DESCRIPTION",
    "LOCATION",
    "URL",
    "CREATED",
    "LAST-MODIFIED",
    "TRANSP",
]
FEED_ONLY = {"NAME", "X-WR-CALNAME", "REFRESH-INTERVAL", "X-PUBLISHED-TTL"}
LEFT_OUT = FEED_ONLY | {"X-ALT-DESC", "STYLED-DESCRIPTION"}
HOSTILE = [
    "前\r\nATTENDEE:mailto:evil@example.com",
    "前\nBEGIN:VEVENT",
    "前\rX:y",
    "a\x00b\x0b\x0c\x1c\x1d\x1e\x1f\x7f\x85c",
    "a\u2028b\u2029c",
    "a\ud800b\ufffe",
    "名;A=B:c,d",
    'a"b\\c^d',
    "\\n \\N \\\\",
    "END:VCALENDAR",
]


def unfolded(data: bytes) -> list[str]:
    return data.replace(b"\r\n ", b"").decode().removesuffix("\r\n").split("\r\n")


def names(data: bytes) -> list[str]:
    """The property names, in order, without values and parameters."""
    return [re.split("[;:]", line)[0] for line in unfolded(data)]


def value(data: bytes, name: str) -> str:
    (line,) = [line for line in unfolded(data) if re.split("[;:]", line)[0] == name]
    return line


def event(data: bytes) -> icalendar.Event:
    return icalendar.Calendar.from_ical(data).events[0]


BOTH = pytest.mark.parametrize("make", [calendar.request, calendar.cancellation])


@BOTH
@pytest.mark.parametrize("length", range(1, 60))
def test_lines_are_folded_at_75_octets_between_characters(make, length):
    long = (TAKASAKI + "\U0001f600,;") * length
    data = make(replace(ENTRY, summary=long, attendee_name=long, location=long, description=long))
    assert data.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    lines = data.removesuffix(b"\r\n").split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert all(line.decode().strip() for line in lines)
    assert str(event(data)["SUMMARY"]) == long
    assert event(data)["ATTENDEE"].params["CN"] == long


@BOTH
def test_properties_stand_once(make):
    data = make(ENTRY)
    found = names(data.split(b"BEGIN:VALARM")[0])
    for name in ["VERSION", "PRODID", "CALSCALE", "METHOD"]:
        assert found.count(name) == 1
        assert found.index(name) < found.index("BEGIN", 1)
    for name in ONCE:
        assert found.count(name) == 1
    assert not LEFT_OUT & set(names(data))
    assert b"BEGIN:VTIMEZONE" not in data


def test_a_request_invites_one_person():
    data = calendar.request(ENTRY)
    assert value(data, "METHOD") == "METHOD:REQUEST"
    assert value(data, "STATUS") == "STATUS:CONFIRMED"
    assert value(data, "ATTENDEE") == (
        f'ATTENDEE;CN="{TAKASAKI}";CUTYPE=INDIVIDUAL;PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT;RSVP=FALSE'
        ":mailto:kikaku@city.example.lg.jp"
    )
    assert value(data, "ORGANIZER") == "ORGANIZER;CN=GDXセミナー事務局:mailto:seminar@seminar.example"
    assert value(data, "CONFERENCE") == f"CONFERENCE;FEATURE=AUDIO,VIDEO;LABEL=Zoom;VALUE=URI:{JOIN}"
    assert str(event(data)["DESCRIPTION"]).split("\n") == [JOIN, *ENTRY.description.split("\n")]
    assert data.count(b"BEGIN:VALARM") == 1
    assert data.count(b"\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n") == 1


def test_times_are_utc_instants():
    data = calendar.request(ENTRY)
    assert value(data, "DTSTART") == "DTSTART:20261210T050000Z"
    assert value(data, "DTEND") == "DTEND:20261210T063000Z"
    assert value(data, "DTSTAMP") == "DTSTAMP:20261120T003015Z"
    assert value(data, "CREATED") == "CREATED:20261120T003015Z"
    assert value(data, "LAST-MODIFIED") == "LAST-MODIFIED:20261120T003015Z"
    assert b"TZID" not in data


def test_a_revision_is_not_older_than_its_entry():
    data = calendar.request(replace(ENTRY, created=STAMP + timedelta(seconds=5)))
    assert value(data, "LAST-MODIFIED") == "LAST-MODIFIED:20261120T003020Z"


def test_a_cancellation_repeats_the_entry_without_alarm_and_link():
    data = calendar.cancellation(replace(ENTRY, sequence=3))
    assert value(data, "METHOD") == "METHOD:CANCEL"
    assert value(data, "STATUS") == "STATUS:CANCELLED"
    assert value(data, "SEQUENCE") == "SEQUENCE:3"
    assert b"VALARM" not in data
    assert JOIN.encode() not in data.replace(b"\r\n ", b"")
    for name in ["UID", "ORGANIZER", "ATTENDEE", "DTSTART", "DTEND", "SUMMARY"]:
        assert value(data, name) == value(calendar.request(ENTRY), name)


@pytest.mark.parametrize("join", ["", None])
def test_without_a_join_link_there_is_no_conference(join):
    data = calendar.request(replace(ENTRY, join_url=join))
    assert "CONFERENCE" not in names(data)
    assert str(event(data)["DESCRIPTION"]) == ENTRY.description


def test_empty_texts_leave_no_property():
    data = calendar.request(
        replace(ENTRY, join_url="", description="", location="", url="", organizer_name="")
    )
    assert not {"LOCATION", "URL", "CONFERENCE"} & set(names(data))
    assert names(data.split(b"BEGIN:VALARM")[0]).count("DESCRIPTION") == 0
    assert value(data, "ORGANIZER") == "ORGANIZER:mailto:seminar@seminar.example"


@BOTH
def test_the_same_entry_gives_the_same_bytes(make):
    assert make(ENTRY) == make(replace(ENTRY))


def test_text_is_escaped_once():
    data = calendar.request(replace(ENTRY, summary="a\\b;c,d\\N <b>&"))
    assert r"SUMMARY:a\\b\;c\,d\\N <b>&" in unfolded(data)
    assert str(event(data)["SUMMARY"]) == "a\\b;c,d\\N <b>&"


@BOTH
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_adds_a_line_or_a_control_character(make, text):
    plain = make(ENTRY)
    data = make(
        replace(
            ENTRY,
            summary=text,
            location=text,
            description=text,
            organizer_name=text,
            attendee_name=text,
            join_label=text,
            url="https://seminar.example/" + text,
            join_url="https://zoom.us/" + text,
            organizer_email=text + "@seminar.example",
            attendee_email=text + "@city.example.lg.jp",
        )
    )
    assert names(data) == names(plain)
    assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]", data.decode())
    parsed = vobject.readOne(data.decode())
    assert [child.name for child in parsed.getChildren()] == [
        child.name for child in vobject.readOne(plain.decode()).getChildren()
    ]
    assert len(icalendar.Calendar.from_ical(data).events) == 1


@pytest.mark.parametrize(
    "name", [TAKASAKI, YOSHIDA, "Doe, Jane", "a<b>c", "\U0001f600", "O'Brien", "社: 係; 名"]
)
def test_names_survive_two_parsers(name):
    data = calendar.request(replace(ENTRY, attendee_name=name, summary=name))
    assert event(data)["ATTENDEE"].params["CN"] == name
    assert str(event(data)["SUMMARY"]) == name
    second = vobject.readOne(data.decode()).vevent
    assert second.attendee.params["CN"] == [name]
    assert second.attendee.value == "mailto:kikaku@city.example.lg.jp"
    assert second.summary.value == name
    assert second.dtstart.value == ENTRY.start
    assert second.sequence.value == "0"


def test_an_address_is_a_bare_mailto():
    data = calendar.request(
        replace(ENTRY, attendee_email="o'brien+a?b%c@city.example.lg.jp", attendee_name="")
    )
    assert value(data, "ATTENDEE").endswith(":mailto:o'brien+a%3Fb%25c@city.example.lg.jp")


@pytest.mark.parametrize(
    "change",
    [
        {"uid": "row 17"},
        {"uid": ""},
        {"uid": "x" * 255},
        {"uid": "a@b\r\nX:y"},
        {"end": ENTRY.start},
        {"organizer_email": ""},
        {"start": datetime(2026, 12, 10, 14, 0)},  # noqa: DTZ001
    ],
    ids=[
        "blank in UID",
        "no UID",
        "long UID",
        "newline in UID",
        "no duration",
        "no organiser",
        "naive start",
    ],
)
def test_nonsense_is_refused(change):
    with pytest.raises(ValueError):
        calendar.request(replace(ENTRY, **change))


def test_a_feed_names_itself_and_nobody_else():
    data = calendar.publication(
        [FEED_ENTRY, replace(FEED_ENTRY, uid="b@seminar.example")], name="GDXセミナー"
    )
    assert names(data)[:4] == ["BEGIN", "VERSION", "PRODID", "CALSCALE"]
    assert set(names(data)[4:8]) == FEED_ONLY
    assert value(data, "REFRESH-INTERVAL") == "REFRESH-INTERVAL;VALUE=DURATION:PT6H"
    assert value(data, "X-PUBLISHED-TTL") == "X-PUBLISHED-TTL:PT6H"
    assert not {"METHOD", "ATTENDEE", "ORGANIZER", "CONFERENCE"} & set(names(data))
    assert [str(one["UID"]) for one in icalendar.Calendar.from_ical(data).events] == [
        "kanmin@seminar.example",
        "b@seminar.example",
    ]


def test_one_event_is_a_file_and_no_feed():
    data = calendar.publication([FEED_ENTRY], contact="GDXセミナー事務局")
    assert not FEED_ONLY & set(names(data))
    assert value(data, "STATUS") == "STATUS:CONFIRMED"
    assert value(data, "CONTACT") == "CONTACT:GDXセミナー事務局"
    assert data == calendar.publication([replace(FEED_ENTRY)], contact="GDXセミナー事務局")


def test_a_cancelled_event_stays_in_the_feed():
    data = calendar.publication([replace(FEED_ENTRY, cancelled=True)], name="x")
    assert value(data, "STATUS") == "STATUS:CANCELLED"
    assert value(data, "UID") == "UID:kanmin@seminar.example"


def test_a_new_uid_is_opaque_and_never_the_same():
    uids = {calendar.new_uid("Seminar.Example:8000") for _ in range(100)}
    assert len(uids) == 100
    assert all(re.fullmatch(r"[0-9a-f]{32}@seminar\.example-8000", uid) for uid in uids)
    assert event(calendar.request(replace(ENTRY, uid=calendar.new_uid("a.example"), stamp=datetime.now(UTC))))


@pytest.mark.parametrize(
    "text", [*HOSTILE, TAKASAKI, YOSHIDA, "Doe, Jane", "社: 係; 名", "長い題名、" * 40, "mailto:x"]
)
def test_what_a_cancellation_repeats_is_read_from_the_request(text):
    asked = calendar.request(
        replace(ENTRY, summary=text, location=text, organizer_name=text, attendee_name=text)
    )
    later = replace(ENTRY, sequence=1, summary="別の題名", start=STAMP, end=STAMP + timedelta(hours=1))
    taken_back = calendar.cancellation(replace(later, **calendar.repeated(asked)))
    for name in ["UID", "ORGANIZER", "ATTENDEE", "DTSTART", "DTEND", "SUMMARY", "LOCATION"]:
        assert value(taken_back, name) == value(asked, name)


def test_addresses_are_repeated_as_they_stand():
    odd = replace(
        ENTRY, attendee_email="o'brien+a?b%c@city.example.lg.jp", organizer_email="a+b@seminar.example"
    )
    assert calendar.repeated(calendar.request(odd)) == {
        "start": ENTRY.start,
        "end": ENTRY.end,
        "summary": ENTRY.summary,
        "location": ENTRY.location,
        "organizer_name": ENTRY.organizer_name,
        "organizer_email": odd.organizer_email,
        "attendee_name": TAKASAKI,
        "attendee_email": odd.attendee_email,
    }
