"""Before everybody is written to: what a change means to people, asked before it is stored; an event called off (D62, D72).

Not for what happens then (`events.telling`), nor for the form of an event (events.py).
"""

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from eventsite import clock, dates, i18n, wording
from eventsite.errors import Refusal
from eventsite.events import telling
from eventsite.events.telling import Outlook
from eventsite.models import Event, EventStatus
from eventsite.web import guards
from eventsite.web.forms.event import EventForm
from eventsite.web.organiser.desk import bp, me, typed_text

LONGEST_REASON = 500
LONGEST_ALTERNATIVE = 1000


def change_page(event: Event, form: EventForm, outlook: Outlook, fault: str = "") -> ResponseReturnValue:
    """Show what a change means before it is stored; everything that was typed goes along, to be sent once more."""
    typed = [one for one in request.form.items(multi=True) if one[0] in form and one[0] != "csrf_token"]
    page = render_template(
        "organiser/event_change.html",
        event=event,
        typed=typed,
        outlook=outlook,
        letter_name=wording.letter_name(outlook.letter),
        moves=[_move_in_words(event, *one) for one in outlook.moves],
        reason=request.form.get("reason", ""),
        fault=fault,
    )
    return page, 422 if fault else 200


@bp.get("/events/<slug>/cancellation-of-event")
@guards.for_event("publish")
def ask_event_cancellation(event: Event) -> ResponseReturnValue:
    try:
        telling.check_cancellable(event, clock.now())
    except Refusal as refusal:
        return _back(event, str(refusal.words), "error")
    if event.status == EventStatus.CANCELLED and not telling.still_registered(event):
        return _back(event, _("このセミナーは、すでに中止になっています。"), "info")
    return _cancellation_page(event, {"reason": event.cancel_reason, "alternative": event.alternative}, {})


@bp.post("/events/<slug>/cancellation-of-event")
@guards.for_event("publish")
def cancel_event(event: Event) -> ResponseReturnValue:
    fields = {
        "reason": (_l("理由"), LONGEST_REASON),
        "alternative": (_l("代わりのご案内"), LONGEST_ALTERNATIVE),
    }
    words, faults = {}, {}
    for name, (label, longest) in fields.items():
        try:
            words[name] = typed_text(name, label, longest)
        except Refusal as refusal:
            faults[name] = str(refusal.words)
    if faults:
        return _cancellation_page(event, {name: request.form.get(name, "") for name in fields}, faults)
    letters = telling.letters_if_cancelled(event)
    try:
        gone = telling.cancel(event, me(), **words)
    except Refusal as refusal:
        return _back(event, str(refusal.words), "error")
    if gone and letters:
        return _back(
            event, _("開催を中止しました。%(count)s通のお知らせを送ります。", count=letters), "success"
        )
    return _back(event, _("開催を中止しました。"), "success")


def _cancellation_page(event: Event, typed: dict[str, Any], faults: dict[str, str]) -> ResponseReturnValue:
    page = render_template(
        "organiser/event_cancellation.html",
        event=event,
        typed=typed,
        faults=faults,
        letters=telling.letters_if_cancelled(event),
    )
    return page, 422 if faults else 200


def _move_in_words(event: Event, before: datetime | None, after: datetime | None) -> str:
    def words(moment: datetime | None) -> str:
        return dates.when_short(moment, event.timezone, i18n.current()) if moment else _("送信なし")

    return _("%(before)s → %(after)s", before=words(before), after=words(after))


def _back(event: Event, words: str, kind: str) -> ResponseReturnValue:
    flash(words, kind)
    return redirect(url_for("organiser.overview", slug=event.slug), 303)
