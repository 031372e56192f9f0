"""How a letter would read: for an attendee of the event, or for somebody invented. Stores nothing.

The words come the way that they come when a letter is written; what only its occasion will bring, such as a reason, is
invented here. Personal links are masked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from eventsite import dates, i18n
from eventsite.db import db
from eventsite.mail import facts
from eventsite.mail.facts import News
from eventsite.mail.outbox import masked
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording import compose
from eventsite.mail.wording.compose import Composed, Own
from eventsite.mail.wording.editable import LETTERS
from eventsite.mail.writing import composed_with
from eventsite.models import Attendee, Category, Event, Registration, Status

SHOWN = 100
_PLACE, _WEEK, _TIME_TO_ANSWER = 3, timedelta(weeks=1), timedelta(days=2)


def fitting(event: Event, letter: str, locale: str) -> list[Attendee]:
    """Return attendees to whom such a letter could go in this language, the latest first, at most `SHOWN`."""
    query = (
        select(Attendee)
        .join(Attendee.registration)
        .where(
            Attendee.event_id == event.id,
            Attendee.status.in_(LETTERS[letter].statuses),
            Registration.locale == locale,
        )
        .options(joinedload(Attendee.registration))
        .order_by(Attendee.id.desc())
        .limit(SHOWN)
    )
    return list(db.session.scalars(query))


def preview(
    event: Event, letter: str, locale: str, own: Own | None, attendee: Attendee | None, now: datetime
) -> Composed:
    """Return the letter to an attendee, or to somebody invented, with these words.

    Raises KeyError with the name of a merge field for a fact that the event does not have yet.
    """
    recipient = _recipient(event, letter, locale, attendee, now)
    found = composed_with(recipient, _news(letter, recipient, now), now, own)
    return Composed(found.subject, masked(found.text))


def values(event: Event, letter: str, locale: str, now: datetime) -> dict[str, str]:
    """Return what each merge field of a letter says to somebody invented; "" for what has no value."""
    recipient = _recipient(event, letter, locale, None, now)
    with i18n.speaking(locale):
        known = compose.values(facts.gather(recipient, _news(letter, recipient, now), now), locale)
    return {name: masked(known.get(name, "")) for name in compose.in_order(compose.offered(letter))}


def _recipient(event: Event, letter: str, locale: str, attendee: Attendee | None, now: datetime) -> Recipient:
    if attendee is not None:
        return Recipient(attendee.registration, attendee if attendee.email else None)
    with i18n.speaking(locale):
        return Recipient(_invented(event, letter, locale, now))


def _invented(event: Event, letter: str, locale: str, now: datetime) -> Registration:
    """Somebody who is in no database: rows that no session knows, tied together without telling the event."""
    registration = Registration(
        id=0, reference="GDX-XXXX-XX", locale=locale, link_version=1, contact_email="", contact_name=""
    )
    attendee = Attendee(
        id=0,
        branch=1,
        email="",
        status=_status(letter),
        offer_until=now + _TIME_TO_ANSWER,
        participation=event.modes[0].key if event.modes else None,
        **_somebody(),
    )
    category = event.categories[0] if event.categories else Category(label=_("一般"))
    if not event.categories:
        _tie(category, event=event)
    _tie(registration, event=event, event_id=event.id, category=category, attendees=[attendee])
    _tie(attendee, registration=registration, category=category)
    return registration


def _tie(row: Any, **values: Any) -> None:
    for name, value in values.items():
        set_committed_value(row, name, value)


def _status(letter: str) -> Status:
    """Of the fitting ones the best, as `Status` lists them."""
    return next(one for one in Status if one in LETTERS[letter].statuses)


def _somebody() -> dict[str, str]:
    return {
        "family_name": _("見本"),
        "given_name": _("花子"),
        "organisation": _("見本市"),
        "department": _("企画課"),
    }


def _news(letter: str, recipient: Recipient, now: datetime) -> News:
    """What the occasion brings, as far as the letter asks for it."""
    locale, event = recipient.registration.locale, recipient.registration.event
    asked = compose.standard(letter, locale).fields
    about = _about(letter, recipient)
    with i18n.speaking(locale):
        former = (event.start_at - _WEEK, event.end_at - _WEEK, event.timezone, locale)
        return News(
            letter,
            about,
            positions={one.id: _PLACE for one in about},
            reason=_("（例）会場の都合によるものです。") if "理由" in asked else "",
            changes=[_("（例）変更前：〇〇　変更後：△△")] if "変更内容" in asked else [],
            before_when=dates.when(*former) if "変更前日時" in asked else "",
            alternative=event.alternative or _("（例）後日、あらためて開催する予定です。"),
            message=_("（例）ここに、一斉連絡の本文が入ります。") if "案内文" in asked else "",
            own_subject=_("（例）一斉連絡の件名") if "件名" in asked else "",
        )


def _about(letter: str, recipient: Recipient) -> Sequence[Attendee]:
    wanted = LETTERS[letter].statuses
    return [one for one in recipient.attendees if one.status in wanted]
