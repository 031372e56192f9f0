"""Revisions: one line, equal to the models, and no row lost on the way up or down."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    inspect,
    select,
)

from eventsite.config import ROOT
from eventsite.db import Base, db
from tests.fixtures.database import MakeDatabase, on_both
from tests.fixtures.site import build

MIGRATIONS = ROOT / "migrations"
ROWS = 3
DAY = datetime(2026, 1, 15, 1, 0, tzinfo=UTC)


def line() -> list[str]:
    """Return the revisions, oldest first."""
    script = ScriptDirectory(str(MIGRATIONS))
    return [one.revision for one in reversed(list(script.walk_revisions()))]


def steps() -> list[tuple[str, str]]:
    """Return every step from one revision to the next, the first one from nothing."""
    revisions = ["base", *line()]
    return list(zip(revisions, revisions[1:], strict=False))


def fill(uri: str) -> None:
    """Store a few legal rows in every table, whatever the schema."""
    engine = create_engine(uri)
    schema = MetaData()
    schema.reflect(engine)
    with engine.begin() as connection:
        for table in schema.sorted_tables:
            if table.name != "alembic_version":
                words = legal_words(engine, table)
                rows = [
                    {column.name: value(column, number, words) for column in table.columns}
                    for number in range(1, ROWS + 1)
                ]
                connection.execute(table.insert(), rows)
    engine.dispose()


def value(column: Column[Any], number: int, words: dict[str, list[str]]) -> Any:
    """Return something legal for a column; `number` tells the rows apart."""
    kind = column.type
    if column.name in words:
        return words[column.name][number % len(words[column.name])]
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, DateTime):
        moment = DAY + timedelta(days=number, minutes=list(column.table.columns).index(column))
        return moment if kind.timezone else moment.replace(tzinfo=None)
    if isinstance(kind, Date):
        return date(2026, 1, number)
    if isinstance(kind, JSON):
        return [number]
    if isinstance(kind, LargeBinary):
        return bytes([number])
    if isinstance(kind, String):
        return f"{number}{column.name}"[: kind.length or 100]
    assert isinstance(kind, Integer), f"{column}: say what fits {kind!r}"
    return number


def legal_words(engine: Engine, table: Table) -> dict[str, list[str]]:
    """Return the words that check constraints allow, by column."""
    found = {}
    for check in inspect(engine).get_check_constraints(table.name):
        words = re.findall(r"'([^']*)'", check["sqltext"])
        column = next(
            (one.name for one in table.columns if re.search(rf"\b{one.name}\b", check["sqltext"])), None
        )
        if column and words:
            found[column] = words
    return found


def content(uri: str) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, in order."""
    engine = create_engine(uri)
    schema = MetaData()
    schema.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: [
                dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in schema.sorted_tables
            if table.name != "alembic_version"
        }
    engine.dispose()
    return found


def shared(one: dict[str, list[dict[str, Any]]], other: dict[str, list[dict[str, Any]]]) -> Any:
    """Return what `one` holds in the tables and columns that both have."""
    return {
        table: [{name: row[name] for name in row if name in other[table][0]} for row in rows]
        for table, rows in one.items()
        if other.get(table)
    }


def counts(content: dict[str, list[dict[str, Any]]]) -> dict[str, int]:
    return {table: len(rows) for table, rows in content.items()}


