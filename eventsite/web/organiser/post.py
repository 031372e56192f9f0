"""What organisers are told on each of their pages when mail does not flow: it waits, is held, has no server, no worker.

Not for single messages (letters.py).
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from flask_babel import gettext as _

from eventsite import clock, dates
from eventsite.mail import post_room

PATIENCE = timedelta(minutes=5)


class News(NamedTuple):
    """Sentences for the top of a page; none when all is well."""

    tone: str
    sentences: list[str]


def news() -> News:
    """Return what stands in the way of mail now."""
    now, state = clock.now(), post_room.state()
    since = state.waiting_since
    late = since is not None and now - since > PATIENCE
    found = [_reason(state, now, late=late)]
    if since is not None and late:
        words = _(
            "%(count)s通のメールが%(since)s送信を待っています。",
            count=state.waiting,
            since=_ago(since, now),
        )
        found.insert(0, words)
    sentences = [one for one in found if one]
    return News("stop" if state.held_at or state.failing_since else "caution", sentences)


def _reason(state: post_room.State, now: datetime, *, late: bool) -> str:
    """Why nothing leaves, the surest reason first."""
    if state.held_at:
        return _("メールの送信は、運用担当者により止められています。")
    if state.failing_since:
        since = dates.roster_time(state.failing_since, dates.TOKYO)
        return _(
            "メールサーバーが%(since)sから応答していません。つながりしだい、自動で送ります。", since=since
        )
    if state.last_beat is None:
        return _("メールを送る処理が動いていません。運用担当者にご連絡ください。") if late else ""
    if now - state.last_beat > PATIENCE:
        since = _ago(state.last_beat, now)
        return _("メールを送る処理が%(since)s動いていません。運用担当者にご連絡ください。", since=since)
    return ""


def _ago(moment: datetime, now: datetime) -> str:
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 120:
        return _("%(count)s分前から", count=minutes)
    if minutes < 48 * 60:
        return _("%(count)s時間前から", count=minutes // 60)
    return _("%(count)s日前から", count=minutes // (24 * 60))
