"""What an entry holds on to over its versions, and what it never says."""

from dataclasses import replace
from datetime import timedelta

import icalendar
import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import tokens
from eventsite.db import db, transaction
from eventsite.mail import invitations
from eventsite.mail.recipients import Recipient
from eventsite.models import CalendarEntry, Format
from eventsite.registration import cancel, register
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event

JOIN = "https://zoom.us/j/0000"


def vevent(entry: CalendarEntry) -> icalendar.Event:
    return icalendar.Calendar.from_ical(entry.ics).events[0]


def stored() -> CalendarEntry:
    db.session.rollback()
    return db.session.scalars(select(CalendarEntry)).one()


def test_the_organiser_is_whom_the_first_version_named(app: Flask) -> None:
    """RFC 5546 2.1.5: calendars refuse a version from somebody else, so a new sender is for new entries."""
    event = an_event()
    found = register(event, an_application())
    first = str(vevent(stored())["ORGANIZER"])
    settings = app.extensions["eventsite.settings"]
    app.extensions["eventsite.settings"] = replace(settings, sender="new@elsewhere.example")
    with transaction():
        event.title = "別の題名"
        invitations.refresh(Recipient(found), event.updated_at)
    assert (str(vevent(stored())["ORGANIZER"]), vevent(stored())["SEQUENCE"]) == (first, 1)
    cancel(found.attendees)
    assert (str(vevent(stored())["ORGANIZER"]), vevent(stored())["SEQUENCE"]) == (first, 2)
    register(event, an_application(contact_email="new@town.example.lg.jp"))
    newest = db.session.scalars(select(CalendarEntry).order_by(CalendarEntry.id.desc())).first()
    assert newest is not None
    assert str(vevent(newest)["ORGANIZER"]) == "mailto:new@elsewhere.example"


def test_a_cancellation_speaks_of_what_was_sent(app: Flask) -> None:
    event = an_event(title="前の題名")
    found = register(event, an_application())
    before = vevent(stored())
    with transaction():
        event.title = "後の題名"
        event.start_at += timedelta(days=1)
        event.end_at += timedelta(days=1)
    cancel(found.attendees)
    after = vevent(stored())
    for name in ("UID", "SUMMARY", "DTSTART", "DTEND", "ORGANIZER", "ATTENDEE"):
        assert after[name] == before[name]


def test_an_entry_names_its_recipient_alone(app: Flask) -> None:
    found = register(an_event(join_url=JOIN), an_application(TAKASAKI, YOSHIDA, YAMADA))
    entries = db.session.scalars(select(CalendarEntry)).all()
    assert {str(vevent(one)["ATTENDEE"]) for one in entries} == {
        f"mailto:{one}" for one in (TOWN_HALL, YOSHIDA.email, YAMADA.email)
    }
    for entry in entries:
        text = entry.ics.replace(b"\r\n ", b"").decode()
        own = str(vevent(entry)["ATTENDEE"]).removeprefix("mailto:")
        for other in {TOWN_HALL, YOSHIDA.email, YAMADA.email} - {own}:
            assert other not in text
        for name in (TAKASAKI.family_name, YOSHIDA.family_name, YAMADA.family_name, found.reference):
            assert name not in text
        assert "/r/" not in text
        assert tokens.derive("registration", found.id, 1) not in text


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"online_words": "Zoom"}, "オンライン（Zoom）"),
        ({"online_words": ""}, "オンライン"),
        (
            {"format": Format.VENUE, "venue_name": "見本会館", "venue_address": "見本市1-1"},
            "見本会館　見本市1-1",
        ),
        ({"format": Format.VENUE}, "会場"),
    ],
)
def test_it_says_in_words_where(app: Flask, values: dict[str, str], place: str) -> None:
    register(an_event(**values), an_application())
    assert str(vevent(stored())["LOCATION"]) == place


def test_the_link_to_join_is_the_first_line(app: Flask) -> None:
    register(an_event(join_url=JOIN, notice="お知らせ"), an_application())
    entry = vevent(stored())
    assert str(entry["DESCRIPTION"]).split("\n")[0] == JOIN == str(entry["CONFERENCE"])
