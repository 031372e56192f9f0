"""The registration form of one category: its fields, what they may hold, and the application they make.

The category decides the fields, the organiser may change them, questions follow (D32). Seats are decided elsewhere.
"""

from functools import cache
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    EmailField,
    FieldList,
    Form,
    FormField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TelField,
    TextAreaField,
    ValidationError,
)

from eventsite import i18n, localgov, text
from eventsite.errors import Refusal
from eventsite.models import Category, Event, Question
from eventsite.registration import Application, ConsentBox, Person, fields, questions
from eventsite.registration.fields import OFF, OPTIONAL, REQUIRED
from eventsite.web.forms import attendee_list
from eventsite.web.forms.cleaning import Chosen, Cleaned, Ticked, all_errors, viewers

OTHER_BODY = "other"
PAGE_ORDER = (
    *("participation", "code", "attendees", "all_or_nothing", "contact_email", "contact_phone", "contact_name"),
    *("viewers", "q", "consent_privacy", "consent_group", "consent_share", "consent_followup"),
)


class RegistrationForm(FlaskForm):
    """Base of the form that is made for each category; the token stands for CSRF protection."""

    class Meta:
        csrf = False

    event: Event
    category: Category
    modes: dict[str, str]
    asked: list[Question]

    form_token = HiddenField()
    website = StringField(_l("この欄には何も入力しないでください"))
    contact_email = EmailField(
        _l("メールアドレス"),
        [Cleaned(text.clean_email, required=True, longest=None)],
        description=_l("確認メールをお送りします。部署で共有しているアドレスでもかまいません。"),
        render_kw={"autocomplete": "email", "inputmode": "email"},
    )
    contact_name = StringField(
        _l("申込担当者"),
        [Cleaned(link_free=True, marked_optional=True, width="medium")],
        description=_l("参加者と異なる場合のみ、お名前を入力してください。"),
        render_kw={"autocomplete": "off"},
    )
    all_or_nothing = BooleanField(_l("全員の席がそろわない場合は申し込まない"))
    consent_privacy = BooleanField(
        _l("個人情報の取扱いについて確認し、同意します"),
        [Ticked(_l("個人情報の取扱いをご確認のうえ、同意の欄にチェックを入れてください。"))],
    )

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault, in the order of the page."""
        self.validate()
        return sorted(all_errors(self), key=lambda fault: PAGE_ORDER.index(fault[0].partition("-")[0]))

    def application(self, form_key: str | None) -> Application:
        """Return what is applied for. Call it after `faults()` has found nothing."""
        phone = self._cleaned("contact_phone")
        return Application(
            category=self.category.code,
            contact_email=self.contact_email.cleaned,
            contact_name=self.contact_name.cleaned,
            contact_phone=phone.shown if phone else "",
            phone_extension=phone.extension if phone else "",
            people=tuple(self._person(entry.form, branch) for branch, entry in enumerate(self.attendees)),
            answers=self.answers(),
            consents=tuple(self._consents()),
            code=self._cleaned("code"),
            all_or_nothing=len(self.attendees) > 1 and self.all_or_nothing.data,
            locale=i18n.current(),
            form_key=form_key,
        )

    def answers(self) -> dict[str, Any]:
        """Return the answers given so far, by question key; faulty ones are left out."""
        return {one.key: getattr(self[f"q-{one.key}"], "cleaned", None) for one in self.asked}

    def notes(self) -> list[str]:
        """Return warnings that do not stop anybody: a mistyped domain, a missing given name (D39)."""
        notes = []
        typed = self.contact_email.data or ""
        meant = text.email_suggestion(typed)
        if meant:
            words = _(
                "「%(given)s」は「%(meant)s」の誤りではありませんか。正しい場合は、このままお進みください。",
                given=text.email_domain(typed),
                meant=meant,
            )
            notes.append(words)
        for entry in self.attendees:
            if not entry.form.given_name.cleaned:
                notes.append(
                    _(
                        "「%(name)s」様の名が空欄です。お名前が一つの方は、このままお進みください。",
                        name=entry.form.family_name.cleaned,
                    )
                )
        return notes

    def _cleaned(self, name: str) -> Any:
        return getattr(self[name], "cleaned", "") if name in self else ""

    def _person(self, form: Form, index: int) -> Person:
        def value(name: str) -> str:
            return getattr(form[name], "cleaned", "") if name in form else ""

        code = value("municipality_code")
        code = "" if code == OTHER_BODY else code
        body = localgov.find(code) if code else None
        watching = self._cleaned("viewers") if index == 0 else ""
        return Person(
            family_name=value("family_name"),
            given_name=value("given_name"),
            family_kana=value("family_kana"),
            given_kana=value("given_kana"),
            organisation=value("organisation") or (body.name if body else ""),
            department=value("department"),
            position=value("position"),
            prefecture=body.prefecture if body else value("prefecture"),
            municipality_code=code,
            member_number=value("member_number"),
            email=value("email"),
            participation=self._cleaned("participation") or None,
            viewers=watching or 1,
        )

    def _consents(self) -> list[ConsentBox]:
        boxes = [ConsentBox("privacy", True, str(self.consent_privacy.label.text))]
        if len(self.attendees) > 1:
            boxes.append(ConsentBox("group", True, str(self.consent_group.label.text)))
        for recipient in self.event.recipients:
            box = self[f"consent_share-{recipient['code']}"]
            boxes.append(ConsentBox("share", bool(box.data), str(box.label.text), recipient["code"]))
        if "consent_followup" in self:
            box = self["consent_followup"]
            boxes.append(ConsentBox("followup", bool(box.data), str(box.label.text)))
        return boxes


class AttendeeBase(Form):
    """Base of one attendee's block; what depends on two fields at once is checked here."""

    def validate(self, extra_validators: Any = None) -> bool:
        good = super().validate(extra_validators)
        return self._check_kana() and self._check_body() and good

    def _check_kana(self) -> bool:
        """Latin names need no kana; blank kana of other names is a fault only where it is required (D33)."""
        if "family_kana" not in self or text.is_latin_name(
            self["family_name"].data or "", self["given_name"].data or ""
        ):
            return True
        good = True
        pairs = (("family_kana", _("セイ"), "family_name"), ("given_kana", _("メイ"), "given_name"))
        for name, word, source in pairs:
            field = self[name]
            has_name = bool(getattr(self[source], "cleaned", ""))
            if field.flags.kana_required and has_name and not field.errors and not field.cleaned:
                field.errors = [
                    *field.errors,
                    _(
                        "%(item)sを入力してください。アルファベットのお名前の場合は、空欄でかまいません。",
                        item=word,
                    ),
                ]
                good = False
        return good

    def _check_body(self) -> bool:
        """A municipality belongs to the chosen prefecture; without one the organisation is typed (D58)."""
        if "municipality_code" not in self:
            return True
        field, code = self["municipality_code"], self["municipality_code"].data or ""
        organisation = getattr(self["organisation"], "cleaned", "") if "organisation" in self else "-"
        if code and code != OTHER_BODY:
            body = localgov.find(code)
            chosen = self["prefecture"].data
            if body is None or (chosen and body.prefecture != chosen):
                field.errors = [_("市区町村を選び直してください。")]
                return False
            return True
        if self["organisation"].flags.body_required and not organisation and not self["organisation"].errors:
            if code == OTHER_BODY:
                self["organisation"].errors = [
                    _("%(item)sを入力してください。", item=self["organisation"].label.text)
                ]
            else:
                field.errors = [_("市区町村を選んでください。一覧にない団体は、所属を入力してください。")]
            return False
        return True


