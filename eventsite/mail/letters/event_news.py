"""Letters to everybody about the event itself: rescheduled, changed, new information for joining, cancelled (D72).

Each recipient gets one letter for one change, the weightiest, and it says everything that is new. What has changed is
found when the letters are written: whoever changes again before that makes them say the later state. Planning such
letters is for `eventsite.events.telling`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from eventsite import i18n, wording
from eventsite.db import db
from eventsite.mail import audience, recipients
from eventsite.mail.audience import Kind
from eventsite.mail.facts import News
from eventsite.mail.letters import event_changes
from eventsite.mail.recipients import Recipient
from eventsite.mail.writing import write
from eventsite.models import Attendee, Event, EventStatus, Mailing, Registration, Status, StatusChange

CHANGES = ("rescheduled", "event_changed", "join_info")
CANCELLATION = "event_cancelled"
BY_EVENT = "event-cancelled"  # why the attendees of a cancelled event no longer take part


def key(letter: str, at: datetime) -> str:
    """Name the change that a mailing tells of, within its event."""
    return f"{letter}:{at:%Y%m%d%H%M%S%f}"


def stages(
    former: event_changes.Former, at: datetime, reason: str, unwritten: Sequence[Mailing]
) -> list[dict[str, Any]]:
    """Return what a mailing about a change has to know: what each registration has not been told of yet.

    `unwritten` are mailings about earlier changes, which this one replaces. A stage is for those registrations that
    have a greater number than `beyond` and were there `at` its moment; the last that fits holds.
    """
    reasons = [reason] if reason else []
    found = [{"beyond": 0, "at": at.isoformat(), "former": dict(former), "reasons": reasons}]
    for mailing in unwritten:
        found += [
            {
                "beyond": max(mailing.cursor, one["beyond"]),
                "at": one["at"],
                "former": {**former, **one["former"]},
                "reasons": list(dict.fromkeys([*one["reasons"], *reasons])),
            }
            for one in mailing.details["stages"]
        ]
    return found


def letter_of(known: Sequence[Mapping[str, Any]], event: Event) -> str:
    """Return the weightiest letter that a mailing of these stages is about by now; "" if there is nothing to say."""
    letters = {event_changes.letter_for(event_changes.remaining(one["former"], event)) for one in known}
    return next((one for one in CHANGES if one in letters), "")


def count(event: Event, letter: str) -> int:
    """Return how many letters of a kind would be written now."""
    query = select(Registration).where(Registration.event_id == event.id)
    registrations = db.session.scalars(query.options(selectinload(Registration.attendees)))
    return sum(len(_concerned(one, letter)) for one in registrations) if letter else 0


def is_news_for(recipient: Recipient, mailing: Mailing) -> bool:
    """Say whether a mailing of `CHANGES` that is still to be written has something to say to a recipient."""
    event = recipient.registration.event
    stage = _stage_for(recipient.registration, mailing)
    letter = event_changes.letter_for(event_changes.remaining(stage["former"], event)) if stage else ""
    return bool(letter) and recipient in _concerned(recipient.registration, letter)


def _concerned(registration: Registration, letter: str) -> list[Recipient]:
    """Everybody who still has something to expect; how to join concerns only who is confirmed to (D68, D72)."""
    active = [one for one in recipients.of(registration) if one.active]
    return [one for one in active if letter != "join_info" or _joins(one)]


def _joins(recipient: Recipient) -> bool:
    return bool(recipient.confirmed) and recipient.takes_part_online


def _is_to_come(mailing: Mailing, now: datetime) -> bool:
    return mailing.event.status != EventStatus.CANCELLED and not mailing.event.is_over(now)


def _write_change(registration: Registration, mailing: Mailing, now: datetime) -> int:
    event = registration.event
    stage = _stage_for(registration, mailing)
    if stage is None:
        return 0
    former = event_changes.remaining(stage["former"], event)
    letter = event_changes.letter_for(former)
    written = 0
    for recipient in _concerned(registration, letter) if letter else []:
        news = _news(letter, former, recipient, "\n".join(stage["reasons"]))
        written += write(recipient, news, mailing.key, now, mailing) is not None
    return written


def _stage_for(registration: Registration, mailing: Mailing) -> Mapping[str, Any] | None:
    fitting = [
        one
        for one in mailing.details["stages"]
        if registration.id > one["beyond"] and registration.created_at <= datetime.fromisoformat(one["at"])
    ]
    return fitting[-1] if fitting else None


def _news(letter: str, former: event_changes.Former, recipient: Recipient, reason: str) -> News:
    event = recipient.registration.event
    with i18n.speaking(recipient.registration.locale):
        return News(
            letter,
            recipient.active,
            changes=_joining_lines(former) if letter == "join_info" else _lines(letter, former, event),
            before_when=event_changes.before_when(former, event) if letter == "rescheduled" else "",
            reason=reason,
            replaces_link=bool(former.get("join_url")) and _joins(recipient),
        )


def _lines(letter: str, former: event_changes.Former, event: Event) -> list[str]:
    """What changed; but for the time, where the letter itself is about it, and how to join, which it shows below."""
    apart = event_changes.JOINING | (event_changes.TIMES if letter == "rescheduled" else frozenset())
    return [
        wording.change(one.label, one.before, one.after)
        for one in event_changes.differences(former, event)
        if one.columns.isdisjoint(apart)
    ]


def _joining_lines(former: event_changes.Former) -> list[str]:
    if "join_url" in former:
        return []
    return [_("ウェビナーIDまたはパスコードを変更しました。参加用URLは、これまでと同じです。")]


def _cancelled_with_it(mailing: Mailing) -> Select[int]:
    """Those who took part until the event was cancelled: their number is in the history."""
    return select(Attendee.registration_id).where(Attendee.id.in_(_gone(mailing)))


def _write_cancellation(registration: Registration, mailing: Mailing, now: datetime) -> int:
    event = registration.event
    if event.status != EventStatus.CANCELLED:
        return 0
    ids = set(db.session.scalars(_gone(mailing).where(Attendee.registration_id == registration.id)))
    gone = [one for one in registration.attendees if one.id in ids]
    news = News(CANCELLATION, gone, reason=event.cancel_reason, alternative=event.alternative)
    written = 0
    for recipient in recipients.about(registration, gone) if gone else []:
        written += write(recipient, news, mailing.key, now, mailing) is not None
    return written


def _gone(mailing: Mailing) -> Select[int]:
    return (
        select(Attendee.id)
        .join(StatusChange, StatusChange.attendee_id == Attendee.id)
        .where(
            Attendee.event_id == mailing.event_id,
            Attendee.status == Status.CANCELLED,
            StatusChange.reason == BY_EVENT,
            StatusChange.at == datetime.fromisoformat(mailing.details["at"]),
        )
    )


KINDS: dict[str, Kind] = {
    **dict.fromkeys(CHANGES, Kind(audience.active, _write_change, _is_to_come)),
    CANCELLATION: Kind(_cancelled_with_it, _write_cancellation),
}
