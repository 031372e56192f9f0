"""The verbs on an event's own letters: the rules of its reminders, what goes out after it, one mailing left out.

Each is one transaction. When letters are due follows from the rules: see `eventsite.mail.schedule`.
"""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from eventsite import audit, clock
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import schedule
from eventsite.mail.letters import followups
from eventsite.models import Account, Event, EventStatus, Mailing, MailingStatus

COLUMNS = frozenset(
    ["reminders", "join_in_letters", "followup_days"]
    + ["materials_url", "materials_until", "survey_url", "survey_until"]
)


def change_letters(event: Event, values: Mapping[str, Any], by: Account) -> list[str]:
    """Change when an event's letters go out and what they lead to; return the names of the columns that differ now.

    `values` are columns of `COLUMNS`. What is planned follows at once; what was written stays.
    """
    if not COLUMNS.issuperset(values):
        raise ValueError(f"not about letters: {sorted(set(values) - COLUMNS)}")
    with transaction():
        lock(event)
        changed = sorted(name for name, value in values.items() if getattr(event, name) != value)
        for name in changed:
            setattr(event, name, values[name])
        if changed:
            event.updated_at = clock.now()
            audit.record("event.reminders_changed", event, by, fields=changed)
            schedule.replan(event, event.updated_at)
    return changed


def plan_missing() -> int:
    """Plan what events to come should have and nobody has planned: those of before there were reminders.

    Return for how many events. A round does this; every verb that changes an event plans by itself.
    """
    now = clock.now()
    planned = select(Mailing.event_id).where(Mailing.letter.in_(schedule.LETTERS))
    running = Event.status.in_([EventStatus.PUBLISHED, EventStatus.SCHEDULED])
    query = select(Event).where(running, Event.end_at > now, Event.id.not_in(planned)).order_by(Event.id)
    without = [one for one in db.session.scalars(query) if schedule.is_wanting(one, now)]
    for event in without:
        with transaction():
            lock(event)
            schedule.replan(event, now)
    return len(without)


def leave_out(mailing: Mailing, by: Account) -> None:
    """Drop a planned reminder or follow-up. Raises Refusal once it is being written."""
    with transaction():
        lock(mailing.event)
        if mailing.status in {MailingStatus.WRITING, MailingStatus.DONE}:
            raise Refusal("invalid", _l("すでに送り始めているため、止められません。"))
        if mailing.status == MailingStatus.PLANNED:
            schedule.leave_out(mailing, by)


def bring_back(mailing: Mailing, by: Account) -> None:
    """Plan what was left out again. Raises Refusal if its time is over, or the event is not going to have letters."""
    with transaction():
        lock(mailing.event)
        if mailing.status != MailingStatus.DROPPED:
            return
        event = mailing.event
        if mailing.due_at <= clock.now() or not followups.is_running(event):
            raise Refusal("invalid", _l("送る時刻を過ぎているため、元に戻せません。"))
        if mailing not in schedule.of_today(event):
            raise Refusal("invalid", _l("開催日時やルールが変わったため、元に戻せません。"))
        schedule.revive(mailing, by)


def send_follow_ups(event: Event, by: Account) -> None:
    """Write to those who came and to those who did not, now; whoever has had the letter gets no second one.

    Raises Refusal before the end, for an event that is called off, and while nobody's attendance is known (D99).
    """
    with transaction():
        lock(event)
        now = clock.now()
        if not followups.is_running(event):
            raise Refusal("cancelled", _l("公開中のセミナーだけに送れます。"))
        if not event.is_over(now):
            raise Refusal("invalid", _l("お礼のメールは、終了後に送れます。"))
        if not followups.attendance_known(event):
            raise Refusal("invalid", _l("先に、出欠を記録してください。出欠に応じてメールを送ります。"))
        schedule.plan_follow_ups(event, by, now)
