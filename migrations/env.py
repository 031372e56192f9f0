"""How revisions are run: `flask db …` and `flask init` come through here.

On SQLite a changed table is built anew, and with foreign keys on that would silently take all rows below it along.
So: copy the database first, switch foreign keys off, count every row before and after, and refuse to commit a
difference that no revision has declared in `row_count_changes`. One transaction holds all steps, on both databases.
Not for the steps themselves: those stand in `versions/`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from alembic import context
from alembic.migration import MigrationContext
from flask import current_app
from sqlalchemy import Connection, inspect, text

from eventsite.db import UTCDateTime, db

ONE_AT_A_TIME = 0x6576736974  # number of the advisory lock on PostgreSQL
VERSION_TABLE = "alembic_version"

declared: dict[str, int | None] = {}
rebuilding = False


class RowsLost(RuntimeError):
    """The migration would change the number of rows, or leave rows that point nowhere; nothing was changed."""


def render_item(kind: str, item: Any, autogen: Any) -> str | bool:
    """Write instants as the product's own type; everything else as Alembic does."""
    if kind == "type" and isinstance(item, UTCDateTime):
        autogen.imports.add("import eventsite.db")
        return "eventsite.db.UTCDateTime()"
    return False


def drop_empty_revision(_context: Any, _revision: Any, directives: list[Any]) -> None:
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives.clear()
        click.echo("Models and migrations agree: no revision written.", err=True)


def applied(step: Any, **_others: Any) -> None:
    """Say what was done, and keep what the revision declares about row counts."""
    global rebuilding
    rebuilding = True
    revision = step.up_revision
    click.echo(f"{'up to' if step.is_upgrade else 'back from'} {revision.revision}: {revision.doc}", err=True)
    for table, change in getattr(revision.module, "row_count_changes", {}).items():
        sign = 1 if step.is_upgrade else -1
        known = declared.get(table, 0)
        declared[table] = None if change is None or known is None else known + sign * change


def run() -> None:
    with db.engine.execution_options(writing=True).connect() as connection:
        guard = on_sqlite if connection.dialect.name == "sqlite" else on_postgresql
        with guard(connection):
            context.configure(
                connection=connection,
                target_metadata=db.metadata,
                render_item=render_item,
                on_version_apply=applied,
                **{
                    "process_revision_directives": drop_empty_revision,
                    **current_app.extensions["migrate"].configure_args,
                },
            )
            context.run_migrations()


@contextmanager
def on_postgresql(connection: Connection) -> Iterator[None]:
    with connection.begin():
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        yield


@contextmanager
def on_sqlite(connection: Connection) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    if will_change(connection):
        keep_a_copy(driver, Path(str(db.engine.url.database)))
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            before = row_counts(connection)
            yield
            if rebuilding:
                compare(connection, before)
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def will_change(connection: Connection) -> bool:
    """Is this an upgrade or a downgrade of a database that already holds something?"""
    try:
        wanted = context.get_revision_argument()
    except KeyError:
        return False
    current = MigrationContext.configure(connection).get_current_heads()
    connection.rollback()
    return bool(current) and wanted not in (current, current[0])


def keep_a_copy(driver: Any, database: Path) -> None:
    """Write `<database>.before-migration`, readable by the owner alone; it takes the place of the last one."""
    draft = database.with_name(f"{database.name}.before-migration.draft")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    driver.execute("PRAGMA query_only=OFF")
    driver.execute("VACUUM INTO ?", (str(draft),))
    draft.replace(database.with_name(f"{database.name}.before-migration"))


def row_counts(connection: Connection) -> dict[str, int]:
    quote = connection.dialect.identifier_preparer.quote
    names = [name for name in inspect(connection).get_table_names() if name != VERSION_TABLE]
    return {
        name: connection.scalar(text(f"SELECT count(*) FROM {quote(name)}")) or 0  # noqa: S608 - own names
        for name in names
    }


def compare(connection: Connection, before: dict[str, int]) -> None:
    """Raise RowsLost unless every table that was there holds as many rows as before, but for what is declared."""
    after = row_counts(connection)
    for table, count in before.items():
        change = declared.get(table, 0)
        if change is not None and after.get(table, 0) != count + change:
            raise RowsLost(
                f"{table} had {count} rows and would have {after.get(table, 0)}; the revision declares "
                f"{change:+d} in row_count_changes. Nothing was changed."
            )
    orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
    if orphans:
        raise RowsLost(
            f"{len(orphans)} rows, first in {orphans[0][0]}, would point nowhere. Nothing was changed."
        )


if context.is_offline_mode():
    raise RuntimeError("Revisions look at the database that they change: there is no --sql mode.")
run()
