"""The organiser writes to attendees: whom, what, how it will look, sent (D66, D72). To all of some, or to one person.

Not for what becomes of it (letters.py), nor for its rules (events/announcing.py).
"""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import clock
from eventsite.events import announcing
from eventsite.mail.letters import announcements
from eventsite.models import ACTIVE, Attendee, Event
from eventsite.registration import roster
from eventsite.web import guards
from eventsite.web.forms.message import MessageForm
from eventsite.web.organiser.attendees import address, find
from eventsite.web.organiser.desk import bp, form_answer, me


@bp.route("/events/<slug>/letters/new", methods=["GET", "POST"])
@guards.for_event("edit")
def new_message(event: Event) -> ResponseReturnValue:
    """The form; posted, how the mail will look; posted from there, it is sent, or back to the form."""
    number = request.values.get("attendee", "")
    person = find(event, number) if number else None
    counts = roster.counts(event)
    form = MessageForm(event, person, counts)
    anybody = person is not None or any(counts[one] for one in ACTIVE)
    shown = {"event": event, "person": person, "anybody": anybody}
    if request.form.get("step") == "back":
        return render_template("organiser/message.html", form=form, faults=[], **shown)

    def go_on() -> ResponseReturnValue:
        if request.form.get("step") == "send":
            return _send(event, person, form)
        return _preview(event, person, form)

    return form_answer(form, go_on, "organiser/message.html", **shown)


def _preview(event: Event, person: Attendee | None, form: MessageForm) -> ResponseReturnValue:
    announcement = form.announcement()
    count = announcing.check(event, announcement)
    recipient = announcements.first(event, announcement.audience)
    if recipient is None:  # the last of them has left this very moment
        return redirect(request.url, 303)
    return render_template(
        "organiser/message_preview.html",
        event=event,
        person=person,
        form=form,
        count=count,
        english=announcements.count(event, announcement.audience, "en"),
        recipient=recipient,
        composed=announcements.preview(announcement, recipient, clock.now()),
    )


def _send(event: Event, person: Attendee | None, form: MessageForm) -> ResponseReturnValue:
    announcement = form.announcement()
    count = announcing.check(event, announcement)
    if announcing.announce(event, announcement, form.key.data or "", me()):
        flash(_("%(count)s通を送ります。", count=count), "success")
    else:
        flash(_("この連絡は、すでに受け付けています。別の内容を送るには、新しく書いてください。"), "info")
    return redirect(address(person) if person else url_for("organiser.letters", slug=event.slug), 303)
