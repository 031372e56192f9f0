"""A letter is looked at once more when it leaves: what is no longer true stays here, with the reason; history goes out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import checks, clock, registration
from eventsite.db import db, transaction
from eventsite.events import operations
from eventsite.mail import mailings, outbox, suppression
from eventsite.mail.letters import followups
from eventsite.mail.mime import Envelope
from eventsite.mail.sending import delivery
from eventsite.models import Event, EventStatus, Format, Message, MessageStatus, Registration
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.post import HOST, Sink
from tests.fixtures.site import MakeApp

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)
GONE = "nobody of this recipient's takes part any more"
UNWANTED = "this address wants no more mail of this kind"
SENT, HELD = MessageStatus.SENT, MessageStatus.HELD


TITLE = "はじめての自治体DX"


@pytest.fixture
def moment(at):
    return at(NOW)


@pytest.fixture
def app(make_app: MakeApp, smtp_sink: Sink, moment):
    app = make_app(MAIL_SERVER=HOST, MAIL_PORT=smtp_sink.port)
    with app.app_context():
        yield app


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event(start_at=START, end_at=START + timedelta(hours=1))


def apply(event: Event, *persons, **contact) -> Registration:  # type: ignore[no-untyped-def]
    """Register, and let the letters of it leave."""
    registration.register(event, an_application(*(persons or [TAKASAKI]), **contact))
    delivery.deliver("w")
    db.session.rollback()
    return db.session.scalars(select(Registration).order_by(Registration.id.desc()).limit(1)).one()


def write(found: Registration, letter: str, recipient: str = "contact", **more) -> Message:  # type: ignore[no-untyped-def]
    """Store a letter to somebody's address."""
    to = TOWN_HALL if recipient == "contact" else YOSHIDA.email
    cause = outbox.Cause(
        letter,
        f"test:registration-{found.id}",
        recipient,
        event_id=found.event_id,
        registration_id=found.id,
        **more,
    )
    envelope = Envelope(
        from_name="GDX",
        from_email="seminar@gdx.example.jp",
        to=to,
        subject=letter,
        text=letter,
        message_id="",
        date=clock.now(),
    )
    with transaction():
        made = outbox.enqueue(cause, envelope, "ja")
    assert made is not None
    return made


def fate(message: Message) -> tuple[MessageStatus, str]:
    """Let what is due leave, and return what became of a letter."""
    number = message.id
    delivery.deliver("w")
    db.session.rollback()
    found = db.session.get_one(Message, number)
    assert (found.mime is None) == (found.status in {SENT, HELD})
    return found.status, found.error


def cancel(found: Registration, *which: int) -> None:
    registration.cancel([found.attendees[number] for number in which])


@pytest.mark.parametrize("letter", ["reminder", "join_info"])
class TestWhatIsToCome:
    def test_goes_to_who_takes_part(self, event: Event, smtp_sink: Sink, letter: str) -> None:
        assert fate(write(apply(event), letter)) == (SENT, "")
        assert smtp_sink.messages[-1]["Subject"] == letter

    def test_not_to_who_has_cancelled(self, event: Event, smtp_sink: Sink, letter: str) -> None:
        found = apply(event, *people(2))
        message = write(found, letter)
        cancel(found, 0, 1)
        assert fate(message) == (HELD, GONE)
        assert letter not in {one["Subject"] for one in smtp_sink.messages}
        assert checks.run() == []

    def test_as_long_as_one_of_them_comes_it_goes(self, event: Event, letter: str) -> None:
        found = apply(event, *people(2))
        message = write(found, letter)
        cancel(found, 0)
        assert fate(message) == (SENT, "")

    def test_an_own_address_is_looked_at_by_itself(self, event: Event, letter: str) -> None:
        found = apply(event, TAKASAKI, YOSHIDA)
        own = found.attendees[1]
        to_contact, to_yoshida = write(found, letter), write(found, letter, f"attendee-{own.id}")
        cancel(found, 1)
        assert fate(to_yoshida) == (HELD, GONE)
        assert fate(to_contact) == (SENT, "")

    def test_not_about_a_cancelled_event(self, event: Event, letter: str) -> None:
        message = write(apply(event), letter)
        with transaction():
            event.status = EventStatus.CANCELLED
        assert fate(message) == (HELD, "the event was cancelled")

    def test_not_once_it_is_too_late(self, event: Event, moment, letter: str) -> None:
        late = {"reminder": (START, "the event has begun"), "join_info": (event.end_at, "the event is over")}
        ends, words = late[letter]
        first, second = apply(event), apply(event)
        moment.moment = ends - timedelta(seconds=1)
        assert fate(write(first, letter)) == (SENT, "")
        moment.moment = ends
        assert fate(write(second, letter)) == (HELD, words)

    def test_not_when_the_event_has_changed_since(self, event: Event, moment, letter: str) -> None:
        message = write(apply(event), letter)
        moment.move(timedelta(minutes=1))
        operations.change(event, {"title": "別の題名"}, sato(event), tell=True)
        assert fate(message) == (HELD, "the event has changed since this was written")

    def test_not_beside_the_letter_that_tells_of_the_change(self, event: Event, moment, letter: str) -> None:
        message = write(apply(event), letter)
        moment.move(timedelta(minutes=1))
        operations.change(event, {"title": "別の題名"}, sato(event), tell=True)
        assert mailings.work("w") == 1
        assert fate(message) == (HELD, "the event has changed since this was written")

    def test_a_change_that_is_not_told_to_them_keeps_nothing_back(
        self, event: Event, moment, letter: str
    ) -> None:
        """How to join online is nothing to whoever comes to the venue; a change taken back is none."""
        by = sato(event)
        with transaction():
            event.format = Format.VENUE
        message, second = write(apply(event), letter), write(apply(event), letter)
        moment.move(timedelta(minutes=1))
        operations.change(event, {"join_url": "https://zoom.us/j/2"}, by, tell=True)
        assert fate(message) == (SENT, "")
        operations.change(event, {"title": "別の題名"}, by, tell=True)
        operations.change(event, {"title": event.title.replace("別の題名", TITLE)}, by)
        assert fate(second) == (SENT, "")

    def test_not_to_an_address_that_is_no_longer_theirs(self, event: Event, letter: str) -> None:
        found = apply(event)
        message = write(found, letter)
        with transaction():
            found.link_version += 1
        assert fate(message) == (HELD, "there is no such recipient any more")


