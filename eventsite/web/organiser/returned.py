"""What came back about an attendee's letters, in words: reports of mail servers, a calendar's answer (D12).

Not for pages (undelivered.py), nor for taking mail in (mail/inbound.py).
"""

from datetime import datetime
from typing import NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, or_, select

from eventsite import dates, i18n
from eventsite.db import db
from eventsite.models import Attendee, MailReport, Message

_KINDS = {"failed": (_l("届きませんでした"), "stop"), "delayed": (_l("遅れています"), "warn")}
_ANSWERS = {
    "ACCEPTED": _l("参加"),
    "DECLINED": _l("不参加"),
    "TENTATIVE": _l("仮の参加"),
    "DELEGATED": _l("代理の方に依頼"),
}


class Returned(NamedTuple):
    """One report about one letter, in the server's words."""

    at: datetime
    word: str
    tone: str
    words: str
    subject: str
    recipient: str


class Answer(NamedTuple):
    """What a calendar answered last: a sentence, what was written beside it, and whether somebody should look at it."""

    sentence: str
    comment: str
    declined: bool


def returned(attendee: Attendee) -> list[Returned]:
    """Return what came back of the letters to the contact and to the attendee's own address, the latest first."""
    query = (
        select(MailReport, Message)
        .join(Message, Message.id == MailReport.message_id)
        .where(*_about(attendee), MailReport.kind.in_(_KINDS))
        .order_by(MailReport.id.desc())
    )
    return [
        Returned(
            one.at, str(_KINDS[one.kind][0]), _KINDS[one.kind][1], one.words, letter.subject, letter.recipient
        )
        for one, letter in db.session.execute(query)
    ]


def answer(attendee: Attendee) -> Answer | None:
    """Return what the calendar answered last, while the attendee still has something to expect; nothing acts on it."""
    query = (
        select(MailReport)
        .where(*_about(attendee), MailReport.kind == "reply")
        .order_by(MailReport.id.desc())
        .limit(1)
    )
    last = db.session.scalar(query)
    if last is None or not attendee.is_active:
        return None
    said, _line, comment = last.words.partition("\n")
    word = _ANSWERS.get(said, said)
    when = dates.when_short(last.at, attendee.registration.event.timezone, i18n.current())
    if said == "DECLINED":
        sentence = _(
            "予定表から「%(answer)s」の返信がありました（%(when)s）。取消はまだされていません。",
            answer=word,
            when=when,
        )
    else:
        sentence = _("予定表から「%(answer)s」の返信がありました（%(when)s）。", answer=word, when=when)
    return Answer(sentence, comment, said == "DECLINED")


def _about(attendee: Attendee) -> list[ColumnElement[bool]]:
    """Reports about the attendee's own address, or the contact's, at whatever version of their links."""
    own = f"attendee-{attendee.id}"
    key = MailReport.recipient_key
    whose = or_(key == own, key.startswith(f"{own}-"), key == "contact", key.startswith("contact-"))
    return [MailReport.registration_id == attendee.registration_id, whose]
