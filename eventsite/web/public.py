"""Pages that everybody may read: catalogue, event, calendar feeds, notices. No session, no cookie."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import calendar, clock, i18n
from eventsite.config import settings
from eventsite.events import catalogue
from eventsite.models import Event
from eventsite.registration import seeds
from eventsite.web import guards, presenting, proof

bp = Blueprint("public", __name__)

FEED_SECONDS = 300


@bp.get("/", endpoint="catalogue")
@guards.public
def catalogue_page() -> ResponseReturnValue:
    return _list(_("これからのセミナー"), catalogue.upcoming(clock.now()), past=False)


@bp.get("/past")
@guards.public
def past() -> ResponseReturnValue:
    return _list(_("開催済みのセミナー"), catalogue.past(clock.now()), past=True)


@bp.get("/events/<slug>")
@guards.public
def event(slug: str) -> ResponseReturnValue:
    now = clock.now()
    found = public_event(slug)
    page = presenting.event_page(catalogue.look(found, now), code=request.args.get("code", ""))
    return render_template("public/event.html", **page)


@bp.get("/events/<slug>/draws/<code>")
@guards.public
def draw(slug: str, code: str) -> ResponseReturnValue:
    """How a lottery is drawn, and once it is, all that is needed to draw it again (D19)."""
    category = public_event(slug).category(code)
    if category is None or category.selection != "lottery":
        abort(404)
    return render_template(
        "public/draw.html",
        event=category.event,
        category=category,
        proof=proof.of(seeds.draw_of(category)),
        when=proof.when(category),
        contact=presenting.contact(category.event),
    )


@bp.get("/events/<slug>.ics")
@guards.public
def event_ics(slug: str) -> ResponseReturnValue:
    found = public_event(slug)
    moments = [one for one in (found.updated_at, found.publish_at) if one and one <= clock.now()]
    return _ics([found], f"{slug}.ics", max(moments, default=None))


@bp.get("/events.ics")
@guards.public
def feed_ics() -> ResponseReturnValue:
    """The public events, as a calendar to subscribe to."""
    now = clock.now()
    changed_at = catalogue.feed_changed_at(now)
    return _ics(catalogue.in_feed(now), "events.ics", changed_at, name=_("GDXセミナー"))


@bp.get("/privacy")
@guards.public
def privacy() -> ResponseReturnValue:
    return render_template("public/privacy.html")


@bp.get("/environment")
@guards.public
def environment() -> ResponseReturnValue:
    return render_template("public/environment.html")


def public_event(slug: str) -> Event:
    """Return the public event of an address, or end the request with 404."""
    found = catalogue.find(slug, clock.now())
    if found is None:
        abort(404)
    return found


def _list(heading: str, listed: Iterable[catalogue.Listed], past: bool) -> str:
    rows = [presenting.row(one) for one in listed]
    months = [(month, list(group)) for month, group in groupby(rows, key=lambda one: one["month"])]
    return render_template("public/catalogue.html", heading=heading, months=months, past=past)


def _ics(events: list[Event], file_name: str, changed_at: datetime | None, **feed: Any) -> Response:
    """Return a calendar that may be kept for a while, and 304 where the reader has it already."""
    entries = [presenting.feed_entry(one, settings.public_url) for one in events]
    response = Response(calendar.publication(entries, **feed), content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Content-Language"] = i18n.current()
    response.cache_control.public = True
    response.cache_control.max_age = FEED_SECONDS
    if changed_at is not None:
        response.last_modified = changed_at
    response.add_etag()
    response.make_conditional(request)
    return response
