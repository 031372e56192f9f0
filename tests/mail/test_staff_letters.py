"""Letters to the association's people: when they are written, to whom, what they say, and that they say it once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import registration, rounds
from eventsite.db import db, transaction
from eventsite.events import operations
from eventsite.mail import outbox, post_room, trouble
from eventsite.mail.letters import staff_letters
from eventsite.models import Attendee, Event, EventRole, Message, MessageStatus, Status
from eventsite.registration import reporting
from tests.cast import TAKASAKI, TOWN_HALL, an_account, an_application, an_event, kanri, people, sato, suzuki
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 0, 0, tzinfo=UTC)  # Monday, 9:00 in Japan
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def told(letter: str = "staff_") -> list[Message]:
    """The letters to the association's people so far."""
    db.session.rollback()
    query = select(Message).where(Message.letter.startswith(letter)).order_by(Message.id)
    return list(db.session.scalars(query))


def subjects() -> list[tuple[str, str]]:
    return [(one.recipient.partition("@")[0], one.subject) for one in told()]


def comes(event: Event, count: int = 1, category: str = "local_gov", **more: Any):
    return registration.register(event, an_application(*people(count), category=category, **more))


def asking(event: Event) -> Event:
    """The event, whose companies are looked at first."""
    with transaction():
        event.category("company").approval = "manual"
    return event


def give(role: str, event: Event, name: str, *, active: bool = True):
    account = an_account(f"{name}@gdx.example.jp", name, "organiser", ())
    with transaction():
        account.active = active
        db.session.add(EventRole(event_id=event.id, account_id=account.id, role=role))
    return account


class TestWho:
    def test_organisers_of_the_event_who_are_active(self, app: Flask) -> None:
        event, other = an_event(), an_event()
        owner = sato(event)
        second = give("organiser", event, "second")
        give("viewer", event, "viewer")
        give("organiser", event, "gone", active=False)
        give("organiser", other, "elsewhere")
        suzuki(event)
        kanri()
        assert staff_letters.organisers(event) == [owner, second]

    def test_the_admins_while_an_event_has_no_organiser(self, app: Flask) -> None:
        event = an_event()
        give("organiser", an_event(), "elsewhere")
        assert staff_letters.organisers(event) == []
        admin = kanri()
        assert staff_letters.organisers(event) == [admin]

    def test_the_site_is_looked_after_by_admins_else_by_all_organisers(self, app: Flask) -> None:
        organiser = sato()
        suzuki()
        assert staff_letters.caretakers() == [organiser]
        admin = kanri()
        assert staff_letters.caretakers() == [admin]


SUMMARY = """\
佐藤 花子 様

「はじめての自治体DX」の受付状況をお知らせします。

受付の開始から
・新しいお申し込み　4名
・取消　1名

いま埋まっている席（承認待ち・繰上げ案内中を含む）
・自治体職員　2名／定員2名
・GDX会員　0名／定員60名
・一般企業　1名／定員30名
・全体　3名

・承認待ち　1名

承認待ちの方への回答予定日は、最も早いもので12月4日（木）です。

詳しくは、次のページでご確認ください。

http://127.0.0.1:8000/organiser/events/{slug}
"""


