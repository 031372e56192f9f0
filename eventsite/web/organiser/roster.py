"""Who is coming to an event, for its organisers: the roster as a page and as a file.

Not for which rows and columns a roster has (registration/roster.py).
"""

from urllib.parse import quote

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_security import current_user

from eventsite import access
from eventsite.models import Event, Status
from eventsite.registration import ledger, roster, spreadsheet
from eventsite.web import guards
from eventsite.web.organiser import entry, figures
from eventsite.web.organiser.desk import bp, me


@bp.get("/events/<slug>/roster", endpoint="roster")
@guards.for_event("see_roster")
def roster_page(event: Event) -> ResponseReturnValue:
    chosen = _filter()
    number = request.args.get("page", 1, type=int)
    page = roster.find(event, chosen, page=max(1, min(number, 10**6)))
    return render_template(
        "organiser/roster.html",
        event=event,
        page=page,
        filter=chosen,
        statuses=list(Status),
        places=ledger.positions(event),
        tiles=figures.tiles(event, ledger.read(event), roster_counts=roster.counts(event)),
        may_enter=access.may(current_user, "manage_attendees", event) and entry.refusal(event) is None,
        may_download=access.may(current_user, "download_roster", event),
        losses=spreadsheet.losses(roster.table(event, "office", chosen))
        if request.args.get("losses")
        else None,
    )


@bp.get("/events/<slug>/roster.<any(csv, xlsx):file_format>")
@guards.for_event("download_roster")
def roster_file(event: Event, file_format: str) -> ResponseReturnValue:
    """The roster as a file; every download is logged (D84)."""
    preset = request.args.get("preset", "office")
    try:
        made = roster.download(
            event,
            preset=preset,
            file_format=file_format,
            encoding=request.args.get("encoding") or None,
            filter=_filter(),
            recipient=request.args.get("recipient") or None,
            by=me(),
        )
    except roster.PresetNotAllowed:
        abort(403)
    except ValueError:
        abort(400)
    response = Response(made.content, content_type=made.media_type)
    japanese = quote(made.japanese_name, safe="")
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{made.ascii_name}\"; filename*=UTF-8''{japanese}"
    )
    return response


def _filter() -> roster.Filter:
    """An unknown category or status finds nobody, rather than everybody."""
    return roster.Filter(
        category=request.args.get("category") or None,
        status=request.args.get("status") or None,
        search=request.args.get("q", "").strip()[:100] or None,
    )
