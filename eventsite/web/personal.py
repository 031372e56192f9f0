"""What the page behind a personal link says: what was sent in, what can still be done by oneself, and until when.

Not for doing it (manage.py, manage_changes.py), nor for what the office sees (organiser/particulars.py).
"""

from typing import NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from eventsite import clock, i18n, localgov, wording
from eventsite.errors import Refusal
from eventsite.mail.recipients import Recipient
from eventsite.models import MOVES, Attendee, Event, EventStatus, Registration, Status
from eventsite.registration import changing, questions

DONE = {
    "changed": _l("お申し込みの内容を変更しました。"),
    "unchanged": _l("変わったところはありませんでした。"),
    "replaced": _l("参加者を差し替えました。"),
    "consents": _l("同意の内容を変更しました。"),
    "sent": _l("メールをお送りしました。"),
}


class Allowed(NamedTuple):
    """What the link lets its holder do now: attendees by branch, and the sentences that say until when."""

    cancel: set[int]
    replace: set[int]
    details: bool
    leaving_words: str
    changing_words: str


def allowed(recipient: Recipient) -> Allowed:
    """Return what can be done by this link now (D8, D29); only the contact replaces people."""
    event = recipient.registration.event
    leaving = {one.branch for one in recipient.attendees if can_cancel(one)}
    return Allowed(
        cancel=leaving,
        replace={one.branch for one in recipient.attendees if can_replace(recipient, one)},
        details=can_change(recipient),
        leaving_words=_leaving_words(recipient) if recipient.active and _is_ahead(event) else "",
        changing_words=_changing_words(recipient.registration)
        if recipient.active and _is_ahead(event)
        else "",
    )


def can_cancel(attendee: Attendee) -> bool:
    event = attendee.registration.event
    takes_place = event.status != EventStatus.CANCELLED
    return takes_place and Status.CANCELLED in MOVES[attendee.status] and clock.now() < event.leaving_ends


def can_replace(recipient: Recipient, attendee: Attendee) -> bool:
    if recipient.attendee is not None or not attendee.is_active:
        return False
    try:
        changing.check_replaceable(recipient.registration.event, clock.now())
    except Refusal:
        return False
    return True


def can_change(recipient: Recipient) -> bool:
    try:
        changing.check_changeable(recipient.registration, clock.now())
    except Refusal:
        return False
    return bool(recipient.active)


def has_consents(event: Event) -> bool:
    """True if the event asks for something that may be refused."""
    return bool(event.asked_recipients) or "followup" in event.consents


def sent_in(registration: Registration) -> list[tuple[str, str]]:
    """Return (label, value) of what stands once per registration, answers included; blank ones are left out."""
    number = registration.phone_extension
    extension = _("　内線%(number)s", number=number) if number else ""
    given = {one.question_id: one.value for one in registration.answers}
    pairs = [
        (_("ご連絡先"), registration.contact_email),
        (_("電話番号"), registration.contact_phone + extension),
        (_("申込担当者"), registration.contact_name),
        *(
            (one.label, questions.words(one, given[one.id]))
            for one in registration.event.questions
            if one.id in given
        ),
    ]
    return [(label, value) for label, value in pairs if value]


def details(attendee: Attendee) -> list[tuple[str, str]]:
    """Return (label, value) of one attendee; blank ones are left out."""
    code = attendee.municipality_code
    body = localgov.label(code) if code else attendee.prefecture
    office = (body, attendee.organisation, attendee.department, attendee.position)
    pairs = [
        (_("フリガナ"), f"{attendee.family_kana} {attendee.given_kana}".strip()),
        (_("所属"), "　".join(one for one in office if one)),
        (_("会員番号"), attendee.member_number),
        (_("参加方法"), wording.mode(attendee.registration.event, attendee.participation)),
        (_("メールアドレス"), attendee.email),
    ]
    if attendee.viewers > 1:
        pairs.append((_("同じ画面で視聴する人数"), _("%(count)s名", count=attendee.viewers)))
    return [(label, value) for label, value in pairs if value]


def _is_ahead(event: Event) -> bool:
    return event.status != EventStatus.CANCELLED and clock.now() < event.start_at


def _leaving_words(recipient: Recipient) -> str:
    event = recipient.registration.event
    until = str(i18n.lazy_deadline(event.leaving_ends, event.timezone))
    if clock.now() >= event.leaving_ends:
        return _(
            "取消と差し替えは、%(until)sで締め切りました。ご都合が悪くなった場合は、事務局へご連絡ください。",
            until=until,
        )
    if recipient.attendee is not None:
        return _("取消は、%(until)sまで、このページから行えます。", until=until)
    return _("取消と差し替えは、%(until)sまで、このページから行えます。", until=until)


def _changing_words(registration: Registration) -> str:
    event, ends = registration.event, registration.category.changing_ends
    if not event.changes_allowed:
        return _("内容の変更をご希望の場合は、事務局へご連絡ください。")
    until = str(i18n.lazy_deadline(ends, event.timezone))
    if clock.now() >= ends:
        return _(
            "内容の変更は、%(until)sで締め切りました。必要な場合は、事務局へご連絡ください。", until=until
        )
    return _("内容は、%(until)sまで、このページから変更できます。", until=until)
