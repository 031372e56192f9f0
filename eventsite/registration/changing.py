"""Changing what was sent in: details, who comes, a consent (domain rules D8, D29, D30, D76, D77, D80).

Lock → decide → write → audit → letter, in one transaction. None of it touches a seat: status, number and place on the
waitlist stay. Not for the contact's address (readdressing.py), nor for another category (office.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from eventsite import audit, clock, i18n, text, tokens
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters
from eventsite.models import Account, Answer, Attendee, Consent, Event, EventStatus, Registration, Status
from eventsite.registration import ledger, questions, revisions
from eventsite.registration.application import ConsentBox, Person
from eventsite.registration.leaving import check_in_time, check_shown
from eventsite.registration.registering import check_organisations, is_duplicate, record_consent

CONTACT_DETAILS = ("contact_name", "contact_phone", "phone_extension")
OFFICE = ("prefecture", "municipality_code", "organisation", "department", "position")
KANA = ("family_kana", "given_kana")
ATTENDEE_DETAILS = (*OFFICE, *KANA, "viewers")
PERSON = ("family_name", "given_name", *KANA, *OFFICE, "email")
OPTIONAL_CONSENTS = ("share", "followup")

Values = Mapping[str, Any]
Shown = Mapping[int, int]


@dataclass(frozen=True)
class Changes:
    """What shall stand from now on; whatever is not named stays as it is.

    `contact` is by column, `answers` by question key (None takes one back), `attendees` by branch and column.
    """

    contact: Values = field(default_factory=dict)
    answers: Values = field(default_factory=dict)
    attendees: Mapping[int, Values] = field(default_factory=dict)


def change_details(
    registration: Registration,
    changes: Changes,
    *,
    by: Account | None = None,
    attendee: Attendee | None = None,
    shown: Shown | None = None,
) -> list[str]:
    """Change what differs, and tell of it; return the names of what differs, answers as `q-<key>`.

    `attendee` says by whose own link it comes; ValueError if it reaches further than that, or to a column that is no
    detail. `shown` is as for `leaving.check_shown`. Raises Refusal `closed` for the public out of time (D29), and where
    somebody no longer takes part; `too-many-attendees` (D30); `invalid` at a question.
    """
    _check_reach(changes, attendee)
    event = registration.event
    with transaction():
        lock(event)
        now = clock.now()
        if by is None:
            check_changeable(registration, now)
        contact = _differing(registration, changes.contact)
        answers = _differing_answers(registration, changes.answers)
        people = {
            one: new
            for one in registration.attendees
            if (new := _differing(one, changes.attendees.get(one.branch, {})))
        }
        check_shown(registration.attendees, shown)
        _check_taking_part(people)
        _check_offices(event, people)
        _check_answers(registration, answers)
        common = _change_registration(registration, contact, answers, now, by)
        own = {one: _change_attendee(one, new, now, by) for one, new in people.items()}
        if common or own:
            letters.changed(registration, common, now, about=own)
    return sorted(
        {*contact, *(f"q-{key}" for key in answers), *(name for new in people.values() for name in new)}
    )


def replace(
    attendee: Attendee,
    person: Person,
    consents: Sequence[ConsentBox],
    *,
    by: Account | None = None,
    shown: Shown | None = None,
) -> bool:
    """Let somebody else come on an attendee's seat or place in line (D8); False if it is the same person unchanged.

    The link of the former person dies. `consents` are the boxes as the new person's were shown; an optional one that
    is not among them counts as not ticked. Raises Refusal `closed` for the public after the deadline (D29), and for
    somebody who no longer takes part or has been replaced since the page was shown; `too-many-attendees` (D30).
    """
    event = attendee.registration.event
    with transaction():
        lock(event)
        now = clock.now()
        if by is None:
            check_replaceable(event, now)
        check_shown([attendee], shown)
        _check_taking_part([attendee])
        new = _differing_person(attendee, person)
        if not new:
            return False
        check_organisations(event, attendee.category, [person], besides=[attendee.id])
        former, name = letters.former(attendee), attendee.name
        _take_over(attendee, new, now, by)
        _ask_again(attendee, consents, now, by)
        audit.record("attendee.replaced", event, by, numbers=[attendee.number])
        with i18n.speaking(attendee.registration.locale):
            line = revisions.replacement_line(attendee.branch, name, attendee.name)
        waits = attendee.status == Status.WAITLISTED
        letters.replaced(attendee, former, [line], now, ledger.positions(event) if waits else {})
    return True


def change_consent(
    attendee: Attendee, box: ConsentBox, *, by: Account | None = None, shown: Shown | None = None
) -> bool:
    """Add what an attendee now says to an optional consent (D76, D77); False if that is what was said last.

    Consent can be given to what the event asks for, and be withdrawn at any time. Raises Refusal `invalid` for the
    rest, `closed` as for `leaving.check_shown`.
    """
    event = attendee.registration.event
    with transaction():
        lock(event)
        check_shown([attendee], shown)
        said = last_said([attendee]).get((attendee.id, box.kind, box.recipient))
        if box.value == (said is not None and said.value):
            return False
        if box.kind not in OPTIONAL_CONSENTS or (box.value and not _asks(event, box)):
            raise Refusal("invalid", _l("この同意は変更できません。事務局へご連絡ください。"))
        record_consent(attendee, box, box.value, clock.now(), by, _source(by))
        audit.record("consent.changed", event, by, numbers=[attendee.number], kind=box.kind)
    return True


def check_changeable(registration: Registration, now: datetime) -> None:
    """Raise Refusal `cancelled` or `closed` if people cannot change their details by themselves now (D29)."""
    event = registration.event
    _check_takes_place(event)
    if not event.changes_allowed:
        raise Refusal(
            "closed", _l("お申し込みの内容は、このページからは変更できません。事務局へご連絡ください。")
        )
    ends = registration.category.changing_ends
    if now >= ends:
        until = i18n.lazy_deadline(ends, event.timezone)
        raise Refusal(
            "closed",
            _l("内容を変更できる期限（%(until)sまで）を過ぎています。事務局へご連絡ください。", until=until),
        )


def check_replaceable(event: Event, now: datetime) -> None:
    """Raise Refusal `cancelled` or `closed` if people cannot replace anybody by themselves now (D29)."""
    _check_takes_place(event)
    check_in_time(event, now)


def last_said(attendees: Sequence[Attendee]) -> dict[tuple[int, str, str], Consent]:
    """Return the last consent row of each attendee, kind and third party."""
    rows = db.session.scalars(
        select(Consent).where(Consent.attendee_id.in_([one.id for one in attendees])).order_by(Consent.id)
    )
    return {(one.attendee_id, one.kind, one.recipient): one for one in rows}


def _check_takes_place(event: Event) -> None:
    if event.status == EventStatus.CANCELLED:
        raise Refusal("cancelled", _l("このセミナーは中止になりました。"))


def _check_reach(changes: Changes, attendee: Attendee | None) -> None:
    columns = {name for values in changes.attendees.values() for name in values}
    if columns - set(ATTENDEE_DETAILS) or set(changes.contact) - set(CONTACT_DETAILS):
        raise ValueError(f"no details: {sorted(columns)} {sorted(changes.contact)}")
    if attendee is not None and (
        changes.contact or changes.answers or set(changes.attendees) - {attendee.branch}
    ):
        raise ValueError(f"more than the details of {attendee.number}")


def _check_taking_part(attendees: Sequence[Attendee] | Mapping[Attendee, Values]) -> None:
    for one in attendees:
        if not one.is_active:
            words = _l(
                "参加者%(number)sのお申し込みは、すでに有効ではないため、変更できません。", number=one.branch
            )
            raise Refusal("closed", words)


def _check_offices(event: Event, people: Mapping[Attendee, Values]) -> None:
    """The limit of an organisation holds for those who come to belong to it (D30)."""
    moving = [one for one, new in people.items() if {"municipality_code", "organisation"} & set(new)]
    ids = [one.id for one in moving]
    for category in {one.category for one in moving}:
        after = [_as_person(one, people[one]) for one in moving if one.category == category]
        check_organisations(event, category, after, besides=ids)


def _as_person(attendee: Attendee, new: Values) -> Person:
    return Person(
        family_name=attendee.family_name,
        organisation=new.get("organisation", attendee.organisation),
        municipality_code=new.get("municipality_code", attendee.municipality_code),
    )


def _check_answers(registration: Registration, new: Values) -> None:
    """Only what is newly chosen needs a place: who keeps a choice keeps the place in it."""
    stored = _answers(registration)
    chosen = {}
    for key, value in new.items():
        before = stored.get(key)
        kept = before if isinstance(before, list) else []
        chosen[key] = [one for one in value if one not in kept] if isinstance(value, list) else value
    questions.check_current(registration.event, new)
    people = sum(one.is_active for one in registration.attendees)
    questions.check_places(registration.event, chosen, people)


def _differing(row: Registration | Attendee, values: Values) -> dict[str, Any]:
    return {name: value for name, value in values.items() if getattr(row, name) != value}


def _differing_answers(registration: Registration, values: Values) -> dict[str, Any]:
    stored = _answers(registration)
    unknown = set(values) - {one.key for one in registration.event.questions}
    if unknown:
        raise ValueError(f"no questions: {sorted(unknown)}")
    return {key: value for key, value in values.items() if stored.get(key) != value}


def _differing_person(attendee: Attendee, person: Person) -> dict[str, Any]:
    contact = attendee.registration.contact_email
    values = {name: getattr(person, name) for name in PERSON}
    if person.email.casefold() == contact.casefold():
        values["email"] = ""
    return _differing(attendee, values)


def _answers(registration: Registration) -> dict[str, Any]:
    return {one.question.key: one.value for one in registration.answers}


def _change_registration(
    registration: Registration, contact: Values, answers: Values, now: datetime, by: Account | None
) -> list[str]:
    """Write what stands once per registration; return the lines for its letter."""
    if not contact and not answers:
        return []
    stored = _answers(registration)
    before = {name: getattr(registration, name) for name in contact}
    before |= {f"q-{key}": stored.get(key) for key in answers}
    after = {**contact, **{f"q-{key}": value for key, value in answers.items()}}
    with i18n.speaking(registration.locale):
        lines = revisions.registration_lines(registration, contact, answers)
    for name, value in contact.items():
        setattr(registration, name, value)
    _write_answers(registration, answers)
    revisions.keep(registration, None, "details", before, after, now, by)
    audit.record(
        "registration.changed", registration.event, by, reference=registration.reference, fields=sorted(after)
    )
    return lines


def _write_answers(registration: Registration, answers: Values) -> None:
    kept = {one.question.key: one for one in registration.answers}
    by_key = {one.key: one for one in registration.event.questions}
    for key, value in answers.items():
        if value is None:
            registration.answers.remove(kept[key])
        elif key in kept:
            kept[key].value = value
        else:
            registration.answers.append(Answer(question=by_key[key], value=value))


def _change_attendee(attendee: Attendee, new: Values, now: datetime, by: Account | None) -> list[str]:
    """Write the details of one attendee; return the lines for the letter."""
    registration = attendee.registration
    before = {name: getattr(attendee, name) for name in new}
    with i18n.speaking(registration.locale):
        lines = revisions.attendee_lines(attendee, new)
    for name, value in new.items():
        setattr(attendee, name, value)
    attendee.organisation_key = text.organisation_key(attendee.organisation)
    revisions.keep(registration, attendee, "details", before, new, now, by)
    audit.record("attendee.changed", registration.event, by, numbers=[attendee.number], fields=sorted(new))
    return lines


def _take_over(attendee: Attendee, new: dict[str, Any], now: datetime, by: Account | None) -> None:
    """Write the new person into the row; whoever was the contact by taking part stays the contact, by name."""
    registration = attendee.registration
    first = attendee.branch == min(one.branch for one in registration.attendees)
    if first and not registration.contact_name and new.get("email"):
        former = {"contact_name": attendee.name}
        revisions.keep(registration, None, "details", {"contact_name": ""}, former, now, by)
        registration.contact_name = attendee.name
    before = {name: getattr(attendee, name) for name in new}
    for name, value in new.items():
        setattr(attendee, name, value)
    attendee.person_key = text.person_key(attendee.family_name, attendee.given_name)
    attendee.organisation_key = text.organisation_key(attendee.organisation)
    if "email" in new:
        attendee.undeliverable = False
    _renew_link(attendee)
    person = Person(attendee.family_name, attendee.given_name, email=attendee.email)
    event, contact = registration.event, registration.contact_email
    attendee.possible_duplicate = is_duplicate(event, person, contact, besides=[attendee.id])
    revisions.keep(registration, attendee, "replaced", before, new, now, by)


def _renew_link(attendee: Attendee) -> None:
    attendee.link_version += 1
    token = tokens.derive("attendee", attendee.id, attendee.link_version)
    attendee.link_hash = tokens.digest(token) if attendee.email else None


def _ask_again(attendee: Attendee, consents: Sequence[ConsentBox], now: datetime, by: Account | None) -> None:
    """Add what the new person said; what only the former person had said is taken back (D8)."""
    for box in consents:
        record_consent(attendee, box, box.value, now, by, _source(by))
    answered = {(box.kind, box.recipient) for box in consents}
    for (_id, kind, recipient), said in last_said([attendee]).items():
        if kind in OPTIONAL_CONSENTS and said.value and (kind, recipient) not in answered:
            box = ConsentBox(kind, False, said.text, recipient)
            record_consent(attendee, box, False, now, by, _source(by))


def _asks(event: Event, box: ConsentBox) -> bool:
    if box.kind == "share":
        return box.recipient in {one["code"] for one in event.asked_recipients}
    return box.kind in event.consents and not box.recipient


def _source(by: Account | None) -> str:
    return "staff" if by else "manage"
