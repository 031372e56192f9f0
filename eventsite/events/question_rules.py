"""What an event's own question may be: its parts, its condition, and what its answers have fixed (D73). Reads only.

Wording and purpose are what people agreed to when they answered: with answers, neither they nor the meaning of an
answer can change. Not for what is done to questions: `questions`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.models import Answer, Event, Question
from eventsite.registration import questions
from eventsite.registration.questions import LARGEST_NUMBER

TYPES = ("text", "textarea", "radio", "checkbox", "number", "date", "yes_no", "agreement")
LEAST_CHOICES = {"radio": 2, "checkbox": 1}
MOST_CHOICES = 200
USUAL: dict[str, Any] = {
    "key": "", "label": "", "type": "text", "required": False, "max_length": None, "choices": [],
    "categories": None, "purpose": "", "help": "", "shown_if": None,
}  # fmt: skip
_FIXED = ("key", "label", "type", "purpose")
_NEW = "new"  # the last word of the address where questions are added


def find(event: Event, key: str) -> Question | None:
    """Return the event's question of that key, retired or not."""
    return next((one for one in event.questions if one.key == key), None)


def check(event: Event, values: Mapping[str, Any], question: Question | None = None) -> dict[str, Any]:
    """Return what `add_question`, or `change_question` for one that is there, would store; raises Refusal as they do.

    Reads only. What `values` leave out stays as it is.
    """
    if question is None:
        wanted = USUAL | dict(values)
        wanted["key"] = wanted["key"] or _next_key(event)
    else:
        wanted = {name: getattr(question, name) for name in USUAL} | dict(values)
        wanted["key"] = wanted["key"] or question.key
        if has_answers(question):
            _check_fixed(question, wanted)
    return _checked(event, wanted, question)


def conditions(event: Event, question: Question | None) -> list[dict[str, Any]]:
    """Return the conditions that a question may have: each answer of each question asked before it.

    None stands for a question that is still to be added, at the end.
    """
    found = []
    for one in questions.live(event):
        if question is not None and (one is question or one.position >= question.position):
            continue
        found += [{"question": one.key, "is": value} for value in _values(one.type, questions.choices(one))]
    return found


def can_be_met(event: Event, question: Question) -> bool:
    """Say whether a question's condition can be met; one on words or numbers, which only files know, is taken as it is."""
    if not question.shown_if:
        return True
    cause = find(event, question.shown_if["question"])
    if cause is None or cause.retired or cause.position >= question.position:
        return False
    possible = _values(cause.type, questions.choices(cause))
    return not possible or _meant(cause, question.shown_if["is"]) in possible


def has_answers(question: Question) -> bool:
    found = select(Answer.id).where(Answer.question_id == question.id).limit(1)
    return db.session.scalar(found) is not None