def build(
    event: Event, category: Category, posted: MultiDict[str, str] | None, code: str = ""
) -> RegistrationForm:
    """Return the form of a category, filled with what was posted (an empty one for None)."""
    data = attendee_list.renumbered(posted) if posted is not None else None
    modes = fields.modes(category.code, category.fields, online=event.has_online)
    answers = _answers_so_far(event, category, data)
    asked = questions.asked(event, category.code, answers)
    form = _form_class(event, category, modes, asked)(formdata=data)
    form.event, form.category, form.modes, form.asked = event, category, modes, asked
    if data is None:
        if "code" in form:
            form["code"].data = code
        if "participation" in form and len(event.modes) == 1:
            form["participation"].data = event.modes[0].key
    for entry in form.attendees:
        _fill_picker(entry.form)
    return form


def new_questions(form: RegistrationForm, posted: MultiDict[str, str]) -> bool:
    """True if an answer has brought up a question that the person has not seen yet."""
    seen = set(posted.get("asked", "").split())
    return any(one.shown_if and one.key not in seen and f"q-{one.key}" not in posted for one in form.asked)


def _answers_so_far(event: Event, category: Category, data: MultiDict[str, str] | None) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for question in event.questions if data is not None else ():
        try:
            answers[question.key] = questions.read(question, data.getlist(f"q-{question.key}"))  # type: ignore[union-attr]
        except Refusal:
            answers[question.key] = None
    return answers


