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


def role(name: str) -> str:
    """Return what a role of an account, or of an account for one event, is called (D79)."""
    words = {
        "admin": _("管理者"),
        "organiser": _("担当者"),
        "staff": _("スタッフ"),
        "viewer": _("閲覧のみ"),
    }
    return words.get(name, name)


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


def letter_name(letter: str) -> str:
    """Return what a kind of letter is called on pages, by the name of its template folder."""
    words = {
        "confirmed": _("参加確定のお知らせ"),
        "pending": _("承認待ちのお知らせ"),
        "waitlisted": _("キャンセル待ちのお知らせ"),
        "lottery": _("抽選申込の受付"),
        "won": _("当選のお知らせ"),
        "lost": _("落選のお知らせ"),
        "approved": _("承認のお知らせ"),
        "declined": _("不承認のお知らせ"),
        "promoted": _("繰上げのお知らせ"),
        "offered": _("繰上げのご案内（回答待ち）"),
        "offer_expired": _("繰上げのご案内の期限切れ"),
        "waitlist_ended": _("キャンセル待ち終了のお知らせ"),
        "changed": _("申込内容の変更"),
        "cancelled": _("本人による取消"),
        "cancelled_by_office": _("事務局による取消"),
        "rescheduled": _("日時変更のお知らせ"),
        "event_changed": _("開催内容の変更"),
        "event_cancelled": _("開催中止のお知らせ"),
        "reminder": _("開催前のご案内"),
        "join_info": _("参加用URLのお知らせ"),
        "followup_attended": _("参加のお礼"),
        "followup_absent": _("欠席の方へのご案内"),
        "link_resent": _("確認ページのURL"),
        "address_changed": _("連絡先の変更"),
        "organiser_message": _("主催者からの連絡"),
        "staff_invite": _("利用登録のお願い"),
        "staff_password": _("パスワードの再設定"),
        "staff_pending": _("承認待ちの件数（事務局あて）"),
        "staff_summary": _("一日のまとめ（事務局あて）"),
        "staff_full": _("満席のお知らせ（事務局あて）"),
        "staff_delivery": _("メール送信の不具合（事務局あて）"),
    }
    return words.get(letter, _("お知らせ"))


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


def change(label: str, before: str, after: str) -> str:
    """Return the line that says of something what it was and what it is now."""
    nothing = _("（なし）")
    return _(
        "%(label)s　変更前：%(before)s　変更後：%(after)s",
        label=label,
        before=before or nothing,
        after=after or nothing,
    )


def mode(event: Event, key: str | None) -> str:
    """Return the label of a way to take part; empty where there is no choice."""
    return next((one.label for one in event.modes if one.key == key), "")


def _online(event: Event) -> str:
    words = _("オンライン生配信") if event.live else _("オンライン")
    return words + _in_brackets(event.online_words + _in_brackets(event.online_status))


def _in_brackets(details: str) -> str:
    return _("（%(status)s）", status=details) if details else ""
