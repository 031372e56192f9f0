"""The lotteries of an event, for its organisers: who is in them, when they are drawn, the button, the result (D19).

Not for the draw itself (registration/drawing.py), nor for what everybody may see of it (web/proof.py).
"""

from dataclasses import dataclass

from flask import abort, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from eventsite import clock, registration
from eventsite.config import settings
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.models import Account, Attendee, Category, Draw, Event, Status, StatusChange
from eventsite.registration import drawing, ledger, seeds
from eventsite.web import guards
from eventsite.web import proof as proofs
from eventsite.web.organiser.desk import bp, button_answer, me


@dataclass(frozen=True)
class Lottery:
    """One lottery in figures; `refusal` says why it cannot be drawn now, `left` None = no cap."""

    category: Category
    entries: int
    pending: int
    left: int | None
    when: str
    by_itself: bool
    refusal: Refusal | None
    proof: proofs.Proof | None
    address: str


@bp.get("/events/<slug>/draws")
@guards.for_event("approve")
def draws(event: Event) -> ResponseReturnValue:
    return render_template("organiser/draws.html", event=event, lotteries=lotteries(event))


@bp.get("/events/<slug>/draws/<code>")
@guards.for_event("approve")
def draw(event: Event, code: str) -> ResponseReturnValue:
    """Before the draw the page that asks, after it the result."""
    category = _category(event, code)
    made = seeds.draw_of(category)
    lottery = _lottery(category, made)
    if made is None or made.drawn_at is None:
        return render_template("organiser/draw.html", event=event, lottery=lottery)
    by = db.session.get(Account, made.account_id) if made.account_id else None
    people = _people(made)
    return render_template("organiser/drawn.html", event=event, lottery=lottery, by=by, people=people)


@bp.post("/events/<slug>/draws/<code>")
@guards.for_event("approve")
def make_draw(event: Event, code: str) -> ResponseReturnValue:
    category = _category(event, code)
    page = url_for("organiser.draw", slug=event.slug, code=category.code)
    return button_answer(
        lambda: registration.draw(category, me()), _("抽選を行い、結果をメールでお知らせしました。"), page
    )


def lotteries(event: Event) -> list[Lottery]:
    """Return the lotteries of an event in figures, in the order of its categories."""
    return [_lottery(one, seeds.draw_of(one)) for one in event.categories if one.selection == "lottery"]


def _category(event: Event, code: str) -> Category:
    category = event.category(code)
    if category is None or category.selection != "lottery":
        abort(404)
    return category


def _lottery(category: Category, made: Draw | None) -> Lottery:
    event = category.event
    in_it = select(func.count()).where(Attendee.category_id == category.id, Attendee.status == Status.LOTTERY)
    return Lottery(
        category=category,
        entries=db.session.scalar(in_it) or 0,
        pending=drawing.count_pending(category),
        left=ledger.read(event).left(category.code),
        when=proofs.when(category),
        by_itself=event.lottery_at is not None,
        refusal=_refusal(category),
        proof=proofs.of(made),
        address=f"{settings.public_url}{url_for('public.draw', slug=event.slug, code=category.code)}",
    )


def _refusal(category: Category) -> Refusal | None:
    try:
        drawing.check_drawable(category, clock.now())
    except Refusal as refusal:
        return refusal
    return None


def _people(made: Draw) -> dict[str, Attendee]:
    """Return those who were in a draw, by number, wherever they are now."""
    query = (
        select(Attendee)
        .join(StatusChange, StatusChange.attendee_id == Attendee.id)
        .where(
            StatusChange.event_id == made.category.event_id,
            StatusChange.from_status == Status.LOTTERY.value,
            StatusChange.at == made.drawn_at,
        )
        .options(joinedload(Attendee.registration))
    )
    return {one.number: one for one in db.session.scalars(query)}
