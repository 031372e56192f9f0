"""When an event's letters go out by themselves: the plan, its rules, and the button that thanks people (D62, D72).

Not for when that is (mail/due.py), nor for what they say.
"""

from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from eventsite import clock
from eventsite.db import db
from eventsite.events import reminding
from eventsite.mail import schedule as plan
from eventsite.mail.letters import followups
from eventsite.models import Event, Mailing, MailingStatus
from eventsite.web import guards
from eventsite.web.forms.schedule import ScheduleForm, schedule_data
from eventsite.web.organiser.desk import bp, button_answer, form_answer, me


class Line(NamedTuple):
    """One mailing of the plan: what, its state in words, to how many, and what can be done with it."""

    mailing: Mailing
    name: str
    state: str
    tone: str
    letters: int
    may_leave_out: bool
    may_bring_back: bool


@bp.get("/events/<slug>/letters/schedule")
@guards.for_event("see")
def schedule(event: Event) -> ResponseReturnValue:
    form = ScheduleForm(event, data=schedule_data(event))
    return render_template("organiser/schedule.html", form=form, faults=[], **_shown(event))


@bp.post("/events/<slug>/letters/schedule")
@guards.for_event("edit")
def change_schedule(event: Event) -> ResponseReturnValue:
    form = ScheduleForm(event)

    def save() -> ResponseReturnValue:
        changed = reminding.change_letters(event, form.values(), me())
        if changed:
            flash(_("保存しました。予定も新しくしました。"), "success")
        else:
            flash(_("変わったところはありませんでした。"), "info")
        return redirect(_address(event), 303)

    return form_answer(form, save, "organiser/schedule.html", **_shown(event))


@bp.post("/events/<slug>/letters/schedule/<int:number>/omission")
@guards.for_event("edit")
def leave_out_mailing(event: Event, number: int) -> ResponseReturnValue:
    mailing = _find(event, number)
    words = _("このメールは送りません。")
    return button_answer(lambda: reminding.leave_out(mailing, me()), words, _address(event))


@bp.post("/events/<slug>/letters/schedule/<int:number>/restoration")
@guards.for_event("edit")
def bring_back_mailing(event: Event, number: int) -> ResponseReturnValue:
    mailing = _find(event, number)
    words = _("予定に戻しました。")
    return button_answer(lambda: reminding.bring_back(mailing, me()), words, _address(event))


@bp.post("/events/<slug>/letters/schedule/follow-ups")
@guards.for_event("edit")
def send_follow_ups(event: Event) -> ResponseReturnValue:
    words = _("お礼のメールを作っています。まだ届いていない方だけにお送りします。")
    return button_answer(lambda: reminding.send_follow_ups(event, me()), words, _address(event))


def _shown(event: Event) -> dict[str, Any]:
    now = clock.now()
    counts = plan.reach(event)
    return {
        "event": event,
        "lines": [_line(one, counts[one.letter]) for one in plan.of_today(event)],
        "counts": counts,
        "over": event.is_over(now) and followups.is_running(event),
        "attendance_known": followups.attendance_known(event),
    }


def _line(mailing: Mailing, reach: int) -> Line:
    names = {
        plan.REMINDER: _("開催前のご案内"),
        followups.ATTENDED: _("参加のお礼（出席の方）"),
        followups.ABSENT: _("資料のご案内（欠席の方）"),
    }
    states = {
        MailingStatus.PLANNED: (_("送信予定"), "info"),
        MailingStatus.WRITING: (_("送信準備中"), "wait"),
        MailingStatus.DONE: (_("送信済み"), "ok"),
        MailingStatus.DROPPED: (_("送りません"), "neutral"),
    }
    state = states[mailing.status]
    if mailing.status == MailingStatus.DROPPED and not mailing.details.get(plan.LEFT_OUT):
        state = (_("見送り"), "neutral")
    planned, dropped = (mailing.status == one for one in (MailingStatus.PLANNED, MailingStatus.DROPPED))
    to_come = mailing.due_at > clock.now()
    return Line(
        mailing,
        names[mailing.letter],
        *state,
        letters=reach if planned else mailing.written,
        may_leave_out=planned,
        may_bring_back=dropped and to_come and followups.is_running(mailing.event),
    )


def _find(event: Event, number: int) -> Mailing:
    query = select(Mailing).where(
        Mailing.event_id == event.id, Mailing.id == number, Mailing.letter.in_(plan.LETTERS)
    )
    return (db.session.scalar(query) if number < 2**31 else None) or abort(404)


def _address(event: Event) -> str:
    return url_for("organiser.schedule", slug=event.slug)
