"""The verbs of the office about those who ask: approve and decline, one by one or many at once (domain rule D20).

Like every verb: lock → decide → write → audit → letter, in one transaction. Whoever is no longer waiting for approval
stays as he is, so that two people who press at the same moment do it once.
"""

from collections.abc import Sequence

from eventsite import audit, clock
from eventsite.db import lock, transaction
from eventsite.mail import letters
from eventsite.models import Account, Attendee, Event, EventStatus, Status
from eventsite.registration import ledger, waiting
from eventsite.registration.moves import move


def approve(event: Event, attendees: Sequence[Attendee], by: Account) -> list[Attendee]:
    """Approve attendees of an event; returns those who were waiting for it.

    Each keeps the seat held so far and is confirmed; before the draw of a lottery the attendee joins the lottery.
    Whoever was left out of a draw holds no seat: without a free one for the asking (D18) they stay pending.
    """
    with transaction():
        lock(event)
        now = clock.now()
        asking = _with_a_place(event, _asking(event, attendees))
        for one in asking:
            one.needs_approval = False
            one.approved_at = now
            move(one, Status.LOTTERY if one.category.awaits_draw else Status.CONFIRMED, "approved", now, by)
        if asking:
            audit.record("attendee.approved", event, by, numbers=[one.number for one in asking])
            letters.approved(asking, now)
    return asking


def decline(event: Event, attendees: Sequence[Attendee], by: Account, reason: str = "") -> list[Attendee]:
    """Decline attendees; returns those who were waiting for approval. Their seats go to the first in line.

    `reason` is for the letter, in the office's words.
    """
    with transaction():
        lock(event)
        now = clock.now()
        asking = _asking(event, attendees)
        for one in asking:
            one.cancel_reason = reason
            move(one, Status.DECLINED, "declined", now, by)
        if asking:
            audit.record("attendee.declined", event, by, numbers=[one.number for one in asking])
            letters.declined(asking, now, reason)
            waiting.promote(event)
    return asking


def _asking(event: Event, attendees: Sequence[Attendee]) -> list[Attendee]:
    """Those who still wait for approval, each once; nobody of another event, or once this one is called off."""
    if event.status == EventStatus.CANCELLED:
        return []
    return [
        one for one in dict.fromkeys(attendees) if one.event_id == event.id and one.status == Status.PENDING
    ]


def _with_a_place(event: Event, asking: Sequence[Attendee]) -> list[Attendee]:
    """Those whose place is there: a seat held since they asked, the lottery, or a free seat that nobody waits for."""
    book, kinds = ledger.read(event), ledger.waiting_kinds([event])
    placed = []
    for one in asking:
        if one.seatless and not one.category.awaits_draw:
            kind = (one.event_id, one.category_id, one.participation)
            if kind in kinds or not book.has_room(one.category.code, one.participation):
                continue
            book.hold(one.category.code, one.participation)
        placed.append(one)
    return placed
