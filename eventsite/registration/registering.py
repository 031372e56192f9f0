"""Register: lock → ask `seats` → write → audit → letter, in one transaction.

Arguments come in, rows go out; who acts is an argument (`by`, None = the public). The rule itself is not here.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from eventsite import audit, clock, text, tokens
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters
from eventsite.models import (
    ACTIVE,
    Account,
    Answer,
    Attendee,
    Category,
    Consent,
    Event,
    Registration,
    Status,
)
from eventsite.registration import codes, eligibility, ledger, members, questions, seats
from eventsite.registration.application import Application, ConsentBox, Person
from eventsite.registration.moves import record_change
from eventsite.registration.seeds import seed_for


@dataclass(frozen=True)
class Outcome:
    """What the rule says to an application: the status of each attendee, and who looks like a repeat (D6).

    `reasons` says why somebody has to wait, empty for everybody else.
    """

    statuses: tuple[Status, ...]
    duplicates: tuple[bool, ...]
    findings: tuple[eligibility.Finding, ...]
    over_limit: tuple[bool, ...] = ()
    reasons: tuple[str, ...] = ()
    invite_code_id: int | None = None


class OutcomeChanged(Exception):
    """The seats have become fewer than the confirm screen had shown; nothing was recorded (D17)."""


def foresee(event: Event, application: Application, *, over_limit: bool = False) -> Outcome:
    """Return what `register` would decide now; raises Refusal as it would. Reads only."""
    return _decide(event, application, clock.now(), over_limit=over_limit)


def register(
    event: Event,
    application: Application,
    *,
    by: Account | None = None,
    source: str = "web",
    shown: Sequence[Status] | None = None,
    over_limit: bool = False,
) -> Registration:
    """Record an application, its letters included, and return the registration.

    The same `form_key` again returns the registration of the first time (D36). `shown` is the outcome that the person
    has seen: a worse one raises OutcomeChanged and records nothing (D17). `over_limit` is the office's choice to pass
    deadlines and caps (D11). Raises Refusal if the rule says no.
    """
    with transaction():
        lock(event)
        earlier = find_by_form_key(application.form_key)
        if earlier is not None:
            return earlier
        now = clock.now()
        outcome = _decide(event, application, now, over_limit=over_limit)
        if shown is not None and seats.worse(outcome.statuses, shown):
            raise OutcomeChanged
        registration = _write(event, application, outcome, now, by, source)
        audit.record(
            "registration.created",
            event,
            by,
            reference=registration.reference,
            attendees=len(outcome.statuses),
            statuses=[status.value for status in outcome.statuses],
            source=source,
            over_limit=any(outcome.over_limit),
        )
        waits = Status.WAITLISTED in outcome.statuses
        letters.registered(registration, now, ledger.positions(event) if waits else {})
    return registration


def findings(
    category: Category,
    people: Sequence[Person],
    contact_email: str,
    *,
    invited: bool = False,
    besides: Collection[int] = (),
) -> tuple[eligibility.Finding, ...]:
    """Return what access and approval say to people of a category, in their order (D24–D28). Reads only.

    `invited` says that a right invite code has let their registration in; `besides` are ids of attendees whose places
    they take, so that these do not count towards the limit of a member number.
    """
    access = eligibility.Access(
        approval=category.approval,
        verification=category.verification,
        domain_classes=category.domain_classes,
        domains=tuple(category.domains),
    )
    listed = members.standing(category, [one.member_number for one in people], besides=besides)
    return tuple(
        eligibility.check(access, one.email or contact_email, member=member, invited=invited)
        for one, member in zip(people, listed, strict=True)
    )


def find_by_form_key(form_key: str | None) -> Registration | None:
    """Return the registration that a form's single-use key has already led to."""
    if form_key is None:
        return None
    return db.session.scalar(select(Registration).where(Registration.form_key == _digest(form_key)))


def check_organisations(
    event: Event, category: Category, people: Sequence[Person], besides: Collection[int] = ()
) -> None:
    """Refuse more active attendees of one organisation than the category allows over the event (D30).

    `besides` are ids of attendees who do not count, as they are among the people already.
    """
    limit = category.per_organization_limit
    if limit is None:
        return
    for code, key in {_organisation(one) for one in people}:
        same = Attendee.municipality_code == code if code else Attendee.organisation_key == key
        active = db.session.scalar(
            select(func.count()).where(
                Attendee.event_id == event.id,
                Attendee.status.in_(ACTIVE),
                Attendee.id.not_in(besides),
                same,
            )
        )
        if (active or 0) + sum(_organisation(one) == (code, key) for one in people) > limit:
            words = _l(
                "同じ団体からのお申し込みは%(count)s名までです。追加をご希望の場合は、事務局へお問い合わせください。",
                count=limit,
            )
            raise Refusal("too-many-attendees", words)


def is_duplicate(event: Event, person: Person, contact_email: str, besides: Collection[int] = ()) -> bool:
    """Same event, person key and address among those who have not cancelled (D6); `besides` do not count."""
    address = (person.email or contact_email).casefold()
    rows = db.session.execute(
        select(Attendee.email, Registration.contact_email)
        .join(Attendee.registration)
        .where(
            Attendee.event_id == event.id,
            Attendee.status != Status.CANCELLED,
            Attendee.id.not_in(besides),
            Attendee.person_key == text.person_key(person.family_name, person.given_name),
        )
    )
    return any((own or contact).casefold() == address for own, contact in rows)


def record_consent(
    attendee: Attendee, box: ConsentBox, value: bool, now: datetime, by: Account | None, source: str
) -> None:
    """Add what was said to one box, with the words that were shown (D80)."""
    db.session.add(
        Consent(
            attendee_id=attendee.id,
            kind=box.kind,
            recipient=box.recipient,
            value=value,
            text=box.text,
            text_version=_digest(box.text)[:12],
            source=source,
            at=now,
            account_id=by.id if by else None,
        )
    )


