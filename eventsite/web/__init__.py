"""Door for people: HTML pages. Routes declare their guard, check the shape of input, call a verb, answer."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, abort, current_app, request, url_for
from flask_wtf import CSRFProtect
from whitenoise import WhiteNoise

from eventsite import dates, i18n, wording
from eventsite.web import (
    done,
    errors,
    headers,
    health,
    links,
    manage_changes,
    organiser,
    presenting,
    public,
    register,
)
from eventsite.web import manage_calendar as manage_calendar  # its pages are on the blueprint of `manage`
from eventsite.web import unsubscribing as unsubscribing  # as these are

csrf = CSRFProtect()
STATIC_SECONDS = 3600
KEEPS_LANGUAGE = {"public", "register", "done", "manage", "links"}


def init_app(app: Flask) -> None:
    """Register the doors, error pages, headers and what every template may use."""
    csrf.init_app(app)
    for blueprint in (public.bp, register.bp, done.bp, manage_changes.bp, links.bp, health.bp):
        csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
    app.register_blueprint(organiser.bp)
    app.context_processor(_page_variables)
    app.jinja_env.globals.update(status_word=wording.status, roster_time=dates.roster_time)
    app.jinja_env.filters["whole_times"] = presenting.whole_times
    app.url_defaults(_keep_language)
    app.url_defaults(_name_version)
    app.before_request(_refuse_nul)
    errors.init_app(app)
    headers.init_app(app)
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=app.static_folder,
        prefix="static/",
        max_age=STATIC_SECONDS,
        add_headers_function=headers.protect_file,
    )


def _refuse_nul() -> None:
    """Nothing is called by a name with a NUL in it, and PostgreSQL takes none, not even in a question."""
    if "\0" in request.path:
        abort(404)
    if any("\0" in value for value in request.args.values()):
        abort(400)


def _page_variables() -> dict[str, Any]:
    language = i18n.current()
    other = "en" if language == "ja" else "ja"
    return {"locale": language, "other_language": other, "other_language_url": _other_language_url(other)}


def _other_language_url(other: str) -> str:
    """Return this page in the other language; a page that answers a form leads to the form's beginning."""
    if not request.endpoint or request.blueprint not in KEEPS_LANGUAGE:
        return url_for("public.catalogue", lang=other)
    arguments = {**request.args.to_dict(), **(request.view_args or {}), "lang": other}
    return url_for(request.endpoint, **arguments)


def _name_version(endpoint: str, values: dict[str, Any]) -> None:
    """Give a static file's address a mark of its content, so that nobody sees an old one after an upgrade."""
    if endpoint == "static" and "filename" in values:
        values.setdefault("v", _version(values["filename"]))


@cache
def _version(file_name: str) -> str:
    path = Path(current_app.static_folder or "") / file_name
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8] if path.is_file() else ""


def _keep_language(endpoint: str, values: dict[str, Any]) -> None:
    """Carry the chosen language in the links of a page, so that no cookie is needed."""
    wanted = request.args.get("lang") if request else None
    if wanted in i18n.LANGUAGES and endpoint.partition(".")[0] in KEEPS_LANGUAGE:
        values.setdefault("lang", wanted)
