"""The verbs on the database: what each writes, what it refuses, and that it writes all of it or nothing."""

import hashlib
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import OperationalError

from eventsite import clock, tokens
from eventsite.db import Base, db, lock, transaction
from eventsite.errors import Refusal
from eventsite.events import operations as events
from eventsite.mail import invitations, letters
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording import compose
from eventsite.models import (
    Answer,
    Attendee,
    AuditEntry,
    CalendarEntry,
    Consent,
    Event,
    EventStatus,
    Format,
    MailReport,
    Message,
    ParticipationMode,
    Question,
    Registration,
    Revision,
    Status,
    StatusChange,
)
from eventsite.registration import (
    Application,
    ConsentBox,
    OutcomeChanged,
    accept,
    cancel,
    expire_offers,
    foresee,
    ledger,
    promote,
    register,
)
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

FRIDAY = datetime(2025, 12, 19, 2, 0, tzinfo=UTC)  # 11:00 in Japan
START = datetime(2026, 1, 14, 1, 0, tzinfo=UTC)
RECORDED = (
    Registration,
    Attendee,
    StatusChange,
    AuditEntry,
    Consent,
    Answer,
    Message,
    CalendarEntry,
    Revision,
    MailReport,
)
CONFIRMED, PENDING, WAITLISTED = Status.CONFIRMED, Status.PENDING, Status.WAITLISTED
OFFERED, EXPIRED, CANCELLED = Status.OFFERED, Status.EXPIRED, Status.CANCELLED


def recorded() -> dict[str, int]:
    """How many rows stand in each table that a verb writes."""
    return {
        kind.__tablename__: db.session.scalar(select(func.count()).select_from(kind)) for kind in RECORDED
    }


def statuses(*registrations: Registration) -> list[Status]:
    return [attendee.status for one in registrations for attendee in one.attendees]


def posted(*only: str) -> list[tuple[str, str]]:
    """Letter and recipient of every message in the outbox, in order; `only` some letters."""
    rows = db.session.scalars(select(Message).order_by(Message.id))
    return [(one.letter, one.recipient) for one in rows if not only or one.letter in only]


def limited(seats: int | None, **rule: Any) -> Event:
    """A seminar whose category for towns has that many seats, and any other rule that is named."""
    event = an_event(capacities={"local_gov": seats}, start_at=START, end_at=START + timedelta(minutes=90))
    with transaction():
        for name, value in rule.items():
            setattr(event.category("local_gov"), name, value)
    return event


def one_each(event: Event, count: int) -> list[Registration]:
    """That many registrations of one person each, a second apart, the last one now."""
    found, present = [], clock.now.moment
    for number, one in enumerate(people(count), start=1):
        clock.now.moment = present - timedelta(seconds=count - number)
        found.append(register(event, an_application(one, contact_email=f"{number}@town.example.lg.jp")))
    return found


def changes(attendee: Attendee) -> list[tuple[str | None, str, str]]:
    rows = db.session.scalars(
        select(StatusChange).where(StatusChange.attendee_id == attendee.id).order_by(StatusChange.id)
    )
    return [(one.from_status, one.to_status, one.reason) for one in rows]


def refused(*arguments: Any, **more: Any) -> str:
    """The code with which `register` refuses; nothing may be recorded then."""
    before = recorded()
    with pytest.raises(Refusal) as refusal:
        register(*arguments, **more)
    assert recorded() == before
    return refusal.value.code


@pytest.fixture(autouse=True)
def friday(at):
    """It is Friday, 19 December 2025, 11:00 in Japan."""
    return at(FRIDAY)


