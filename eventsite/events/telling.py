"""What a change of an event means to its people: foreseen before it is made, told when it is; and calling an event off.

Letters are planned here, in the transaction of the change, and written by the worker (`eventsite.mail.letters.event_news`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from eventsite import audit, clock
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.events import calendar_revision
from eventsite.mail import mailings, schedule
from eventsite.mail.letters import event_changes, event_news
from eventsite.mail.letters.event_changes import Difference
from eventsite.models import ACTIVE, Account, Attendee, Event, EventStatus, Mailing, Status
from eventsite.registration import moves


@dataclass(frozen=True)
class Outlook:
    """What a change would mean. `letter` "" = nobody need hear of it; `letters` is how many would be written.

    `moves` are the moments at which reminders and follow-ups go out, before and after; None = not at all.
    """

    letter: str
    letters: int
    differences: Sequence[Difference]
    moves: Sequence[tuple[datetime | None, datetime | None]]


def foresee(event: Event, values: Mapping[str, Any]) -> Outlook:
    """Return what it would mean to give an event these column values (D62); writes nothing."""
    planned = event_changes.with_values(event, values)
    former = event_changes.former(event_changes.values_of(event), planned)
    silent = event.status == EventStatus.CANCELLED or planned.is_over(clock.now())
    letter = "" if silent else event_changes.letter_for(former)
    return Outlook(
        letter,
        event_news.count(event, letter),
        event_changes.differences(former, planned),
        [one for one in schedule.foresee(event, planned.start_at, planned.end_at) if one[0] != one[1]],
    )


def tell(
    event: Event, before: Mapping[str, Any], by: Account | None, now: datetime, reason: str = ""
) -> Mailing | None:
    """Plan the letters about a change, in its open transaction; None if there is nothing to say or nobody to say it to.

    `before` is what `event_changes.values_of` had returned. Letters about earlier changes that are not written yet are
    replaced, so that nobody reads of a state that was never theirs.
    """
    former = event_changes.former(before, event)
    if not former or _is_silent(event, now):
        return None
    unwritten = mailings.open_of(event, event_news.CHANGES)
    stages = event_news.stages(former, now, reason, unwritten)
    for one in unwritten:
        mailings.drop(one, by)
    letter = event_news.letter_of(stages, event)
    if not event_news.count(event, letter):
        return None
    key = f"{event_news.key(letter, now)}:{event.lock_version}"
    return mailings.plan(event, letter, key, now, by, {"stages": stages})


def letters_about(event: Event, before: Mapping[str, Any]) -> int:
    """Return how many letters a change would bring that was made just now."""
    if _is_silent(event, clock.now()):
        return 0
    return event_news.count(event, event_changes.letter_for(event_changes.former(before, event)))


def cancel(event: Event, by: Account | None, reason: str = "", alternative: str = "") -> list[Attendee]:
    """Call an event off: everybody who was still registered is cancelled and written to; returns who that is (D72).

    Nobody moves up and nothing else that was planned goes out. An event whose file says that it is cancelled is told
    of in the same way; with nobody left nothing happens. Raises Refusal `closed` once it is over, `invalid` before it
    is public.
    """
    with transaction():
        lock(event)
        now = clock.now()
        check_cancellable(event, now)
        leaving, shown = _active(event), calendar_revision.shown(event)
        if event.status == EventStatus.CANCELLED and not leaving:
            return []
        event.status = EventStatus.CANCELLED
        event.cancel_reason, event.alternative = reason, alternative
        event.updated_at = now
        calendar_revision.revise(event, shown, now)
        for one in leaving:
            moves.move(one, Status.CANCELLED, event_news.BY_EVENT, now, by)
            one.cancelled_at = now
        for mailing in mailings.open_of(event, event_news.CHANGES):
            mailings.drop(mailing, by)
        schedule.replan(event, now)
        audit.record("event.cancelled", event, by, numbers=[one.number for one in leaving])
        if leaving:
            key = event_news.key(event_news.CANCELLATION, now)
            mailings.plan(event, event_news.CANCELLATION, key, now, by, {"at": now.isoformat()})
    return leaving


def check_cancellable(event: Event, now: datetime) -> None:
    """Raise Refusal if an event cannot be called off: `closed` once it is over, `invalid` before it is public."""
    if event.is_over(now):
        raise Refusal("closed", _l("終了したセミナーは、中止にできません。"))
    if not event.is_public(now):
        raise Refusal("invalid", _l("公開していないセミナーは、中止にできません。"))


def letters_if_cancelled(event: Event) -> int:
    """Return how many letters would say that an event is off, if it were called off now."""
    return event_news.count(event, event_news.CANCELLATION)


def still_registered(event: Event) -> bool:
    """Say whether anybody is registered who has something to expect."""
    query = select(Attendee.id).where(Attendee.event_id == event.id, Attendee.status.in_(ACTIVE))
    return db.session.scalar(query.limit(1)) is not None


def _is_silent(event: Event, now: datetime) -> bool:
    """Once it is off or over, changes concern nobody."""
    return event.status == EventStatus.CANCELLED or event.is_over(now)


def _active(event: Event) -> list[Attendee]:
    query = select(Attendee).where(Attendee.event_id == event.id, Attendee.status.in_(ACTIVE))
    return list(db.session.scalars(query.order_by(Attendee.id)))
