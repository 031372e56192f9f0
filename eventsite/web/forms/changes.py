"""The forms behind the personal link: details as they stand, somebody else on a seat, optional consents.

Each is filled with what is stored unless something was posted. Attendees are numbered as in the registration form:
their branch less one. Not for whether a change is allowed (registration/changing.py).
"""

import re
from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Form, FormField

from eventsite import localgov
from eventsite.mail.recipients import Recipient
from eventsite.models import Attendee, Category, Event, Question
from eventsite.registration import Changes, ConsentBox, Person, changing, fields, questions
from eventsite.registration.fields import OFF
from eventsite.web.forms.attendee import OTHER_BODY, attendee_class, fill_picker, person
from eventsite.web.forms.attendee_list import COPIED
from eventsite.web.forms.building import answers_so_far
from eventsite.web.forms.cleaning import Ticked, all_errors
from eventsite.web.forms.consents import field_name, optional_boxes, optional_fields
from eventsite.web.forms.contact import contact_name_field, phone_field, viewers_field
from eventsite.web.forms.question import question_field

Posted = MultiDict[str, str]
NEW_PERSON = "attendees-0"


class PersonalForm(FlaskForm):
    """Base: the link is the authority, so there is no token. `people` are those whom the page shows."""

    class Meta:
        csrf = False

    event: Event
    people: list[Attendee]

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault, in the order of the page."""
        self.validate()
        return all_errors(self)

    def block(self, attendee: Attendee) -> Form:
        """Return the fields of one attendee."""
        return self[_prefix(attendee)].form


class DetailsForm(PersonalForm):
    """Everything that people may change by themselves; of an attendee's own link only what is theirs."""

    asked: list[Question]
    deciding: list[str]

    def changes(self) -> Changes:
        """Return what shall stand from now on. Call it after `faults()` has found nothing."""
        contact: dict[str, str] = {}
        if "contact_name" in self:
            contact["contact_name"] = self["contact_name"].cleaned
        if "contact_phone" in self:
            phone = self["contact_phone"].cleaned
            contact["contact_phone"] = phone.shown if phone else ""
            contact["phone_extension"] = phone.extension if phone else ""
        attendees = {one.branch: self._values(one) for one in self.people}
        return Changes(contact, self._answers(), attendees)

    def _values(self, attendee: Attendee) -> dict[str, Any]:
        block = self.block(attendee)
        typed = person(block, viewers=(block["viewers"].cleaned or 1) if "viewers" in block else 1)
        names = [name for name in changing.ATTENDEE_DETAILS if name in block]
        values = {name: getattr(typed, name) for name in names}
        if "municipality_code" in values:
            values["organisation"] = _organisation(attendee, typed)
        return values

    def _answers(self) -> dict[str, Any]:
        """What is no longer asked of them, because another answer changed, is taken back; retired questions stay."""
        if not self.asked_at_all:
            return {}
        registration = self.people[0].registration
        stored = {one.question.key for one in registration.answers}
        given = {one.key: self[f"q-{one.key}"].cleaned for one in self.asked}
        given |= {one.key: None for one in self._conditional() if one.key not in given}
        return {key: value for key, value in given.items() if value not in (None, False) or key in stored}

    def _conditional(self) -> list[Question]:
        return [one for one in questions.live(self.event) if one.shown_if]

    @property
    def asked_at_all(self) -> bool:
        """True on the contact's own page, where the questions stand."""
        return "contact_name" in self


class ReplacementForm(PersonalForm):
    """Who comes instead of somebody, and what the new person agrees to."""

    def person(self) -> Person:
        """Return the new person. Call it after `faults()` has found nothing."""
        return person(self[NEW_PERSON].form)

    def consents(self) -> list[ConsentBox]:
        group = self["consent_group"]
        return [ConsentBox("group", True, str(group.label.text)), *optional_boxes(self, self.event)]


class ConsentsForm(PersonalForm):
    """The optional boxes of each attendee."""

    def boxes(self, attendee: Attendee) -> list[ConsentBox]:
        return optional_boxes(self.block(attendee), self.event)


def details_form(recipient: Recipient, posted: Posted | None) -> DetailsForm:
    """Return the form of the details of all whom the link shows and who still take part."""
    registration, event = recipient.registration, recipient.registration.event
    category = registration.category
    data = _stored(recipient) if posted is None else posted.copy()
    members: dict[str, Any] = {}
    for one in recipient.active:
        members[_prefix(one)] = FormField(_details_class(one.category, event))
        data[f"{_prefix(one)}-family_name"] = (
            one.family_name
        )  # names decide about the kana; they are not changed here
        data[f"{_prefix(one)}-given_name"] = one.given_name
        data[f"{_prefix(one)}-email"] = ""
    asked: list[Question] = []
    if recipient.attendee is None:
        modes = fields.modes(category.code, category.fields, online=event.has_online)
        if modes["phone"] != OFF:
            members["contact_phone"] = phone_field(modes["phone"])
        members["contact_name"] = contact_name_field()
        asked = questions.asked(event, category.code, answers_so_far(event, data))
        full = questions.full(event)
        for question in asked:
            members[f"q-{question.key}"] = question_field(question, full.get(question.key, ()))
    form = _made(DetailsForm, members, data, event, recipient.active)
    form.asked = asked
    form.deciding = [f"q-{one.key}" for one in asked if one.key in questions.causes(event)]
    for one in form.people:
        fill_picker(form.block(one))
    return form