class TestRegister:
    @on_both
    def test_writes_everything_that_belongs_to_it(self, app: Flask) -> None:
        event = an_event()
        with transaction():
            event.questions.append(Question(key="topic", label="関心", type="text", purpose="企画のため"))
            event.recipients = [{"code": "a", "name": "A社", "items": ["氏名"], "purpose": "ご案内"}]
        boxes = (
            ConsentBox("privacy", True, "個人情報の取扱いについて確認し、同意します"),
            ConsentBox("group", True, "参加者全員の了承を得ています"),
            ConsentBox("share", True, "A社に提供することに同意します", "a"),
            ConsentBox("followup", False, "案内を受け取ります"),
        )
        found = register(
            event,
            an_application(TAKASAKI, YOSHIDA, consents=boxes, answers={"topic": "窓口"}, form_key="key-1"),
        )

        assert recorded() == {
            "registration": 1,
            "attendee": 2,
            "status_change": 2,
            "audit_entry": 1,
            "consent": 8,
            "answer": 1,
            "message": 2,
            "calendar_entry": 2,
            "revision": 0,
            "mail_report": 0,
        }
        assert (found.contact_email, found.locale, found.source) == (TOWN_HALL, "ja", "web")
        assert found.form_key == hashlib.sha256(b"key-1").hexdigest()
        assert found.link_hash == tokens.digest(tokens.derive("registration", found.id, 1))
        first, second = found.attendees
        assert [(one.branch, one.name, one.email, one.status) for one in found.attendees] == [
            (1, "\u9ad9\ufa11 洋子", "", CONFIRMED),
            (2, "\U00020bb7\u7530 健", "yoshida@city.example.lg.jp", CONFIRMED),
        ]
        assert (first.link_hash, second.link_hash) == (
            None,
            tokens.digest(tokens.derive("attendee", second.id, 1)),
        )
        assert first.number == f"{found.reference}-1"
        assert changes(first) == changes(second) == [(None, "confirmed", "registered")]
        entry = db.session.scalars(select(AuditEntry)).one()
        assert (entry.action, entry.event_id, entry.account_id) == ("registration.created", event.id, None)
        assert entry.details == {
            "reference": found.reference,
            "attendees": 2,
            "statuses": ["confirmed", "confirmed"],
            "source": "web",
            "over_limit": False,
        }
        assert found.answers[0].value == "窓口"
        assert self.consents(first) == [
            ("privacy", True),
            ("group", True),
            ("share", True),
            ("followup", False),
        ]
        assert self.consents(second) == [
            ("privacy", True),
            ("group", True),
            ("share", False),
            ("followup", False),
        ]
        assert posted() == [("confirmed", TOWN_HALL), ("confirmed", "yoshida@city.example.lg.jp")]

    def test_the_contact_s_own_address_makes_no_second_letter(self, app: Flask) -> None:
        twin = replace(YOSHIDA, email="KIKAKU@city.example.lg.jp")
        found = register(an_event(), an_application(TAKASAKI, twin))
        assert posted() == [("confirmed", TOWN_HALL)]
        assert found.attendees[1].email == ""

    def test_two_people_may_share_an_address(self, app: Flask) -> None:
        event = an_event()
        first = register(event, an_application(TAKASAKI))
        second = register(event, an_application(replace(YOSHIDA, email="")))
        assert len({first.reference, second.reference}) == 2
        assert len({one.number for one in [*first.attendees, *second.attendees]}) == 2
        assert first.link_hash != second.link_hash

    def test_by_staff_says_so_everywhere(self, app: Flask) -> None:
        event = an_event()
        account = sato(event)
        found = register(event, an_application(), by=account, source="staff")
        assert found.source == "staff"
        kinds = (StatusChange, AuditEntry, Consent)
        assert [db.session.scalars(select(one.account_id)).all() for one in kinds] == [[account.id]] * 3

    @on_both
    def test_the_same_form_twice_is_one_registration(self, app: Flask) -> None:
        event = an_event()
        first = register(event, an_application(form_key="once"))
        before = recorded()
        again = register(event, an_application(YAMADA, form_key="once", contact_email="else@example.jp"))
        assert again.id == first.id
        assert recorded() == before
        assert register(event, an_application(form_key="another")).id != first.id

    @on_both
    def test_an_outcome_worse_than_shown_records_nothing(self, app: Flask) -> None:
        event = limited(2)
        application = an_application(*people(2))
        shown = foresee(event, application).statuses
        assert shown == (CONFIRMED, CONFIRMED)
        register(event, an_application(TAKASAKI))
        before = recorded()
        with pytest.raises(OutcomeChanged):
            register(event, application, shown=shown)
        assert recorded() == before
        assert foresee(event, application).statuses == (CONFIRMED, WAITLISTED)
        found = register(event, application, shown=(CONFIRMED, WAITLISTED))
        assert statuses(found) == [CONFIRMED, WAITLISTED]

    def test_foreseeing_records_nothing_and_says_the_same(self, app: Flask) -> None:
        event = limited(1)
        before = recorded()
        assert foresee(event, an_application(*people(2))).statuses == (CONFIRMED, WAITLISTED)
        assert recorded() == before

    @pytest.mark.parametrize(
        ("rule", "application", "code"),
        [
            pytest.param({"capacity": 0}, {}, "closed", id="capacity 0"),
            pytest.param({"closes_at": FRIDAY}, {}, "closed", id="closed to the second"),
            pytest.param({"opens_at": FRIDAY + timedelta(seconds=1)}, {}, "not-open-yet", id="not open"),
            pytest.param({"capacity": 1, "waitlist": False}, {"count": 2}, "sold-out", id="sold out"),
            pytest.param(
                {"capacity": 1}, {"count": 2, "all_or_nothing": True}, "sold-out", id="all or nothing"
            ),
            pytest.param({"max_attendees": 1}, {"count": 2}, "too-many-attendees", id="too many"),
            pytest.param(
                {"verification": "invite_code"}, {"code": "GUESSED1"}, "wrong-code", id="wrong code"
            ),
            pytest.param({}, {"category": "nobody"}, "not-eligible", id="unknown category"),
        ],
    )
    def test_a_refusal_records_nothing(
        self, app: Flask, rule: dict[str, Any], application: dict[str, Any], code: str
    ) -> None:
        event = limited(60, **rule)
        given = dict(application)
        group = people(given.pop("count", 1))
        assert refused(event, an_application(*group, **given)) == code

    @pytest.mark.parametrize(
        ("status", "code"),
        [(EventStatus.DRAFT, "not-eligible"), (EventStatus.CANCELLED, "cancelled")],
        ids=["draft", "cancelled"],
    )
    def test_an_event_that_is_not_on_refuses(self, app: Flask, status: EventStatus, code: str) -> None:
        assert refused(an_event(status=status), an_application()) == code

    @pytest.mark.parametrize(
        ("rule", "person", "status", "badge"),
        [
            ({"approval": "manual"}, TAKASAKI, PENDING, "domain-lg"),
            ({"verification": "domain_hint"}, TAKASAKI, CONFIRMED, "domain-lg match"),
            (
                {"verification": "domain_hint"},
                replace(TAKASAKI, email="y@example.co.jp"),
                PENDING,
                "domain-other",
            ),
            ({"verification": "domain_hint", "approval": "manual"}, TAKASAKI, PENDING, "domain-lg match"),
            ({"verification": "member_roster"}, TAKASAKI, PENDING, "domain-lg member-unknown"),
            ({"selection": "lottery"}, TAKASAKI, Status.LOTTERY, "domain-lg"),
            ({"selection": "lottery", "approval": "manual"}, TAKASAKI, PENDING, "domain-lg"),
        ],
        ids=["manual", "hint", "foreign", "manual beats hint", "member", "lottery", "manual lottery"],
    )
    def test_status_by_the_rules_of_the_category(
        self, app: Flask, rule: dict[str, Any], person: Any, status: Status, badge: str
    ) -> None:
        (attendee,) = register(limited(60, **rule), an_application(person)).attendees
        assert (attendee.status, attendee.eligibility) == (status, badge)

    def test_pending_before_the_draw_holds_no_seat_nor_after_it(self, app: Flask) -> None:
        event = limited(1, selection="lottery", approval="manual")
        with transaction():
            event.capacity_total = 1
        one_each(event, 2)
        assert ledger.read(event).held == 0
        with transaction():
            event.category("local_gov").drawn_at = FRIDAY
        assert ledger.read(event).held == 0

    @pytest.mark.parametrize(
        ("second", "taken"),
        [
            pytest.param(TAKASAKI, True, id="same name, same address"),
            pytest.param(replace(TAKASAKI, family_name="\u9ad8\u5d0e"), True, id="written in other forms"),
            pytest.param(YOSHIDA, False, id="another name"),
        ],
    )
    def test_a_repeat_is_marked_and_taken(self, app: Flask, second: Any, taken: bool) -> None:
        event = an_event()
        first = register(event, an_application(TAKASAKI))
        other = an_application(replace(second, email=""), contact_email="Kikaku@city.example.lg.jp")
        assert foresee(event, other).duplicates == (taken,)
        found = register(event, other)
        assert [one.possible_duplicate for one in [*first.attendees, *found.attendees]] == [False, taken]

    def test_who_has_cancelled_is_no_repeat(self, app: Flask) -> None:
        event = an_event()
        cancel(register(event, an_application(TAKASAKI)).attendees)
        assert foresee(event, an_application(TAKASAKI)).duplicates == (False,)

    def test_a_limit_for_each_organisation(self, app: Flask) -> None:
        event = limited(60, per_organization_limit=3)
        towns = [replace(one, municipality_code="202011") for one in people(4)]
        register(event, an_application(*towns[:2]))
        last = register(event, an_application(towns[2]))
        assert refused(event, an_application(towns[3])) == "too-many-attendees"
        renamed = replace(towns[3], organisation="別の課")
        assert refused(event, an_application(renamed)) == "too-many-attendees"
        register(event, an_application(replace(towns[3], municipality_code="202029")))
        cancel(last.attendees)
        assert statuses(register(event, an_application(towns[3]))) == [CONFIRMED]

    @pytest.mark.parametrize(
        ("organisation", "refuses"),
        [
            ("\u682a\u5f0f\u4f1a\u793e\u30b5\u30f3\u30d7\u30eb", True),
            ("\u3231\u30b5\u30f3\u30d7\u30eb", True),
            ("見本商会", False),
        ],
        ids=["same", "written as one character", "another"],
    )
    def test_without_a_code_the_name_counts(self, app: Flask, organisation: str, refuses: bool) -> None:
        event = limited(60, per_organization_limit=1)
        register(event, an_application(YAMADA))
        application = an_application(replace(YAMADA, organisation=organisation))
        if refuses:
            assert refused(event, application) == "too-many-attendees"
        else:
            assert statuses(register(event, application)) == [CONFIRMED]

    def test_the_limit_s_words_name_the_number(self, app: Flask) -> None:
        event = limited(60, per_organization_limit=3)
        with pytest.raises(Refusal) as refusal:
            register(event, an_application(*people(4)))
        assert str(refusal.value.words) == (
            "同じ団体からのお申し込みは3名までです。追加をご希望の場合は、事務局へお問い合わせください。"
        )

    def test_choices_have_places(self, app: Flask) -> None:
        event = an_event()
        with transaction():
            choices = [{"label": "午前", "capacity": 2}, {"label": "午後", "capacity": None}, "どちらでも"]
            event.questions.append(
                Question(key="part", label="部", type="radio", purpose="席のため", choices=choices)
            )
        register(event, an_application(answers={"part": "午前"}))
        two = an_application(*people(2), answers={"part": "午前"})
        with pytest.raises(Refusal) as refusal:
            register(event, two)
        assert (refusal.value.code, refusal.value.field) == ("invalid", "q-part")
        assert str(refusal.value.words) == "「午前」の残りは1名分です。"
        last = register(event, an_application(answers={"part": "午前"}))
        assert refused(event, an_application(answers={"part": "午前"})) == "invalid"
        register(event, an_application(*people(5), answers={"part": "午後"}))
        cancel(last.attendees)
        register(event, an_application(answers={"part": "午前"}))

    def test_nobody_overtakes_who_waits(self, app: Flask) -> None:
        """A free seat that the waiting one cannot use is no seat for others of the same kind."""
        event = limited(2)
        with transaction():
            event.capacity_total = 1
        one_each(event, 2)
        with transaction():
            event.capacity_total = 2
        assert foresee(event, an_application()).statuses == (WAITLISTED,)
        promote(event)
        assert [one.status for one in db.session.scalars(select(Attendee).order_by(Attendee.id))] == [
            CONFIRMED,
            CONFIRMED,
        ]

    def test_ways_to_take_part_have_their_own_queues(self, app: Flask) -> None:
        event = an_event(format=Format.HYBRID)
        with transaction():
            event.modes += [
                ParticipationMode(key="venue", label="会場参加", capacity=1),
                ParticipationMode(key="online", label="オンライン参加", position=1),
            ]
        who = [replace(TAKASAKI, participation=mode) for mode in ("venue", "venue", "online")]
        got = [statuses(register(event, an_application(one))) for one in who]
        assert got == [[CONFIRMED], [WAITLISTED], [CONFIRMED]]

    def consents(self, attendee: Attendee) -> list[tuple[str, bool]]:
        rows = db.session.scalars(
            select(Consent).where(Consent.attendee_id == attendee.id).order_by(Consent.id)
        )
        return [(one.kind, one.value) for one in rows]


