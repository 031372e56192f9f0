"""The organiser's form of a message to attendees: to whom, subject, text. Shape only."""

import secrets
from collections.abc import Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectMultipleField, StringField, TextAreaField

from eventsite import text, wording
from eventsite.events.announcing import LONGEST_TEXT
from eventsite.mail.letters.announcements import Announcement, Audience
from eventsite.mail.wording.typeset import SUBJECT_LENGTH
from eventsite.models import ACTIVE, Attendee, Event, Status
from eventsite.web.forms.cleaning import Cleaned, all_errors, options

SHOWN = [one for one in Status if one in ACTIVE]


class MessageForm(FlaskForm):
    """Who gets it, and what it says. To one person there is nothing to choose."""

    statuses = SelectMultipleField(
        _l("送る相手の状態"), default=[Status.CONFIRMED.value], validate_choice=False
    )
    categories = SelectMultipleField(_l("送る相手の参加区分"), validate_choice=False)
    subject = StringField(
        _l("件名"),
        [Cleaned(required=True, longest=SUBJECT_LENGTH)],
        description=_l("40文字以内。このまま件名になります。例：当日の資料について"),
    )
    text = TextAreaField(
        _l("本文"),
        [Cleaned(text.clean_text, required=True, longest=LONGEST_TEXT)],
        description=_l(
            "2,000文字以内。宛名、セミナーの概要、確認ページのURL、連絡先は、自動で付きます。差し込み項目は使えません。"
        ),
        render_kw={"rows": 10},
    )
    key = HiddenField(default=lambda: secrets.token_urlsafe(24))

    def __init__(self, event: Event, person: Attendee | None, counts: Mapping[str, int]) -> None:
        super().__init__()
        self.event, self.person = event, person
        if person is not None:
            del self.statuses, self.categories
            return
        shown = [one for one in SHOWN if counts.get(one) or one.value in (self.statuses.data or [])]
        self.statuses.choices = options(*((one.value, _counted(one, counts)) for one in shown))
        self.categories.choices = options(*((one.code, one.label) for one in event.categories))
        if not self.is_submitted():
            self.categories.data = [one.code for one in event.categories]

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault."""
        self.validate()
        for name in ("statuses", "categories"):
            self._check_choice(name)
        return all_errors(self)

    def announcement(self) -> Announcement:
        """Return what a form without faults asks for."""
        return Announcement(self.subject.cleaned, self.text.cleaned, self._audience())

    def _check_choice(self, name: str) -> None:
        if name in self:
            known = {one.value for one in self[name].choices}
            if not self[name].data or not known.issuperset(self[name].data):
                self[name].errors = [_("%(item)sを選んでください。", item=self[name].label.text)]

    def _audience(self) -> Audience:
        if self.person is not None:
            return Audience(attendee=self.person.id)
        chosen = set(self.categories.data)
        return Audience(
            tuple(one for one in SHOWN if one.value in self.statuses.data),
            tuple(one.id for one in self.event.categories if one.code in chosen),
        )


def _counted(status: Status, counts: Mapping[str, int]) -> str:
    return _("%(status)s（%(count)s名）", status=wording.status(status), count=counts.get(status, 0))
