"""Entries by telephone or on paper: the office fills in the form for somebody (電話申込の代理入力, D11).

The form is that of the public. First the rule is asked as for anybody; only when it says no, or would let somebody
wait, the page offers to pass the limits. Not for the rule (registration/), nor for the form's parts (web/forms/).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from eventsite import clock, i18n, registration, text
from eventsite.errors import Refusal
from eventsite.models import Category, Event, Registration, Status
from eventsite.registration import Application, Outcome, ledger, seats
from eventsite.web import guards, privacy
from eventsite.web.forms import attendee_list, token
from eventsite.web.forms.building import build, new_questions
from eventsite.web.forms.cleaning import Cleaned
from eventsite.web.forms.registration import RegistrationForm
from eventsite.web.forms.summary import lines
from eventsite.web.organiser.attendees import address
from eventsite.web.organiser.desk import bp, me
from eventsite.web.organiser.particulars import SOURCES

WAYS = ("phone", "paper", "staff")
PASSABLE = {"sold-out", "closed", "not-open-yet", "too-many-attendees"}
OWN_FIELDS = {"form_token", "csrf_token", "step", "shown", "action", "over_limit"}


@bp.get("/events/<slug>/attendees/new")
@guards.for_event("manage_attendees")
def new_attendee(event: Event) -> ResponseReturnValue:
    closed = refusal(event)
    if closed is not None:
        flash(str(closed.words), "error")
        return redirect(url_for("organiser.roster", slug=event.slug), 303)
    category = _category(event, request.args.get("category", ""))
    if category is None:
        return render_template("organiser/entry_category.html", event=event)
    return _form_page(_form(event, category, None), token.issue(event.id))


@bp.post("/events/<slug>/attendees/new")
@guards.for_event("manage_attendees")
def enter_attendee(event: Event) -> ResponseReturnValue:
    category = event.category(request.form.get("category", ""))
    if category is None:
        return redirect(url_for("organiser.new_attendee", slug=event.slug), 303)
    signed = request.form.get("form_token", "")
    opened = token.read(signed, event.id)
    if opened is None:
        words = _("時間がたったため、もう一度内容をご確認ください。")
        return _form_page(_form(event, category, request.form), token.issue(event.id), [("", words)], 422)
    earlier = registration.find_by_form_key(opened.key)
    if earlier is not None:
        return _to_attendee(earlier)
    if "action" in request.form:
        posted, focus = attendee_list.act(request.form, request.form["action"], category.max_attendees)
        return _form_page(_form(event, category, posted), signed, focus=focus)
    filled = _form(event, category, request.form)
    faults = filled.faults()
    if faults:
        return _form_page(filled, signed, faults, 422)
    if new_questions(filled, request.form):
        flash(_("お答えの内容に応じて、質問が増えました。ご確認ください。"), "info")
        return _form_page(filled, signed)
    return _decide(filled, signed, _application(filled, opened.key))


def refusal(event: Event) -> Refusal | None:
    """Return why no entry can be made, not even beyond the limits; None if one can."""
    now = clock.now()
    if not event.is_public(now):
        return Refusal("closed", _l("公開していないため、登録できません。"))
    try:
        seats.check_takes_place(ledger.event_rule(event), now)
    except Refusal as no:
        return no
    return None


def _decide(filled: RegistrationForm, signed: str, application: Application) -> ResponseReturnValue:
    """Record the entry; unless everybody is confirmed by it, show first what it leads to."""
    over = bool(request.form.get("over_limit"))
    try:
        if request.form.get("step") == "confirmed":
            shown = _shown_before()
        else:
            outcome = registration.foresee(filled.event, application, over_limit=over)
            if not over and _needs_a_look(outcome):
                return _outcome_page(filled, application, outcome, signed)
            shown = outcome.statuses
        found = registration.register(
            filled.event,
            application,
            by=me(),
            source=_chosen("source", WAYS),
            shown=None if over else shown,
            over_limit=over,
        )
    except registration.OutcomeChanged:
        outcome = registration.foresee(filled.event, application)
        return _outcome_page(filled, application, outcome, signed, changed=True)
    except Refusal as no:
        return _refused(filled, signed, no)
    flash(_("受付番号%(reference)sで登録しました。", reference=found.reference), "success")
    return _to_attendee(found)


def _form(event: Event, category: Category, posted: MultiDict[str, str] | None) -> RegistrationForm:
    """The public's form; only here the address may be blank, and a choice without places may be asked for."""
    form = build(event, category, posted)
    email = form.contact_email
    email.validators = [Cleaned(text.clean_email, longest=None)]
    email.flags.required, email.flags.optional_mark = False, True
    email.description = _l("空欄の場合、通知のメールは送られません。")
    for question in form.asked:
        form[f"q-{question.key}"].flags.full = frozenset()
    return form


