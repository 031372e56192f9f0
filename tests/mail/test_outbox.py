"""The outbox: each letter once, taken by one worker at a time, tried again with patience, given up in the open."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.mail import outbox
from eventsite.mail.mime import Envelope
from eventsite.models import AuditEntry, Message, MessageStatus
from tests.cast import TOWN_HALL, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUEUED, SENDING = MessageStatus.QUEUED, MessageStatus.SENDING
SENT, FAILED, HELD = MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.HELD


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_letter(number: int = 1, **more: Any) -> Message | None:
    cause = outbox.Cause("confirmed", f"registered:registration-{number}", "contact")
    envelope = Envelope(
        from_name="GDXセミナー事務局",
        from_email="seminar@gdx.example.jp",
        to=TOWN_HALL,
        reply_to=None,
        subject="【申込完了】",
        text=f"受付番号 {number}\n",
        message_id="",
        date=more.get("date", NOW),
        calendar=None,
        method=None,
    )
    with transaction():
        return outbox.enqueue(cause, envelope, "ja")


def letters(count: int) -> list[int]:
    return [a_letter(number).id for number in range(1, count + 1)]


def row() -> Message:
    db.session.rollback()
    return db.session.scalars(select(Message)).one()


class TestEnqueue:
    @on_both
    def test_the_same_cause_is_one_letter(self, app: Flask) -> None:
        first = a_letter()
        assert a_letter() is None
        assert first.dedupe_key == "confirmed:registered:registration-1:contact"
        assert (row().status, row().next_try, row().attempts) == (QUEUED, NOW, 0)
        assert a_letter(2) is not None

    def test_message_ids_follow_from_the_cause(self, app: Flask) -> None:
        letters(2)
        rows = db.session.scalars(select(Message)).all()
        assert len({one.message_id for one in rows}) == 2
        for one in rows:
            assert f"Message-ID: <{one.message_id}>".encode() in one.mime

    def test_it_is_part_of_the_open_transaction(self, app: Flask) -> None:
        with pytest.raises(RuntimeError, match="stop"):
            self.write_and_stop()
        assert db.session.scalar(select(func.count()).select_from(Message)) == 0

    def write_and_stop(self) -> None:
        with transaction():
            a_letter()
            raise RuntimeError("stop")


class TestClaim:
    @on_both
    def test_oldest_first_and_no_more_than_asked_for(self, app: Flask) -> None:
        ids = letters(5)
        assert [one.id for one in outbox.claim("w", limit=3)] == ids[:3]
        assert [one.id for one in outbox.claim("w", limit=3)] == ids[3:]
        assert outbox.claim("w", limit=3) == []
        db.session.rollback()
        rows = db.session.scalars(select(Message)).all()
        assert {(one.status, one.worker, one.attempts, one.lease_until) for one in rows} == {
            (SENDING, "w", 1, NOW + outbox.LEASE)
        }

    @on_both
    def test_two_workers_take_each_letter_once(self, app: Flask) -> None:
        ids = letters(60)
        taken: list[int] = []
        begin = threading.Barrier(2)

        def work(name: str) -> None:
            with app.app_context():
                begin.wait(30)
                while batch := outbox.claim(name, limit=4):
                    taken.extend(one.id for one in batch)

        crowd = [threading.Thread(target=work, args=[name]) for name in ("a", "b")]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join(60)
        assert Counter(taken) == Counter(ids)
        db.session.rollback()
        assert set(db.session.scalars(select(Message.attempts))) == {1}

    @pytest.mark.parametrize(
        ("step", "count"),
        [(timedelta(0), 0), (outbox.LEASE, 0), (outbox.LEASE + timedelta(seconds=1), 1)],
        ids=["at once", "as it ends", "after its end"],
    )
    def test_a_lease_that_has_ended_lets_go(self, app: Flask, moment, step: timedelta, count: int) -> None:
        letters(1)
        (dead,) = outbox.claim("dead")
        moment.move(step)
        found = outbox.claim("alive")
        assert len(found) == count
        if count:
            assert (found[0].mime, found[0].attempts) == (dead.mime, 2)
            for settle in (outbox.renew, outbox.sent):
                assert settle(dead, "dead") is False
            assert outbox.failed(dead, "dead", "late") is False
            assert outbox.later(dead, "dead", "late") is False
            assert (row().status, row().worker) == (SENDING, "alive")
            assert outbox.sent(found[0], "alive") is True

    def test_a_renewed_lease_lasts_longer(self, app: Flask, moment) -> None:
        letters(1)
        (mine,) = outbox.claim("w")
        moment.move(4 * MINUTE)
        assert outbox.renew(mine, "w") is True
        moment.move(4 * MINUTE)
        assert outbox.claim("other") == []

    @pytest.mark.parametrize("status", [SENT, FAILED, HELD])
    def test_what_is_settled_or_held_is_left_alone(self, app: Flask, moment, status: MessageStatus) -> None:
        letters(1)
        found = row()
        with transaction():
            found.status = status
        moment.move(timedelta(days=30))
        assert outbox.claim("w") == []

    def test_what_is_not_due_is_left_alone(self, app: Flask, moment) -> None:
        a_letter(date=NOW + MINUTE)
        assert outbox.claim("w") == []
        moment.move(MINUTE)
        assert len(outbox.claim("w")) == 1


class TestSettle:
    @on_both
    def test_sent_drops_the_bytes(self, app: Flask, moment) -> None:
        letters(1)
        (mine,) = outbox.claim("w")
        moment.move(MINUTE)
        assert outbox.sent(mine, "w") is True
        found = row()
        assert (found.status, found.mime, found.sent_at) == (SENT, None, NOW + MINUTE)
        assert (found.lease_until, found.error) == (None, "")
        assert outbox.sent(mine, "w") is False

    def test_failed_keeps_the_words(self, app: Flask) -> None:
        letters(1)
        (mine,) = outbox.claim("w")
        assert outbox.failed(mine, "w", "550 5.1.1 no such user" + "!" * 2000) is True
        found = row()
        assert found.give_up_at == NOW
        assert (found.status, found.error[:22], len(found.error)) == (FAILED, "550 5.1.1 no such user", 1000)
        assert outbox.claim("w") == []

    def test_pauses_grow(self, app: Flask, moment) -> None:
        letters(1)
        pauses = []
        for _ in range(6):
            (mine,) = outbox.claim("w")
            assert outbox.later(mine, "w", "451 later") is True
            found = row()
            assert (found.status, found.error, found.lease_until) == (QUEUED, "451 later", None)
            pauses.append((found.next_try - moment.moment) // MINUTE)
            moment.moment = found.next_try - timedelta(seconds=1)
            assert outbox.claim("w") == []
            moment.moment = found.next_try
        assert pauses == [1, 5, 15, 60, 60, 60]

    @pytest.mark.parametrize(
        ("age", "status"),
        [(timedelta(hours=48) - timedelta(seconds=1), QUEUED), (timedelta(hours=48), FAILED)],
        ids=["before 48 hours", "after 48 hours"],
    )
    def test_after_two_days_it_is_given_up(
        self, app: Flask, moment, age: timedelta, status: MessageStatus
    ) -> None:
        letters(1)
        moment.move(age)
        (mine,) = outbox.claim("w")
        assert outbox.later(mine, "w", "451 later") is True
        assert (row().status, row().error, row().mime is None) == (status, "451 later", False)

    def test_given_back_with_the_servers_words(self, app: Flask) -> None:
        letters(1)
        outbox.release(outbox.claim("w"), "w", "421 busy")
        assert (row().status, row().attempts, row().error) == (QUEUED, 0, "421 busy")

    def test_given_back_is_as_if_never_taken(self, app: Flask) -> None:
        letters(1)
        taken = outbox.claim("w")
        outbox.release(taken, "w")
        assert (row().status, row().attempts, row().lease_until) == (QUEUED, 0, None)
        assert len(outbox.claim("other")) == 1


class TestSendAgain:
    @on_both
    def test_what_had_failed_gets_fresh_tries(self, app: Flask, moment) -> None:
        letters(1)
        outbox.failed(*outbox.claim("w"), "w", "550 no such user")
        bytes_before, id_before = row().mime, row().message_id
        moment.move(timedelta(days=9))
        by = sato()
        outbox.requeue(row(), by)
        found = row()
        assert (found.status, found.attempts, found.error) == (QUEUED, 0, "")
        assert (found.next_try, found.give_up_at) == (moment(), moment() + timedelta(hours=48))
        (again,) = outbox.claim("w")
        assert (again.mime, again.message_id, again.attempts) == (bytes_before, id_before, 1)
        entry = db.session.scalars(select(AuditEntry)).one()
        assert (entry.action, entry.account_id, entry.details) == (
            "message.requeued",
            by.id,
            {"message": found.id},
        )

    @pytest.mark.parametrize("status", [QUEUED, SENDING, SENT, HELD])
    def test_nothing_else(self, app: Flask, status: MessageStatus) -> None:
        letters(1)
        with transaction():
            row_of = db.session.scalars(select(Message)).one()
            row_of.status = status
        with pytest.raises(Refusal, match="^invalid:"):
            outbox.requeue(row(), None)
        assert row().status == status

    def test_nor_what_has_no_bytes_any_more(self, app: Flask) -> None:
        letters(1)
        with transaction():
            found = db.session.scalars(select(Message)).one()
            found.status, found.mime = FAILED, None
        with pytest.raises(Refusal):
            outbox.requeue(row(), None)
