"""Many people at once, from several processes: seats are neither sold twice nor left lying.

The file is also the program that plays the crowd (`python test_race.py '{…}'`): it says "ready", waits for a line, and
then all of its threads begin. Taken apart on purpose (`unlocked`), the same crowd must break the rule: that proves
that there is a race, and that it is the lock that wins it.
"""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, func, select

from eventsite import checks, clock, registration
from eventsite import db as database_module
from eventsite.config import ROOT
from eventsite.db import db, transaction
from eventsite.models import Attendee, Event, Message, Registration, Status
from eventsite.web.forms import token
from tests.cast import an_application, an_event, people
from tests.fixtures.database import on_both
from tests.fixtures.site import build

PROCESSES, THREADS = 4, 8
SEATS, APPLICANTS = 50, 200
LONGEST = 120


class Crowd:
    """Processes of many threads each, that begin together and tell what came of it."""

    def __init__(self, app: Flask, folder: Path) -> None:
        self.uri = app.config["SQLALCHEMY_DATABASE_URI"]
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []

    def add(self, deeds: list[list[Any]], **how: Any) -> None:
        """Add a process: `deeds` are (verb, argument), `how` an own clock or `unlocked`."""
        orders = {"uri": self.uri, "folder": str(self.folder), "deeds": deeds, **how}
        self.processes.append(
            subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.registration.test_race", json.dumps(orders)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )

    def go(self) -> Counter[str]:
        """Let everybody begin; returns how often which answer came."""
        for one in self.processes:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n", one.stdout.read()
        for one in self.processes:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        answers: Counter[str] = Counter()
        for one in self.processes:
            output, _ = one.communicate(timeout=LONGEST)
            answers += Counter(json.loads(output))
        return answers

    def end(self) -> None:
        for one in self.processes:
            one.kill()
            one.communicate()


@pytest.fixture
def crowd(app: Flask, tmp_path: Path) -> Iterator[Crowd]:
    gathered = Crowd(app, tmp_path / "instance")
    yield gathered
    gathered.end()


def seats_of(found: Event) -> Counter[str]:
    db.session.rollback()
    rows = db.session.execute(
        select(Attendee.status, func.count()).where(Attendee.event_id == found.id).group_by(Attendee.status)
    )
    return Counter({status.value: count for status, count in rows})


def applications(count: int, slug: str, first: int = 0) -> list[list[Any]]:
    return [["register", slug, number] for number in range(first, first + count)]


def rush(crowd: Crowd, found: Event, count: int = APPLICANTS, **how: Any) -> Counter[str]:
    share = count // PROCESSES
    for process in range(PROCESSES):
        crowd.add(applications(share, found.slug, process * share), **how)
    return crowd.go()


def a_seminar(seats: int, **rule: Any) -> Event:
    found = an_event(capacities={"local_gov": seats})
    with transaction():
        for name, value in rule.items():
            setattr(found.category("local_gov"), name, value)
    return found


@pytest.mark.slow
@on_both
def test_200_people_for_50_seats(app: Flask, crowd: Crowd) -> None:
    found = a_seminar(SEATS)
    answers = rush(crowd, found)
    assert answers == {"confirmed": 50, "waitlisted": 150}
    assert seats_of(found) == {"confirmed": 50, "waitlisted": 150}
    assert found.lock_version == APPLICANTS
    letters = Counter(db.session.scalars(select(Message.letter)))
    assert letters == {"confirmed": 50, "waitlisted": 150}
    assert len(set(db.session.scalars(select(Message.recipient)))) == APPLICANTS
    assert checks.run() == []


@pytest.mark.slow
def test_40_people_for_10_seats_without_a_waitlist(app: Flask, crowd: Crowd) -> None:
    found = a_seminar(10, waitlist=False)
    assert rush(crowd, found, 40) == {"confirmed": 10, "Refusal": 30}
    assert seats_of(found) == {"confirmed": 10}
    assert db.session.scalar(select(func.count()).select_from(Registration)) == 10


@pytest.mark.slow
@on_both
def test_without_the_lock_the_same_people_break_the_rule(app: Flask, crowd: Crowd) -> None:
    """PostgreSQL sells seats twice; SQLite, with plain BEGIN, turns people away whom nobody has refused."""
    found = a_seminar(SEATS)
    answers = rush(crowd, found, unlocked=True)
    assert sum(answers.values()) == APPLICANTS
    if db.engine.dialect.name == "postgresql":
        assert seats_of(found)["confirmed"] > SEATS
    else:
        assert answers["Busy"] > 0
        assert set(answers) <= {"confirmed", "waitlisted", "Busy"}


@pytest.mark.slow
@on_both
def test_seats_given_back_while_others_come(app: Flask, crowd: Crowd) -> None:
    """20 seats, all taken, 10 people wait; 15 leave while 40 more come: full again, and nobody is lost."""
    found = a_seminar(20)
    crowd.folder.mkdir(exist_ok=True)
    for number, person in enumerate(people(30)):
        registration.register(found, an_application(person, contact_email=f"{number}@first.example.lg.jp"))
    leaving = list(db.session.scalars(select(Attendee.id).order_by(Attendee.id).limit(15)))
    crowd.add([["cancel", number] for number in leaving[:8]])
    crowd.add([["cancel", number] for number in leaving[8:]])
    crowd.add(applications(20, found.slug, 100))
    crowd.add(applications(20, found.slug, 200))
    answers = crowd.go()
    assert answers["cancelled"] == 15
    assert answers["confirmed"] + answers["waitlisted"] == 40
    assert seats_of(found) == {"confirmed": 20, "waitlisted": 35, "cancelled": 15}
    early = db.session.scalars(select(Attendee.status).order_by(Attendee.id).offset(20).limit(10)).all()
    assert set(early) == {Status.CONFIRMED}, "those who waited first have come first"
    assert checks.run() == []


@pytest.mark.slow
@on_both
def test_an_answer_and_its_deadline_at_once(app: Flask, crowd: Crowd, at) -> None:
    """For some the answer is in time, for others the deadline: letter and status agree about it (D22)."""
    moment = at(datetime(2025, 12, 19, 2, 0, tzinfo=UTC))
    found = a_seminar(10, promotion="offer")
    first = registration.register(found, an_application(*people(5)))
    second = registration.register(found, an_application(*people(5)))
    moment.move(timedelta(seconds=1))
    for number, person in enumerate(people(10)):
        registration.register(found, an_application(person, contact_email=f"{number}@wait.example.lg.jp"))
    for one in (first, second):
        registration.cancel(one.attendees)
    asked = list(db.session.scalars(select(Attendee).where(Attendee.status == Status.OFFERED)))
    assert len(asked) == 10
    until = asked[0].offer_until
    assert until is not None
    crowd.add([["accept", one.id] for one in asked], clock=(until - timedelta(seconds=1)).isoformat())
    crowd.add([["expire", found.slug] for _ in range(3)], clock=until.isoformat())
    answers = crowd.go()
    assert answers["confirmed"] + answers["Refusal"] == 10
    after = seats_of(found)
    assert (after["confirmed"], after["expired"]) == (answers["confirmed"], answers["Refusal"])
    letters = Counter(db.session.scalars(select(Message.letter)))
    assert (letters["promoted"], letters["offer_expired"]) == (after["confirmed"], after["expired"])
    assert checks.run() == []


@on_both
def test_one_form_sent_twenty_times_is_one_registration(app: Flask) -> None:
    found = an_event(confirm_screen=False)
    form = {
        "form_token": token.issue(found.id),
        "category": "company",
        "attendees-0-family_name": "山田",
        "attendees-0-given_name": "太郎",
        "attendees-0-organisation": "株式会社サンプル",
        "contact_email": "yamada@example.co.jp",
        "consent_privacy": "y",
    }
    barrier = threading.Barrier(20)
    answers: Queue[tuple[int, str]] = Queue()

    def send(address: str) -> None:
        client = app.test_client()
        barrier.wait(LONGEST)
        answer = client.post(address, data=form)
        answers.put((answer.status_code, client.get(answer.headers.get("Location", "/")).text))

    crowd = [threading.Thread(target=send, args=[f"/events/{found.slug}/register"]) for _ in range(20)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(LONGEST)
    db.session.rollback()
    (registration,) = db.session.scalars(select(Registration)).all()
    assert len(registration.attendees) == 1
    assert db.session.scalar(select(func.count()).select_from(Message)) == 1
    pages = [answers.get_nowait() for _ in range(20)]
    assert {status for status, _ in pages} == {303}
    assert {f'data-registered="{registration.reference}"' in page for _, page in pages} == {True}


# From here on: the program that plays the crowd.


def take_the_locks_away() -> None:
    """Let the verbs run without the event's lock, and on SQLite without anything that keeps writers apart."""
    lock = database_module.lock
    for name, module in list(sys.modules.items()):
        if name.startswith("eventsite.") and getattr(module, "lock", None) is lock:
            module.lock = lambda row: None  # type: ignore[attr-defined]
    database_module._turn_to_write = nullcontext  # type: ignore[assignment]

    def plain(engine: Engine, synchronous: str) -> None:
        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, record: Any) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA busy_timeout=5000")

        @event.listens_for(engine, "begin")
        def on_begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN")

    database_module._prepare_sqlite = plain


def do(verb: str, about: Any, *more: Any) -> str:
    """Do one deed and return what came of it."""
    if verb in {"register", "expire"}:
        found = db.session.scalars(select(Event).where(Event.slug == about)).one()
        if verb == "expire":
            registration.expire_offers(found)
            return "expired"
        (person,) = people(1)
        application = an_application(person, contact_email=f"{more[0]}@town.example.lg.jp")
        return registration.register(found, application).attendees[0].status.value
    attendee = db.session.get_one(Attendee, about)
    if verb == "accept":
        registration.accept(attendee)
    else:
        registration.cancel([attendee])
    return attendee.status.value


def play(orders: dict[str, Any]) -> Counter[str]:
    if orders.get("unlocked"):
        take_the_locks_away()
    if "clock" in orders:
        moment = datetime.fromisoformat(orders["clock"])
        clock.now = lambda: moment
    app = build(orders["uri"], Path(orders["folder"]))
    deeds: Queue[list[Any]] = Queue()
    for one in orders["deeds"]:
        deeds.put(one)
    answers: Queue[str] = Queue()
    begin = threading.Event()
    crowd = [threading.Thread(target=work, args=(app, begin, deeds, answers.put)) for _ in range(THREADS)]
    for one in crowd:
        one.start()
    print("ready", flush=True)
    sys.stdin.readline()
    begin.set()
    for one in crowd:
        one.join()
    with app.app_context():
        db.engine.dispose()
    return Counter(answers.get_nowait() for _ in range(answers.qsize()))


def work(app: Flask, begin: threading.Event, deeds: Queue[list[Any]], tell: Callable[[str], None]) -> None:
    with app.app_context():
        db.session.execute(select(1))
        db.session.rollback()
        begin.wait()
        while True:
            try:
                deed = deeds.get_nowait()
            except Empty:
                break
            try:
                tell(do(*deed))
            except Exception as error:
                tell(type(error).__name__)
            finally:
                db.session.remove()


if __name__ == "__main__":
    print(json.dumps(play(json.loads(sys.argv[1]))))
