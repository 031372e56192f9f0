"""The done page, behind a signed address: what was received, and help where its mail does not arrive (D5).

It never shows the manage link: the typed address is not proven yet. The signed address is the only authority here, for
half an hour and three times. One press is one effect: each form says how often it was done when the page was shown.
"""

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeTimedSerializer

from eventsite import clock, registration
from eventsite.config import settings
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.models import Registration, Status
from eventsite.registration import readdressing
from eventsite.web import guards, presenting
from eventsite.web.forms.addressing import AddressForm, address_form
from eventsite.web.headers import private

bp = Blueprint("done", __name__, url_prefix="/events/<slug>/registered/<signed>")
SECONDS = 24 * 3600


def done_url(found: Registration) -> str:
    """Return the address of the done page of a registration."""
    return url_for("done.show", slug=found.event.slug, signed=_serializer().dumps(found.id))


@bp.get("")
@guards.public
def show(slug: str, signed: str) -> ResponseReturnValue:
    found = _find(slug, signed)
    return _page(found, signed, address_form("contact_email", found.contact_email))


@bp.post("")
@guards.public
def put_right(slug: str, signed: str) -> ResponseReturnValue:
    """Send the mail again, to a corrected address if one is given."""
    found = _find(slug, signed)
    form = address_form("contact_email", found.contact_email, request.form)
    typed = request.form.get("sent", "")
    seen = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else None
    try:
        if "contact_email" not in request.form:
            registration.send_again(found, seen=seen)
        elif form.faults():
            return _page(found, signed, form, Refusal("invalid", ""))
        else:
            registration.correct_address(found, form.address, seen=seen)
    except Refusal as refusal:
        form.refuse(refusal)
        return _page(found, signed, form, refusal)
    return redirect(url_for("done.show", slug=slug, signed=signed), 303)


def _find(slug: str, signed: str) -> Registration:
    try:
        registration_id = _serializer().loads(signed, max_age=SECONDS)
    except BadSignature:
        abort(404)
    found = db.session.get(Registration, registration_id)
    if found is None or found.event.slug != slug:
        abort(404)
    return found


def _page(
    found: Registration, signed: str, form: AddressForm, refusal: Refusal | None = None
) -> ResponseReturnValue:
    best = {one.status for one in found.attendees}
    page = render_template(
        "register/done.html",
        event=found.event,
        registration=found,
        confirmed=Status.CONFIRMED in best,
        statuses=best,
        when=presenting.facts(found.event)[0][1],
        form=form,
        signed=signed,
        helps=_helps(found),
        left=readdressing.DONE_PAGE_HELPS_TIMES - found.sent_again,
        refusal=refusal,
        contact=presenting.contact(found.event),
    )
    return private(make_response(page, refusal.status if refusal else 200))


def _helps(found: Registration) -> bool:
    try:
        readdressing.check_done_page(found, clock.now())
    except Refusal:
        return False
    return True


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret_key, salt="done-page")
