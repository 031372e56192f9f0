"""An event's own questions: which are asked, what counts as an answer, how an answer reads.

One place for form, confirm screen, letters and roster. Not for HTML: `web/forms` makes fields of it.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from eventsite import text
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.models import ACTIVE, Answer, Attendee, Event, Question

LONGEST = {"text": 100, "textarea": 1000}
YES, NO = "yes", "no"
LARGEST_NUMBER = 2**31 - 1


def live(event: Event) -> list[Question]:
    """Return the questions that are asked at all, in order: those that are not retired."""
    return [one for one in event.questions if not one.retired]


def asked(event: Event, category_code: str, answers: Mapping[str, Any]) -> list[Question]:
    """Return the questions that a person in this category sees, given the answers so far (by question key)."""
    shown: list[Question] = []
    for question in live(event):
        if question.categories is not None and category_code not in question.categories:
            continue
        if question.shown_if and not _condition_holds(question.shown_if, answers, shown):
            continue
        shown.append(question)
    return shown


def causes(event: Event) -> set[str]:
    """Return the keys of the questions on whose answers others depend."""
    return {one.shown_if["question"] for one in live(event) if one.shown_if}


def choices(question: Question) -> list[str]:
    return [one if isinstance(one, str) else one["label"] for one in question.choices]


def limits(question: Question) -> dict[str, int]:
    """Return the choices that have their own number of places."""
    return {
        one["label"]: one["capacity"]
        for one in question.choices
        if isinstance(one, dict) and one.get("capacity") is not None
    }


def longest(question: Question) -> int:
    return question.max_length or LONGEST.get(question.type, 1000)


def read(question: Question, raw: list[str]) -> Any:
    """Return the answer to store for what was typed (None = not answered); raises Refusal at the question's field."""
    try:
        value = _READERS[question.type](question, raw)
    except text.InvalidText as error:
        raise _refusal(question, _invalid_words(error.code)) from None
    except ValueError as error:
        raise _refusal(question, error.args[0]) from None
    if question.required and (value is None or value is False):
        raise _refusal(question, _l("%(label)sに答えてください。", label=question.label))
    return value


def words(question: Question, value: Any) -> str:
    """Return an answer as people read it: on the confirm screen, in the roster."""
    if value is None:
        return ""
    if question.type == "checkbox":
        return "、".join(value)
    if question.type in {"yes_no", "agreement"}:
        return _("はい") if value in (True, YES) else _("いいえ")
    return str(value)


def check_places(event: Event, answers: Mapping[str, Any], people: int) -> None:
    """Refuse an answer whose choice has no places left for `people` attendees. Call it under the event's lock."""
    capped = [one for one in live(event) if limits(one) and answers.get(one.key) is not None]
    for question, left in _places_left(capped):
        for choice in _as_list(answers[question.key]):
            if choice in left and people > left[choice]:
                raise _refusal(question, _too_few(choice, left[choice]))


def check_current(event: Event, answers: Mapping[str, Any]) -> None:
    """Refuse an answer that its question no longer takes, as the organiser has changed it meanwhile.

    Call it under the event's lock. Answers to questions that are no longer asked are no fault: nobody keeps them.
    """
    for question in live(event):
        value = answers.get(question.key)
        if value is not None and not _takes(question, value):
            raise _refusal(question, _l("質問が変わりました。もう一度答えてください。"))


def full(event: Event) -> dict[str, frozenset[str]]:
    """Return the choices that have no places left, by question key. Reads only, one statement at most."""
    capped = [one for one in live(event) if limits(one)]
    return {
        question.key: frozenset(choice for choice, places in left.items() if places <= 0)
        for question, left in _places_left(capped)
    }


def _places_left(asked_with_limits: list[Question]) -> list[tuple[Question, dict[str, int]]]:
    if not asked_with_limits:
        return []
    taken: dict[tuple[int, Any], int] = {}
    rows = db.session.execute(
        select(Answer.question_id, Answer.value, func.count(Attendee.id))
        .join(Attendee, Attendee.registration_id == Answer.registration_id)
        .where(Answer.question_id.in_([one.id for one in asked_with_limits]), Attendee.status.in_(ACTIVE))
        .group_by(Answer.id)
    )
    for which, value, count in rows:
        for choice in _as_list(value):
            taken[which, choice] = taken.get((which, choice), 0) + count
    return [
        (one, {choice: cap - taken.get((one.id, choice), 0) for choice, cap in limits(one).items()})
        for one in asked_with_limits
    ]


