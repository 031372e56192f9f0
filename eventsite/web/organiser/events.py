"""The organisers' events: the list, a new one, one at a glance, its form, its preview, its publication.

Not for its categories (categories.py) or attendees (roster.py).
"""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_security import current_user
from sqlalchemy import select

from eventsite import access, clock, text
from eventsite.config import settings
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.events import catalogue, operations, telling
from eventsite.models import Event
from eventsite.registration import ledger, roster
from eventsite.web import guards, presenting
from eventsite.web.forms.event import EventForm, event_data
from eventsite.web.organiser import approvals, draws, figures
from eventsite.web.organiser.desk import bp, button_answer, form_answer, me, typed_text
from eventsite.web.organiser.telling import LONGEST_REASON, change_page


@bp.get("/")
@guards.signed_in
def index() -> ResponseReturnValue:
    """The events that the account is something for, those to come first."""
    query = select(Event).order_by(Event.start_at)
    visible = access.visible_event_ids(current_user)
    if visible is not None:
        query = query.where(Event.id.in_(visible))
    now = clock.now()
    events = list(db.session.scalars(query))
    ledgers = ledger.read_many(events)
    rows = [figures.row(one, ledgers[one.id], now) for one in events]
    return render_template(
        "organiser/index.html",
        upcoming=[row for row in rows if not row["over"]],
        past=[row for row in reversed(rows) if row["over"]],
        may_create=access.may_create(current_user),
    )


@bp.route("/events/new", methods=["GET", "POST"])
@guards.creators
def new() -> ResponseReturnValue:
    form = EventForm(data=_usual_contact() if request.method == "GET" else None)

    def save() -> ResponseReturnValue:
        event = operations.create(form.values(), me(), mode_caps=form.mode_caps())
        flash(_("下書きを作りました。次に、参加区分と定員を確かめてください。"), "success")
        return redirect(url_for("organiser.categories", slug=event.slug), 303)

    return form_answer(form, save, "organiser/edit.html", event=None)


@bp.get("/events/<slug>/")
@guards.for_event("see")
def overview(event: Event) -> ResponseReturnValue:
    now = clock.now()
    return render_template(
        "organiser/overview.html",
        event=event,
        listed=catalogue.look(event, now),
        tiles=figures.tiles(event, ledger.read(event), roster_counts=roster.counts(event)),
        pending=len(approvals.waiting(event)),
        undelivered=roster.undeliverable(event),
        lotteries=draws.lotteries(event),
        public_url=f"{settings.public_url}/events/{event.slug}",
        is_public=event.is_public(now),
        over=event.is_over(now),
        may_edit=access.may(current_user, "edit", event),
        still_registered=telling.still_registered(event),
        facts=presenting.facts(event),
    )


@bp.route("/events/<slug>/edit", methods=["GET", "POST"])
@guards.for_event("edit")
def edit(event: Event) -> ResponseReturnValue:
    """The form of an event. A change that people should hear of is asked about before anything is stored."""
    form = EventForm(data=event_data(event) if request.method == "GET" else None)
    form.look_at(event)
    choice = request.form.get("tell", "")
    if choice == "back":
        return render_template("organiser/edit.html", form=form, faults=[], event=event)

    def save() -> ResponseReturnValue:
        values = form.values()
        outlook = telling.foresee(event, values)
        if outlook.letters and choice not in {"yes", "no"}:
            return change_page(event, form, outlook)
        try:
            reason = typed_text("reason", _l("理由"), LONGEST_REASON)
        except Refusal as refusal:
            return change_page(event, form, outlook, str(refusal.words))
        tell = choice == "yes"
        changed = operations.change(event, values, me(), mode_caps=form.mode_caps(), tell=tell, reason=reason)
        _say_what_changed(event, changed, outlook.letters if tell else 0)
        return redirect(_overview(event), 303)

    return form_answer(form, save, "organiser/edit.html", event=event)


@bp.get("/events/<slug>/preview")
@guards.for_event("see")
def preview(event: Event) -> ResponseReturnValue:
    """The event page as attendees will see it, with nothing to press."""
    listed = catalogue.look(event, clock.now())
    return render_template("public/event.html", **presenting.event_page(listed, preview=True))


@bp.post("/events/<slug>/publication")
@guards.for_event("publish")
def publish(event: Event) -> ResponseReturnValue:
    return button_answer(lambda: operations.publish(event, me()), _("公開しました。"), _overview(event))


@bp.post("/events/<slug>/withdrawal")
@guards.for_event("publish")
def withdraw(event: Event) -> ResponseReturnValue:
    words = _("下書きに戻しました。公開ページは見えなくなりました。")
    return button_answer(lambda: operations.withdraw(event, me()), words, _overview(event))


def _overview(event: Event) -> str:
    return url_for("organiser.overview", slug=event.slug)


def _usual_contact() -> dict[str, str]:
    """A new event begins with the association's own contact."""
    return {
        "organizer": settings.association_name,
        "contact_email": settings.association_email,
        "contact_phone": settings.association_phone,
        "contact_hours": settings.association_hours,
    }


def _say_what_changed(event: Event, changed: list[str], letters: int) -> None:
    if not changed:
        flash(_("変わったところはありませんでした。"), "info")
        return
    flash(_("保存しました。"), "success")
    if letters:
        flash(_("%(count)s通のお知らせを送ります。", count=letters), "info")
    if "title" in changed and text.cp932_losses(event.title):
        flash(_("題名に、件名や名簿で正しく表示されない文字があります。"), "warning")
