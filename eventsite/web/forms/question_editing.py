"""The organiser's form of a question: shape only; the verbs are in `events/questions.py`.

Not for the field that attendees see (question.py).
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)

from eventsite import text
from eventsite.events.question_rules import MOST_CHOICES, conditions
from eventsite.models import Event, Question
from eventsite.registration import questions
from eventsite.web.forms.cleaning import Chosen, Cleaned, all_errors, options
from eventsite.web.forms.inputs import long_field, or_none, read_count, read_positive, shown
from eventsite.web.forms.question import question_field

TYPES = {
    "text": _l("一行の文"),
    "textarea": _l("何行かの文"),
    "radio": _l("一つを選ぶ"),
    "checkbox": _l("いくつでも選ぶ"),
    "number": _l("数字"),
    "date": _l("日付"),
    "yes_no": _l("はい・いいえ"),
    "agreement": _l("確認のチェック"),
}
LONGEST_PROSE = 20000
_FIRST_ROWS = 3
_ROW = re.compile(r"choices-[0-9]{1,4}-(label|capacity)")
_REMOVE = re.compile(r"remove-choice-([0-9]{1,4})")


def _folded(key: str) -> str:
    return unicodedata.normalize("NFKC", text.clean_line(key)).lower()


class ChoiceForm(Form):
    """One choice and its limit; an empty row is no choice."""

    label = StringField(_l("選択肢"), [Cleaned(longest=200)])
    capacity = StringField(
        _l("定員"), [Cleaned(read_count, width="short")], render_kw={"inputmode": "numeric"}
    )


class QuestionForm(FlaskForm):
    """One question: what is asked, of whom, what for, and how it is answered."""

    label = StringField(_l("質問"), [Cleaned(required=True, longest=400)])
    type = SelectField(
        _l("答え方"),
        [Chosen(required=True, width="medium")],
        choices=options(*TYPES.items()),
        validate_choice=False,
        default="text",
    )
    choices = FieldList(FormField(ChoiceForm), max_entries=MOST_CHOICES)
    required = BooleanField(_l("必ず答えてもらう"))
    purpose = TextAreaField(
        _l("利用目的"),
        [Cleaned(text.clean_text, required=True, longest=LONGEST_PROSE)],
        description=_l("答えを何に使うかを、申込フォームに示します。例：会場の席を用意するため"),
        render_kw={"rows": 2},
    )
    help = long_field(_l("補足の説明"), 2, _l("質問の下に小さく示します。"), longest=LONGEST_PROSE)
    categories = SelectMultipleField(
        _l("たずねる参加区分"),
        description=_l("チェックがなければ、すべての参加区分の方にたずねます。"),
        validate_choice=False,
    )
    shown_if = SelectField(
        _l("たずねる条件"),
        [Chosen()],
        description=_l("前の質問への答えによって、たずねるかどうかを決められます。"),
        validate_choice=False,
    )
    max_length = StringField(
        _l("文字数の上限"),
        [Cleaned(read_positive, width="short")],
        description=_l("答えが文のときだけ使います。空欄は、一行なら100、何行かなら1000です。"),
        render_kw={"inputmode": "numeric"},
    )
    key = StringField(
        _l("記号"),
        [Cleaned(_folded, longest=60, width="medium")],
        description=_l("ファイルで扱うときの名前です。空欄なら自動で付けます。"),
    )

    def __init__(self, event: Event, question: Question | None, posted: MultiDict[str, str] | None) -> None:
        """Make the form of a stored question, or of a new one for None; `posted` is what was sent, if it was."""
        data = _data(question) if posted is None else None
        super().__init__(formdata=_own_rows(posted) if posted is not None else None, data=data)
        self.categories.choices = options(*((one.code, one.label) for one in event.categories))
        self._conditions = _conditions(event, question)
        self.shown_if.choices = options(
            ("", _l("いつもたずねる")),
            *((name, condition_words(event, one)) for name, one in self._conditions.items()),
        )

    def fix(self, question: Question) -> None:
        """Show as fixed what answers fix; the verb refuses it whatever is sent."""
        self.type.choices = options((question.type, TYPES[question.type]))
        known = questions.choices(question)
        rows = [one.form.label for one in self.choices if one.form.label.data in known]
        for field in (self.label, self.purpose, self.key, *rows):
            field.render_kw = (field.render_kw or {}) | {"readonly": True}

    def act(self, action: str) -> str:
        """Add or take away a row of the choices; return the id of the field to go to. Nothing else is lost."""
        removed = _REMOVE.fullmatch(action)
        if action == "add-choice" and len(self.choices) < MOST_CHOICES:
            return self.choices.append_entry().form.label.id
        if removed and int(removed[1]) < len(self.choices):
            self.choices.pop_entry(int(removed[1]))
        return self.choices[-1].form.label.id if len(self.choices) else ""

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault."""
        self.validate()
        for one in self.choices:
            label, capacity = one.form.label, one.form.capacity
            if not label.errors and not label.cleaned and capacity.data and capacity.data.strip():
                label.errors = [_("選択肢の名前を入力してください。")]
        return all_errors(self)

    def values(self) -> dict[str, Any]:
        """Return column values. Call it after `faults()` has found nothing."""
        return {
            **{name: self[name].cleaned for name in ("label", "type", "purpose", "help", "key")},
            "required": bool(self.required.data),
            "max_length": or_none(self.max_length.cleaned),
            "choices": [
                {"label": one.form.label.cleaned, "capacity": or_none(one.form.capacity.cleaned)}
                for one in self.choices
                if one.form.label.cleaned
            ],
            "categories": self.categories.data or None,
            "shown_if": self._conditions.get(self.shown_if.cleaned),
        }


