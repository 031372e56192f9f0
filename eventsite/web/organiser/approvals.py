"""Who waits for approval, and the two answers (domain rules D20, D28).

Not for the rule: see `registration.deciding`.
"""

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from eventsite import registration
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.models import Attendee, Event, EventStatus, Status
from eventsite.registration import members
from eventsite.web import guards
from eventsite.web.organiser.desk import bp, me, typed_text

LONGEST_REASON = 500
CHOOSE = _l("参加者を選んでから押してください。")


@bp.get("/events/<slug>/approvals")
@guards.for_event("approve")
def approvals(event: Event) -> ResponseReturnValue:
    return _page(event)


@bp.post("/events/<slug>/approvals")
@guards.for_event("approve")
def approve(event: Event) -> ResponseReturnValue:
    if request.form.get("action") == "look":
        return _page(event)
    chosen = _chosen(event)
    if not chosen:
        return _page(event, CHOOSE)
    done = registration.approve(event, chosen, me())
    without = [] if event.status == EventStatus.CANCELLED else [one for one in chosen if _has_no_place(one)]
    if without:
        flash(
            _(
                "%(count)s名は、空席がないため承認できませんでした。定員を増やすか、参加不可にしてください。",
                count=len(without),
            ),
            "warning",
        )
    answered = [one for one in chosen if one not in without]
    return _answer(event, answered, done, _("%(count)s名を承認しました。", count=len(done)))


@bp.post("/events/<slug>/declines/question")
@guards.for_event("approve")
def ask_decline(event: Event) -> ResponseReturnValue:
    """Ask before anybody is declined: who, and with which words. It changes nothing."""
    chosen = _chosen(event)
    if not chosen:
        return _page(event, CHOOSE)
    asking = {one.id for one in waiting(event)}
    declining = [one for one in chosen if one.id in asking]
    if not declining:
        return _answer(event, chosen, [], "")
    return _decline_page(event, declining)


@bp.post("/events/<slug>/declines")
@guards.for_event("approve")
def decline(event: Event) -> ResponseReturnValue:
    chosen = _chosen(event)
    if not chosen:
        return _page(event, CHOOSE)
    try:
        reason = typed_text("reason", _l("理由"), LONGEST_REASON)
    except Refusal as refusal:
        return _decline_page(event, chosen, str(refusal.words))
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


def _has_no_place(attendee: Attendee) -> bool:
    """Still waiting for approval, left out of a draw, and without a free seat (D20)."""
    return attendee.status == Status.PENDING and attendee.seatless


def _page(event: Event, fault: Any = "") -> ResponseReturnValue:
    asking = waiting(event)
    page = render_template(
        "organiser/approvals.html",
        event=event,
        waiting=asking,
        listed=members.entries_of(asking),
        chosen=set(request.form.getlist("attendee")),
        fault=fault,
    )
    return page, 422 if fault else 200


def _decline_page(event: Event, declining: Sequence[Attendee], fault: str = "") -> ResponseReturnValue:
    page = render_template(
        "organiser/decline.html",
        event=event,
        declining=declining,
        reason=request.form.get("reason", ""),
        fault=fault,
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
