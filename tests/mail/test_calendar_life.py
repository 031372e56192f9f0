"""The life of a calendar entry through the verbs: one UID for each recipient, a version that only grows, the same bytes.

What is looked at are the bytes in the outbox, as they would leave, read by a parser.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from icalendar import Calendar
from sqlalchemy import select

from eventsite import registration
from eventsite.db import db
from eventsite.events import operations, telling
from eventsite.mail import mailings
from eventsite.mail.recipients import Recipient
from eventsite.models import Account, CalendarEntry, Event, Message, Registration, Status
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
LATER = START + timedelta(days=7)
AN_HOUR = timedelta(hours=1)
LINK = "https://zoom.us/j/00000000000?pwd=example"
REPEATED = ("UID", "ORGANIZER", "ATTENDEE", "DTSTART", "DTEND", "SUMMARY")  # by a CANCEL, RFC 5546 3.2.5


@pytest.fixture(autouse=True)
def moment(at: Callable[[datetime], Any]) -> Any:
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event(start_at=START, end_at=START + AN_HOUR, slug="first-steps")


@pytest.fixture
def by(event: Event) -> Account:
    return sato(event)


class Sent:
    """A letter of the outbox, and the calendar entry in it if there is one."""

    def __init__(self, row: Message) -> None:
        self.letter = row.letter
        parts = {
            part.get_content_type(): part
            for part in message_from_bytes(row.mime or b"", policy=policy.default).walk()
        }
        body, attached = parts.get("text/calendar"), parts.get("application/ics")
        self.in_body = body is not None
        self.ics = attached.get_payload(decode=True) if attached else b""
        assert body is None or body.get_payload(decode=True) == self.ics
        self.method = body.get_param("method") if body else None
        (self.entry,) = Calendar.from_ical(self.ics).walk("VEVENT") if attached else (None,)

    @property
    def version(self) -> tuple[Any, ...]:
        return (self.letter, self.method, self.entry and self.entry["SEQUENCE"])


def sent_to(address: str) -> list[Sent]:
    """Let the worker write what is due, and return what one address has got so far."""
    for _ in range(3):
        mailings.work("worker")
    query = select(Message).where(Message.recipient == address).order_by(Message.id)
    return [Sent(one) for one in db.session.scalars(query)]


def move_it(event: Event, by: Account, start: datetime = LATER) -> None:
    operations.change(event, {"start_at": start, "end_at": start + AN_HOUR}, by, tell=True)


def its_life(event: Event, by: Account, moment: Any) -> None:
    """Rescheduled, with a link to join, another one, and cancelled: a day between each."""
    moment.move(timedelta(days=1))
    move_it(event, by)
    sent_to(TOWN_HALL)
    moment.move(timedelta(days=1))
    operations.change(event, {"join_url": LINK}, by, tell=True)
    sent_to(TOWN_HALL)
    moment.move(timedelta(days=1))
    telling.cancel(event, by, "講師の都合により")


@on_both
def test_one_entry_from_the_confirmation_to_the_end(event: Event, by: Account, moment) -> None:
    registration.register(event, an_application())
    its_life(event, by, moment)
    letters = sent_to(TOWN_HALL)
    assert [one.version for one in letters] == [
        ("confirmed", "REQUEST", 0),
        ("rescheduled", "REQUEST", 1),
        ("join_info", "REQUEST", 2),
        ("event_cancelled", "CANCEL", 3),
    ]
    assert len({one.entry["UID"] for one in letters}) == 1
    stamps = [one.entry["DTSTAMP"].dt for one in letters]
    assert stamps == [NOW + timedelta(days=days) for days in range(4)]
    assert [one.entry["DTSTART"].dt for one in letters] == [START, LATER, LATER, LATER]
    assert [LINK in one.entry["DESCRIPTION"] for one in letters] == [False, False, True, False]
    request, cancel = letters[2].entry, letters[3].entry
    assert [cancel[name] for name in REPEATED] == [request[name] for name in REPEATED]
    assert cancel["STATUS"] == "CANCELLED"


def test_two_versions_of_one_second_have_two_stamps(event: Event, by: Account) -> None:
    registration.register(event, an_application())
    move_it(event, by)
    sent_to(TOWN_HALL)
    move_it(event, by, LATER + timedelta(days=1))
    stamps = [one.entry["DTSTAMP"].dt for one in sent_to(TOWN_HALL)]
    assert stamps == [NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)]


@on_both
def test_who_has_an_own_address_has_an_own_entry(event: Event, by: Account, moment) -> None:
    registration.register(event, an_application(TAKASAKI, YOSHIDA))
    its_life(event, by, moment)
    contact, own = sent_to(TOWN_HALL), sent_to(YOSHIDA.email)
    assert [one.version[1:] for one in contact] == [("REQUEST", 0), ("REQUEST", 1), ("REQUEST", 2), ("CANCEL", 3)]  # fmt: skip
    assert [one.version for one in own] == [one.version for one in contact]
    uids = [{one.entry["UID"] for one in letters} for letters in (contact, own)]
    assert (len(uids[0]), len(uids[1]), len(uids[0] | uids[1])) == (1, 1, 2)
    assert {str(one.entry["ATTENDEE"]) for one in own} == {f"mailto:{YOSHIDA.email}"}


@pytest.mark.parametrize(
    "rule",
    [{"capacity": 1}, {"approval": "manual"}, {"selection": "lottery"}],
    ids=["waitlisted", "pending", "lottery"],
)
def test_who_has_no_seat_has_no_entry(event: Event, by: Account, moment, rule: dict[str, Any]) -> None:
    operations.change_category(event.category("local_gov"), rule, by)
    if "capacity" in rule:
        registration.register(event, an_application(*people(1), contact_email="first@town.example.jp"))
    registration.register(event, an_application())
    its_life(event, by, moment)
    letters = sent_to(TOWN_HALL)
    assert [one.letter for one in letters][1:] == ["rescheduled", "event_cancelled"]
    assert [one.ics for one in letters] == [b"", b"", b""]


def test_a_group_keeps_its_entry_while_somebody_is_left(event: Event, by: Account) -> None:
    found = registration.register(event, an_application(TAKASAKI, YAMADA))
    registration.cancel(found.attendees[:1])
    move_it(event, by)
    sent_to(TOWN_HALL)
    registration.cancel(found.attendees[1:])
    telling.cancel(event, by)
    assert [one.version for one in sent_to(TOWN_HALL)] == [
        ("confirmed", "REQUEST", 0),
        ("cancelled", None, None),
        ("rescheduled", "REQUEST", 1),
        ("cancelled", "CANCEL", 2),
    ]


def test_who_moves_up_later_begins_anew(event: Event, by: Account, moment) -> None:
    operations.change_category(event.category("local_gov"), {"capacity": 1}, by)
    first = registration.register(event, an_application(*people(1), contact_email="first@town.example.jp"))
    registration.register(event, an_application())
    move_it(event, by)
    sent_to(TOWN_HALL)
    registration.cancel(first.attendees)
    letters = sent_to(TOWN_HALL)
    assert [one.version for one in letters] == [
        ("waitlisted", None, None),
        ("rescheduled", None, None),
        ("promoted", "REQUEST", 0),
    ]
    assert letters[-1].entry["DTSTART"].dt == LATER


def test_what_says_nothing_new_raises_nothing(event: Event, by: Account) -> None:
    found = registration.register(event, an_application())
    operations.change(event, {"capacity_total": 50}, by, tell=True)
    operations.change(event, {"join_url": LINK}, by, tell=True)
    operations.change(event, {"join_url": ""}, by, tell=True)
    assert [one.version for one in sent_to(TOWN_HALL)] == [("confirmed", "REQUEST", 0)]
    assert entry_of(found).sequence == 0


def test_the_taking_back_repeats_what_was_said_last(event: Event, by: Account) -> None:
    """The seminar was moved and renamed without a word: calendars hold the earlier state, and that is cancelled."""
    title = 'A, B; C\\n "D" 髙﨑'
    operations.change(event, {"title": title, "organizer": 'A: B; C, "D"'}, by)
    registration.register(event, an_application())
    silent = {"title": "別の題名", "start_at": LATER, "end_at": LATER + AN_HOUR, "organizer": "別"}
    operations.change(event, silent, by)
    telling.cancel(event, by)
    request, cancel = sent_to(TOWN_HALL)
    assert cancel.version == ("event_cancelled", "CANCEL", 1)
    for name in REPEATED:
        assert (name, cancel.entry[name]) == (name, request.entry[name])
        assert (name, cancel.entry[name].params) == (name, request.entry[name].params)
    assert cancel.entry["SUMMARY"] == title


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_every_copy_has_the_same_bytes(
    client: FlaskClient, event: Event, by: Account, moment, steps: int
) -> None:
    found = registration.register(event, an_application())
    changes: list[Callable[[], object]] = [
        lambda: move_it(event, by),
        lambda: operations.change(event, {"join_url": LINK}, by, tell=True),
        lambda: telling.cancel(event, by),
    ]
    for change in changes[: steps - 1]:
        moment.move(timedelta(days=1))
        change()
        sent_to(TOWN_HALL)
    last = sent_to(TOWN_HALL)[-1]
    moment.move(timedelta(days=1))
    answer = client.get(f"/r/{Recipient(found).token}/invite.ics")
    assert answer.data == last.ics
    registration.send_state(Recipient(db.session.get_one(Registration, found.id)))
    again = sent_to(TOWN_HALL)[-1]
    assert again.ics == (b"" if steps == 4 else last.ics)
    assert {one.status for one in found.attendees} == {Status.CANCELLED if steps == 4 else Status.CONFIRMED}


def entry_of(found: Registration) -> CalendarEntry:
    return db.session.scalars(select(CalendarEntry).where(CalendarEntry.registration_id == found.id)).one()


def test_what_is_sent_again_after_a_silent_change_says_what_its_letter_says(
    event: Event, by: Account, moment
) -> None:
    found = registration.register(event, an_application())
    operations.change(event, {"start_at": LATER, "end_at": LATER + AN_HOUR}, by)
    moment.move(timedelta(days=1))
    registration.send_state(Recipient(found))
    first, again = sent_to(TOWN_HALL)
    assert (first.version, again.version) == (("confirmed", "REQUEST", 0), ("confirmed", "REQUEST", 1))
    assert again.entry["DTSTART"].dt == LATER
    assert again.entry["UID"] == first.entry["UID"]
