"""Who came: a list to tick, kept in one go (出欠, D99).

Not for the rule: see `registration.attending`.
"""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import clock, registration
from eventsite.models import Attendee, Event, EventStatus
from eventsite.registration import attending
from eventsite.web import guards
from eventsite.web.organiser.desk import bp, button_answer, me


@bp.get("/events/<slug>/attendance")
@guards.for_event("manage_attendees")
def attendance(event: Event) -> ResponseReturnValue:
    found = attending.confirmed(event)
    return render_template(
        "organiser/attendance.html",
        event=event,
        attendees=found,
        listed=" ".join(str(one.id) for one in found),
        numbers=_numbers(found),
        begun=clock.now() >= event.start_at,
        called_off=event.status == EventStatus.CANCELLED,
    )


@bp.post("/events/<slug>/attendance")
@guards.for_event("manage_attendees")
def mark_attendance(event: Event) -> ResponseReturnValue:
    listed = _ids(request.form.get("listed", "").split())
    present = _ids(request.form.getlist("present"))
    return button_answer(
        lambda: registration.mark_list(event, listed, present, me()),
        _("出欠を保存しました。お礼のメールは「メール」の「予定」から送れます。"),
        _address(event),
    )


@bp.post("/events/<slug>/attendance/reset")
@guards.for_event("manage_attendees")
def reset_attendance(event: Event) -> ResponseReturnValue:
    marked = [one for one in attending.confirmed(event) if one.attendance]
    if not marked:
        flash(_("変わったところはありませんでした。"), "info")
        return redirect(_address(event), 303)
    words = _("全員を未確認に戻しました。")
    return button_answer(lambda: registration.mark(marked, "", me()), words, _address(event))


def _ids(typed: list[str]) -> set[int]:
    return {int(one) for one in typed if one.isascii() and one.isdigit() and len(one) < 10}


def _numbers(found: list[Attendee]) -> dict[str, Any]:
    present, absent = (sum(one.attendance == word for one in found) for word in ("present", "absent"))
    return {"present": present, "absent": absent, "unknown": len(found) - present - absent}


def _address(event: Event) -> str:
    return url_for("organiser.attendance", slug=event.slug)
