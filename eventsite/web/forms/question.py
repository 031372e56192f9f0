"""An event's own question as a field of its form. Not for what counts as an answer: registration/questions.py."""

from collections.abc import Collection
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    Form,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)

from eventsite.errors import Refusal
from eventsite.models import Question
from eventsite.registration import questions
from eventsite.web.forms.cleaning import options


def question_field(question: Question, full: Collection[str] = ()) -> Any:
    """Return the unbound field of a question; choices in `full` have no places left and say so."""
    check = _Answer(question, full)
    support = question.help or None
    offered = options(*((one, one) for one in questions.choices(question)))
    if question.type == "textarea":
        return TextAreaField(question.label, [check], description=support, render_kw={"rows": 5})
    if question.type == "radio":
        return RadioField(
            question.label, [check], description=support, choices=offered, validate_choice=False
        )
    if question.type == "yes_no":
        either = options((questions.YES, _l("はい")), (questions.NO, _l("いいえ")))
        return RadioField(question.label, [check], description=support, choices=either, validate_choice=False)
    if question.type == "checkbox":
        return SelectMultipleField(
            question.label, [check], description=support, choices=offered, validate_choice=False
        )
    if question.type == "agreement":
        return BooleanField(question.label, [check], description=support)
    keyboard = {"number": {"inputmode": "numeric"}, "date": {"type": "date"}}.get(question.type, {})
    return StringField(question.label, [check], description=support, render_kw=keyboard)


class _Answer:
    """Validator that asks `questions` what counts as an answer."""

    def __init__(self, question: Question, full: Collection[str]) -> None:
        self.question = question
        width = "short" if question.type in {"number", "date"} else "full"
        self.field_flags = {
            "required": question.required,
            "optional_mark": not question.required,
            "width": width,
            "full": frozenset(full),
        }

    def __call__(self, form: Form, field: Any) -> None:
        field.cleaned = None
        try:
            field.cleaned = questions.read(self.question, list(field.raw_data or []))
        except Refusal as refusal:
            raise ValidationError(str(refusal.words)) from None
