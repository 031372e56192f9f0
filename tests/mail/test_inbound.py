"""What came back is taken in once, marks those whom it concerns, and changes nobody's seat."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite import checks, clock, registration
from eventsite.db import db, transaction
from eventsite.mail import outbox
from eventsite.mail.recipients import Recipient
from eventsite.mail.returns import inbound, mailbox
from eventsite.mail.returns.inbound import Outcome
from eventsite.mail.sending import return_path
from eventsite.models import (
    AuditEntry,
    CalendarEntry,
    MailReport,
    Message,
    MessageStatus,
    Registration,
    Status,
)
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, sato
from tests.fixtures.database import on_both
from tests.mail import returned

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
RIGHT = "soumu@city.example.lg.jp"
REJECTED = "550 5.1.1 <kikaku@city.example.lg.jp>: Recipient address rejected: User unknown"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def found(app: Flask) -> Registration:
    """髙﨑, the contact, and 𠮷田, who has an own address; both confirmed and told so."""
    return registration.register(an_event(), an_application(TAKASAKI, YOSHIDA))


def letter(found: Registration, to: str = TOWN_HALL) -> Message:
    query = select(Message).where(Message.registration_id == found.id, Message.recipient == to)
    return db.session.scalars(query.order_by(Message.id)).first()


def bounce(message: Message, **more: str) -> bytes:
    return returned.postfix(message_id=message.message_id, **more)


def marked(found: Registration) -> list[bool]:
    db.session.rollback()
    return [one.undeliverable for one in found.attendees]


def kept() -> list[tuple[str, str, str]]:
    db.session.rollback()
    query = select(MailReport.kind, MailReport.recipient_key, MailReport.words).order_by(MailReport.id)
    return [tuple(row) for row in db.session.execute(query)]


class TestReport:
    @on_both
    def test_the_contact_stands_for_those_without_an_own_address(self, app: Flask, moment) -> None:
        found = registration.register(an_event(), an_application(TAKASAKI, YOSHIDA))
        moment.move(timedelta(minutes=5))
        assert inbound.take(bounce(letter(found))) == Outcome.FAILED
        assert marked(found) == [True, False]
        assert kept() == [("failed", "contact", REJECTED)]
        message = letter(found)
        assert (message.bounced_at, message.error) == (moment.moment, REJECTED)
        assert [one.status for one in found.attendees] == [Status.CONFIRMED] * 2
        assert checks.run() == []

    def test_an_own_address_stands_for_its_owner(self, found: Registration) -> None:
        inbound.take(bounce(letter(found, YOSHIDA.email)))
        assert marked(found) == [False, True]

    @on_both
    def test_the_same_mail_is_taken_in_once(self, app: Flask) -> None:
        found = registration.register(an_event(), an_application())
        mail = bounce(letter(found))
        assert [inbound.take(mail) for _ in range(2)] == [Outcome.FAILED, Outcome.KNOWN]
        assert len(kept()) == 1

    @on_both
    def test_by_two_at_once_too(self, app: Flask) -> None:
        mail = bounce(letter(registration.register(an_event(), an_application())))
        outcomes: list[Outcome] = []
        begin = threading.Barrier(2)

        def work() -> None:
            with app.app_context():
                begin.wait(30)
                outcomes.append(inbound.take(mail))

        both = [threading.Thread(target=work) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join(60)
        assert Counter(outcomes) == {Outcome.FAILED: 1, Outcome.KNOWN: 1}
        assert len(kept()) == 1

    def test_a_delay_is_kept_and_marks_nobody(self, found: Registration) -> None:
        mail = bounce(letter(found), action="delayed", status="4.4.1", diagnostic="smtp; 451 4.4.1 later")
        assert inbound.take(mail) == Outcome.DELAYED
        assert marked(found) == [False, False]
        assert letter(found).bounced_at is None
        assert [kind for kind, _key, _words in kept()] == ["delayed"]

    def test_a_full_mailbox_that_was_given_up_is_a_failure(self, found: Registration) -> None:
        assert inbound.take(returned.sendmail(letter(found).message_id)) == Outcome.FAILED
        assert marked(found) == [True, False]

    @pytest.mark.parametrize("make", [returned.postfix, returned.exchange, returned.sendmail])
    def test_every_make_finds_its_letter(self, found: Registration, make) -> None:
        assert inbound.take(make(letter(found).message_id)) == Outcome.FAILED

    def test_the_address_of_the_letter_is_enough(self, found: Registration, make_app) -> None:
        message_id = letter(found).message_id
        with make_app(MAIL_BOUNCE_ADDRESS="bounce@gdx.example.jp").app_context():
            assert inbound.take(returned.carrier(return_path.for_message(message_id))) == Outcome.FAILED
        assert marked(found) == [True, False]

    def test_an_address_that_was_corrected_since_is_not_marked(self, found: Registration) -> None:
        mail = bounce(letter(found))
        registration.change_address(Recipient(found), RIGHT)
        assert inbound.take(mail) == Outcome.FAILED
        assert marked(found) == [False, False]
        assert len(kept()) == 1

    def test_nor_is_whoever_came_instead(self, found: Registration) -> None:
        mail = bounce(letter(found, YOSHIDA.email))
        registration.replace(found.attendees[1], YAMADA, ())
        assert inbound.take(mail) == Outcome.FAILED
        assert marked(found) == [False, False]

    def test_what_is_no_letter_of_ours_is_left_alone(self, found: Registration) -> None:
        assert inbound.take(returned.postfix()) == Outcome.UNMATCHED
        assert (kept(), marked(found)) == ([], [False, False])


BROKEN = {
    "half a character": b"In-Reply-To: =?unicode-escape?Q?=3Ca=5Cud800x=40y=3E?=",
    "half a character in UTF-7": b"In-Reply-To: =?utf-7?Q?+2AA-=40x?=",
    "NUL": b"In-Reply-To: <a\0b@c>",
    "quoted": b"Content-Type: text/plain; charset=unicode-escape",
}


class TestOthers:
    @pytest.mark.parametrize("name", BROKEN)
    @on_both
    def test_ids_that_no_database_takes_are_none(self, app: Flask, name: str) -> None:
        head = b"\nFrom: mailer-daemon@x\nSubject: failure notice\n\n"
        mail = BROKEN[name] + head + b"550 no such user\n> Message-ID: <a\\ud800x@y>\n"
        assert inbound.take(mail) == Outcome.UNMATCHED

    @pytest.mark.parametrize(
        ("mail", "outcome"),
        [
            (returned.person(), Outcome.OTHER),
            (b"\0\xff", Outcome.OTHER),
            (b"x" * (inbound.LARGEST + 1), Outcome.TOO_LARGE),
        ],
        ids=["a person", "bytes", "too large"],
    )
    def test_are_counted(self, app: Flask, mail: bytes, outcome: Outcome) -> None:
        assert inbound.take(mail) == outcome
        assert kept() == []


class TestReply:
    @on_both
    def test_is_kept_and_nothing_follows(self, app: Flask) -> None:
        found = registration.register(an_event(), an_application(TAKASAKI, YOSHIDA))
        uid = db.session.scalar(select(CalendarEntry.uid).where(CalendarEntry.recipient_key == "contact"))
        before = db.session.scalar(select(func.count()).select_from(Message))
        mail = returned.calendar_reply(uid, "DECLINED", "会議のため")
        assert [inbound.take(mail) for _ in range(2)] == [Outcome.REPLY, Outcome.KNOWN]
        assert kept() == [("reply", "contact", "DECLINED\n会議のため")]
        assert [one.status for one in found.attendees] == [Status.CONFIRMED] * 2
        assert db.session.scalar(select(func.count()).select_from(Message)) == before

    def test_to_an_entry_of_somebody_else_is_left_alone(self, found: Registration) -> None:
        assert inbound.take(returned.calendar_reply("other@example.jp")) == Outcome.UNMATCHED


class TestCorrection:
    """After mail came back the office corrects the address; the letter of the present state goes to the new one."""

    def test_it_clears_the_mark_and_leaves_the_dead_address_alone(self, found: Registration) -> None:
        inbound.take(bounce(letter(found)))
        registration.change_address(Recipient(found), RIGHT, by=sato(found.event))
        assert marked(found) == [False, False]
        query = select(Message.letter, Message.recipient, Message.status).order_by(Message.id)
        assert [tuple(row) for row in db.session.execute(query)] == [
            ("confirmed", TOWN_HALL, MessageStatus.HELD),
            ("confirmed", YOSHIDA.email, MessageStatus.QUEUED),
            ("confirmed", RIGHT, MessageStatus.QUEUED),
        ]
        assert checks.run() == []

    def test_those_who_have_cancelled_are_cleared_as_well(self, found: Registration) -> None:
        inbound.take(bounce(letter(found)))
        registration.cancel([found.attendees[0]])
        registration.change_address(Recipient(found), RIGHT, by=sato(found.event))
        assert marked(found) == [False, False]

    def test_the_office_may_take_the_mark_away(self, found: Registration) -> None:
        inbound.take(bounce(letter(found)))
        by = sato(found.event)
        for _ in range(2):
            registration.forget_undeliverable(found.attendees[0], by)
        assert marked(found) == [False, False]
        last = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert last.details == {"numbers": [found.attendees[0].number], "fields": ["undeliverable"]}
        count = select(func.count()).where(AuditEntry.action == "attendee.changed")
        assert db.session.scalar(count) == 1


class TestRefusal:
    """What the mail server refuses at once is as good as what comes back."""

    @on_both
    def test_an_address_that_is_not_there(self, app: Flask) -> None:
        found = registration.register(an_event(), an_application(TAKASAKI, YOSHIDA))
        self.refuse(found, "550 5.1.1 user unknown")
        assert [inbound.note_refusals() for _ in range(2)] == [1, 0]
        assert marked(found) == [True, False]
        assert kept() == [("failed", "contact", "550 5.1.1 user unknown")]

    def test_a_mark_that_was_taken_away_stays_away(self, found: Registration) -> None:
        self.refuse(found, "550 no such mailbox")
        inbound.note_refusals()
        registration.forget_undeliverable(found.attendees[0], sato(found.event))
        inbound.note_refusals()
        assert marked(found) == [False, False]

    @on_both
    def test_a_letter_that_was_sent_again_may_be_refused_again(self, app: Flask, moment) -> None:
        found = registration.register(an_event(), an_application(TAKASAKI, YOSHIDA))
        self.refuse(found, "550 no such mailbox")
        assert inbound.note_refusals() == 1
        by = sato(found.event)
        registration.forget_undeliverable(found.attendees[0], by)
        moment.move(timedelta(minutes=5))
        outbox.requeue(letter(found), by)
        moment.move(timedelta(minutes=5))
        self.refuse(found, "550 no such mailbox")
        assert [inbound.note_refusals() for _ in range(2)] == [1, 0]
        assert marked(found) == [True, False]
        assert len(kept()) == 2

    @pytest.mark.parametrize(
        "words",
        ["550 5.7.1 blocked by policy", "554 5.7.1 relay access denied", "451 4.7.1 later", "", "5501"],
    )
    def test_a_server_that_does_not_want_us_marks_nobody(self, found: Registration, words: str) -> None:
        self.refuse(found, words)
        assert inbound.note_refusals() == 0
        assert (marked(found), kept()) == ([False, False], [])

    def refuse(self, found: Registration, words: str) -> None:
        with transaction():
            message = letter(found)
            message.status, message.error, message.give_up_at = MessageStatus.FAILED, words, clock.now()


class TestReturnPath:
    def test_without_an_address_for_it_the_sender_gets_what_comes_back(self, app: Flask) -> None:
        assert return_path.for_message(returned.FIRST) == "seminar@eventsite.invalid"

    def test_each_letter_has_its_own(self, make_app) -> None:
        with make_app(MAIL_BOUNCE_ADDRESS="bounce@gdx.example.jp").app_context():
            made = return_path.for_message(returned.FIRST)
        assert made == returned.BOUNCES
        assert return_path.marks(f"<{made}>, other+x@example.jp") == [returned.FIRST.partition("@")[0]]


class TestCommand:
    def run(self, app: Flask, *arguments: str, **more: bytes) -> tuple[int, str]:
        done = app.test_cli_runner().invoke(args=["mail", "inbound", *arguments], **more)
        return done.exit_code, done.output

    def test_a_piped_mail(self, found: Registration, app: Flask) -> None:
        mail = bounce(letter(found))
        line = "mails read: 1 (failed 1, delayed 0, reply 0)\n"
        assert self.run(app, "-", input=mail) == (0, line)
        assert marked(found) == [True, False]

    def test_an_mbox(self, found: Registration, app: Flask, tmp_path: Path) -> None:
        mails = [bounce(letter(found)).replace(b"\r\n", b"\n"), returned.person(more="X: y\n\n>From here\n")]
        box = tmp_path / "mbox"
        box.write_bytes(b"".join(b"From a@b Mon Dec  1 10:05:00 2025\n" + one + b"\n" for one in mails))
        assert self.run(app, str(box)) == (0, "mails read: 2 (failed 1, delayed 0, reply 0, other 1)\n")
        assert [one.rstrip(b"\n") for one in mailbox.split(box.read_bytes())] == [
            mails[0].rstrip(b"\n"),
            mails[1].rstrip(b"\n").replace(b">From", b"From"),
        ]

    def test_one_that_cannot_be_taken_in(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inbound, "take", Mock(side_effect=UnicodeError))
        line = "mails read: 1 (failed 0, delayed 0, reply 0, other 1)\n"
        assert self.run(app, "-", input=returned.postfix()) == (0, line)

    def test_nothing_in_nothing_out(self, app: Flask) -> None:
        assert self.run(app, "-", input=b"") == (0, "mails read: 0 (failed 0, delayed 0, reply 0)\n")

    def test_without_a_mailbox_there_is_a_sentence(self, app: Flask) -> None:
        said = "name a file, or set EVENTSITE_INBOUND_SERVER to the mailbox\n"
        assert self.run(app) == (1, said)

    def test_a_mailbox_that_cannot_be_reached(self, make_app) -> None:
        box = {"SERVER": "127.0.0.1", "PORT": 1, "USERNAME": "u", "PASSWORD": "p"}
        app = make_app(**{f"INBOUND_{name}": value for name, value in box.items()})
        with app.app_context():
            code, words = self.run(app)
        assert code == 1
        assert words.startswith("the mailbox at 127.0.0.1 cannot be read: ")
        assert "Traceback" not in words

    def test_marks_of_long_ago_are_no_obstacle(self, found: Registration) -> None:
        with transaction():
            letter(found).recipient_key = ""
        assert inbound.take(bounce(letter(found))) == Outcome.FAILED
        assert marked(found) == [False, False]
