"""Letters and faults: a worker killed in mid-sentence, a mail server that is busy, refuses, or is away.

Real processes and a real SMTP server. Time passes by writing into the rows what waiting would have come to.
"""

import os
import signal
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from eventsite import checks, clock, registration
from eventsite.db import db, transaction
from eventsite.models import Event, Message, MessageStatus, PostRoom
from eventsite.registration import Person
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event, people
from tests.fixtures import postgres
from tests.fixtures.database import migrate_up, on_both
from tests.fixtures.live import LiveServer
from tests.fixtures.post import SILENT, Sink
from tests.fixtures.site import build
from tests.live import visitor

pytestmark = [pytest.mark.live, pytest.mark.slow]

SENT, QUEUED, FAILED = MessageStatus.SENT, MessageStatus.QUEUED, MessageStatus.FAILED
AT_ONCE = "messages handled: {}\n"
NOBODY = "nobody@city.example.lg.jp"


@pytest.fixture
def server(app: Flask, live_server: LiveServer) -> LiveServer:
    """The site without its worker: letters wait until `start()`."""
    live_server.kill("worker")
    return live_server


@on_both
def test_a_killed_worker_loses_nothing_and_repeats_only_the_letter_in_flight(
    server: LiveServer, smtp_sink: Sink
) -> None:
    event = an_event()
    (written,) = zip(*(_letters(event, one) for one in people(3)), strict=True)
    smtp_sink.silent_at = 2
    server.start()
    server.wait_until(smtp_sink.fell_silent.is_set, "the second letter did not reach the mail server")
    server.kill("worker")
    assert _column(Message.status) == [SENT, MessageStatus.SENDING, MessageStatus.SENDING]

    assert server.flask("worker", "--once").stdout == AT_ONCE.format(0)  # the dead worker's lease still runs
    _let_the_lease_end()
    server.start()
    server.wait_until(lambda: _column(Message.status) == [SENT] * 3, "letters were lost")
    arrived = [one["Message-ID"].strip("<>") for one in smtp_sink.messages]
    assert arrived == [written[one] for one in (0, 1, 1, 2)]
    assert smtp_sink.received[1] == smtp_sink.received[2]


@pytest.mark.parametrize(("stage", "which"), [("MAIL", 1), ("RCPT", 0), ("DATA", 1), ("KEPT", 0)])
def test_killed_at_any_step_of_a_letter(
    database: str, app: Flask, smtp_sink: Sink, tmp_path: Path, stage: str, which: int
) -> None:
    """Only what the server had kept is sent twice: the same bytes with the same Message-ID (F1)."""
    server = LiveServer(database, tmp_path / "live", smtp_sink)
    written = _letters(an_event(), TAKASAKI, YOSHIDA)
    smtp_sink.answers[stage] = [""] * which + [SILENT]
    server.drain()
    server.wait_until(smtp_sink.fell_silent.is_set, "no letter came so far")
    server.kill("worker")
    _let_the_lease_end()
    assert server.flask("worker", "--once").stdout.startswith("messages handled: ")
    assert _column(Message.status) == [SENT, SENT]
    repeats = Counter([written[which]]) if stage == "KEPT" else Counter()
    arrived = Counter(one["Message-ID"].strip("<>") for one in smtp_sink.messages)
    assert arrived == Counter(written) + repeats
    assert len({one.raw for one in smtp_sink.received}) == 2
    assert checks.run() == []


@on_both
def test_two_workers_on_one_outbox_send_each_letter_once(
    database: str, app: Flask, smtp_sink: Sink, tmp_path: Path
) -> None:
    server = LiveServer(database, tmp_path / "live", smtp_sink)
    event = an_event()
    written = [number for one in people(60) for number in _letters(event, one)]
    for name in ("one", "another"):
        server.drain(name)
    for name in ("one", "another"):
        server.finish(name)
    assert Counter(one["Message-ID"].strip("<>") for one in smtp_sink.messages) == Counter(written)
    assert set(_column(Message.status, Message.attempts)) == {(SENT, 1)}
    assert checks.run() == []