class TestCancel:
    @on_both
    def test_frees_the_seat_to_the_first_in_line_with_its_letter(self, app: Flask) -> None:
        event = limited(1)
        first, second, third = one_each(event, 3)
        assert statuses(first, second, third) == [CONFIRMED, WAITLISTED, WAITLISTED]
        cancel(first.attendees, reason="都合により")
        assert statuses(first, second, third) == [CANCELLED, CONFIRMED, WAITLISTED]
        assert posted("cancelled", "promoted") == [
            ("cancelled", first.contact_email),
            ("promoted", second.contact_email),
        ]
        (gone,) = first.attendees
        assert (gone.cancelled_at, gone.cancel_reason) == (FRIDAY, "都合により")
        assert changes(gone)[-1] == ("confirmed", "cancelled", "by-attendee")
        assert changes(second.attendees[0])[-1] == ("waitlisted", "confirmed", "seat-free")
        actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert actions[-2:] == ["attendee.cancelled", "attendee.promoted"]

    def test_one_of_three_leaves_the_others(self, app: Flask) -> None:
        event = limited(3)
        found = register(event, an_application(*people(3)))
        (waiting,) = one_each(event, 1)
        assert [one.branch for one in cancel([found.attendees[1]])] == [2]
        assert statuses(found, waiting) == [CONFIRMED, CANCELLED, CONFIRMED, CONFIRMED]
        assert [one.branch for one in found.attendees] == [1, 2, 3]

    def test_twice_is_once(self, app: Flask) -> None:
        found = register(an_event(), an_application())
        assert len(cancel(found.attendees)) == 1
        before = recorded()
        assert cancel(found.attendees) == []
        assert recorded() == before

    def test_the_public_until_the_start_the_office_at_any_time(self, app: Flask, friday) -> None:
        event = limited(1)
        found, waiting = one_each(event, 2)
        before = recorded()
        friday.moment = START
        with pytest.raises(Refusal) as refusal:
            cancel(found.attendees)
        assert (refusal.value.code, recorded()) == ("closed", before)
        account = sato(event)
        cancel(found.attendees, by=account)
        assert changes(found.attendees[0])[-1][2] == "by-office"
        assert statuses(waiting) == [WAITLISTED], "nobody moves up once it has begun"

    def test_a_second_before_the_start_is_in_time(self, app: Flask, friday) -> None:
        found = register(limited(1), an_application())
        friday.moment = START - timedelta(seconds=1)
        cancel(found.attendees)
        assert statuses(found) == [CANCELLED]

    @pytest.mark.parametrize("final", [Status.DECLINED, Status.LOST, EXPIRED])
    def test_what_is_over_cannot_be_cancelled(self, app: Flask, final: Status) -> None:
        found = register(an_event(), an_application())
        with transaction():
            found.attendees[0].status = final
        assert cancel(found.attendees) == []
        assert statuses(found) == [final]


