"""Changing what was sent in: who comes, details, consents; what stays, who is told, and until when."""

import threading
from collections.abc import Callable
from dataclasses import replace as but
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import checks, tokens
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.models import (
    Answer,
    Attendee,
    AuditEntry,
    CalendarEntry,
    Consent,
    Event,
    EventStatus,
    Message,
    Question,
    Registration,
    Revision,
    Status,
)
from eventsite.registration import (
    Changes,
    ConsentBox,
    Person,
    cancel,
    change_consent,
    change_details,
    ledger,
    register,
    replace,
    roster,
)
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 19, 2, 0, tzinfo=UTC)  # Friday, 11:00 in Japan
START = datetime(2026, 1, 14, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OTSUKA = Person(
    family_name="大\ufa10",
    given_name="福子",
    family_kana="オオツカ",
    given_kana="フクコ",
    organisation="見本市",
    department="総務課",
    prefecture="長野県",
    email="otsuka@city.example.lg.jp",
)
GDX = {"code": "gdx", "name": "GDX会員企業", "items": ["氏名", "所属"], "purpose": "事後のご案内"}
SHARE = ConsentBox("share", True, "GDX会員企業に提供することに同意します", "gdx")
MAIL = ConsentBox("followup", True, "今後のセミナー案内をメールで受け取ります")
AGREED = ConsentBox("group", True, "新しい参加者の了承を得ています")
LONGEST = 60


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_seminar(seats: int | None = 60, rule: dict[str, Any] | None = None, **changes: Any) -> Event:
    usual: dict[str, Any] = {"start_at": START, "end_at": START + timedelta(minutes=90)}
    usual |= {"consents": ["privacy", "share", "followup"], "recipients": [GDX]}
    event = an_event(capacities={"local_gov": seats}, **(usual | changes))
    with transaction():
        for name, value in (rule or {}).items():
            setattr(event.category("local_gov"), name, value)
    return event


def with_question(event: Event, key: str = "meal", **more: Any) -> Question:
    usual = {"label": "お弁当", "type": "radio", "purpose": "お弁当の手配", "choices": ["和食", "洋食"]}
    with transaction():
        question = Question(key=key, position=len(event.questions), **(usual | more))
        event.questions.append(question)
    return question


def revisions(found: Registration) -> list[tuple[int | None, str, dict, dict]]:
    db.session.rollback()
    branch = {one.id: one.branch for one in found.attendees}
    rows = db.session.scalars(
        select(Revision).where(Revision.registration_id == found.id).order_by(Revision.id)
    )
    return [(branch.get(one.attendee_id), one.kind, one.before, one.after) for one in rows]


def recorded() -> list[tuple[str, dict]]:
    rows = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(one.action, one.details) for one in rows if one.action != "registration.created"]


def said(attendee: Attendee) -> list[tuple[str, str, bool, str]]:
    rows = db.session.scalars(select(Consent).where(Consent.attendee_id == attendee.id).order_by(Consent.id))
    return [(one.kind, one.recipient, one.value, one.source) for one in rows]


def places(attendee: Attendee) -> tuple[Any, ...]:
    """Everything about the seat and the place in line."""
    names = (
        "status",
        "queued_at",
        "lottery_rank",
        "offer_until",
        "needs_approval",
        "approved_at",
        "created_at",
    )
    return (attendee.number, attendee.participation, *(getattr(attendee, name) for name in names))


class News:
    """The letters stored since this was made, as (letter, to) and by their text."""

    def __init__(self) -> None:
        self.known = len(self._all())

    def _all(self) -> list[Message]:
        return list(db.session.scalars(select(Message).order_by(Message.id)))

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(one.letter, one.recipient) for one in self._all()[self.known :]]

    def text(self, letter: str, to: str) -> str:
        (found,) = [one for one in self._all()[self.known :] if (one.letter, one.recipient) == (letter, to)]
        assert found.mime is not None
        body = message_from_bytes(found.mime, policy=policy.default).get_body(("plain",))
        assert body is not None
        return body.get_content().replace("\r\n", "\n")


