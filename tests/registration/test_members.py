"""The member list: offered, confirmed, replaced as a whole, and who is on it below the limit (D26)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite import jobs
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.models import Account, Attendee, AuditEntry, Category, Member, Status, Upload
from eventsite.registration import (
    cancel,
    confirm_list,
    discard_list,
    members,
    offer_list,
    register,
    registering,
    remove_list,
)
from tests.cast import an_application, an_event, kanri, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
HEADER = "会員番号,会員名,上限人数\n"
DAY = timedelta(days=1)
FOUND, UNKNOWN = "domain-lg match", "domain-lg member-unknown"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def category(app: Flask) -> Category:
    found = an_event().category("gdx_member")
    with transaction():
        found.verification = "member_roster"
    return found


@pytest.fixture
def by(category: Category) -> Account:
    return sato(category.event)


def offer(category: Category, by: Account, *lines: str) -> Upload:
    return offer_list(category, by, "会員.csv", (HEADER + "\n".join(lines)).encode())


def give(category: Category, by: Account, *lines: str) -> None:
    confirm_list(category, members.seal_of(offer(category, by, *lines)), by)


def the_list(category: Category) -> list[tuple]:
    db.session.rollback()
    query = select(Member).where(Member.category_id == category.id).order_by(Member.number)
    return [(one.number, one.name, one.seats, one.active) for one in db.session.scalars(query)]


def come(category: Category, *numbers: str, **changes: object) -> list[tuple[str, str]]:
    persons = [
        replace(one, member_number=number) for one, number in zip(people(len(numbers)), numbers, strict=True)
    ]
    found = register(category.event, an_application(*persons, category=category.code, **changes))
    return [(one.status.value, one.eligibility) for one in found.attendees]


def refused(verb: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refusal:
        verb()
    assert (refusal.value.code, refusal.value.field) == ("invalid", "file")
    return str(refusal.value.words)


class TestReplacing:
    @on_both
    def test_nothing_changes_until_it_is_confirmed(self, app: Flask, category: Category, by: Account) -> None:
        upload = offer(category, by, "a-1,甲市,2", "B2,乙市,")
        assert the_list(category) == []
        assert members.difference(category, upload) == members.Difference(added=2, removed=0, changed=0)
        assert confirm_list(category, members.seal_of(upload), by) == 2
        assert the_list(category) == [("A1", "甲市", 2, True), ("B2", "乙市", None, True)]
        assert members.offered(category, by) is None
        again = offer(category, by, "A1,甲市,3", "C3,丙市,", "B2,乙市,")
        assert members.difference(category, again) == members.Difference(added=1, removed=0, changed=1)
        last = offer(category, by, "B2,乙市,")
        assert members.difference(category, last) == members.Difference(added=0, removed=1, changed=0)
        assert confirm_list(category, members.seal_of(last), by) == 1
        assert the_list(category) == [("B2", "乙市", None, True)]
        entries = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "category.list_replaced").order_by(AuditEntry.id)
        )
        assert [one.details for one in entries] == [{"code": "gdx_member", "rows": rows} for rows in (2, 1)]

    @on_both
    def test_a_broken_file_keeps_nothing_and_names_the_lines(
        self, app: Flask, category: Category, by: Account
    ) -> None:
        give(category, by, "A1,甲市,2")
        with pytest.raises(members.FaultyList) as faulty:
            offer(category, by, "B2,,", ",,3", "B2,,")
        assert str(faulty.value.words) == "2行に直すところがあります。何も取り込んでいません。"
        assert [one.line for one in faulty.value.faults] == [3, 4]
        assert (the_list(category), members.offered(category, by)) == ([("A1", "甲市", 2, True)], None)

    def test_an_upload_is_confirmed_once_by_whom_it_belongs_to(self, category: Category, by: Account) -> None:
        seal = members.seal_of(offer(category, by, "A1,,"))
        gone = "この名簿は、もう取り込めません。ファイルをもう一度選んでください。"
        other = category.event.category("company")
        assert refused(lambda: confirm_list(category, seal, kanri())) == gone
        assert refused(lambda: confirm_list(other, seal, by)) == gone
        assert refused(lambda: confirm_list(category, "", by)) == gone
        confirm_list(category, seal, by)
        assert refused(lambda: confirm_list(category, seal, by)) == gone

    def test_only_what_was_looked_over_is_confirmed(self, category: Category, by: Account) -> None:
        first = members.seal_of(offer(category, by, "A1,,"))
        second = members.seal_of(offer(category, by, "B2,,"))
        assert db.session.scalar(select(func.count(Upload.id))) == 1
        refused(lambda: confirm_list(category, first, by))
        assert the_list(category) == []
        confirm_list(category, second, by)
        assert the_list(category) == [("B2", "", None, True)]

    def test_what_nobody_confirmed_is_gone_after_a_day(self, category: Category, by: Account, moment) -> None:
        seal = members.seal_of(offer(category, by, "A1,甲市,2"))
        moment.move(DAY - timedelta(seconds=1))
        assert members.offered(category, by) is not None
        moment.move(timedelta(seconds=1))
        assert members.offered(category, by) is None
        refused(lambda: confirm_list(category, seal, by))
        jobs.Worker().drain()
        assert db.session.scalar(select(func.count(Upload.id))) == 0

    def test_an_offer_can_be_discarded(self, category: Category, by: Account) -> None:
        offer(category, by, "A1,,")
        discard_list(category, by)
        assert (members.offered(category, by), the_list(category)) == (None, [])

    def test_the_list_can_be_emptied(self, category: Category, by: Account) -> None:
        give(category, by, "A1,,", "B2,,")
        remove_list(category, by)
        remove_list(category, by)
        assert the_list(category) == []
        assert (
            db.session.scalar(select(func.count()).where(AuditEntry.action == "category.list_replaced")) == 2
        )

    def test_20000_members_at_once(self, category: Category, by: Account) -> None:
        lines = [f"A{number},見本市,3" for number in range(20_000)]
        give(category, by, *lines)
        assert members.size(category) == 20_000
        assert len(members.first(category, 200)) == 200


class TestStanding:
    @on_both
    def test_a_number_is_right_up_to_its_limit(self, app: Flask, category: Category, by: Account) -> None:
        give(category, by, "A-1,甲市,2", "B2,,", "C3,,0")
        assert come(category, "A1", "A1", "A1") == [
            ("confirmed", FOUND),
            ("confirmed", FOUND),
            ("pending", UNKNOWN),
        ]
        assert come(category, "A1") == [("pending", UNKNOWN)]
        assert come(category, "B2", "C3", "D4", "") == [
            ("confirmed", FOUND),
            ("pending", UNKNOWN),
            ("pending", UNKNOWN),
            ("pending", UNKNOWN),
        ]

    def test_without_a_list_every_number_waits(self, category: Category) -> None:
        assert come(category, "A1") == [("pending", UNKNOWN)]

    def test_an_inactive_number_waits(self, category: Category, by: Account) -> None:
        content = "会員番号,有効\nA1,無効\n".encode()
        confirm_list(category, members.seal_of(offer_list(category, by, "a.csv", content)), by)
        assert come(category, "A1") == [("pending", UNKNOWN)]

    def test_the_name_on_the_list_is_no_gate(self, category: Category, by: Account) -> None:
        give(category, by, "A1,まったく別の名前,")
        assert come(category, "A1") == [("confirmed", FOUND)]

    def test_manual_approval_beats_the_list(self, category: Category, by: Account) -> None:
        give(category, by, "A1,,")
        with transaction():
            category.approval = "manual"
        assert come(category, "A1") == [("pending", FOUND)]

    def test_who_cancels_gives_the_number_back(self, category: Category, by: Account) -> None:
        give(category, by, "A1,,1")
        come(category, "A1")
        cancel(list(db.session.scalars(select(Attendee))))
        assert come(category, "A1") == [("confirmed", FOUND)]

    def test_the_list_of_another_category_says_nothing(self, category: Category, by: Account) -> None:
        give(category.event.category("company"), by, "A1,,")
        assert come(category, "A1") == [("pending", UNKNOWN)]

    def test_a_new_list_leaves_those_who_are_in(self, category: Category, by: Account) -> None:
        give(category, by, "A1,,")
        come(category, "A1")
        give(category, by, "B2,,")
        assert db.session.scalars(select(Attendee.status)).all() == [Status.CONFIRMED]

    def test_who_takes_a_place_does_not_count_the_one_who_leaves_it(
        self, category: Category, by: Account
    ) -> None:
        give(category, by, "A1,,1")
        come(category, "A1")
        (attendee,) = db.session.scalars(select(Attendee)).all()
        (person,) = (replace(one, member_number="A1") for one in people(1))
        besides, alone = (
            registering.findings(category, [person], "a@city.example.lg.jp", besides=ids)[0].badge
            for ids in ([attendee.id], [])
        )
        assert (besides, alone) == (FOUND, UNKNOWN)

    def test_what_the_office_sees(self, category: Category, by: Account) -> None:
        give(category, by, "A1,甲市,1")
        come(category, "A1", "A1", "B2")
        asking = list(db.session.scalars(select(Attendee).order_by(Attendee.id)))
        entries = members.entries_of(asking)
        assert {key: (one.member.name, one.used) for key, one in entries.items()} == {
            asking[0].id: ("甲市", 2),
            asking[1].id: ("甲市", 2),
        }