def preview(event: Event, asked: list[Question]) -> Form:
    """Return a form of these questions as attendees see them, with nothing to send."""
    full = questions.full(event)
    members = {f"q-{one.key}": question_field(one, full.get(one.key, ())) for one in asked}
    form = type("Preview", (Form,), members)()
    form.asked = asked
    return form


def condition_words(event: Event, condition: Mapping[str, Any]) -> str:
    """Return in words who is asked on this condition."""
    cause = next((one for one in event.questions if one.key == condition["question"]), None)
    label = cause.label if cause else condition["question"]
    if cause is not None and cause.type == "agreement":
        return _("「%(question)s」にチェックを入れた方だけ", question=label)
    answer = questions.words(cause, _one(cause, condition["is"])) if cause else condition["is"]
    return _("「%(question)s」に「%(answer)s」と答えた方だけ", question=label, answer=answer)


def _conditions(event: Event, question: Question | None) -> dict[str, dict[str, Any]]:
    """The conditions to choose from, by the word that the form sends; the stored one is always among them."""
    found = conditions(event, question)
    stored = question.shown_if if question else None
    if stored and stored not in found:
        found.append(stored)
    return {f"{one['question']}={one['is']}": one for one in found}


def _data(question: Question | None) -> dict[str, Any]:
    if question is None:
        return {"choices": [{}] * _FIRST_ROWS}
    limits = questions.limits(question)
    rows = [{"label": one, "capacity": shown(limits.get(one))} for one in questions.choices(question)]
    stored = question.shown_if
    return {
        **{name: getattr(question, name) for name in ("label", "type", "required", "purpose", "help", "key")},
        "max_length": shown(question.max_length),
        "categories": question.categories or [],
        "shown_if": f"{stored['question']}={stored['is']}" if stored else "",
        "choices": rows or [{}] * _FIRST_ROWS,
    }


def _own_rows(posted: MultiDict[str, str]) -> MultiDict[str, str]:
    """Leave out what only looks like a row of the choices."""
    kept = [(name, value) for name, value in posted.items(multi=True)
            if not name.startswith("choices-") or _ROW.fullmatch(name)]  # fmt: skip
    return MultiDict(kept)


def _one(cause: Question, value: Any) -> Any:
    return [value] if cause.type == "checkbox" else value
