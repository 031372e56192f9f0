"""What the organisers' pages share: the blueprint they hang on, who acts, the answers to a form and to a button.

Not for pages.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from flask import Blueprint, current_app, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_security import current_user

from eventsite import access, clock, text
from eventsite.errors import Refusal
from eventsite.mail import schedule
from eventsite.models import Account, Event
from eventsite.registration import ledger
from eventsite.web.organiser import post

bp = Blueprint("organiser", __name__, url_prefix="/organiser")


class OrganisersForm(Protocol):
    """A form that knows its faults: (field id, sentence) for each."""

    def faults(self) -> list[tuple[str, str]]: ...
    def __contains__(self, name: str) -> bool: ...
    def __getitem__(self, name: str) -> Any: ...


@bp.context_processor
def rights() -> dict[str, Any]:
    """Let pages show only what the account may do, and the navigation only what the event has."""
    may = cache(lambda verb, event: access.may(me(), verb, event))  # one page asks the same many times
    return {
        "may": may,
        "opens": lambda name, event: bool(verb := _verb(name)) and may(verb, event),
        "has_waitlist": _has_waitlist,
        "has_begun": lambda event: clock.now() >= event.start_at,
        "lacks_link": lambda event: schedule.lacks_link(event, clock.now()),
        "looks_after_site": current_user.is_authenticated and access.is_admin(me()),
        "post_news": post.news,
    }


def me() -> Account:
    """Return the account that acts."""
    return current_user._get_current_object()


def form_answer(
    form: OrganisersForm, save: Callable[[], ResponseReturnValue], template: str, **shown: Any
) -> ResponseReturnValue:
    """Show a form; posted without faults it is saved, and a refusal then stands at its field."""
    faults: list[tuple[str, str]] = []
    if request.method == "POST":
        faults = form.faults()
        if not faults:
            try:
                return save()
            except Refusal as refusal:
                faults = _at_field(form, refusal)
    return render_template(template, form=form, faults=faults, **shown), 422 if faults else 200


def button_answer(verb: Callable[[], object], done: str, page: str) -> ResponseReturnValue:
    """Do what a button says and go to a page, which tells that it is done or why not."""
    try:
        verb()
    except Refusal as refusal:
        flash(str(refusal.words), "error")
    else:
        flash(done, "success")
    return redirect(page, 303)


def typed_text(field: str, name: Any, longest: int) -> str:
    """Return what was typed into a field of several lines, cleaned; raises Refusal `invalid` at the field.

    `name` is what sentences call it.
    """
    try:
        words = text.clean_text(request.form.get(field, ""))
    except text.InvalidText:
        raise Refusal("invalid", _l("%(item)sに使えない文字が含まれています。", item=name), field) from None
    if text.length(words) > longest:
        sentence = _l("%(item)sは%(count)s文字以内で入力してください。", item=name, count=longest)
        raise Refusal("invalid", sentence, field)
    return words


def _verb(name: str) -> str:
    """Return what the guard of the page of this name asks for; "" if there is no such page."""
    view = current_app.view_functions.get(f"{bp.name}.{name}")
    return getattr(view, "guard", "").partition(":")[2]


def _has_waitlist(event: Event) -> bool:
    return any(one.waitlist for one in event.categories) or bool(ledger.waiting_kinds([event]))


def _at_field(form: OrganisersForm, refusal: Refusal) -> list[tuple[str, str]]:
    name = refusal.field if refusal.field and refusal.field in form else None
    if name:
        form[name].errors = [str(refusal.words)]
    return [(form[name].id if name else "", str(refusal.words))]
