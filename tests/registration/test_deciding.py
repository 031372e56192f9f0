"""Approving and declining: who is moved, who is told what, whose seat goes to whom, and that it happens once."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite import checks, clock, tokens
from eventsite.db import db, transaction
from eventsite.mail import letters
from eventsite.models import (
    Account,
    Attendee,
    AuditEntry,
    Event,
    EventStatus,
    Message,
    Registration,
    Status,
    StatusChange,
)
from eventsite.registration import approve, cancel, decline, ledger, register
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

FRIDAY = datetime(2025, 12, 19, 2, 0, tzinfo=UTC)  # 11:00 in Japan
START = datetime(2026, 1, 14, 1, 0, tzinfo=UTC)
CONFIRMED, PENDING, WAITLISTED = Status.CONFIRMED, Status.PENDING, Status.WAITLISTED
LOTTERY, DECLINED, CANCELLED = Status.LOTTERY, Status.DECLINED, Status.CANCELLED
YOSHIDAS = "yoshida@city.example.lg.jp"
OTHERS_STAY = "ほかの参加者のお申し込みは、そのまま有効です。"
WORRY = "定員の都合により、\n今回は見送らせていただきます。"
LETTER_OF_MOVE = {
    (None, "pending"): "pending",
    ("pending", "confirmed"): "approved",
    ("pending", "declined"): "declined",
    ("pending", "cancelled"): "cancelled",
    ("confirmed", "cancelled"): "cancelled",
}
ROUNDS = 6
LONGEST = 60

Verb = Callable[[Event, list[Attendee], Account], list[Attendee]]
both_verbs = pytest.mark.parametrize("verb", [approve, decline])


@pytest.fixture(autouse=True)
def friday(at):
    """It is Friday, 19 December 2025, 11:00 in Japan."""
    return at(FRIDAY)


def by_approval(seats: int | None = 60, **rule: Any) -> Event:
    """A seminar whose category for towns asks for approval; any other rule of it can be named."""
    event = an_event(capacities={"local_gov": seats}, start_at=START, end_at=START + timedelta(minutes=90))
    with transaction():
        for name, value in ({"approval": "manual"} | rule).items():
            setattr(event.category("local_gov"), name, value)
    return event


def one_each(event: Event, count: int) -> list[Registration]:
    """That many registrations of one person each, a second apart, the last one now."""
    found, present = [], clock.now.moment
    for number, one in enumerate(people(count), start=1):
        clock.now.moment = present - timedelta(seconds=count - number)
        found.append(register(event, an_application(one, contact_email=f"{number}@town.example.lg.jp")))
    return found


def all_of(*registrations: Registration) -> list[Attendee]:
    return [attendee for one in registrations for attendee in one.attendees]


def statuses(*registrations: Registration) -> list[Status]:
    return [one.status for one in all_of(*registrations)]


def history(attendee: Attendee) -> list[tuple[str | None, str, str]]:
    rows = db.session.scalars(
        select(StatusChange).where(StatusChange.attendee_id == attendee.id).order_by(StatusChange.id)
    )
    return [(one.from_status, one.to_status, one.reason) for one in rows]


def numbers_written() -> dict[str, int]:
    kinds = (StatusChange, AuditEntry, Message)
    return {one.__tablename__: db.session.scalar(select(func.count()).select_from(one)) for one in kinds}


def post() -> list[Message]:
    return list(db.session.scalars(select(Message).order_by(Message.id)))


class News:
    """The letters stored since this was made: who got which, what they say, the calendar part."""

    def __init__(self) -> None:
        self.known = len(post())

    @property
    def rows(self) -> list[Message]:
        return post()[self.known :]

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(one.letter, one.recipient) for one in self.rows]

    def mail(self, number: int = 0) -> EmailMessage:
        parsed = message_from_bytes(self.rows[number].mime or b"", policy=policy.SMTP)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def text(self, number: int = 0) -> str:
        part = self.mail(number).get_body(("plain",))
        assert part is not None
        return part.get_content().replace("\r\n", "\n")

    def calendar(self, number: int = 0) -> list[str | None]:
        parts = self.mail(number).walk()
        return [one.get_param("method") for one in parts if one.get_content_type() == "text/calendar"]


class TestApprove:
    @on_both
    def test_keeps_the_seat_and_confirms(self, app: Flask, friday) -> None:
        event = by_approval(1)
        account = sato(event)
        asking, waiting = one_each(event, 2)
        assert statuses(asking, waiting) == [PENDING, WAITLISTED]
        friday.move(timedelta(hours=1))
        news = News()
        assert approve(event, asking.attendees, account) == asking.attendees

        (one,) = asking.attendees
        assert statuses(asking, waiting) == [CONFIRMED, WAITLISTED]
        assert ledger.read(event).held == 1
        assert (one.needs_approval, one.approved_at) == (False, FRIDAY + timedelta(hours=1))
        assert news.sent == [("approved", "1@town.example.lg.jp")]
        assert news.mail()["Subject"].startswith("【承認・参加確定】1月14日（水）10:00")
        text = news.text()
        assert "ご参加が確定しました。" in text
        assert f"{one.number}　参加確定" in text
        assert tokens.derive("registration", asking.id, 1) in text
        assert news.calendar() == ["REQUEST"]
        assert history(one) == [(None, "pending", "registered"), ("pending", "confirmed", "approved")]
        self.check_records(one, account, "attendee.approved")
        assert checks.run() == []

    @on_both
    def test_before_the_draw_it_leads_into_the_lottery(self, app: Flask) -> None:
        event = by_approval(1, selection="lottery")
        two = one_each(event, 2)
        news = News()
        approve(event, all_of(*two), sato(event))
        assert statuses(*two) == [LOTTERY, LOTTERY], "whatever the numbers"
        assert [one.approved_at for one in all_of(*two)] == [FRIDAY, FRIDAY]
        assert ledger.read(event).held == 0
        assert news.sent == [("lottery", "1@town.example.lg.jp"), ("lottery", "2@town.example.lg.jp")]
        assert news.mail()["Subject"].startswith("【抽選申込受付】")
        assert news.calendar() == []
        assert history(two[0].attendees[0])[-1] == ("pending", "lottery", "approved")

    def test_after_the_draw_it_confirms(self, app: Flask) -> None:
        event = by_approval(2, selection="lottery", drawn_at=FRIDAY)
        (asking,) = one_each(event, 1)
        approve(event, asking.attendees, sato(event))
        assert statuses(asking) == [CONFIRMED]

    @on_both
    def test_twice_is_once(self, app: Flask) -> None:
        event = by_approval()
        account = sato(event)
        (asking,) = one_each(event, 1)
        approve(event, asking.attendees, account)
        before = numbers_written()
        assert approve(event, asking.attendees, account) == []
        assert decline(event, asking.attendees, account, "いまさら") == []
        assert numbers_written() == before
        assert (statuses(asking), asking.attendees[0].cancel_reason) == ([CONFIRMED], "")

    def test_many_at_once_one_letter_for_each_registration(self, app: Flask) -> None:
        event = by_approval()
        pair = register(event, an_application(*people(2)))
        with_own = register(event, an_application(TAKASAKI, YOSHIDA, contact_email="b@town.example.lg.jp"))
        (alone,) = one_each(event, 1)
        account = sato(event)
        news = News()
        mixed = [alone.attendees[0], with_own.attendees[1], pair.attendees[1]]
        mixed += [pair.attendees[0], with_own.attendees[0]]
        assert approve(event, mixed, account) == mixed
        assert sorted(news.sent) == sorted(
            ("approved", one) for one in (TOWN_HALL, "b@town.example.lg.jp", YOSHIDAS, "1@town.example.lg.jp")
        )
        (entry,) = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "attendee.approved"))
        assert entry.details == {"numbers": [one.number for one in mixed]}

    def test_an_own_address_gets_an_own_letter(self, app: Flask) -> None:
        event = by_approval()
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        account = sato(event)
        news = News()
        approve(event, [found.attendees[1]], account)
        assert news.sent == [("approved", TOWN_HALL), ("approved", YOSHIDAS)]
        contact, own = news.text(0), news.text(1)
        assert f"{found.attendees[0].number}　承認待ち" in contact
        assert f"{found.attendees[1].number}　参加確定" in contact
        assert (found.attendees[0].number in own, found.attendees[1].number in own) == (False, True)
        assert tokens.derive("attendee", found.attendees[1].id, 1) in own
        assert tokens.derive("registration", found.id, 1) not in own
        assert (news.calendar(0), news.calendar(1)) == (["REQUEST"], ["REQUEST"])

        news = News()
        approve(event, [found.attendees[0]], account)
        assert news.sent == [("approved", TOWN_HALL)], "what is no news for 吉田 is not sent to him"
        assert "承認待ち" not in news.text()

    def test_says_how_many_of_the_group_still_wait(self, app: Flask) -> None:
        event = by_approval(1)
        found = register(event, an_application(*people(2)))
        assert statuses(found) == [PENDING, WAITLISTED]
        news = News()
        assert approve(event, found.attendees, sato(event)) == [found.attendees[0]]
        assert statuses(found) == [CONFIRMED, WAITLISTED]
        assert news.mail()["Subject"].startswith("【承認・参加確定・一部キャンセル待ち】")
        assert "参加者のうち1名は、満席のためキャンセル待ちです。" in news.text()

    def test_speaks_the_language_of_the_registration(self, app: Flask) -> None:
        event = by_approval()
        found = register(event, an_application(locale="en"))
        news = News()
        approve(event, found.attendees, sato(event))
        assert news.mail()["Subject"].startswith("[Approved]")
        assert "your place is now confirmed" in news.text().replace("\n", " ")

    def check_records(self, one: Attendee, account: Account, action: str) -> None:
        change = db.session.scalars(select(StatusChange).order_by(StatusChange.id.desc())).first()
        assert change is not None
        assert (change.attendee_id, change.account_id, change.at) == (one.id, account.id, one.approved_at)
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.action, entry.event_id, entry.account_id) == (action, one.event_id, account.id)
        assert entry.details == {"numbers": [one.number]}


class TestDecline:
    @on_both
    def test_frees_the_seat_to_the_first_in_line(self, app: Flask) -> None:
        event = by_approval(1)
        account = sato(event)
        first, second, third = one_each(event, 3)
        news = News()
        assert decline(event, first.attendees, account, WORRY) == first.attendees
        assert statuses(first, second, third) == [DECLINED, PENDING, WAITLISTED]
        assert news.sent == [("declined", "1@town.example.lg.jp"), ("pending", "2@town.example.lg.jp")]
        (one,) = first.attendees
        assert (one.cancel_reason, one.approved_at) == (WORRY, None)
        assert history(one)[-1] == ("pending", "declined", "declined")
        assert history(second.attendees[0])[-1] == ("waitlisted", "pending", "seat-free")
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[-2:]
        assert [(entry.action, entry.account_id, entry.details) for entry in entries] == [
            ("attendee.declined", account.id, {"numbers": [one.number]}),
            (
                "attendee.promoted",
                None,
                {"numbers": [second.attendees[0].number], "by_hand": False, "over_limit": False},
            ),
        ]
        assert checks.run() == []

    def test_who_needs_no_approval_is_confirmed(self, app: Flask) -> None:
        event = by_approval(1, approval="auto", verification="domain_hint")
        stranger = register(event, an_application(contact_email="takasaki@gmail.com"))
        known = register(event, an_application(YOSHIDA))
        assert statuses(stranger, known) == [PENDING, WAITLISTED]
        news = News()
        decline(event, stranger.attendees, sato(event))
        assert statuses(stranger, known) == [DECLINED, CONFIRMED]
        assert news.sent[0] == ("declined", "takasaki@gmail.com")
        assert news.sent[1:] == [("promoted", TOWN_HALL), ("promoted", YOSHIDAS)]

    def test_several_free_several_seats(self, app: Flask) -> None:
        event = by_approval(2)
        found = one_each(event, 5)
        decline(event, all_of(*found[:2]), sato(event))
        assert statuses(*found) == [DECLINED, DECLINED, PENDING, PENDING, WAITLISTED]

    def test_nobody_moves_up_once_the_category_has_closed(self, app: Flask, friday) -> None:
        event = by_approval(1, closes_at=FRIDAY + timedelta(hours=1))
        first, second = one_each(event, 2)
        friday.move(timedelta(hours=1))
        decline(event, first.attendees, sato(event))
        assert statuses(first, second) == [DECLINED, WAITLISTED]

    def test_the_letter_gives_the_reason_as_written(self, app: Flask) -> None:
        event = by_approval()
        (asking,) = one_each(event, 1)
        reason = f"{WORRY}\n［一部］{{受付番号}}<管理>"
        news = News()
        decline(event, asking.attendees, sato(event), reason)
        assert news.mail()["Subject"].startswith("【申込結果：参加不可】")
        text = news.text()
        assert f"\n\n{reason}\n\n" in text, "with its line breaks, and never read as a template"
        assert asking.attendees[0].number in text
        assert OTHERS_STAY not in text
        assert "/r/" not in text, "nothing is left to manage"
        assert news.calendar() == []

    def test_without_a_reason_there_is_no_gap(self, app: Flask) -> None:
        event = by_approval()
        (asking,) = one_each(event, 1)
        news = News()
        decline(event, asking.attendees, sato(event))
        assert "理由" not in news.text()
        assert "\n\n\n" not in news.text()

    def test_one_of_a_group_leaves_the_others(self, app: Flask) -> None:
        event = by_approval()
        found = register(event, an_application(*people(3)))
        news = News()
        decline(event, [found.attendees[1]], sato(event))
        assert statuses(found) == [PENDING, DECLINED, PENDING]
        assert news.sent == [("declined", TOWN_HALL)]
        text = news.text()
        told = text[text.index("次の方のご参加は") : text.index(OTHERS_STAY)]
        assert [one.number in told for one in found.attendees] == [False, True, False]
        assert f"{found.attendees[0].number}　承認待ち" in text
        assert f"{found.attendees[1].number}　不承認" in text
        assert tokens.derive("registration", found.id, 1) in text

    def test_an_own_address_gets_an_own_letter(self, app: Flask) -> None:
        event = by_approval()
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        news = News()
        decline(event, found.attendees, sato(event), WORRY)
        assert news.sent == [("declined", TOWN_HALL), ("declined", YOSHIDAS)]
        contact, own = news.text(0), news.text(1)
        assert [one.number in contact for one in found.attendees] == [True, True]
        assert (found.attendees[0].number in own, found.attendees[1].number in own) == (False, True)
        assert WORRY in contact
        assert WORRY in own

    def test_an_own_letter_says_nothing_of_the_others(self, app: Flask) -> None:
        event = by_approval()
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        news = News()
        decline(event, [found.attendees[1]], sato(event))
        assert [OTHERS_STAY in news.text(number) for number in (0, 1)] == [True, False]

    def test_whoever_is_confirmed_keeps_the_calendar_entry(self, app: Flask) -> None:
        event = by_approval()
        found = register(event, an_application(*people(2)))
        account = sato(event)
        approve(event, [found.attendees[0]], account)
        news = News()
        decline(event, [found.attendees[1]], account)
        assert statuses(found) == [CONFIRMED, DECLINED]
        assert (news.sent, news.calendar()) == ([("declined", TOWN_HALL)], [])

    def test_many_at_once_one_letter_for_each_registration(self, app: Flask) -> None:
        event = by_approval()
        pair = register(event, an_application(*people(2)))
        (alone,) = one_each(event, 1)
        news = News()
        decline(event, [*alone.attendees, *pair.attendees], sato(event), WORRY)
        assert sorted(news.sent) == [("declined", "1@town.example.lg.jp"), ("declined", TOWN_HALL)]
        assert [WORRY in news.text(number) for number in (0, 1)] == [True, True]
        assert {one.cancel_reason for one in all_of(pair, alone)} == {WORRY}


class TestWhoIsMoved:
    @on_both
    @both_verbs
    def test_only_those_of_this_event_who_still_ask(self, app: Flask, verb: Verb) -> None:
        event, other = by_approval(5), by_approval(5)
        account = sato(event)
        confirmed, declined, cancelled, asking, fifth, waitlisted = one_each(event, 6)
        (foreign,) = one_each(other, 1)
        approve(event, confirmed.attendees, account)
        decline(event, declined.attendees, account)
        cancel(cancelled.attendees)
        (late,) = one_each(event, 1)
        everybody = [confirmed, declined, cancelled, waitlisted, late, foreign]
        with transaction():
            waitlisted.attendees[0].status, late.attendees[0].status = WAITLISTED, LOTTERY
        before = statuses(*everybody, fifth)
        assert before == [CONFIRMED, DECLINED, CANCELLED, WAITLISTED, LOTTERY, PENDING, PENDING]
        done = verb(event, all_of(*everybody, asking), account)
        assert done == asking.attendees
        assert [foreign.attendees[0].status, fifth.attendees[0].status] == [PENDING, PENDING]
        assert statuses(*everybody[:3], late) == [CONFIRMED, DECLINED, CANCELLED, LOTTERY]

    @both_verbs
    def test_nobody_of_a_cancelled_event(self, app: Flask, verb: Verb) -> None:
        event = by_approval(1)
        found = one_each(event, 2)
        account = sato(event)
        with transaction():
            event.status = EventStatus.CANCELLED
        before = numbers_written()
        assert verb(event, all_of(*found), account) == []
        assert (statuses(*found), numbers_written()) == ([PENDING, WAITLISTED], before)

    @both_verbs
    def test_nobody_chosen_is_nobody_moved(self, app: Flask, verb: Verb) -> None:
        event = by_approval()
        account = sato(event)
        before = numbers_written()
        assert verb(event, [], account) == []
        assert numbers_written() == before

    @both_verbs
    def test_somebody_named_twice_is_moved_once(self, app: Flask, verb: Verb) -> None:
        event = by_approval()
        (asking,) = one_each(event, 1)
        account = sato(event)
        news = News()
        assert verb(event, asking.attendees * 2, account) == asking.attendees
        assert len(news.sent) == 1


class TestAllOrNothing:
    @on_both
    @both_verbs
    def test_a_letter_that_fails_takes_everything_back(self, app: Flask, verb: Verb) -> None:
        event = by_approval(1)
        account = sato(event)
        first, second = one_each(event, 2)
        with transaction():
            event.title = ""  # a letter cannot be written without the seminar's name
        before = numbers_written()
        with pytest.raises(KeyError, match="セミナー名"):
            verb(event, first.attendees, account)
        (one,) = first.attendees
        assert numbers_written() == before
        assert statuses(first, second) == [PENDING, WAITLISTED]
        assert (one.needs_approval, one.approved_at, one.cancel_reason) == (True, None, "")

    @on_both
    def test_who_moves_up_does_so_in_the_same_transaction(self, app: Flask, monkeypatch) -> None:
        event = by_approval(1)
        account = sato(event)
        first, second = one_each(event, 2)
        before = numbers_written()

        def fail(*_: Any) -> None:
            raise RuntimeError("no letter")

        monkeypatch.setattr(letters, "promoted", fail)
        with pytest.raises(RuntimeError, match="no letter"):
            decline(event, first.attendees, account)
        assert (statuses(first, second), numbers_written()) == ([PENDING, WAITLISTED], before)

    @both_verbs
    def test_takes_the_lock(self, app: Flask, verb: Verb) -> None:
        event = by_approval()
        (asking,) = one_each(event, 1)
        account, before = sato(event), event.lock_version
        verb(event, asking.attendees, account)
        assert event.lock_version > before


@on_both
@pytest.mark.parametrize("rival", [cancel, decline, approve])
def test_two_deeds_at_the_same_moment(app: Flask, rival: Callable[..., object]) -> None:
    """Whoever comes first, the history is legal and each of its moves has exactly one letter."""
    event = by_approval(ROUNDS)
    account_id = sato(event).id
    asking = [one.id for one in all_of(*one_each(event, ROUNDS))]
    event_id = event.id
    barrier = threading.Barrier(2)
    faults: list[BaseException] = []

    def play(deed: Callable[..., object]) -> None:
        try:
            with app.app_context():
                for number in asking:
                    one, found = db.session.get_one(Attendee, number), db.session.get_one(Event, event_id)
                    account = db.session.get_one(Account, account_id)
                    assert found.lock_version >= 0
                    assert account.email
                    barrier.wait(LONGEST)
                    deed([one]) if deed is cancel else deed(found, [one], account)
        except BaseException as fault:
            faults.append(fault)
            barrier.abort()

    crowd = [threading.Thread(target=play, args=[deed]) for deed in (approve, rival)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(LONGEST)
    assert faults == []
    db.session.rollback()

    for number in asking:
        attendee = db.session.get_one(Attendee, number)
        moves = [(before, after) for before, after, _ in history(attendee)]
        assert moves[-1][1] == attendee.status.value
        assert [before for before, _ in moves] == [None, *(after for _, after in moves[:-1])]
        mine = [one for one in post() if one.registration_id == attendee.registration_id]
        assert [one.letter for one in mine] == [LETTER_OF_MOVE[move] for move in moves]
        assert (attendee.approved_at is not None) == (("pending", "confirmed") in moves)
        if rival is cancel:
            assert attendee.status == CANCELLED
        else:
            assert len(moves) == 2
    assert checks.run() == []


def test_the_people_of_these_tests_ask_as_they_should(app: Flask) -> None:
    """One mailbox for both, unless an own address is given: else the tests above would prove less."""
    found = register(by_approval(), an_application(TAKASAKI, replace(YOSHIDA, email="")))
    assert (statuses(found), found.contact_email) == ([PENDING, PENDING], TOWN_HALL)
    assert [one.needs_approval for one in found.attendees] == [True, True]
