"""Door for operators: `flask …`. Each command calls a verb and says in one line what came of it."""

import json
import sys
from pathlib import Path
from typing import BinaryIO, NoReturn

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import func, select

from eventsite import accounts, checks, clock, dates, jobs, people, serve, signin
from eventsite.config import settings
from eventsite.db import db
from eventsite.events import demo, event_file, importing, reminding
from eventsite.mail import post_room
from eventsite.mail.returns import inbound, mailbox
from eventsite.models import Account, Event
from eventsite.registration import roster, spreadsheet

events = AppGroup("events", help="Event definitions as JSON.")
accounts_group = AppGroup("accounts", help="Accounts of the association's people.")
registrations = AppGroup("registrations", help="Figures.")
mail = AppGroup("mail", help="The post room.")


def init_app(app: Flask) -> None:
    for command in (
        init,
        load_demo,
        write_roster,
        worker,
        check,
        serve_all,
        events,
        accounts_group,
        registrations,
        mail,
    ):
        app.cli.add_command(command)


@click.command("init")
@with_appcontext
def init() -> None:
    """Make instance folder, secret key and database, or bring them up to date; may be repeated."""
    flask_migrate.upgrade()
    reminding.plan_missing()
    click.echo(f"ready: {settings.instance_path}")


@click.command("demo")
@click.option("--if-empty", is_flag=True, help="Do nothing when the database holds an event.")
@with_appcontext
def load_demo(if_empty: bool) -> None:
    """Load the demo events and their organiser; what is there stays as it is."""
    if if_empty and db.session.scalar(select(func.count()).select_from(Event)):
        return
    try:
        loaded = demo.load_demo(today=_today())
    except demo.NotADemoDatabase as error:
        _stop(f"this database holds events that are not the demo's: {', '.join(error.slugs)}")
    created = sum(one.action == "created" for one in loaded.events)
    click.echo(f"demo events: {created} created, {len(loaded.events) - created} left as they were")
    if loaded.password:
        _keep_signin(loaded.email, loaded.password)


@click.command("roster")
@click.argument("slug")
@click.option("--format", "file_format", type=click.Choice(["csv", "xlsx"]), default="csv")
@click.option(
    "--encoding",
    type=click.Choice(list(spreadsheet.ENCODINGS)),
    help="CSV only; the preset's own unless given.",
)
@click.option("--preset", type=click.Choice(["office", "shared", "zoom"]), default="office")
@click.option("-o", "output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@with_appcontext
def write_roster(slug: str, file_format: str, encoding: str | None, preset: str, output: Path) -> None:
    """Write an event's roster to a file: the same bytes as the download."""
    event = _event(slug)
    try:
        made = roster.download(event, preset=preset, file_format=file_format, encoding=encoding)
    except (roster.PresetNotAllowed, ValueError) as error:
        _stop(str(error))
    output.write_bytes(made.content)
    click.echo(f"{output}: {len(made.table.rows)} rows")


@click.command("worker")
@click.option("--once", is_flag=True, help="Do what is due now, then end.")
@with_appcontext
def worker(once: bool) -> None:
    """Deliver letters and do whatever else is due, until TERM or INT."""
    work = jobs.Worker()
    if once:
        click.echo(f"messages handled: {work.drain()}")
    else:
        work.run()


@click.command("check")
@with_appcontext
def check() -> None:
    """Verify every invariant of the stored data; list violations and exit 1 if there are any."""
    found = checks.run()
    for violation in found:
        click.echo(violation)
    if found:
        sys.exit(1)
    click.echo("every invariant holds")


@click.command("serve")
@with_appcontext
def serve_all() -> None:
    """Serve web and background work together until Ctrl-C."""
    sys.exit(serve.run(_signin_hint()))


@events.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--organiser", help="E-mail address of the account that shall own the events; without it, admins only."
)
@click.option("--notify", is_flag=True, help="Write to the people whom a change concerns.")
@with_appcontext
def import_events(file: Path, organiser: str | None, notify: bool) -> None:
    """Create events by slug, or change what differs."""
    owner = _account(organiser) if organiser else None
    try:
        document = event_file.load(file.read_bytes())
        done = importing.import_events(document, today=_today(), owner=owner, notify=notify)
    except event_file.FaultyFile as error:
        for fault in error.faults:
            click.echo(f"{file}: {fault}", err=True)
        _stop("nothing was written")
    for one in done:
        changes = f" ({', '.join(one.changes)})" if one.changes else ""
        click.echo(f"{one.slug}: {one.action}{changes}")
        if one.told:
            words = "letters that tell of this" if notify else "letters not written, for want of --notify"
            click.echo(f"{one.slug}: {words}: {one.told}")