def _application(filled: RegistrationForm, form_key: str) -> Application:
    locale = _chosen("locale", tuple(i18n.LANGUAGES))
    return replace(filled.application(form_key), locale=locale, all_or_nothing=False)


def _needs_a_look(outcome: Outcome) -> bool:
    return set(outcome.statuses) != {Status.CONFIRMED} or any(outcome.duplicates)


def _shown_before() -> Sequence[Status]:
    """The outcome that was on the page; what it does not say counts as the best."""
    words = request.form.get("shown", "").split()
    return [Status(one) if one in set(Status) else Status.CONFIRMED for one in words[: attendee_list.MOST]]


def _refused(filled: RegistrationForm, signed: str, no: Refusal) -> ResponseReturnValue:
    target = no.field if no.field in filled else ""
    if target:
        filled[target].errors = [str(no.words)]
    no_places = no.code == "invalid" and (no.field or "").startswith("q-")
    return _form_page(
        filled,
        signed,
        [(target or "", str(no.words))],
        no.status,
        code=no.code,
        passable=no.code in PASSABLE or no_places,
    )


def _form_page(
    filled: RegistrationForm,
    signed: str,
    faults: Sequence[tuple[str, str]] = (),
    status: int = 200,
    **shown: Any,
) -> ResponseReturnValue:
    page = render_template(
        "organiser/entry.html",
        form=filled,
        event=filled.event,
        category=filled.category,
        form_token=signed,
        faults=faults,
        notice_of_privacy=privacy.notice(filled.event),
        ways=[(one, SOURCES[one]) for one in WAYS],
        languages=i18n.LANGUAGES,
        source=_chosen("source", WAYS),
        language=_chosen("locale", tuple(i18n.LANGUAGES)),
        over_limit=bool(request.form.get("over_limit")),
        **shown,
    )
    return page, status


def _outcome_page(
    filled: RegistrationForm,
    application: Application,
    outcome: Outcome,
    signed: str,
    *,
    changed: bool = False,
) -> ResponseReturnValue:
    return render_template(
        "organiser/entry_outcome.html",
        event=filled.event,
        category=filled.category,
        people=[
            (status.value, lines(filled, application, person))
            for person, status in zip(application.people, outcome.statuses, strict=True)
        ],
        duplicates=any(outcome.duplicates),
        waits=Status.WAITLISTED in outcome.statuses,
        changed=changed,
        hidden=[pair for pair in request.form.items(multi=True) if pair[0] not in OWN_FIELDS],
        shown=" ".join(status.value for status in outcome.statuses),
        form_token=signed,
    )


def _category(event: Event, code: str) -> Category | None:
    """The category asked for, or the only one there is."""
    if len(event.categories) == 1:
        return event.categories[0]
    return event.category(code)


def _chosen(field: str, choices: Sequence[str]) -> str:
    """What was chosen among words of the page's own; anything else counts as the first of them."""
    given = request.form.get(field, "")
    return given if given in choices else choices[0]


def _to_attendee(found: Registration) -> ResponseReturnValue:
    return redirect(address(found.attendees[0]), 303)