def _form_class(
    event: Event, category: Category, modes: dict[str, str], asked: list[Question]
) -> type[RegistrationForm]:
    members: dict[str, Any] = {}
    picker = modes["prefecture"] != OFF
    block = _attendee_class(tuple(sorted(modes.items())), category.verification == "member_roster", picker)
    if event.modes:
        members["participation"] = RadioField(
            _l("参加方法"),
            [Chosen(required=True)],
            choices=[(one.key, one.label) for one in event.modes],
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
        members[f"q-{question.key}"] = _question_field(question)
    members["consent_group"] = BooleanField(_l("参加者全員の了承を得ています"), [_GroupConsent()])
    for recipient in event.recipients:
        members[f"consent_share-{recipient['code']}"] = BooleanField(_share_words(recipient))
    if "followup" in event.consents:
        members["consent_followup"] = BooleanField(_l("今後のセミナー案内をメールで受け取ります"))
    return type("CategoryForm", (RegistrationForm,), members)


class _GroupConsent(Ticked):
    """Needed as soon as somebody registers a colleague (D77)."""

    def __init__(self) -> None:
        super().__init__(_l("参加者全員の了承を得たうえで、チェックを入れてください。"))

    def __call__(self, form: Form, field: Any) -> None:
        if len(form["attendees"]) > 1:
            super().__call__(form, field)


@cache
def _attendee_class(
    modes: tuple[tuple[str, str], ...], member_number: bool, picker: bool
) -> type[AttendeeBase]:
    mode = dict(modes)
    members: dict[str, Any] = {}
    if picker:
        members["prefecture"] = SelectField(
            _l("都道府県"),
            [Chosen(required=mode["prefecture"] == REQUIRED, width="full")],
            validate_choice=False,
            choices=[],
        )
        members["municipality_code"] = SelectField(
            _l("市区町村"), [_anything], validate_choice=False, choices=[]
        )
    if mode["organisation"] != OFF:
        members["organisation"] = _organisation(
            mode["organisation"] == REQUIRED, mode["prefecture"] == REQUIRED
        )
    if mode["department"] != OFF:
        members["department"] = _line(_l("部署名"), mode["department"], "off")
    if mode["position"] != OFF:
        members["position"] = _line(_l("役職"), mode["position"], "organization-title")
    if member_number:
        members["member_number"] = StringField(
            _l("会員番号"), [Cleaned(text.fold_code, required=True, longest=40, width="short")]
        )
    members["family_name"] = StringField(
        _l("姓"), [Cleaned(required=True, link_free=True)], render_kw={"autocomplete": "family-name"}
    )
    members["given_name"] = StringField(
        _l("名"), [Cleaned(link_free=True)], render_kw={"autocomplete": "given-name"}
    )
    if mode["kana"] != OFF:
        required = mode["kana"] == REQUIRED
        members["family_kana"] = _kana(_l("セイ（カタカナ）"), _l("セイ"), required)
        members["given_kana"] = _kana(_l("メイ（カタカナ）"), _l("メイ"), required)
    members["email"] = EmailField(
        _l("本人のメールアドレス"),
        [Cleaned(text.clean_email, longest=None, name=_l("メールアドレス"), marked_optional=True)],
        description=_l("入力すると、この方にも確認メールをお送りします。"),
        render_kw={"autocomplete": "off", "inputmode": "email"},
    )
    return type("AttendeeForm", (AttendeeBase,), members)


def _anything(form: Form, field: Any) -> None:
    """Taken as it is; `AttendeeBase` checks it against the prefecture."""
    field.cleaned = field.data or ""


def _line(label: Any, mode: str, autocomplete: str) -> StringField:
    return StringField(
        label,
        [Cleaned(required=mode == REQUIRED, marked_optional=mode == OPTIONAL)],
        render_kw={"autocomplete": autocomplete},
    )


def _organisation(required: bool, picker_required: bool) -> StringField:
    """With a required picker the municipality may stand for the organisation, so blank is judged together."""
    check = Cleaned(required=required and not picker_required)
    check.field_flags["body_required"] = required and picker_required
    return StringField(
        _l("所属（団体名・会社名）"),
        [check],
        description=_l("市区町村を選んだ場合は、空欄でかまいません。") if picker_required else "",
        render_kw={"autocomplete": "organization"},
    )


def _kana(label: Any, name: Any, required: bool) -> StringField:
    check = Cleaned(text.clean_kana, name=name, link_free=True)
    check.field_flags |= {"required": required, "optional_mark": not required, "kana_required": required}
    return StringField(label, [check], render_kw={"autocomplete": "off"})


def _phone(mode: str) -> TelField:
    return TelField(
        _l("電話番号"),
        [
            Cleaned(
                text.clean_phone, required=mode == REQUIRED, marked_optional=mode == OPTIONAL, width="medium"
            )
        ],
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


def _fill_picker(form: Form) -> None:
    if "prefecture" not in form:
        return
    prefecture, municipality = form["prefecture"], form["municipality_code"]
    names = [one.name for one in localgov.PREFECTURES]
    by_code = {one.code2: one.name for one in localgov.PREFECTURES}
    prefecture.data = by_code.get(prefecture.data, prefecture.data)
    body = localgov.find(municipality.data or "")
    if body is not None and not prefecture.data:
        prefecture.data = body.prefecture
    english = i18n.current() == "en"
    prefecture.choices = [("", _("選んでください"))] + [
        (one.name, one.en if english else one.name) for one in localgov.PREFECTURES
    ]
    bodies: list[tuple[str, str]] = []
    if prefecture.data in names:
        own = localgov.government(prefecture.data)
        bodies = [(own.code, _("都道府県庁（%(name)s）", name=own.name))] if own else []
        bodies += [(one.code, one.name) for one in localgov.municipalities(prefecture.data)]
    first = _("選んでください") if bodies else _("先に都道府県を選んでください")
    municipality.choices = [
        ("", first),
        *bodies,
        (OTHER_BODY, _("その他の団体（一部事務組合・広域連合・議会など）")),
    ]
    municipality.flags.required = bool(prefecture.flags.required)


def _question_field(question: Question) -> Any:
    check = _Answer(question)
    support = question.help or None
    options = [(one, one) for one in questions.choices(question)]
    if question.type == "textarea":
        return TextAreaField(question.label, [check], description=support, render_kw={"rows": 5})
    if question.type == "radio":
        return RadioField(
            question.label, [check], description=support, choices=options, validate_choice=False
        )
    if question.type == "yes_no":
        choices = [(questions.YES, _l("はい")), (questions.NO, _l("いいえ"))]
        return RadioField(
            question.label, [check], description=support, choices=choices, validate_choice=False
        )
    if question.type == "checkbox":
        return SelectMultipleField(
            question.label, [check], description=support, choices=options, validate_choice=False
        )
    if question.type == "agreement":
        return BooleanField(question.label, [check], description=support)
    keyboard = {"number": {"inputmode": "numeric"}, "date": {"type": "date"}}.get(question.type, {})
    return StringField(question.label, [check], description=support, render_kw=keyboard)


class _Answer:
    """Validator that asks `questions` what counts as an answer."""

    def __init__(self, question: Question) -> None:
        self.question = question
        width = "short" if question.type in {"number", "date"} else "full"
        self.field_flags = {
            "required": question.required,
            "optional_mark": not question.required,
            "width": width,
        }

    def __call__(self, form: Form, field: Any) -> None:
        field.cleaned = None
        try:
            field.cleaned = questions.read(self.question, list(field.raw_data or []))
        except Refusal as refusal:
            raise ValidationError(str(refusal.words)) from None


def _share_words(recipient: dict[str, Any]) -> Any:
    return _l(
        "%(who)sに、%(items)sを、%(purpose)sのために提供することに同意します",
        who=recipient["name"],
        items="・".join(recipient["items"]),
        purpose=recipient["purpose"],
    )
