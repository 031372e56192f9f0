"""The member list of a category: what is on it, a file offered, looked over and confirmed (domain rule D26)."""

from pathlib import PurePosixPath
from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_security import current_user

from eventsite.errors import Refusal
from eventsite.models import Category, Event
from eventsite.registration import member_file, members, spreadsheet
from eventsite.web import guards
from eventsite.web.forms.admission import MemberListForm
from eventsite.web.organiser.desk import bp, button_answer, me

LARGEST_REQUEST = 16 * 1024 * 1024  # more than a list may have, so that a sentence says so
SHOWN, SHOWN_OF_FILE, SHOWN_FAULTS = 200, 20, 100


@bp.url_value_preprocessor
def take_a_whole_list(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Before anything reads the form: a list may be larger than other posts, from people with an account."""
    if endpoint == "organiser.upload_members" and current_user.is_authenticated:
        request.max_content_length = LARGEST_REQUEST


@bp.get("/events/<slug>/categories/<code>/members", endpoint="members")
@guards.for_event("edit")
def members_page(event: Event, code: str) -> ResponseReturnValue:
    return _page(event, event.category(code) or abort(404), MemberListForm())


@bp.post("/events/<slug>/categories/<code>/members")
@guards.for_event("edit")
def upload_members(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    form = MemberListForm()
    faults = form.faults()
    if faults:
        return _page(event, category, form, faults)
    name = PurePosixPath(form.file.data.filename.replace("\\", "/")).name
    content = form.file.data.read(member_file.MOST_BYTES + 1)
    try:
        members.offer_list(category, me(), name, content)
    except Refusal as refusal:
        form.file.errors = [str(refusal.words)]
        broken = refusal.faults if isinstance(refusal, members.FaultyList) else ()
        return _page(event, category, form, [("file", str(refusal.words))], broken, name)
    return redirect(_address(event, category), 303)


@bp.post("/events/<slug>/categories/<code>/members/confirmation")
@guards.for_event("edit")
def confirm_members(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    try:
        count = members.confirm_list(category, request.form.get("upload", ""), me())
    except Refusal as refusal:
        flash(str(refusal.words), "error")
    else:
        flash(_("名簿を取り込みました（%(count)s件）。", count=count), "success")
    return redirect(_address(event, category), 303)


@bp.post("/events/<slug>/categories/<code>/members/rejection")
@guards.for_event("edit")
def discard_members(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    words = _("取り込みをやめました。名簿は変わっていません。")
    return button_answer(lambda: members.discard_list(category, me()), words, _address(event, category))


@bp.get("/events/<slug>/categories/<code>/members/removal", endpoint="members_removal")
@guards.for_event("edit")
def ask_before_removing_members(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    return render_template(
        "organiser/members_removal.html", event=event, category=category, size=members.size(category)
    )


@bp.post("/events/<slug>/categories/<code>/members/removal")
@guards.for_event("edit")
def remove_members(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    words = _("名簿を空にしました。")
    return button_answer(lambda: members.remove_list(category, me()), words, _address(event, category))


@bp.get("/events/<slug>/categories/<code>/members/template.csv")
@guards.for_event("edit")
def members_template(event: Event, code: str) -> ResponseReturnValue:
    """A file to fill in: the header and one invented member."""
    if event.category(code) is None:
        abort(404)
    table = spreadsheet.Table(header=list(member_file.HEADER), rows=[["A-0012", "見本市", "3"]])
    response = Response(spreadsheet.csv_bytes(table), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="members.csv"'
    return response


def _page(
    event: Event,
    category: Category,
    form: MemberListForm,
    faults: list[tuple[str, str]] | None = None,
    broken: Any = (),
    filename: str = "",
) -> ResponseReturnValue:
    """The list, and above it what was offered; with faults the page of a file that was not taken."""
    upload = None if faults else members.offered(category, me())
    page = render_template(
        "organiser/members.html",
        event=event,
        category=category,
        form=form,
        faults=faults or [],
        broken=broken[:SHOWN_FAULTS],
        more_broken=max(len(broken) - SHOWN_FAULTS, 0),
        filename=filename,
        upload=upload,
        seal=members.seal_of(upload) if upload else "",
        preview=upload.rows[:SHOWN_OF_FILE] if upload else [],
        difference=members.difference(category, upload) if upload else None,
        size=members.size(category),
        listed=members.first(category, SHOWN),
        shown=SHOWN,
    )
    return page, 422 if faults else 200


def _address(event: Event, category: Category) -> str:
    return url_for("organiser.members", slug=event.slug, code=category.code)