def refused(code: str, act: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as refusal:
        act()
    assert refusal.value.code == code
    return str(refusal.value.words)


class TestReplacing:
    @on_both
    def test_the_seat_stays_and_the_person_changes(self, app: Flask) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        first, second = found.attendees
        before, old_link, news = places(second), second.link_hash, News()
        assert replace(second, OTSUKA, [AGREED]) is True
        assert (second.name, second.family_kana, second.department) == ("大\ufa10 福子", "オオツカ", "総務課")
        assert (second.email, second.position) == ("otsuka@city.example.lg.jp", "")
        assert places(second) == before
        assert second.link_version == 2
        assert second.link_hash == tokens.digest(tokens.derive("attendee", second.id, 2)) != old_link
        assert second.person_key == "大塚福子"
        assert first.name == "\u9ad9\ufa11 洋子"
        assert revisions(found) == [
            (
                2,
                "replaced",
                {
                    "family_name": "\U00020bb7\u7530",
                    "given_name": "健",
                    "family_kana": "ヨシダ",
                    "given_kana": "ケン",
                    "department": "情報政策課",
                    "position": "係長",
                    "email": "yoshida@city.example.lg.jp",
                },
                {
                    "family_name": "大\ufa10",
                    "given_name": "福子",
                    "family_kana": "オオツカ",
                    "given_kana": "フクコ",
                    "department": "総務課",
                    "position": "",
                    "email": "otsuka@city.example.lg.jp",
                },
            )
        ]
        assert recorded() == [("attendee.replaced", {"numbers": [second.number]})]
        assert sorted(news.told) == [
            ("cancelled", "yoshida@city.example.lg.jp"),
            ("changed", TOWN_HALL),
            ("confirmed", "otsuka@city.example.lg.jp"),
        ]
        line = "参加者2　変更前：\U00020bb7\u7530 健 様　変更後：大\ufa10 福子 様"
        assert line in news.text("changed", TOWN_HALL)
        assert checks.run() == []

    def test_each_person_has_a_calendar_entry_of_their_own(self, app: Flask) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        (_, second) = found.attendees
        replace(second, OTSUKA, [AGREED])
        entries = {
            one.recipient_key: (one.uid, one.method, b"otsuka@" in one.ics)
            for one in db.session.scalars(select(CalendarEntry))
        }
        assert set(entries) == {"contact", f"attendee-{second.id}", f"attendee-{second.id}-2"}
        assert entries[f"attendee-{second.id}"][1:] == ("CANCEL", False)
        assert entries[f"attendee-{second.id}-2"][1:] == ("REQUEST", True)
        assert len({uid for uid, _, _ in entries.values()}) == 3

    @pytest.mark.parametrize("email", ["", TOWN_HALL, TOWN_HALL.upper()], ids=["blank", "same", "capitals"])
    def test_without_an_own_address_there_is_no_link(self, app: Flask, email: str) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        (_, second) = found.attendees
        replace(second, but(OTSUKA, email=email), [AGREED])
        assert (second.email, second.link_hash, second.link_version) == ("", None, 2)

    def test_the_same_address_gets_a_new_link_for_the_new_person(self, app: Flask) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        (_, second) = found.attendees
        old = second.link_hash
        replace(second, but(OTSUKA, email=YOSHIDA.email), [AGREED])
        assert second.email == YOSHIDA.email
        assert second.link_hash not in {old, None}

    def test_the_same_person_is_no_replacement(self, app: Flask) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        (_, second) = found.attendees
        news, before = News(), second.link_hash
        assert replace(second, YOSHIDA, [AGREED]) is False
        assert (second.link_hash, revisions(found), recorded(), news.told) == (before, [], [], [])

    @on_both
    def test_a_place_in_line_is_taken_over(self, app: Flask, moment) -> None:
        event = a_seminar(1)
        register(event, an_application(*people(1), contact_email="first@town.example.lg.jp"))
        moment.move(SECOND)
        waiting = register(event, an_application())
        moment.move(SECOND)
        behind = register(event, an_application(*people(2)[1:], contact_email="behind@town.example.lg.jp"))
        moment.move(timedelta(days=1))
        before, news = places(waiting.attendees[0]), News()
        replace(waiting.attendees[0], but(OTSUKA, email=""), [AGREED])
        assert places(waiting.attendees[0]) == before
        assert ledger.positions(event) == {waiting.attendees[0].id: 1, behind.attendees[0].id: 2}
        assert news.told == [("changed", TOWN_HALL)]

    def test_an_offer_is_taken_over(self, app: Flask, moment) -> None:
        event = a_seminar(1, {"promotion": "offer"})
        first = register(event, an_application(*people(1), contact_email="first@town.example.lg.jp"))
        moment.move(SECOND)
        found = register(event, an_application())
        cancel(first.attendees)
        (attendee,) = found.attendees
        assert attendee.status == Status.OFFERED
        before = places(attendee)
        replace(attendee, OTSUKA, [AGREED])
        assert places(attendee) == before

    def test_who_was_the_contact_by_taking_part_stays_the_contact(self, app: Flask) -> None:
        found = register(a_seminar(), an_application())
        replace(found.attendees[0], OTSUKA, [AGREED])
        assert found.contact_name == "\u9ad9\ufa11 洋子"
        assert revisions(found)[0] == (
            None,
            "details",
            {"contact_name": ""},
            {"contact_name": "\u9ad9\ufa11 洋子"},
        )

    def test_a_mailbox_of_an_office_is_the_new_person_s_too(self, app: Flask) -> None:
        found = register(a_seminar(), an_application())
        replace(found.attendees[0], but(OTSUKA, email=""), [AGREED])
        assert (found.contact_name, found.contact_email) == ("", TOWN_HALL)

    @on_both
    def test_optional_consents_are_asked_for_again(self, app: Flask) -> None:
        event = a_seminar()
        privacy = ConsentBox("privacy", True, "同意します")
        found = register(event, an_application(consents=(privacy, SHARE, MAIL)))
        (attendee,) = found.attendees
        assert len(roster.table(event, "shared").rows) == 1
        replace(attendee, OTSUKA, [AGREED, but(SHARE, value=False)])
        assert said(attendee) == [
            ("privacy", "", True, "web"),
            ("share", "gdx", True, "web"),
            ("followup", "", True, "web"),
            ("group", "", True, "manage"),
            ("share", "gdx", False, "manage"),
            ("followup", "", False, "manage"),
        ]
        assert roster.table(event, "shared").rows == []

    def test_a_consent_of_the_new_person_counts(self, app: Flask) -> None:
        event = a_seminar()
        found = register(event, an_application())
        replace(found.attendees[0], OTSUKA, [AGREED, SHARE])
        assert roster.table(event, "shared").rows == [["大\ufa10 福子", "見本市"]]

    def test_a_repeat_is_marked(self, app: Flask) -> None:
        event = a_seminar()
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        register(event, an_application(OTSUKA, contact_email=OTSUKA.email))
        (_, second) = found.attendees
        replace(second, OTSUKA, [AGREED])
        assert second.possible_duplicate is True
        replace(second, YAMADA, [AGREED])
        assert second.possible_duplicate is False

    def test_the_limit_of_an_organisation_holds(self, app: Flask) -> None:
        event = a_seminar(rule={"per_organization_limit": 2})
        register(event, an_application(*people(2)))
        found = register(event, an_application(but(TAKASAKI, organisation="別の市")))
        (attendee,) = found.attendees
        words = refused("too-many-attendees", lambda: replace(attendee, OTSUKA, [AGREED]))
        assert words.startswith("同じ団体からのお申し込みは2名までです。")
        replace(attendee, but(OTSUKA, organisation="別の市"), [AGREED])
        assert attendee.organisation == "別の市"

    def test_within_a_full_organisation_it_is_no_more(self, app: Flask) -> None:
        event = a_seminar(rule={"per_organization_limit": 2})
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        assert replace(found.attendees[1], OTSUKA, [AGREED]) is True

    @pytest.mark.parametrize(
        "status", [Status.CANCELLED, Status.DECLINED, Status.LOST, Status.EXPIRED], ids=lambda one: one.value
    )
    def test_who_does_not_take_part_is_not_replaced(self, app: Flask, status: Status) -> None:
        found = register(a_seminar(), an_application())
        with transaction():
            found.attendees[0].status = status
        refused("closed", lambda: replace(found.attendees[0], OTSUKA, [AGREED]))
        assert revisions(found) == []

    @pytest.mark.parametrize("until", [None, START - timedelta(days=2)], ids=["start", "deadline"])
    def test_until_the_second(self, app: Flask, moment, until: datetime | None) -> None:
        found = register(a_seminar(cancel_until=until), an_application())
        moment.moment = (until or START) - SECOND
        assert replace(found.attendees[0], OTSUKA, [AGREED])
        moment.move(SECOND)
        words = refused("closed", lambda: replace(found.attendees[0], TAKASAKI, [AGREED]))
        assert ("1月12日（月）10:00まで" in words) is (until is not None)
        assert replace(found.attendees[0], TAKASAKI, [AGREED], by=sato(found.event))

    def test_not_once_the_seminar_is_called_off(self, app: Flask) -> None:
        found = register(a_seminar(), an_application())
        with transaction():
            found.event.status = EventStatus.CANCELLED
        refused("cancelled", lambda: replace(found.attendees[0], OTSUKA, [AGREED]))


class TestDetails:
    @on_both
    def test_only_what_differs_is_written_and_told(self, app: Flask) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        first, second = found.attendees
        news = News()
        changed = change_details(
            found,
            Changes(
                contact={"contact_phone": "026-111-1111", "contact_name": "", "phone_extension": ""},
                attendees={
                    1: {"department": "総務課", "organisation": "見本市", "viewers": 1},
                    2: {"position": "課長", "viewers": 3},
                },
            ),
        )
        assert changed == ["contact_phone", "department", "position", "viewers"]
        assert (first.department, second.position, second.viewers) == ("総務課", "課長", 3)
        assert revisions(found) == [
            (None, "details", {"contact_phone": "026-000-0000"}, {"contact_phone": "026-111-1111"}),
            (1, "details", {"department": "企画課"}, {"department": "総務課"}),
            (2, "details", {"position": "係長", "viewers": 1}, {"position": "課長", "viewers": 3}),
        ]
        assert recorded() == [
            ("registration.changed", {"reference": found.reference, "fields": ["contact_phone"]}),
            ("attendee.changed", {"numbers": [first.number], "fields": ["department"]}),
            ("attendee.changed", {"numbers": [second.number], "fields": ["position", "viewers"]}),
        ]
        assert sorted(news.told) == [("changed", TOWN_HALL), ("changed", YOSHIDA.email)]
        own = "参加者2　役職　変更前：係長　変更後：課長"
        others = [
            "電話番号　変更前：026-000-0000　変更後：026-111-1111",
            "参加者1　部署名　変更前：企画課　変更後：総務課",
        ]
        for line in [*others, own, "参加者2　同じ画面で視聴する人数　変更前：1名　変更後：3名"]:
            assert line in news.text("changed", TOWN_HALL)
        assert own in news.text("changed", YOSHIDA.email)
        assert [line in news.text("changed", YOSHIDA.email) for line in others] == [False, False]
        assert first.link_version == second.link_version == found.link_version == 1
        assert checks.run() == []

    def test_of_nothing_nobody_is_told(self, app: Flask) -> None:
        found = register(a_seminar(), an_application())
        news = News()
        same = Changes({"contact_phone": "026-000-0000"}, {}, {1: {"department": "企画課"}})
        assert change_details(found, same) == []
        assert (revisions(found), recorded(), news.told) == ([], [], [])

    def test_in_the_language_of_the_registration(self, app: Flask) -> None:
        found = register(a_seminar(), an_application(locale="en"))
        news = News()
        change_details(found, Changes(attendees={1: {"department": "総務課"}}))
        assert "Department" in news.text("changed", TOWN_HALL)
        assert "部署名" not in news.text("changed", TOWN_HALL)

    def test_a_municipality_is_told_by_its_name(self, app: Flask) -> None:
        found = register(a_seminar(), an_application())
        news = News()
        new = {"municipality_code": "202011", "prefecture": "長野県", "organisation": "長野市"}
        change_details(found, Changes(attendees={1: new}))
        text = news.text("changed", TOWN_HALL)
        assert "自治体　変更前：長野県　変更後：長野県長野市\n所属　変更前：見本市　変更後：長野市" in text
        assert found.attendees[0].organisation_key == "長野市"

    @on_both
    def test_answers_are_changed_given_and_taken_back(self, app: Flask) -> None:
        event = a_seminar()
        with_question(event)
        with_question(event, "topics", label="関心", type="checkbox", choices=["窓口", "防災"])
        with_question(event, "more", label="ご質問", type="textarea", choices=[])
        found = register(event, an_application(answers={"meal": "和食", "more": "駅から歩けますか"}))
        news = News()
        changed = change_details(
            found, Changes(answers={"meal": "洋食", "topics": ["窓口", "防災"], "more": None})
        )
        assert changed == ["q-meal", "q-more", "q-topics"]
        assert revisions(found) == [
            (
                None,
                "details",
                {"q-meal": "和食", "q-topics": None, "q-more": "駅から歩けますか"},
                {"q-meal": "洋食", "q-topics": ["窓口", "防災"], "q-more": None},
            )
        ]
        answers = {one.question.key: one.value for one in db.session.scalars(select(Answer))}
        assert answers == {"meal": "洋食", "topics": ["窓口", "防災"]}
        text = news.text("changed", TOWN_HALL)
        assert "お弁当　変更前：和食　変更後：洋食\n関心　変更前：（なし）　変更後：窓口、防災\n" in text

    @on_both
    def test_a_place_in_a_choice_is_kept_and_not_taken_twice(self, app: Flask) -> None:
        event = a_seminar()
        capped = [{"label": "見学", "capacity": 2}, {"label": "実習", "capacity": 1}, "なし"]
        with_question(event, choices=capped)
        found = register(event, an_application(TAKASAKI, YOSHIDA, answers={"meal": "見学"}))
        other = register(event, an_application(YAMADA, contact_email=YAMADA.email, answers={"meal": "実習"}))
        same = Changes({"contact_phone": "026-111-1111"}, {"meal": "見学"})
        assert change_details(found, same) == ["contact_phone"]
        refused("invalid", lambda: change_details(found, Changes(answers={"meal": "実習"})))
        refused("invalid", lambda: change_details(other, Changes(answers={"meal": "見学"})))
        change_details(found, Changes(answers={"meal": "なし"}))
        assert change_details(other, Changes(answers={"meal": "見学"})) == ["q-meal"]

    def test_a_further_choice_needs_a_place_the_kept_one_does_not(self, app: Flask) -> None:
        event = a_seminar()
        capped = [{"label": "午前", "capacity": 1}, {"label": "午後", "capacity": 1}]
        with_question(event, type="checkbox", choices=capped)
        found = register(event, an_application(answers={"meal": ["午前"]}))
        assert change_details(found, Changes(answers={"meal": ["午前", "午後"]})) == ["q-meal"]

    def test_a_refusal_names_the_question(self, app: Flask) -> None:
        event = a_seminar()
        with_question(event, choices=[{"label": "見学", "capacity": 0}, "なし"])
        found = register(event, an_application(answers={"meal": "なし"}))
        with pytest.raises(Refusal) as refusal:
            change_details(found, Changes({"contact_phone": "1"}, {"meal": "見学"}))
        assert refusal.value.field == "q-meal"
        assert (found.contact_phone, revisions(found)) == ("026-000-0000", [])

    def test_the_limit_of_an_organisation_holds(self, app: Flask) -> None:
        event = a_seminar(rule={"per_organization_limit": 2})
        register(event, an_application(*people(2)))
        office = but(TAKASAKI, organisation="別の市")
        found = register(event, an_application(office, but(office, given_name="二")))
        moved = Changes(attendees={1: {"organisation": "見本市"}})
        refused("too-many-attendees", lambda: change_details(found, moved))
        both = Changes(attendees={branch: {"organisation": "第三の市"} for branch in (1, 2)})
        assert change_details(found, both) == ["organisation"]

    def test_who_is_over_the_limit_already_may_change_the_rest(self, app: Flask) -> None:
        event = a_seminar()
        found = register(event, an_application(*people(3)))
        with transaction():
            event.category("local_gov").per_organization_limit = 2
        assert change_details(found, Changes(attendees={1: {"department": "税務課"}})) == ["department"]

    def test_an_own_link_reaches_no_further(self, app: Flask) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        (_, second) = found.attendees
        own = Changes(attendees={2: {"department": "総務課"}})
        assert change_details(found, own, attendee=second) == ["department"]
        for more in (
            Changes(attendees={1: {"department": "総務課"}}),
            Changes(contact={"contact_phone": ""}),
            Changes(answers={"meal": None}),
        ):
            with pytest.raises(ValueError, match="more than the details"):
                change_details(found, more, attendee=second)

    @pytest.mark.parametrize(
        "changes",
        [
            Changes(attendees={1: {"family_name": "別"}}),
            Changes(attendees={1: {"email": "x@example.jp"}}),
            Changes(attendees={1: {"status": "confirmed"}}),
            Changes(contact={"contact_email": "x@example.jp"}),
            Changes(answers={"nothing": "x"}),
        ],
        ids=["name", "address", "status", "contact", "question"],
    )
    def test_what_is_no_detail(self, app: Flask, changes: Changes) -> None:
        found = register(a_seminar(), an_application())
        with pytest.raises(ValueError, match="no "):
            change_details(found, changes)

    def test_of_somebody_who_no_longer_takes_part(self, app: Flask) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA))
        cancel(found.attendees[1:])
        new = Changes(attendees={1: {"department": "総務課"}, 2: {"department": "総務課"}})
        words = refused("closed", lambda: change_details(found, new))
        assert words.startswith("参加者2の")
        assert found.attendees[0].department == "企画課"

    @pytest.mark.parametrize(
        ("closes", "until", "ends"),
        [
            (None, None, START),
            (START - timedelta(days=3), None, START - timedelta(days=3)),
            (START - timedelta(days=3), START - timedelta(days=5), START - timedelta(days=5)),
            (START - timedelta(days=3), START - timedelta(days=1), START - timedelta(days=1)),
            (None, START + timedelta(days=1), START),
        ],
        ids=["start", "closing", "earlier", "later than the closing", "never beyond the start"],
    )
    def test_until_the_second(
        self, app: Flask, moment, closes: datetime | None, until: datetime | None, ends: datetime
    ) -> None:
        found = register(a_seminar(rule={"closes_at": closes}, changes_until=until), an_application())
        moment.moment = ends - SECOND
        assert change_details(found, Changes(attendees={1: {"department": "総務課"}}))
        moment.moment = ends
        later = Changes(attendees={1: {"department": "税務課"}})
        refused("closed", lambda: change_details(found, later))
        assert found.attendees[0].department == "総務課"
        assert change_details(found, later, by=sato(found.event)) == ["department"]

    def test_in_a_zone_that_changes_its_clocks(self, app: Flask, moment) -> None:
        """25 October 2026, 03:00 in Berlin becomes 02:00: the deadline is the second 02:30 of that night."""
        until = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        start = datetime(2026, 10, 26, 9, 0, tzinfo=UTC)
        event = a_seminar(
            timezone="Europe/Berlin", start_at=start, end_at=start + timedelta(hours=1), changes_until=until
        )
        found = register(event, an_application())
        moment.moment = until - timedelta(hours=1)  # the first 02:30
        assert change_details(found, Changes(attendees={1: {"department": "総務課"}}))
        moment.moment = until
        words = refused(
            "closed", lambda: change_details(found, Changes(attendees={1: {"department": "税務課"}}))
        )
        assert "10月25日（日）2:30まで" in words

    def test_not_where_the_organiser_says_no(self, app: Flask) -> None:
        found = register(a_seminar(changes_allowed=False), an_application())
        new = Changes(attendees={1: {"department": "総務課"}})
        assert "このページからは変更できません" in refused("closed", lambda: change_details(found, new))
        assert change_details(found, new, by=sato(found.event)) == ["department"]
        (row,) = db.session.scalars(select(Revision))
        assert row.account_id is not None


