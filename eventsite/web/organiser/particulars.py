"""One attendee as the office sees them, in words: details, answers, consents, what happened, what was written.

Not for pages (attendees.py), nor for what the public sees of itself (web/manage.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select

from eventsite import localgov, wording
from eventsite.db import db
from eventsite.mail import letter_book
from eventsite.models import (
    Account,
    Attendee,
    Consent,
    Message,
    Registration,
    Revision,
    StatusChange,
)
from eventsite.registration import questions
from eventsite.web.organiser.letters import STATES

SOURCES = {
    "web": _l("ウェブ"),
    "manage": _l("確認ページ"),
    "phone": _l("電話（口頭）"),
    "paper": _l("書面"),
    "staff": _l("窓口（口頭）"),
}
_REASONS = {
    "registered": _l("申込"),
    "category-full": _l("区分が満席"),
    "event-full": _l("セミナー全体が満席"),
    "mode-full": _l("参加方法が満席"),
    "behind-others": _l("先に待っている方がいる"),
    "approved": _l("事務局の承認"),
    "declined": _l("事務局の判断"),
    "by-attendee": _l("本人による取消"),
    "by-office": _l("事務局による取消"),
    "event-cancelled": _l("開催の中止による取消"),
    "restored": _l("取消を元に戻した"),
    "seat-free": _l("空席が出たため"),
    "by-hand": _l("事務局による繰上げ"),
    "offer-accepted": _l("繰上げのご案内への回答"),
    "no-answer": _l("期限までに回答がなかったため"),
    "waitlist-ended": _l("キャンセル待ちの終了"),
    "won": _l("抽選"),
    "not-drawn": _l("抽選"),
    "address-corrected": _l("メールアドレスの訂正により、承認が不要に"),
}
_KINDS = {
    "details": _l("内容の変更"),
    "replaced": _l("参加者の差し替え"),
    "address": _l("連絡先の変更"),
    "moved": _l("参加区分の移動"),
}
_LABELS = {
    "category": _l("参加区分"),
    "contact_email": _l("メールアドレス"),
    "contact_name": _l("申込担当者"),
    "contact_phone": _l("電話番号"),
    "phone_extension": _l("内線"),
    "family_name": _l("姓"),
    "given_name": _l("名"),
    "family_kana": _l("セイ（カタカナ）"),
    "given_kana": _l("メイ（カタカナ）"),
    "organisation": _l("所属（団体名・会社名）"),
    "department": _l("部署名"),
    "position": _l("役職"),
    "prefecture": _l("都道府県"),
    "municipality_code": _l("市区町村"),
    "member_number": _l("会員番号"),
    "email": _l("本人のメールアドレス"),
    "participation": _l("参加方法"),
    "viewers": _l("同じ画面で視聴する人数"),
}


class Step(NamedTuple):
    """One move of the status; `before` empty = came into being, `who` empty = nobody of the office."""

    at: datetime
    before: str
    after: str
    reason: str
    who: str


class Change(NamedTuple):
    """One later change; `lines` are (label, before, after)."""

    at: datetime
    kind: str
    lines: list[tuple[str, str, str]]
    who: str


class Letter(NamedTuple):
    number: int
    at: datetime
    subject: str
    recipient: str
    status: str
    tone: str


class Said(NamedTuple):
    """What was said last to one consent box, and by which way."""

    words: str
    given: bool
    source: str
    at: datetime


def details(attendee: Attendee) -> list[tuple[str, str]]:
    """Return (label, value) of what the form asked for; blank ones are left out."""
    registration = attendee.registration
    code = attendee.municipality_code
    extension = (
        _("　内線%(number)s", number=registration.phone_extension) if registration.phone_extension else ""
    )
    pairs = [
        (_("フリガナ"), f"{attendee.family_kana} {attendee.given_kana}".strip()),
        (_("自治体"), localgov.label(code) if code else attendee.prefecture),
        (_("所属"), attendee.organisation),
        (_("部署名"), attendee.department),
        (_("役職"), attendee.position),
        (_("会員番号"), attendee.member_number),
        (_("参加方法"), wording.mode(registration.event, attendee.participation)),
        (_("本人メール"), attendee.email),
        (_("連絡先メール"), registration.contact_email or _("なし（通知は送られません）")),
        (_("電話番号"), registration.contact_phone + extension),
        (_("申込担当者"), registration.contact_name),
    ]
    if attendee.viewers > 1:
        pairs.append((_("同じ画面で視聴する人数"), _("%(count)s名", count=attendee.viewers)))
    pairs.append((_("受付方法"), str(SOURCES.get(registration.source, registration.source))))
    return [(label, value) for label, value in pairs if value]


def answers(registration: Registration) -> list[tuple[str, str]]:
    """Return (question, answer) in the order of the form."""
    given = {one.question_id: one.value for one in registration.answers}
    return [
        (one.label, questions.words(one, given[one.id]))
        for one in registration.event.questions
        if one.id in given
    ]


def consents(attendee: Attendee) -> list[Said]:
    """Return the last word to each box, in the order in which the boxes were first shown."""
    query = select(Consent).where(Consent.attendee_id == attendee.id).order_by(Consent.id)
    last: dict[tuple[str, str], Consent] = {}
    for one in db.session.scalars(query):
        last[one.kind, one.recipient] = one
    return [
        Said(one.text, one.value, str(SOURCES.get(one.source, one.source)), one.at) for one in last.values()
    ]


def history(attendee: Attendee) -> list[Step]:
    """Return the moves of an attendee's status, the first one first (D10)."""
    query = (
        select(StatusChange, Account.name)
        .outerjoin(Account, Account.id == StatusChange.account_id)
        .where(StatusChange.attendee_id == attendee.id)
        .order_by(StatusChange.id)
    )
    return [
        Step(
            at=one.at,
            before=wording.status(one.from_status) if one.from_status else "",
            after=wording.status(one.to_status),
            reason=str(_REASONS.get(one.reason, one.reason)),
            who=name or "",
        )
        for one, name in db.session.execute(query)
    ]


