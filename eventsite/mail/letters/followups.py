"""What people hear about an event without anybody pressing a button: reminders before it, thanks after it (D62, D72).

Their words stand in `templates/letters`; when they go out is decided in `schedule`.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Select, select

from eventsite.db import db
from eventsite.mail import recipients, suppression
from eventsite.mail.audience import Kind
from eventsite.mail.facts import News
from eventsite.mail.joining import REMINDER
from eventsite.mail.recipients import Recipient
from eventsite.mail.writing import write
from eventsite.models import (
    Attendee,
    Event,
    EventStatus,
    Mailing,
    MailingStatus,
    Message,
    Registration,
    Status,
    StatusChange,
)

ATTENDED, ABSENT = "followup_attended", "followup_absent"
FOLLOW_UPS = {ATTENDED: "present", ABSENT: "absent"}
BY_HAND = "by-hand"
LATE = "late"  # in the details of a mailing: nobody pressed a button for it


def stamp(instant: datetime) -> str:
    """Return an instant as it stands in the keys of mailings."""
    return f"{instant:%Y%m%dT%H%M%SZ}"


def is_running(event: Event) -> bool:
    """Say whether an event has letters of its own: it is, or will be, public and is not called off."""
    return event.status in {EventStatus.SCHEDULED, EventStatus.PUBLISHED}


def attendance_known(event: Event) -> bool:
    """Say whether anybody is known to have come or not to have come: nobody is thanked before that (D99)."""
    query = select(Attendee.id).where(
        Attendee.event_id == event.id, Attendee.status == Status.CONFIRMED, Attendee.attendance != ""
    )
    return db.session.scalar(query.limit(1)) is not None


def reminded(recipient: Recipient, in_time: Collection[int]) -> bool:
    """Say whether a reminder goes to this recipient: somebody of theirs is confirmed, and was when it was due."""
    return any(one.id in in_time for one in recipient.confirmed)


def follow_up_for(recipient: Recipient) -> str | None:
    """Return which follow-up a recipient gets: thanks if anybody of theirs came, the other if it is known that none did."""
    known = {one.attendance for one in recipient.confirmed}
    if "present" in known:
        return ATTENDED
    return ABSENT if known == {"absent"} else None


def _reminder_stands(mailing: Mailing, now: datetime) -> bool:
    """A late one still goes out while the event has not begun, but not together with the next one."""
    event = mailing.event
    if not is_running(event) or now >= event.start_at or mailing.key.split(":")[1] != stamp(event.start_at):
        return False
    later = select(Mailing.id).where(
        Mailing.event_id == event.id,
        Mailing.letter == REMINDER,
        Mailing.status == MailingStatus.PLANNED,
        Mailing.due_at > mailing.due_at,
        Mailing.due_at <= now,
    )
    return db.session.scalar(later.limit(1)) is None


def _follow_up_stands(mailing: Mailing, now: datetime) -> bool:
    event = mailing.event
    own = mailing.key.split(":")[1]
    fits = own in {BY_HAND, stamp(event.end_at)}
    return fits and is_running(event) and event.is_over(now) and attendance_known(event)


def _in_time(mailing: Mailing) -> Select[int, int]:
    """Whoever was confirmed when it was due and still is, with their registrations: a slot past is not made up (D62)."""
    late = select(StatusChange.attendee_id).where(
        StatusChange.event_id == mailing.event_id,
        StatusChange.to_status == Status.CONFIRMED,
        StatusChange.at > mailing.due_at,
    )
    return select(Attendee.registration_id, Attendee.id).where(
        Attendee.event_id == mailing.event_id,
        Attendee.status == Status.CONFIRMED,
        Attendee.id.not_in(late),
    )


def _whom_to_remind(mailing: Mailing) -> Select[int]:
    return _in_time(mailing).with_only_columns(Attendee.registration_id)


def _remind(registration: Registration, mailing: Mailing, now: datetime) -> int:
    rows = db.session.execute(_in_time(mailing).where(Attendee.registration_id == registration.id))
    in_time = {attendee_id for _registration, attendee_id in rows}
    told = [one for one in recipients.of(registration) if reminded(one, in_time)]
    return sum(write(one, News(REMINDER), mailing.key, now, mailing) is not None for one in told)


def _whom_to_thank(mailing: Mailing) -> Select[int]:
    return select(Attendee.registration_id).where(
        Attendee.event_id == mailing.event_id,
        Attendee.status == Status.CONFIRMED,
        Attendee.attendance == FOLLOW_UPS[mailing.letter],
    )


def _thank(registration: Registration, mailing: Mailing, now: datetime) -> int:
    """Once for each letter, recipient and date of the event, however often it is asked for.

    Who has the other letter and was marked anew gets a second one by the button only.
    """
    occasion = f"after:{stamp(registration.event.start_at)}"
    told = [one for one in recipients.of(registration) if follow_up_for(one) == mailing.letter]
    return sum(
        write(one, News(mailing.letter), occasion, now, mailing) is not None
        for one in told
        if not suppression.is_suppressed(one.email)
        and not (LATE in mailing.details and _has_follow_up(one, registration.event))
    )


def _has_follow_up(recipient: Recipient, event: Event) -> bool:
    query = select(Message.id).where(
        Message.registration_id == recipient.registration.id,
        Message.recipient_key == recipient.key,
        Message.letter.in_(list(FOLLOW_UPS)),
        Message.created_at >= event.end_at,
    )
    return db.session.scalar(query.limit(1)) is not None


KINDS = {
    REMINDER: Kind(_whom_to_remind, _remind, _reminder_stands),
    ATTENDED: Kind(_whom_to_thank, _thank, _follow_up_stands),
    ABSENT: Kind(_whom_to_thank, _thank, _follow_up_stands),
}