def in_a_process(*command: str, uri: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "EVENTSITE_INSTANCE_PATH": str(folder),
        "EVENTSITE_SQLALCHEMY_DATABASE_URI": uri,
    }
    return subprocess.run(
        [sys.executable, "-m", "flask", "db", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


Migrate = Callable[..., None]


@pytest.fixture
def migrate(tmp_path: Path) -> Migrate:
    """Return a function: way, address of the database, revision → migrated."""

    def go(way: str, uri: str, revision: str, directory: Path = MIGRATIONS) -> None:
        app: Flask = build(uri, tmp_path / "instance")
        with app.app_context():
            try:
                getattr(flask_migrate, way)(directory=str(directory), revision=revision)
            finally:
                db.engine.dispose()

    return go


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1


@on_both
def test_models_equal_migrations(database: str, tmp_path: Path) -> None:
    done = in_a_process("check", uri=database, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@on_both
def test_a_changed_model_is_found(database: str, tmp_path: Path) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE event DROP COLUMN audience_note")
    engine.dispose()
    done = in_a_process("check", uri=database, folder=tmp_path)
    assert done.returncode == 1
    assert "audience_note" in done.stdout + done.stderr


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_constraints_equal_too(engine: str, make_database: MakeDatabase) -> None:
    """`flask db check` compares neither check constraints nor what happens to children of a deleted row."""
    migrated, modelled = make_database(engine), make_database(engine, migrated=False)
    created = create_engine(modelled)
    Base.metadata.create_all(created)
    created.dispose()
    assert constraints(migrated) == constraints(modelled)


def constraints(uri: str) -> dict[str, Any]:
    engine = create_engine(uri)
    look = inspect(engine)
    found = {
        name: {
            "checks": {
                one["name"]: " ".join(one["sqltext"].split()) for one in look.get_check_constraints(name)
            },
            "keys": {
                one["name"]: (one["referred_table"], one["options"]) for one in look.get_foreign_keys(name)
            },
            "unique": sorted(
                (one["name"] or "", *one["column_names"]) for one in look.get_unique_constraints(name)
            ),
            "indexes": sorted(
                (str(one["name"]), *map(str, one["column_names"])) for one in look.get_indexes(name)
            ),
        }
        for name in look.get_table_names()
        if name != "alembic_version"
    }
    engine.dispose()
    return found


@on_both
def test_every_table_gets_rows(database: str) -> None:
    """The tests below say nothing about a table that stays empty."""
    fill(database)
    assert counts(content(database)) == dict.fromkeys(Base.metadata.tables, ROWS)


@pytest.mark.parametrize("step", steps(), ids="-".join)
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_each_step_up_down_and_up_again_keeps_rows(
    engine: str, step: tuple[str, str], make_database: MakeDatabase, migrate: Migrate
) -> None:
    older, newer = step
    uri = make_database(engine, migrated=False)
    if older != "base":
        migrate("upgrade", uri, older)
        fill(uri)
    before = content(uri)
    migrate("upgrade", uri, newer)
    after, schema = content(uri), constraints(uri)
    assert shared(before, after) == shared(after, before)
    migrate("downgrade", uri, older)
    assert counts(content(uri)) == counts(before)
    migrate("upgrade", uri, newer)
    assert (counts(content(uri)), constraints(uri)) == (counts(after), schema)


def test_going_back_to_nothing_is_refused_while_there_are_rows(database: str, migrate: Migrate) -> None:
    fill(database)
    before = content(database)
    with pytest.raises(SystemExit):
        migrate("downgrade", database, "base")
    assert content(database) == before


REBUILD = """
import sqlalchemy as sa
from alembic import op

revision = "planted"
down_revision = {head!r}
branch_labels = depends_on = None
{declares}

def upgrade():
    with op.batch_alter_table("{table}") as table:
        table.add_column(sa.Column("planted", sa.Integer()))
        table.alter_column("cancel_reason", existing_type=sa.Text(), type_=sa.String(9000))
    {more}


def downgrade():
    with op.batch_alter_table("{table}") as table:
        table.alter_column("cancel_reason", existing_type=sa.String(9000), type_=sa.Text())
        table.drop_column("planted")
"""


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that copies the migrations and adds one that, on SQLite, builds a table anew."""

    def copy(
        table: str = "event", more: str = "pass", declares: str = "", without: str | None = None
    ) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        revision = REBUILD.format(head=line()[-1], table=table, more=more, declares=declares)
        (folder / "versions" / "planted.py").write_text(revision)
        if without:
            environment = (folder / "env.py").read_text()
            assert without in environment
            (folder / "env.py").write_text(environment.replace(without, "pass"))
        return folder

    return copy


@on_both
def test_a_table_built_anew_keeps_the_rows_below_it(
    database: str, migrate: Migrate, plant: Callable[..., Path]
) -> None:
    fill(database)
    before = content(database)
    folder = plant()
    migrate("upgrade", database, "planted", folder)
    after = content(database)
    assert [row["planted"] for row in after["event"]] == [None] * ROWS
    assert shared(after, before) == before
    migrate("downgrade", database, "-1", folder)
    assert content(database) == before


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ({"table": "attendee", "without": 'driver.execute("PRAGMA foreign_keys=OFF")'}, "consent had 3 rows"),
        ({"more": 'op.execute("DELETE FROM consent WHERE id = 1")'}, "consent had 3 rows"),
        ({"more": 'op.execute("UPDATE consent SET attendee_id = 99")'}, "3 rows, first in consent"),
    ],
    ids=["foreign keys on", "deletes", "orphans"],
)
def test_a_revision_that_loses_rows_is_refused(
    database: str,
    migrate: Migrate,
    plant: Callable[..., Path],
    planted: dict[str, str],
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(database)
    before = content(database)
    with pytest.raises(SystemExit):
        migrate("upgrade", database, "planted", plant(**planted))
    assert words in caplog.text
    assert content(database) == before


def test_foreign_keys_hold_again_afterwards(app: Flask) -> None:
    flask_migrate.upgrade(directory=str(MIGRATIONS))
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_declared_change_of_rows_passes(
    database: str, migrate: Migrate, plant: Callable[..., Path]
) -> None:
    fill(database)
    more = 'op.execute("DELETE FROM consent WHERE id = 1")'
    migrate("upgrade", database, "planted", plant(more=more, declares='row_count_changes = {"consent": -1}'))
    assert counts(content(database))["consent"] == ROWS - 1


def test_a_copy_is_kept_that_only_its_owner_can_read(
    database: str, migrate: Migrate, plant: Callable[..., Path]
) -> None:
    fill(database)
    before = content(database)
    migrate("upgrade", database, "planted", plant())
    copy = Path(f"{database.removeprefix('sqlite:///')}.before-migration")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert content(f"sqlite:///{copy}") == before
