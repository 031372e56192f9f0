"""organiser_message: who gets it, what it says, and that it is written once."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import clock, jobs
from eventsite.config import settings
from eventsite.db import db, transaction
from eventsite.mail import mailings
from eventsite.mail.letters import announcements
from eventsite.mail.letters.announcements import LETTER, Announcement, Audience
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording.typeset import WIDTH, columns
from eventsite.models import ACTIVE, Event, Mailing, Message, Status
from eventsite.registration import cancel, register
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, people
from tests.fixtures.database import on_both
from tests.fixtures.site import PUBLIC_URL, MakeApp

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
YOSHIDAS = "yoshida@city.example.lg.jp"
HOSTILE = "{氏名} ［変更］ <概要> ｜ 𠮷🎉"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event()


def everybody(event: Event, *statuses: Status) -> Audience:
    return Audience(tuple(statuses or ACTIVE), tuple(one.id for one in event.categories))


def planned(event: Event, announcement: Announcement, key: str = "message-1") -> Mailing:
    with transaction():
        mailing = mailings.plan(event, LETTER, key, clock.now(), None, announcement.details())
    assert mailing is not None
    return mailing


def written(
    event: Event, audience: Audience, subject: str = "当日の資料", text: str = "資料です。"
) -> list[str]:
    """Let the worker write it; the addresses that it went to."""
    announcement = Announcement(subject, text, audience)
    foreseen = announcements.count(event, audience)
    planned(event, announcement)
    assert mailings.work("tester") == foreseen
    return sorted(one.recipient for one in letters(event))


def letters(event: Event) -> list[Message]:
    db.session.rollback()
    query = select(Message).where(Message.letter == LETTER, Message.event_id == event.id).order_by(Message.id)
    return list(db.session.scalars(query))


class TestAudience:
    @on_both
    def test_each_contact_and_each_own_address_once(self, event: Event) -> None:
        register(event, an_application(TAKASAKI, YOSHIDA))
        register(event, an_application(*people(3), contact_email="k@example.jp"))
        register(an_event(), an_application(contact_email="elsewhere@example.jp"))
        assert written(event, everybody(event)) == sorted([TOWN_HALL, YOSHIDAS, "k@example.jp"])

    @on_both
    def test_by_status_and_category(self, event: Event) -> None:
        mixed = register(event, an_application(TAKASAKI, YOSHIDA))
        register(event, an_application(YAMADA, category="company", contact_email="k@example.jp"))
        cancel(mixed.attendees[1:])
        town = Audience((Status.CONFIRMED,), (event.category("local_gov").id,))
        assert written(event, town) == [TOWN_HALL]

    def test_who_has_left_by_the_time_of_writing_gets_none(self, event: Event) -> None:
        one = register(event, an_application())
        planned(event, Announcement("件名", "本文", everybody(event)))
        cancel(one.attendees)
        assert mailings.work("tester") == 0

    @on_both
    def test_one_person_is_written_to_where_they_read(self, event: Event) -> None:
        two = register(event, an_application(TAKASAKI, YOSHIDA))
        cancel(two.attendees)
        assert written(event, Audience(attendee=two.attendees[1].id)) == [YOSHIDAS]

    def test_one_person_without_an_own_address(self, event: Event) -> None:
        two = register(event, an_application(TAKASAKI, YOSHIDA))
        assert written(event, Audience(attendee=two.attendees[0].id)) == [TOWN_HALL]

    @on_both
    def test_nobody_without_any_address(self, event: Event) -> None:
        one = register(event, an_application(contact_email=""))
        assert written(event, everybody(event)) == []
        assert announcements.count(event, Audience(attendee=one.attendees[0].id)) == 0
        assert announcements.first(event, everybody(event)) is None

    def test_counted_by_language(self, event: Event) -> None:
        register(event, an_application(TAKASAKI, YOSHIDA, locale="en"))
        register(event, an_application())
        assert [announcements.count(event, everybody(event), one) for one in (None, "en", "ja")] == [3, 2, 1]


class TestWords:
    @pytest.mark.parametrize("locale", ["ja", "en"])
    def test_between_greeting_and_facts(self, event: Event, locale: str) -> None:
        found = register(event, an_application(locale=locale))
        written(event, everybody(event), "当日の資料について", "一行目\n\n二行目")
        (one,) = letters(event)
        assert one.subject == "当日の資料について"
        greeting, text, rest = one.text.partition("一行目\n\n二行目")
        assert ("髙﨑 洋子" in greeting, text != "", found.reference in rest) == (True, True, True)
        assert f"{PUBLIC_URL}/r/…" in rest

    def test_own_words_are_never_read_as_template(self, event: Event) -> None:
        register(event, an_application())
        written(event, everybody(event), HOSTILE, HOSTILE)
        (one,) = letters(event)
        assert (HOSTILE in one.text, one.subject) == (True, "{氏名} ［変更］ <概要> ｜ 𠮷")

    @pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028"])
    def test_a_subject_cannot_add_a_header(self, event: Event, ending: str) -> None:
        """The verb refuses it; should it get here all the same, it stays one line."""
        register(event, an_application())
        written(event, everybody(event), f"件名{ending}Bcc: victim@example.jp", "本文")
        (one,) = letters(event)
        assert one.mime is not None
        parsed = message_from_bytes(one.mime, policy=policy.default)
        assert (parsed["Bcc"], one.subject) == (None, "件名 Bcc: victim@example.jp")

    def test_long_titles_and_long_lines(self, app: Flask) -> None:
        event = an_event(title="𠮷" * 200)
        register(event, an_application())
        written(event, everybody(event), "あ" * 41, "あ" * 2000)
        (one,) = letters(event)
        assert one.subject == "あ" * 39 + "…"
        assert [line for line in one.text.split("\n") if columns(line) > WIDTH] == []

    def test_the_preview_is_the_letter(self, event: Event) -> None:
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        announcement = Announcement("当日の資料", "資料です。", everybody(event))
        recipient = announcements.first(event, announcement.audience)
        assert recipient == Recipient(found)
        preview = announcements.preview(announcement, recipient, clock.now())
        assert letters(event) == []
        written(event, announcement.audience, announcement.subject, announcement.text)
        assert (letters(event)[0].subject, letters(event)[0].text) == (preview.subject, preview.text)


class TestWriting:
    @on_both
    def test_a_killed_worker_writes_nothing_twice(self, event: Event, moment) -> None:
        for number in range(mailings.CHUNK + 3):
            register(event, an_application(contact_email=f"n{number}@example.jp"))
        mailing = planned(event, Announcement("件名", "本文", everybody(event)))
        claimed = mailings._claim("first")
        assert claimed is not None
        assert mailings._write_chunk(claimed, "first") == mailings.CHUNK
        assert mailings.work("second") == 0, "the first one holds it"
        moment.move(timedelta(minutes=6))
        assert mailings.work("second") == 3
        addresses = [one.recipient for one in letters(event)]
        assert (len(addresses), len(set(addresses))) == (mailings.CHUNK + 3,) * 2
        assert db.session.get_one(Mailing, mailing.id).written == mailings.CHUNK + 3

    def test_two_messages_to_the_same_people_are_two(self, event: Event) -> None:
        register(event, an_application())
        for key in ("message-1", "message-2"):
            planned(event, Announcement("件名", "本文", everybody(event)), key)
        assert mailings.work("tester") + mailings.work("tester") == 2

    def test_it_arrives(self, make_app: MakeApp, smtp_sink) -> None:
        app = make_app(MAIL_SERVER="127.0.0.1", MAIL_PORT=smtp_sink.port, MAIL_USE_TLS=False)
        with app.app_context():
            event = an_event()
            register(event, an_application())
            planned(event, Announcement("当日の資料 𠮷", "資料です。\n髙﨑", everybody(event)))
            jobs.Worker().drain()
            last = smtp_sink.messages[-1]
            body = last.get_body(("plain",)).get_content().replace("\r\n", "\n")
            assert (last["To"], last["Subject"]) == (TOWN_HALL, "当日の資料 𠮷")
            assert last["Reply-To"] == event.contact_email
            assert "資料です。\n髙﨑" in body
            assert f"{settings.public_url}/r/" in body
