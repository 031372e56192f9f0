"""The event's messages: what was written to whom, what became of it, and the buttons that send once more.

Not for writing to attendees (messages.py), nor for the post room as a whole (post.py).
"""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from eventsite import registration, wording
from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.events import announcing
from eventsite.mail import answers, letter_book, mailings
from eventsite.mail.letter_book import Entry, State
from eventsite.mail.letters import announcements
from eventsite.models import Event, Mailing, MailingStatus
from eventsite.web import guards
from eventsite.web.organiser.desk import bp, button_answer, me

LARGEST = "int(max=2147483647)"
SHOWN_MAILINGS = 10
STATES = {
    State.WAITING: (_l("送信待ち"), "info"),
    State.SENT: (_l("送信済み"), "ok"),
    State.FAILED: (_l("失敗"), "stop"),
    State.BOUNCED: (_l("不達"), "stop"),
    State.HELD: (_l("保留"), "warn"),
}
_PROGRESS = {
    MailingStatus.PLANNED: (_l("これから作成"), "info"),
    MailingStatus.WRITING: (_l("作成中"), "info"),
    MailingStatus.DONE: (_l("作成済み"), "ok"),
    MailingStatus.DROPPED: (_l("取り止め"), "neutral"),
}


@bp.get("/events/<slug>/letters")
@guards.for_event("see_roster")
def letters(event: Event) -> ResponseReturnValue:
    """The event's messages, the newest first, and the organiser's own mailings above them."""
    chosen = letter_book.Filter(
        state=request.args.get("state", ""),
        letter=request.args.get("letter", "")[:40],
        search=request.args.get("q", "").strip()[:100],
    )
    number = request.args.get("page", 1, type=int)
    return render_template(
        "organiser/letters.html",
        event=event,
        filter=chosen,
        page=letter_book.find(event, chosen, max(1, min(number, 10**6))),
        figures=letter_book.figures(event),
        letters=sorted((wording.letter_name(one), one) for one in letter_book.letters(event)),
        mailings=[_progress(one) for one in _mailings(event)],
        **_words(),
    )


@bp.get(f"/events/<slug>/letters/<{LARGEST}:number>")
@guards.for_event("see_roster")
def letter(event: Event, number: int) -> ResponseReturnValue:
    """One message: its text with personal links masked, and everything that is known of its way."""
    found = _find(event, number)
    return render_template(
        "organiser/letter.html",
        event=event,
        entry=found,
        kept_back=answers.why_kept_back(found.message.error) if found.state == State.HELD else "",
        reports=letter_book.reports(found.message),
        may_send_again=_may_send_again(found),
        explained=answers.explained,
        **_words(),
    )


@bp.post(f"/events/<slug>/letters/<{LARGEST}:number>/again")
@guards.for_event("manage_attendees")
def send_letter_again(event: Event, number: int) -> ResponseReturnValue:
    """A failed message goes out as it is; for one that had gone the letter of the present state is written anew."""
    found = _find(event, number)
    here = url_for("organiser.letter", slug=event.slug, number=number)
    try:
        done = registration.send_once_more(found.message, me())
    except Refusal as refusal:
        flash(str(refusal.words), "error")
        return redirect(here, 303)
    if done:
        flash(_("もう一度送ります。"), "success")
    else:
        flash(_("すでに処理されていました。"), "info")
    return redirect(here, 303)


@bp.post(f"/events/<slug>/letters/mailings/<{LARGEST}:number>/withdrawal")
@guards.for_event("edit")
def call_off_message(event: Event, number: int) -> ResponseReturnValue:
    """Write no more of a message to attendees."""
    query = select(Mailing).where(
        Mailing.event_id == event.id, Mailing.id == number, Mailing.letter == announcements.LETTER
    )
    mailing = db.session.scalar(query) or abort(404)
    page = url_for("organiser.letters", slug=event.slug)
    words = _("取り止めました。すでに作成したメールは、そのまま送られます。")
    return button_answer(lambda: announcing.call_off(mailing, me()), words, page)


def _find(event: Event, number: int) -> Entry:
    return letter_book.get(event, number) or abort(404)


def _may_send_again(entry: Entry) -> bool:
    """As far as its state goes; whether the address is still right is asked by the verb."""
    if entry.state == State.FAILED and entry.message.mime is not None:
        return True
    return entry.registration is not None and entry.state in {State.FAILED, State.SENT, State.BOUNCED}


def _mailings(event: Event) -> list[Mailing]:
    query = (
        select(Mailing)
        .where(Mailing.event_id == event.id, Mailing.letter == announcements.LETTER)
        .order_by(Mailing.id.desc())
        .limit(SHOWN_MAILINGS)
    )
    return list(db.session.scalars(query))


def _progress(mailing: Mailing) -> dict[str, Any]:
    """How far a message to attendees is; `of` None where no more is written."""
    word, tone = _PROGRESS[mailing.status]
    is_open = mailing.status in mailings.OPEN
    announcement = announcements.of(mailing)
    return {
        "mailing": mailing,
        "subject": announcement.subject,
        "word": word,
        "tone": tone,
        "is_open": is_open,
        "of": announcements.count(mailing.event, announcement.audience) if is_open else None,
    }


def _words() -> dict[str, Any]:
    return {"states": STATES, "letter_name": wording.letter_name}
