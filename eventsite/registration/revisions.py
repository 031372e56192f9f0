"""What a change leaves behind: the row that keeps it, and its lines in the letter that tells of it (D8, D10, D80).

Runs in the language in force. Not for deciding whether something may be changed.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _

from eventsite import localgov, wording
from eventsite.db import db
from eventsite.models import Account, Attendee, Event, Registration, Revision
from eventsite.registration import questions

Values = Mapping[str, Any]
NOTHING: Values = MappingProxyType({})


def keep(
    registration: Registration,
    attendee: Attendee | None,
    kind: str,
    before: Values,
    after: Values,
    now: datetime,
    by: Account | None,
) -> None:
    """Add a revision; `attendee` None = of the registration as a whole. Values are by column name, answers by `q-<key>`."""
    revision = Revision(
        registration_id=registration.id,
        attendee_id=attendee.id if attendee else None,
        kind=kind,
        before=dict(before),
        after=dict(after),
        at=now,
        account_id=by.id if by else None,
    )
    db.session.add(revision)


def attendee_lines(attendee: Attendee, new: Values) -> list[str]:
    """Return the lines about an attendee's new details, before they are written; several attendees are numbered."""
    whose = _whose(attendee)
    return [whose + line for line in _lines(_words(attendee), _words(attendee, new))]


def move_line(attendee: Attendee, before: str, after: str) -> str:
    """Return the line about a move from one category to another, both by their labels."""
    return _whose(attendee) + wording.change(_("参加区分"), before, after)


def registration_lines(registration: Registration, contact: Values, answers: Values) -> list[str]:
    """Return the lines about what stands once per registration, before it is written."""
    stored = {one.question.key: one.value for one in registration.answers}
    return [
        *_lines(_contact_words(registration), _contact_words(registration, contact)),
        *_answer_lines(registration.event, stored, answers),
    ]


def replacement_line(number: int, before: str, after: str) -> str:
    """Return the line that says who comes instead of whom."""
    return _(
        "参加者%(number)s　変更前：%(before)s 様　変更後：%(after)s 様",
        number=number,
        before=before,
        after=after,
    )


def _whose(attendee: Attendee) -> str:
    several = len(attendee.registration.attendees) > 1
    return _("参加者%(number)s", number=attendee.branch) + "　" if several else ""


def _lines(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return a line for each label whose words differ."""
    return [
        wording.change(label, words, after[label]) for label, words in before.items() if words != after[label]
    ]


def _words(attendee: Attendee, new: Values = NOTHING) -> dict[str, str]:
    def value(name: str) -> Any:
        return new.get(name, getattr(attendee, name))

    code = value("municipality_code")
    return {
        _("自治体"): localgov.label(code) if code else value("prefecture"),
        _("所属"): value("organisation"),
        _("部署名"): value("department"),
        _("役職"): value("position"),
        _("フリガナ"): f"{value('family_kana')} {value('given_kana')}".strip(),
        _("同じ画面で視聴する人数"): _("%(count)s名", count=value("viewers")),
    }


def _contact_words(registration: Registration, new: Values = NOTHING) -> dict[str, str]:
    def value(name: str) -> str:
        return str(new.get(name, getattr(registration, name)))

    number = value("phone_extension")
    extension = _("　内線%(number)s", number=number) if number else ""
    return {_("申込担当者"): value("contact_name"), _("電話番号"): value("contact_phone") + extension}


def _answer_lines(event: Event, stored: Values, answers: Values) -> list[str]:
    return [
        wording.change(
            one.label, questions.words(one, stored.get(one.key)), questions.words(one, answers[one.key])
        )
        for one in event.questions
        if one.key in answers
    ]