class TestConsent:
    @on_both
    def test_is_given_and_withdrawn_by_adding_rows(self, app: Flask) -> None:
        event = a_seminar()
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        second = found.attendees[1]
        assert change_consent(second, SHARE) is True
        assert change_consent(second, SHARE) is False
        assert [row[0] for row in roster.table(event, "shared").rows] == [second.name]
        assert change_consent(second, but(SHARE, value=False)) is True
        assert roster.table(event, "shared").rows == []
        assert [one for one in said(second) if one[0] == "share"] == [
            ("share", "gdx", True, "manage"),
            ("share", "gdx", False, "manage"),
        ]
        assert {one.text for one in db.session.scalars(select(Consent)) if one.kind == "share"} == {
            SHARE.text
        }
        assert recorded() == [("consent.changed", {"numbers": [second.number], "kind": "share"})] * 2

    def test_never_asked_and_not_ticked_is_nothing(self, app: Flask) -> None:
        found = register(a_seminar(), an_application())
        assert change_consent(found.attendees[0], but(MAIL, value=False)) is False
        assert [one[0] for one in said(found.attendees[0])] == ["privacy"]

    @pytest.mark.parametrize(
        "box",
        [
            but(SHARE, recipient="other"),
            but(SHARE, recipient=""),
            but(MAIL, recipient="gdx"),
            ConsentBox("x", True, ""),
        ],
        ids=["unknown", "nobody", "mail to somebody", "unknown kind"],
    )
    def test_what_the_event_does_not_ask_for(self, app: Flask, box: ConsentBox) -> None:
        found = register(a_seminar(), an_application())
        refused("invalid", lambda: change_consent(found.attendees[0], box))

    def test_required_ones_stay(self, app: Flask) -> None:
        found = register(a_seminar(), an_application())
        refused(
            "invalid", lambda: change_consent(found.attendees[0], ConsentBox("privacy", False, "同意します"))
        )

    def test_can_be_withdrawn_after_the_event_and_when_no_longer_asked(self, app: Flask, moment) -> None:
        event = a_seminar()
        found = register(event, an_application(consents=(MAIL,)))
        with transaction():
            event.consents = ["privacy"]
        moment.moment = START + timedelta(days=30)
        assert change_consent(found.attendees[0], but(MAIL, value=False)) is True


