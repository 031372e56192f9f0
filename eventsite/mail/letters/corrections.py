"""Letters about what is asked for again or put right later: details, people, addresses, links.

Reached through `letters`, as every occasion is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from eventsite.db import db
from eventsite.mail import recipients
from eventsite.mail.facts import News
from eventsite.mail.recipients import Recipient
from eventsite.mail.writing import write
from eventsite.models import Attendee, Message, Registration, Revision, Status, StatusChange

BETTER_FIRST = (Status.CONFIRMED, Status.OFFERED, Status.PENDING, Status.LOTTERY, Status.WAITLISTED)
LETTER_OF = {
    Status.CONFIRMED: "confirmed",
    Status.OFFERED: "offered",
    Status.PENDING: "pending",
    Status.LOTTERY: "lottery",
    Status.WAITLISTED: "waitlisted",
}


def changed(
    registration: Registration,
    lines: Sequence[str],
    now: datetime,
    about: Sequence[Attendee] | Mapping[Attendee, Sequence[str]] = (),
) -> None:
    """changed: what was changed, to the contact and to those of `about` who have an own address.

    As a mapping, `about` gives each attendee lines of their own, which beside them only the contact reads. Call it
    after the Revision was added. A calendar entry that now reads otherwise goes along as a later version.
    """
    own = about if isinstance(about, Mapping) else {}
    everything = [*lines, *(line for said in own.values() for line in said)]
    for recipient in recipients.about(registration, list(about)):
        whose = recipient.attendee
        said = own[whose] if whose is not None and whose in own else everything
        news = News("changed", list(about), changes=said)
        write(recipient, news, _revision("changed", registration, now), now)


def replaced(
    attendee: Attendee,
    former: Recipient | None,
    lines: Sequence[str],
    now: datetime,
    positions: Mapping[int, int] | None = None,
) -> None:
    """changed, to the contact; cancelled, to whom left; the letter of the present state, to whom came.

    Call it when the row is changed and the Revision added. `former` is what `letters.former` had returned before.
    """
    registration = attendee.registration
    occasion = _revision("replaced", registration, now)
    if former is not None:
        write(former, News("cancelled", [attendee]), occasion, now)
    for recipient in recipients.about(registration, [attendee]):
        if recipient.attendee is None:
            write(recipient, News("changed", [attendee], changes=lines), occasion, now)
        else:
            _write_state(recipient, occasion, now, positions or {})


def state_again(recipient: Recipient, now: datetime, positions: Mapping[int, int]) -> Message | None:
    """Write the letter of the present state again, its calendar entry unchanged; link_resent where nobody is left.

    Asked for twice in one minute it is written once, unless the done page has counted both.
    """
    occasion = f"again-{recipient.registration.sent_again}-{recipient.version}:{now:%Y%m%d%H%M}"
    return _write_state(recipient, occasion, now, positions)


def link_resent(recipient: Recipient, now: datetime) -> Message | None:
    """link_resent: the personal link, to the stored address; at most once in an hour of the clock."""
    return write(recipient, News("link_resent"), f"link-{recipient.version}:{now:%Y%m%d%H}", now)


def address_changed(
    registration: Registration, former_email: str, now: datetime, attendee: Attendee | None = None
) -> None:
    """address_changed: everything to the new address; to the former one only that it is no longer used.

    Call it when the address is changed and the link renewed: the contact's, or that of `attendee`.
    """
    recipient = Recipient(registration, attendee)
    write(recipient, News("address_changed"), _revision("address", registration, now), now)
    if former_email:
        earlier = recipients.before_renewal(recipient, former_email)
        write(earlier, News("address_changed"), _revision("address-left", registration, now), now)


def _write_state(
    recipient: Recipient, occasion: str, now: datetime, positions: Mapping[int, int]
) -> Message | None:
    active = recipient.active
    if not active:
        return write(recipient, News("link_resent"), occasion, now)
    best = min((one.status for one in active), key=BETTER_FIRST.index)
    about = [one for one in active if one.status == best]
    news = News(LETTER_OF[best], about, positions=positions, asked_at=_since(about))
    return write(recipient, news, occasion, now)


def _since(attendees: Sequence[Attendee]) -> datetime | None:
    """Return when the last of them came to the present status."""
    db.session.flush()
    ids = [one.id for one in attendees]
    return db.session.scalar(select(func.max(StatusChange.at)).where(StatusChange.attendee_id.in_(ids)))


def _revision(word: str, registration: Registration, now: datetime) -> str:
    """Name the change that is told of, by its Revision and its moment."""
    db.session.flush()
    last = db.session.scalar(select(func.max(Revision.id)).where(Revision.registration_id == registration.id))
    return f"{word}:revision-{last}:{now:%Y%m%d%H%M%S%f}"