def fixed_by_answers(question: Question, wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of what answers forbid to change, where `wanted` differs: wording, nature, lost choices."""
    differing = [name for name in _FIXED if wanted[name] != getattr(question, name)]
    if set(questions.choices(question)) - set(_labels(wanted["choices"])):
        differing.append("choices")
    return differing


def dependents(question: Question, others: Sequence[Question]) -> list[Question]:
    """Return those of `others` that are asked because of an answer to this question."""
    return [one for one in others if one.shown_if and one.shown_if["question"] == question.key]


def needed(dependent: Question, field: str | None = None) -> Refusal:
    """Return the refusal of what would leave a dependent question without its condition."""
    words = _l(
        "「%(label)s」が、この質問への答えを条件にしています。先に、「%(label)s」の条件を変えてください。",
        label=dependent.label,
    )
    return Refusal("invalid", words, field=field)


def _next_key(event: Event) -> str:
    numbers = [int(one.key[1:]) for one in event.questions if re.fullmatch(r"q[0-9]{1,9}", one.key)]
    return f"q{max(numbers, default=0) + 1}"


def _check_fixed(question: Question, wanted: Mapping[str, Any]) -> None:
    for name in fixed_by_answers(question, wanted):
        if name == "choices":
            words = _l(
                "答えがあるため、選択肢の名前を変えたり、選択肢を減らしたりすることはできません。"
                "変えたいときは、この質問をたずねるのをやめて、新しい質問を追加してください。"
            )
        else:
            words = _l(
                "答えがあるため、変えられません。変えたいときは、この質問をたずねるのをやめて、"
                "新しい質問を追加してください。"
            )
        raise Refusal("invalid", words, field=name)


def _checked(event: Event, wanted: Mapping[str, Any], question: Question | None) -> dict[str, Any]:
    """The columns as they are stored; raises Refusal at the first that cannot be."""
    values = {name: wanted[name] for name in USUAL}
    if not values["label"]:
        raise Refusal("invalid", _l("質問を入力してください。"), field="label")
    if values["type"] not in TYPES:
        raise Refusal("invalid", _l("答え方を選んでください。"), field="type")
    if not values["purpose"]:
        raise Refusal("invalid", _l("利用目的を入力してください。"), field="purpose")
    _check_choices(values["type"], values["choices"])
    values["choices"] = [_plain(one) for one in values["choices"]]
    values["categories"] = _categories(event, values["categories"], question)
    if values["shown_if"] and (question is None or values["shown_if"] != question.shown_if):
        values["shown_if"] = _condition(event, values["shown_if"], question)
    if question is None or values["key"] != question.key:
        _check_key(event, values["key"])
    if question is not None:
        _check_dependents(event, question, values)
    return values


def _check_choices(kind: str, choices: Sequence[Any]) -> None:
    labels = _labels(choices)
    words = None
    if kind not in LEAST_CHOICES and labels:
        words = _l(
            "選択肢は、答え方が「一つを選ぶ」か「いくつでも選ぶ」の質問だけに付けられます。"
            "答え方を選び直すか、選択肢を空欄にしてください。"
        )
    elif len(labels) < LEAST_CHOICES.get(kind, 0):
        words = _l("選択肢を%(count)sつ以上入力してください。", count=LEAST_CHOICES[kind])
    elif len(labels) > MOST_CHOICES:
        words = _l("選択肢は%(count)sまでです。", count=MOST_CHOICES)
    elif not all(labels):
        words = _l("選択肢の名前を入力してください。")
    elif len(set(labels)) < len(labels):
        twice = next(one for one in labels if labels.count(one) > 1)
        words = _l("選択肢「%(choice)s」が二つあります。", choice=twice)
    elif any(not _is_limit(one) for one in choices):
        words = _l("選択肢の定員は、0以上の数字で入力してください。")
    if words is not None:
        raise Refusal("invalid", words, field="choices")


def _categories(event: Event, codes: Sequence[str] | None, question: Question | None) -> list[str] | None:
    """The codes in the event's order, None for all; the same ones again stay in the order that they had."""
    if not codes:
        return None
    if question is not None and question.categories and set(codes) == set(question.categories):
        return question.categories
    known = [one.code for one in event.categories]
    if not set(codes) <= set(known):
        raise Refusal("invalid", _l("参加区分を選び直してください。"), field="categories")
    return [one for one in known if one in codes]


def _check_key(event: Event, key: str) -> None:
    if not re.fullmatch(r"[a-z0-9_]{1,60}", key) or key == _NEW:
        words = _l("半角の英小文字・数字・下線（_）で、60文字以内で入力してください。「new」は使えません。")
        raise Refusal("invalid", words, field="key")
    if find(event, key) is not None:
        raise Refusal("invalid", _l("この記号の質問は、すでにあります。"), field="key")


def _condition(event: Event, given: Mapping[str, Any], question: Question | None) -> dict[str, Any]:
    """The condition as it is stored: yes and no as booleans."""
    cause = find(event, str(given.get("question", "")))
    wanted = {"question": given.get("question"), "is": _meant(cause, given.get("is"))}
    for possible in conditions(event, question):
        if possible == wanted:
            return possible
    words = _l("条件には、この質問より前にたずねる質問と、その答えを選んでください。")
    raise Refusal("invalid", words, field="shown_if")


def _meant(cause: Question | None, value: Any) -> Any:
    """Event files may say yes and no as words, too."""
    if cause is not None and cause.type == "yes_no" and value in (questions.YES, questions.NO):
        return value == questions.YES
    return value


def _check_dependents(event: Event, question: Question, wanted: Mapping[str, Any]) -> None:
    """What other questions wait for must stay an answer."""
    for name in ("type", "choices"):
        if wanted[name] == getattr(question, name):
            continue
        possible = _values(wanted["type"], _labels(wanted["choices"]))
        for one in dependents(question, questions.live(event)):
            if _meant(question, (one.shown_if or {})["is"]) not in possible:
                raise needed(one, field=name)


def _values(kind: str, labels: Sequence[str]) -> list[Any]:
    if kind == "yes_no":
        return [True, False]
    if kind == "agreement":
        return [True]
    return list(labels) if kind in LEAST_CHOICES else []


def _labels(choices: Sequence[Any]) -> list[str]:
    return [one if isinstance(one, str) else one["label"] for one in choices]


def _plain(choice: Any) -> Any:
    """A choice without a limit is kept as its words alone."""
    if isinstance(choice, str):
        return choice
    limit = choice.get("capacity")
    return choice["label"] if limit is None else {"label": choice["label"], "capacity": limit}


def _is_limit(choice: Any) -> bool:
    limit = None if isinstance(choice, str) else choice.get("capacity")
    return limit is None or (type(limit) is int and 0 <= limit <= LARGEST_NUMBER)
