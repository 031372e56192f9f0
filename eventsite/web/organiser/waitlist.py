"""Who waits for a seat, in order, and the office's hand in it: promote, end the waiting (D21, D23).

Not for the rule: see `registration.waiting`.
"""

from dataclasses import dataclass
from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from eventsite import clock, registration, wording
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.models import Attendee, Category, Event, EventStatus
from eventsite.registration import ledger
from eventsite.web import guards
from eventsite.web.organiser import figures
from eventsite.web.organiser.desk import bp, button_answer, me


@dataclass(frozen=True)
class Place:
    """One line of the list: place within the category, who, by which way, since when."""

    number: int
    attendee: Attendee
    mode: str
    since: datetime | None


@bp.get("/events/<slug>/waitlist")
@guards.for_event("see_roster")
def waitlist(event: Event) -> ResponseReturnValue:
    return _page(event)


@bp.post("/events/<slug>/waitlist/promotions")
@guards.for_event("manage_attendees")
def promote_waiting(event: Event) -> ResponseReturnValue:
    """Promote the one who was chosen, or, with nobody chosen, as many as there are free seats."""
    if "attendee" not in request.form:
        return _promote_into_free_seats(event)
    chosen = [one for one in _waiting(event) if str(one.id) == request.form["attendee"]]
    if not chosen:
        flash(_("すでに処理されていました。"), "info")
        return redirect(_address(event), 303)
    over = bool(request.form.get("over_limit"))
    try:
        registration.promote_by_hand(event, me(), chosen, over_limit=over)
    except Refusal as refusal:
        return _page(event, chosen[0], refusal)
    flash(_("%(name)s 様を繰り上げました。", name=chosen[0].name), "success")
    return redirect(_address(event), 303)


@bp.get("/events/<slug>/waitlist/end")
@guards.for_event("manage_attendees")
def ask_end_of_waiting(event: Event) -> ResponseReturnValue:
    ending = _ending(event, request.args.get("category", ""))
    if not ending:
        return redirect(_address(event), 303)
    ids = {one.id for one in ending}
    return render_template(
        "organiser/waitlist_end.html",
        event=event,
        ending=ending,
        category=request.args.get("category", ""),
        waiting=[one for one in _waiting(event) if one.category_id in ids],
        tells=_open_still(event),
    )


@bp.post("/events/<slug>/waitlist/end")
@guards.for_event("manage_attendees")
def end_waiting(event: Event) -> ResponseReturnValue:
    ending = _ending(event, request.form.get("category", ""))
    if not ending:
        flash(_("すでに処理されていました。"), "info")
        return redirect(_address(event), 303)
    words = _("キャンセル待ちを終了しました。")
    return button_answer(lambda: registration.end_waiting(event, ending, me()), words, _address(event))


def _promote_into_free_seats(event: Event) -> ResponseReturnValue:
    try:
        moved = registration.promote_by_hand(event, me())
    except Refusal as refusal:
        flash(str(refusal.words), "error")
    else:
        flash(_("%(count)s名を繰り上げました。", count=len(moved)), "success" if moved else "info")
    return redirect(_address(event), 303)


def _waiting(event: Event) -> list[Attendee]:
    """Everybody who waits, in the order in which seats are given."""
    order = [one.key for one in ledger.waitlist(event)]
    query = (
        select(Attendee)
        .where(Attendee.event_id == event.id, Attendee.id.in_(order))
        .options(joinedload(Attendee.registration), joinedload(Attendee.category))
    )
    found = {one.id: one for one in db.session.scalars(query)}
    return [found[key] for key in order if key in found]


def _page(
    event: Event, refused: Attendee | None = None, refusal: Refusal | None = None
) -> ResponseReturnValue:
    positions = ledger.positions(event)
    page = render_template(
        "organiser/waitlist.html",
        event=event,
        places=[
            Place(positions[one.id], one, wording.mode(event, one.participation), one.queued_at)
            for one in _waiting(event)
        ],
        tiles=figures.tiles(event, ledger.read(event), roster_counts={}),
        ends=_ending(event, ""),
        open_still=_open_still(event),
        refused=refused,
        refusal=refusal,
    )
    return page, refusal.status if refusal else 200


def _ending(event: Event, code: str) -> list[Category]:
    """The categories whose waiting can be ended: those that still take people on the list, or have some there."""
    waiting = {category_id for _event, category_id, _mode in ledger.waiting_kinds([event])}
    return [
        one
        for one in event.categories
        if (one.waitlist or one.id in waiting) and (not code or one.code == code)
    ]


def _open_still(event: Event) -> bool:
    return event.status != EventStatus.CANCELLED and clock.now() < event.start_at


def _address(event: Event) -> str:
    return url_for("organiser.waitlist", slug=event.slug)
