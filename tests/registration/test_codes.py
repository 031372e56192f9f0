"""Invite codes: made, counted, withdrawn, and the last use wanted by two (D27)."""

import re
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from queue import Queue

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite import text
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.models import Attendee, AuditEntry, Category, Event, InviteCode, Message, Registration, Status
from eventsite.registration import cancel, codes, create_code, foresee, register, withdraw_code
from tests.cast import an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def by_invitation(event: Event, **rule: object) -> Category:
    category = event.category("company")
    with transaction():
        category.verification = "invite_code"
        for name, value in rule.items():
            setattr(category, name, value)
    return category


def asking(code: str, count: int = 1, **changes: object):
    return an_application(*people(count), category="company", code=code, **changes)


def refusal_of(verb) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        verb()
    return refusal.value


class TestMaking:
    @pytest.fixture
    def category(self, app: Flask) -> Category:
        return by_invitation(an_event())

    def test_a_drawn_code_is_long_and_easy_to_read_out(self, category: Category) -> None:
        by = sato(category.event)
        made = [create_code(category, by).code for _ in range(20)]
        assert len(set(made)) == 20
        assert {len(one) >= 10 and set(one) <= set(text.REFERENCE_ALPHABET) for one in made} == {True}
        shown = codes.grouped(made[0])
        assert re.fullmatch(r"\w{4}-\w{4}-\w{4}", shown)
        assert text.fold_code(shown) == made[0]
        assert codes.opens(category, shown.lower(), NOW)

    def test_a_typed_code_is_folded(self, category: Category) -> None:
        made = create_code(category, sato(category.event), " ｓｕｍｍｅｒ－２６ｂ ", uses=3, note="町会")
        assert (made.code, made.uses, made.note) == ("SUMMER26B", 3, "町会")
        assert codes.grouped(made.code) == "SUMMER26B"
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "code.created")).one()
        assert entry.details == {"category": "company", "code_id": made.id}

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("SUMMER2", "招待コードは、空白と「-」を除いて8～40文字にしてください。"),
            ("S-U-M-M-E-R-2", "招待コードは、空白と「-」を除いて8～40文字にしてください。"),
            ("A" * 41, "招待コードは、空白と「-」を除いて8～40文字にしてください。"),
            (" - - ", "招待コードは、空白と「-」を除いて8～40文字にしてください。"),
            ("SUMMER2026\ue000", "招待コードに使えない文字が含まれています。"),
            ("summer-2026", "この招待コードは、すでにあります。"),
        ],
    )
    def test_a_typed_code_that_cannot_be(self, category: Category, typed: str, words: str) -> None:
        by = sato(category.event)
        create_code(category, by, "SUMMER2026")
        no = refusal_of(lambda: create_code(category, by, typed))
        assert (no.code, no.field, str(no.words)) == ("invalid", "code", words)
        assert db.session.scalar(select(func.count(InviteCode.id))) == 1

    def test_two_categories_may_have_the_same_code(self, category: Category) -> None:
        other = category.event.category("local_gov")
        by = sato(category.event)
        assert create_code(category, by, "SUMMER2026").id != create_code(other, by, "SUMMER2026").id

    def test_an_end_in_the_past_is_refused(self, category: Category) -> None:
        by = sato(category.event)
        no = refusal_of(lambda: create_code(category, by, expires_at=NOW))
        assert (no.code, no.field) == ("invalid", "expires_date")


