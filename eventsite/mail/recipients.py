"""Who gets letters about a registration: the contact, for all attendees, and each attendee with an own address."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eventsite import tokens
from eventsite.config import settings
from eventsite.models import Attendee, Format, Registration, Status


@dataclass(frozen=True)
class Past:
    """An address that is no longer the recipient's, and who was written to there, as plain values.

    `version` is that of the link which died with it.
    """

    email: str
    version: int
    name: str
    organisation: str
    department: str


@dataclass(frozen=True)
class Recipient:
    """One address of one registration. `attendee` None = the contact; else the attendee's own address.

    With `past` it is an address of earlier: nobody takes part by it any more and it has no link. Its key still finds
    the calendar entry that went there.
    """

    registration: Registration
    attendee: Attendee | None = None
    past: Past | None = None

    @property
    def key(self) -> str:
        """Name of this recipient among those of the registration; each renewal of the link makes another one of it."""
        who = f"attendee-{self.attendee.id}" if self.attendee else "contact"
        return who if self.version == 1 else f"{who}-{self.version}"

    @property
    def email(self) -> str:
        if self.past:
            return self.past.email
        return self.attendee.email if self.attendee else self.registration.contact_email

    @property
    def name(self) -> str:
        """Whom the letter greets: a contact who does not take part, else the first whom it is about."""
        if self.past:
            return self.past.name
        if self.attendee is None and self.registration.contact_name:
            return self.registration.contact_name
        return self.attendees[0].name

    @property
    def attendees(self) -> list[Attendee]:
        """Whom this recipient's letters are about."""
        return [self.attendee] if self.attendee else list(self.registration.attendees)

    @property
    def reached(self) -> list[Attendee]:
        """Whom mail to this address reaches: not those of the contact's who have one of their own."""
        return [one for one in self.attendees if self.attendee is not None or not one.email]

    @property
    def active(self) -> list[Attendee]:
        return [] if self.past else [one for one in self.attendees if one.is_active]

    @property
    def confirmed(self) -> list[Attendee]:
        return [one for one in self.active if one.status == Status.CONFIRMED]

    @property
    def takes_part_online(self) -> bool:
        """Online as far as anybody of theirs is: at a hybrid event each attendee chose (D68)."""
        if self.registration.event.format != Format.HYBRID:
            return self.registration.event.format == Format.ONLINE
        return any(one.participation == "online" for one in self.confirmed or self.attendees)

    @property
    def token(self) -> str:
        if self.attendee:
            return tokens.derive("attendee", self.attendee.id, self.version)
        return tokens.derive("registration", self.registration.id, self.version)

    @property
    def manage_url(self) -> str:
        """The personal link, in the recipient's language; Japanese needs no mark."""
        return "" if self.past else f"{settings.public_url}/r/{self.token}{self._language}"

    @property
    def calendar_url(self) -> str:
        return "" if self.past else f"{settings.public_url}/r/{self.token}/calendar{self._language}"

    @property
    def unsubscribe_url(self) -> str:
        """Where this address says that it wants no more mail than its registrations need (RFC 8058)."""
        return "" if self.past else f"{settings.public_url}/r/{self.token}/unsubscribe{self._language}"

    @property
    def version(self) -> int:
        """How often the link was made, the first time included."""
        if self.past:
            return self.past.version
        return self.attendee.link_version if self.attendee else self.registration.link_version

    @property
    def _language(self) -> str:
        return "?lang=en" if self.registration.locale == "en" else ""


def of(registration: Registration) -> list[Recipient]:
    """Return all recipients of a registration, the contact first; a contact without an address gets no mail."""
    contact = [Recipient(registration)] if registration.contact_email else []
    return contact + [Recipient(registration, one) for one in registration.attendees if one.email]


def about(registration: Registration, attendees: Sequence[Attendee]) -> list[Recipient]:
    """Return those recipients whom news of these attendees concerns."""
    return [one for one in of(registration) if one.attendee is None or one.attendee in attendees]


def former(attendee: Attendee) -> Recipient | None:
    """Keep an attendee's own address as it is now, to write there once more after a change; None if there is none."""
    if not attendee.email:
        return None
    return _past(Recipient(attendee.registration, attendee), attendee.email, attendee.link_version)


def before_renewal(recipient: Recipient, email: str) -> Recipient:
    """Return the recipient as it was before its link was renewed, at the address that it had then."""
    now = recipient.attendee or recipient.registration
    return _past(recipient, email, now.link_version - 1)


def _past(recipient: Recipient, email: str, version: int) -> Recipient:
    first = recipient.attendees[0]
    past = Past(email, version, recipient.name, first.organisation, first.department)
    return replace(recipient, past=past)
