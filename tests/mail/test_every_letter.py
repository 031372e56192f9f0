"""Every letter in both languages, by the real way: verb → outbox → worker → mail server, as it arrives there.

What arrives is compared with the reviewed files in `tests/mail/arrived/`: headers, text and calendar entry of each mail of
a story. What is drawn by lot (reference numbers, UIDs) is replaced by something of the same length. After a deliberate
change write the files anew with `WRITE_LETTERS=1 .venv/bin/python -m pytest tests/mail/test_every_letter.py`, and read the
difference.
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import i18n, jobs, registration, signin
from eventsite.db import db, transaction
from eventsite.events import announcing, operations, reminding, telling
from eventsite.mail.letters.announcements import Announcement, Audience
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording.compose import LETTERS as TEMPLATES
from eventsite.models import CalendarEntry, Event, Message, MessageStatus, Registration, Status
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


def rescheduled(story: Story) -> None:
    """To everybody who has something to expect: a confirmed group, and somebody who waits."""
    event = story.event(2)
    story.comes(event, TAKASAKI, YOSHIDA)
    story.comes(event, YAMADA, contact_email="yamada@example.co.jp")
    story.so_far(days=1)
    later = {"start_at": START + timedelta(days=14, hours=4), "end_at": START + timedelta(days=14, hours=6)}
    operations.change(event, later, story.organiser, tell=True, reason="講師の都合によります。")


def event_changed(story: Story) -> None:
    """It moves from the screen to a room."""
    event = story.event()
    story.comes(event)
    story.so_far(days=1)
    room = {
        "format": "venue",
        "venue_name": "見本会館",
        "venue_address": "東京都千代田区1-2-3",
        "online_words": "",
    }
    operations.change(event, room, story.organiser, tell=True)


def join_info_known_then_changed(story: Story) -> None:
    event = story.event(join_url="", webinar_id="", passcode="")
    story.comes(event)
    for number in (1, 2):
        story.so_far(days=1) if number == 1 else story.later(days=1)
        link = {"join_url": f"https://zoom.us/j/0000000000{number}"}
        operations.change(event, link, story.organiser, tell=True)
        jobs.Worker().drain()


def event_cancelled(story: Story) -> None:
    event = story.event(1)
    story.comes(event)
    story.comes(event, YAMADA, contact_email="yamada@example.co.jp")
    story.so_far(days=1)
    telling.cancel(event, story.organiser, "台風の接近のため。", "2026年2月に、同じ内容で開催します。")


def reminders(story: Story) -> None:
    """A week before, the day before, and an hour before; to the confirmed alone."""
    event = story.event(1)
    rules = [{"days_before": 7, "time": "10:00"}, {"days_before": 1, "time": "10:00"}, {"hours_before": 1}]
    reminding.change_letters(event, {"reminders": rules}, story.organiser)
    story.comes(event)
    story.comes(event, YAMADA, contact_email="yamada@example.co.jp")
    story.so_far()
    for moment in (START - timedelta(days=7), START - timedelta(days=1), START - timedelta(hours=1)):
        story.moment.moment = moment
        jobs.Worker().drain()


def join_link_only_in_the_reminder(story: Story) -> None:
    event = story.event()
    operations.change(event, {"join_in_letters": False}, story.organiser)
    story.comes(event)
    jobs.Worker().drain()
    story.moment.moment = START - timedelta(days=1)


def follow_ups(story: Story) -> None:
    """To who came, and to who did not."""
    material = {
        "materials_url": "https://gdx.example.jp/material",
        "materials_until": START + timedelta(days=30),
    }
    survey = {"survey_url": "https://gdx.example.jp/survey", "survey_until": START + timedelta(days=14)}
    event = story.event(**material, **survey)
    came = story.comes(event)
    absent = story.comes(event, YAMADA, contact_email="yamada@example.co.jp")
    story.so_far()
    story.moment.moment = START + timedelta(hours=3)
    registration.mark(came.attendees, "present", story.organiser)
    registration.mark(absent.attendees, "absent", story.organiser)
    story.so_far(hours=1)
    reminding.send_follow_ups(event, story.organiser)


def organiser_message(story: Story) -> None:
    event = story.event()
    story.comes(event, TAKASAKI, YOSHIDA)
    story.so_far(days=1)
    audience = Audience((Status.CONFIRMED,), tuple(one.id for one in event.categories))
    words = Announcement(
        "資料の差し替えについて", "配布資料を差し替えました。\n{氏名}はそのまま残ります。", audience
    )
    announcing.announce(event, words, "one press of the button", story.organiser)


def letters_to_staff(story: Story) -> None:
    """An invitation, a new password, a letter that does not arrive, and what a morning brings."""
    event = story.event(1, rule={"approval": "manual"})
    story.sink.refuses[TOWN_HALL] = "550 5.1.1 no such user"
    with i18n.speaking(story.locale):
        for letter in ("staff_invite", "staff_password"):
            signin.write_password_letter(story.organiser, letter, "token-that-works-once")
    story.comes(event)
    jobs.Worker().drain()
    story.moment.moment = datetime(2025, 12, 2, 0, 0, tzinfo=UTC)


STORIES: tuple[Callable[[Story], None], ...] = (
    *(confirmed, confirmed_at_a_venue, partly_waitlisted, pending, waitlisted, lottery, approved, declined),
    *(won, lost, promoted, offered_and_expired, waitlist_ended, replaced, cancelled_in_part_then_whole),
    *(cancelled_by_office, link_resent, address_changed, rescheduled, event_changed),
    *(join_info_known_then_changed, event_cancelled, reminders, join_link_only_in_the_reminder, follow_ups),
    *(organiser_message, letters_to_staff),
)


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("story", STORIES, ids=[one.__name__ for one in STORIES])
def test_what_arrives_is_what_was_reviewed(
    site: Flask, smtp_sink: Sink, moment: Any, story: Callable[[Story], None], locale: str
) -> None:
    story(Story(locale, moment, smtp_sink))
    with i18n.speaking(locale if story is letters_to_staff else "ja"):
        jobs.Worker().drain()
    left = set(db.session.scalars(select(Message.status)))
    assert left == {MessageStatus.SENT, *([MessageStatus.FAILED] if smtp_sink.refuses else [])}
    for_staff = story is letters_to_staff
    mails = [one for one in smtp_sink.received if (one.recipients == ("sato@gdx.example.jp",)) == for_staff]
    arrived = _without_chance("\n".join(_shown(one) for one in mails))
    reviewed = ARRIVED / f"{story.__name__}.{locale}.txt"
    if os.environ.get("WRITE_LETTERS"):
        reviewed.parent.mkdir(exist_ok=True)
        reviewed.write_bytes(arrived.encode())
    assert arrived == reviewed.read_bytes().decode()


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_no_letter_is_left_out(locale: str) -> None:
    reviewed = "".join(one.read_text(encoding="utf-8") for one in ARRIVED.glob(f"*.{locale}.txt"))
    folders = {one.name for one in TEMPLATES.iterdir()} - {"blocks"}
    assert set(re.findall(r"^Letter: (\w+)$", reviewed, re.MULTILINE)) == folders


def test_no_file_is_left_over() -> None:
    written = {f"{story.__name__}.{locale}.txt" for story in STORIES for locale in ("ja", "en")}
    assert {one.name for one in ARRIVED.iterdir()} == written


def _shown(mail: Received) -> str:
    message = mail.message
    assert mail.raw.isascii()
    letter = db.session.scalar(
        select(Message.letter).where(Message.message_id == message["Message-ID"][1:-1])
    )
    lines = [f"Letter: {letter}", *(f"{name}: {message[name]}" for name in SHOWN if message[name])]
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
