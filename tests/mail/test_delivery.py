"""Delivery: what goes wrong with one letter, with one connection, with the way to the server; each is told apart.

A real SMTP server, the product's own clock. `answers` of the sink play what servers do.
"""

import ssl
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from sqlalchemy import select, update

from eventsite import checks
from eventsite.db import db, transaction
from eventsite.mail import outbox, post_room
from eventsite.mail.mime import Envelope
from eventsite.mail.sending import delivery
from eventsite.models import Message, MessageStatus
from tests.fixtures.database import on_both
from tests.fixtures.post import DROP, HOST, SILENT, Sink, free_port
from tests.fixtures.site import MakeApp

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUEUED, SENT, FAILED = MessageStatus.QUEUED, MessageStatus.SENT, MessageStatus.FAILED
CLOSED = "SMTPServerDisconnected: Connection unexpectedly closed"


@pytest.fixture
def moment(at):
    return at(NOW)


@pytest.fixture
def office(make_app: MakeApp, smtp_sink: Sink, moment):
    """The site with a mail server that is waited for at most a second."""
    app = make_app(MAIL_SERVER=HOST, MAIL_PORT=smtp_sink.port, MAIL_TIMEOUT=1)
    with app.app_context():
        yield app


def letters(count: int) -> list[str]:
    """Store letters to person-1, person-2 …; return their Message-IDs."""
    return [letter(number) for number in range(1, count + 1)]


def letter(number: int, domain: str = "city.example.lg.jp") -> str:
    cause = outbox.Cause("confirmed", f"registered:registration-{number}", "contact")
    envelope = Envelope(
        from_name="GDXセミナー事務局",
        from_email="seminar@gdx.example.jp",
        to=address(number, domain),
        subject="【申込完了】",
        text=f"受付番号 {number}\n",
        message_id="",
        date=NOW,
    )
    with transaction():
        made = outbox.enqueue(cause, envelope, "ja")
    assert made is not None
    return made.message_id


def address(number: int, domain: str = "city.example.lg.jp") -> str:
    return f"person-{number}@{domain}"


def column(*columns):  # type: ignore[no-untyped-def]
    db.session.rollback()
    rows = [tuple(row) for row in db.session.execute(select(*columns).order_by(Message.id))]
    return [row[0] for row in rows] if len(columns) == 1 else rows


def arrived(sink: Sink) -> list[str]:
    return [one["Message-ID"].strip("<>") for one in sink.messages]


def drain() -> int:
    handled = 0
    while count := delivery.deliver("w"):
        handled += count
    return handled


