"""Who came: the verbs of the office about attendance (出欠, D99). Blank = not known yet.

Whoever is marked after the hour of the follow-ups gets theirs all the same: see `eventsite.mail.schedule`.
"""

from collections.abc import Collection, Sequence

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from eventsite import audit, clock
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import schedule
from eventsite.models import Account, Attendee, Event, EventStatus, Status

ATTENDANCES = ("", "present", "absent")


def mark(attendees: Sequence[Attendee], attendance: str, by: Account | None) -> list[Attendee]:
    """Record of attendees of one event whether they came: `present`, `absent`, or blank for not known; return who changed.

    Only of those whose seat is confirmed. Raises Refusal before the start, and for an event that was called off.
    """
    if attendance not in ATTENDANCES:
        raise ValueError(f"no attendance: {attendance!r}")
    if not attendees:
        return []
    event, chosen = attendees[0].registration.event, {one.id for one in attendees}
    with transaction():
        lock(event)
        _check(event)
        return _record(event, [one for one in confirmed(event) if one.id in chosen], attendance, by)


def mark_list(event: Event, listed: Collection[int], present: Collection[int], by: Account | None) -> int:
    """Record a whole list of attendees' ids: those in `present` came, the others on it did not. Return how many changed.

    Whoever is not on the list stays as they are. Raises Refusal as `mark`.
    """
    with transaction():
        lock(event)
        _check(event)
        shown = [one for one in confirmed(event) if one.id in listed]
        came = [one for one in shown if one.id in present]
        missing = [one for one in shown if one.id not in present]
        return len(_record(event, came, "present", by)) + len(_record(event, missing, "absent", by))


def confirmed(event: Event) -> list[Attendee]:
    """Return everybody with a confirmed seat, in the order of their names' reading."""
    query = (
        select(Attendee)
        .where(Attendee.event_id == event.id, Attendee.status == Status.CONFIRMED)
        .options(joinedload(Attendee.registration), joinedload(Attendee.category))
        .order_by(Attendee.family_kana, Attendee.given_kana, Attendee.id)
    )
    return list(db.session.scalars(query))


def _check(event: Event) -> None:
    if event.status == EventStatus.CANCELLED:
        raise Refusal("cancelled", _l("中止したセミナーの出欠は記録できません。"))
    if clock.now() < event.start_at:
        raise Refusal("not-open-yet", _l("出欠は、開始時刻から記録できます。"))


def _record(
    event: Event, attendees: Sequence[Attendee], attendance: str, by: Account | None
) -> list[Attendee]:
    changed = [one for one in attendees if one.attendance != attendance]
    for one in changed:
        one.attendance = attendance
    if changed:
        numbers = [one.number for one in changed]
        audit.record("attendance.marked", event, by, numbers=numbers, attendance=attendance)
        if attendance:
            schedule.plan_late_follow_ups(event, by, clock.now())
    return changed
