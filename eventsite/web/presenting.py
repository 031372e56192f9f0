"""From rows to what templates show: the lines of the facts list, the rows of the catalogue, the offers of an event."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from markupsafe import Markup

from eventsite import calendar, dates, i18n, wording
from eventsite.config import settings
from eventsite.events.catalogue import Listed
from eventsite.models import ACTIVE, Category, Event, EventStatus, Format, Status
from eventsite.registration import seats

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
    href: str | None


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


def event_page(listed: Listed, *, preview: bool = False) -> dict[str, Any]:
    """Return the variables of the event page; a preview offers nothing to choose."""
    event = listed.event
    return {
        "event": _Shown(event),
        "facts": facts(event),
        "offers": [offer(one, listed.categories[one.code], preview) for one in _listed_categories(event)],
        "state_code": listed.state,
        "state_words": wording.seat_state(listed.state, _first_opening(event), event.timezone),
        "preview": preview,
        "contact": contact(event),
        "ics_url": None if preview else url_for("public.event_ics", slug=event.slug),
    }


def offer(category: Category, state: str, preview: bool = False) -> Offer:
    href = None
    if state in CHOOSABLE and not preview:
        href = url_for("register.form", slug=category.event.slug, category=category.code)
    words = wording.seat_state(state, category.window[0], category.event.timezone)
    if category.capacity == 0:
        words = _("この区分は受け付けていません")
    if category.awaits_draw and state == "open":
        words = _("抽選の申込受付中")
    fee = wording.fee(category.event, category) if _fees_differ(category.event) else ""
    return Offer(category.code, category.label, state, words, category.help, fee, href)


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
        (_("対象"), [event.audience_note or _("、").join(one.label for one in _listed_categories(event))]),
        (_("申込締切"), [_closing(event)]),
        (_("抽選"), [_draw(event)]),
        (_("中止の理由"), [event.cancel_reason]),
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
    """Return an event as an entry of a public calendar; its UID never changes."""
    return calendar.FeedEntry(
        uid=f"event-{event.id}-{event.created_at:%Y%m%d%H%M%S}@{settings.mail_domain}",
        sequence=max(0, int((event.updated_at - event.created_at).total_seconds())),
        stamp=event.updated_at,
        created=event.created_at,
        start=event.start_at,
        end=event.end_at,
        summary=event.title,
        description="\n".join(one for one in (event.notice, event.abstract) if one),
        location=wording.form_of_event(event) if event.has_online else event.venue_name,
        url=f"{public_url}/events/{event.slug}",
        cancelled=event.status == "cancelled",
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


def _listed_categories(event: Event) -> list[Category]:
    """A category that needs an invite code is not listed (D27)."""
    return [one for one in event.categories if one.verification != "invite_code"]


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


def privacy_notice(event: Event) -> list[str]:
    """Return the paragraphs of the notice above the consents (D74, D75, D81)."""
    who = event.organizer or settings.association_name
    erased = dates.day(_erased_on(event), event.timezone, i18n.current())
    desk = [
        settings.association_address,
        settings.association_representative,
        contact(event)["phone"],
        contact(event)["email"],
    ]
    reachable = "　".join(one for one in desk if one) or _("各ページの「お問い合わせ」")
    return [
        _(
            "%(who)s（以下「当協議会」）は、お申し込みで取得した氏名・所属・連絡先などを、次の目的に限って利用します。",
            who=who,
        ),
        _("①本セミナーの受付、参加方法や変更のご連絡"),
        _("②参加状況の集計（個人が特定されない形で行います）"),
        _("③希望された方への今後のセミナーのご案内"),
        _("委託：メール配信・ウェビナー運営のため、必要な範囲で事業者に取扱いを委託することがあります。"),
        _sharing(event),
        _("保存期間：%(day)sに消去します。", day=erased),
        _("開示・訂正・利用停止などの窓口：%(desk)s", desk=reachable),
    ]


def _sharing(event: Event) -> str:
    if event.recipients:
        return _("第三者提供：下の欄で同意された方の情報に限り、提供します。")
    return _("第三者提供：法令に基づく場合を除き、ご本人の同意なく第三者に提供しません。")


def _erased_on(event: Event) -> date:
    """One year after the event's last day; 29 February becomes 28 February (D81)."""
    last = dates.in_zone(event.end_at, event.timezone).date()
    try:
        return last.replace(year=last.year + 1)
    except ValueError:
        return last.replace(year=last.year + 1, day=28)


def organiser_row(event: Event, ledger: seats.Ledger, now: datetime) -> dict[str, Any]:
    """Return one line of the organisers' list of events."""
    over = event.is_over(now)
    if event.status == EventStatus.CANCELLED:
        word, tone = _("中止"), "stop"
    elif event.status == EventStatus.DRAFT:
        word, tone = _("下書き"), "neutral"
    elif not event.is_public(now):
        word, tone = _("公開予定"), "info"
    else:
        word, tone = (_("終了"), "neutral") if over else (_("公開中"), "ok")
    return {
        "event": event,
        "over": over,
        "when": wording.when(event),
        "word": word,
        "tone": tone,
        "held": ledger.held,
        "cap": _total_cap(event),
    }


def tiles(event: Event, ledger: seats.Ledger, *, roster_counts: dict[str, int]) -> list[dict[str, Any]]:
    """Return the numbers of each category and of the whole, with the words that explain them."""
    shown = []
    for category in event.categories:
        held, cap = ledger.held_in_category.get(category.code, 0), category.capacity
        over = held - cap if cap is not None and held > cap else 0
        words = [_("上限なし") if cap is None else _("空き%(count)s", count=max(cap - held, 0))]
        if cap == 0:
            words = [_("受け付けていません")]
        if over:
            words = [_("定員超過 %(count)s名", count=over)]
        shown.append(
            {
                "category": category,
                "label": category.label,
                "number": held,
                "of": cap,
                "text": "　".join(words),
            }
        )
    if roster_counts:
        active = [status for status in Status if status in ACTIVE and roster_counts.get(status)]
        text = "　".join(f"{wording.status(one)}{roster_counts[one]}" for one in active)
        shown.append(
            {
                "category": None,
                "label": _("全体"),
                "number": ledger.held,
                "of": event.capacity_total,
                "text": text,
            }
        )
    return shown


def _total_cap(event: Event) -> int | None:
    if event.capacity_total is not None:
        return event.capacity_total
    caps = [one.capacity for one in event.categories]
    return None if None in caps else sum(one for one in caps if one is not None)
