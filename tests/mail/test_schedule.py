"""Reminders and follow-ups as rows: planned with the event, moved with it, written once, never lost."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import clock, registration
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.events import operations, reminding
from eventsite.mail import joining, mailings, schedule
from eventsite.models import AuditEntry, CalendarEntry, Event, EventStatus, Mailing, MailingStatus, Message
from tests.cast import YAMADA, YOSHIDA, an_application, an_event, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
LATER = datetime(2026, 1, 13, 1, 0, tzinfo=UTC)
HOURS = timedelta(hours=1)
JOIN = "https://zoom.us/j/00000000000"


@pytest.fixture(autouse=True)
def moment(at):
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(NOW)


def a_seminar(**changes) -> Event:
    usual = {"start_at": START, "end_at": START + timedelta(minutes=90), "join_url": JOIN}
    event = an_event(**(usual | changes))
    replanned(event)
    return event


def replanned(event: Event, **changes) -> None:
    with transaction():
        lock(event)
        for name, value in changes.items():
            setattr(event, name, value)
        schedule.replan(event, clock.now())


def moved(event: Event, start: datetime) -> None:
    replanned(event, start_at=start, end_at=start + timedelta(minutes=90))


def plan(event: Event, status: MailingStatus = MailingStatus.PLANNED) -> list[str]:
    """What is in the plan, in Japanese time."""
    found = [one for one in schedule.of_event(event) if one.status == status]
    return [f"{one.due_at + 9 * HOURS:%m-%d %H:%M}" for one in found]


def letters(letter: str = "reminder") -> list[str]:
    query = select(Message).where(Message.letter == letter).order_by(Message.id)
    return [one.recipient for one in db.session.scalars(query)]


def worked(worker: str = "one") -> int:
    """Write everything that is due, as a worker does, and return how many letters it came to."""
    return sum(mailings.work(worker) for _round in range(4))


@on_both
def test_a_public_event_has_its_reminders_planned(app: Flask) -> None:
    assert plan(a_seminar()) == ["12-17 10:00", "12-23 10:00"]


def test_planning_is_repeated_without_a_trace(app: Flask) -> None:
    event = a_seminar()
    before = [(one.id, one.key) for one in schedule.of_event(event)]
    replanned(event)
    assert [(one.id, one.key) for one in schedule.of_event(event)] == before
    assert list(db.session.scalars(select(AuditEntry))) == []


@pytest.mark.parametrize(
    ("status", "count"),
    [
        (EventStatus.DRAFT, 0),
        (EventStatus.SCHEDULED, 2),
        (EventStatus.PUBLISHED, 2),
        (EventStatus.CANCELLED, 0),
    ],
)
def test_only_an_event_that_takes_place_has_any(app: Flask, status: EventStatus, count: int) -> None:
    assert len(plan(a_seminar(status=status))) == count


def test_verbs_of_the_event_plan_and_drop(app: Flask) -> None:
    event = a_seminar(status=EventStatus.DRAFT)
    owner = sato(event)
    operations.publish(event, owner)
    assert plan(event) == ["12-17 10:00", "12-23 10:00"]
    operations.withdraw(event, owner)
    assert (plan(event), len(plan(event, MailingStatus.DROPPED))) == ([], 2)
    operations.publish(event, owner)
    assert plan(event) == ["12-17 10:00", "12-23 10:00"]


def test_slots_in_the_past_are_not_made_up(app: Flask, moment) -> None:
    moment.move(timedelta(days=16, hours=1))  # the 17th, 11:00
    assert plan(a_seminar()) == ["12-23 10:00"]


@on_both
def test_a_moved_event_takes_its_reminders_along(app: Flask) -> None:
    event = a_seminar()
    moved(event, LATER)
    assert plan(event) == ["01-06 10:00", "01-09 10:00"]
    moved(event, START)
    assert plan(event) == ["12-17 10:00", "12-23 10:00"]


def test_a_reminder_for_the_former_date_does_not_stop_the_one_for_the_new(app: Flask, moment) -> None:
    event = a_seminar()
    registration.register(event, an_application())
    moment.move(timedelta(days=16))
    assert worked() == 1
    moved(event, LATER)
    moment.move(timedelta(days=20))  # 6 January
    assert worked() == 1
    moved(event, LATER + HOURS)
    assert plan(event) == ["01-09 10:00"]  # its other slot is past


def test_the_same_due_time_for_another_start_is_another_reminder(app: Flask, moment) -> None:
    event = a_seminar(reminders=[{"days_before": 1, "time": "10:00"}])
    registration.register(event, an_application())
    moved(event, START + 2 * HOURS)
    assert plan(event) == ["12-23 10:00"]
    moment.moment = datetime(2025, 12, 23, 1, 0, tzinfo=UTC)
    assert worked() == 1


def test_an_event_that_is_called_off_has_none_left(app: Flask) -> None:
    event = a_seminar(followup_days=1)
    replanned(event, status=EventStatus.CANCELLED)
    assert (plan(event), len(plan(event, MailingStatus.DROPPED))) == ([], 4)


@on_both
def test_what_is_being_written_stays_and_is_dropped_when_it_has_lost_its_sense(app: Flask, moment) -> None:
    event = a_seminar()
    registration.register(event, an_application())
    moment.move(timedelta(days=16))
    assert mailings._claim("one") is not None
    moved(event, LATER)
    assert plan(event, MailingStatus.WRITING) == ["12-17 10:00"]
    moment.move(timedelta(minutes=6))  # its holder has died
    assert (worked("two"), letters()) == (0, [])
    assert plan(event, MailingStatus.WRITING) == []


@on_both
def test_a_killed_worker_loses_none_and_nobody_is_reminded_twice(app: Flask, moment) -> None:
    event = a_seminar()
    for number in range(25):
        registration.register(event, an_application(contact_email=f"town-{number}@city.example.lg.jp"))
    moment.move(timedelta(days=16))
    claimed = mailings._claim("one")
    assert (mailings._write_chunk(claimed, "one"), mailings.work("two")) == (20, 0)
    moment.move(timedelta(minutes=6))
    assert (worked("two"), mailings._write_chunk(claimed, "one")) == (5, None)
    assert sorted(letters()) == sorted(f"town-{number}@city.example.lg.jp" for number in range(25))


@on_both
def test_a_worker_that_stops_gives_the_mailing_back(app: Flask, moment) -> None:
    event = a_seminar()
    for number in range(25):
        registration.register(event, an_application(contact_email=f"town-{number}@city.example.lg.jp"))
    moment.move(timedelta(days=16))
    assert mailings.work("one", iter([False, True]).__next__) == 20
    assert plan(event, MailingStatus.WRITING) == ["12-17 10:00"]
    assert worked("two") == 5
    assert sorted(letters()) == sorted(f"town-{number}@city.example.lg.jp" for number in range(25))
    assert plan(event, MailingStatus.DONE) == ["12-17 10:00"]


def test_a_worker_that_stops_leaves_what_is_another_s(app: Flask, moment) -> None:
    event = a_seminar()
    registration.register(event, an_application())
    moment.move(timedelta(days=16))

    def stopping() -> bool:
        """It has slept over its lease, and another one has begun."""
        moment.move(timedelta(minutes=6))
        assert mailings._claim("two") is not None
        return True

    assert mailings.work("one", stopping) == 0
    assert worked("three") == 0
    (held,) = mailings.open_of(event, ("reminder",))[:1]
    assert (held.worker, held.lease_until) == ("two", clock.now() + mailings.LEASE)


def test_a_late_worker_still_reminds_but_not_once_it_has_begun(app: Flask, moment) -> None:
    event = a_seminar(reminders=[{"hours_before": 1}])
    registration.register(event, an_application())
    moment.moment = START - timedelta(minutes=5)
    assert worked() == 1
    moved(event, LATER)
    moment.moment = LATER
    assert (worked(), plan(event), plan(event, MailingStatus.DROPPED)) == (0, [], ["01-13 09:00"])


def test_a_worker_that_was_away_for_a_week_reminds_once(app: Flask, moment) -> None:
    event = a_seminar()
    registration.register(event, an_application())
    moment.moment = datetime(2025, 12, 23, 3, 0, tzinfo=UTC)
    assert (worked(), len(letters())) == (1, 1)
    assert plan(event, MailingStatus.DROPPED) == ["12-17 10:00"]


def test_whoever_is_confirmed_after_it_was_due_is_not_reminded(app: Flask, moment) -> None:
    event = a_seminar()
    registration.register(event, an_application())
    moment.moment = datetime(2025, 12, 23, 1, 5, tzinfo=UTC)
    registration.register(event, an_application(YAMADA, contact_email="late@city.example.lg.jp"))
    worked()
    assert letters() == ["kikaku@city.example.lg.jp"]


def test_only_the_confirmed_are_reminded(app: Flask, moment) -> None:
    event = an_event(capacities={"local_gov": 2}, start_at=START, end_at=START + HOURS)
    replanned(event)
    gone = registration.register(event, an_application(YOSHIDA))
    registration.register(event, an_application(contact_email="stays@city.example.lg.jp"))
    registration.register(event, an_application(contact_email="waits@city.example.lg.jp"))
    registration.cancel(gone.attendees)
    second = registration.register(event, an_application(contact_email="waits-too@city.example.lg.jp"))
    assert second.attendees[0].status.value == "waitlisted"
    moment.move(timedelta(days=16))
    worked()
    assert letters() == ["stays@city.example.lg.jp", "waits@city.example.lg.jp"]


def test_contact_and_own_address_are_both_reminded(app: Flask, moment) -> None:
    registration.register(a_seminar(), an_application(YOSHIDA))
    moment.move(timedelta(days=16))
    worked()
    assert letters() == ["kikaku@city.example.lg.jp", YOSHIDA.email]


@pytest.mark.parametrize(
    ("start", "due", "tag"),
    [
        ("2025-12-24 10:00", "2025-12-17 10:00", "【開催7日前のご案内】12月24日（水）10:00"),
        ("2025-12-24 10:00", "2025-12-23 10:00", "【前日のご案内】12月24日（水）10:00"),
        ("2026-01-05 10:00", "2025-12-26 10:00", "【開催10日前のご案内】1月5日（月）10:00"),
        ("2025-12-24 10:00", "2025-12-24 09:00", "【本日開催】12月24日（水）10:00"),
        ("2025-12-24 00:30", "2025-12-23 23:30", "【前日のご案内】12月24日（水）0:30"),
    ],
)
def test_the_tag_follows_the_day_on_which_it_is_written(
    app: Flask, moment, start: str, due: str, tag: str
) -> None:
    begins, goes = (datetime.fromisoformat(one).replace(tzinfo=UTC) - 9 * HOURS for one in (start, due))
    usual = [{"days_before": n, "time": "10:00"} for n in (7, 1)]
    event = a_seminar(start_at=begins, end_at=begins + HOURS, reminders=[*usual, {"hours_before": 1}])
    registration.register(event, an_application())
    moment.moment = goes
    worked()
    (subject,) = db.session.scalars(select(Message.subject).where(Message.letter == "reminder"))
    assert subject.startswith(tag)


def test_a_reminder_holds_the_link_and_no_calendar(app: Flask, moment) -> None:
    event = a_seminar(join_in_letters=False)
    registration.register(event, an_application(locale="en"))
    moment.move(timedelta(days=16))  # another one is to come
    worked()
    (message,) = db.session.scalars(select(Message).where(Message.letter == "reminder"))
    assert JOIN in message.text
    assert message.subject.startswith("[")
    assert b"text/calendar" not in message.mime
    assert b"List-Unsubscribe" not in message.mime


def test_the_calendar_entry_tells_the_link_when_letters_do(app: Flask, moment) -> None:
    event = a_seminar(join_in_letters=False)

    def entry() -> str:
        found = registration.register(event, an_application())
        (stored,) = db.session.scalars(select(CalendarEntry).where(CalendarEntry.registration_id == found.id))
        return stored.ics.decode().replace("\r\n ", "")

    assert JOIN not in entry()
    moment.moment = datetime(2025, 12, 23, 1, 0, tzinfo=UTC)
    assert JOIN in entry()


@on_both
def test_the_link_is_in_letters_once_no_reminder_is_to_come(app: Flask, moment) -> None:
    """D68: those who register late would never get it."""
    event = a_seminar(join_in_letters=False)

    def holds_link() -> bool:
        registration.register(event, an_application())
        return JOIN in db.session.scalars(select(Message.text).order_by(Message.id.desc())).first()

    assert not holds_link()
    moment.moment = datetime(2025, 12, 23, 0, 59, tzinfo=UTC)
    assert not holds_link()
    moment.move(timedelta(minutes=1))
    assert holds_link()
    worked()
    assert holds_link()
    moved(event, LATER)
    assert not holds_link()


def test_the_link_is_in_letters_where_no_reminder_is_planned(app: Flask) -> None:
    assert joining.in_letters(a_seminar(join_in_letters=False, reminders=[]), NOW)
    event = a_seminar(join_in_letters=False)
    owner = sato(event)
    for one in schedule.of_event(event):
        reminding.leave_out(one, owner)
    assert joining.in_letters(event, NOW)


def test_foreseeing_pairs_what_moves(app: Flask, moment) -> None:
    event = a_seminar(reminders=[{"days_before": 7}, {"days_before": 1}], followup_days=1)
    before = [datetime(2025, 12, day, 1, 0, tzinfo=UTC) for day in (17, 23, 25)]
    after = [datetime(2026, 1, day, 1, 0, tzinfo=UTC) for day in (6, 9, 14)]
    assert schedule.foresee(event, LATER, LATER + HOURS) == list(zip(before, after, strict=True))
    moment.moment = datetime(2025, 12, 20, 1, 0, tzinfo=UTC)
    soon = datetime(2025, 12, 22, 1, 0, tzinfo=UTC)
    assert schedule.foresee(event, soon, soon + HOURS) == [
        (before[1], None),
        (before[2], datetime(2025, 12, 23, 1, 0, tzinfo=UTC)),
    ]


def test_what_was_left_out_stays_out_until_it_is_brought_back(app: Flask, moment) -> None:
    event = a_seminar()
    owner = sato(event)
    first, _second = schedule.of_event(event)
    reminding.leave_out(first, owner)
    replanned(event, title="ほかの題名")
    assert plan(event) == ["12-23 10:00"]
    reminding.bring_back(first, owner)
    assert plan(event) == ["12-17 10:00", "12-23 10:00"]
    assert [one.action for one in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))] == [
        "mailing.dropped",
        "mailing.planned",
    ]


@pytest.mark.parametrize("why", ["late", "moved", "called off"])
def test_what_cannot_be_brought_back_is_refused(app: Flask, moment, why: str) -> None:
    event = a_seminar()
    owner = sato(event)
    first, _second = schedule.of_event(event)
    reminding.leave_out(first, owner)
    if why == "late":
        moment.move(timedelta(days=16))
    elif why == "moved":
        moved(event, LATER)
    else:
        replanned(event, status=EventStatus.CANCELLED)
    with pytest.raises(Refusal):
        reminding.bring_back(first, owner)


def test_what_is_written_is_not_left_out(app: Flask, moment) -> None:
    event = a_seminar()
    moment.move(timedelta(days=16))
    worked()
    first, _second = schedule.of_event(event)
    with pytest.raises(Refusal):
        reminding.leave_out(first, sato(event))


def test_new_rules_are_a_new_plan(app: Flask) -> None:
    event = a_seminar()
    owner = sato(event)
    rules = [{"days_before": 3, "time": "09:00"}, {"hours_before": 1}]
    assert reminding.change_letters(event, {"reminders": rules, "followup_days": 1}, owner) == [
        "followup_days",
        "reminders",
    ]
    assert plan(event) == ["12-19 09:00", "12-24 09:00", "12-25 10:00", "12-25 10:00"]
    assert reminding.change_letters(event, {"reminders": rules}, owner) == []
    (entry,) = db.session.scalars(select(AuditEntry))
    assert (entry.action, entry.details) == (
        "event.reminders_changed",
        {"fields": ["followup_days", "reminders"]},
    )
    with pytest.raises(ValueError, match="title"):
        reminding.change_letters(event, {"title": "x"}, owner)


def test_only_a_reminder_to_come_lacks_a_link(app: Flask, moment) -> None:
    event = a_seminar(join_url="")
    assert schedule.lacks_link(event, NOW)
    replanned(event, join_url=JOIN)
    assert not schedule.lacks_link(event, NOW)
    assert not schedule.lacks_link(a_seminar(join_url="", reminders=[]), NOW)
    assert not schedule.lacks_link(a_seminar(join_url="", format="venue"), NOW)


def test_the_rows_of_one_event_are_not_those_of_another(app: Flask, moment) -> None:
    one, other = a_seminar(), a_seminar()
    registration.register(one, an_application())
    replanned(other, status=EventStatus.CANCELLED)
    moment.move(timedelta(days=16))
    assert (worked(), plan(one)) == (1, ["12-23 10:00"])
    assert db.session.scalars(select(Mailing.event_id).where(Mailing.written > 0)).all() == [one.id]
