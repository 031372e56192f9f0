"""Whole lives of seminars, put together by chance: every verb in any order, and after each step everything is right.

hypothesis chooses the steps and, when one goes wrong, finds the shortest way there. What "right" means is said by
`witness.py`, which asks nothing of the product's rule, and by `flask check`. The steps are the same at every run: the
clock and the lots are the test's own.
"""

import random
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, configuration, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    get_state_machine_test,
    initialize,
    invariant,
    precondition,
    rule,
)

from eventsite import checks, registration
from eventsite.db import Base, db, transaction
from eventsite.errors import Refusal
from eventsite.events import operations
from eventsite.models import Attendee, Category, Event, Format, ParticipationMode, Registration
from eventsite.registration import Application, OutcomeChanged, Person, ledger
from tests.cast import an_application, an_event, sato
from tests.fixtures.database import on_both
from tests.fixtures.site import Clock
from tests.registration import witness

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
DRAW_DAY = datetime(2025, 12, 19, 1, 0, tzinfo=UTC)
CLOSING = datetime(2025, 12, 22, 8, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 5, 0, tzinfo=UTC)
OPEN, ASKED, LOTTERY, ASKED_LOTTERY = "local_gov", "company", "gdx_member", "guest"
MILESTONES = {DRAW_DAY: 6, CLOSING: 10, START: 18}  # after how many steps they may come
ACTIVE = ("confirmed", "pending", "waitlisted", "lottery", "offered")
LIVES = {"sqlite": (75, 3), "postgresql": (50, 5)}  # how many, and from which seed: others on each database
OFFICE_HOURS = settings(
    database=None,
    derandomize=True,
    deadline=None,
    stateful_step_count=16,
    suppress_health_check=list(HealthCheck),
)

categories = st.sampled_from([OPEN, ASKED, OPEN, LOTTERY, ASKED, ASKED_LOTTERY])
small_caps = st.sampled_from([1, 2, 1, 3, None])
any_caps = st.sampled_from([2, 1, 3, 0, 5, None])
any_one = st.integers(0, 11)
some = st.integers(1, 7)
flags = st.booleans()
often = st.sampled_from([True, True, False])
seldom = st.sampled_from([False, False, False, True])
groups = st.lists(flags, min_size=1, max_size=3)
applications = st.tuples(categories, groups, flags, flags, seldom, seldom)


