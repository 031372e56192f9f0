"""Changing a registration by its link: details, somebody else on a seat, consents (domain rules D8, D29, D76).

Like everything behind the link: opening a page changes nothing, and what was typed comes back with whatever is wrong.
The link of the contact reaches everybody, an attendee's own link their own details and consents alone.
"""

from dataclasses import dataclass, field
from typing import Any

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import clock, registration
from eventsite.errors import Refusal
from eventsite.mail.recipients import Recipient
from eventsite.models import Attendee, Registration
from eventsite.registration import changing
from eventsite.web import guards, personal, presenting, privacy
from eventsite.web.forms import attendee_list, changes
from eventsite.web.forms.building import new_questions
from eventsite.web.manage import bp, by_link, chosen


@dataclass
class Notices:
    """What a page says above its form, and the status it is answered with."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refusal: str = ""
    status: int = 200
    focus: str = ""


@bp.get("/details")
@guards.public
@by_link
def details(recipient: Recipient, token: str) -> ResponseReturnValue:
    """The details as they stand, to be changed."""
    if not personal.can_change(recipient):
        return _back(token)
    return _details_page(recipient, token, changes.details_form(recipient, None), Notices())


@bp.post("/details")
@guards.public
@by_link
def change_details(recipient: Recipient, token: str) -> ResponseReturnValue:
    if not recipient.active:
        return _back(token)
    form = changes.details_form(recipient, request.form)
    if "action" in request.form:
        return _details_page(recipient, token, form, Notices(focus=_focus()))
    try:
        changing.check_changeable(recipient.registration, clock.now())
        faults = form.faults()
        if faults:
            return _details_page(recipient, token, form, Notices(faults, refusal="invalid", status=422))
        if new_questions(form, request.form):
            words = _("お答えの内容に応じて、質問が増えました。ご確認ください。")
            return _details_page(recipient, token, form, Notices(warnings=[words]))
        changed = registration.change_details(
            recipient.registration,
            form.changes(),
            attendee=recipient.attendee,
            shown=changes.read_shown(request.form, recipient.attendees),
        )
    except Refusal as refusal:
        return _details_page(recipient, token, form, _refused(form, refusal))
    return _back(token, "changed" if changed else "unchanged")


@bp.get("/attendees/<int:branch>/replacement")
@guards.public
@by_link
def replacement(recipient: Recipient, token: str, branch: int) -> ResponseReturnValue:
    """Who leaves, and a form for who comes instead."""
    attendee = _leaving(recipient, branch)
    if not personal.can_replace(recipient, attendee):
        return _back(token)
    return _replacement_page(attendee, token, changes.replacement_form(attendee, None), Notices())


@bp.post("/attendees/<int:branch>/replacement")
@guards.public
@by_link
def replace(recipient: Recipient, token: str, branch: int) -> ResponseReturnValue:
    attendee = _leaving(recipient, branch)
    form = changes.replacement_form(attendee, request.form)
    if "action" in request.form:
        return _replacement_page(attendee, token, form, Notices(focus=_focus()))
    try:
        changing.check_replaceable(attendee.registration.event, clock.now())
        faults = form.faults()
        if faults:
            return _replacement_page(attendee, token, form, Notices(faults, refusal="invalid", status=422))
        done = registration.replace(
            attendee, form.person(), form.consents(), shown=changes.read_shown(request.form, [attendee])
        )
    except Refusal as refusal:
        return _replacement_page(attendee, token, form, _refused(form, refusal))
    return _back(token, "replaced" if done else "unchanged")


@bp.get("/consents")
@guards.public
@by_link
def consents(recipient: Recipient, token: str) -> ResponseReturnValue:
    """The optional consents as they stand."""
    if not personal.has_consents(recipient.registration.event):
        return _back(token)
    return _consents_page(recipient, token, changes.consents_form(recipient, None), Notices())


@bp.post("/consents")
@guards.public
@by_link
def change_consents(recipient: Recipient, token: str) -> ResponseReturnValue:
    form = changes.consents_form(recipient, request.form)
    shown = changes.read_shown(request.form, recipient.attendees)
    try:
        changed = [
            registration.change_consent(one, box, shown=shown)
            for one in recipient.attendees
            for box in form.boxes(one)
        ]
    except Refusal as refusal:
        return _consents_page(recipient, token, form, _refused(form, refusal))
    return _back(token, "consents" if any(changed) else "unchanged")


def _leaving(recipient: Recipient, branch: int) -> Attendee:
    """Only the contact replaces people: behind an attendee's own link there is no such page."""
    if recipient.attendee is not None:
        abort(404)
    (attendee,) = chosen(recipient, branch)
    return attendee


def _back(token: str, done: str | None = None) -> ResponseReturnValue:
    return redirect(url_for("manage.show", token=token, done=done), 303)


def _focus() -> str:
    return attendee_list.act(request.form, request.form["action"], 0)[1]


def _refused(form: changes.PersonalForm, refusal: Refusal) -> Notices:
    words, target = str(refusal.words), refusal.field if refusal.field in form else ""
    if target:
        form[target].errors = [words]
    return Notices([(target or "", words)], refusal=refusal.code, status=refusal.status)


def _details_page(
    recipient: Recipient, token: str, form: changes.DetailsForm, notices: Notices
) -> ResponseReturnValue:
    replaceable = [one for one in recipient.attendees if personal.can_replace(recipient, one)]
    return _page("manage/details.html", recipient.registration, token, form, notices, replaceable=replaceable)


def _replacement_page(
    attendee: Attendee, token: str, form: changes.ReplacementForm, notices: Notices
) -> ResponseReturnValue:
    found = attendee.registration
    return _page(
        "manage/replacement.html",
        found,
        token,
        form,
        notices,
        attendee=attendee,
        notice_of_privacy=privacy.notice(found.event),
    )


def _consents_page(
    recipient: Recipient, token: str, form: changes.ConsentsForm, notices: Notices
) -> ResponseReturnValue:
    return _page("manage/consents.html", recipient.registration, token, form, notices)


def _page(
    template: str,
    found: Registration,
    token: str,
    form: changes.PersonalForm,
    notices: Notices,
    **more: Any,
) -> ResponseReturnValue:
    page = render_template(
        template,
        registration=found,
        event=found.event,
        token=token,
        form=form,
        notices=notices,
        focus=notices.focus,
        shown=changes.shown(form.people),
        contact=presenting.contact(found.event),
        **more,
    )
    return page, notices.status