class TestPromotion:
    @on_both
    def test_an_offer_is_taken(self, app: Flask, friday) -> None:
        event = limited(1, promotion="offer")
        first, second, third = one_each(event, 3)
        cancel(first.attendees)
        (offered,) = second.attendees
        assert (offered.status, offered.offer_until) == (OFFERED, datetime(2025, 12, 23, 8, 0, tzinfo=UTC))
        assert posted("offered") == [("offered", second.contact_email)]
        friday.move(timedelta(days=4) - timedelta(seconds=1))
        accept(offered)
        assert statuses(second, third) == [CONFIRMED, WAITLISTED]
        assert changes(offered)[-1] == ("offered", "confirmed", "offer-accepted")
        before = recorded()
        accept(offered)
        assert recorded() == before, "accepting twice is once"
        assert expire_offers(event) == []

    @on_both
    def test_an_answer_too_late_expires_and_the_next_one_is_asked(self, app: Flask, friday) -> None:
        event = limited(1, promotion="offer")
        first, second, third = one_each(event, 3)
        cancel(first.attendees)
        friday.moment = datetime(2025, 12, 23, 8, 0, tzinfo=UTC)
        before = recorded()
        with pytest.raises(Refusal) as refusal:
            accept(second.attendees[0])
        assert (refusal.value.code, recorded()) == ("closed", before)
        assert [one.id for one in expire_offers(event)] == [second.attendees[0].id]
        assert statuses(first, second, third) == [CANCELLED, EXPIRED, OFFERED]
        assert posted("offered", "offer_expired") == [
            ("offered", second.contact_email),
            ("offer_expired", second.contact_email),
            ("offered", third.contact_email),
        ]
        assert third.attendees[0].offer_until == datetime(2025, 12, 25, 8, 0, tzinfo=UTC)
        assert expire_offers(event) == []
        with pytest.raises(Refusal):
            accept(second.attendees[0])

    def test_a_declined_offer_goes_to_the_next(self, app: Flask) -> None:
        event = limited(1, promotion="offer")
        first, second, third = one_each(event, 3)
        cancel(first.attendees)
        cancel(second.attendees)
        assert statuses(second, third) == [CANCELLED, OFFERED]
        letters_of = select(Message.subject).where(Message.letter == "cancelled").order_by(Message.id)
        assert [one[:6] for one in db.session.scalars(letters_of)] == [
            "【取消完了】",
            "【辞退受付】",
        ]

    def test_little_time_left_confirms_at_once(self, app: Flask, friday) -> None:
        event = limited(1, promotion="offer", closes_at=FRIDAY + timedelta(hours=3, seconds=-1))
        first, second = one_each(event, 2)
        cancel(first.attendees)
        assert statuses(second) == [CONFIRMED]

    def test_approval_still_needed_makes_pending(self, app: Flask) -> None:
        event = limited(1, approval="manual")
        first, second = one_each(event, 2)
        assert statuses(first, second) == [PENDING, WAITLISTED]
        cancel(first.attendees)
        assert statuses(second) == [PENDING]
        assert posted()[-1] == ("pending", second.contact_email)

    def test_a_raised_cap_promotes_at_once_a_lowered_one_drops_nobody(self, app: Flask) -> None:
        event = limited(2)
        account = sato(event)
        four = one_each(event, 4)
        events.change_category(event.category("local_gov"), {"capacity": 1}, account)
        assert statuses(*four) == [CONFIRMED, CONFIRMED, WAITLISTED, WAITLISTED]
        cancel(four[0].attendees)
        assert statuses(*four) == [CANCELLED, CONFIRMED, WAITLISTED, WAITLISTED]
        events.change_category(event.category("local_gov"), {"capacity": 2}, account)
        assert statuses(*four) == [CANCELLED, CONFIRMED, CONFIRMED, WAITLISTED]
        assert posted("promoted") == [("promoted", four[2].contact_email)]

    def test_several_of_one_registration_get_one_letter(self, app: Flask) -> None:
        event = limited(2)
        holders = register(event, an_application(*people(2)))
        waiting = register(event, an_application(TAKASAKI, YOSHIDA))
        cancel(holders.attendees)
        assert statuses(waiting) == [CONFIRMED, CONFIRMED]
        assert posted("promoted") == [("promoted", TOWN_HALL), ("promoted", "yoshida@city.example.lg.jp")]

    def test_nobody_moves_up_in_a_cancelled_event(self, app: Flask) -> None:
        event = limited(1)
        first, second = one_each(event, 2)
        with transaction():
            event.status = EventStatus.CANCELLED
        cancel(first.attendees)
        assert statuses(first, second) == [CANCELLED, WAITLISTED]


