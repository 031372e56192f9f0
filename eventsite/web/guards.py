"""Every route declares who may enter, even "public". A test walks the URL map and finds what is undeclared.

Whoever may not see an event learns nothing of it: 404, as for one that does not exist.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort, request
from flask_security import auth_required, current_user
from sqlalchemy import select

from eventsite import access
from eventsite.db import db
from eventsite.models import Event

View = Callable[..., Any]

EXTENSION_GUARDS = {
    "static": "public",
    "security.static": "public",
    "security.login": "public",
    "security.logout": "signed-in",
    "security.forgot_password": "public",
    "security.reset_password": "public",
    "security.change_password": "signed-in",
    "security.verify": "signed-in",
}


def public(view: View) -> View:
    """Anybody may enter. Forms behind it carry a signed token of their own, or a link nobody can guess."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and request.headers.get("Sec-Fetch-Site") == "cross-site":
            abort(403)
        return view(*args, **kwargs)

    guarded.guard = "public"  # type: ignore[attr-defined]
    return guarded


def signed_in(view: View) -> View:
    """Anybody with an account may enter."""
    guarded = auth_required("session")(view)
    guarded.guard = "signed-in"
    return guarded


def creators(view: View) -> View:
    """Those who may put up new events."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not access.may_create(current_user):
            abort(403)
        return view(*args, **kwargs)

    guarded = auth_required("session")(checked)
    guarded.guard = "creators"
    return guarded


def admins(view: View) -> View:
    """Those who look after the whole site."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not access.is_admin(current_user):
            abort(403)
        return view(*args, **kwargs)

    guarded = auth_required("session")(checked)
    guarded.guard = "admins"
    return guarded


def for_event(verb: str) -> Callable[[View], View]:
    """Those who may do `verb` to the event named by `slug`; the view gets the event instead of the slug."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(slug: str, **kwargs: Any) -> Any:
            event = db.session.scalar(select(Event).where(Event.slug == slug))
            if event is None or not access.may(current_user, "see", event):
                abort(404)
            if not access.may(current_user, verb, event):
                abort(403)
            return view(event, **kwargs)

        guarded = auth_required("session")(checked)
        guarded.guard = f"event:{verb}"
        return guarded

    return decorate