class TestMorning:
    @on_both
    def test_the_figures_of_an_event_whose_figures_changed(self, app: Flask, moment) -> None:
        event = asking(an_event(capacities={"local_gov": 2}))
        sato(event)
        comes(event, 2)
        gone = comes(event, category="gdx_member")
        registration.cancel(gone.attendees)
        comes(event, category="company")
        moment.move(DAY)
        assert reporting.tell_in_the_morning() == 1
        (letter,) = told()
        assert (letter.recipient, letter.event_id) == ("sato@gdx.example.jp", event.id)
        assert letter.subject == "【受付状況】はじめての自治体DX"
        assert letter.text.startswith(SUMMARY.format(slug=event.slug))

    @on_both
    def test_the_next_one_tells_of_what_came_since(self, app: Flask, moment) -> None:
        event = an_event(capacities={"local_gov": 1})
        with transaction():
            event.category("local_gov").waitlist = True
        sato(event)
        comes(event)
        reporting.tell_in_the_morning()
        moment.move(DAY)
        assert reporting.tell_in_the_morning() == 0
        waits = comes(event)
        with transaction():
            waits.attendees[0].undeliverable = True
        assert [reporting.tell_in_the_morning(), reporting.tell_in_the_morning()] == [1, 0]
        text = told()[-1].text
        assert "前回のお知らせのあと\n・新しいお申し込み　1名\n・取消　0名\n" in text
        assert "\n・キャンセル待ち　1名\n・メールの届いていない方　1名\n" in text
        assert "回答予定日" not in text

    def test_nobody_is_told_of_what_is_past_or_not_public(self, app: Flask, moment) -> None:
        held = an_event()
        sato(held, an_event(status="draft"), an_event())
        comes(held)
        moment.move(60 * DAY)
        assert (reporting.tell_in_the_morning(), told()) == (0, [])

    def test_one_mail_a_morning_who_waits_alone_is_one_too(self, app: Flask, moment) -> None:
        event = asking(an_event())
        sato(event)
        comes(event, 2, category="company")
        comes(event, category="company")
        reporting.tell_in_the_morning()
        moment.move(DAY)
        assert [reporting.tell_in_the_morning(), reporting.tell_in_the_morning()] == [1, 0]
        assert [subject for _, subject in subjects()] == [
            "【受付状況】はじめての自治体DX",
            "【要承認】2件 はじめての自治体DX",
        ]
        text = told()[-1].text
        assert (
            "承認待ちのお申し込みが2件あります。回答予定日は、\n最も早いもので12月4日（木）です。次のページで"
        ) in text
        assert f"\nhttp://127.0.0.1:8000/organiser/events/{event.slug}/approvals\n" in text

    def test_no_letter_holds_anything_of_an_attendee(self, app: Flask, moment) -> None:
        event = asking(an_event(capacities={"company": 1}))
        sato(event)
        registered = registration.register(event, an_application(TAKASAKI, category="company"))
        reporting.tell_at_once()
        reporting.tell_in_the_morning()
        moment.move(DAY)
        reporting.tell_in_the_morning()
        fail(registered.id)
        trouble.tell_of_undelivered()
        letters = told()
        assert [one.letter for one in letters] == [
            "staff_pending",
            "staff_full",
            "staff_summary",
            "staff_pending",
            "staff_delivery",
        ]
        personal = [TAKASAKI.family_name, "洋子", "見本市", TOWN_HALL, registered.reference, "/r/"]
        assert [(one.letter, word) for one in letters for word in personal if word in one.text] == []


class TestPending:
    @on_both
    def test_one_mail_when_the_first_asks_and_none_for_those_after(self, app: Flask, moment) -> None:
        event = asking(an_event())
        owner = sato(event)
        assert reporting.tell_at_once() == 0
        first = comes(event, category="company")
        assert [reporting.tell_at_once(), reporting.tell_at_once()] == [1, 0]
        second = comes(event, category="company")
        moment.move(reporting.QUIET - MINUTE)
        assert reporting.tell_at_once() == 0
        registration.approve(event, first.attendees, owner)
        assert reporting.tell_at_once() == 0
        moment.move(2 * MINUTE)
        registration.approve(event, second.attendees, owner)
        assert reporting.tell_at_once() == 0
        comes(event, category="company")
        assert [reporting.tell_at_once(), reporting.tell_at_once()] == [1, 0]
        assert subjects() == [("sato", "【要承認】1件 はじめての自治体DX")] * 2

    def test_who_was_in_the_summary_is_told_of(self, app: Flask) -> None:
        event = asking(an_event())
        sato(event)
        comes(event, category="company")
        reporting.tell_in_the_morning()
        assert reporting.tell_at_once() == 0

    def test_a_long_title_is_cut_for_the_subject(self, app: Flask) -> None:
        event = asking(an_event(title="とても長い題名の" * 20))
        sato(event)
        comes(event, category="company")
        reporting.tell_at_once()
        (letter,) = told()
        assert letter.subject.startswith("【要承認】1件 とても長い題名の")
        assert (len(letter.subject), letter.subject[-1]) == (40, "…")


class TestFull:
    @on_both
    def test_a_category_that_becomes_full_is_told_once(self, app: Flask, moment) -> None:
        event = an_event(capacities={"local_gov": 2})
        sato(event)
        comes(event)
        assert reporting.tell_at_once() == 0
        moment.move(MINUTE)
        last = comes(event)
        moment.move(MINUTE)
        assert [reporting.tell_at_once(), reporting.tell_at_once()] == [1, 0]
        registration.cancel(last.attendees)
        assert reporting.tell_at_once() == 0
        moment.move(MINUTE)
        comes(event)
        assert [reporting.tell_at_once(), reporting.tell_at_once()] == [1, 0]
        assert subjects() == [("sato", "【満席】はじめての自治体DX")] * 2
        assert "\n・自治体職員　定員2名\n" in told()[-1].text
        assert f"\nhttp://127.0.0.1:8000/organiser/events/{event.slug}/seats\n" in told()[-1].text

    @on_both
    def test_a_seat_given_to_the_next_in_line_is_no_news(self, app: Flask, moment) -> None:
        event = an_event(capacities={"local_gov": 1})
        with transaction():
            event.category("local_gov").waitlist = True
        sato(event)
        first = comes(event)
        comes(event)
        reporting.tell_at_once()
        moment.move(HOUR)
        registration.cancel(first.attendees)
        held = select(Attendee).where(Attendee.status == Status.CONFIRMED)
        assert len(db.session.scalars(held).all()) == 1
        assert (reporting.tell_at_once(), len(told())) == (0, 1)

    def test_more_seats_that_are_taken_are_news(self, app: Flask, moment) -> None:
        event = an_event(capacities={"local_gov": 1})
        owner = sato(event)
        comes(event)
        reporting.tell_at_once()
        operations.change_category(event.category("local_gov"), {"capacity": 2}, owner)
        moment.move(MINUTE)
        assert reporting.tell_at_once() == 0
        comes(event)
        assert reporting.tell_at_once() == 1
        operations.change_category(event.category("local_gov"), {"capacity": 1}, owner)
        assert reporting.tell_at_once() == 0

    def test_the_event_as_a_whole(self, app: Flask) -> None:
        event = an_event(capacity_total=2, capacities={"local_gov": 1, "gdx_member": 0})
        sato(event)
        comes(event)
        comes(event, category="company")
        assert [reporting.tell_at_once(), reporting.tell_at_once()] == [2, 0]
        texts = [one.text for one in told()]
        assert "\n・セミナー全体　定員2名\n" in texts[0]
        assert "\n・自治体職員　定員1名\n" in texts[1]


