"""Write one letter: its calendar entry, its words, its bytes, and its row in the outbox.

For the functions in `letters` and `corrections`, which know the occasion. Not for choosing the letter.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select

from eventsite import i18n
from eventsite.config import settings
from eventsite.db import db
from eventsite.mail import facts, html, invitations, outbox
from eventsite.mail.facts import News
from eventsite.mail.mime import Envelope
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording import own_words
from eventsite.mail.wording.compose import Composed, Own, compose
from eventsite.mail.wording.words import BadTemplate
from eventsite.models import Attendee, CalendarEntry, Mailing, Message, StatusChange

log = logging.getLogger(__name__)

FOLLOW_UPS = {"followup_attended", "followup_absent"}
INVITES = {"confirmed", "won", "promoted", "approved", "address_changed"}
TAKES_BACK = {"cancelled", "cancelled_by_office", "event_cancelled"}
REFRESHES = {"changed", "rescheduled", "event_changed", "join_info"}


def write(
    recipient: Recipient, news: News, occasion: str, now: datetime, mailing: Mailing | None = None
) -> Message | None:
    """Store one letter and return its row; None if the same news was written before.

    `occasion` names what happened, so that the same news is never written twice; `mailing` is the one it
    belongs to, if it goes to many.
    """
    registration = recipient.registration
    with i18n.speaking(registration.locale):
        entry, in_body = _calendar_entry(news.letter, recipient, now)
    composed = in_words_of_event(recipient, news, now)
    cause = outbox.Cause(
        news.letter,
        f"{occasion}:registration-{registration.id}",
        recipient.key,
        event_id=registration.event_id,
        registration_id=registration.id,
        mailing_id=mailing.id if mailing else None,
    )
    reply_to = registration.event.contact_email or settings.association_email
    extra = _opt_out(recipient) if news.letter in FOLLOW_UPS else None
    words, language = (composed.subject, composed.text), registration.locale
    sealed = envelope(recipient.email, *words, now, reply_to, entry, in_body, locale=language, extra=extra)
    return outbox.enqueue(cause, sealed, registration.locale)


def in_words_of_event(recipient: Recipient, news: News, now: datetime) -> Composed:
    """Return a letter with the event's own words, if it has any that can be used; stores nothing.

    A past address gets the standard words. Raises KeyError for a fact that the standard letter needs.
    """
    registration = recipient.registration
    own = None
    if not recipient.past:
        own = own_words.for_writing(registration.event_id, news.letter, registration.locale)
    if own is not None:
        try:
            return composed_with(recipient, news, now, own)
        except (BadTemplate, KeyError):
            where = (news.letter, registration.locale, registration.event_id)
            log.warning("own words for %s (%s) of event %s cannot be used", *where, exc_info=True)
    return composed_with(recipient, news, now, None)


def composed_with(recipient: Recipient, news: News, now: datetime, own: Own | None) -> Composed:
    """Return subject and text of a letter in the recipient's language; stores nothing.

    Raises KeyError for a fact that the letter needs and that is missing, BadTemplate for unusable own words.
    """
    locale = recipient.registration.locale
    with i18n.speaking(locale):
        return compose(news.letter, locale, facts.gather(recipient, news, now), own=own)


def envelope(
    to: str,
    subject: str,
    text: str,
    now: datetime,
    reply_to: str = "",
    entry: CalendarEntry | None = None,
    in_body: bool = True,
    *,
    locale: str = "ja",
    extra: dict[str, str] | None = None,
) -> Envelope:
    """Return a letter with everything on it, headers in `extra` included; it gets its Message-ID from the outbox."""
    return Envelope(
        from_name=facts.SENDER_NAME,
        from_email=settings.sender,
        to=to,
        reply_to=reply_to or None,
        subject=subject,
        text=text,
        html=html.of(text, locale) if settings.mail_html else None,
        message_id="",
        date=now,
        calendar=entry.ics if entry else None,
        method=entry.method if entry else None,
        calendar_in_body=in_body,
        extra=extra or {},
    )


def cause(word: str, attendees: Sequence[Attendee]) -> str:
    """Name the move of status that is told of: the same move has the same name, a later one another."""
    db.session.flush()
    ids = [one.id for one in attendees]
    change = db.session.scalar(select(func.max(StatusChange.id)).where(StatusChange.attendee_id.in_(ids)))
    return f"{word}:change-{change}"


def by_registration(attendees: Sequence[Attendee], *, by_status: bool = False) -> list[list[Attendee]]:
    """Group attendees by registration, and by what has become of them if that is told apart."""

    def key(one: Attendee) -> tuple[int, str]:
        return one.registration_id, one.status.value if by_status else ""

    ordered = sorted(attendees, key=lambda one: (*key(one), one.branch))
    return [list(group) for _key, group in groupby(ordered, key=key)]


def _opt_out(recipient: Recipient) -> dict[str, str]:
    """The headers by which a mail program offers to end such letters with one click (RFC 2369 3.2, RFC 8058)."""
    return {
        "List-Unsubscribe": f"<{recipient.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _calendar_entry(letter: str, recipient: Recipient, now: datetime) -> tuple[CalendarEntry | None, bool]:
    """Return the entry that goes with the letter, and whether it stands in the body: there it is news, else a copy."""
    if recipient.past or (letter in TAKES_BACK and not recipient.confirmed):
        return invitations.take_back(recipient, now), True
    if not recipient.confirmed:
        return None, True
    if letter in INVITES:
        return invitations.refresh(recipient, now)[0], True
    if letter in REFRESHES:
        return invitations.refresh(recipient, now)
    return (invitations.find(recipient), False) if letter == "link_resent" else (None, True)
