"""One function per occasion on which people are told something; each stores its letters in the open transaction.

A letter is written now, in the recipient's language, with the facts of now. The words stand in `templates/letters`;
which facts fill them is gathered in `facts`. The contact gets one letter for all, an attendee with an own address one
about themself (D66). What is asked for or put right later has its functions in `corrections`, reached from here too.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from eventsite.mail import recipients
from eventsite.mail.facts import News
from eventsite.mail.letters.corrections import (
    BETTER_FIRST,
    LETTER_OF,
    address_changed,
    changed,
    link_resent,
    replaced,
    state_again,
)
from eventsite.mail.letters.staff_letters import staff_link
from eventsite.mail.recipients import former
from eventsite.mail.writing import by_registration, cause, write
from eventsite.models import Attendee, Registration, Status

__all__ = [
    "address_changed",
    "approved",
    "cancelled",
    "cancelled_by_office",
    "changed",
    "declined",
    "drawn",
    "former",
    "link_resent",
    "offer_expired",
    "promoted",
    "registered",
    "replaced",
    "restored",
    "staff_link",
    "state_again",
    "waitlist_ended",
]


def registered(registration: Registration, now: datetime, positions: Mapping[int, int]) -> None:
    """confirmed, pending, lottery or waitlisted: the letter of the better state (D69).

    `positions` are places on the waitlist by attendee id.
    """
    for recipient in recipients.of(registration):
        best = min((one.status for one in recipient.attendees), key=BETTER_FIRST.index)
        write(recipient, News(LETTER_OF[best], positions=positions), "registered", now)


def drawn(attendees: Sequence[Attendee], now: datetime, positions: Mapping[int, int]) -> None:
    """won or lost: one letter for each registration and recipient, by the best result among those drawn (D69).

    `attendees` are all entries of the draw; `positions` places on the waitlist by attendee id.
    """
    for group in by_registration(attendees):
        for recipient in recipients.about(group[0].registration, group):
            own = [one for one in group if one in recipient.attendees]
            letter = "won" if any(one.status == Status.CONFIRMED for one in own) else "lost"
            write(recipient, News(letter, own, positions=positions), cause("drawn", own), now)


def promoted(attendees: Sequence[Attendee], now: datetime) -> None:
    """promoted, offered, or pending where approval is still needed: one letter for each registration and outcome."""
    for moved in by_registration(attendees, by_status=True):
        letter = {Status.CONFIRMED: "promoted", Status.OFFERED: "offered"}.get(moved[0].status, "pending")
        for recipient in recipients.about(moved[0].registration, moved):
            write(recipient, News(letter, moved), cause("promoted", moved), now)


def waitlist_ended(attendees: Sequence[Attendee], now: datetime) -> None:
    """waitlist_ended: no seat became free; one letter for each registration and recipient."""
    for group in by_registration(attendees):
        for recipient in recipients.about(group[0].registration, group):
            own = [one for one in group if one in recipient.attendees]
            write(recipient, News("waitlist_ended", own), cause("waitlist-ended", own), now)


def cancelled(
    registration: Registration, attendees: Sequence[Attendee], now: datetime, *, offer_declined: bool = False
) -> None:
    """cancelled: says who no longer takes part; takes the calendar entry back when nobody is left in it."""
    for recipient in recipients.about(registration, attendees):
        gone = [one for one in attendees if one in recipient.attendees]
        news = News("cancelled", gone, offer_declined=offer_declined)
        write(recipient, news, cause("cancelled", gone), now)


def cancelled_by_office(
    registration: Registration, attendees: Sequence[Attendee], now: datetime, reason: str = ""
) -> None:
    """cancelled_by_office: as `cancelled`, but the office did it, and may say why."""
    for recipient in recipients.about(registration, attendees):
        gone = [one for one in attendees if one in recipient.attendees]
        write(recipient, News("cancelled_by_office", gone, reason=reason), cause("cancelled", gone), now)


def restored(attendees: Sequence[Attendee], now: datetime) -> None:
    """confirmed: a cancellation was undone; an entry that had been taken back is given again, as a later version."""
    for group in by_registration(attendees):
        for recipient in recipients.about(group[0].registration, group):
            write(recipient, News("confirmed", group), cause("restored", group), now)


def approved(attendees: Sequence[Attendee], now: datetime) -> None:
    """approved, or lottery where a draw follows: one letter for each registration and outcome."""
    for moved in by_registration(attendees, by_status=True):
        letter = "approved" if moved[0].status == Status.CONFIRMED else "lottery"
        for recipient in recipients.about(moved[0].registration, moved):
            write(recipient, News(letter, moved), cause("approved", moved), now)


def declined(attendees: Sequence[Attendee], now: datetime, reason: str) -> None:
    """declined: who cannot come, and the office's reason if it gave one."""
    for refused in by_registration(attendees):
        for recipient in recipients.about(refused[0].registration, refused):
            own = [one for one in refused if one in recipient.attendees]
            write(recipient, News("declined", own, reason=reason), cause("declined", own), now)


def offer_expired(attendees: Sequence[Attendee], now: datetime) -> None:
    """offer_expired: the answer did not come in time."""
    for one in attendees:
        for recipient in recipients.about(one.registration, [one]):
            write(recipient, News("offer_expired", [one]), cause("offer-expired", [one]), now)
