"""Every letter in both languages, by the real way: verb → outbox → worker → mail server, as it arrives there.

What arrives is compared with the reviewed files in `tests/mail/arrived/`: headers, text and calendar entry of each mail of
a story. What is drawn by lot (reference numbers, UIDs) is replaced by something of the same length. After a deliberate
change write the files anew with `WRITE_LETTERS=1 .venv/bin/python -m pytest tests/mail/test_every_letter.py`, and read the
difference.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import jobs, registration
from eventsite.db import db, transaction
from eventsite.events import operations
from eventsite.mail.recipients import Recipient
from eventsite.models import CalendarEntry, Event, Message, MessageStatus, Registration
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.post import HOST, Received, Sink
from tests.fixtures.site import MakeApp

ARRIVED = Path(__file__).parent / "arrived"
NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
SHOWN = ("From", "To", "Reply-To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post")
ADDRESS = "1-2-3 Example, Chiyoda, Tokyo"


@pytest.fixture(autouse=True)
def moment(at):
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(NOW)


@pytest.fixture
def site(make_app: MakeApp, smtp_sink: Sink):
    app = make_app(
        MAIL_SERVER=HOST,
        MAIL_PORT=smtp_sink.port,
        MAIL_DEFAULT_SENDER="seminar@gdx.example.jp",
        ASSOCIATION_ADDRESS=ADDRESS,
        ASSOCIATION_PHONE="00-0000-0000",
        ASSOCIATION_HOURS="10:00-17:00",
    )
    with app.app_context():
        yield app


class Story:
    """A seminar of everything there is to say, and what happens around it, in one language."""

    def __init__(self, locale: str, moment: Any, sink: Sink) -> None:
        self.locale, self.moment, self.sink = locale, moment, sink

    def event(self, seats: int | None = 60, rule: dict[str, Any] | None = None, **changes: Any) -> Event:
        usual: dict[str, Any] = {
            "start_at": START,
            "end_at": START + timedelta(minutes=90),
            "slug": "first-steps",
            "join_url": "https://zoom.us/j/00000000000?pwd=example",
            "webinar_id": "000 0000 0000",
            "passcode": "123456",
        }
        event = an_event(capacities={"local_gov": seats}, **(usual | changes))
        with transaction():
            for name, value in (rule or {}).items():
                setattr(event.category("local_gov"), name, value)
        self.organiser = sato(event)
        return event

    def comes(self, event: Event, *who: Any, **contact: Any) -> Registration:
        """\u9ad9\ufa11 registers, for herself or for these people."""
        return registration.register(
            event, an_application(*(who or (TAKASAKI,)), locale=self.locale, **contact)
        )

    def another(self, event: Event, count: int = 1) -> Registration:
        """Somebody else registers before, whose mail is none of this story's."""
        found = registration.register(
            event, an_application(*people(count), contact_email=""), by=self.organiser
        )
        self.later(minutes=1)
        return found

    def later(self, **step: int) -> None:
        self.moment.move(timedelta(**step))

    def so_far(self, **step: int) -> None:
        """What was written until now has arrived, and is not looked at; then time passes."""
        jobs.Worker().drain()
        self.sink.received.clear()
        self.later(**step)


def confirmed(story: Story) -> None:
    """A group: the contact for all, the colleague with an own address for himself."""
    story.comes(story.event(), TAKASAKI, YOSHIDA)


def confirmed_at_a_venue(story: Story) -> None:
    story.comes(
        story.event(
            format="venue", venue_name="見本会館", venue_address="東京都千代田区1-2-3", online_words=""
        )
    )


def partly_waitlisted(story: Story) -> None:
    event = story.event(2)
    story.another(event)
    story.comes(event, TAKASAKI, YAMADA)


def pending(story: Story) -> None:
    story.comes(story.event(rule={"approval": "manual"}))


def waitlisted(story: Story) -> None:
    event = story.event(1)
    story.another(event, 2)
    story.comes(event)


def lottery(story: Story) -> None:
    story.comes(story.event(rule={"selection": "lottery"}))


def approved(story: Story) -> None:
    event = story.event(rule={"approval": "manual"})
    found = story.comes(event)
    story.so_far(days=1)
    registration.approve(event, found.attendees, story.organiser)


def declined(story: Story) -> None:
    event = story.event(rule={"approval": "manual"})
    found = story.comes(event)
    story.so_far(days=1)
    registration.decline(
        event, found.attendees, story.organiser, "対象は自治体の職員の方です。\nご了承ください。"
    )


def won(story: Story) -> None:
    event = story.event(rule={"selection": "lottery"}, closes_at=NOW + timedelta(days=1))
    story.comes(event)
    story.so_far(days=1)
    registration.draw(event.category("local_gov"), story.organiser)


