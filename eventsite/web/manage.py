"""A registration by the link in its mail: `/r/<token>`. No account; opening a link never changes anything (D4).

The contact's link shows the whole registration, an attendee's own link that attendee alone. Every change is a page
with a button of its own.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from eventsite import clock, registration, tokens
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.mail import invitations
from eventsite.mail.recipients import Recipient
from eventsite.models import Attendee, Registration, Status
from eventsite.registration import ledger, prospects
from eventsite.web import guards, personal, presenting, proof
from eventsite.web.forms import changes
from eventsite.web.headers import private

bp = Blueprint("manage", __name__, url_prefix="/r/<token>")


def by_link(view: Callable[..., Any]) -> Callable[..., Any]:
    """Find what the link opens and hand it to the view; a link that opens nothing is a plain 404."""

    @wraps(view)
    def opened(token: str, **kwargs: Any) -> Response:
        recipient = find(token)
        if recipient is None:
            abort(404)
        return private(make_response(view(recipient, token=token, **kwargs)))

    return opened


def find(token: str) -> Recipient | None:
    """Return what a link opens: a registration, or one attendee of it; None if it opens nothing."""
    link = tokens.digest(token)
    found = db.session.scalar(select(Registration).where(Registration.link_hash == link))
    if found is not None:
        return Recipient(found)
    attendee = db.session.scalar(select(Attendee).where(Attendee.link_hash == link))
    return Recipient(attendee.registration, attendee) if attendee else None


def chosen(recipient: Recipient, branch: int | None) -> list[Attendee]:
    """Return the attendees whom an address names, among those whom the link shows."""
    chosen = [one for one in recipient.attendees if branch is None or one.branch == branch]
    if not chosen:
        abort(404)
    return chosen


def joins(recipient: Recipient) -> bool:
    """Join information is for the confirmed who take part online (D68), where the organiser lets it stand here."""
    shown = recipient.registration.event.join_on_page
    return shown and bool(recipient.confirmed) and recipient.takes_part_online


@bp.get("")
@guards.public
@by_link
def show(recipient: Recipient, token: str) -> ResponseReturnValue:
    return _page(recipient, token)


@bp.get("/cancellation", defaults={"branch": None})
@bp.get("/attendees/<int:branch>/cancellation")
@guards.public
@by_link
def ask_cancellation(recipient: Recipient, token: str, branch: int | None) -> ResponseReturnValue:
    leaving = [one for one in chosen(recipient, branch) if personal.can_cancel(one)]
    if not leaving:
        return redirect(url_for("manage.show", token=token), 303)
    return render_template(
        "manage/cancellation.html",
        recipient=recipient,
        event=recipient.registration.event,
        token=token,
        branch=branch,
        leaving=leaving,
        shown=changes.shown(leaving),
        contact=presenting.contact(recipient.registration.event),
    )


@bp.post("/cancellation", defaults={"branch": None})
@bp.post("/attendees/<int:branch>/cancellation")
@guards.public
@by_link
def cancel(recipient: Recipient, token: str, branch: int | None) -> ResponseReturnValue:
    try:
        registration.cancel(
            chosen(recipient, branch), shown=changes.read_shown(request.form, recipient.attendees)
        )
    except Refusal as refusal:
        return _page(recipient, token, refusal)
    return redirect(url_for("manage.show", token=token), 303)


@bp.post("/attendees/<int:branch>/acceptance")
@guards.public
@by_link
def accept(recipient: Recipient, token: str, branch: int) -> ResponseReturnValue:
    (attendee,) = chosen(recipient, branch)
    try:
        registration.accept(attendee)
    except Refusal as refusal:
        return _page(recipient, token, refusal)
    return redirect(url_for("manage.show", token=token), 303)


@bp.get("/mail")
@guards.public
@by_link
def mail(recipient: Recipient, token: str) -> ResponseReturnValue:
    """Nothing to see here: the button stands on the page of the registration."""
    return redirect(url_for("manage.show", token=token), 303)


@bp.post("/mail")
@guards.public
@by_link
def send_again(recipient: Recipient, token: str) -> ResponseReturnValue:
    """The letter of the present state once more."""
    try:
        registration.send_state(recipient)
    except Refusal as refusal:
        return _page(recipient, token, refusal)
    return redirect(url_for("manage.show", token=token, done="sent"), 303)


def _page(recipient: Recipient, token: str, refusal: Refusal | None = None) -> ResponseReturnValue:
    found = recipient.registration
    waiting = [one for one in recipient.attendees if one.status == Status.WAITLISTED]
    positions = ledger.positions(found.event) if waiting else {}
    page = render_template(
        "manage/show.html",
        recipient=recipient,
        registration=found,
        event=found.event,
        token=token,
        facts=presenting.facts(found.event),
        positions=positions,
        chances=prospects.sentences(found.event, waiting, positions, clock.now()),
        allowed=personal.allowed(recipient),
        sent_in=personal.sent_in(found) if recipient.attendee is None else [],
        details={one.id: personal.details(one) for one in recipient.attendees},
        has_consents=personal.has_consents(found.event),
        done=personal.DONE.get(request.args.get("done", ""), ""),
        joins=joins(recipient),
        lotteries=_lotteries(recipient),
        has_entry=invitations.find(recipient) is not None,
        over=found.event.is_over(clock.now()),
        refusal=refusal,
        contact=presenting.contact(found.event),
    )
    return page, refusal.status if refusal else 200


def _lotteries(recipient: Recipient) -> list[tuple[str, str, str]]:
    """Return what to say of each lottery that somebody here is or was in, with words and address of its page."""
    drawn_for = [one for one in recipient.attendees if one.status == Status.LOTTERY or one.lottery_rank]
    categories = list(dict.fromkeys(one.category for one in drawn_for))
    return [
        (proof.announcement(category), words, href)
        for category in categories
        for words, href in proof.links([category])
    ]