@events.command("export")
@click.argument("slug")
@with_appcontext
def export_event(slug: str) -> None:
    """Print an event's definition in the form that `import` reads."""
    click.echo(json.dumps(importing.export(_event(slug)), ensure_ascii=False, indent=1))


@accounts_group.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(["admin", "organiser", "staff"]), required=True)
@click.option("--name", default="", help="Shown on the organisers' pages.")
@click.option("--mail", "by_mail", is_flag=True, help="Write the invitation to that address, too.")
@with_appcontext
def create_account(email: str, role: str, name: str, by_mail: bool) -> None:
    """Make an account and print a one-time link to set its password."""
    try:
        made = accounts.create_account(email, name, role)
    except ValueError as error:
        _stop(str(error))
    if by_mail:
        people.invite_again(made, None)
    click.echo(f"{made.email} ({role}). Set the password within three days, once:")
    click.echo(signin.setup_link(made))


@registrations.command("count")
@click.argument("slug")
@with_appcontext
def count(slug: str) -> None:
    """Print attendees by status and the event-wide cap as JSON, straight from the database."""
    click.echo(json.dumps(roster.count_summary(_event(slug))))


@mail.command("hold")
@with_appcontext
def hold_mail() -> None:
    """Let no letter leave until `flask mail release`; everything else goes on, and letters wait."""
    click.echo("mail is held" if post_room.hold() else "mail was held already")


@mail.command("release")
@with_appcontext
def release_mail() -> None:
    """Let letters leave again."""
    click.echo("mail is released" if post_room.release() else "mail was not held")


@mail.command("inbound")
@click.argument("file", required=False, type=click.File("rb"))
@with_appcontext
def take_inbound(file: BinaryIO | None) -> None:
    """Take in what came back: one mail or an mbox from FILE (- = standard input), else from the IMAP mailbox."""
    if file is not None:
        counts = mailbox.take_all(file.read())
    elif not settings.inbound_server:
        _stop("name a file, or set EVENTSITE_INBOUND_SERVER to the mailbox")
    else:
        try:
            counts = mailbox.fetch()
        except mailbox.Unreachable as error:
            _stop(str(error))
    click.echo(inbound.summary(counts))


@mail.command("status")
@with_appcontext
def mail_status() -> None:
    """Print as JSON how many letters there are of each status, since when they wait, and why."""
    found = post_room.state()
    moments = {
        name: moment.isoformat() if moment else None
        for name, moment in (
            ("waiting_since", found.waiting_since),
            ("held_since", found.held_at),
            ("failing_since", found.failing_since),
            ("paused_until", found.paused_until),
            ("worker_seen", found.last_beat),
        )
    }
    click.echo(
        json.dumps(post_room.counts() | moments | {"words": found.words}, ensure_ascii=False, indent=1)
    )


def _event(slug: str) -> Event:
    event = db.session.scalar(select(Event).where(Event.slug == slug))
    return event if event is not None else _stop(f"no event has the slug {slug!r}")


def _account(email: str) -> Account:
    found = accounts.find_account(email)
    return found if found is not None else _stop(f"no account has the address {email!r}")


def _today():  # type: ignore[no-untyped-def]
    return dates.in_zone(clock.now()).date()


def _keep_signin(email: str, password: str) -> None:
    path = settings.instance_path / "demo-signin.txt"
    path.touch(mode=0o600)
    path.write_text(f"{email}\n{password}\n")
    click.echo(f"demo organiser: {email} / {password} (kept in {path})")


def _signin_hint() -> str:
    path = Path(current_app.instance_path) / "demo-signin.txt"
    return f"demo organiser's sign-in: {path}" if path.exists() else ""


def _stop(words: str) -> NoReturn:
    click.echo(words, err=True)
    sys.exit(1)
