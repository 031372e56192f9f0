"""From rows to what templates show: the lines of the facts list, the rows of the catalogue, the offers of an event.

Not for what only organisers see (organiser/figures.py), nor for the privacy notice (privacy.py).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from markupsafe import Markup, escape

from eventsite import calendar, clock, dates, i18n, wording
from eventsite.config import settings
from eventsite.events.catalogue import Listed
from eventsite.models import Category, Event, EventStatus, Format
from eventsite.web import admission, proof

TIME_RANGE = re.compile(r"\d{1,2}:\d{2}[～–]\d{1,2}:\d{2}")
CHOOSABLE = {"open", "few", "waitlist"}
WEEKDAYS = "月火水木金土日"


@dataclass(frozen=True)
class Offer:
    """One category in the apply card; without `href` it cannot be chosen."""

    code: str
    label: str
    state_code: str
    state_words: str
    help: str
    fee_words: str
    how: str
    href: str | None


def whole_times(words: str) -> Markup:
    """Return words as HTML in which a range of times does not break across lines; a template filter."""
    kept = TIME_RANGE.sub(r'<span class="nowrap">\g<0></span>', str(escape(words)))
    return Markup(kept)  # noqa: S704 - escaped above


def row(listed: Listed) -> dict[str, Any]:
    """Return one line of the catalogue."""
    event = listed.event
    start = dates.in_zone(event.start_at, event.timezone)
    times = f"{dates.clock_time(event.start_at, event.timezone)}～{dates.clock_time(event.end_at, event.timezone)}"
    english = i18n.current() == "en"
    return {
        "event": event,
        "month": f"{start:%B %Y}" if english else f"{start.year}年{start.month}月",
        "day": str(start.day),
        "weekday_time": f"{start:%a} {times}" if english else f"{WEEKDAYS[start.weekday()]} {times}",
        "format_words": _format_word(event),
        "state_code": listed.state,
        "state_words": wording.seat_state(listed.state, _first_opening(event), event.timezone),
        "example": event.example,
    }


def event_page(listed: Listed, *, preview: bool = False, code: str = "") -> dict[str, Any]:
    """Return the variables of the event page; a preview offers nothing to choose.

    `code` is an invite code: what it opens is offered too, and passed on to the form (D27).
    """
    event = listed.event
    opened = admission.invited(event, code, clock.now())
    offered = [one for one in event.categories if one.is_listed or one in opened]
    return {
        "event": _Shown(event),
        "facts": facts(event),
        "offers": [
            offer(one, listed.categories[one.code], preview, code if one in opened else None)
            for one in offered
        ],
        "by_invitation": not offered,
        "state_code": listed.state,
        "state_words": wording.seat_state(listed.state, _first_opening(event), event.timezone),
        "preview": preview,
        "contact": contact(event),
        "draws": [] if preview else proof.links(admission.listed(event)),
        "ics_url": None if preview else url_for("public.event_ics", slug=event.slug),
    }


def offer(category: Category, state: str, preview: bool = False, code: str | None = None) -> Offer:
    href = None
    if state in CHOOSABLE and not preview:
        href = url_for("register.form", slug=category.event.slug, category=category.code, code=code)
    words = wording.seat_state(state, category.window[0], category.event.timezone)
    if category.capacity == 0:
        words = _("この区分は受け付けていません")
    if category.awaits_draw and state == "open":
        words = _("抽選の申込受付中")
    fee = wording.fee(category.event, category) if _fees_differ(category.event) else ""
    how = admission.in_words(category) if state in CHOOSABLE | {"before"} and category.capacity != 0 else ""
    return Offer(category.code, category.label, state, words, category.help, fee, how, href)


def facts(event: Event) -> list[tuple[str, list[str]]]:
    """Return what the facts list of an event says: label and lines."""
    when = [wording.when(event)]
    if event.has_online:
        when.append(_("%(time)sから入室できます", time=wording.room_opens(event)))
    rows = [
        (_("日時"), when),
        (_("形式"), [wording.form_of_event(event)]),
        (_("会場"), [event.venue_name, event.venue_address, event.venue_note]),
        (_("参加費"), [event.fee_note]),
        (_("対象"), [event.audience_note or _("、").join(one.label for one in admission.listed(event))]),
        (_("申込締切"), [_closing(event)]),
        (_("抽選"), [_draw(event)]),
        *_calling_off(event),
        (_("主催"), [event.organizer or settings.association_name]),
    ]
    return [(label, [line for line in lines if line]) for label, lines in rows if any(lines)]


def contact(event: Event) -> dict[str, str]:
    """Return whom to ask about an event: its own contact, else the association's."""
    return {
        "name": event.contact_name or event.organizer or settings.association_name,
        "email": event.contact_email or settings.association_email,
        "phone": event.contact_phone or settings.association_phone,
        "hours": event.contact_hours or settings.association_hours,
    }


def feed_entry(event: Event, public_url: str) -> calendar.FeedEntry:
    """Return an event as an entry of a public calendar; its UID never changes, its version only grows."""
    return calendar.FeedEntry(
        uid=event.calendar_uid,
        sequence=event.calendar_sequence,
        stamp=event.calendar_stamp or event.created_at,
        created=event.created_at,
        start=event.start_at,
        end=event.end_at,
        summary=event.title,
        description="\n".join(one for one in (event.notice, event.abstract) if one),
        location=wording.form_of_event(event) if event.has_online else event.venue_name,
        url=f"{public_url}/events/{event.slug}",
        cancelled=event.status == EventStatus.CANCELLED,
    )


class _Shown:
    """An event for templates: its attributes, with the cleaned description marked as HTML."""

    def __init__(self, event: Event) -> None:
        self._event = event
        # description_html has been through nh3 when it was saved
        self.description_html = Markup(event.description_html)  # noqa: S704

    def __getattr__(self, name: str) -> Any:
        return getattr(self._event, name)


def _format_word(event: Event) -> str:
    return {Format.ONLINE: _("オンライン"), Format.VENUE: _("会場"), Format.HYBRID: _("会場・オンライン")}[
        event.format
    ]


def _calling_off(event: Event) -> list[tuple[str, list[str]]]:
    if event.status != EventStatus.CANCELLED:
        return []
    return [
        (_("中止の理由"), event.cancel_reason.splitlines()),
        (_("代わりのご案内"), event.alternative.splitlines()),
    ]


def _fees_differ(event: Event) -> bool:
    return len({one.fee_jpy for one in event.categories}) > 1


def _first_opening(event: Event) -> datetime | None:
    openings = [one.window[0] for one in event.categories if one.window[0] is not None]
    return min(openings) if openings else None


def _closing(event: Event) -> str:
    if event.closes_at is None:
        return ""
    return _("%(when)sまで", when=dates.deadline(event.closes_at, event.timezone, i18n.current()))


def _draw(event: Event) -> str:
    if event.lottery_at is None:
        return ""
    return _(
        "%(day)sに抽選し、結果をメールでお知らせします",
        day=dates.day(event.lottery_at, event.timezone, i18n.current()),
    )
