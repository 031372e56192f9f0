"""May this person have a seat in this category without somebody looking first? Pure (domain rules D20, D24–D28).

A domain is a hint and never a gate; a member number is looked up in the list that the organiser has given; an invite
code is right or wrong, and every wrong one gets the same answer. What a check finds goes to the office as badges,
never to the attendee.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l

from eventsite import domains, text
from eventsite.errors import Refusal

LOCAL_GOVERNMENT = ("lg", "local_geo")
MATCH, UNKNOWN_MEMBER = "match", "member-unknown"


@dataclass(frozen=True)
class Access:
    """How a category admits: approval, verification, and what `domain_hint` takes as recognised (D20, D24–D27)."""

    approval: str = "auto"
    verification: str = "none"
    domain_classes: Collection[str] = LOCAL_GOVERNMENT
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Membership:
    """What the member list says about a number (D26); `room` is how many more may use it, None = any number."""

    active: bool = True
    room: int | None = None


@dataclass(frozen=True)
class Code:
    """An invite code and how far it has been used (D27); `uses` None = any number."""

    id: int
    code: str
    used: int = 0
    uses: int | None = None
    expires_at: datetime | None = None
    withdrawn: bool = False

    def admits(self, now: datetime) -> bool:
        """Say whether it opens its category now."""
        in_time = self.expires_at is None or now < self.expires_at
        return in_time and not self.withdrawn and (self.uses is None or self.used < self.uses)


@dataclass(frozen=True)
class Finding:
    """Whether approval is needed, and what the check found: words for the office's badges, not for the attendee.

    The first word is the domain's class, a second one says whether the category's own check recognised the person.
    """

    needs_approval: bool
    badge: str


def check(access: Access, email: str, *, member: Membership | None = None, invited: bool = False) -> Finding:
    """Apply a category's access and approval to one attendee (D24–D26, D28).

    `member` is what the list says about the number given, None if it is not there; `invited` says that a right
    invite code came with the registration.
    """
    badges = [f"domain-{domains.domain_class(email)}"]
    recognised = _recognises(access, email, member, invited)
    if access.verification != "none" and recognised:
        badges.append(MATCH)
    elif access.verification == "member_roster":
        badges.append(UNKNOWN_MEMBER)
    return Finding(needs_approval=access.approval == "manual" or not recognised, badge=" ".join(badges))


def check_code(offered: str, codes: Iterable[Code], now: datetime) -> Code:
    """Return the code that was offered, in any width, case and grouping; raises Refusal `wrong-code` (D27).

    Unknown, withdrawn, expired and used up are one answer, and take the same time to find.
    """
    wanted = _digest(_folded(offered))
    found = [one for one in codes if hmac.compare_digest(_digest(one.code), wanted)]
    if not found or not found[0].admits(now):
        words = _l("招待コードを確認できません。お手元の案内をご確認ください。")
        raise Refusal("wrong-code", words, field="code")
    return found[0]


def _recognises(access: Access, email: str, member: Membership | None, invited: bool) -> bool:
    match access.verification:
        case "none":
            return True
        case "domain_hint":
            listed = domains.matches_domain(email, list(access.domains))
            return listed or domains.domain_class(email) in access.domain_classes
        case "member_roster":
            return member is not None and member.active and member.room != 0
    return invited


def _folded(code: str) -> str:
    try:
        return text.fold_code(code)
    except text.InvalidText:
        return ""


def _digest(code: str) -> bytes:
    """Of one length for every code, so that not even its length shows in the time that a comparison takes."""
    return hashlib.sha256(code.encode()).digest()
