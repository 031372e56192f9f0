"""One function per occasion on which people are told something; each stores its letters in the open transaction.

A letter is written now, in the recipient's language, with the facts of now. The words stand in `templates/letters`;
which facts fill them is gathered in `facts`. The contact gets one letter for all, an attendee with an own address one
about themself (D66).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select

from eventsite import i18n
from eventsite.config import settings
from eventsite.db import db
from eventsite.mail import facts, invitations, outbox, recipients
from eventsite.mail.compose import LetterFacts, compose
from eventsite.mail.facts import News
from eventsite.mail.mime import Envelope
from eventsite.mail.recipients import Recipient
from eventsite.models import Account, Attendee, CalendarEntry, Registration, Status, StatusChange

BETTER_FIRST = (Status.CONFIRMED, Status.PENDING, Status.LOTTERY, Status.WAITLISTED)
LETTER_OF = {
    Status.CONFIRMED: "confirmed",
    Status.PENDING: "pending",
    Status.LOTTERY: "lottery",
    Status.WAITLISTED: "waitlisted",
}


def registered(registration: Registration, now: datetime, positions: Mapping[int, int]) -> None:
    """confirmed, pending, lottery or waitlisted: the letter of the better state (D69).

    `positions` are places on the waitlist by attendee id.
    """
    for recipient in recipients.of(registration):
        best = min((one.status for one in recipient.attendees), key=BETTER_FIRST.index)
        _write(recipient, News(LETTER_OF[best], positions=positions), "registered", now)


def promoted(attendees: Sequence[Attendee], now: datetime) -> None:
    """promoted, offered, or pending where approval is still needed: one letter for each registration and outcome."""
    for moved in _by_registration_and_status(attendees):
        letter = {Status.CONFIRMED: "promoted", Status.OFFERED: "offered"}.get(moved[0].status, "pending")
        for recipient in recipients.about(moved[0].registration, moved):
            _write(recipient, News(letter, moved), _cause("promoted", moved), now)


def cancelled(
    registration: Registration, attendees: Sequence[Attendee], now: datetime, *, offer_declined: bool = False
) -> None:
    """cancelled: says who no longer takes part; takes the calendar entry back when nobody is left in it."""
    for recipient in recipients.about(registration, list(attendees)):
        gone = [one for one in attendees if one in recipient.attendees]
        news = News("cancelled", gone, offer_declined=offer_declined)
        _write(recipient, news, _cause("cancelled", gone), now)


def approved(attendees: Sequence[Attendee], now: datetime) -> None:
    """approved, or lottery where a draw follows: one letter for each registration and outcome."""
    for moved in _by_registration_and_status(attendees):
        letter = "approved" if moved[0].status == Status.CONFIRMED else "lottery"
        for recipient in recipients.about(moved[0].registration, moved):
            _write(recipient, News(letter, moved), _cause("approved", moved), now)


def declined(attendees: Sequence[Attendee], now: datetime, reason: str) -> None:
    """declined: who cannot come, and the office's reason if it gave one."""
    for refused in _by_registration_and_status(attendees):
        for recipient in recipients.about(refused[0].registration, refused):
            own = [one for one in refused if one in recipient.attendees]
            _write(recipient, News("declined", own, reason=reason), _cause("declined", own), now)


def offer_expired(attendees: Sequence[Attendee], now: datetime) -> None:
    """offer_expired: the answer did not come in time."""
    for one in attendees:
        for recipient in recipients.about(one.registration, [one]):
            _write(recipient, News("offer_expired", [one]), _cause("offer-expired", [one]), now)


def staff_link(letter: str, account: Account, role: str, url: str, valid_until: str, now: datetime) -> None:
    """staff_invite or staff_password: a link that works once."""
    content = LetterFacts(
        association=settings.association_name,
        name=account.name or account.email,
        association_address=settings.association_address,
        contact_email=settings.association_email,
        contact_phone=settings.association_phone,
        contact_hours=settings.association_hours,
        role=role,
        valid_until=valid_until,
        setup_url=url,
        reset_url=url,
    )
    composed = compose(letter, i18n.current(), content)
    cause = outbox.Cause(letter, f"{now:%Y%m%d%H%M%S%f}", f"account-{account.id}")
    envelope = _envelope(account.email, composed.subject, composed.text, now)
    outbox.enqueue(cause, envelope, i18n.current())


def _by_registration_and_status(attendees: Sequence[Attendee]) -> list[list[Attendee]]:
    ordered = sorted(attendees, key=lambda one: (one.registration_id, one.status.value, one.branch))
    return [
        list(group) for _key, group in groupby(ordered, key=lambda one: (one.registration_id, one.status))
    ]


def _write(recipient: Recipient, news: News, occasion: str, now: datetime) -> None:
    """Store one letter; `occasion` names what happened, so that the same news is never written twice."""
    registration = recipient.registration
    with i18n.speaking(registration.locale):
        entry = _calendar_entry(news.letter, recipient, now)
        composed = compose(news.letter, registration.locale, facts.gather(recipient, news, now))
    cause = outbox.Cause(
        news.letter,
        f"{occasion}:registration-{registration.id}",
        recipient.key,
        event_id=registration.event_id,
        registration_id=registration.id,
    )
    envelope = _envelope(
        recipient.email,
        composed.subject,
        composed.text,
        now,
        reply_to=registration.event.contact_email or settings.association_email,
        entry=entry,
    )
    outbox.enqueue(cause, envelope, registration.locale)


def _calendar_entry(letter: str, recipient: Recipient, now: datetime) -> CalendarEntry | None:
    if letter in {"confirmed", "promoted", "approved"} and recipient.confirmed:
        return invitations.invite(recipient, now)
    if letter == "cancelled" and not recipient.confirmed:
        return invitations.take_back(recipient, now)
    return None


def _envelope(
    to: str, subject: str, text: str, now: datetime, *, reply_to: str = "", entry: CalendarEntry | None = None
) -> Envelope:
    return Envelope(
        from_name=facts.SENDER_NAME,
        from_email=settings.sender,
        to=to,
        reply_to=reply_to or None,
        subject=subject,
        text=text,
        message_id="",
        date=now,
        calendar=entry.ics if entry else None,
        method=entry.method if entry else None,
    )


def _cause(word: str, attendees: Sequence[Attendee]) -> str:
    """Name the move of status that is told of: the same move has the same name, a later one another."""
    db.session.flush()
    ids = [one.id for one in attendees]
    change = db.session.scalar(select(func.max(StatusChange.id)).where(StatusChange.attendee_id.in_(ids)))
    return f"{word}:change-{change}"
