"""What a letter may say about a registration: rows of the database put into words for `compose`.

Runs in the recipient's language. Not for choosing the letter (`letters`) or its sentences (`templates/letters`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypedDict

from flask_babel import gettext as _

from eventsite import dates, i18n, wording
from eventsite.config import settings
from eventsite.mail import joining
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording.compose import AttendeeRow, LetterFacts
from eventsite.models import Attendee, Event, Format, Status

SENDER_NAME = "GDXセミナー事務局"
ANSWER_BUSINESS_DAYS = 3
NAMES_WHO = {"cancelled", "cancelled_by_office", "declined", "waitlist_ended"}
DRAWN = {"won", "lost"}
TELLS_LINK = {"reminder", "join_info"}


@dataclass(frozen=True)
class News:
    """What happened, as far as its letter has to know it.

    `about` are the attendees whom it concerns, `positions` places on the waitlist by attendee id, `reason` the words of
    the office, `changes` lines that say what was changed, `asked_at` since when approval is waited for (None = now),
    `before_when` the former time in words, `alternative` what is offered instead of a cancelled event, `message` and
    `own_subject` what the organiser wrote.
    """

    letter: str
    about: Sequence[Attendee] = ()
    positions: Mapping[int, int] = field(default_factory=dict)
    offer_declined: bool = False
    reason: str = ""
    changes: Sequence[str] = ()
    asked_at: datetime | None = None
    before_when: str = ""
    alternative: str = ""
    replaces_link: bool = False
    message: str = ""
    own_subject: str = ""


def gather(recipient: Recipient, news: News, now: datetime) -> LetterFacts:
    """Return the facts of one letter to one recipient."""
    registration, event = recipient.registration, recipient.registration.event
    language = i18n.current()
    first = recipient.attendees[0]
    waiting = [one for one in recipient.active if one.status == Status.WAITLISTED]
    drawn = news.letter in DRAWN
    return LetterFacts(
        **_sender(event),
        name=recipient.name,
        organisation=recipient.past.organisation if recipient.past else first.organisation,
        department=recipient.past.department if recipient.past else first.department,
        others=_others(recipient),
        reference=registration.reference,
        event_title=event.title,
        event_url=f"{settings.public_url}/events/{event.slug}",
        when=wording.when(event),
        when_short=dates.when_short(event.start_at, event.timezone, language),
        room_opens=wording.room_opens(event) if now < event.start_at else "",
        online=recipient.takes_part_online,
        format=wording.form_of_event(event),
        fee=wording.fee(event, first.category),
        attendees=tuple(_row(one, recipient, news) for one in recipient.attendees),
        join=_joining(recipient, news.letter, now) if recipient.confirmed else "",
        join_url=event.join_url,
        webinar_id=event.webinar_id,
        passcode=event.passcode,
        venue_name=event.venue_name or _("会場"),
        venue_address=event.venue_address,
        manage_url=recipient.manage_url,
        calendar_url=recipient.calendar_url,
        cancel_deadline=dates.deadline(event.leaving_ends, event.timezone, language),
        answer_by=_answer_by(event, news.asked_at or now, now),
        position=min((news.positions[one.id] for one in waiting if one.id in news.positions), default=""),
        waitlist_ends=_waitlist_ends(recipient, waiting),
        draw_on=_draw_on(recipient),
        reply_until=_reply_until(event, news.about),
        reply_url=recipient.manage_url,
        cancelled_attendees=_named(recipient, news),
        reason=news.reason,
        partial=bool(recipient.active),
        declined_offer=news.offer_declined,
        waiting_count=len(waiting) if len(waiting) < len(recipient.active) and not drawn else 0,
        lost_count=_lost(news) if drawn else 0,
        waitlisted=bool(waiting),
        changes="\n".join(news.changes),
        before_when=news.before_when,
        alternative=news.alternative,
        replaces_link=news.replaces_link,
        message=news.message,
        own_subject=news.own_subject,
        until_event=_until(event, now) if news.letter == "reminder" else "",
        unsubscribe_url=recipient.unsubscribe_url,
        **_afterwards(event, now),
    )


def answer_day(event: Event, asked_at: datetime) -> date:
    """Return the day by which the office answers who asked for approval then (L2)."""
    return dates.add_business_days(dates.in_zone(asked_at, event.timezone).date(), ANSWER_BUSINESS_DAYS)


class _Sender(TypedDict):
    association: str
    association_address: str
    contact_name: str
    contact_email: str
    contact_phone: str
    contact_hours: str


def _sender(event: Event) -> _Sender:
    """Who writes and whom to ask: the event's own contact, else the association's."""
    return {
        "association": event.organizer or settings.association_name,
        "association_address": settings.association_address,
        "contact_name": event.contact_name,
        "contact_email": event.contact_email or settings.association_email,
        "contact_phone": event.contact_phone or settings.association_phone,
        "contact_hours": event.contact_hours or settings.association_hours,
    }


class _Afterwards(TypedDict):
    materials_url: str
    materials_until: str
    survey_url: str
    survey_until: str


def _afterwards(event: Event, now: datetime) -> _Afterwards:
    """What there is to see and to answer after the event; nothing any more once its term is over."""
    materials = event.materials_until is None or now < event.materials_until
    survey = event.survey_until is None or now < event.survey_until
    return {
        "materials_url": event.materials_url if materials else "",
        "materials_until": _deadline(event, event.materials_until),
        "survey_url": event.survey_url if survey else "",
        "survey_until": _deadline(event, event.survey_until),
    }


def _deadline(event: Event, until: datetime | None) -> str:
    return dates.deadline(until, event.timezone, i18n.current()) if until else ""


def _until(event: Event, now: datetime) -> str:
    """How far off the event is on the day on which the letter is written, as the tag of a reminder (D70)."""
    today, day = (dates.in_zone(one, event.timezone).date() for one in (now, event.start_at))
    days = (day - today).days
    if days < 1:
        return _("本日開催")
    return _("前日のご案内") if days == 1 else _("開催%(days)s日前のご案内", days=days)


def _others(recipient: Recipient) -> int:
    people = len(recipient.attendees)
    contact_comes = not recipient.registration.contact_name or recipient.attendee is not None
    return people - 1 if contact_comes else people


def _row(attendee: Attendee, recipient: Recipient, news: News) -> AttendeeRow:
    return AttendeeRow(
        branch=attendee.branch,
        name=recipient.past.name if recipient.past else attendee.name,
        number=attendee.number,
        category=attendee.category.label,
        status=_status(attendee, recipient, news),
    )


def _status(attendee: Attendee, recipient: Recipient, news: News) -> str:
    if recipient.past:
        return wording.status(Status.CANCELLED)
    if news.letter == "waitlist_ended" and attendee in news.about:
        return _("繰上げなし")
    return wording.status(attendee.status)


def _named(recipient: Recipient, news: News) -> tuple[AttendeeRow, ...]:
    """Those whom the letter names because it takes something from them."""
    return tuple(_row(one, recipient, news) for one in news.about) if news.letter in NAMES_WHO else ()


def _lost(news: News) -> int:
    """How many were not drawn, where others of the same registration were (D69)."""
    without = sum(one.status != Status.CONFIRMED for one in news.about)
    return without if without < len(news.about) else 0


def _joining(recipient: Recipient, letter: str, now: datetime) -> str:
    """Return the variants of D68 for the confirmed: a link, b link with the reminder, c not known yet, d venue."""
    event = recipient.registration.event
    online = "c"
    if event.join_url:
        online = "a" if letter in TELLS_LINK or joining.in_letters(event, now) else "b"
    if event.format == Format.ONLINE:
        return online
    if event.format == Format.VENUE:
        return "d"
    ways = {one.participation for one in recipient.confirmed}
    return (online if "online" in ways else "") + ("d" if "venue" in ways else "")


def _answer_by(event: Event, asked_at: datetime, now: datetime) -> str:
    """The day on which the office has answered; nothing once it is over."""
    day = answer_day(event, asked_at)
    today = dates.in_zone(now, event.timezone).date()
    return dates.day(day, event.timezone, i18n.current(), year=False) if day >= today else ""


def _draw_on(recipient: Recipient) -> str:
    """The day of the draw of those in it; the office may have moved them there from another category."""
    drawn = [one.category for one in recipient.attendees if one.status == Status.LOTTERY]
    return wording.draw_day(drawn[0] if drawn else recipient.registration.category)


def _waitlist_ends(recipient: Recipient, waiting: Sequence[Attendee]) -> str:
    category = waiting[0].category if waiting else recipient.registration.category
    return dates.deadline(category.window[1], recipient.registration.event.timezone, i18n.current())


def _reply_until(event: Event, offered: Sequence[Attendee]) -> str:
    ends = [one.offer_until for one in offered if one.offer_until is not None]
    return dates.deadline(min(ends), event.timezone, i18n.current()) if ends else ""
