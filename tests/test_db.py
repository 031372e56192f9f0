"""The one transaction owner: what it commits, what it takes back, who has to wait, and instants as they are stored."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from eventsite import db as database_module
from eventsite.db import db, lock, transaction
from eventsite.errors import Busy
from eventsite.models import Event, Heartbeat
from tests.cast import an_event
from tests.fixtures.database import on_both

NOON = datetime(2025, 12, 1, 12, 0, 0, 123456, tzinfo=UTC)


def beats() -> list[str]:
    db.session.rollback()
    return sorted(db.session.scalars(select(Heartbeat.worker)))


def beat(worker: str, at: datetime = NOON) -> None:
    db.session.add(Heartbeat(worker=worker, at=at))


@on_both
def test_commits_at_the_end_and_only_there(app: Flask) -> None:
    seen: list[list[str]] = []

    def look() -> None:
        with app.app_context():
            seen.append(beats())

    with transaction():
        beat("a")
        db.session.flush()
        reader = threading.Thread(target=look)
        reader.start()
        reader.join()
    assert (seen, beats()) == ([[]], ["a"])


def write_and_fail(error: BaseException) -> None:
    with transaction():
        beat("a")
        db.session.flush()
        raise error


@on_both
@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit()], ids=repr)
def test_takes_everything_back_on_any_exception(app: Flask, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_and_fail(error)
    assert beats() == []
    with transaction():
        beat("b")
    assert beats() == ["b"]


def write_twice() -> None:
    with transaction():
        beat("a")
    with transaction():
        beat("b")
        with transaction():
            beat("c")
        beat("a")


@on_both
def test_the_inner_one_ends_with_the_outer_one(app: Flask) -> None:
    with pytest.raises(IntegrityError):
        write_twice()
    assert beats() == ["a"]


@on_both
def test_what_was_read_before_is_read_anew(app: Flask) -> None:
    event = an_event()
    assert event.lock_version == 0

    def other() -> None:
        with app.app_context(), transaction():
            lock(db.session.get_one(Event, event_id))

    event_id = event.id
    writer = threading.Thread(target=other)
    writer.start()
    writer.join()
    with transaction():
        lock(event)
        assert event.lock_version == 2


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_so_is_what_was_read_before_the_lock(app: Flask) -> None:
    """On PostgreSQL somebody else may have written between the first look and the lock."""
    event = an_event(title="前の題名")
    event_id = event.id

    def other() -> None:
        with app.app_context(), transaction():
            db.session.get_one(Event, event_id).title = "後の題名"

    with transaction():
        assert event.title == "前の題名"
        writer = threading.Thread(target=other)
        writer.start()
        writer.join()
        lock(event)
        assert event.title == "後の題名"


@on_both
def test_who_does_not_get_the_turn_in_time_is_told(app: Flask, monkeypatch) -> None:
    """Busy: nothing is written, and the next try works."""
    event = an_event()
    event_id = event.id
    monkeypatch.setattr(database_module, "WAIT_SECONDS", 0.05)
    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with app.app_context(), transaction():
            lock(db.session.get_one(Event, event_id))
            held.set()
            done.wait(30)

    first = threading.Thread(target=holder)
    first.start()
    held.wait(30)
    with pytest.raises(Busy):
        write_in_a_hurry(event)
    done.set()
    first.join()
    with transaction():
        lock(event)
        beat("a")
    assert beats() == ["a"]


def write_in_a_hurry(event: Event) -> None:
    with transaction():
        if db.engine.dialect.name == "postgresql":
            db.session.execute(text("SET LOCAL lock_timeout = 50"))
        beat("never")
        lock(event)


@on_both
@pytest.mark.parametrize(
    "moment",
    [NOON, NOON.astimezone(timezone(timedelta(hours=9))), datetime(1999, 1, 1, tzinfo=UTC)],
    ids=["UTC", "Japan", "early"],
)
def test_instants_come_back_as_they_went_in(app: Flask, moment: datetime) -> None:
    with transaction():
        beat("a", moment)
    db.session.rollback()
    stored = db.session.scalars(select(Heartbeat.at)).one()
    assert (stored, stored.utcoffset()) == (moment, timedelta(0))


def test_a_moment_without_a_zone_is_none(app: Flask) -> None:
    with pytest.raises(Exception, match="an instant needs a time zone"):
        store_naive()
    assert beats() == []


def store_naive() -> None:
    with transaction():
        beat("a", datetime(2025, 12, 1))  # noqa: DTZ001 - that is what must be refused


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("busy_timeout", 5000),
        ("synchronous", 1),
        ("secure_delete", 1),
    ],
)
def test_sqlite_is_set_up(app: Flask, pragma: str, value: object) -> None:
    assert db.session.execute(text(f"PRAGMA {pragma}")).scalar() == value


def test_postgres_waits_have_an_end() -> None:
    options = database_module.engine_options("postgresql+psycopg://x/y")
    assert options["pool_pre_ping"] is True
    for setting in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        assert f"{setting}=" in options["connect_args"]["options"]