def _decide(event: Event, application: Application, now: datetime, *, over_limit: bool) -> Outcome:
    category = event.category(application.category)
    if category is None or not event.is_public(now):
        raise Refusal("not-eligible", _l("参加区分を選び直してください。"), field="category")
    rule = ledger.category_rule(category)
    book = ledger.read(event)
    if over_limit:
        seats.check_takes_place(book.event, now)
    else:
        seats.check_open(book.event, rule, now)
    questions.check_current(event, application.answers)
    code_id = _check_code(category, application.code, now)
    found = findings(category, application.people, application.contact_email, invited=code_id is not None)
    kinds = ledger.waiting_kinds([event])
    applicants = [
        seats.Applicant(
            mode=person.participation,
            needs_approval=finding.needs_approval,
            behind_others=(event.id, category.id, person.participation) in kinds,
        )
        for person, finding in zip(application.people, found, strict=True)
    ]
    duplicates = tuple(is_duplicate(event, one, application.contact_email) for one in application.people)
    if over_limit:
        given = seats.give(applicants, rule, book)
        return Outcome(given.statuses, duplicates, found, given.over_limit, invite_code_id=code_id)
    check_organisations(event, category, application.people)
    questions.check_places(event, application.answers, len(application.people))
    reasons = seats.why_waiting(applicants, rule, book.copy())
    statuses = seats.decide(applicants, rule, book, all_or_nothing=application.all_or_nothing)
    over = (False,) * len(statuses)
    return Outcome(statuses, duplicates, found, over, reasons, invite_code_id=code_id)


def _check_code(category: Category, offered: str, now: datetime) -> int | None:
    """The id of the invite code that lets the registration in; None where none is asked for (D27)."""
    return codes.admit(category, offered, now) if category.verification == "invite_code" else None


def _organisation(person: Person) -> tuple[str, str]:
    if person.municipality_code:
        return person.municipality_code, ""
    return "", text.organisation_key(person.organisation)


def _write(
    event: Event,
    application: Application,
    outcome: Outcome,
    now: datetime,
    by: Account | None,
    source: str,
) -> Registration:
    category = event.category(application.category)
    assert category is not None  # noqa: S101 - _decide has refused the rest
    registration = Registration(
        event=event,
        category=category,
        reference=_new_reference(),
        form_key=_digest(application.form_key) if application.form_key else None,
        locale=application.locale,
        contact_email=application.contact_email,
        contact_name=application.contact_name,
        contact_phone=application.contact_phone,
        phone_extension=application.phone_extension,
        source=source,
        invite_code_id=outcome.invite_code_id,
        created_at=now,
    )
    db.session.add(registration)
    for branch, person in enumerate(application.people, start=1):
        registration.attendees.append(
            _attendee(event, category, person, branch, outcome, application.contact_email, now)
        )
    for question in questions.live(event):
        value = application.answers.get(question.key)
        if value is not None:
            registration.answers.append(Answer(question=question, value=value))
    db.session.flush()
    if category.awaits_draw:
        seed_for(category)
    registration.link_hash = tokens.digest(tokens.derive("registration", registration.id, 1))
    for one in registration.attendees:
        if one.email:
            one.link_hash = tokens.digest(tokens.derive("attendee", one.id, 1))
        waits = one.status == Status.WAITLISTED
        reason = outcome.reasons[one.branch - 1] if waits else "registered"
        record_change(one, None, one.status, reason, now, by)
        _record_consents(one, application, now, by, source)
    return registration


def _attendee(
    event: Event,
    category: Category,
    person: Person,
    branch: int,
    outcome: Outcome,
    contact_email: str,
    now: datetime,
) -> Attendee:
    status = outcome.statuses[branch - 1]
    finding = outcome.findings[branch - 1]
    own_address = "" if person.email.casefold() == contact_email.casefold() else person.email
    return Attendee(
        event_id=event.id,
        category=category,
        branch=branch,
        status=status,
        family_name=person.family_name,
        given_name=person.given_name,
        family_kana=person.family_kana,
        given_kana=person.given_kana,
        organisation=person.organisation,
        department=person.department,
        position=person.position,
        prefecture=person.prefecture,
        municipality_code=person.municipality_code,
        member_number=person.member_number,
        email=own_address,
        participation=person.participation,
        viewers=person.viewers,
        person_key=text.person_key(person.family_name, person.given_name),
        organisation_key=text.organisation_key(person.organisation),
        needs_approval=finding.needs_approval,
        eligibility=finding.badge,
        possible_duplicate=outcome.duplicates[branch - 1],
        over_limit=outcome.over_limit[branch - 1],
        seatless=status == Status.PENDING and category.awaits_draw,
        queued_at=now if status == Status.WAITLISTED else None,
        created_at=now,
    )


def _record_consents(
    attendee: Attendee, application: Application, now: datetime, by: Account | None, source: str
) -> None:
    """The required boxes hold for all, the optional ones for attendee 1; the others start unticked (D77)."""
    for box in application.consents:
        for_all = box.kind in {"privacy", "group"}
        record_consent(attendee, box, box.value and (for_all or attendee.branch == 1), now, by, source)


def _new_reference() -> str:
    while True:
        drawn = "".join(secrets.choice(text.REFERENCE_ALPHABET) for _ in range(6))
        reference = f"GDX-{drawn[:4]}-{drawn[4:]}"
        if not db.session.scalar(select(Registration.id).where(Registration.reference == reference)):
            return reference


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
