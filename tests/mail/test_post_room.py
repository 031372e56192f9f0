"""The post room as a whole: held and released, how it stands, and what operators and machines see of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite.db import db, transaction
from eventsite.mail import outbox, post_room
from eventsite.mail.mime import Envelope
from eventsite.mail.sending import delivery
from eventsite.models import AuditEntry, Message, MessageStatus
from tests.cast import TOWN_HALL, kanri
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = post_room.State(0, None, None, None, None, 0, None, "")


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def letter(number: int, date: datetime = NOW) -> None:
    envelope = Envelope(
        from_name="GDX",
        from_email="seminar@gdx.example.jp",
        to=TOWN_HALL,
        subject="a",
        text="b",
        message_id="",
        date=date,
    )
    with transaction():
        outbox.enqueue(outbox.Cause("confirmed", f"registration-{number}", "contact"), envelope, "ja")


def actions() -> list[tuple[str, int | None]]:
    query = select(AuditEntry.action, AuditEntry.account_id).order_by(AuditEntry.id)
    return [tuple(row) for row in db.session.execute(query)]


class TestHold:
    @on_both
    def test_nothing_leaves_until_it_is_released(self, app: Flask, moment) -> None:
        letter(1)
        by = kanri()
        assert (post_room.hold(by), post_room.hold(by)) == (True, False)
        assert post_room.state().held_at == NOW
        moment.move(timedelta(days=3))
        assert delivery.deliver("w") == 0
        assert (post_room.release(by), post_room.release(by)) == (True, False)
        assert post_room.state().held_at is None
        assert delivery.deliver("w") == 1
        assert actions() == [("mail.held", by.id), ("mail.released", by.id)]

    def test_the_time_of_the_hold_is_no_time_of_trying(self, app: Flask, moment) -> None:
        letter(1)
        post_room.hold()
        moment.move(timedelta(days=3))
        post_room.release()
        (mine,) = outbox.claim("w")
        outbox.later(mine, "w", "451 greylisted")
        assert db.session.scalars(select(Message.status)).one() == MessageStatus.QUEUED

    def test_what_is_claimed_already_arrives_and_nothing_after_it(self, app: Flask) -> None:
        letter(1)
        letter(2)
        (mine,) = outbox.claim("w", limit=1)
        post_room.hold()
        assert outbox.sent(mine, "w")
        assert outbox.claim("w") == []


class TestState:
    @on_both
    def test_quiet(self, app: Flask) -> None:
        assert post_room.state() == QUIET

    @on_both
    def test_how_many_wait_and_since_when(self, app: Flask, moment) -> None:
        letter(1)
        letter(2, NOW + MINUTE)
        letter(3, NOW + MINUTE)
        moment.move(12 * MINUTE)
        (first, second, _) = outbox.claim("w")
        outbox.later(second, "w", "451 greylisted")
        state = post_room.state()
        assert (state.waiting, state.waiting_since, state.failed, state.words) == (
            3,
            NOW,
            0,
            "451 greylisted",
        )
        outbox.failed(first, "w", "550 nobody")
        state = post_room.state()
        assert (state.waiting, state.waiting_since, state.failed) == (2, NOW + MINUTE, 1)

    def test_what_is_sent_again_waits_since_then(self, app: Flask, moment) -> None:
        letter(1)
        outbox.failed(*outbox.claim("w"), "w", "550 nobody")
        moment.move(timedelta(days=9))
        outbox.requeue(db.session.scalars(select(Message)).one(), None)
        assert post_room.state().waiting_since == moment()

    def test_a_pause_that_is_over_is_none(self, app: Flask, moment) -> None:
        post_room.fail()
        assert post_room.state().paused_until == NOW + MINUTE
        moment.move(MINUTE)
        assert (post_room.state().paused_until, post_room.state().failing_since) == (None, NOW)
        with transaction():
            post_room.succeed()
        assert post_room.state() == QUIET

    def test_signs_of_life(self, app: Flask, moment) -> None:
        post_room.beat("w")
        moment.move(MINUTE)
        post_room.beat("w")
        assert post_room.state().last_beat == NOW + MINUTE


class TestReadiness:
    def test_letters_that_wait_are_no_reason_to_take_the_site_away(
        self, app: Flask, client: FlaskClient, moment
    ) -> None:
        letter(1)
        post_room.hold()
        moment.move(timedelta(seconds=700))
        post_room.beat("w")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["mail"]) == (
            200,
            {"waiting": 1, "waiting_seconds": 700, "held": True, "failing": False},
        )

    def test_without_a_worker_it_is_not_ready(self, app: Flask, client: FlaskClient, moment) -> None:
        post_room.beat("w")
        moment.move(timedelta(minutes=5))
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["checks"]["worker"]) == (503, False)
        assert answer.json["mail"]["waiting"] == 0


class TestCommands:
    def run(self, app: Flask, command: str) -> str:
        result = app.test_cli_runner().invoke(args=["mail", command])
        assert result.exit_code == 0, result.output
        db.session.rollback()
        return result.output

    def test_hold_and_release(self, app: Flask) -> None:
        assert self.run(app, "hold") == "mail is held\n"
        assert self.run(app, "hold") == "mail was held already\n"
        assert post_room.state().held_at == NOW
        assert self.run(app, "release") == "mail is released\n"
        assert self.run(app, "release") == "mail was not held\n"
        assert actions() == [("mail.held", None), ("mail.released", None)]

    def test_status(self, app: Flask, moment) -> None:
        letter(1)
        letter(2)
        outbox.later(outbox.claim("w")[1], "w", "451 greylisted")
        post_room.fail()
        post_room.hold()
        assert json.loads(self.run(app, "status")) == {
            "queued": 1,
            "sending": 1,
            "sent": 0,
            "failed": 0,
            "held": 0,
            "waiting_since": "2025-12-01T01:00:00+00:00",
            "held_since": "2025-12-01T01:00:00+00:00",
            "failing_since": "2025-12-01T01:00:00+00:00",
            "paused_until": "2025-12-01T01:01:00+00:00",
            "worker_seen": None,
            "words": "451 greylisted",
        }
