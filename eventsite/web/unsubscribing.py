"""No more mail than a registration needs: the page behind the link at the end of such a letter, and one click for it.

A mail program posts to the same address without anybody seeing the page (RFC 8058); opening it changes nothing.
"""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from eventsite import clock
from eventsite.mail import suppression
from eventsite.mail.recipients import Recipient
from eventsite.web import guards, presenting
from eventsite.web.manage import bp, by_link


@bp.get("/unsubscribe")
@guards.public
@by_link
def unsubscribe(recipient: Recipient, token: str) -> ResponseReturnValue:
    return _page(recipient, token)


@bp.post("/unsubscribe")
@guards.public
@by_link
def stop_letters(recipient: Recipient, token: str) -> ResponseReturnValue:
    """Put the address down. What a mail program sends gets its answer without a redirection (RFC 8058 3.1)."""
    if recipient.email:
        suppression.suppress(recipient.email, suppression.BY_LINK, clock.now())
    if request.form.get("List-Unsubscribe") == "One-Click":
        return _page(recipient, token)
    return redirect(url_for("manage.unsubscribe", token=token), 303)


@bp.post("/unsubscribe/undo")
@guards.public
@by_link
def resume_letters(recipient: Recipient, token: str) -> ResponseReturnValue:
    suppression.lift(recipient.email)
    return redirect(url_for("manage.unsubscribe", token=token), 303)


def _page(recipient: Recipient, token: str) -> str:
    event = recipient.registration.event
    return render_template(
        "manage/unsubscribe.html",
        token=token,
        event=event,
        email=recipient.email,
        stopped=suppression.is_suppressed(recipient.email),
        contact=presenting.contact(event),
    )
