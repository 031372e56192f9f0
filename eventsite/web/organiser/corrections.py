"""Details and people changed by the office on behalf of attendees, after their own deadlines too (D8, D29).

The forms are those behind the personal link. Not for another category (attendees.py), nor for the rules
(registration/changing.py).
"""

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import registration
from eventsite.mail.recipients import Recipient
from eventsite.models import Attendee, Event
from eventsite.web import guards, privacy
from eventsite.web.forms import attendee_list, changes
from eventsite.web.forms.building import new_questions
from eventsite.web.organiser.attendees import address, find
from eventsite.web.organiser.desk import bp, form_answer, me


@bp.route("/events/<slug>/attendees/<number>/details", methods=["GET", "POST"])
@guards.for_event("manage_attendees")
def attendee_details(event: Event, number: str) -> ResponseReturnValue:
    """The details of everybody in the registration, to be changed."""
    about = find(event, number)
    recipient = Recipient(about.registration)
    if not recipient.active:
        return _over(about)
    form = changes.details_form(recipient, request.form if request.method == "POST" else None)
    shown = {"event": event, "attendee": about, "shown": changes.shown(form.people)}
    template = "organiser/attendee_details.html"
    if "action" in request.form:
        return render_template(template, form=form, faults=[], focus=_focus(), **shown)
    if request.method == "POST" and not form.faults() and new_questions(form, request.form):
        flash(_("お答えの内容に応じて、質問が増えました。ご確認ください。"), "info")
        return render_template(template, form=form, faults=[], **shown)

    def save() -> ResponseReturnValue:
        changed = registration.change_details(
            about.registration, form.changes(), by=me(), shown=changes.read_shown(request.form)
        )
        return _done(about, bool(changed), _("内容を変更しました。"))

    return form_answer(form, save, template, **shown)


@bp.route("/events/<slug>/attendees/<number>/replacement", methods=["GET", "POST"])
@guards.for_event("manage_attendees")
def replace_attendee(event: Event, number: str) -> ResponseReturnValue:
    """Who leaves, and a form for who comes instead."""
    leaving = find(event, number)
    if not leaving.is_active:
        return _over(leaving)
    form = changes.replacement_form(leaving, request.form if request.method == "POST" else None)
    shown = {
        "event": event,
        "attendee": leaving,
        "shown": changes.shown([leaving]),
        "notice_of_privacy": privacy.notice(event),
    }
    template = "organiser/attendee_replacement.html"
    if "action" in request.form:
        return render_template(template, form=form, faults=[], focus=_focus(), **shown)

    def save() -> ResponseReturnValue:
        seen = changes.read_shown(request.form)
        done = registration.replace(leaving, form.person(), form.consents(), by=me(), shown=seen)
        return _done(leaving, done, _("参加者を差し替えました。"))

    return form_answer(form, save, template, **shown)


def _focus() -> str:
    return attendee_list.act(request.form, request.form["action"], 0)[1]


def _done(about: Attendee, changed: bool, words: str) -> ResponseReturnValue:
    if changed:
        flash(words, "success")
    else:
        flash(_("変わったところはありませんでした。"), "info")
    return redirect(address(about), 303)


def _over(about: Attendee) -> ResponseReturnValue:
    flash(_("お申し込みはすでに有効ではないため、変更できません。"), "info")
    return redirect(address(about), 303)
