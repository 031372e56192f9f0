"""The organisers' side: their events, what is on offer in them, who is coming."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_security import current_user
from sqlalchemy import select

from eventsite import access, clock, text
from eventsite.config import settings
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.events import catalogue, operations
from eventsite.mail import outbox
from eventsite.models import Account, Category, Event, Status
from eventsite.registration import ledger, roster, spreadsheet
from eventsite.web import guards, presenting
from eventsite.web.forms.event import CategoryForm, EventForm, category_data, event_data

bp = Blueprint("organiser", __name__, url_prefix="/organiser")


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
    rows = [presenting.organiser_row(one, ledgers[one.id], now) for one in events]
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
    faults: list[tuple[str, str]] = []
    if request.method == "POST":
        faults = form.faults()
        if not faults:
            try:
                event = operations.create(form.values(), _me(), mode_caps=form.mode_caps())
            except Refusal as refusal:
                faults = _at_field(form, refusal)
            else:
                flash(_("下書きを作りました。次に、参加区分と定員を確かめてください。"), "success")
                return redirect(url_for("organiser.categories", slug=event.slug), 303)
    page = render_template("organiser/edit.html", form=form, faults=faults, event=None)
    return page, 422 if faults else 200


@bp.get("/events/<slug>/")
@guards.for_event("see")
def overview(event: Event) -> ResponseReturnValue:
    now = clock.now()
    waiting, oldest = outbox.queue_length()
    return render_template(
        "organiser/overview.html",
        event=event,
        listed=catalogue.look(event, now),
        tiles=presenting.tiles(event, ledger.read(event), roster_counts=roster.counts(event)),
        public_url=f"{settings.public_url}/events/{event.slug}",
        is_public=event.is_public(now),
        over=event.is_over(now),
        may_edit=access.may(current_user, "edit", event),
        facts=presenting.facts(event),
        letters_waiting=waiting,
        letters_since=oldest,
    )


@bp.route("/events/<slug>/edit", methods=["GET", "POST"])
@guards.for_event("edit")
def edit(event: Event) -> ResponseReturnValue:
    form = EventForm(data=event_data(event) if request.method == "GET" else None)
    faults: list[tuple[str, str]] = []
    if request.method == "POST":
        faults = form.faults()
        if not faults:
            try:
                changed = operations.change(event, form.values(), _me(), mode_caps=form.mode_caps())
            except Refusal as refusal:
                faults = _at_field(form, refusal)
            else:
                _say_what_changed(event, changed)
                return redirect(url_for("organiser.overview", slug=event.slug), 303)
    page = render_template("organiser/edit.html", form=form, faults=faults, event=event)
    return page, 422 if faults else 200


@bp.get("/events/<slug>/preview")
@guards.for_event("see")
def preview(event: Event) -> ResponseReturnValue:
    """The event page as attendees will see it, with nothing to press."""
    listed = catalogue.look(event, clock.now())
    return render_template("public/event.html", **presenting.event_page(listed, preview=True))


@bp.post("/events/<slug>/publication")
@guards.for_event("publish")
def publish(event: Event) -> ResponseReturnValue:
    try:
        operations.publish(event, _me())
    except Refusal as refusal:
        flash(str(refusal.words), "error")
    else:
        flash(_("公開しました。"), "success")
    return redirect(url_for("organiser.overview", slug=event.slug), 303)


@bp.post("/events/<slug>/withdrawal")
@guards.for_event("publish")
def withdraw(event: Event) -> ResponseReturnValue:
    try:
        operations.withdraw(event, _me())
    except Refusal as refusal:
        flash(str(refusal.words), "error")
    else:
        flash(_("下書きに戻しました。公開ページは見えなくなりました。"), "success")
    return redirect(url_for("organiser.overview", slug=event.slug), 303)


@bp.get("/events/<slug>/categories")
@guards.for_event("edit")
def categories(event: Event) -> ResponseReturnValue:
    return render_template(
        "organiser/categories.html",
        event=event,
        tiles=presenting.tiles(event, ledger.read(event), roster_counts={}),
    )


@bp.route("/events/<slug>/categories/new", methods=["GET", "POST"])
@guards.for_event("edit")
def new_category(event: Event) -> ResponseReturnValue:
    return _category_page(event, None)


@bp.route("/events/<slug>/categories/<code>", methods=["GET", "POST"])
@guards.for_event("edit")
def edit_category(event: Event, code: str) -> ResponseReturnValue:
    return _category_page(event, event.category(code) or abort(404))


@bp.post("/events/<slug>/categories/<code>/removal")
@guards.for_event("edit")
def remove_category(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    label = category.label
    try:
        operations.remove_category(category, _me())
    except Refusal as refusal:
        flash(str(refusal.words), "error")
    else:
        flash(_("参加区分「%(label)s」を削除しました。", label=label), "success")
    return redirect(url_for("organiser.categories", slug=event.slug), 303)


@bp.get("/events/<slug>/roster", endpoint="roster")
@guards.for_event("see_roster")
def roster_page(event: Event) -> ResponseReturnValue:
    chosen = _filter()
    number = request.args.get("page", 1, type=int)
    page = roster.find(event, chosen, page=max(1, min(number, 10**6)))
    return render_template(
        "organiser/roster.html",
        event=event,
        page=page,
        filter=chosen,
        statuses=list(Status),
        places=ledger.positions(event),
        tiles=presenting.tiles(event, ledger.read(event), roster_counts=roster.counts(event)),
        may_download=access.may(current_user, "download_roster", event),
        losses=spreadsheet.losses(roster.table(event, "office", chosen))
        if request.args.get("losses")
        else None,
    )


@bp.get("/events/<slug>/roster.<any(csv, xlsx):file_format>")
@guards.for_event("download_roster")
def roster_file(event: Event, file_format: str) -> ResponseReturnValue:
    """The roster as a file; every download is logged (D84)."""
    preset = request.args.get("preset", "office")
    try:
        made = roster.download(
            event,
            preset=preset,
            file_format=file_format,
            encoding=request.args.get("encoding") or None,
            filter=_filter(),
            recipient=request.args.get("recipient") or None,
            by=_me(),
        )
    except roster.PresetNotAllowed:
        abort(403)
    except ValueError:
        abort(400)
    response = Response(made.content, content_type=made.media_type)
    japanese = quote(made.japanese_name, safe="")
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{made.ascii_name}\"; filename*=UTF-8''{japanese}"
    )
    return response


def _category_page(event: Event, category: Category | None) -> ResponseReturnValue:
    form = CategoryForm(data=category_data(category) if category and request.method == "GET" else None)
    faults: list[tuple[str, str]] = []
    if request.method == "POST":
        faults = form.faults()
        if not faults:
            try:
                _save_category(event, category, form.values())
            except Refusal as refusal:
                faults = _at_field(form, refusal)
            else:
                flash(_("参加区分を保存しました。"), "success")
                return redirect(url_for("organiser.categories", slug=event.slug), 303)
    page = render_template(
        "organiser/category.html", form=form, faults=faults, event=event, category=category
    )
    return page, 422 if faults else 200


def _save_category(event: Event, category: Category | None, values: dict[str, Any]) -> None:
    by = _me()
    if category is None:
        operations.add_category(event, values, by)
        return
    del values["code"]
    operations.change_category(category, values, by)


def _say_what_changed(event: Event, changed: list[str]) -> None:
    if not changed:
        flash(_("変わったところはありませんでした。"), "info")
        return
    flash(_("保存しました。"), "success")
    told_of = {"start_at", "end_at", "title", "join_url", "venue_name", "venue_address"}
    if told_of & set(changed) and any(roster.counts(event).values()):
        flash(_("日時や参加方法を変えました。申込済みの方へは、別にお知らせください。"), "warning")
    if "title" in changed and text.cp932_losses(event.title):
        flash(_("題名に、件名や名簿で正しく表示されない文字があります。"), "warning")


def _at_field(form: EventForm | CategoryForm, refusal: Refusal) -> list[tuple[str, str]]:
    name = refusal.field if refusal.field in form else None
    if name:
        form[name].errors = [str(refusal.words)]
    return [(form[name].id if name else "", str(refusal.words))]


def _me() -> Account:
    return current_user._get_current_object()


def _usual_contact() -> dict[str, str]:
    """A new event begins with the association's own contact."""
    return {
        "organizer": settings.association_name,
        "contact_email": settings.association_email,
        "contact_phone": settings.association_phone,
        "contact_hours": settings.association_hours,
    }


def _filter() -> roster.Filter:
    """An unknown category or status finds nobody, rather than everybody."""
    return roster.Filter(
        category=request.args.get("category") or None,
        status=request.args.get("status") or None,
        search=request.args.get("q", "").strip()[:100] or None,
    )
