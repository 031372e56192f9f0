"""Letters and faults: a worker killed in mid-sentence, a mail server that is busy, refuses, or is away.

Real processes and a real SMTP server. Time passes by writing into the rows what waiting would have come to.
"""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from eventsite import clock, registration
from eventsite.db import db, transaction
from eventsite.models import Event, Message, MessageStatus
from eventsite.registration import Person
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event, people
from tests.fixtures.database import on_both
from tests.fixtures.live import LiveServer
from tests.fixtures.post import Sink
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


def test_a_busy_mail_server_gets_the_same_letter_again(server: LiveServer, smtp_sink: Sink) -> None:
    (written,) = _letters(an_event(), TAKASAKI)
    smtp_sink.answers["DATA"] = ["451 4.3.0 please try again later"]
    assert server.flask("worker", "--once").stdout == AT_ONCE.format(1)
    assert _column(Message.status, Message.error) == [(QUEUED, "451 4.3.0 please try again later")]
    assert smtp_sink.received == []

    assert server.flask("worker", "--once").stdout == AT_ONCE.format(0)  # not before its time
    _let_the_pause_end()
    assert server.flask("worker", "--once").stdout == AT_ONCE.format(1)
    assert [one["Message-ID"] for one in smtp_sink.messages] == [f"<{written}>"]
    assert _column(Message.status, Message.attempts, Message.error) == [(SENT, 2, "")]


def test_a_refusal_is_final_and_kept_in_the_servers_words(server: LiveServer, smtp_sink: Sink) -> None:
    event = an_event()
    _letters(event, TAKASAKI, contact_email=NOBODY)
    _letters(event, YOSHIDA)
    smtp_sink.refuses[NOBODY] = "550 5.1.1 there is nobody of that name"
    assert server.flask("worker", "--once").stdout == AT_ONCE.format(3)
    assert _column(Message.recipient, Message.status, Message.error) == [
        (NOBODY, FAILED, "550 5.1.1 there is nobody of that name"),
        (TOWN_HALL, SENT, ""),
        (YOSHIDA.email, SENT, ""),
    ]
    assert [one.recipients for one in smtp_sink.received] == [(TOWN_HALL,), (YOSHIDA.email,)]

    _let_the_pause_end()
    assert server.flask("worker", "--once").stdout == AT_ONCE.format(0)


def test_without_a_mail_server_people_register_and_letters_wait(server: LiveServer, smtp_sink: Sink) -> None:
    event = an_event()
    smtp_sink.stop()
    server.start()
    reference, statuses = visitor.register(server.url, event.slug, TAKASAKI)
    assert (reference[:4], statuses) == ("GDX-", ["confirmed"])
    server.wait_until(lambda: _column(Message.attempts, Message.status) == [(1, QUEUED)], "nothing was tried")
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
