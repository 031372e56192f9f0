"""One attendee's block of a registration form: its fields, and what depends on two of them at once.

The modes say which fields there are (D32). Not for how many blocks there are (attendee_list.py).
"""

from functools import cache
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, Form, SelectField, StringField

from eventsite import i18n, localgov, text
from eventsite.registration import Person
from eventsite.registration.fields import OFF, OPTIONAL, REQUIRED
from eventsite.web.forms.cleaning import Chosen, Cleaned

OTHER_BODY = "other"


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


@cache
def attendee_class(modes: tuple[tuple[str, str], ...], member_number: bool) -> type[AttendeeBase]:
    """Return the class of a block whose fields have these modes, as pairs of field and mode."""
    mode = dict(modes)
    members: dict[str, Any] = {}
    if mode["prefecture"] != OFF:
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


def fill_picker(form: Form) -> None:
    """Give a block the prefectures, and the municipalities of the one chosen, to choose from."""
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
    if body is not None and body.code not in dict(bodies):
        bodies.append((body.code, localgov.label(body.code)))  # what was chosen stays chosen
    first = _("選んでください") if bodies else _("先に都道府県を選んでください")
    municipality.choices = [
        ("", first),
        *bodies,
        (OTHER_BODY, _("その他の団体（一部事務組合・広域連合・議会など）")),
    ]
    municipality.flags.required = bool(prefecture.flags.required)


def person(block: Form, *, participation: str | None = None, viewers: int = 1) -> Person:
    """Return whom a block describes, once it is without faults; a chosen body stands for a blank organisation."""

    def value(name: str) -> str:
        return getattr(block[name], "cleaned", "") if name in block else ""

    code = value("municipality_code")
    code = "" if code == OTHER_BODY else code
    body = localgov.find(code) if code else None
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
        participation=participation,
        viewers=viewers,
    )


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