class TestCancelling:
    @pytest.mark.parametrize("until", [None, START - timedelta(days=2)], ids=["start", "deadline"])
    def test_until_the_second(self, app: Flask, moment, until: datetime | None) -> None:
        found = register(a_seminar(cancel_until=until), an_application(*people(3)))
        first, second, third = found.attendees
        moment.moment = (until or START) - SECOND
        assert cancel([first]) == [first]
        moment.move(SECOND)
        words = refused("closed", lambda: cancel([second]))
        assert ("1月12日（月）10:00まで" in words) is (until is not None)
        assert cancel([third], by=sato(found.event)) == [third]

    def test_the_letter_says_the_deadline(self, app: Flask) -> None:
        news = News()
        register(a_seminar(cancel_until=datetime(2026, 1, 12, 15, 0, tzinfo=UTC)), an_application())
        assert "1月12日（月）23:59までに" in news.text("confirmed", TOWN_HALL).replace("\n", "")


class TestTwoAtOnce:
    """Whoever had another person on the screen is told, and nothing happens to the wrong one."""

    def test_a_person_who_was_replaced_is_not_cancelled(self, app: Flask) -> None:
        found = register(a_seminar(), an_application())
        (attendee,) = found.attendees
        shown = {1: attendee.link_version}
        replace(attendee, OTSUKA, [AGREED], shown=shown)
        words = refused("closed", lambda: cancel([attendee], shown=shown))
        assert "すでに差し替えられています" in words
        refused("closed", lambda: replace(attendee, YAMADA, [AGREED], shown=shown))
        refused("closed", lambda: change_consent(attendee, SHARE, shown=shown))
        new = Changes(attendees={1: {"department": "税務課"}})
        refused("closed", lambda: change_details(found, new, shown=shown))
        assert (attendee.status, attendee.name) == (Status.CONFIRMED, "大\ufa10 福子")
        assert change_details(found, new, shown={1: 2}) == ["department"]

    @on_both
    def test_replacing_and_cancelling_the_same_person(self, app: Flask) -> None:
        """One of the two wins, the other is told why; the seat is free only if the cancellation has won."""
        event = a_seminar(1)
        office = sato(event)
        for turn in range(8):
            found = register(event, an_application(contact_email=f"{turn}@town.example.lg.jp"))
            (attendee,) = found.attendees
            number, shown = attendee.id, {1: attendee.link_version}
            acts: dict[str, Callable[[Attendee], Any]] = {
                "replaced": lambda one, shown=shown: replace(one, OTSUKA, [AGREED], shown=shown),
                "cancelled": lambda one, shown=shown: cancel([one], shown=shown),
            }
            outcome = at_once(app, number, acts)
            db.session.rollback()
            assert sorted(outcome.values()) == ["closed", "done"]
            won = next(name for name, answer in outcome.items() if answer == "done")
            left = attendee.status == Status.CANCELLED
            assert (won, attendee.name == "大\ufa10 福子") == (
                ("cancelled", False) if left else ("replaced", True)
            )
            assert checks.run() == []
            cancel([attendee], by=office)


def at_once(app: Flask, number: int, acts: dict[str, Callable[[Attendee], Any]]) -> dict[str, str]:
    """Let each do its deed in a thread of its own; returns what came of it."""
    barrier = threading.Barrier(len(acts))
    outcome: dict[str, str] = {}

    def run(name: str) -> None:
        with app.app_context():
            attendee = db.session.get_one(Attendee, number)
            barrier.wait(LONGEST)
            try:
                acts[name](attendee)
                outcome[name] = "done"
            except Refusal as refusal:
                outcome[name] = refusal.code
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=[name]) for name in acts]
    for one in threads:
        one.start()
    for one in threads:
        one.join(LONGEST)
    return outcome
