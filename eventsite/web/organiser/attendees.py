"""One attendee's page, and what the office does there: cancel, undo, move, promote, keep a remark (D11).

Whoever may see the roster may look; the buttons are for those who manage attendees. Not for entries by telephone
(entry.py), nor for the rules (registration/office.py).
"""

from collections.abc import Callable
from typing import NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from eventsite import clock, registration
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.models import (
    ACTIVE,
    HOLDS_A_SEAT,
    MOVES,
    Attendee,
    Category,
    Event,
    EventStatus,
    Registration,
    Status,
)
from eventsite.registration import ledger
from eventsite.web import guards
from eventsite.web.organiser import particulars, returned
from eventsite.web.organiser.desk import bp, me, typed_text

LONGEST_REASON = 500
LONGEST_REMARK = 1000


class Fault(NamedTuple):
    """What stands against what was asked: at which form of the page, and whether the office may pass it."""

    form: str
    words: str
    passable: bool = False


@bp.get("/events/<slug>/attendees/<number>")
@guards.for_event("see_roster")
def attendee(event: Event, number: str) -> ResponseReturnValue:
    return _page(find(event, number))


@bp.get("/events/<slug>/attendees/<number>/cancellation")
@guards.for_event("manage_attendees")
def ask_attendee_cancellation(event: Event, number: str) -> ResponseReturnValue:
    leaving = find(event, number)
    if Status.CANCELLED not in MOVES[leaving.status]:
        return redirect(address(leaving), 303)
    return _cancellation_page(leaving)


@bp.post("/events/<slug>/attendees/<number>/cancellation")
@guards.for_event("manage_attendees")
def cancel_attendee(event: Event, number: str) -> ResponseReturnValue:
    leaving = find(event, number)
    try:
        reason = typed_text("reason", _l("理由"), LONGEST_REASON)
    except Refusal as refusal:
        return _cancellation_page(leaving, str(refusal.words))
    gone = registration.cancel([leaving], by=me(), reason=reason)
    if gone:
        flash(_("%(name)s 様の申込を取り消しました。", name=leaving.name), "success")
    else:
        flash(_("すでに取り消されているか、取り消せない状態です。"), "info")
    return redirect(address(leaving), 303)


@bp.post("/events/<slug>/attendees/<number>/restoration")
@guards.for_event("manage_attendees")
def restore_attendee(event: Event, number: str) -> ResponseReturnValue:
    back = find(event, number)
    return _answer(
        back,
        "restoration",
        lambda: registration.restore(back, me(), over_limit=_over_limit()),
        _("取消を元に戻しました。"),
    )


@bp.post("/events/<slug>/attendees/<number>/category")
@guards.for_event("manage_attendees")
def move_attendee(event: Event, number: str) -> ResponseReturnValue:
    moving = find(event, number)
    category = event.category(request.form.get("category", ""))
    if category is None:
        return _page(moving, Fault("category", _("参加区分を選んでください。")), 422)
    return _answer(
        moving,
        "category",
        lambda: registration.move_to(moving, category, me(), over_limit=_over_limit()),
        _("参加区分を「%(label)s」に移しました。", label=category.label),
    )


@bp.post("/events/<slug>/attendees/<number>/promotion")
@guards.for_event("manage_attendees")
def promote_attendee(event: Event, number: str) -> ResponseReturnValue:
    chosen = find(event, number)
    return _answer(
        chosen,
        "promotion",
        lambda: registration.promote_by_hand(event, me(), [chosen], over_limit=_over_limit()),
        _("繰り上げました。"),
    )


@bp.post("/events/<slug>/attendees/<number>/remark")
@guards.for_event("manage_attendees")
def remark_attendee(event: Event, number: str) -> ResponseReturnValue:
    about = find(event, number)
    return _answer(
        about,
        "remark",
        lambda: registration.set_remark(about, typed_text("remark", _l("備考"), LONGEST_REMARK), me()),
        _("備考を保存しました。"),
    )


def find(event: Event, number: str) -> Attendee:
    """Return the attendee of this event with this number; whatever else is asked for is not there."""
    reference, _dash, branch = number.rpartition("-")
    if not (branch.isascii() and branch.isdigit() and len(branch) < 5):
        abort(404)
    query = (
        select(Attendee)
        .join(Attendee.registration)
        .where(
            Attendee.event_id == event.id,
            Registration.reference == reference,
            Attendee.branch == int(branch),
        )
    )
    return db.session.scalar(query) or abort(404)


def address(found: Attendee) -> str:
    """Return the address of an attendee's page."""
    return url_for("organiser.attendee", slug=found.registration.event.slug, number=found.number)


def _over_limit() -> bool:
    return bool(request.form.get("over_limit"))


def _answer(found: Attendee, form: str, verb: Callable[[], object], done: str) -> ResponseReturnValue:
    """Do what a form of the page says; a refusal stands above that form, with the choice to pass it if there is one."""
    try:
        result = verb()
    except Refusal as refusal:
        fault = Fault(form, str(refusal.words), refusal.code == "sold-out")
        return _page(found, fault, refusal.status, refusal.code)
    if result == []:
        flash(_("変わったところはありませんでした。"), "info")
    else:
        flash(done, "success")
    return redirect(address(found), 303)


def _page(
    found: Attendee, fault: Fault | None = None, status: int = 200, code: str = ""
) -> ResponseReturnValue:
    event = found.registration.event
    position = ledger.positions(event).get(found.id) if found.status == Status.WAITLISTED else None
    page = render_template(
        "organiser/attendee.html",
        event=event,
        attendee=found,
        position=position,
        over_limit=found.over_limit and found.status in HOLDS_A_SEAT,
        others=[one for one in found.registration.attendees if one is not found],
        details=particulars.details(found),
        answers=particulars.answers(found.registration),
        consents=particulars.consents(found),
        history=particulars.history(found),
        changes=particulars.changes(found),
        letters=particulars.letters(found),
        returned=returned.returned(found),
        answer=returned.answer(found),
        fault=fault,
        code=code,
        remark=request.form.get("remark", found.remark),
        chosen=request.form.get("category", ""),
        **_possible(found),
    )
    return page, status


def _possible(found: Attendee) -> dict[str, object]:
    """What can be done with the attendee now, as far as status and time go; seats are asked for by the verbs."""
    event = found.registration.event
    open_still = event.status != EventStatus.CANCELLED and clock.now() < event.start_at
    return {
        "can_cancel": Status.CANCELLED in MOVES[found.status],
        "can_restore": open_still and found.status == Status.CANCELLED and not found.category.awaits_draw,
        "can_promote": open_still and found.status == Status.WAITLISTED,
        "targets": _targets(found) if open_still and found.status in ACTIVE else [],
    }


def _targets(found: Attendee) -> list[Category]:
    drawn_later = found.status == Status.LOTTERY or found.seatless
    return [
        one
        for one in found.registration.event.categories
        if one.id != found.category_id and one.awaits_draw == drawn_later
    ]


def _cancellation_page(leaving: Attendee, fault: str = "") -> ResponseReturnValue:
    page = render_template(
        "organiser/attendee_cancellation.html",
        event=leaving.registration.event,
        attendee=leaving,
        reason=request.form.get("reason", ""),
        fault=fault,
    )
    return page, 422 if fault else 200
