"""Cancel: somebody gives a seat, a place in line or a lot back, and whoever is next gets it (domain rules D7, D21, D29).

Lock → decide → write → audit → letter, in one transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask_babel import lazy_gettext as _l

from eventsite import audit, clock, i18n
from eventsite.db import lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters
from eventsite.models import MOVES, Account, Attendee, Event, Status
from eventsite.registration import waiting
from eventsite.registration.moves import move


def cancel(
    attendees: Sequence[Attendee],
    *,
    by: Account | None = None,
    reason: str = "",
    shown: Mapping[int, int] | None = None,
) -> list[Attendee]:
    """Cancel attendees of one registration; their seats go to the first in line in the same transaction (D21).

    Returns those that were cancelled now; who was cancelled before stays as he is. The public may cancel until the
    deadline (D29), and only those whom the page had shown (`check_shown`), else Refusal `closed`.
    """
    event = attendees[0].registration.event
    with transaction():
        lock(event)
        now = clock.now()
        if by is None:
            check_in_time(event, now)
        check_shown(attendees, shown)
        leaving = [one for one in attendees if Status.CANCELLED in MOVES[one.status]]
        declined = [one.status == Status.OFFERED for one in leaving]
        for one in leaving:
            move(one, Status.CANCELLED, "by-office" if by else "by-attendee", now, by)
            one.cancelled_at = now
            one.cancel_reason = reason
        if leaving:
            audit.record("attendee.cancelled", event, by, numbers=[one.number for one in leaving])
            _tell(leaving, now, by, reason, offer_declined=all(declined))
            waiting.promote(event)
    return leaving


def check_in_time(event: Event, now: datetime) -> None:
    """Raise Refusal `closed` once people can no longer cancel or replace by themselves (D29)."""
    if now < event.leaving_ends:
        return
    if event.leaving_ends == event.start_at:
        raise Refusal(
            "closed", _l("開始時刻を過ぎているため、取消や差し替えはできません。事務局へご連絡ください。")
        )
    until = i18n.lazy_deadline(event.leaving_ends, event.timezone)
    raise Refusal(
        "closed",
        _l("取消と差し替えの期限（%(until)sまで）を過ぎています。事務局へご連絡ください。", until=until),
    )


def check_shown(attendees: Sequence[Attendee], shown: Mapping[int, int] | None) -> None:
    """Raise Refusal `closed` if somebody else now has the place of a person whom a page had shown.

    `shown` are link versions by branch, None = no page was shown. Call it under the event's lock.
    """
    if shown is None:
        return
    for one in attendees:
        if shown.get(one.branch, one.link_version) != one.link_version:
            words = _l(
                "参加者%(number)sは、すでに差し替えられています。内容をご確認のうえ、もう一度お試しください。",
                number=one.branch,
            )
            raise Refusal("closed", words)


def _tell(
    gone: Sequence[Attendee], now: datetime, by: Account | None, reason: str, *, offer_declined: bool
) -> None:
    found = gone[0].registration
    if by is None:
        letters.cancelled(found, gone, now, offer_declined=offer_declined)
    else:
        letters.cancelled_by_office(found, gone, now, reason)
