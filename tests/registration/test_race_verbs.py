"""Verbs against verbs, from several processes at once: one wins, the other is told why, and the letters agree.

Who wins is left to chance; what must hold is the same whoever does.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite import checks, registration
from eventsite.db import db, transaction
from eventsite.models import Attendee, Draw, Event, Message, Registration, StatusChange
from tests.cast import an_application, an_event, people, sato
from tests.fixtures.crowd import PROCESSES, Crowd, Deed
from tests.fixtures.database import on_both

pytestmark = pytest.mark.slow

EACH = 12  # people who are fought over in one test
NOON = datetime(2025, 12, 19, 3, 0, tzinfo=UTC)
AFTERWARDS = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def everything_is_right_in_the_end(app: Flask) -> Iterator[None]:
    yield
    db.session.rollback()
    assert checks.run() == []


@pytest.fixture(autouse=True)
def moment(at: Callable[[datetime], Any]) -> Any:
    return at(NOON)


def a_seminar(seats: int | None, **rule: Any) -> Event:
    """A seminar whose first category has so many seats and these rules, with its organiser."""
    found = an_event(capacities={"local_gov": seats})
    with transaction():
        for name, value in rule.items():
            setattr(found.category("local_gov"), name, value)
    sato(found)
    return found


def come(found: Event, count: int, **how: Any) -> list[int]:
    """Let people register, each for themself; returns the numbers of the attendees."""
    first = db.session.scalar(select(func.count()).select_from(Registration)) or 0
    sent = [
        an_application(person, contact_email=f"{first + place}@first.example.lg.jp", **how)
        for place, person in enumerate(people(count))
    ]
    return [registration.register(found, one).attendees[0].id for one in sent]


def everywhere(crowd: Crowd, deeds: list[Deed]) -> Counter[str]:
    """Let every process do all of it."""
    for _ in range(PROCESSES):
        crowd.add(deeds, clock=AFTERWARDS.isoformat())
    return crowd.go()


def against(crowd: Crowd, *sides: list[Deed]) -> Counter[str]:
    """Give each side a process of its own; every other one works from the end."""
    for number, deeds in enumerate(sides):
        crowd.add(deeds[::-1] if number % 2 else deeds, clock=AFTERWARDS.isoformat())
    return crowd.go()


def statuses(*numbers: int) -> Counter[str]:
    db.session.rollback()
    query = select(Attendee.status, func.count()).group_by(Attendee.status)
    rows = db.session.execute(query.where(Attendee.id.in_(numbers)) if numbers else query)
    return Counter({status.value: count for status, count in rows})


def moves() -> Counter[tuple[str, str]]:
    """What has become of whom since the first register."""
    query = select(StatusChange.from_status, StatusChange.to_status)
    rows = db.session.execute(query.where(StatusChange.from_status.is_not(None)))
    return Counter((before, after) for before, after in rows)


def letters() -> Counter[str]:
    """What was written since the crowd began."""
    return Counter(db.session.scalars(select(Message.letter).where(Message.created_at == AFTERWARDS)))


@on_both
def test_approved_by_everybody_at_once(crowd: Crowd) -> None:
    found = a_seminar(None, approval="manual")
    asking = come(found, EACH)
    answers = everywhere(crowd, [["approve", one] for one in asking])
    assert answers == {"approved": EACH, "nothing": EACH * (PROCESSES - 1)}
    assert statuses() == {"confirmed": EACH}
    assert moves() == {("pending", "confirmed"): EACH}
    assert letters() == {"approved": EACH}


@on_both
def test_approved_and_declined(crowd: Crowd) -> None:
    found = a_seminar(EACH, approval="manual")
    asking, waiting = come(found, EACH), come(found, 3)
    yes, no = ([[verb, one] for one in asking] for verb in ("approve", "decline"))
    answers = against(crowd, yes, no)
    assert answers["approved"] + answers["declined"] == answers["nothing"] == EACH
    left = statuses(*asking)
    assert left == +Counter(confirmed=answers["approved"], declined=answers["declined"])
    promoted = min(answers["declined"], 3)
    assert statuses(*waiting)["pending"] == promoted
    told = Counter(approved=answers["approved"], declined=answers["declined"], pending=promoted)
    assert letters() == +told


@on_both
def test_caps_change_while_people_come(crowd: Crowd) -> None:
    found = a_seminar(10)
    share = 20
    answers = against(
        crowd,
        [["resize", found.slug, "local_gov", 12, 8, 20, 14]],
        [["register", found.slug, number] for number in range(share)],
        [["register", found.slug, number] for number in range(share, 2 * share)],
    )
    assert answers["resized"] == 1
    assert answers["confirmed"] + answers["waitlisted"] == 2 * share
    left = statuses()
    assert 14 <= left["confirmed"] <= 20
    assert left["confirmed"] + left["waitlisted"] == 2 * share


@on_both
def test_one_form_sent_by_everybody(crowd: Crowd) -> None:
    found = a_seminar(10)
    ((reference, count),) = everywhere(crowd, [["submit", found.slug, "one key"]] * 8).items()
    assert count == 8 * PROCESSES
    db.session.rollback()
    assert [one.reference for one in db.session.scalars(select(Registration))] == [reference]
    assert statuses() == {"confirmed": 2}
    assert letters() == {"confirmed": 1}


@on_both
def test_replaced_and_cancelled(crowd: Crowd) -> None:
    """Whoever is replaced in time is told of the cancellation after that; nobody is replaced once cancelled."""
    found = a_seminar(EACH)
    coming, waiting = come(found, EACH), come(found, EACH)
    answers = against(crowd, [["replace", one] for one in coming], [["cancel", one] for one in coming])
    assert answers["cancelled"] == EACH
    assert answers["replaced"] + answers["closed"] == EACH
    assert (statuses(*coming), statuses(*waiting)) == ({"cancelled": EACH}, {"confirmed": EACH})
    others = select(func.count()).where(Attendee.email.like("%@other.example.jp"))
    assert db.session.scalar(others) == answers["replaced"]
    told = letters()
    assert told["promoted"] == EACH
    assert told["cancelled"] == EACH + answers["replaced"]
    assert told["changed"] == told["confirmed"] == answers["replaced"]


@on_both
def test_cancelled_by_everybody_at_once(crowd: Crowd) -> None:
    found = a_seminar(EACH)
    coming, waiting = come(found, EACH), come(found, 5)
    answers = everywhere(crowd, [["cancel", one] for one in coming])
    assert answers == {"cancelled": EACH, "nothing": EACH * (PROCESSES - 1)}
    assert statuses(*waiting) == {"confirmed": 5}
    assert letters() == {"cancelled": EACH, "promoted": 5}


@on_both
def test_drawn_by_everybody_at_once(crowd: Crowd) -> None:
    found = a_seminar(5, selection="lottery", closes_at=AFTERWARDS)
    come(found, EACH)
    answers = everywhere(crowd, [["draw", found.category("local_gov").id]] * 2)
    assert answers == {"drawn": 1, "already-submitted": 2 * PROCESSES - 1}
    assert statuses() == {"confirmed": 5, "waitlisted": EACH - 5}
    (made,) = db.session.scalars(select(Draw))
    assert Counter(one["status"] for one in made.entries) == {"confirmed": 5, "waitlisted": EACH - 5}
    assert letters() == {"won": 5, "lost": EACH - 5}


@on_both
def test_drawn_while_people_leave(crowd: Crowd) -> None:
    found = a_seminar(5, selection="lottery", closes_at=AFTERWARDS)
    lots = come(found, EACH)
    draws = [["draw", found.category("local_gov").id]]
    answers = against(crowd, draws, [["cancel", one] for one in lots[:6]])
    assert answers == {"drawn": 1, "cancelled": 6}
    left = statuses()
    assert (left["cancelled"], left["confirmed"] + left["waitlisted"]) == (6, EACH - 6)
    assert left["confirmed"] <= 5


@on_both
def test_two_want_the_same_seat_back(crowd: Crowd) -> None:
    found = a_seminar(5)
    gone = come(found, 5)
    for one in gone:
        registration.cancel([db.session.get_one(Attendee, one)])
    come(found, 4)
    answers = against(crowd, *([["restore", one] for one in part] for part in (gone[:2], gone[2:])))
    assert answers == {"restored": 1, "sold-out": 4}
    assert statuses(*gone) == {"confirmed": 1, "cancelled": 4}
    assert letters() == {"confirmed": 1}


@on_both
def test_one_wants_a_seat_back_and_others_come(crowd: Crowd) -> None:
    found = a_seminar(5)
    gone = come(found, 5)
    for one in gone:
        registration.cancel([db.session.get_one(Attendee, one)])
    come(found, 3)
    newcomers = [["register", found.slug, number] for number in range(EACH)]
    answers = against(crowd, [["restore", one] for one in gone], newcomers)
    assert answers["restored"] + answers["confirmed"] == 2
    assert (answers["sold-out"], answers["waitlisted"]) == (
        5 - answers["restored"],
        EACH - answers["confirmed"],
    )
    assert statuses()["confirmed"] == 5


@on_both
def test_moved_to_where_others_come(crowd: Crowd) -> None:
    found = a_seminar(EACH)
    with transaction():
        found.category("company").capacity = 5
    target = found.category("company").id
    coming, waiting = come(found, EACH), come(found, 3)
    newcomers = [["register", found.slug, number, "company"] for number in range(EACH)]
    answers = against(crowd, [["move", one, target] for one in coming], newcomers)
    assert answers["moved"] + answers["confirmed"] == 5
    assert (answers["sold-out"], answers["waitlisted"]) == (
        EACH - answers["moved"],
        EACH - answers["confirmed"],
    )
    assert statuses(*waiting)["confirmed"] == min(answers["moved"], 3)


@on_both
def test_promoted_by_two_of_the_office(crowd: Crowd) -> None:
    found = a_seminar(6, closes_at=NOON + timedelta(minutes=1))
    coming, waiting = come(found, 6), come(found, 5)
    with transaction():
        found.category("local_gov").closes_at = NOON
    for one in coming[:3]:
        registration.cancel([db.session.get_one(Attendee, one)])
    answers = everywhere(crowd, [["promote", found.slug]])
    assert answers == {"3 promoted": 1, "sold-out": PROCESSES - 1}
    assert statuses(*waiting) == {"confirmed": 3, "waitlisted": 2}
    assert letters() == {"promoted": 3}


@on_both
def test_waiting_ends_while_seats_become_free(crowd: Crowd) -> None:
    found = a_seminar(EACH)
    coming, waiting = come(found, EACH), come(found, EACH)
    answers = against(crowd, [["cancel", one] for one in coming], [["end_waiting", found.slug]])
    assert answers == {"cancelled": EACH, "ended": 1}
    left = statuses(*waiting)
    assert left["confirmed"] + left["lost"] == EACH
    assert letters() == +Counter(cancelled=EACH, promoted=left["confirmed"], waitlist_ended=left["lost"])
