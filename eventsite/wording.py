"""Phrases about events and attendees that pages, letters and rosters share, in the language in force.

Not for whole sentences of a page (templates) or of a letter (`templates/letters`).
"""

from datetime import datetime, timedelta

from flask_babel import gettext as _

from eventsite import dates, i18n
from eventsite.models import Category, Event, Format, Status

ROOM_OPENS_BEFORE = timedelta(minutes=10)
BEST_FIRST = ("open", "few", "waitlist", "before", "full", "closed")


def status(value: Status | str) -> str:
    """Return the display word of a seat status (D10)."""
    words = {
        Status.CONFIRMED: _("参加確定"),
        Status.PENDING: _("承認待ち"),
        Status.WAITLISTED: _("キャンセル待ち"),
        Status.LOTTERY: _("抽選待ち"),
        Status.OFFERED: _("繰上げ案内中"),
        Status.DECLINED: _("不承認"),
        Status.LOST: _("落選"),
        Status.EXPIRED: _("期限切れ"),
        Status.CANCELLED: _("取消"),
    }
    return words[Status(value)]


def seat_state(code: str, opens_at: datetime | None = None, zone: str = dates.TOKYO) -> str:
    """Return the public word of a seat state (D31); before the opening it says when."""
    if code == "before" and opens_at is not None:
        return _("受付前（%(when)sから）", when=dates.when_short(opens_at, zone, i18n.current()))
    words = {
        "before": _("受付前"),
        "open": _("受付中"),
        "few": _("残りわずか"),
        "waitlist": _("満席（キャンセル待ち受付中）"),
        "full": _("満席"),
        "closed": _("受付終了"),
        "past": _("終了"),
        "cancelled": _("中止"),
    }
    return words[code]


def best_state(codes: list[str]) -> str:
    """Return the state of a whole event from those of its categories: the best that anybody can get."""
    return min(codes, key=BEST_FIRST.index) if codes else "closed"


def when(event: Event) -> str:
    return dates.when(event.start_at, event.end_at, event.timezone, i18n.current(), event.time_status)


def room_opens(event: Event) -> str:
    return dates.clock_time(event.start_at - ROOM_OPENS_BEFORE, event.timezone)


def form_of_event(event: Event) -> str:
    """Return how the event is held, for the line 形式."""
    online = _online(event)
    if event.format == Format.ONLINE:
        return online
    if event.format == Format.VENUE:
        return _("会場")
    return _("会場とオンラインの同時開催") + _in_brackets(event.online_words)


def fee(event: Event, category: Category) -> str:
    """Return what the category pays, as words; nothing is charged here."""
    if category.fee_jpy is None:
        return event.fee_note
    if category.fee_jpy == 0:
        return _("無料")
    return _("%(amount)s円（税込）", amount=f"{category.fee_jpy:,}")


def draw_day(category: Category) -> str:
    """Return the day of a category's draw; where none is set, it follows the closing."""
    event, language = category.event, i18n.current()
    if event.lottery_at is not None:
        return dates.day(event.lottery_at, event.timezone, language, year=False)
    closing = dates.day(category.window[1], event.timezone, language, year=False)
    return _("受付終了（%(day)s）のあと", day=closing)


def mode(event: Event, key: str | None) -> str:
    """Return the label of a way to take part; empty where there is no choice."""
    return next((one.label for one in event.modes if one.key == key), "")


def _online(event: Event) -> str:
    words = _("オンライン生配信") if event.live else _("オンライン")
    return words + _in_brackets(event.online_words + _in_brackets(event.online_status))


def _in_brackets(details: str) -> str:
    return _("（%(status)s）", status=details) if details else ""