class Lives(RuleBasedStateMachine):
    """One event, its organiser, and everybody who registers; each rule is a step that one of them takes."""

    moment: Clock
    chance: random.Random
    event: Event

    def __init__(self) -> None:
        super().__init__()
        self.moment.moment = NOW
        self.chance.seed(0)
        self.count = self.steps = 0
        self.by_choice = self.details = False

    def teardown(self) -> None:
        db.session.rollback()
        with transaction():
            for table in reversed(Base.metadata.sorted_tables):
                db.session.execute(table.delete())
        db.session.remove()

    @initialize(
        total=st.sampled_from([2, 3, 5, None]),
        caps=st.tuples(small_caps, any_caps, small_caps, any_caps),
        modes=st.none() | st.tuples(small_caps, small_caps),
        offers=st.tuples(often, often, often, often),
        lists=st.tuples(seldom, seldom, seldom, seldom),
        draw_day=st.sampled_from([DRAW_DAY, DRAW_DAY, None]),
        crowd=st.lists(applications, min_size=4, max_size=8),
    )
    def begins(
        self, total: Any, caps: Any, modes: Any, offers: Any, lists: Any, draw_day: Any, crowd: Any
    ) -> None:
        self.event = an_event(
            start_at=START, end_at=START + timedelta(hours=2), closes_at=CLOSING, lottery_at=draw_day
        )
        self.sato = sato(self.event)
        with transaction():
            self.event.capacity_total = total
            self.event.categories.append(Category(code=ASKED_LOTTERY, label="招待", position=3))
            if modes:
                self.event.format = Format.HYBRID
                for key, cap in zip(("venue", "online"), modes, strict=True):
                    self.event.modes.append(ParticipationMode(key=key, label=key, capacity=cap))
            for one, cap, offer, without in zip(self.event.categories, caps, offers, lists, strict=True):
                one.capacity, one.waitlist = cap, not without
                one.promotion = "offer" if offer else "confirm"
            for code in (LOTTERY, ASKED_LOTTERY):
                self.category(code).selection = "lottery"
            self.category(ASKED).verification = "domain_hint"
            self.category(ASKED_LOTTERY).approval = "manual"
        self.seen = witness.look(self.event, witness.Seen(NOW, START))
        for sent in crowd:
            self.registers(sent)
            self.everything_is_right()

    @rule(sent=applications)
    def registers(self, sent: tuple[str, list[bool], bool, bool, bool, bool]) -> None:
        category, modes, known, own, whole, twice = sent
        application = self.application(category, modes, known=known, own=own, all_or_nothing=whole)
        made = self.attempt(registration.register, self.event, application)
        if made is not None:
            assert not (whole and "waitlisted" in [one.status for one in made.attendees])
            if twice:
                assert registration.register(self.event, application).id == made.id

    @precondition(lambda self: self.steps % 3 == 0)
    @rule(category=categories, venue=flags, over=seldom)
    def is_registered_by_telephone(self, category: str, venue: bool, over: bool) -> None:
        self.by_choice = over
        application = self.application(category, [venue], known=True, own=False)
        self.attempt(
            registration.register, self.event, application, by=self.sato, source="staff", over_limit=over
        )

    @precondition(lambda self: self.seen.who(*ACTIVE))
    @rule(which=any_one, mask=some, office=flags)
    def cancels(self, which: int, mask: int, office: bool) -> None:
        numbers = sorted({one.registration for one in self.seen.who(*ACTIVE)})
        found = db.session.get_one(Registration, numbers[which % len(numbers)])
        leaving = [one for one in found.attendees if mask & (1 << one.branch - 1)] or found.attendees
        self.attempt(registration.cancel, leaving, by=self.sato if office else None)

    @precondition(lambda self: self.pairs())
    @rule(which=any_one, office=flags)
    def makes_room_for_who_waits(self, which: int, office: bool) -> None:
        pairs = self.pairs()
        leaving = db.session.get_one(Attendee, pairs[which % len(pairs)].id)
        self.attempt(registration.cancel, [leaving], by=self.sato if office else None)

    @precondition(lambda self: self.steps % 3 == 0 and self.seen.who(*ACTIVE))
    @rule(which=any_one, own=flags, office=flags)
    def sends_somebody_else(self, which: int, own: bool, office: bool) -> None:
        self.details = True
        person = self.person(None, own=own)
        self.attempt(
            registration.replace, self.one_of(which, *ACTIVE), person, [], by=self.sato if office else None
        )

    @precondition(lambda self: self.seen.who("pending"))
    @rule(mask=some, yes=flags)
    def is_decided_upon(self, mask: int, yes: bool) -> None:
        asking = self.some_of(mask, self.seen.who("pending"))
        self.attempt(registration.approve if yes else registration.decline, self.event, asking, self.sato)

    @precondition(lambda self: self.left_out())
    @rule(mask=some)
    def is_approved_after_the_draw(self, mask: int) -> None:
        self.attempt(registration.approve, self.event, self.some_of(mask, self.left_out()), self.sato)

    @rule(which=any_one, cap=any_caps)
    def caps_change(self, which: int, cap: int | None) -> None:
        contended = {one for waiting in self.seen.who("waitlisted") for one in waiting.caps}
        caps = sorted(contended or self.seen.caps)
        kind, name = caps[which % len(caps)]
        if kind == "event":
            operations.change(self.event, {"capacity_total": cap}, self.sato)
        elif kind == "category":
            operations.change_category(self.category(name), {"capacity": cap}, self.sato)
        else:
            modes = {one.key: one.capacity for one in self.event.modes} | {name: cap}
            operations.change(self.event, {}, self.sato, mode_caps=modes)

    @precondition(lambda self: self.steps % 3 == 0)
    @rule(category=categories, later=flags)
    def closing_moves(self, category: str, later: bool) -> None:
        closing = START if later else self.moment.moment
        operations.change_category(self.category(category), {"closes_at": closing}, self.sato)

    @precondition(lambda self: self.steps % 3 == 0)
    @rule(far=flags)
    def time_passes(self, far: bool) -> None:
        now = self.moment.moment
        ahead = [one for one, steps in MILESTONES.items() if self.steps > steps and one > now]
        self.moment.moment = min(ahead, default=now) if far else now + timedelta(hours=5)

    @precondition(lambda self: self.moment.moment >= DRAW_DAY)
    @rule()
    def background_work_is_done(self) -> None:
        registration.expire_offers(self.event)
        for one in self.event.categories:
            self.attempt(registration.draw, one, None)
        registration.end_at_start(self.event)

    @precondition(lambda self: self.in_undrawn() and self.steps > 8)
    @rule(which=any_one)
    def lots_are_drawn(self, which: int) -> None:
        entered = self.in_undrawn()
        category = self.category(entered[which % len(entered)].category)
        self.moment.moment = max(self.moment.moment, DRAW_DAY)
        self.attempt(registration.draw, category, self.sato)

    @precondition(lambda self: self.seen.who("offered"))
    @rule()
    def an_offer_lapses(self) -> None:
        self.moment.moment = self.end_of_an_offer()
        registration.expire_offers(self.event)

    @precondition(lambda self: self.seen.who("offered"))
    @rule(which=any_one, late=flags)
    def accepts(self, which: int, late: bool) -> None:
        if late:
            self.moment.moment = self.end_of_an_offer()
        self.attempt(registration.accept, self.one_of(which, "offered"))

    @precondition(lambda self: self.seen.who("waitlisted"))
    @rule(mask=some, chosen=flags, over=seldom)
    def is_promoted_by_hand(self, mask: int, chosen: bool, over: bool) -> None:
        self.by_choice = chosen or over
        people = self.some_of(mask, self.seen.who("waitlisted")) if chosen else None
        self.attempt(registration.promote_by_hand, self.event, self.sato, people, over_limit=over)

    @precondition(lambda self: self.seen.who("waitlisted") and self.steps > 16)
    @rule(category=categories)
    def waiting_ends(self, category: str) -> None:
        registration.end_waiting(self.event, [self.category(category)], self.sato)

    @precondition(lambda self: self.seen.who("cancelled"))
    @rule(which=any_one, over=seldom)
    def comes_after_all(self, which: int, over: bool) -> None:
        self.by_choice = over
        gone = self.seen.who("cancelled")
        gone = [one for one in gone if not self.seen.has_room(one)] or gone
        who = db.session.get_one(Attendee, gone[which % len(gone)].id)
        self.attempt(registration.restore, who, self.sato, over_limit=over)

    @precondition(lambda self: self.steps % 3 == 0 and self.seen.who(*ACTIVE))
    @rule(which=any_one, category=categories, over=seldom)
    def moves(self, which: int, category: str, over: bool) -> None:
        self.by_choice, self.details = over, True
        target = self.category(category)
        waits = which % 2 and self.seen.who("waitlisted")
        who = self.one_of(which, *(("waitlisted",) if waits else ACTIVE))
        self.attempt(registration.move_to, who, target, self.sato, over_limit=over)

    @invariant()
    def everything_is_right(self) -> None:
        before, self.seen = self.seen, witness.look(self.event, self.seen)
        found = witness.faults(before, self.seen, by_choice=self.by_choice, details=self.details)
        assert list(found) == []
        if replace(self.seen, now=before.now) != before:
            assert self.figures() == {cap: self.seen.held(cap) for cap in self.seen.caps}
            assert checks.run() == []
        db.session.rollback()
        self.by_choice = self.details = False
        self.steps += 1
        self.moment.move(timedelta(seconds=1))

    def attempt(self, verb: Callable[..., Any], *arguments: Any, **how: Any) -> Any:
        """Take a step that may be refused; nothing else may go wrong."""
        try:
            return verb(*arguments, **how)
        except (Refusal, OutcomeChanged):
            return None

    def application(
        self, category: str, modes: list[bool], *, known: bool, own: bool, **more: Any
    ) -> Application:
        self.count += 1
        host = "town.example.lg.jp" if known else "example.co.jp"
        return an_application(
            *(self.person(mode, own=own) for mode in modes),
            category=category,
            contact_email=f"{self.count}@{host}",
            form_key=f"form {self.count}",
            **more,
        )

    def person(self, venue: bool | None, *, own: bool) -> Person:
        self.count += 1
        mode = None if venue is None or not self.event.modes else "venue" if venue else "online"
        email = f"{self.count}@home.example.jp" if own else ""
        return Person(
            family_name="参加",
            given_name=f"者{self.count}",
            organisation="見本市",
            email=email,
            participation=mode,
        )

    def category(self, code: str) -> Category:
        found = self.event.category(code)
        assert found is not None
        return found

    def one_of(self, which: int, *statuses: str) -> Attendee:
        people = self.seen.who(*statuses)
        return db.session.get_one(Attendee, people[which % len(people)].id)

    def some_of(self, mask: int, people: list[witness.Person]) -> list[Attendee]:
        chosen = [one for place, one in enumerate(people) if mask & (1 << place % 3)] or people
        return [db.session.get_one(Attendee, one.id) for one in chosen]

    def end_of_an_offer(self) -> datetime:
        ends = [one.offer_until for one in self.seen.who("offered") if one.offer_until]
        return max(self.moment.moment, min(ends))

    def in_undrawn(self) -> list[witness.Person]:
        return [one for one in self.seen.who("lottery", "pending") if one.category in self.seen.undrawn]

    def left_out(self) -> list[witness.Person]:
        return [
            one for one in self.seen.people.values() if one.seatless and one.category not in self.seen.undrawn
        ]

    def pairs(self) -> list[witness.Person]:
        """Those who hold a seat of the kind that somebody waits for."""
        kinds = {(one.category, one.mode) for one in self.seen.who("waitlisted")}
        return [one for one in self.seen.people.values() if one.holds and (one.category, one.mode) in kinds]

    def figures(self) -> dict[witness.Cap, int]:
        """What the product says is held under each cap."""
        book = ledger.read(self.event)
        figures = {("event", ""): book.held}
        figures |= {
            ("category", one.code): book.held_in_category.get(one.code, 0) for one in self.event.categories
        }
        return figures | {("mode", one.key): book.held_in_mode.get(one.key, 0) for one in self.event.modes}


@pytest.mark.slow
@on_both
def test_whatever_happens_it_is_right(
    app: Flask, at: Callable[[datetime], Clock], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration.set_hypothesis_home_dir(tmp_path)
    chance = random.Random()
    monkeypatch.setattr(secrets, "choice", chance.choice)
    monkeypatch.setattr(secrets, "token_hex", lambda size=32: chance.randbytes(size).hex())
    here = type("Here", (Lives,), {"moment": at(NOW), "chance": chance})
    count, first = LIVES[db.engine.dialect.name]
    live = get_state_machine_test(here, settings=settings(OFFICE_HOURS, max_examples=count))
    seed(first)(live)()
