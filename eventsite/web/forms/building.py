"""The registration form of one category, put together: the category decides the fields, questions follow (D32).

Not for what a form does once it is there (registration.py).
"""

from typing import Any

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FieldList, Form, FormField, RadioField, StringField

from eventsite import text
from eventsite.errors import Refusal
from eventsite.models import Category, Event, Question
from eventsite.registration import fields, questions
from eventsite.registration.fields import OFF
from eventsite.web.forms import attendee_list
from eventsite.web.forms.attendee import attendee_class, fill_picker
from eventsite.web.forms.cleaning import Chosen, Cleaned, Ticked, options
from eventsite.web.forms.consents import optional_fields
from eventsite.web.forms.contact import phone_field, viewers_field
from eventsite.web.forms.question import question_field
from eventsite.web.forms.registration import RegistrationForm


def build(
    event: Event, category: Category, posted: MultiDict[str, str] | None, code: str = ""
) -> RegistrationForm:
    """Return the form of a category, filled with what was posted (an empty one for None)."""
    data = attendee_list.renumbered(posted) if posted is not None else None
    modes = fields.modes(category.code, category.fields, online=event.has_online)
    answers = answers_so_far(event, data)
    asked = questions.asked(event, category.code, answers)
    form = _form_class(event, category, modes, asked)(formdata=data)
    form.event, form.category, form.modes, form.asked = event, category, modes, asked
    form.deciding = [f"q-{one.key}" for one in asked if one.key in questions.causes(event)]
    if data is None:
        if "code" in form:
            form["code"].data = code
        if "participation" in form and len(event.modes) == 1:
            form["participation"].data = event.modes[0].key
    for entry in form.attendees:
        fill_picker(entry.form)
    return form


def new_questions(form: RegistrationForm, posted: MultiDict[str, str]) -> bool:
    """True if an answer has brought up a question that the person has not seen yet."""
    seen = set(posted.get("asked", "").split())
    return any(one.shown_if and one.key not in seen and f"q-{one.key}" not in posted for one in form.asked)


def answers_so_far(event: Event, data: MultiDict[str, str] | None) -> dict[str, Any]:
    if data is None:
        return {}
    answers: dict[str, Any] = {}
    for question in event.questions:
        try:
            answers[question.key] = questions.read(question, data.getlist(f"q-{question.key}"))
        except Refusal:
            answers[question.key] = None
    return answers


def _form_class(
    event: Event, category: Category, modes: dict[str, str], asked: list[Question]
) -> type[RegistrationForm]:
    members: dict[str, Any] = {}
    block = attendee_class(tuple(sorted(modes.items())), category.verification == "member_roster")
    if event.modes:
        members["participation"] = RadioField(
            _l("参加方法"),
            [Chosen(required=True)],
            choices=options(*((one.key, one.label) for one in event.modes)),
            validate_choice=False,
        )
    members["attendees"] = FieldList(FormField(block), min_entries=1)
    if modes["phone"] != OFF:
        members["contact_phone"] = phone_field(modes["phone"])
    if modes["viewers"] != OFF:
        members["viewers"] = viewers_field(modes["viewers"])
    if category.verification == "invite_code":
        members["code"] = StringField(
            _l("招待コード"), [Cleaned(text.fold_code, required=True, width="medium")]
        )
    full = questions.full(event)
    for question in asked:
        members[f"q-{question.key}"] = question_field(question, full.get(question.key, ()))
    members["consent_group"] = BooleanField(_l("参加者全員の了承を得ています"), [_GroupConsent()])
    members |= optional_fields(event)
    return type("CategoryForm", (RegistrationForm,), members)


class _GroupConsent(Ticked):
    """Needed as soon as somebody registers a colleague (D77)."""

    def __init__(self) -> None:
        super().__init__(_l("参加者全員の了承を得たうえで、チェックを入れてください。"))

    def __call__(self, form: Form, field: Any) -> None:
        if len(form["attendees"]) > 1:
            super().__call__(form, field)
