"""Who gets letters about a registration: the contact, for all attendees, and each attendee with an own address."""

from dataclasses import dataclass

from eventsite import tokens
from eventsite.config import settings
from eventsite.models import Attendee, Format, Registration, Status


@dataclass(frozen=True)
class Recipient:
    """One address of one registration. `attendee` None = the contact; else the attendee's own address."""

    registration: Registration
    attendee: Attendee | None = None

    @property
    def key(self) -> str:
        return f"attendee-{self.attendee.id}" if self.attendee else "contact"

    @property
    def email(self) -> str:
        return self.attendee.email if self.attendee else self.registration.contact_email

    @property
    def attendees(self) -> list[Attendee]:
        """Whom this recipient's letters are about."""
        return [self.attendee] if self.attendee else list(self.registration.attendees)

    @property
    def active(self) -> list[Attendee]:
        return [one for one in self.attendees if one.is_active]

    @property
    def confirmed(self) -> list[Attendee]:
        return [one for one in self.attendees if one.status == Status.CONFIRMED]

    @property
    def takes_part_online(self) -> bool:
        """Online as far as anybody of theirs is: at a hybrid event each attendee chose (D68)."""
        if self.registration.event.format != Format.HYBRID:
            return self.registration.event.format == Format.ONLINE
        return any(one.participation == "online" for one in self.confirmed or self.attendees)

    @property
    def token(self) -> str:
        if self.attendee:
            return tokens.derive("attendee", self.attendee.id, self.attendee.link_version)
        return tokens.derive("registration", self.registration.id, self.registration.link_version)

    @property
    def manage_url(self) -> str:
        """The personal link, in the recipient's language; Japanese needs no mark."""
        language = "?lang=en" if self.registration.locale == "en" else ""
        return f"{settings.public_url}/r/{self.token}{language}"

    @property
    def calendar_url(self) -> str:
        language = "?lang=en" if self.registration.locale == "en" else ""
        return f"{settings.public_url}/r/{self.token}/calendar{language}"


def of(registration: Registration) -> list[Recipient]:
    """Return all recipients of a registration, the contact first."""
    own = [one for one in registration.attendees if one.email]
    return [Recipient(registration), *(Recipient(registration, one) for one in own)]


def about(registration: Registration, attendees: list[Attendee]) -> list[Recipient]:
    """Return those recipients whom news of these attendees concerns."""
    return [one for one in of(registration) if one.attendee is None or one.attendee in attendees]
