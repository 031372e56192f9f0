"""Putting the seminar into a calendar by the link of a registration: the file, links to web calendars, words to copy.

What is said here may be shared with colleagues, so no personal link stands in it. Whoever waits has nothing to enter
yet; whoever was cancelled reads that. Not for making calendar objects (`eventsite.mail.invitations`).
"""

from dataclasses import dataclass

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import calendar_links, dates, i18n, wording
from eventsite.config import settings
from eventsite.mail import invitations
from eventsite.mail.recipients import Recipient
from eventsite.models import EventStatus
from eventsite.registration import spreadsheet
from eventsite.web import guards, presenting
from eventsite.web.manage import bp, by_link, joins

ENCODINGS = {"utf-8-sig": "calendar.csv", "cp932": "calendar-sjis.csv"}


@dataclass(frozen=True)
class Words:
    """What somebody enters by hand: pairs of label and lines; an address stands on a line of its own."""

    title: str
    rows: list[tuple[str, list[str]]]

    @property
    def body(self) -> str:
        """Everything but the title."""
        return "\n".join(self._row(label, lines) for label, lines in self.rows)

    @property
    def text(self) -> str:
        return "\n".join([self._row(_("件名"), [self.title]), self.body])

    @staticmethod
    def _row(label: str, lines: list[str]) -> str:
        first, *others = lines
        if "://" in first:
            return "\n".join([label, *lines])
        return "\n".join([_("%(label)s　%(value)s", label=label, value=first), *others])


@bp.get("/invite.ics")
@guards.public
@by_link
def invite_ics(recipient: Recipient, token: str) -> ResponseReturnValue:
    """The calendar object as it was last sent, the same bytes."""
    entry = invitations.find(recipient)
    if entry is None:
        abort(404)
    response = Response(entry.ics, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="invite.ics"'
    return response


@bp.get("/calendar")
@guards.public
@by_link
def calendar(recipient: Recipient, token: str) -> ResponseReturnValue:
    """How to put the seminar into a calendar; 404 for whoever neither has a seat nor waits for one."""
    state = _state(recipient)
    if not state:
        abort(404)
    event = recipient.registration.event
    words = _words(recipient)
    return render_template(
        "manage/calendar.html",
        state=state,
        event=event,
        token=token,
        has_file=invitations.find(recipient) is not None,
        links=_links(recipient) if state == "confirmed" else [],
        lost=sorted({one.character for one in spreadsheet.losses(_table(words, recipient))}),
        words=words,
        contact=presenting.contact(event),
    )


@bp.get("/calendar.csv")
@guards.public
@by_link
def calendar_csv(recipient: Recipient, token: str) -> ResponseReturnValue:
    """One line for office groupware that takes no .ics (D71), with `?encoding=cp932` for what takes no UTF-8."""
    encoding = request.args.get("encoding", "utf-8-sig")
    if encoding not in ENCODINGS or _state(recipient) != "confirmed":
        abort(404)
    content = spreadsheet.csv_bytes(_table(_words(recipient), recipient), encoding)
    charset = "Shift_JIS" if encoding == "cp932" else "utf-8"
    response = Response(content, content_type=f"text/csv; charset={charset}")
    response.headers["Content-Disposition"] = f'attachment; filename="{ENCODINGS[encoding]}"'
    return response


def _state(recipient: Recipient) -> str:
    """Return `confirmed`, `cancelled` or `waiting`; "" for whoever neither has, nor had, nor waits for a seat."""
    if recipient.registration.event.status == EventStatus.CANCELLED:
        return "cancelled"
    if recipient.confirmed:
        return "confirmed"
    if recipient.active:
        return "waiting"
    return "cancelled" if invitations.find(recipient) is not None else ""


def _words(recipient: Recipient) -> Words:
    event = recipient.registration.event
    contact = presenting.contact(event)
    when = [wording.when(event)]
    if i18n.current() == "ja":
        when.append(dates.official(event.start_at, event.end_at, event.timezone))
    rows = [
        (_("日時"), when),
        (_("場所"), [invitations.place(event, recipient), event.venue_note]),
        *_joining(recipient),
        (_("セミナーのページ"), [_event_url(recipient)]),
        (_("お問い合わせ"), [contact["name"], contact["phone"], contact["email"]]),
    ]
    return Words(event.title, [(label, kept) for label, lines in rows if (kept := list(filter(None, lines)))])


def _joining(recipient: Recipient) -> list[tuple[str, list[str]]]:
    """How to join, for those who may know it (D68)."""
    event = recipient.registration.event
    if not joins(recipient):
        return []
    return [
        (_("参加用URL"), [event.join_url]),
        (_("ウェビナーID"), [event.webinar_id]),
        (_("パスコード"), [event.passcode]),
    ]


def _links(recipient: Recipient) -> list[tuple[str, str]]:
    """Return names and addresses of the web calendars."""
    event = recipient.registration.event
    contact = presenting.contact(event)
    who = "　".join(one for one in (contact["name"], contact["phone"]) if one)
    join_url = event.join_url if joins(recipient) else ""
    item = calendar_links.Item(
        title=event.title,
        start=event.start_at,
        end=event.end_at,
        timezone=event.timezone,
        location=invitations.place(event, recipient),
        details=[
            one
            for one in (
                join_url,
                _event_url(recipient),
                _("%(label)s　%(value)s", label=_("お問い合わせ"), value=who),
            )
            if one
        ],
    )
    return [
        (_("Googleカレンダー"), calendar_links.google(item)),
        (_("Outlook.com（個人用）"), calendar_links.outlook(item)),
        (_("Microsoft 365（職場・学校用）"), calendar_links.microsoft_365(item)),
    ]


def _table(words: Words, recipient: Recipient) -> spreadsheet.Table:
    event = recipient.registration.event
    start, end = (dates.in_zone(one, event.timezone) for one in (event.start_at, event.end_at))
    days_and_times = [f"{start:%Y/%m/%d}", f"{start:%H:%M}", f"{end:%Y/%m/%d}", f"{end:%H:%M}"]
    return spreadsheet.Table(
        header=["件名", "開始日", "開始時刻", "終了日", "終了時刻", "内容"],
        rows=[[words.title, *days_and_times, words.body]],
    )


def _event_url(recipient: Recipient) -> str:
    return f"{settings.public_url}/events/{recipient.registration.event.slug}"
