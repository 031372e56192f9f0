"""Is a letter still true at the moment when it leaves? Looked at once more just before sending.

A letter that tells of something that has happened stays true, whatever follows, and goes out. A letter about what is
to come, or one that people have not asked for, may have been overtaken. Such letters stand in `RULES`; each rule
returns why a letter must not go, in plain words, or "".
"""

from collections.abc import Callable

from sqlalchemy import select

from eventsite import clock
from eventsite.db import db
from eventsite.mail import mailings, recipients, suppression
from eventsite.mail.letters import event_news, followups
from eventsite.mail.recipients import Recipient
from eventsite.models import EventStatus, Mailing, MailingStatus, Message, Registration, Status

Rule = Callable[[Message, Recipient], str]


def why_not(message: Message) -> str:
    """Return why this letter is no longer true, "" if it still is (reliability 3.5, D62, D72, D78)."""
    rules = RULES.get(message.letter, ())
    if not rules:
        return ""
    recipient = _recipient(message)
    if recipient is None:
        return "there is no such recipient any more"
    return next((words for rule in rules if (words := rule(message, recipient))), "")


def _takes_part(message: Message, recipient: Recipient) -> str:
    return "" if recipient.confirmed else "nobody of this recipient's takes part any more"


def _has_something_to_expect(message: Message, recipient: Recipient) -> str:
    return "" if recipient.active else "nobody of this recipient's is registered any more"


def _has_not_left(message: Message, recipient: Recipient) -> str:
    """Whoever had cancelled before it was written was meant all the same."""
    everybody = all(one.status == Status.CANCELLED for one in recipient.attendees)
    since = [one.cancelled_at for one in recipient.attendees if one.cancelled_at]
    left = everybody and any(at > message.created_at for at in since)
    return "everybody of this recipient's has cancelled" if left else ""


def _takes_place(message: Message, recipient: Recipient) -> str:
    cancelled = recipient.registration.event.status == EventStatus.CANCELLED
    return "the event was cancelled" if cancelled else ""


def _lies_ahead(message: Message, recipient: Recipient) -> str:
    return "the event has begun" if recipient.registration.event.start_at <= clock.now() else ""


def _not_overtaken(message: Message, recipient: Recipient) -> str:
    """After it was written the event has changed, and this recipient is told so by a letter that says it all."""
    newer = select(Mailing).where(
        Mailing.event_id == message.event_id,
        Mailing.letter.in_(event_news.CHANGES),
        Mailing.created_at > message.created_at,
        Mailing.status != MailingStatus.DROPPED,
    )
    overtaken = any(_tells(one, message, recipient) for one in db.session.scalars(newer))
    return "the event has changed since this was written" if overtaken else ""


def _tells(mailing: Mailing, message: Message, recipient: Recipient) -> bool:
    """Has this mailing told the recipient, or is it going to?"""
    told = select(Message.id).where(
        Message.mailing_id == mailing.id,
        Message.registration_id == message.registration_id,
        Message.recipient_key == message.recipient_key,
    )
    if db.session.scalar(told.limit(1)) is not None:
        return True
    return mailing.status in mailings.OPEN and event_news.is_news_for(recipient, mailing)


def _is_not_over(message: Message, recipient: Recipient) -> str:
    """A link that is replaced while people are in the room is still worth having."""
    return "the event is over" if recipient.registration.event.is_over(clock.now()) else ""


def _of_this_date(message: Message, recipient: Recipient) -> str:
    mailing = db.session.get(Mailing, message.mailing_id) if message.mailing_id else None
    start = followups.stamp(recipient.registration.event.start_at)
    return "the event has another date now" if mailing and start not in mailing.key.split(":") else ""


def _wants_more(message: Message, recipient: Recipient) -> str:
    unwanted = suppression.is_suppressed(message.recipient)
    return "this address wants no more mail of this kind" if unwanted else ""


RULES: dict[str, tuple[Rule, ...]] = {
    "reminder": (_takes_part, _takes_place, _lies_ahead, _of_this_date, _not_overtaken),
    "join_info": (_takes_part, _takes_place, _is_not_over, _not_overtaken),
    "followup_attended": (_has_not_left, _wants_more),
    "followup_absent": (_has_not_left, _wants_more),
    "invitation": (_wants_more,),
    "rescheduled": (_has_something_to_expect,),
    "event_changed": (_has_something_to_expect,),
    "organiser_message": (_has_not_left,),
}


def _recipient(message: Message) -> Recipient | None:
    registration = db.session.get(Registration, message.registration_id) if message.registration_id else None
    everybody = recipients.of(registration) if registration else []
    return next((one for one in everybody if one.key == message.recipient_key), None)
