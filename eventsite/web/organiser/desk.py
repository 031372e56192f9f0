"""What the organisers' pages share: the blueprint they hang on, who acts, the answers to a form and to a button.

Not for pages.
"""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_security import current_user

from eventsite import access
from eventsite.errors import Refusal
from eventsite.models import Account
from eventsite.web.forms.category import CategoryForm
from eventsite.web.forms.event import EventForm

bp = Blueprint("organiser", __name__, url_prefix="/organiser")


@bp.context_processor
def rights() -> dict[str, Any]:
    """Let pages show only what the account may do."""
    return {"may": lambda verb, event: access.may(me(), verb, event)}


def me() -> Account:
    """Return the account that acts."""
    return current_user._get_current_object()


def form_answer(
    form: EventForm | CategoryForm, save: Callable[[], ResponseReturnValue], template: str, **shown: Any
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


def _at_field(form: EventForm | CategoryForm, refusal: Refusal) -> list[tuple[str, str]]:
    name = refusal.field if refusal.field in form else None
    if name:
        form[name].errors = [str(refusal.words)]
    return [(form[name].id if name else "", str(refusal.words))]
