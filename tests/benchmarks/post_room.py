"""How fast letters leave: `make bench`, or `python -m tests.benchmarks.post_room [REPORT]`.

On each database: 2,000 real letters (confirmations with calendar entries) are drained by one real worker process to a
mail server in a process of its own. Beside it stands a floor, measured before and after in the same run: the same 2,000
letters sent by smtplib alone, ready bytes over one connection. The ratio says what the outbox costs, on any machine.
"""

import itertools
import multiprocessing
import os
import platform
import smtplib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from flask_migrate import upgrade
from sqlalchemy import select

from eventsite import registration, serve
from eventsite.config import ROOT
from eventsite.db import db, transaction
from eventsite.models import Category, Message
from tests.cast import an_application, an_event, people
from tests.fixtures import postgres
from tests.fixtures.post import HOST, free_port
from tests.fixtures.site import SECRET_KEY, build

LETTERS, GROUP = 2000, 20
EARLY = 200
ROUNDS = 3
SENDER = "seminar@gdx.example.jp"
Letters = list[tuple[str, bytes]]
Databases = tuple[str, Callable[[], str]]  # one to fill, and how to get a copy of it


@dataclass(frozen=True)
class Drained:
    """One round of a worker: letters a second from the first to the last, and its memory in MB on the way."""

    rate: float
    early: float
    late: float


@dataclass(frozen=True)
class Figure:
    """What came out for one database: the median of the rounds, each beside its floor."""

    database: str
    rate: float
    ratio: float
    floor: float
    early: float
    late: float


class Sink:
    """A mail server in a process of its own that counts letters and forgets them."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.port = free_port()
        self.count: Synchronized[int] = spawn.Value("i", 0)  # type: ignore[assignment]
        self._ready = spawn.Event()
        self._process = spawn.Process(target=_serve, args=(self.port, self.count, self._ready), daemon=True)

    def __enter__(self) -> "Sink":
        self._process.start()
        self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


class _Counting:
    def __init__(self, count: Any) -> None:
        self.count = count

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.count.value += 1
        return "250 OK"


def main(report: Path) -> None:
    load = os.getloadavg()[0]
    found = [_measure("SQLite, synchronous=FULL", _sqlite), _measure("PostgreSQL, fsync on", _postgres)]
    report.write_text(_page(found, load))
    sys.stdout.write(report.read_text())


def _measure(name: str, databases: Callable[[], AbstractContextManager[Databases]]) -> Figure:
    rounds = []
    with databases() as (uri, copy), tempfile.TemporaryDirectory() as folder, Sink() as sink:
        letters = _fill(uri, Path(folder))
        for number in range(ROUNDS):
            before = _floor(letters, sink)
            drained = _drain(copy(), Path(folder), sink)
            floor = statistics.mean([before, _floor(letters, sink)])
            rounds.append((drained, floor))
            sys.stderr.write(f"{name}, round {number + 1}: {drained.rate:.0f}/s, floor {floor:.0f}/s\n")
    return Figure(
        name,
        rate=statistics.median(one.rate for one, _ in rounds),
        ratio=statistics.median(one.rate / floor for one, floor in rounds),
        floor=statistics.median(floor for _, floor in rounds),
        early=statistics.median(one.early for one, _ in rounds),
        late=statistics.median(one.late for one, _ in rounds),
    )


def _fill(uri: str, folder: Path) -> Letters:
    """Register towns of 19 people with own addresses and a contact: 20 letters each."""
    app = build(uri, folder, MAIL_DEFAULT_SENDER=SENDER)
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        event = an_event(capacities={"local_gov": None})
        with transaction():
            for one in db.session.scalars(select(Category)):
                one.max_attendees = GROUP
        for town in range(LETTERS // GROUP):
            attendees = [
                replace(one, email=f"person-{town}-{number}@city.example.lg.jp")
                for number, one in enumerate(people(GROUP - 1))
            ]
            contact = f"town-{town}@city.example.lg.jp"
            registration.register(event, an_application(*attendees, contact_email=contact))
        rows = db.session.execute(select(Message.recipient, Message.mime).order_by(Message.id)).all()
        db.session.remove()
        db.engine.dispose()
    if len(rows) != LETTERS:
        raise RuntimeError(f"{len(rows)} letters were written, not {LETTERS}")
    return [(recipient, mime or b"") for recipient, mime in rows]


def _floor(letters: Letters, sink: Sink) -> float:
    with smtplib.SMTP(HOST, sink.port) as server:
        begun = time.perf_counter()
        for recipient, mime in letters:
            server.sendmail(SENDER, [recipient], mime)
        return len(letters) / (time.perf_counter() - begun)


def _drain(uri: str, folder: Path, sink: Sink) -> Drained:
    own = {
        "INSTANCE_PATH": folder,
        "SQLALCHEMY_DATABASE_URI": uri,
        "SQLITE_SYNCHRONOUS": "FULL",
        "SECRET_KEY": SECRET_KEY,
        "MAIL_SERVER": HOST,
        "MAIL_PORT": sink.port,
        "MAIL_DEFAULT_SENDER": SENDER,
    }
    sink.count.value = 0
    moments: dict[int, float] = {}
    memory = {EARLY: 0.0, LETTERS: 0.0}
    environment = os.environ | {f"EVENTSITE_{key}": str(value) for key, value in own.items()}
    with subprocess.Popen([*serve.worker_command(), "--once"], cwd=ROOT, env=environment) as worker:
        while worker.poll() is None:
            count = sink.count.value
            moments.setdefault(count, time.perf_counter())
            held = _resident(worker.pid)
            if count < EARLY:
                memory[EARLY] = held or memory[EARLY]
            memory[LETTERS] = held or memory[LETTERS]
            time.sleep(0.01)
    if worker.returncode or sink.count.value != LETTERS:
        raise RuntimeError(f"the worker ended with {worker.returncode} after {sink.count.value} letters")
    moments.setdefault(LETTERS, time.perf_counter())
    first = min(count for count in moments if count > 0)
    return Drained((LETTERS - first) / (moments[LETTERS] - moments[first]), memory[EARLY], memory[LETTERS])


def _resident(pid: int) -> float:
    """Return the memory of a process in MB; 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) / 1024 if found else 0


