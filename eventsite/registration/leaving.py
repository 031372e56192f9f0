"""Cancel: somebody gives a seat, a place in line or a lot back, and whoever is next gets it (domain rules D7, D21, D29).

Lock → decide → write → audit → letter, in one transaction.
"""

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from eventsite import audit, clock
from eventsite.db import lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters
from eventsite.models import MOVES, Account, Attendee, Status
from eventsite.registration import waiting
from eventsite.registration.moves import move


def cancel(attendees: Sequence[Attendee], *, by: Account | None = None, reason: str = "") -> list[Attendee]:
    """Cancel attendees of one registration; their seats go to the first in line in the same transaction (D21).

    Returns those that were cancelled now; who was cancelled before stays as he is. The public may cancel until the
    start (D29), else Refusal `closed`.
    """
    event = attendees[0].registration.event
    with transaction():
        lock(event)
        now = clock.now()
        if by is None and event.start_at <= now:
            raise Refusal("closed", _l("開始時刻を過ぎているため、取り消せません。事務局へご連絡ください。"))
        leaving = [one for one in attendees if Status.CANCELLED in MOVES[one.status]]
        declined = [one.status == Status.OFFERED for one in leaving]
        for one in leaving:
            move(one, Status.CANCELLED, "by-office" if by else "by-attendee", now, by)
            one.cancelled_at = now
            one.cancel_reason = reason
        if leaving:
            audit.record("attendee.cancelled", event, by, numbers=[one.number for one in leaving])
            letters.cancelled(leaving[0].registration, leaving, now, offer_declined=all(declined))
            waiting.promote(event)
    return leaving
