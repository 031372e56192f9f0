"""Letters to the association's people: links that work once, the figures of an event, and trouble with the mail.

They hold counts and links into the organisers' pages, never an attendee's data (L27). About an event they go to its
organisers, about the whole site to the admins. They speak the language in force, which is Japanese in the worker, as
accounts have none of their own. Not for when they are due: see `eventsite.rounds`.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from eventsite import dates, i18n
from eventsite.config import settings
from eventsite.db import db
from eventsite.mail import outbox
from eventsite.mail.wording.compose import LetterFacts, compose
from eventsite.mail.writing import envelope
from eventsite.models import Account, Event, EventRole, Message, Role

CHANGE = re.compile(r":change-(\d+):")


def staff_link(letter: str, account: Account, role: str, url: str, valid_until: str, now: datetime) -> None:
    """staff_invite or staff_password: a link that works once."""
    content = _facts(account, role=role, valid_until=valid_until, setup_url=url, reset_url=url)
    _write(letter, account, f"{now:%Y%m%d%H%M%S%f}", content, now)


def pending(event: Event, cause: str, count: int, answer_by: str, now: datetime) -> int:
    """staff_pending: so many registrations wait for approval, the first answer is due on that day (L27)."""
    return _to_organisers("staff_pending", event, cause, "approvals", now, count=count, answer_by=answer_by)


def summary(event: Event, cause: str, report: Sequence[str], answer_by: str, now: datetime) -> int:
    """staff_summary: the figures of the event, line by line, and by when somebody expects an answer, if anybody does."""
    return _to_organisers(
        "staff_summary", event, cause, "", now, report="\n".join(report), answer_by=answer_by
    )


def full(event: Event, cause: str, report: Sequence[str], now: datetime) -> int:
    """staff_full: all seats of a category, or of the event, are taken."""
    return _to_organisers("staff_full", event, cause, "seats", now, report="\n".join(report))


def undelivered(event: Event, cause: str, count: int, now: datetime) -> int:
    """staff_delivery: so many letters of the event have not reached anybody."""
    return _to_organisers("staff_delivery", event, cause, "letters", now, count=count)


def outage(since: datetime, count: int, now: datetime) -> int:
    """staff_delivery: no mail has left since then, and so many letters wait; to those who look after the site."""
    when = dates.when_short(since, dates.TOKYO, i18n.current())
    written = 0
    for account in caretakers():
        content = _facts(account, when=when, count=str(count), admin_url=f"{settings.public_url}/organiser/")
        written += _write("staff_delivery", account, f"outage-{since:%Y%m%d%H%M%S}", content, now)
    return written


def organisers(event: Event) -> list[Account]:
    """Return who looks after an event: its organisers, or the admins while it has none."""
    own = (
        select(Account)
        .join(EventRole, EventRole.account_id == Account.id)
        .where(EventRole.event_id == event.id, EventRole.role == "organiser", Account.active)
        .order_by(Account.id)
    )
    return list(db.session.scalars(own)) or _with_role("admin")


def caretakers() -> list[Account]:
    """Return the admins; on a site without one all its organisers."""
    return _with_role("admin") or _with_role("organiser")


def is_told(letter: str, event: Event, cause: str) -> bool:
    """Has anybody been told of this cause?"""
    start = f"{letter}:event-{event.id}:{cause}:"
    told = select(Message.id).where(
        Message.event_id == event.id, Message.dedupe_key.startswith(start, autoescape=True)
    )
    return db.session.scalar(told.limit(1)) is not None


def last_change_told(event: Event, letters: Collection[str]) -> int:
    """Return the number of the last move of status that one of these letters knew, 0 if none was written."""
    query = select(Message.dedupe_key).where(Message.event_id == event.id, Message.letter.in_(list(letters)))
    numbers = (CHANGE.search(key) for key in db.session.scalars(query))
    return max((int(found[1]) for found in numbers if found), default=0)


def _with_role(role: str) -> list[Account]:
    query = select(Account).where(Account.active, Account.roles.any(Role.name == role))
    return list(db.session.scalars(query.order_by(Account.id)))


def _to_organisers(letter: str, event: Event, cause: str, page: str, now: datetime, **more: Any) -> int:
    """Write to each organiser in the open transaction; return how many had not been told of this cause."""
    url = f"{settings.public_url}/organiser/events/{event.slug}" + (f"/{page}" if page else "")
    written = 0
    for account in organisers(event):
        content = _facts(account, event_title=event.title, admin_url=url, **more)
        written += _write(letter, account, f"event-{event.id}:{cause}", content, now, event)
    return written


def _facts(account: Account, **more: Any) -> LetterFacts:
    return LetterFacts(
        association=settings.association_name,
        name=account.name or account.email,
        association_address=settings.association_address,
        contact_email=settings.association_email,
        contact_phone=settings.association_phone,
        contact_hours=settings.association_hours,
        **more,
    )


def _write(
    letter: str,
    account: Account,
    occasion: str,
    content: LetterFacts,
    now: datetime,
    event: Event | None = None,
) -> bool:
    language = i18n.current()
    composed = compose(letter, language, content)
    cause = outbox.Cause(letter, occasion, f"account-{account.id}", event_id=event.id if event else None)
    sealed = envelope(account.email, composed.subject, composed.text, now)
    return outbox.enqueue(cause, sealed, language) is not None
