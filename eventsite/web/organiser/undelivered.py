"""Mail that did not arrive: the address put right by the office, the mark taken away (D12).

Not for what came back (returned.py), nor for letters as such (letters.py).
"""

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import registration
from eventsite.mail.recipients import Recipient
from eventsite.models import Event
from eventsite.web import guards
from eventsite.web.forms.addressing import address_form
from eventsite.web.organiser.attendees import address, find
from eventsite.web.organiser.desk import bp, form_answer, me


@bp.route("/events/<slug>/attendees/<number>/address", methods=["GET", "POST"])
@guards.for_event("manage_attendees")
def attendee_address(event: Event, number: str) -> ResponseReturnValue:
    """The address by which mail reaches the attendee, to be put right."""
    about = find(event, number)
    recipient = Recipient(about.registration, about if about.email else None)
    form = address_form("email", recipient.email, request.form if request.method == "POST" else None)

    def save() -> ResponseReturnValue:
        if registration.change_address(recipient, form.address, by=me()):
            flash(_("メールアドレスを変更し、新しいアドレスへメールを送りました。"), "success")
        else:
            flash(_("ほかの方が先に変更しました。内容を確かめてください。"), "info")
        return redirect(address(about), 303)

    shown = {"attendee": about, "recipient": recipient, "reached": recipient.reached}
    return form_answer(form, save, "organiser/attendee_address.html", event=event, **shown)


@bp.post("/events/<slug>/attendees/<number>/reached")
@guards.for_event("manage_attendees")
def forget_undeliverable(event: Event, number: str) -> ResponseReturnValue:
    """The person was reached in another way: the mark goes, the reports stay."""
    about = find(event, number)
    registration.forget_undeliverable(about, me())
    flash(_("メール不達の表示を消しました。"), "success")
    return redirect(address(about), 303)