@pytest.mark.postgres
def test_a_database_that_restarts_in_the_middle_of_a_letter_costs_nothing(
    postgres_server: postgres.Server, smtp_sink: Sink, tmp_path: Path
) -> None:
    """It is away when the server says yes; the worker tells it as soon as it is back (F5)."""
    with postgres.running(postgres_server.binaries) as own:
        uri = own.uri(own.create())
        migrate_up(uri, tmp_path)
        app = build(uri, tmp_path / "instance")
        server = LiveServer(uri, tmp_path / "live", smtp_sink)
        with app.app_context():
            event = an_event()
            written = [number for one in people(30) for number in _letters(event, one)]
            stopped = threading.Event()
            smtp_sink.meanwhile[7] = lambda: (own.stop(), stopped.set())[1]
            server.drain()
            assert stopped.wait(60), server.log.read_text()
            own.start()
            server.finish()
            assert [one["Message-ID"].strip("<>") for one in smtp_sink.messages] == written
            assert _column(Message.status) == [SENT] * 30
            assert checks.run() == []
            db.session.remove()
            db.engine.dispose()


@on_both
def test_a_worker_that_stood_still_for_longer_than_its_lease(
    database: str, app: Flask, smtp_sink: Sink, tmp_path: Path
) -> None:
    """SIGSTOP in the middle of a letter; another worker takes over; SIGCONT: that letter twice, no other (F13)."""
    server = LiveServer(database, tmp_path / "live", smtp_sink)
    event = an_event()
    written = [number for one in people(4) for number in _letters(event, one)]
    halted, resumed = threading.Event(), threading.Event()

    def halt() -> None:
        os.killpg(server.processes["worker"].pid, signal.SIGSTOP)
        halted.set()
        resumed.wait(60)

    smtp_sink.meanwhile[1] = halt
    server.drain()
    assert halted.wait(60), server.log.read_text()
    _let_the_lease_end()
    assert server.flask("worker", "--once").stdout == AT_ONCE.format(4)
    resumed.set()
    os.killpg(server.processes["worker"].pid, signal.SIGCONT)
    server.finish()
    arrived = Counter(one["Message-ID"].strip("<>") for one in smtp_sink.messages)
    assert arrived == Counter(written) + Counter(written[:1])
    assert _column(Message.status) == [SENT] * 4


def test_without_a_mail_server_people_register_and_letters_wait(server: LiveServer, smtp_sink: Sink) -> None:
    event = an_event()
    smtp_sink.stop()
    server.start()
    reference, statuses = visitor.register(server.url, event.slug, TAKASAKI)
    assert (reference[:4], statuses) == ("GDX-", ["confirmed"])
    server.wait_until(lambda: "".join(_column(Message.error)) != "", "nothing was tried")
    assert _column(Message.attempts, Message.status) == [(0, QUEUED)]
    assert _column(Message.error)[0].startswith("ConnectionRefusedError")

    smtp_sink.start()
    _let_the_pause_end()
    server.wait_until(lambda: _column(Message.status) == [SENT], "the letter did not leave")
    assert [one.recipients for one in smtp_sink.received] == [(TOWN_HALL,)]
    assert reference in smtp_sink.messages[0].get_body(("plain",)).get_content()


def _letters(event: Event, *persons: Person, **contact: str) -> list[str]:
    """Register, and return the Message-IDs of the letters that this has written."""
    known = set(_column(Message.message_id))
    registration.register(event, an_application(*persons, **contact))
    return [one for one in _column(Message.message_id) if one not in known]


def _column(*columns):  # type: ignore[no-untyped-def]
    """Return columns of all letters as they stand now, in the order of writing: values, or tuples of several."""
    db.session.rollback()
    rows = [tuple(row) for row in db.session.execute(select(*columns).order_by(Message.id))]
    db.session.rollback()
    return [row[0] for row in rows] if len(columns) == 1 else rows


def _let_the_lease_end() -> None:
    over = clock.now() - timedelta(seconds=1)
    with transaction():
        db.session.execute(update(Message).where(Message.lease_until.is_not(None)).values(lease_until=over))


def _let_the_pause_end() -> None:
    with transaction():
        db.session.execute(update(Message).values(next_try=clock.now()))
        db.session.execute(update(PostRoom).values(paused_until=clock.now()))
