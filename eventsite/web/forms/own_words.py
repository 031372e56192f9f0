"""The organiser's form of a letter's own words. The checks are those of `mail/word_checks.py`."""

from collections.abc import Callable, Sequence

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, SelectField, StringField, TextAreaField

from eventsite.errors import Refusal
from eventsite.mail.wording.compose import Own
from eventsite.mail.wording.word_checks import check_addition, check_body, check_subject
from eventsite.models import Attendee, OwnWords
from eventsite.web.forms.cleaning import all_errors, options

_CHECKS: dict[str, Callable[[str, str, str], str]] = {
    "subject": check_subject,
    "addition": check_addition,
    "body": check_body,
}


class WordsForm(FlaskForm):
    """Subject, addition and body of one letter in one language; for whom it is previewed.

    Somebody whom the letter no longer fits is as good as nobody: it is then previewed for the sample.
    """

    subject = StringField(_l("件名"), render_kw={"autocomplete": "off"})
    addition = TextAreaField(_l("追記"), render_kw={"rows": 5})
    body = TextAreaField(_l("本文"), render_kw={"rows": 16})
    attendee = SelectField(_l("だれに届くものとして見るか"), validate_choice=False)

    def __init__(self, letter: str, locale: str, stored: OwnWords | None, people: Sequence[Attendee]) -> None:
        super().__init__(obj=stored)
        self.letter, self.locale = letter, locale
        self.attendee.choices = options(
            ("", _l("見本の参加者")), *((one.number, f"{one.number}　{one.name}") for one in people)
        )

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault."""
        self.validate()
        for name, check in _CHECKS.items():
            self._check(self[name], check)
        return all_errors(self)

    def own(self) -> Own:
        """Return the words as they would be stored. Call it after `faults()` has found nothing."""
        return Own(**{name: self[name].cleaned for name in _CHECKS})

    def _check(self, field: Field, check: Callable[[str, str, str], str]) -> None:
        try:
            field.cleaned = check(self.letter, self.locale, field.data or "")
        except Refusal as refusal:
            field.errors = [str(refusal.words)]
