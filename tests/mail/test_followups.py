"""Thanks after the event: to those who came and to those who did not, once, and to nobody who wants none."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import clock, registration
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.events import reminding
from eventsite.mail import mailings, schedule, suppression
from eventsite.mail.recipients import Recipient
from eventsite.models import Event, EventStatus, MailingStatus, Message, Registration
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, sato
from tests.fixtures.database import on_both

START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
END = START + timedelta(minutes=90)
THANKS = datetime(2025, 12, 25, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def moment(at):
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(datetime(2025, 12, 1, 1, 0, tzinfo=UTC))


@pytest.fixture
def event(app: Flask) -> Event:
    return a_seminar()


def a_seminar(**changes) -> Event:
    event = an_event(**{"start_at": START, "end_at": END, "followup_days": 1, "reminders": []} | changes)
    with transaction():
        lock(event)
        schedule.replan(event, clock.now())
    return event


def after(moment, found: Registration, *attendances: str) -> None:
    """The day after: the attendances of a registration are known, by branch."""
    moment.moment = THANKS
    for one, attendance in zip(list(found.attendees), attendances, strict=True):
        registration.mark([one], attendance, None)


def written() -> list[tuple[str, str]]:
    while mailings.work("one") or _due():
        pass
    query = select(Message).where(Message.letter.like("followup%")).order_by(Message.id)
    return [(one.letter, one.recipient) for one in db.session.scalars(query)]


def _due() -> bool:
    events = db.session.scalars(select(Event))
    return any(one.due_at <= clock.now() for event in events for one in mailings.open_of(event))


@on_both
def test_each_gets_the_letter_of_their_attendance(event: Event, moment) -> None:
    came = registration.register(event, an_application(contact_email="came@city.example.lg.jp"))
    missed = registration.register(event, an_application(contact_email="missed@city.example.lg.jp"))
    unknown = registration.register(event, an_application(contact_email="unknown@city.example.lg.jp"))
    after(moment, came, "present")
    after(moment, missed, "absent")
    after(moment, unknown, "")
    assert written() == [
        ("followup_attended", "came@city.example.lg.jp"),
        ("followup_absent", "missed@city.example.lg.jp"),
    ]


@pytest.mark.parametrize(
    ("attendances", "expected"),
    [
        (("present", "present"), [("followup_attended", TOWN_HALL), ("followup_attended", YOSHIDA.email)]),
        (("present", "absent"), [("followup_attended", TOWN_HALL), ("followup_absent", YOSHIDA.email)]),
        (("absent", "absent"), [("followup_absent", TOWN_HALL), ("followup_absent", YOSHIDA.email)]),
        (("absent", ""), []),
        (("", "present"), [("followup_attended", TOWN_HALL), ("followup_attended", YOSHIDA.email)]),
    ],
)
def test_a_contact_is_thanked_for_all_and_once(event: Event, moment, attendances, expected) -> None:
    found = registration.register(event, an_application(TAKASAKI, YOSHIDA))
    after(moment, found, *attendances)
    assert written() == expected


def test_nobody_is_thanked_while_attendance_is_not_known(event: Event, moment) -> None:
    registration.register(event, an_application())
    moment.moment = THANKS
    assert written() == []
    assert {one.status for one in schedule.of_event(event)} == {MailingStatus.DROPPED}


@on_both
def test_whoever_had_a_letter_gets_no_second_one(event: Event, moment) -> None:
    owner = sato(event)
    first = registration.register(event, an_application(contact_email="one@city.example.lg.jp"))
    second = registration.register(event, an_application(contact_email="two@city.example.lg.jp"))
    after(moment, first, "present")
    assert len(written()) == 1
    after(moment, second, "present")
    reminding.send_follow_ups(event, owner)
    reminding.send_follow_ups(event, owner)  # nothing new: the first is on its way
    assert len([one for one in schedule.of_event(event) if one.status == MailingStatus.PLANNED]) == 2
    moment.move(timedelta(seconds=1))
    assert written() == [
        ("followup_attended", "one@city.example.lg.jp"),
        ("followup_attended", "two@city.example.lg.jp"),
    ]


def test_sending_by_hand_is_refused_with_a_reason(event: Event, moment) -> None:
    owner = sato(event)
    found = registration.register(event, an_application())
    moment.moment = START
    registration.mark(found.attendees, "present", owner)
    with pytest.raises(Refusal, match="終了後"):
        reminding.send_follow_ups(event, owner)
    moment.moment = END
    registration.mark(found.attendees, "", owner)
    with pytest.raises(Refusal, match="出欠"):
        reminding.send_follow_ups(event, owner)
    registration.mark(found.attendees, "present", owner)
    with transaction():
        lock(event)
        event.status = EventStatus.CANCELLED
    with pytest.raises(Refusal, match="cancelled"):
        reminding.send_follow_ups(event, owner)


@on_both
def test_suppressed_addresses_get_none(event: Event, moment) -> None:
    found = registration.register(event, an_application(YOSHIDA, contact_email="Kikaku@City.example.lg.jp"))
    suppression.suppress("kikaku@city.EXAMPLE.lg.jp", "link", clock.now())
    after(moment, found, "present")
    assert schedule.reach(event) == {"reminder": 2, "followup_attended": 1, "followup_absent": 0}
    assert written() == [("followup_attended", YOSHIDA.email)]


def test_a_reminder_goes_to_a_suppressed_address_all_the_same(app: Flask, moment) -> None:
    event = a_seminar(reminders=[{"hours_before": 1}])
    registration.register(event, an_application())
    suppression.suppress(TOWN_HALL, "link", clock.now())
    moment.moment = START - timedelta(minutes=30)
    assert mailings.work("one") == 1


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_the_letter_says_who_writes_and_how_to_end_it(event: Event, moment, locale: str) -> None:
    found = registration.register(event, an_application(YAMADA, locale=locale))
    after(moment, found, "present")
    written()
    message = db.session.scalars(
        select(Message).where(Message.letter == "followup_attended", Message.recipient == TOWN_HALL)
    ).one()
    letter = message_from_bytes(message.mime, policy=policy.default)
    link = Recipient(found).unsubscribe_url
    assert letter["List-Unsubscribe"] == f"<{link}>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = letter.get_body().get_content()
    assert (
        event.organizer in text,
        f"\r\n{link}\r\n" in text.replace("\n", "\r\n").replace("\r\r", "\r"),
    ) == (
        True,
        True,
    )
    assert not letter.is_multipart()


@pytest.mark.parametrize(
    ("changes", "tag", "shown", "hidden"),
    [
        ({}, "【開催終了のお知らせ】", [], ["資料などは", "{"]),
        (
            {
                "materials_url": "https://gdx.example.jp/m",
                "materials_until": datetime(2026, 1, 31, 8, tzinfo=UTC),
            },
            "【資料のご案内】",
            ["資料などは、1月31日（土）17:00まで、次のページで", "\nhttps://gdx.example.jp/m\n"],
            [],
        ),
        (
            {"materials_url": "https://gdx.example.jp/m"},
            "【資料のご案内】",
            ["資料などは、次のページで"],
            ["まで、"],
        ),
        (
            {"materials_url": "https://gdx.example.jp/m", "materials_until": THANKS},
            "【開催終了のお知らせ】",
            [],
            ["https://gdx.example.jp/m"],
        ),
    ],
)
def test_what_there_is_to_see_afterwards(app: Flask, moment, changes, tag, shown, hidden) -> None:
    found = registration.register(a_seminar(**changes), an_application())
    after(moment, found, "absent")
    written()
    message = db.session.scalars(select(Message).where(Message.letter == "followup_absent")).one()
    assert message.subject.startswith(tag)
    assert [words for words in shown if words not in message.text] == []
    assert [words for words in hidden if words in message.text] == []


def test_a_survey_is_asked_for_of_those_who_came(app: Flask, moment) -> None:
    until = datetime(2026, 1, 9, 8, tzinfo=UTC)
    event = a_seminar(survey_url="https://gdx.example.jp/s", survey_until=until)
    found = registration.register(event, an_application())
    after(moment, found, "present")
    written()
    message = db.session.scalars(select(Message).where(Message.letter == "followup_attended")).one()
    text = message.text.replace("\n", "")
    assert "回答期限は、1月9日（金）17:00です。https://gdx.example.jp/s" in text


def test_thanks_of_an_event_that_was_called_off_are_dropped(event: Event, moment) -> None:
    found = registration.register(event, an_application())
    moment.moment = START
    registration.mark(found.attendees, "present", None)
    with transaction():
        lock(event)
        event.status = EventStatus.CANCELLED
        schedule.replan(event, clock.now())
    moment.moment = THANKS
    assert written() == []