def _page(figures: list[Figure], load: float) -> str:
    rows = "".join(
        f"| {one.database} | {one.rate:.0f} | {one.floor:.0f} | {one.ratio:.2f} "
        f"| {one.early:.1f} MB | {one.late:.1f} MB |\n"
        for one in figures
    )
    versions = (
        f"Python {platform.python_version()}, SQLAlchemy {_version('sqlalchemy')}, "
        f"Flask {_version('flask')}, psycopg {_version('psycopg')}, aiosmtpd {_version('aiosmtpd')}, "
        f"SQLite {sqlite3.sqlite_version}, {_postgres_version()}"
    )
    return f"""# Benchmarks

Written by `make bench`; do not edit by hand. Absolute figures are those of the machine named below; the ratio can be
compared between machines.

## Letters leave

2,000 confirmations with calendar entries, one worker, a mail server on the same machine in a process of its own. The
floor: the same bytes sent by smtplib alone over one connection, before and after the worker, in the same run. Median of
{ROUNDS} rounds. Aim: at least 100 letters a second, and memory that does not grow.

| database | letters a second | floor | ratio | memory at {EARLY} | memory at the end |
|---|---|---|---|---|---|
{rows}
Measured on {datetime.now(UTC):%Y-%m-%d} by `make bench` on {_machine()}, load {load:.1f} before it began.
{versions}.
"""


def _machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{os.cpu_count()} cores ({(models or [platform.machine()])[0]}), {platform.system()} {platform.release()}"


def _version(package: str) -> str:
    return metadata.version(package)


def _postgres_version() -> str:
    binaries = postgres.programs()
    if binaries is None:
        return "no PostgreSQL"
    return subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()


@contextmanager
def _sqlite() -> Iterator[Databases]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT) as folder:
        first = Path(folder) / "filled.sqlite3"
        copies = itertools.count(1)

        def copy() -> str:
            target = first.with_name(f"copy-{next(copies)}.sqlite3")
            with closing(sqlite3.connect(first)) as connection:
                connection.execute("VACUUM INTO ?", (str(target),))
            return f"sqlite:///{target}"

        yield f"sqlite:///{first}", copy


@contextmanager
def _postgres() -> Iterator[Databases]:
    binaries = postgres.programs()
    if binaries is None:
        raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
    with postgres.running(binaries, durable=True) as server:
        first = server.create()
        yield server.uri(first), lambda: server.uri(server.create(first))


def _serve(port: int, count: Any, ready: Any) -> None:
    controller = Controller(_Counting(count), hostname=HOST, port=port)
    controller.start()
    ready.set()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "benchmarks.md")