class TestAllOrNothing:
    @on_both
    def test_a_letter_that_fails_takes_everything_back(self, app: Flask) -> None:
        event = limited(1)
        first, second = one_each(event, 2)
        title = event.title
        with transaction():
            event.title = ""  # a letter cannot be written without the seminar's name
        before = recorded()
        with pytest.raises(KeyError, match="セミナー名"):
            cancel(first.attendees)
        with pytest.raises(KeyError, match="セミナー名"):
            register(event, an_application(form_key="kept"))
        assert recorded() == before
        assert statuses(first, second) == [CONFIRMED, WAITLISTED]
        with transaction():
            event.title = title
        assert statuses(register(event, an_application(form_key="kept"))) == [WAITLISTED]

    def test_nothing_is_written_outside_of_a_transaction(self, app: Flask) -> None:
        event = an_event()
        event.title = "書いてはいけない"
        with pytest.raises(OperationalError, match="readonly"):
            db.session.flush()
        db.session.rollback()
        register(event, an_application())
        db.session.get_one(Registration, 1).locale = "en"
        with pytest.raises(OperationalError, match="readonly"):
            db.session.flush()
        db.session.rollback()

    @on_both
    def test_a_transaction_inside_another_joins_it(self, app: Flask) -> None:
        event = an_event()
        before = recorded()

        with pytest.raises(RuntimeError, match="stop"):
            self.register_cancel_and_stop(event)
        assert recorded() == before

    def test_a_lock_needs_a_transaction(self, app: Flask) -> None:
        with pytest.raises(RuntimeError, match="transaction"):
            lock(an_event())

    @on_both
    def test_every_verb_takes_the_lock(self, app: Flask) -> None:
        event = limited(1, promotion="offer")
        first, second = one_each(event, 2)
        seen = [event.lock_version]
        verbs = (
            lambda: cancel(first.attendees),
            lambda: accept(second.attendees[0]),
            lambda: expire_offers(event),
            lambda: promote(event),
            lambda: register(event, an_application()),
        )
        for verb in verbs:
            verb()
            seen.append(event.lock_version)
        assert seen == sorted(set(seen))

    def test_threads_have_their_own_transactions(self, app: Flask) -> None:
        """What one thread writes stays unseen by another until its end."""
        event = an_event()
        seen: list[int] = []

        def look() -> None:
            with app.app_context():
                seen.append(recorded()["registration"])

        def looking() -> None:
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()

        with transaction():
            register(event, an_application())
            looking()
        looking()
        assert seen == [0, 1]

    def register_cancel_and_stop(self, event: Event) -> None:
        with transaction():
            found = register(event, an_application())
            cancel(found.attendees)
            assert recorded()["message"] == 2
            raise RuntimeError("stop")


