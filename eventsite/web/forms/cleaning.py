"""WTForms validators that clean a field with `text` and say what is wrong in the words of rule D39.

The cleaned value goes to `field.cleaned`; `field.data` stays what was typed, so that a form comes back as it was left.
"""

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from wtforms import Field, Form, SelectChoice, ValidationError

from eventsite import text

LONGEST = 100


class Cleaned:
    """Clean a field's text; refuse blank text where the field is required, and text that is too long.

    `name` is what the field is called in sentences, the label unless given.
    """

    def __init__(
        self,
        clean: Callable[[str], Any] = text.clean_line,
        *,
        required: bool = False,
        marked_optional: bool = False,
        longest: int | None = LONGEST,
        name: Any = None,
        width: str = "",
        link_free: bool = False,
    ) -> None:
        self.clean = clean
        self.required = required
        self.longest = longest
        self.name = name
        self.link_free = link_free
        self.field_flags = {"required": required, "optional_mark": marked_optional, "width": width}

    def __call__(self, form: Form, field: Field) -> None:
        name = str(self.name or field.label.text)
        field.cleaned = ""
        typed = field.data or ""
        if not typed.strip():
            if self.required:
                raise ValidationError(_("%(item)sを入力してください。", item=name))
            return
        try:
            value = self.clean(typed)
        except text.InvalidText as error:
            raise ValidationError(sentence(error.code, name)) from None
        if isinstance(value, str):
            self._check(value, name)
        field.cleaned = value

    def _check(self, value: str, name: str) -> None:
        if not value and self.required:
            raise ValidationError(_("%(item)sを入力してください。", item=name))
        if self.longest is not None and text.length(value) > self.longest:
            raise ValidationError(
                _("%(item)sは%(count)s文字以内で入力してください。", item=name, count=self.longest)
            )
        if self.link_free and ("://" in value or "www." in value.lower()):
            raise ValidationError(_("%(item)sにURLは入力できません。", item=name))


class Chosen:
    """Refuse a value that is not among the choices; blank only where the field is optional."""

    def __init__(self, *, required: bool = False, name: Any = None, width: str = "") -> None:
        self.required = required
        self.name = name
        self.field_flags = {"required": required, "width": width}

    def __call__(self, form: Form, field: Field) -> None:
        field.cleaned = field.data or ""
        if field.cleaned in {option.data for option in field}:
            if field.cleaned or not self.required:
                return
        elif not field.cleaned and not self.required:
            return
        raise ValidationError(_("%(item)sを選んでください。", item=self.name or field.label.text))


class Unforced:
    """A box that may stay empty, and says so."""

    field_flags = {"optional_mark": True}

    def __call__(self, form: Form, field: Field) -> None:
        return None


class Ticked:
    """Refuse an unticked box with its own sentence."""

    field_flags = {"required": True}

    def __init__(self, words: Any) -> None:
        self.words = words

    def __call__(self, form: Form, field: Field) -> None:
        if not field.data:
            raise ValidationError(str(self.words))


def options(*pairs: tuple[str, Any]) -> list[SelectChoice]:
    """Return what a field lets people choose from, given as (value, words)."""
    return [SelectChoice(value, label) for value, label in pairs]


def sentence(code: str, name: str) -> str:
    """Return the sentence for a fault that `text` found, in the language in force."""
    sentences = {
        "private-use": _("外字は使えません。代わりの漢字（例：﨑→崎）を入力してください。"),
        "kana": _("%(item)sは全角カタカナで入力してください。例：タカサキ", item=name),
        "email-no-at": _("%(item)sに「@」がありません。例：taro@city.example.lg.jp", item=name),
        "email": _("%(item)sの形式を確認してください。例：taro@city.example.lg.jp", item=name),
        "phone": _("%(item)sは、市外局番から数字で入力してください。例：00-0000-0000", item=name),
    }
    return sentences.get(code) or _("%(item)sに使えない文字が含まれています。", item=name)


def viewers(value: str) -> int:
    """Return the number of people at one screen, 1 to 99 (D9); raises ValidationError."""
    digits = text.fold_code(value)
    if not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits[:9]) <= 99:
        raise ValidationError(_("視聴人数は1から99までの数字で入力してください。"))
    return int(digits)


def all_errors(form: Form) -> list[tuple[str, str]]:
    """Return (field id, sentence) of every fault of a form and the forms inside it, in the form's own order."""
    found: list[tuple[str, str]] = []
    for field in form:
        if field.type == "FieldList":
            for entry in field.entries:
                found += all_errors(entry.form)
        elif field.type == "FormField":
            found += all_errors(field.form)
        else:
            found += [(field.id, str(words)) for words in field.errors]
    return found
