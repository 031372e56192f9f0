"""When an event's own letters go out: reminders and follow-ups as mailings that move with the event.

Called by every verb that changes an event, inside its transaction. The rows are the plan: each is named by the start or
end that it belongs to and the instant at which it is due, so that one date's reminder never stands in the way of
another's. Not for when that is (`due`), nor for who is written to (`followups`).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from eventsite import audit, clock
from eventsite.db import db
from eventsite.mail import due, mailings, recipients, suppression
from eventsite.mail.due import Rule
from eventsite.mail.joining import REMINDER
from eventsite.mail.letters import followups
from eventsite.mail.letters.followups import BY_HAND, FOLLOW_UPS, LATE, stamp
from eventsite.models import Account, Event, Mailing, MailingStatus, Registration

LETTERS = (REMINDER, *FOLLOW_UPS)
LEFT_OUT = "left_out"
Move = tuple[datetime | None, datetime | None]


class Slot(NamedTuple):
    """A letter that should go out, and when."""

    letter: str
    at: datetime


def replan(event: Event, now: datetime) -> None:
    """Bring the planned reminders and follow-ups into line with the event as it is now (D62).

    A slot in the past is not made up; a row that is due but not written yet stays, as does one that is being written: it
    is asked again whether it makes sense. What somebody left out by hand stays left out as long as its time is the same.
    """
    wanted = _wanted(event)
    known = {one.key: one for one in of_event(event)}
    for key, mailing in known.items():
        is_wanted = key in wanted or (_is_by_hand(mailing) and followups.is_running(event))
        if mailing.status == MailingStatus.PLANNED and not is_wanted:
            mailings.drop(mailing, recorded=False)
    for key, slot in wanted.items():
        if slot.at <= now:
            continue
        if key not in known:
            mailings.plan(event, slot.letter, key, slot.at, recorded=False)
        elif known[key].status == MailingStatus.DROPPED and not known[key].details.get(LEFT_OUT):
            _plan_again(known[key])


def is_wanting(event: Event, now: datetime) -> bool:
    """Say whether an event should have letters that are still to come."""
    return any(slot.at > now for slot in _wanted(event).values())


def foresee(event: Event, start: datetime, end: datetime) -> list[Move]:
    """Return what a change of the event's time would do: the moments of letters before and after it, None = none.

    Reminders are paired by their rule, then follow-ups; only what is still to come on one of both sides.
    """
    now = clock.now()
    pairs: list[Move] = [
        (_reminder_at(event.start_at, event, rule), _reminder_at(start, event, rule))
        for rule in event.reminders
    ]
    if event.followup_days is not None:
        pairs.append(
            (
                due.follow_up(event.end_at, event.timezone, event.followup_days),
                due.follow_up(end, event.timezone, event.followup_days),
            )
        )
    moves = [(_to_come(before, now), _to_come(after, now)) for before, after in pairs]
    return [one for one in dict.fromkeys(moves) if one != (None, None)]


def of_event(event: Event) -> list[Mailing]:
    """Return every reminder and follow-up that was ever planned for an event, in the order of their times."""
    query = select(Mailing).where(Mailing.event_id == event.id, Mailing.letter.in_(LETTERS))
    return list(db.session.scalars(query.order_by(Mailing.due_at, Mailing.id)))


def of_today(event: Event) -> list[Mailing]:
    """Return those that belong to the event as it is, and those that were written or are being written."""
    wanted = _wanted(event)
    return [
        one
        for one in of_event(event)
        if one.status in {MailingStatus.DONE, MailingStatus.WRITING} or one.key in wanted or _is_by_hand(one)
    ]


def plan_follow_ups(
    event: Event,
    by: Account | None,
    now: datetime,
    letters: Collection[str] = FOLLOW_UPS,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Plan follow-ups for this moment, in the open transaction; one that is to begin just now is not planned again."""
    opened = mailings.open_of(event, letters)
    beginning = {one.letter for one in opened if one.due_at <= now and not one.cursor}
    for letter in letters:
        if letter not in beginning:
            mailings.plan(event, letter, f"{letter}:{BY_HAND}:{now:%Y%m%dT%H%M%S%f}", now, by, details)


def plan_late_follow_ups(event: Event, by: Account | None, now: datetime) -> None:
    """Plan the follow-ups whose time is over once more, in the open transaction: attendance became known after it.

    Not those that were left out by hand, nor any that were never planned: a slot in the past is not made up (D62).
    """
    wanted = _wanted(event)
    late = [
        one.letter
        for one in of_event(event)
        if one.letter in FOLLOW_UPS
        and one.key in wanted
        and one.due_at <= now
        and LEFT_OUT not in one.details
    ]
    plan_follow_ups(event, by, now, late, {LATE: True})


def revive(mailing: Mailing, by: Account) -> None:
    """Plan a dropped mailing again, in the open transaction."""
    _plan_again(mailing)
    audit.record("mailing.planned", mailing.event, by, letter=mailing.letter, key=mailing.key)


def leave_out(mailing: Mailing, by: Account) -> None:
    """Drop a planned mailing in a way that survives the next replanning, in the open transaction."""
    mailing.details = mailing.details | {LEFT_OUT: True}
    mailings.drop(mailing, by)


def lacks_link(event: Event, now: datetime) -> bool:
    """Say whether a reminder is to come and nobody has said yet how to join (D68)."""
    asks = event.has_online and not event.join_url and followups.is_running(event) and now < event.start_at
    return asks and bool(mailings.open_of(event, (REMINDER,)))


def reach(event: Event) -> dict[str, int]:
    """Return how many letters each mailing would come to by letter, written now and to nobody before."""
    query = (
        select(Registration)
        .where(Registration.event_id == event.id)
        .options(selectinload(Registration.attendees))
    )
    found = [one for row in db.session.scalars(query) for one in recipients.of(row) if one.confirmed]
    stopped = suppression.among({one.email for one in found})
    letters = Counter(followups.follow_up_for(one) for one in found if one.email.casefold() not in stopped)
    return {REMINDER: len(found)} | {letter: letters[letter] for letter in FOLLOW_UPS}


def _plan_again(mailing: Mailing) -> None:
    mailing.status = MailingStatus.PLANNED
    mailing.details = {name: value for name, value in mailing.details.items() if name != LEFT_OUT}


def _wanted(event: Event) -> dict[str, Slot]:
    """What the event and its rules ask for, by key; nothing for an event that is not public and will not be."""
    if not followups.is_running(event):
        return {}
    return {f"{slot.letter}:{stamp(belongs_to)}:{stamp(slot.at)}": slot for slot, belongs_to in _slots(event)}


def _slots(event: Event) -> Iterator[tuple[Slot, datetime]]:
    for one in due.reminders(event.start_at, event.timezone, event.reminders):
        yield Slot(REMINDER, one.at), event.start_at
    if event.followup_days is not None:
        at = due.follow_up(event.end_at, event.timezone, event.followup_days)
        for letter in FOLLOW_UPS:
            yield Slot(letter, at), event.end_at


def _is_by_hand(mailing: Mailing) -> bool:
    return mailing.key.split(":")[1] == BY_HAND


def _reminder_at(start: datetime, event: Event, rule: Rule) -> datetime | None:
    at = due.moment(start, event.timezone, rule)
    return at if at < start else None


def _to_come(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None
