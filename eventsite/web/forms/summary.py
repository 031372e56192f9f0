"""What the confirm screen shows: every value as it will be stored, label by label (D35)."""

from dataclasses import dataclass

from flask_babel import gettext as _

from eventsite import localgov, text, wording
from eventsite.registration import Application, Person, questions
from eventsite.web.forms.registration import RegistrationForm


@dataclass(frozen=True)
class Line:
    """One label with its value; `note` where some forms on paper cannot show a character (D54)."""

    label: str
    value: str
    note: str = ""


def lines(form: RegistrationForm, application: Application, person: Person | None = None) -> list[Line]:
    """Return the lines of one attendee, or those that stand once per registration."""
    pairs = _of_person(form, person) if person else _of_registration(form, application)
    return [Line(str(label), value, _note(value)) for label, value in pairs if value]


def _of_person(form: RegistrationForm, person: Person) -> list[tuple[str, str]]:
    body = localgov.label(person.municipality_code) if person.municipality_code else person.prefecture
    return [
        (_("氏名"), f"{person.family_name} {person.given_name}".strip()),
        (_("フリガナ"), f"{person.family_kana} {person.given_kana}".strip()),
        (_("自治体"), body),
        (_("所属（団体名・会社名）"), person.organisation),
        (_("部署名"), person.department),
        (_("役職"), person.position),
        (_("会員番号"), person.member_number),
        (_("本人のメールアドレス"), person.email),
    ]


def _of_registration(form: RegistrationForm, application: Application) -> list[tuple[str, str]]:
    first = application.people[0]
    extension = (
        _("　内線%(number)s", number=application.phone_extension) if application.phone_extension else ""
    )
    pairs = [
        (_("参加区分"), form.category.label),
        (_("参加方法"), wording.mode(form.event, first.participation)),
        (_("申込担当者"), application.contact_name),
        (_("電話番号"), application.contact_phone + extension),
        (_("招待コード"), application.code),
    ]
    if "viewers" in form:
        pairs.append((_("同じ画面で視聴する人数"), _("%(count)s名", count=first.viewers)))
    for question in form.asked:
        pairs.append((question.label, questions.words(question, application.answers.get(question.key))))
    for box in application.consents:
        pairs.append((box.text, _("同意する") if box.value else _("同意しない")))
    return pairs


def _note(value: str) -> str:
    return _("この文字は一部の帳票で「〓」と表示されることがあります。") if text.cp932_losses(value) else ""