class TestUsing:
    @on_both
    def test_with_the_code_a_group_comes_in_and_it_is_one_use(self, app: Flask) -> None:
        category = by_invitation(an_event())
        code = create_code(category, sato(category.event), "SUMMER2026", uses=2)
        found = register(category.event, asking("summer-2026", 3))
        assert [(one.status, one.eligibility) for one in found.attendees] == [
            (Status.CONFIRMED, "domain-lg match")
        ] * 3
        assert (found.invite_code_id, codes.used(category)) == (code.id, {code.id: 1})

    def test_manual_approval_beats_the_code(self, app: Flask) -> None:
        category = by_invitation(an_event(), approval="manual")
        create_code(category, sato(category.event), "SUMMER2026")
        (attendee,) = register(category.event, asking("SUMMER2026")).attendees
        assert (attendee.status, attendee.eligibility) == (Status.PENDING, "domain-lg match")

    @on_both
    @pytest.mark.parametrize("wrong", ["unknown", "expired", "used-up", "withdrawn", "another-category"])
    def test_a_wrong_code_records_nothing(self, app: Flask, moment, wrong: str) -> None:
        category = by_invitation(an_event())
        event, by = category.event, sato(category.event)
        end = NOW + timedelta(days=1)
        code = create_code(category, by, "SUMMER2026", uses=1, expires_at=end)
        create_code(event.category("local_gov"), by, "ELSEWHERE1")
        offered = {"unknown": "SUMMER2027", "another-category": "ELSEWHERE1"}.get(wrong, "SUMMER2026")
        if wrong == "expired":
            moment.move(timedelta(days=1))
        if wrong == "used-up":
            register(event, asking("SUMMER2026"))
        if wrong == "withdrawn":
            withdraw_code(code, by)
        before = [
            db.session.scalar(select(func.count(one.id))) for one in (Registration, Message, AuditEntry)
        ]
        for verb in (foresee, register):
            no = refusal_of(lambda verb=verb: verb(event, asking(offered)))
            assert (no.code, no.field) == ("wrong-code", "code")
        after = [db.session.scalar(select(func.count(one.id))) for one in (Registration, Message, AuditEntry)]
        assert after == before

    def test_the_same_form_again_is_no_second_use(self, app: Flask) -> None:
        category = by_invitation(an_event())
        create_code(category, sato(category.event), "SUMMER2026", uses=1)
        first = register(category.event, asking("SUMMER2026", form_key="once"))
        assert register(category.event, asking("SUMMER2026", form_key="once")).id == first.id

    def test_cancelling_gives_the_use_back_with_the_last_attendee(self, app: Flask) -> None:
        category = by_invitation(an_event())
        create_code(category, sato(category.event), "SUMMER2026", uses=1)
        found = register(category.event, asking("SUMMER2026", 2))
        cancel(found.attendees[:1])
        assert not codes.opens(category, "SUMMER2026", NOW)
        cancel(found.attendees[1:])
        assert codes.opens(category, "SUMMER2026", NOW)

    def test_who_came_with_a_withdrawn_code_stays(self, app: Flask) -> None:
        category = by_invitation(an_event())
        by = sato(category.event)
        code = create_code(category, by, "SUMMER2026")
        found = register(category.event, asking("SUMMER2026"))
        withdraw_code(code, by)
        withdraw_code(code, by)
        assert found.attendees[0].status == Status.CONFIRMED
        assert not codes.opens(category, "SUMMER2026", NOW)
        assert db.session.scalar(select(func.count()).where(AuditEntry.action == "code.withdrawn")) == 1

    def test_a_category_that_asks_for_no_code_takes_no_notice_of_one(self, app: Flask) -> None:
        event = an_event()
        create_code(event.category("company"), sato(event), "SUMMER2026", uses=1)
        assert register(event, asking("nonsense")).invite_code_id is None


@on_both
def test_the_last_use_is_had_by_one_of_twenty(app: Flask) -> None:
    category = by_invitation(an_event())
    event_id = category.event.id
    create_code(category, sato(category.event), "SUMMER2026", uses=1)
    barrier, answers = threading.Barrier(20), Queue[str]()

    def come(number: int) -> None:
        with app.app_context():
            barrier.wait(60)
            try:
                event = db.session.get_one(Event, event_id)
                register(event, asking("SUMMER2026", contact_email=f"{number}@example.co.jp"))
                answers.put("in")
            except Refusal as refusal:
                answers.put(refusal.code)
            finally:
                db.session.remove()

    crowd = [threading.Thread(target=come, args=[number]) for number in range(20)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(60)
    db.session.rollback()
    assert Counter(answers.get_nowait() for _ in range(20)) == {"in": 1, "wrong-code": 19}
    assert db.session.scalar(select(func.count(Attendee.id))) == 1
