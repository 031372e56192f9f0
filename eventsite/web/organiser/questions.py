"""The event's own questions: in which order, of whom they are asked, what for; changed, retired, removed.

Not for how they are answered: forms/question.py.
"""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite.events.question_rules import check, find
from eventsite.events.questions import (
    add_question,
    answer_counts,
    change_question,
    move_question,
    remove_question,
    retire_question,
    revive_question,
)
from eventsite.models import Event, Question
from eventsite.registration.questions import choices, limits, live
from eventsite.web import guards
from eventsite.web.forms.question_editing import TYPES, QuestionForm, condition_words, preview
from eventsite.web.organiser.desk import bp, button_answer, form_answer, me

_PAGE = "organiser/question.html"


@bp.get("/events/<slug>/questions")
@guards.for_event("edit")
def questions(event: Event) -> ResponseReturnValue:
    counts = answer_counts(event)
    rows = [_row(event, one, counts.get(one.id, 0)) for one in event.questions]
    asked = live(event)
    return render_template(
        "organiser/questions.html",
        event=event,
        asked=[row for row in rows if row["question"] in asked],
        retired=[row for row in rows if row["question"] not in asked],
        preview=preview(event, asked),
    )


@bp.route("/events/<slug>/questions/new", methods=["GET", "POST"])
@guards.for_event("edit")
def new_question(event: Event) -> ResponseReturnValue:
    return _question_page(event, None)


@bp.route("/events/<slug>/questions/<key>", methods=["GET", "POST"])
@guards.for_event("edit")
def edit_question(event: Event, key: str) -> ResponseReturnValue:
    return _question_page(event, find(event, key) or abort(404))


@bp.post("/events/<slug>/questions/<key>/position")
@guards.for_event("edit")
def reposition_question(event: Event, key: str) -> ResponseReturnValue:
    question = find(event, key) or abort(404)
    up = request.form.get("direction") == "up"
    words = _("「%(label)s」を一つ上に移しました。") if up else _("「%(label)s」を一つ下に移しました。")
    done = words % {"label": question.label}
    return button_answer(lambda: move_question(event, key, -1 if up else 1, me()), done, _questions(event))


@bp.post("/events/<slug>/questions/<key>/retirement")
@guards.for_event("edit")
def end_question(event: Event, key: str) -> ResponseReturnValue:
    question = find(event, key) or abort(404)
    words = _("「%(label)s」をたずねるのをやめました。答えは名簿に残ります。", label=question.label)
    return button_answer(lambda: retire_question(event, key, me()), words, _questions(event))


@bp.post("/events/<slug>/questions/<key>/revival")
@guards.for_event("edit")
def restore_question(event: Event, key: str) -> ResponseReturnValue:
    question = find(event, key) or abort(404)
    words = _("「%(label)s」をふたたびたずねます。", label=question.label)
    return button_answer(lambda: revive_question(event, key, me()), words, _questions(event))


@bp.get("/events/<slug>/questions/<key>/removal")
@guards.for_event("edit")
def ask_question_removal(event: Event, key: str) -> ResponseReturnValue:
    question = find(event, key) or abort(404)
    return render_template("organiser/question_removal.html", event=event, question=question)


@bp.post("/events/<slug>/questions/<key>/removal")
@guards.for_event("edit")
def delete_question(event: Event, key: str) -> ResponseReturnValue:
    question = find(event, key) or abort(404)
    words = _("「%(label)s」を削除しました。", label=question.label)
    return button_answer(lambda: remove_question(event, key, me()), words, _questions(event))


def _question_page(event: Event, question: Question | None) -> ResponseReturnValue:
    """The form; its buttons for the choices and for the preview come back with all that was typed."""
    form = QuestionForm(event, question, request.form if request.method == "POST" else None)
    answers = answer_counts(event).get(question.id, 0) if question else 0
    if question and answers:
        form.fix(question)
    shown = {"event": event, "question": question, "answers": answers}
    action = request.form.get("action", "")

    def save() -> ResponseReturnValue:
        values = form.values()
        if action == "preview":
            draft = Question(**check(event, values, question))
            return render_template(_PAGE, form=form, faults=[], preview=preview(event, [draft]), **shown)
        if question is None:
            add_question(event, values, me())
        else:
            change_question(event, question.key, values, me())
        flash(_("質問を保存しました。"), "success")
        return redirect(_questions(event), 303)

    if action not in {"", "preview"}:
        return render_template(_PAGE, form=form, faults=[], focus=form.act(action), **shown)
    return form_answer(form, save, _PAGE, **shown)


def _row(event: Event, question: Question, answers: int) -> dict[str, Any]:
    """Return a question in words, as the list shows it."""
    caps = limits(question)
    return {
        "question": question,
        "type": TYPES[question.type],
        "choices": "、".join(
            _("%(choice)s（定員%(count)s）", choice=one, count=caps[one]) if one in caps else one
            for one in choices(question)
        ),
        "categories": "、".join(
            one.label for one in event.categories if one.code in (question.categories or [])
        )
        or _("すべての参加区分"),
        "condition": condition_words(event, question.shown_if) if question.shown_if else "",
        "answers": answers,
    }


def _questions(event: Event) -> str:
    return url_for("organiser.questions", slug=event.slug)
