"""The association's people: all accounts, for admins; who is what for one event, for its organisers (domain rule D79)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import access, clock, people, wording
from eventsite.db import db
from eventsite.mail import letter_book
from eventsite.models import Account, Event
from eventsite.signin import LINK_VALID
from eventsite.web import guards
from eventsite.web.forms.people import EventPersonForm, InvitationForm
from eventsite.web.organiser.desk import bp, button_answer, form_answer, me

LARGEST = 2**31 - 1


@bp.route("/people", methods=["GET", "POST"], endpoint="people")
@guards.admins
def people_page() -> ResponseReturnValue:
    form = InvitationForm()

    def save() -> ResponseReturnValue:
        account = people.invite(form.email.cleaned, form.name.cleaned, form.role.cleaned, me())
        flash(_("%(address)s に招待のメールを送ります。", address=account.email), "success")
        return redirect(url_for("organiser.people"), 303)

    now = clock.now()
    rows = [_row(one, now) for one in people.everybody()]
    return form_answer(form, save, "organiser/people.html", rows=rows, mine=me().id)


@bp.post("/people/<int:number>/invitation")
@guards.admins
def invite_again(number: int) -> ResponseReturnValue:
    return _button(number, people.invite_again, _("招待のメールをもう一度送ります。"))


@bp.post("/people/<int:number>/disabling")
@guards.admins
def disable_account(number: int) -> ResponseReturnValue:
    return _button(
        number, people.disable, _("利用を停止しました。サインイン中の画面も、すぐに使えなくなります。")
    )


@bp.post("/people/<int:number>/enabling")
@guards.admins
def enable_account(number: int) -> ResponseReturnValue:
    return _button(number, people.enable, _("利用を再開しました。パスワードは、前のものが使えます。"))


@bp.route("/events/<slug>/people", methods=["GET", "POST"])
@guards.for_event("edit")
def event_people(event: Event) -> ResponseReturnValue:
    form = EventPersonForm()

    def save() -> ResponseReturnValue:
        account = people.add(event, form.email.cleaned, form.role.cleaned, me())
        flash(_("%(name)s さんを加えました。", name=account.name or account.email), "success")
        return redirect(_event_page(event), 303)

    roles = [(name, wording.role(name)) for name in people.EVENT_ROLES]
    return form_answer(
        form,
        save,
        "organiser/event_people.html",
        event=event,
        rows=people.of_event(event),
        roles=roles,
        mine=me().id,
    )


@bp.post("/events/<slug>/people/<int:number>")
@guards.for_event("edit")
def change_event_person(event: Event, number: int) -> ResponseReturnValue:
    """Another role for somebody, or none any more."""
    account = _of_event(event, number)
    role = None if request.form.get("action") == "remove" else request.form.get("role", "")
    words = _("担当から外しました。") if role is None else _("権限を変更しました。")
    answer = button_answer(lambda: people.set_role(event, account, role, me()), words, _event_page(event))
    if access.may(me(), "edit", event):
        return answer
    return redirect(url_for("organiser.index"), 303)  # this page is not theirs any more


def _row(person: people.Person, now: datetime) -> dict[str, Any]:
    account = person.account
    word, tone = _("利用中"), "ok"
    if not account.active:
        word, tone = _("停止中"), "stop"
    elif person.is_invited:
        word, tone = _("招待中"), "warn"
    return {
        "account": account,
        "name": account.name or account.email,
        "role": _("、").join(wording.role(one.name) for one in account.roles),
        "word": word,
        "tone": tone,
        "invited": account.active and person.is_invited,
        "letter": _letter(person, now) if person.is_invited else "",
        "sent_at": person.invitation.created_at if person.invitation and person.is_invited else None,
    }


def _letter(person: people.Person, now: datetime) -> str:
    """What became of the invitation."""
    if person.invitation is None:
        return _("招待のメールは送っていません")
    if now >= person.invitation.created_at + LINK_VALID:
        return _("URLの期限切れ")
    words = {
        letter_book.State.WAITING: _("送信待ち"),
        letter_book.State.SENT: _("送信済み"),
        letter_book.State.FAILED: _("送信できませんでした"),
        letter_book.State.BOUNCED: _("届きませんでした"),
        letter_book.State.HELD: _("送信していません"),
    }
    return words[letter_book.state_of(person.invitation)]


def _button(number: int, verb: Callable[[Account, Account], None], done: str) -> ResponseReturnValue:
    account = _account(number)
    return button_answer(lambda: verb(account, me()), done, url_for("organiser.people"))


def _account(number: int) -> Account:
    found = db.session.get(Account, number) if number <= LARGEST else None
    return found or abort(404)


def _of_event(event: Event, number: int) -> Account:
    """Return an account that is something for the event; of others nobody learns here."""
    return next((one for one, _role in people.of_event(event) if one.id == number), None) or abort(404)


def _event_page(event: Event) -> str:
    return url_for("organiser.event_people", slug=event.slug)