class TestCalendarEntry:
    def entry(self, found: Registration, attendee: Attendee | None = None) -> tuple[str, str, int] | None:
        entry = invitations.find(Recipient(found, attendee))
        return entry and (entry.uid, entry.method, entry.sequence)

    def calendar_parts(self, recipient: str) -> list[tuple[bytes, str]]:
        """Bytes and method of the calendar part of each letter to an address."""
        found = []
        rows = db.session.scalars(select(Message).where(Message.recipient == recipient).order_by(Message.id))
        for row in rows:
            for part in message_from_bytes(row.mime, policy=policy.SMTP).walk():
                if part.get_content_type() == "text/calendar":
                    found.append((part.get_payload(decode=True), part.get_param("method")))
        return found

    @on_both
    def test_one_uid_for_life_and_a_version_that_grows(self, app: Flask, friday) -> None:
        found = register(an_event(), an_application(TAKASAKI, YOSHIDA))
        uid, *first = self.entry(found)
        assert first == ["REQUEST", 0]
        friday.move(timedelta(minutes=1))
        cancel([found.attendees[0]])
        assert self.entry(found) == (uid, "REQUEST", 0), "somebody of the contact's still comes"
        cancel([found.attendees[1]])
        assert self.entry(found) == (uid, "CANCEL", 1)
        parts = self.calendar_parts(TOWN_HALL)
        assert [method for _, method in parts] == ["REQUEST", "CANCEL"]
        own = self.calendar_parts("yoshida@city.example.lg.jp")
        assert [method for _, method in own] == ["REQUEST", "CANCEL"]
        assert self.entry(found, found.attendees[1])[0] != uid

    def test_an_attendee_s_own_entry_goes_alone(self, app: Flask) -> None:
        found = register(an_event(), an_application(TAKASAKI, YOSHIDA))
        cancel([found.attendees[1]])
        assert self.entry(found)[1:] == ("REQUEST", 0)
        assert self.entry(found, found.attendees[1])[1:] == ("CANCEL", 1)

    def test_taken_back_and_given_again_it_stays_the_same_entry(self, app: Flask) -> None:
        """One seat for two: the first of them leaves, the second moves up in the same transaction."""
        found = register(limited(1), an_application(TAKASAKI, replace(YOSHIDA, email="")))
        uid, *first = self.entry(found)
        cancel([found.attendees[0]])
        assert statuses(found) == [CANCELLED, CONFIRMED]
        assert (first, self.entry(found)) == (["REQUEST", 0], (uid, "REQUEST", 2))
        assert [method for _, method in self.calendar_parts(TOWN_HALL)] == ["REQUEST", "CANCEL", "REQUEST"]

    def test_who_waits_has_none(self, app: Flask) -> None:
        first, second = one_each(limited(1), 2)
        assert self.entry(second) is None
        cancel(second.attendees)
        assert self.entry(second) is None
        assert self.calendar_parts(second.contact_email) == []
        assert len(self.calendar_parts(first.contact_email)) == 1

    def test_who_moves_up_gets_one(self, app: Flask) -> None:
        first, second = one_each(limited(1), 2)
        cancel(first.attendees)
        assert self.entry(second)[1:] == ("REQUEST", 0)

    def test_an_offer_has_none_until_it_is_taken(self, app: Flask) -> None:
        first, second = one_each(limited(1, promotion="offer"), 2)
        cancel(first.attendees)
        assert self.entry(second) is None
        accept(second.attendees[0])
        assert self.entry(second)[1:] == ("REQUEST", 0)

    @pytest.mark.parametrize("gone", [False, True], ids=["confirmed", "cancelled"])
    def test_the_download_is_what_was_mailed(self, app: Flask, client, gone: bool) -> None:
        found = register(an_event(), an_application())
        if gone:
            cancel(found.attendees)
        answer = client.get(f"/r/{tokens.derive('registration', found.id, 1)}/invite.ics")
        mailed, _method = self.calendar_parts(TOWN_HALL)[-1]
        assert answer.data == mailed
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"


def test_every_table_a_verb_writes_is_counted(app: Flask) -> None:
    """`recorded()` speaks of all tables that belong to a registration."""
    mine = {
        mapper.class_.__tablename__
        for mapper in Base.registry.mappers
        if {"registration_id", "attendee_id", "reference"} & set(inspect(mapper.class_).columns.keys())
    }
    assert mine <= {kind.__tablename__ for kind in RECORDED}


def test_letters_of_every_status_can_be_composed(app: Flask) -> None:
    assert {"confirmed", "offered", "pending", "waitlisted", "lottery"} == set(letters.LETTER_OF.values())
    assert {one.name for one in compose.LETTERS.iterdir()} >= set(letters.LETTER_OF.values())
    assert isinstance(an_application(), Application)
