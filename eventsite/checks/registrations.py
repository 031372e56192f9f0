"""Registrations hang together: with their attendees, their links, and the codes that let them in."""

from collections.abc import Iterator

from sqlalchemy import func, select

from eventsite import tokens
from eventsite.db import db
from eventsite.models import ACTIVE, Attendee, InviteCode, Registration


def attendees_belong_together() -> Iterator[str]:
    """An attendee's event is that of the registration and of the category, and a registration has attendees."""
    rows = db.session.scalars(select(Attendee).order_by(Attendee.id))
    for one in rows:
        if one.event_id != one.registration.event_id:
            yield f"attendee {one.id}: belongs to another event than its registration"
        elif one.event_id != one.category.event_id:
            yield f"attendee {one.id}: belongs to another event than its category"
    empty = (
        select(Registration.reference)
        .outerjoin(Registration.attendees)
        .group_by(Registration.reference)
        .having(func.count(Attendee.id) == 0)
    )
    for reference in db.session.scalars(empty):
        yield f"{reference}: has no attendee"


def links_open_what_they_should() -> Iterator[str]:
    """The links that letters carry open the registration, or the attendee with an own address, and no others (D4)."""
    registrations = select(
        Registration.id, Registration.reference, Registration.link_version, Registration.link_hash
    )
    for number, reference, version, stored in db.session.execute(registrations.order_by(Registration.id)):
        if stored != tokens.digest(tokens.derive("registration", number, version)):
            yield f"{reference}: its link does not open it"
    attendees = select(Attendee.id, Attendee.email, Attendee.link_version, Attendee.link_hash)
    for number, email, version, stored in db.session.execute(attendees.order_by(Attendee.id)):
        if email and stored != tokens.digest(tokens.derive("attendee", number, version)):
            yield f"attendee {number}: the own link does not open it"
        elif not email and stored is not None:
            yield f"attendee {number}: has a link of its own without an address to send it to"


def codes_admit_no_more_than_they_may() -> Iterator[str]:
    """A code with a limit has let in no more registrations that still have an active attendee (D27)."""
    used = func.count(Registration.id.distinct())
    query = (
        select(InviteCode, used)
        .join(Registration, Registration.invite_code_id == InviteCode.id)
        .join(Registration.attendees)
        .where(InviteCode.uses.is_not(None), Attendee.status.in_(ACTIVE))
        .group_by(InviteCode.id)
        .having(used > InviteCode.uses)
        .order_by(InviteCode.id)
    )
    for code, count in db.session.execute(query):
        yield f"code {code.id}: let in {count} registrations, {code.uses} may use it"
