"""The way of a registration: form and confirm screen, up to the done page. No session, no cookie, no script needed.

The form carries a signed single-use key. Whatever goes wrong, the form comes back with everything that was typed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import clock, i18n, registration
from eventsite.config import settings
from eventsite.errors import Refusal
from eventsite.models import Category, Event, Status
from eventsite.registration import ledger, seats
from eventsite.web import admission, guards, presenting, privacy
from eventsite.web.done import done_url
from eventsite.web.forms import attendee_list, token
from eventsite.web.forms.building import build, new_questions
from eventsite.web.forms.registration import RegistrationForm
from eventsite.web.forms.summary import Line, lines
from eventsite.web.headers import private
from eventsite.web.public import public_event

bp = Blueprint("register", __name__)


@dataclass
class Notices:
    """What a page says above the form: faults with the field they are about, warnings, and a refusal's code."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refusal: str = ""
    status: int = 200


@bp.get("/events/<slug>/register")
@guards.public
def form(slug: str) -> ResponseReturnValue:
    event = public_event(slug)
    category = event.category(request.args.get("category", ""))
    if category is None:
        return redirect(url_for("public.event", slug=slug, _anchor="apply-heading"), 303)
    try:
        _check_open(event, category)
    except Refusal as refusal:
        return _refused_page(event, category, refusal)
    empty = build(event, category, None, request.args.get("code", ""))
    return _form_page(empty, token.issue(event.id), Notices())


@bp.post("/events/<slug>/register")
@guards.public
def submit(slug: str) -> ResponseReturnValue:
    event = public_event(slug)
    category = event.category(request.form.get("category", "") or request.args.get("category", ""))
    if category is None:
        return redirect(url_for("public.event", slug=slug, _anchor="apply-heading"), 303)
    signed = request.form.get("form_token", "")
    opened = token.read(signed, event.id)
    if opened is None:
        return _outdated(build(event, category, request.form))
    earlier = registration.find_by_form_key(opened.key)
    if earlier is not None:
        return redirect(done_url(earlier), 303)
    if "action" in request.form:
        return _changed_form(event, category, request.form["action"], signed)
    filled = build(event, category, request.form)
    faults = filled.faults()
    if faults:
        return _form_page(filled, signed, Notices(faults, status=422, refusal="invalid"))
    if new_questions(filled, request.form):
        words = _("お答えの内容に応じて、質問が増えました。ご確認ください。")
        return _form_page(filled, signed, Notices(warnings=[words]))
    if not opened.came_back and _looks_like_a_program(opened):
        words = _("お手数ですが、内容を確認して、もう一度「申し込む」を押してください。")
        again = token.issue(event.id, key=opened.key, came_back=True)
        return _form_page(filled, again, Notices([("", words)], status=422, refusal="invalid"))
    return _decide(filled, signed, opened.key)


def _decide(filled: RegistrationForm, signed: str, form_key: str) -> ResponseReturnValue:
    """Show the confirm screen, or record the application if the person has seen what it leads to."""
    application = filled.application(form_key)
    try:
        if request.form.get("step") == "confirmed":
            return _register(filled, application, signed)
        outcome = registration.foresee(filled.event, application)
        if filled.event.confirm_screen or _warnings(filled, outcome):
            return _confirm_page(filled, application, outcome, signed)
        return _register(filled, application, signed, shown=outcome.statuses)
    except Refusal as refusal:
        filled = build(filled.event, filled.category, request.form)  # with the questions as they are by now
        target = refusal.field if refusal.field in filled else ""
        notices = Notices([(target or "", str(refusal.words))], refusal=refusal.code, status=refusal.status)
        if target:
            filled[target].errors = [str(refusal.words)]
        return _form_page(filled, signed, notices)


def _register(
    filled: RegistrationForm,
    application: registration.Application,
    signed: str,
    shown: Sequence[Status] | None = None,
) -> ResponseReturnValue:
    if shown is None:
        shown = _shown_before()
    try:
        found = registration.register(filled.event, application, shown=shown)
    except registration.OutcomeChanged:
        outcome = registration.foresee(filled.event, application)
        return _confirm_page(filled, application, outcome, signed, changed=True)
    return redirect(done_url(found), 303)