def fail(registration_id: int, status: MessageStatus = MessageStatus.FAILED) -> None:
    """All letters about a registration are refused, as the mail server would by the worker."""
    with transaction():
        letters = select(Message.id).where(Message.registration_id == registration_id)
        ids = list(db.session.scalars(letters))
    for one in outbox.claim("w", 100):
        (outbox.failed if one.id in ids else outbox.sent)(one, "w", *(["550 no"] if one.id in ids else []))


class TestUndelivered:
    @on_both
    def test_the_organisers_hear_of_letters_that_reached_nobody_by_the_hour(self, app: Flask, moment) -> None:
        event, other = an_event(), an_event()
        sato(event, other)
        well, broken = comes(event), comes(event)
        comes(other)
        assert trouble.tell_of_undelivered() == 0
        fail(broken.id)
        moment.move(HOUR)
        assert [trouble.tell_of_undelivered(), trouble.tell_of_undelivered()] == [1, 0]
        with transaction():
            bounced = db.session.scalars(select(Message).where(Message.registration_id == well.id)).one()
            moment.move(HOUR)
            bounced.bounced_at = moment()
        moment.move(MINUTE)
        assert [trouble.tell_of_undelivered(), trouble.tell_of_undelivered()] == [1, 0]
        assert subjects() == [("sato", "【メール不達】1件 はじめての自治体DX")] * 2
        assert f"\nhttp://127.0.0.1:8000/organiser/events/{event.slug}/letters\n" in told()[-1].text

    def test_a_letter_to_staff_that_fails_brings_no_further_letters(self, app: Flask, moment) -> None:
        event = asking(an_event())
        sato(event)
        comes(event, category="company")
        reporting.tell_at_once()
        for one in outbox.claim("w", 100):
            outbox.failed(one, "w", "550 no")
        with transaction():
            for letter in db.session.scalars(select(Message).where(Message.registration_id.is_not(None))):
                letter.status = MessageStatus.SENT
        moment.move(HOUR)
        assert trouble.tell_of_undelivered() == 0


class TestOutage:
    @on_both
    def test_it_is_told_when_it_has_lasted_ten_minutes_and_once(self, app: Flask, moment) -> None:
        event = an_event()
        sato(event)
        kanri()
        comes(event)
        post_room.fail()
        moment.move(trouble.OUTAGE - timedelta(seconds=1))
        assert trouble.tell_of_outage() == 0
        moment.move(timedelta(seconds=1))
        assert [trouble.tell_of_outage(), trouble.tell_of_outage()] == [1, 0]
        moment.move(HOUR)
        post_room.fail()
        assert trouble.tell_of_outage() == 0
        post_room.succeed()
        moment.move(HOUR)
        assert trouble.tell_of_outage() == 0
        post_room.fail()
        moment.move(HOUR)
        assert trouble.tell_of_outage() == 1
        assert subjects() == [("kanri", "【メール遅延】送信が止まっていました")] * 2
        text = told()[0].text
        assert text.startswith("管理 一 様\n\n12月1日（月）9:00ごろから、メールサーバーにつながらず、\n")
        assert "1件が送信を待っていました。" in text

    def test_nothing_is_wrong(self, app: Flask) -> None:
        kanri()
        assert (trouble.tell_of_outage(), told()) == (0, [])


@on_both
def test_two_workers_tell_of_an_outage_once(app: Flask, moment) -> None:
    kanri()
    post_room.fail()
    moment.move(HOUR)
    rounds.run_due("a"), rounds.run_due("b")
    moment.move(MINUTE)
    assert [rounds.run_due(name, rounds.ROUNDS[:1]) for name in "abab"] == [1, 0, 0, 0]
    assert len(told()) == 1