def _too_few(choice: str, left: int) -> Any:
    if left <= 0:
        return _l("「%(choice)s」は定員に達しました。", choice=choice)
    return _l("「%(choice)s」の残りは%(count)s名分です。", choice=choice, count=left)


def _takes(question: Question, value: Any) -> bool:
    if question.type in {"radio", "checkbox"}:
        given = value if question.type == "checkbox" else [value]
        return isinstance(given, list) and set(given) <= set(choices(question))
    if question.type == "number":
        return type(value) is int
    if question.type == "agreement":
        return isinstance(value, bool)
    return isinstance(value, str) and (question.type != "yes_no" or value in {YES, NO})


def _condition_holds(
    condition: Mapping[str, Any], answers: Mapping[str, Any], shown: Iterable[Question]
) -> bool:
    key = condition["question"]
    if all(one.key != key for one in shown):
        return False
    wanted = condition["is"]
    if isinstance(wanted, bool):
        wanted = YES if wanted else NO
    given = [YES if one is True else NO if one is False else one for one in _as_list(answers.get(key))]
    return wanted in given


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _refusal(question: Question, sentence: Any) -> Refusal:
    return Refusal("invalid", sentence, field=f"q-{question.key}")


def _invalid_words(code: str) -> Any:
    if code == "private-use":
        return _l("外字は使えません。代わりの漢字（例：﨑→崎）を入力してください。")
    return _l("使えない文字が含まれています。")


def _read_text(question: Question, raw: list[str]) -> str | None:
    clean = text.clean_text if question.type == "textarea" else text.clean_line
    value = clean(raw[0]) if raw else ""
    if text.length(value) > longest(question):
        words = _l(
            "%(label)sは%(count)s文字以内で入力してください。", label=question.label, count=longest(question)
        )
        raise ValueError(words)
    return value or None


def _read_choice(question: Question, raw: list[str]) -> str | None:
    if not raw or not raw[0]:
        return None
    if raw[0] not in choices(question):
        raise ValueError(_l("%(label)sを選んでください。", label=question.label))
    return raw[0]


def _read_choices(question: Question, raw: list[str]) -> list[str] | None:
    if any(one not in choices(question) for one in raw):
        raise ValueError(_l("%(label)sを選んでください。", label=question.label))
    return [one for one in choices(question) if one in raw] or None


def _read_number(question: Question, raw: list[str]) -> int | None:
    typed = unicodedata.normalize("NFKC", raw[0]).strip().replace("−", "-").replace(",", "") if raw else ""
    if not typed:
        return None
    if not re.fullmatch(r"-?[0-9]{1,10}", typed) or abs(int(typed)) > LARGEST_NUMBER:
        raise ValueError(_l("%(label)sは数字で入力してください。", label=question.label))
    return int(typed)


def _read_date(question: Question, raw: list[str]) -> str | None:
    if not raw or not raw[0].strip():
        return None
    try:
        return date.fromisoformat(raw[0].strip()).isoformat()
    except ValueError:
        words = _l("%(label)sは、2026-04-01のように入力してください。", label=question.label)
        raise ValueError(words) from None


def _read_yes_no(question: Question, raw: list[str]) -> str | None:
    if not raw or not raw[0]:
        return None
    if raw[0] not in (YES, NO):
        raise ValueError(_l("%(label)sを選んでください。", label=question.label))
    return raw[0]


def _read_agreement(question: Question, raw: list[str]) -> bool:
    return bool(raw and raw[0])


_READERS = {
    "text": _read_text,
    "textarea": _read_text,
    "radio": _read_choice,
    "checkbox": _read_choices,
    "number": _read_number,
    "date": _read_date,
    "yes_no": _read_yes_no,
    "agreement": _read_agreement,
}
