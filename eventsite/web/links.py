"""Addresses changed by the link, and links that were lost: the way back by number and address (D4).

Whoever changes an address is not led to the new link: the new address is not proven yet, so only its mailbox gets that.
"""

import re
from collections.abc import Sequence

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from eventsite import clock, registration, tokens
from eventsite.errors import Refusal
from eventsite.mail.recipients import Recipient
from eventsite.registration import readdressing
from eventsite.web import guards, presenting
from eventsite.web.forms.addressing import AddressForm, LostLinkForm, address_form
from eventsite.web.headers import private
from eventsite.web.manage import bp as manage_bp
from eventsite.web.manage import by_link, find

bp = Blueprint("links", __name__)


@bp.get("/lost-link")
@guards.public
def lost_link() -> ResponseReturnValue:
    return _lost_link_page(LostLinkForm(formdata=None))


@bp.post("/lost-link")
@guards.public
def send_link() -> ResponseReturnValue:
    """The answer is the same for what is known and what is not."""
    form = LostLinkForm()
    faults = form.faults()
    if faults:
        return _lost_link_page(form, faults)
    registration.send_link(form.reference.cleaned, form.email.cleaned)
    return _lost_link_page(form, sent=True)


@bp.get("/address-changed")
@guards.public
def address_changed() -> ResponseReturnValue:
    """What follows a change of address; says nothing about anybody."""
    return render_template("public/address_changed.html")


@manage_bp.get("/address")
@guards.public
@by_link
def address(recipient: Recipient, token: str) -> ResponseReturnValue:
    """The address as it stands, to be changed."""
    try:
        readdressing.check_changeable(recipient, clock.now())
    except Refusal:
        return redirect(url_for("manage.show", token=token), 303)
    return _address_page(recipient, token, address_form("email", recipient.email))


@manage_bp.post("/address")
@guards.public
def change_address(token: str) -> ResponseReturnValue:
    form = address_form("email", "", request.form)
    recipient = find(token)
    if recipient is None:
        if form.faults() or not _pressed_before(token, form.address):
            abort(404)
        return _changed()
    if form.faults():
        return _address_page(recipient, token, form, Refusal("invalid", ""))
    try:
        if not registration.change_address(recipient, form.address):
            abort(404)
    except Refusal as refusal:
        form.refuse(refusal)
        return _address_page(recipient, token, form, refusal)
    return _changed()


def _changed() -> ResponseReturnValue:
    return private(make_response(redirect(url_for("links.address_changed"), 303)))


def _pressed_before(token: str, email: str) -> bool:
    """True if this press repeats the one by which the link died: the page said whose link it was."""
    said = re.fullmatch(r"(registration|attendee)-([0-9]{1,9})-([0-9]{1,9})", request.form.get("link", ""))
    if said is None:
        return False
    kind, row_id, version = said[1], int(said[2]), int(said[3])
    return tokens.derive(kind, row_id, version) == token and readdressing.was_changed_to(
        kind, row_id, version, email
    )


def _lost_link_page(
    form: LostLinkForm, faults: Sequence[tuple[str, str]] = (), *, sent: bool = False
) -> ResponseReturnValue:
    page = render_template("public/lost_link.html", form=form, faults=faults, sent=sent)
    return private(make_response(page, 422 if faults else 200))


def _address_page(
    recipient: Recipient, token: str, form: AddressForm, refusal: Refusal | None = None
) -> ResponseReturnValue:
    attendee, found = recipient.attendee, recipient.registration
    kind, row = ("attendee", attendee) if attendee else ("registration", found)
    page = render_template(
        "manage/address.html",
        recipient=recipient,
        event=found.event,
        token=token,
        link=f"{kind}-{row.id}-{row.link_version}",
        form=form,
        refusal=refusal,
        contact=presenting.contact(found.event),
    )
    return private(make_response(page, refusal.status if refusal else 200))