def test_a_reminder_of_another_date_stays_here(event: Event, moment) -> None:
    found = apply(event)
    with transaction():
        mailing = mailings.plan(event, "reminder", f"reminder:{followups.stamp(START)}:x", START)
    message = write(found, "reminder", mailing_id=mailing.id)
    with transaction():
        event.start_at -= DAY
    assert fate(message) == (HELD, "the event has another date now")
    with transaction():
        event.start_at += DAY
    assert fate(write(apply(event), "reminder", mailing_id=mailing.id)) == (SENT, "")


@pytest.mark.parametrize("letter", ["followup_attended", "followup_absent", "invitation"])
def test_who_wants_no_more_gets_no_more(event: Event, letter: str) -> None:
    found = apply(event)
    wanted = write(found, letter)
    assert fate(wanted) == (SENT, "")
    again = apply(event, YOSHIDA)
    message = write(again, letter)
    suppression.suppress(TOWN_HALL.upper(), "link", NOW)
    assert fate(message) == (HELD, UNWANTED)


@pytest.mark.parametrize("letter", ["rescheduled", "event_changed"])
def test_news_of_an_event_goes_to_who_has_something_to_expect(event: Event, letter: str) -> None:
    stays, leaves = apply(event, TAKASAKI), apply(event, *people(1))
    to_stay, to_leave = write(stays, letter), write(leaves, letter)
    cancel(leaves, 0)
    assert fate(to_stay) == (SENT, "")
    assert fate(to_leave) == (HELD, "nobody of this recipient's is registered any more")


class TestTheOrganisersMessage:
    def test_not_to_who_has_cancelled_meanwhile(self, event: Event, moment) -> None:
        found = apply(event)
        message = write(found, "organiser_message")
        moment.move(timedelta(minutes=1))
        cancel(found, 0)
        assert fate(message) == (HELD, "everybody of this recipient's has cancelled")

    def test_but_to_who_had_cancelled_when_it_was_written(self, event: Event, moment) -> None:
        found = apply(event)
        cancel(found, 0)
        moment.move(timedelta(minutes=1))
        assert fate(write(found, "organiser_message")) == (SENT, "")


@pytest.mark.parametrize(
    "letter", ["confirmed", "waitlisted", "cancelled", "event_cancelled", "staff_invite"]
)
def test_history_goes_out_whatever_follows(event: Event, letter: str) -> None:
    found = apply(event)
    message = write(found, letter, "contact" if letter != "staff_invite" else "account-1")
    suppression.suppress(TOWN_HALL, "link", NOW)
    cancel(found, 0)
    with transaction():
        event.status = EventStatus.CANCELLED
    assert fate(message) == (SENT, "")


def test_letters_become_files_only_while_they_are_true(make_app: MakeApp, moment) -> None:
    app = make_app()
    with app.app_context():
        event = an_event(start_at=START, end_at=START + timedelta(hours=1))
        found = apply(event)
        message = write(found, "reminder")
        cancel(found, 0)
        assert fate(message) == (HELD, GONE)
        written = [one.name for one in (Path(app.instance_path) / "mail").glob("*reminder*")]
        assert written == []
