"""Many people at once, from several processes: seats are neither sold twice nor left lying.

Taken apart on purpose (`unlocked`), the same crowd must break the rule: that proves that there is a race, and that it
is the lock that wins it. Verbs against verbs: `test_race_verbs.py`.
"""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from queue import Queue
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite import checks, registration
from eventsite.db import db, transaction
from eventsite.models import Attendee, Event, Message, Registration, Status
from eventsite.web.forms import token
from tests.cast import an_application, an_event, people
from tests.fixtures.crowd import LONGEST, PROCESSES, Crowd
from tests.fixtures.database import on_both

SEATS, APPLICANTS = 50, 200


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
    assert rush(crowd, found, 40) == {"confirmed": 10, "sold-out": 30}
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
    assert answers["confirmed"] + answers["closed"] == 10
    after = seats_of(found)
    assert (after["confirmed"], after["expired"]) == (answers["confirmed"], answers["closed"])
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
