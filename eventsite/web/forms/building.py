"""The registration form of one category, put together: the category decides the fields, questions follow (D32).

Not for what a form does once it is there (registration.py).
"""

from typing import Any

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FieldList, Form, FormField, RadioField, StringField, TelField

from eventsite import text
from eventsite.errors import Refusal
from eventsite.models import Category, Event, Question
from eventsite.registration import fields, questions
from eventsite.registration.fields import OFF, OPTIONAL, REQUIRED
from eventsite.web.forms import attendee_list
from eventsite.web.forms.attendee import attendee_class, fill_picker
from eventsite.web.forms.cleaning import Chosen, Cleaned, Ticked, Unforced, options, viewers
from eventsite.web.forms.question import question_field
from eventsite.web.forms.registration import RegistrationForm


def build(
    event: Event, category: Category, posted: MultiDict[str, str] | None, code: str = ""
) -> RegistrationForm:
    """Return the form of a category, filled with what was posted (an empty one for None)."""
    data = attendee_list.renumbered(posted) if posted is not None else None
    modes = fields.modes(category.code, category.fields, online=event.has_online)
    answers = _answers_so_far(event, data)
    asked = questions.asked(event, category.code, answers)
    form = _form_class(event, category, modes, asked)(formdata=data)
    form.event, form.category, form.modes, form.asked = event, category, modes, asked
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


def _answers_so_far(event: Event, data: MultiDict[str, str] | None) -> dict[str, Any]:
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
        members["contact_phone"] = _phone(modes["phone"])
    if modes["viewers"] != OFF:
        members["viewers"] = _viewers(modes["viewers"])
    if category.verification == "invite_code":
        members["code"] = StringField(
            _l("招待コード"), [Cleaned(text.fold_code, required=True, width="medium")]
        )
    for question in asked:
        members[f"q-{question.key}"] = question_field(question)
    members["consent_group"] = BooleanField(_l("参加者全員の了承を得ています"), [_GroupConsent()])
    for recipient in event.asked_recipients:
        members[f"consent_share-{recipient['code']}"] = BooleanField(_share_words(recipient), [Unforced()])
    if "followup" in event.consents:
        members["consent_followup"] = BooleanField(
            _l("今後のセミナー案内をメールで受け取ります"), [Unforced()]
        )
    return type("CategoryForm", (RegistrationForm,), members)


class _GroupConsent(Ticked):
    """Needed as soon as somebody registers a colleague (D77)."""

    def __init__(self) -> None:
        super().__init__(_l("参加者全員の了承を得たうえで、チェックを入れてください。"))

    def __call__(self, form: Form, field: Any) -> None:
        if len(form["attendees"]) > 1:
            super().__call__(form, field)


def _phone(mode: str) -> TelField:
    required, optional = mode == REQUIRED, mode == OPTIONAL
    return TelField(
        _l("電話番号"),
        [Cleaned(text.clean_phone, required=required, marked_optional=optional, width="medium")],
        description=_l("内線は、番号のあとに「内線12」のように続けてください。"),
        render_kw={"autocomplete": "tel"},
    )


def _viewers(mode: str) -> StringField:
    return StringField(
        _l("同じ画面で視聴する人数（ご本人を含む）"),
        [Cleaned(viewers, required=mode == REQUIRED, marked_optional=mode == OPTIONAL, width="short")],
        description=_l("お一人の場合は空欄でかまいません。席の数には影響しません。"),
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )


def _share_words(recipient: dict[str, Any]) -> Any:
    return _l(
        "%(who)sに、%(items)sを、%(purpose)sのために提供することに同意します",
        who=recipient["name"],
        items="・".join(recipient["items"]),
        purpose=recipient["purpose"],
    )