def changes(attendee: Attendee) -> list[Change]:
    """Return what was changed of the attendee, or of the registration as a whole, the first change first."""
    query = (
        select(Revision, Account.name)
        .outerjoin(Account, Account.id == Revision.account_id)
        .where(
            Revision.registration_id == attendee.registration_id,
            or_(Revision.attendee_id.is_(None), Revision.attendee_id == attendee.id),
        )
        .order_by(Revision.id)
    )
    return [
        Change(one.at, str(_KINDS[one.kind]), _compared(attendee, one), name or "")
        for one, name in db.session.execute(query)
    ]


def letters(attendee: Attendee) -> list[Letter]:
    """Return what was written to the contact and to the attendee's own address, the first letter first."""
    query = select(Message).where(Message.registration_id == attendee.registration_id).order_by(Message.id)
    own = f"attendee-{attendee.id}"
    found = []
    for one in db.session.scalars(query):
        who = one.dedupe_key.rpartition(":")[2]
        if who == own or who.startswith(("contact", f"{own}-")):
            words, tone = STATES[letter_book.state_of(one)]
            at = one.sent_at or one.created_at
            found.append(Letter(one.id, at, one.subject, one.recipient, str(words), tone))
    return found


def _compared(attendee: Attendee, revision: Revision) -> list[tuple[str, str, str]]:
    names = [*revision.before, *(name for name in revision.after if name not in revision.before)]
    return [
        (
            _label(attendee, name),
            _value(attendee, name, revision.before.get(name)),
            _value(attendee, name, revision.after.get(name)),
        )
        for name in names
    ]


def _label(attendee: Attendee, name: str) -> str:
    question = _question(attendee, name)
    return question.label if question else str(_LABELS.get(name, name))


def _value(attendee: Attendee, name: str, value: Any) -> str:
    event = attendee.registration.event
    question = _question(attendee, name)
    if question is not None:
        words = questions.words(question, value)
    elif name == "category":
        category = event.category(str(value))
        words = category.label if category else str(value)
    elif name == "participation":
        words = wording.mode(event, value)
    elif name == "municipality_code" and value:
        words = localgov.label(value)
    else:
        words = "" if value is None else str(value)
    return words or _("（なし）")


def _question(attendee: Attendee, name: str) -> Any:
    key = name.removeprefix("q-")
    asked: Sequence[Any] = attendee.registration.event.questions if key != name else ()
    return next((one for one in asked if one.key == key), None)
