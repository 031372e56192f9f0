"""The categories of an event: how many seats each has, which rules, which fields. Not for who gets those seats."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite.events import operations
from eventsite.models import Category, Event
from eventsite.registration import codes, ledger, members
from eventsite.web import guards
from eventsite.web.forms.category import CategoryForm, category_data
from eventsite.web.organiser import figures
from eventsite.web.organiser.desk import bp, button_answer, form_answer, me


@bp.get("/events/<slug>/categories")
@guards.for_event("edit")
def categories(event: Event) -> ResponseReturnValue:
    return render_template(
        "organiser/categories.html",
        event=event,
        tiles=figures.tiles(event, ledger.read(event), roster_counts={}),
    )


@bp.route("/events/<slug>/categories/new", methods=["GET", "POST"])
@guards.for_event("edit")
def new_category(event: Event) -> ResponseReturnValue:
    return _category_page(event, None)


@bp.route("/events/<slug>/categories/<code>", methods=["GET", "POST"])
@guards.for_event("edit")
def edit_category(event: Event, code: str) -> ResponseReturnValue:
    return _category_page(event, event.category(code) or abort(404))


@bp.get("/events/<slug>/categories/<code>/removal", endpoint="category_removal")
@guards.for_event("edit")
def ask_before_removing_category(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    return render_template(
        "organiser/category_removal.html",
        event=event,
        category=category,
        used=operations.is_used(category),
        codes=len(codes.of_category(category)),
        members=members.size(category),
    )


@bp.post("/events/<slug>/categories/<code>/removal")
@guards.for_event("edit")
def remove_category(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    words = _("参加区分「%(label)s」を削除しました。", label=category.label)
    return button_answer(lambda: operations.remove_category(category, me()), words, _categories(event))


def _category_page(event: Event, category: Category | None) -> ResponseReturnValue:
    form = CategoryForm(event, category_data(category) if category and request.method == "GET" else None)

    def save() -> ResponseReturnValue:
        values = form.values()
        if category is None:
            operations.add_category(event, values, me())
        else:
            del values["code"]
            operations.change_category(category, values, me())
        flash(_("参加区分を保存しました。"), "success")
        if category is not None:
            _tell_of_too_few_seats(category)
        return redirect(_categories(event), 303)

    return form_answer(form, save, "organiser/category.html", event=event, category=category)


def _tell_of_too_few_seats(category: Category) -> None:
    """Lowering a cap drops nobody; until enough have left, nobody gets a seat (D16)."""
    held = ledger.read(category.event).held_in_category.get(category.code, 0)
    if category.capacity is None or held <= category.capacity:
        return
    words = _(
        "定員超過 %(count)s名です。参加者はそのままで、席が空くまで新しい参加者は受け付けません。",
        count=held - category.capacity,
    )
    flash(words, "warning")


def _categories(event: Event) -> str:
    return url_for("organiser.categories", slug=event.slug)
