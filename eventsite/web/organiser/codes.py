"""The invite codes of a category: a list with what has become of each, a new one, one withdrawn (domain rule D27)."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import clock
from eventsite.config import settings
from eventsite.models import Category, Event, InviteCode
from eventsite.registration import codes
from eventsite.web import guards
from eventsite.web.forms.admission import CodeForm
from eventsite.web.organiser.desk import bp, button_answer, form_answer, me


@bp.route("/events/<slug>/categories/<code>/codes", methods=["GET", "POST"], endpoint="codes")
@guards.for_event("edit")
def codes_page(event: Event, code: str) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    form = CodeForm(event.timezone)

    def save() -> ResponseReturnValue:
        made = codes.create_code(
            category,
            me(),
            form.code.cleaned,
            uses=form.number_of_uses,
            expires_at=form.expires_at,
            note=form.note.cleaned,
        )
        flash(_("招待コード %(code)s を作りました。", code=codes.grouped(made.code)), "success")
        return redirect(_address(event, category), 303)

    return form_answer(
        form, save, "organiser/codes.html", event=event, category=category, codes=_rows(category, clock.now())
    )


@bp.post("/events/<slug>/categories/<code>/codes/<int:number>/withdrawal")
@guards.for_event("edit")
def withdraw_code(event: Event, code: str, number: int) -> ResponseReturnValue:
    category = event.category(code) or abort(404)
    found = next((one for one in codes.of_category(category) if one.id == number), None) or abort(404)
    words = _("招待コード %(code)s を取り下げました。", code=codes.grouped(found.code))
    return button_answer(lambda: codes.withdraw_code(found, me()), words, _address(event, category))


def _rows(category: Category, now: datetime) -> list[dict[str, Any]]:
    counts = codes.used(category)
    return [_row(category, one, counts.get(one.id, 0), now) for one in codes.of_category(category)]


def _row(category: Category, code: InviteCode, used: int, now: datetime) -> dict[str, Any]:
    word, tone = _("使えます"), "ok"
    if code.withdrawn_at is not None:
        word, tone = _("取り下げ済み"), "neutral"
    elif code.expires_at is not None and code.expires_at <= now:
        word, tone = _("期限切れ"), "neutral"
    elif code.uses is not None and used >= code.uses:
        word, tone = _("使い切り"), "wait"
    return {
        "id": code.id,
        "shown": codes.grouped(code.code),
        "note": code.note,
        "used": used,
        "uses": code.uses,
        "end": code.expires_at,
        "word": word,
        "tone": tone,
        "withdrawn": code.withdrawn_at is not None,
        "link": _link(category, code.code) if tone == "ok" else "",
    }


def _link(category: Category, code: str) -> str:
    question = urlencode({"category": category.code, "code": code})
    return f"{settings.public_url}/events/{category.event.slug}/register?{question}"


def _address(event: Event, category: Category) -> str:
    return url_for("organiser.codes", slug=event.slug, code=category.code)
