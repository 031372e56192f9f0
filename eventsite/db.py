"""The database: handle, column type for instants, the one transaction owner and the one lock.

Writing happens inside `transaction()` and nowhere else; outside of it a connection can only read (on SQLite the
engine refuses anything else). Seats are decided under `lock(event)`, whose first statement is an UPDATE, because
`SELECT … FOR UPDATE` is dropped silently on SQLite. Not for queries: those stand beside the rules that need them.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Engine, MetaData, TypeDecorator, event, inspect, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase

from eventsite.config import ROOT
from eventsite.errors import Busy

WAIT_SECONDS = 10
LOCK_NOT_AVAILABLE = "55P03"


class Base(DeclarativeBase):
    """Base of all tables; the naming convention lets migrations name every constraint."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UTCDateTime(TypeDecorator):
    """An instant. Takes only timezone-aware datetimes, stores UTC, returns aware UTC on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


db = SQLAlchemy(model_class=Base)
migrate = Migrate(directory=str(ROOT / "migrations"), render_as_batch=True)


def engine_options(uri: str) -> dict[str, Any]:
    """Return the engine options for a database address (pool per process; time-outs on PostgreSQL in ms)."""
    options: dict[str, Any] = {"pool_size": 8, "max_overflow": 2, "pool_timeout": WAIT_SECONDS}
    if uri.startswith("postgresql"):
        options["pool_pre_ping"] = True
        options["pool_recycle"] = 1800
        timeouts = (
            "-c lock_timeout=5000 -c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000"
        )
        options["connect_args"] = {"options": timeouts}
    return options


def init_app(app: Flask) -> None:
    """Connect the database to the application and prepare its engine's connections."""
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(app.config["SQLALCHEMY_DATABASE_URI"]))
    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            _make_private(db.engine.url.database)
            _prepare_sqlite(db.engine, app.config["SQLITE_SYNCHRONOUS"])


@contextmanager
def transaction() -> Iterator[None]:
    """Own one writing transaction: commit at the end, roll back on any exception. Nested calls join the outer one.

    An open reading transaction is ended first, so rows loaded before are read anew. Raises `Busy` when the turn to
    write, or a row lock, is not had in time.
    """
    session = db.session()
    if session.info.get("writing"):
        yield
        return
    session.rollback()
    with _turn_to_write():
        session.info["writing"] = True
        try:
            session.connection(execution_options={"writing": True})
            yield
            session.commit()
        except OperationalError as error:
            session.rollback()
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE or "locked" in str(error.orig):
                raise Busy from error
            raise
        except BaseException:
            session.rollback()
            raise
        finally:
            session.info.pop("writing", None)


def lock(row: Any) -> None:
    """Take the lock of an event inside `transaction()`: until its end nobody else decides about its seats.

    Everything loaded before is expired, so that decisions see what earlier holders of the lock have written.
    """
    session = db.session()
    if not session.info.get("writing"):
        raise RuntimeError("lock() needs transaction()")
    table = type(row)
    identity = inspect(row).identity[0]
    session.execute(update(table).where(table.id == identity).values(lock_version=table.lock_version + 1))
    session.expire_all()


@contextmanager
def _turn_to_write() -> Iterator[None]:
    """Queue fairly for SQLite's single writer: its busy handler lets some wait for seconds (nothing on PostgreSQL)."""
    path = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not path or path == ":memory:":
        yield
        return
    descriptor = os.open(path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _flock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _flock(descriptor: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.0005
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Busy from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.01)
        else:
            return


def _make_private(path: str | None) -> None:
    """Make a missing database file readable by its owner alone; SQLite gives its companions the same mode."""
    if path and path != ":memory:" and not Path(path).exists() and Path(path).parent.is_dir():
        Path(path).touch(mode=0o600)


def _prepare_sqlite(engine: Engine, synchronous: str) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "busy_timeout=5000",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writing else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