class TestTheWayToTheServer:
    @on_both
    def test_down_for_an_hour_nothing_fails_and_all_leave_within_a_quarter_of_an_hour(
        self, office: Flask, smtp_sink: Sink, moment
    ) -> None:
        written = letters(45)
        smtp_sink.stop()
        pauses = []
        while moment() < NOW + timedelta(hours=1):
            assert drain() == 0
            state = post_room.state()
            assert (state.waiting, state.waiting_since, state.failing_since) == (45, NOW, NOW)
            pauses.append((state.paused_until - moment()) // MINUTE)
            moment.moment = state.paused_until - timedelta(seconds=1)
            assert drain() == 0
            assert post_room.state() == state
            moment.move(timedelta(seconds=1))
        assert pauses == [1, 2, 4, 8, 15, 15, 15]
        assert set(column(Message.status, Message.attempts, Message.next_try)) == {(QUEUED, 0, NOW)}
        assert state.words.startswith("ConnectionRefusedError")

        smtp_sink.start()
        assert drain() == 45
        assert arrived(smtp_sink) == written
        after = post_room.state()
        assert (after.waiting, after.failing_since, after.paused_until, after.failed) == (0, None, None, 0)
        assert checks.run() == []

    def test_what_has_waited_two_days_fails_with_the_last_words_and_nothing_else(
        self, office: Flask, smtp_sink: Sink, moment
    ) -> None:
        smtp_sink.stop()
        letters(30)
        moment.move(timedelta(hours=47, minutes=59))
        assert drain() == 0
        assert set(column(Message.status)) == {QUEUED}
        late = timedelta(hours=3)
        with transaction():
            db.session.execute(update(Message).where(Message.id > 25).values(give_up_at=moment() + late))
        moment.move(MINUTE)
        assert drain() == 0
        found = column(Message.status, Message.error)
        assert Counter(status for status, _ in found) == {FAILED: 25, QUEUED: 5}
        assert all(words.startswith("ConnectionRefusedError") for status, words in found if status == FAILED)

    @pytest.mark.parametrize(
        ("stage", "answer", "words"),
        [
            ("greeting", "554 5.3.2 no service", "554 5.3.2 no service"),
            ("greeting", "421 4.3.2 busy", "421 4.3.2 busy"),
            ("MAIL", "550 5.7.1 sender refused", "550 5.7.1 sender refused"),
            ("MAIL", "530 5.7.0 authentication required", "530 5.7.0 authentication required"),
            ("MAIL", "451 4.3.0 not now", "451 4.3.0 not now"),
            ("MAIL", "421 4.3.2 going away", "421 4.3.2 going away"),
            ("MAIL", DROP, CLOSED),
            ("MAIL", SILENT, f"{CLOSED}: timed out"),
            ("RCPT", "530 5.7.0 authentication required", "530 5.7.0 authentication required"),
        ],
    )
    def test_our_own_trouble_is_nobodys_fault(
        self, office: Flask, smtp_sink: Sink, moment, stage: str, answer: str, words: str
    ) -> None:
        written = letters(3)
        if stage == "greeting":
            smtp_sink.greeting = answer
        else:
            smtp_sink.answers[stage] = [answer]
        assert drain() == 0
        assert set(column(Message.status, Message.attempts, Message.error)) == {(QUEUED, 0, words)}
        state = post_room.state()
        assert (state.failing_since, state.paused_until, state.words) == (NOW, NOW + MINUTE, words)

        smtp_sink.greeting = ""
        moment.move(MINUTE)
        assert drain() == 3
        assert arrived(smtp_sink) == written
        assert set(column(Message.status, Message.attempts, Message.error)) == {(SENT, 1, "")}
        assert post_room.state().failing_since is None

    @pytest.mark.parametrize(
        ("wish", "words"),
        [
            ({"MAIL_USE_TLS": True}, "SMTPNotSupportedError: STARTTLS"),
            ({"MAIL_USERNAME": "a", "MAIL_PASSWORD": "b"}, "SMTPNotSupportedError: SMTP AUTH"),
            ({"MAIL_USE_SSL": True}, "SSLError: "),
        ],
    )
    def test_what_the_server_cannot_do_is_not_the_letters_fault(
        self, make_app: MakeApp, smtp_sink: Sink, moment, wish: dict[str, object], words: str
    ) -> None:
        app = make_app(MAIL_SERVER=HOST, MAIL_PORT=smtp_sink.port, MAIL_TIMEOUT=1, **wish)
        with app.app_context():
            letters(2)
            assert drain() == 0
            assert set(column(Message.status, Message.attempts)) == {(QUEUED, 0)}
            assert post_room.state().words.startswith(words)

    def test_a_certificate_that_nobody_vouches_for_is_refused(
        self, make_app: MakeApp, moment, tmp_path: Path
    ) -> None:
        port = free_port()
        server = Controller(object(), hostname=HOST, port=port, ssl_context=_own_certificate(tmp_path))
        server.start()
        try:
            app = make_app(MAIL_SERVER=HOST, MAIL_PORT=port, MAIL_TIMEOUT=2, MAIL_USE_SSL=True)
            with app.app_context():
                letters(1)
                assert drain() == 0
                assert column(Message.status) == [QUEUED]
                assert "CERTIFICATE_VERIFY_FAILED" in post_room.state().words
        finally:
            server.stop()

    def test_workers_that_fail_together_lengthen_the_pause_once(self, app: Flask, moment) -> None:
        post_room.fail()
        post_room.fail()
        assert post_room.state().paused_until == NOW + MINUTE
        moment.move(MINUTE)
        post_room.fail()
        assert post_room.state().paused_until == NOW + 3 * MINUTE

    def test_a_folder_that_cannot_be_written_is_waited_for(self, app: Flask, moment, tmp_path: Path) -> None:
        letters(2)
        in_the_way = Path(app.instance_path) / "mail"
        in_the_way.write_text("a file")
        assert drain() == 0
        assert set(column(Message.status, Message.attempts)) == {(QUEUED, 0)}
        assert post_room.state().words.startswith("FileExistsError")

        in_the_way.unlink()
        moment.move(MINUTE)
        assert drain() == 2
        assert len(list(in_the_way.glob("*.eml"))) == 2


class TestOneLetter:
    @on_both
    def test_451_for_some_and_550_for_others(self, office: Flask, smtp_sink: Sink, moment) -> None:
        written = letters(6)
        smtp_sink.refuses = {
            address(2): "550 5.1.1 nobody of that name",
            address(4): "451 4.2.0 greylisted",
        }
        assert drain() == 6
        assert column(Message.status, Message.error) == [
            (SENT, ""),
            (FAILED, "550 5.1.1 nobody of that name"),
            (SENT, ""),
            (QUEUED, "451 4.2.0 greylisted"),
            (SENT, ""),
            (SENT, ""),
        ]
        assert smtp_sink.connections == 1
        assert post_room.state().failing_since is None
        moment.move(MINUTE)
        assert drain() == 1
        assert column(Message.attempts) == [1, 1, 1, 2, 1, 1]
        smtp_sink.refuses.clear()
        moment.move(5 * MINUTE)
        assert drain() == 1
        assert arrived(smtp_sink) == [written[number] for number in (0, 2, 4, 5, 3)]
        assert checks.run() == []

    @pytest.mark.parametrize("stage", ["DATA", "KEPT"])
    def test_a_refusal_of_the_content_is_final(self, office: Flask, smtp_sink: Sink, stage: str) -> None:
        letters(2)
        smtp_sink.answers[stage] = ["554 5.6.0 not wanted"]
        assert drain() == 2
        assert column(Message.status, Message.error) == [(FAILED, "554 5.6.0 not wanted"), (SENT, "")]

    def test_a_letter_that_is_too_large_fails_alone(self, office: Flask, smtp_sink: Sink) -> None:
        letters(2)
        smtp_sink.answers["MAIL"] = ["552 5.3.4 too large"]
        assert drain() == 2
        assert column(Message.status, Message.error) == [(FAILED, "552 5.3.4 too large"), (SENT, "")]

    def test_a_poison_row_fails_in_the_open(self, office: Flask, smtp_sink: Sink) -> None:
        letters(3)
        with transaction():
            first, second, _ = db.session.scalars(select(Message).order_by(Message.id))
            first.recipient = "a@b.example>\r\nRCPT TO:<c@d.example"
            second.mime = None
        assert drain() == 3
        assert column(Message.status) == [FAILED, FAILED, SENT]
        assert column(Message.error)[0].startswith("BadHeader: ")
        assert [one.recipients for one in smtp_sink.received] == [(address(3),)]
        assert drain() == 0


class TestOneConnection:
    @pytest.mark.parametrize("answer", [DROP, SILENT])
    @pytest.mark.parametrize("stage", ["RCPT", "DATA", "KEPT"])
    def test_lost_in_the_middle_only_that_letter_waits(
        self, office: Flask, smtp_sink: Sink, moment, stage: str, answer: str
    ) -> None:
        written = letters(4)
        smtp_sink.answers[stage] = ["", answer]
        assert delivery.deliver("w") == 2
        assert column(Message.status, Message.attempts) == [(SENT, 1), (QUEUED, 1), (QUEUED, 0), (QUEUED, 0)]
        assert column(Message.error)[1].startswith(CLOSED)
        assert drain() == 2
        assert smtp_sink.connections == 2
        assert post_room.state().failing_since is None

        moment.move(MINUTE)
        assert drain() == 1
        assert column(Message.status) == [SENT] * 4
        repeats = Counter(arrived(smtp_sink)) - Counter(written)
        assert repeats == (Counter({written[1]: 1}) if stage == "KEPT" else {})
        if stage == "KEPT":
            assert smtp_sink.received[1] == smtp_sink.received[4]

    def test_lost_again_and_again_leaves_a_breath_between(
        self, office: Flask, smtp_sink: Sink, moment
    ) -> None:
        letters(4)
        smtp_sink.answers["DATA"] = [DROP, DROP, DROP]
        assert [delivery.deliver("w") for _ in range(3)] == [1, 1, 0]
        assert post_room.state().paused_until == NOW + MINUTE
        assert column(Message.attempts) == [1, 1, 0, 0]

    def test_a_server_that_has_had_enough_gets_the_rest_over_a_new_connection(
        self, office: Flask, smtp_sink: Sink
    ) -> None:
        written = letters(5)
        smtp_sink.answers["MAIL"] = ["", "", "421 4.7.0 too many letters"]
        assert drain() == 5
        assert arrived(smtp_sink) == written
        assert column(Message.attempts) == [1] * 5
        assert smtp_sink.connections == 2

    def test_a_long_queue_needs_few_connections(self, office: Flask, smtp_sink: Sink) -> None:
        count = delivery.BATCHES * outbox.BATCH
        letters(count + 5)
        assert delivery.deliver("w") == count
        assert column(Message.status) == [SENT] * count + [QUEUED] * 5
        assert delivery.deliver("w") == 5
        assert smtp_sink.connections == 2

    def test_told_to_stop_it_gives_back_the_rest(self, office: Flask, smtp_sink: Sink) -> None:
        letters(4)
        assert delivery.deliver("w", lambda: len(smtp_sink.received) == 2) == 2
        assert column(Message.status, Message.attempts) == [(SENT, 1), (SENT, 1), (QUEUED, 0), (QUEUED, 0)]


class TestLeases:
    def test_a_worker_that_died_after_claiming_lost_nothing(
        self, office: Flask, smtp_sink: Sink, moment
    ) -> None:
        written = letters(3)
        assert len(outbox.claim("dead")) == 3
        assert drain() == 0
        moment.move(outbox.LEASE + timedelta(seconds=1))
        assert drain() == 3
        assert arrived(smtp_sink) == written

    def test_a_worker_that_stood_still_sends_nothing_that_another_has_taken(
        self, office: Flask, smtp_sink: Sink, moment
    ) -> None:
        """Stopped for longer than its lease in the middle of a letter: that letter may go twice, no other (F13)."""
        written = letters(4)

        def another_takes_over() -> None:
            moment.move(outbox.LEASE + timedelta(seconds=1))
            with office.app_context():
                assert delivery.deliver("other") == 4
                db.session.remove()

        smtp_sink.meanwhile[1] = another_takes_over
        assert delivery.deliver("w") == 4
        assert Counter(arrived(smtp_sink)) == Counter(written) + Counter(written[:1])
        assert set(column(Message.status, Message.worker)) == {(SENT, "other")}

    @on_both
    def test_an_operator_holds_all_mail_in_the_middle_of_a_batch(
        self, office: Flask, smtp_sink: Sink
    ) -> None:
        written = letters(4)

        def hold() -> None:
            with office.app_context():
                post_room.hold()
                db.session.remove()

        smtp_sink.meanwhile[2] = hold
        assert drain() == 2
        assert arrived(smtp_sink) == written[:2]
        assert column(Message.status, Message.attempts) == [(SENT, 1)] * 2 + [(QUEUED, 0)] * 2
        post_room.release()
        assert drain() == 2
        assert arrived(smtp_sink) == written

    @pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
    def test_a_clock_that_jumps_between_claim_and_settle_repeats_nothing(
        self, office: Flask, smtp_sink: Sink, moment, jump: timedelta
    ) -> None:
        written = letters(3)
        smtp_sink.meanwhile[1] = lambda: moment.move(jump)
        assert drain() == 3
        assert arrived(smtp_sink) == written
        assert column(Message.status) == [SENT] * 3

    def test_a_long_time_out_has_a_lease_that_outlasts_it(self, make_app: MakeApp, moment) -> None:
        with make_app(MAIL_TIMEOUT=300).app_context():
            letters(1)
            outbox.claim("w")
            assert column(Message.lease_until) == [NOW + timedelta(seconds=outbox.ANSWERS * 300)]


class TestPace:
    @on_both
    def test_a_domain_gets_so_many_a_minute_and_the_others_go_on(
        self, make_app: MakeApp, smtp_sink: Sink, moment
    ) -> None:
        app = make_app(MAIL_SERVER=HOST, MAIL_PORT=smtp_sink.port, MAIL_PACE=3)
        with app.app_context():
            slow = [letter(number, "slow.example.jp") for number in range(1, 9)]
            quick = [letter(number, f"town-{number}.example.jp") for number in range(9, 12)]
            assert drain() == 6
            assert arrived(smtp_sink) == slow[:3] + quick
            moment.move(timedelta(seconds=59))
            assert drain() == 0
            moment.move(timedelta(seconds=1))
            assert drain() == 3
            moment.move(MINUTE)
            assert drain() == 2
            assert Counter(arrived(smtp_sink)) == Counter(slow + quick)

    @on_both
    def test_what_another_worker_holds_counts(self, make_app: MakeApp, moment) -> None:
        with make_app(MAIL_PACE=3).app_context():
            letters(5)
            assert len(outbox.claim("a", limit=2)) == 2
            assert len(outbox.claim("b")) == 1
            assert outbox.claim("c") == []
            moment.move(outbox.LEASE + timedelta(seconds=1))
            assert len(outbox.claim("c")) == 3


def _own_certificate(folder: Path) -> ssl.SSLContext:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + [
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-keyout",
            folder / "key.pem",
            "-out",
            folder / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