def replacement_form(attendee: Attendee, posted: Posted | None) -> ReplacementForm:
    """Return the form of somebody new, at first from the same office as the one who leaves."""
    event = attendee.registration.event
    data = posted.copy() if posted is not None else MultiDict()
    if posted is None:
        stored = _as_typed(attendee)
        data |= {f"{NEW_PERSON}-{name}": stored[name] for name in COPIED}
    modes = fields.modes(attendee.category.code, attendee.category.fields, online=event.has_online)
    members: dict[str, Any] = {NEW_PERSON: FormField(attendee_class(tuple(sorted(modes.items())), False))}
    members["consent_group"] = BooleanField(
        _l("新しい参加者の了承を得ています"),
        [Ticked(_l("新しい参加者の了承を得たうえで、チェックを入れてください。"))],
    )
    members |= optional_fields(event)
    form = _made(ReplacementForm, members, data, event, [attendee])
    fill_picker(form[NEW_PERSON].form)
    return form


def consents_form(recipient: Recipient, posted: Posted | None) -> ConsentsForm:
    """Return the form of the optional consents of all whom the link shows."""
    event = recipient.registration.event
    data = posted.copy() if posted is not None else MultiDict()
    if posted is None:
        for (who, kind, code), said in changing.last_said(recipient.attendees).items():
            if said.value:
                whose = next(one for one in recipient.attendees if one.id == who)
                data[f"{_prefix(whose)}-{field_name(kind, code)}"] = "y"
    members = {_prefix(one): FormField(_consents_class(event)) for one in recipient.attendees}
    return _made(ConsentsForm, members, data, event, recipient.attendees)


def shown(people: list[Attendee]) -> str:
    """Return what the hidden field `shown` says: whom a page is about, by branch and link version."""
    return " ".join(f"{one.branch}:{one.link_version}" for one in people)


def read_shown(posted: Posted, people: Sequence[Attendee] = ()) -> dict[int, int]:
    """Return link versions by branch from the hidden field; those of now for people whom it does not name."""
    pairs = re.findall(r"\b([0-9]{1,4}):([0-9]{1,9})\b", posted.get("shown", ""))
    now = {one.branch: one.link_version for one in people}
    return now | {int(branch): int(version) for branch, version in pairs}


def _made(
    base: type[Any], members: dict[str, Any], data: Posted, event: Event, people: list[Attendee]
) -> Any:
    form = type(base.__name__, (base,), members)(formdata=data)
    form.event, form.people = event, list(people)
    return form


def _prefix(attendee: Attendee) -> str:
    return f"attendees-{attendee.branch - 1}"


def _details_class(category: Category, event: Event) -> type[Form]:
    modes = fields.modes(category.code, category.fields, online=event.has_online)
    block = attendee_class(tuple(sorted(modes.items())), False)
    own = {} if modes["viewers"] == OFF else {"viewers": viewers_field(modes["viewers"])}
    return type("DetailsBlock", (block,), own)


def _consents_class(event: Event) -> type[Form]:
    return type("ConsentsBlock", (Form,), optional_fields(event))


def _organisation(attendee: Attendee, typed: Person) -> str:
    """The name of the body that was left does not stay behind as the organisation."""
    before, after = localgov.find(attendee.municipality_code), localgov.find(typed.municipality_code)
    if before and after and before.code != after.code and typed.organisation == before.name:
        return after.name
    return typed.organisation


def _stored(recipient: Recipient) -> Posted:
    """Return what is stored as a browser would send it."""
    registration = recipient.registration
    data: Posted = MultiDict()
    for one in recipient.active:
        data |= {f"{_prefix(one)}-{name}": value for name, value in _as_typed(one).items()}
    extension = f" 内線{registration.phone_extension}" if registration.phone_extension else ""
    data["contact_phone"] = registration.contact_phone + extension
    data["contact_name"] = registration.contact_name
    for answer in registration.answers:
        data.setlist(f"q-{answer.question.key}", _as_sent(answer.value))
    return data


def _as_typed(attendee: Attendee) -> dict[str, str]:
    """An office that is on no list has its prefecture, and "other" as its code."""
    values = {name: str(getattr(attendee, name)) for name in changing.ATTENDEE_DETAILS}
    if not attendee.municipality_code and attendee.prefecture:
        values["municipality_code"] = OTHER_BODY
    return values


def _as_sent(value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["y"] if value else []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
