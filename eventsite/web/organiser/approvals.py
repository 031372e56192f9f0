"""Who waits for approval, and the two answers (domain rules D20, D28).

Not for the rule: see `registration.deciding`.
"""

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from eventsite import registration, text
from eventsite.db import db
from eventsite.models import Attendee, Event, EventStatus, Status
from eventsite.web import guards
from eventsite.web.organiser.desk import bp, me

LONGEST_REASON = 500


@bp.get("/events/<slug>/approvals")
@guards.for_event("approve")
def approvals(event: Event) -> ResponseReturnValue:
    return _page(event)


@bp.post("/events/<slug>/approvals")
@guards.for_event("approve")
def approve(event: Event) -> ResponseReturnValue:
    chosen = _chosen(event)
    if not chosen:
        return _page(event, _("参加者を選んでから押してください。"))
    done = registration.approve(event, chosen, me())
    return _answer(event, chosen, done, _("%(count)s名を承認しました。", count=len(done)))


@bp.post("/events/<slug>/declines")
@guards.for_event("approve")
def decline(event: Event) -> ResponseReturnValue:
    chosen = _chosen(event)
    if not chosen:
        return _page(event, _("参加者を選んでから押してください。"))
    try:
        reason = text.clean_text(request.form.get("reason", ""))
    except text.InvalidText:
        return _page(event, _("理由に使えない文字が含まれています。"), "reason")
    if text.length(reason) > LONGEST_REASON:
        words = _("理由は%(count)s文字以内で入力してください。", count=LONGEST_REASON)
        return _page(event, words, "reason")
    done = registration.decline(event, chosen, me(), reason)
    return _answer(event, chosen, done, _("%(count)s名を参加不可にしました。", count=len(done)))


def waiting(event: Event) -> list[Attendee]:
    """Return who waits for approval, the longest first; nobody once the event is called off."""
    if event.status == EventStatus.CANCELLED:
        return []
    query = (
        select(Attendee)
        .where(Attendee.event_id == event.id, Attendee.status == Status.PENDING)
        .options(joinedload(Attendee.registration), joinedload(Attendee.category))
        .order_by(Attendee.created_at, Attendee.id)
    )
    return list(db.session.scalars(query))


def _chosen(event: Event) -> list[Attendee]:
    """The attendees ticked on the page, of this event only, whatever their status is by now."""
    ids = [
        int(one)
        for one in request.form.getlist("attendee")
        if one.isascii() and one.isdigit() and len(one) < 10
    ]
    query = select(Attendee).where(Attendee.event_id == event.id, Attendee.id.in_(ids)).order_by(Attendee.id)
    return list(db.session.scalars(query))


def _page(event: Event, fault: str = "", field: str = "") -> ResponseReturnValue:
    """The queue; with a fault as it was sent, the fault at its field if it has one."""
    page = render_template(
        "organiser/approvals.html",
        event=event,
        waiting=waiting(event),
        chosen=set(request.form.getlist("attendee")),
        reason=request.form.get("reason", ""),
        fault=fault,
        field=field,
    )
    return page, 422 if fault else 200


def _answer(
    event: Event, chosen: Sequence[Attendee], done: Sequence[Attendee], words: str
) -> ResponseReturnValue:
    """Go back to the queue, which tells how many it was done to, and to how many not."""
    if done:
        flash(words, "success")
    if len(done) < len(chosen):
        flash(_("%(count)s名は、すでに処理されていました。", count=len(chosen) - len(done)), "info")
    return redirect(url_for("organiser.approvals", slug=event.slug), 303)