def _shown_before() -> list[Status]:
    """The outcome on the confirm screen that was answered; what it does not say counts as the best."""
    words = request.form.get("shown", "").split()
    return [Status(one) if one in set(Status) else Status.CONFIRMED for one in words[: attendee_list.MOST]]


def _changed_form(event: Event, category: Category, action: str, signed: str) -> ResponseReturnValue:
    """Answer the buttons that change the form itself: nothing is checked, nothing is lost."""
    posted, focus = attendee_list.act(request.form, action, category.max_attendees)
    return _form_page(build(event, category, posted), signed, Notices(), focus=focus)


def _form_page(
    filled: RegistrationForm, signed: str, notices: Notices, *, focus: str = ""
) -> ResponseReturnValue:
    page = render_template(
        "register/form.html",
        form=filled,
        event=filled.event,
        category=filled.category,
        how=admission.in_words(filled.category),
        form_token=signed,
        notices=notices,
        focus=focus,
        notice_of_privacy=privacy.notice(filled.event),
        contact=presenting.contact(filled.event),
        other_language_url=_in_other_language(filled),
    )
    return private(make_response(page, notices.status))


def _confirm_page(
    filled: RegistrationForm,
    application: registration.Application,
    outcome: registration.Outcome,
    signed: str,
    *,
    changed: bool = False,
) -> ResponseReturnValue:
    hidden = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in {"form_token", "step", "shown", "action", "category"}
    ]
    page = render_template(
        "register/confirm.html",
        form=filled,
        event=filled.event,
        category=filled.category,
        application=application,
        people=_people(filled, application, outcome),
        common=lines(filled, application),
        outcome=outcome,
        warnings=_warnings(filled, outcome),
        changed=changed,
        hidden=hidden,
        shown=" ".join(status.value for status in outcome.statuses),
        form_token=signed,
        contact=presenting.contact(filled.event),
        other_language_url=_in_other_language(filled),
    )
    return private(make_response(page))


def _people(
    filled: RegistrationForm, application: registration.Application, outcome: registration.Outcome
) -> list[tuple[str, list[Line]]]:
    return [
        (status.value, lines(filled, application, person))
        for person, status in zip(application.people, outcome.statuses, strict=True)
    ]


def _warnings(filled: RegistrationForm, outcome: registration.Outcome) -> list[str]:
    """What a person should see before submitting, without being stopped (D6, D17, D39)."""
    warnings = filled.notes()
    waiting = outcome.statuses.count(Status.WAITLISTED)
    if waiting and waiting == len(outcome.statuses):
        warnings.insert(0, _("満席のため、キャンセル待ちとして受け付けます。"))
    elif waiting:
        words = _("お申し込みのうち%(count)s名は、満席のためキャンセル待ちになります。", count=waiting)
        warnings.insert(0, words)
    if any(outcome.duplicates):
        warnings.append(
            _(
                "同じお名前とメールアドレスのお申し込みを、すでに受け付けています。"
                "二重のお申し込みでなければ、このままお進みください。"
            )
        )
    return warnings


def _outdated(filled: RegistrationForm) -> ResponseReturnValue:
    words = _("時間がたったため、もう一度内容をご確認ください。")
    fresh = token.issue(filled.event.id)
    return _form_page(filled, fresh, Notices([("", words)], status=422, refusal="invalid"))


def _refused_page(event: Event, category: Category, refusal: Refusal) -> ResponseReturnValue:
    page = render_template(
        "register/refused.html",
        event=event,
        category=category,
        refusal=refusal,
        contact=presenting.contact(event),
    )
    return make_response(page, refusal.status)


def _check_open(event: Event, category: Category) -> None:
    rule, whole = ledger.category_rule(category), ledger.event_rule(event)
    seats.check_open(whole, rule, clock.now())
    seats.check_accepting(whole, rule)
    if ledger.seat_states([event], clock.now())[event.id, category.id] == "full":
        raise seats.sold_out()


def _looks_like_a_program(opened: token.FormToken) -> bool:
    return bool(request.form.get("website")) or opened.age < settings.form_min_seconds


def _in_other_language(filled: RegistrationForm) -> str:
    language = "en" if i18n.current() == "ja" else "ja"
    return url_for(
        "register.form",
        slug=filled.event.slug,
        category=filled.category.code,
        code=request.args.get("code"),
        lang=language,
    )
