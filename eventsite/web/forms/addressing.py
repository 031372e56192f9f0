"""The forms about addresses: a new one for the mail of a registration, and the way back to a lost link (D4, D5).

Who may use them says the address of their page, or nobody has to: they carry no token.
"""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import EmailField, StringField, ValidationError

from eventsite import text
from eventsite.errors import Refusal
from eventsite.web.forms.cleaning import Cleaned, all_errors


def read_reference(typed: str) -> str:
    """Return a typed reference number as it is stored; that of an attendee begins with it. Raises ValidationError."""
    try:
        folded = text.fold_code(typed)
        head, branch = folded[:9], folded[9:]
        return text.clean_reference(head if branch.isascii() and branch.isdigit() else folded)
    except text.InvalidText:
        raise ValidationError(str(_l("受付番号の形式を確認してください。例：GDX-7K3M-Q2"))) from None


class TokenlessForm(FlaskForm):
    """Base: fields that are checked, and a sentence at each fault."""

    class Meta:
        csrf = False

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault, in the order of the page."""
        self.validate()
        return all_errors(self)


class AddressForm(TokenlessForm):
    """One address, in the field that `name` says."""

    name: str

    @property
    def field(self) -> EmailField:
        return self[self.name]

    @property
    def address(self) -> str:
        """The address as it is stored. Ask for it after `faults()` has found nothing."""
        cleaned: str = self.field.cleaned
        return cleaned

    def refuse(self, refusal: Refusal) -> None:
        """Put the words of a refusal at the field if they are about it."""
        if refusal.field == self.name:
            self.field.errors = [str(refusal.words)]


class LostLinkForm(TokenlessForm):
    """Reference number and address, as they stand in the letter that was lost."""

    reference = StringField(
        _l("受付番号"),
        [Cleaned(read_reference, required=True, width="medium")],
        description=_l("例：GDX-7K3M-Q2"),
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
    email = EmailField(
        _l("メールアドレス"),
        [Cleaned(text.clean_email, required=True, longest=None)],
        description=_l("ご登録のメールアドレスを入力してください。"),
        render_kw={"autocomplete": "email", "inputmode": "email"},
    )


def address_form(name: str, stored: str, posted: MultiDict[str, str] | None = None) -> AddressForm:
    """Return the form for a new address, filled with what was posted, else with the stored one."""
    field = EmailField(
        _l("メールアドレス"),
        [Cleaned(text.clean_email, required=True, longest=None)],
        render_kw={"autocomplete": "email", "inputmode": "email"},
    )
    members: dict[str, Any] = {"name": name, name: field}
    data = posted if posted is not None and name in posted else MultiDict({name: stored})
    form: AddressForm = type("AddressForm", (AddressForm,), members)(formdata=data)
    return form
