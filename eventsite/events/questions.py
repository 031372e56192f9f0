"""The verbs on an event's own questions: add, change, move, retire, revive, remove. Each is one transaction.

A question whose answers fix it is retired: it is no longer asked, while its answers stay in the roster. Not for what
a question may be (`question_rules`), nor for what counts as an answer (`registration.questions`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from eventsite import audit
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.events.question_rules import USUAL, can_be_met, check, dependents, find, has_answers, needed
from eventsite.models import Account, Answer, Event, Question
from eventsite.registration import questions


def answer_counts(event: Event) -> dict[int, int]:
    """Return how many answers there are, by question id; questions without answers are left out."""
    rows = db.session.execute(
        select(Answer.question_id, func.count())
        .join(Question, Question.id == Answer.question_id)
        .where(Question.event_id == event.id)
        .group_by(Answer.question_id)
    )
    return dict(rows.all())


def add_question(event: Event, values: Mapping[str, Any], by: Account | None) -> Question:
    """Add a question at the end; without a key it gets the next of `q1`, `q2` ….

    Raises Refusal at `label`, `purpose`, `type`, `choices`, `categories`, `shown_if` or `key`.
    """
    with transaction():
        lock(event)
        wanted = check(event, values)
        place = max((one.position for one in event.questions), default=-1) + 1
        question = Question(**wanted, position=place)
        event.questions.append(question)
        audit.record("question.created", event, by, key=question.key)
    return question


def change_question(event: Event, key: str, values: Mapping[str, Any], by: Account | None) -> list[str]:
    """Change a question; return the names of what differs. A new key is followed by those that name it.

    Raises Refusal as `add_question` does, and at whatever its answers have fixed.
    """
    with transaction():
        lock(event)
        question = _the(event, key)
        current = {name: getattr(question, name) for name in USUAL}
        wanted = check(event, values, question)
        changed = sorted(name for name in USUAL if wanted[name] != current[name])
        for name in changed:
            setattr(question, name, wanted[name])
        if "key" in changed:
            _follow(event, key, wanted["key"])
        if changed:
            audit.record("question.changed", event, by, key=question.key, fields=changed)
    return changed


def move_question(event: Event, key: str, step: int, by: Account | None) -> None:
    """Move a question that is asked one place up (-1) or down (1) among those that are asked.

    At the end of the list nothing happens. Raises Refusal if a question would stand before the one it follows from.
    """
    with transaction():
        lock(event)
        question = _the(event, key)
        asked = questions.live(event)
        here = asked.index(question) if question in asked else -1
        there = here + step
        if here < 0 or not 0 <= there < len(asked):
            return
        upper, lower = sorted((question, asked[there]), key=asked.index)
        if lower.shown_if and lower.shown_if["question"] == upper.key:
            words = _l(
                "「%(dependent)s」は「%(cause)s」への答えによってたずねるため、その後に置きます。",
                dependent=lower.label,
                cause=upper.label,
            )
            raise Refusal("invalid", words)
        for position, one in enumerate(event.questions):
            one.position = position
        upper.position, lower.position = lower.position, upper.position
        audit.record("question.changed", event, by, key=key, fields=["position"])


def retire_question(event: Event, key: str, by: Account | None) -> None:
    """Ask a question no longer; its answers stay. Raises Refusal while another one that is asked depends on it."""
    with transaction():
        lock(event)
        question = _the(event, key)
        if question.retired:
            return
        _check_unneeded(question, questions.live(event))
        question.retired = True
        audit.record("question.retired", event, by, key=key)


def revive_question(event: Event, key: str, by: Account | None) -> None:
    """Ask a retired question again; raises Refusal if its condition cannot be met any more."""
    with transaction():
        lock(event)
        question = _the(event, key)
        if not question.retired:
            return
        if not can_be_met(event, question):
            words = _l(
                "この質問をたずねる条件が、成り立たなくなっています。先に、条件の質問をふたたびたずねるか、"
                "この質問の条件を変えてください。"
            )
            raise Refusal("invalid", words, field="shown_if")
        question.retired = False
        audit.record("question.revived", event, by, key=key)


def remove_question(event: Event, key: str, by: Account | None) -> None:
    """Remove a question without answers; raises Refusal if it has some, or if another one depends on it."""
    with transaction():
        lock(event)
        question = _the(event, key)
        if has_answers(question):
            raise Refusal(
                "invalid",
                _l("答えがある質問は削除できません。たずねるのをやめると、答えは名簿に残ります。"),
            )
        _check_unneeded(question, event.questions)
        audit.record("question.removed", event, by, key=key)
        event.questions.remove(question)


def forget_category(event: Event, code: str) -> None:
    """Take a category that is removed out of the questions; call it inside the verb that removes it.

    Raises Refusal if a question is asked of that category alone.
    """
    for question in event.questions:
        codes = [one for one in question.categories or [] if one != code]
        if question.categories == [code]:
            words = _l(
                "質問「%(label)s」は、この参加区分の方だけにたずねています。先に、その質問を変えてください。",
                label=question.label,
            )
            raise Refusal("invalid", words)
        if question.categories is not None and codes != question.categories:
            question.categories = codes


def _the(event: Event, key: str) -> Question:
    """The question as it is under the lock: somebody may have removed it a moment ago."""
    question = find(event, key)
    if question is None:
        raise Refusal("invalid", _l("この質問は、すでに削除されています。"))
    return question


def _check_unneeded(question: Question, others: Sequence[Question]) -> None:
    for one in dependents(question, others):
        raise needed(one)


def _follow(event: Event, before: str, after: str) -> None:
    for one in event.questions:
        if one.shown_if and one.shown_if["question"] == before:
            one.shown_if = one.shown_if | {"question": after}
