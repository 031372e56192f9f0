"""The registration form: what it holds for every category, its faults in the page's order, the application it makes.

Not for the fields that a category adds (building.py, attendee.py, question.py). Seats are decided elsewhere.
"""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, Form, HiddenField, StringField

from eventsite import i18n, text
from eventsite.models import Category, Event, Question
from eventsite.registration import Application, ConsentBox, Person
from eventsite.web.forms.attendee import person
from eventsite.web.forms.cleaning import Cleaned, Ticked, all_errors
from eventsite.web.forms.consents import optional_boxes
from eventsite.web.forms.contact import contact_name_field

PAGE_ORDER = (
    "participation",
    "code",
    "attendees",
    "all_or_nothing",
    "contact_email",
    "contact_phone",
    "contact_name",
    "viewers",
    "q",
    "consent_privacy",
    "consent_group",
    "consent_share",
    "consent_followup",
)


class RegistrationForm(FlaskForm):
    """Base of the form that is made for each category; the token stands for CSRF protection.

    `asked` are the questions that follow from the answers so far, `deciding` the fields on which others depend.
    """

    class Meta:
        csrf = False

    event: Event
    category: Category
    modes: dict[str, str]
    asked: list[Question]
    deciding: Sequence[str] = ()

    form_token = HiddenField()
    website = StringField(_l("この欄には何も入力しないでください"))
    contact_email = EmailField(
        _l("メールアドレス"),
        [Cleaned(text.clean_email, required=True, longest=None)],
        description=_l("確認メールをお送りします。部署で共有しているアドレスでもかまいません。"),
        render_kw={"autocomplete": "email", "inputmode": "email"},
    )
    contact_name = contact_name_field()
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

    def _person(self, block: Form, index: int) -> Person:
        viewers = (self._cleaned("viewers") or 1) if index == 0 else 1
        return person(block, participation=self._cleaned("participation") or None, viewers=viewers)

    def _consents(self) -> list[ConsentBox]:
        boxes = [ConsentBox("privacy", True, str(self.consent_privacy.label.text))]
        if len(self.attendees) > 1:
            boxes.append(ConsentBox("group", True, str(self.consent_group.label.text)))
        return boxes + optional_boxes(self, self.event)