def lost(story: Story) -> None:
    """The room became too small; there is no waiting list."""
    event = story.event(rule={"selection": "lottery", "waitlist": False}, closes_at=NOW + timedelta(days=1))
    story.comes(event)
    operations.change_category(event.category("local_gov"), {"capacity": 0}, story.organiser)
    story.so_far(days=1)
    registration.draw(event.category("local_gov"), story.organiser)


def promoted(story: Story) -> None:
    event = story.event(1)
    first = story.another(event)
    story.comes(event)
    story.so_far(days=1)
    registration.cancel(first.attendees, by=story.organiser)


def offered_and_expired(story: Story) -> None:
    event = story.event(1, rule={"promotion": "offer"})
    first = story.another(event)
    story.comes(event)
    story.so_far(days=1)
    registration.cancel(first.attendees, by=story.organiser)
    story.later(days=3)
    registration.expire_offers(event)


def waitlist_ended(story: Story) -> None:
    event = story.event(1)
    story.another(event)
    story.comes(event)
    story.so_far(days=1)
    registration.end_waiting(event, event.categories, story.organiser)


def replaced(story: Story) -> None:
    """To the contact; to the old and to the new one, who both have an address of their own."""
    found = story.comes(story.event(), TAKASAKI, YOSHIDA)
    story.so_far(days=1)
    registration.replace(found.attendees[1], YAMADA, [])


def cancelled_in_part_then_whole(story: Story) -> None:
    found = story.comes(story.event(), TAKASAKI, YOSHIDA)
    story.so_far(days=1)
    registration.cancel([found.attendees[1]])
    story.later(days=1)
    registration.cancel([found.attendees[0]])


def cancelled_by_office(story: Story) -> None:
    found = story.comes(story.event())
    story.so_far(days=1)
    registration.cancel(found.attendees, by=story.organiser, reason="お電話でのご依頼により取り消しました。")


def link_resent(story: Story) -> None:
    found = story.comes(story.event())
    story.so_far(days=1)
    registration.send_link(found.reference, TOWN_HALL)


def address_changed(story: Story) -> None:
    found = story.comes(story.event(), contact_email="former@city.example.lg.jp")
    story.so_far(days=1)
    registration.change_address(Recipient(found), TOWN_HALL)


STORIES: tuple[Callable[[Story], None], ...] = (
    *(confirmed, confirmed_at_a_venue, partly_waitlisted, pending, waitlisted, lottery, approved, declined),
    *(won, lost, promoted, offered_and_expired, waitlist_ended, replaced, cancelled_in_part_then_whole),
    *(cancelled_by_office, link_resent, address_changed),
)


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("story", STORIES, ids=[one.__name__ for one in STORIES])
def test_what_arrives_is_what_was_reviewed(
    site: Flask, smtp_sink: Sink, moment: Any, story: Callable[[Story], None], locale: str
) -> None:
    story(Story(locale, moment, smtp_sink))
    jobs.Worker().drain()
    assert db.session.scalars(select(Message.status).distinct()).all() == [MessageStatus.SENT]
    arrived = _without_chance("\n".join(_shown(one) for one in smtp_sink.received))
    reviewed = ARRIVED / f"{story.__name__}.{locale}.txt"
    if os.environ.get("WRITE_LETTERS"):
        reviewed.parent.mkdir(exist_ok=True)
        reviewed.write_bytes(arrived.encode())
    assert arrived == reviewed.read_bytes().decode()


def _shown(mail: Received) -> str:
    message = mail.message
    assert mail.raw.isascii()
    lines = [f"{name}: {message[name]}" for name in SHOWN if message[name]]
    parts = [part for part in message.walk() if not part.is_multipart()]
    kinds = [part.get_content_type() for part in parts]
    lines.append(f"Parts: {', '.join(kinds)}")
    text = parts[0].get_content().replace("\r\n", "\n")
    calendars = [part.get_payload(decode=True) for part in parts[1:]]
    assert len(set(calendars)) <= 1
    entry = calendars[0].decode().replace("\r\n", "\n") if calendars else ""
    return "\n".join([*lines, "", text, entry]) + "=" * 70 + "\n"


def _without_chance(text: str) -> str:
    for number, reference in enumerate(
        db.session.scalars(select(Registration.reference).order_by(Registration.id))
    ):
        text = text.replace(reference, f"GDX-{number:04}-AA")
    for number, uid in enumerate(db.session.scalars(select(CalendarEntry.uid).order_by(CalendarEntry.id))):
        text = text.replace(uid, f"{number:032}" + uid[32:])
    return text
