"""May this person have a seat in this category without somebody looking first? Pure (domain rules D20, D24–D28).

A domain is a hint and never a gate; a member number or an invite code is looked up in what the organiser has given.
While the organiser has given no member list, every number is left to a person; while there are no invite codes, none
is right.
"""

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from eventsite import domains
from eventsite.errors import Refusal

LOCAL_GOVERNMENT = {"lg", "local_geo"}


@dataclass(frozen=True)
class Finding:
    """Whether approval is needed, and what the check found: a word for the office's badge, not for the attendee."""

    needs_approval: bool
    badge: str


def check(approval: str, verification: str, email: str) -> Finding:
    """Apply the category's access and approval to one attendee; raises Refusal for a wrong invite code."""
    domain = domains.domain_class(email)
    if verification == "invite_code":
        words = _l("招待コードを確認できません。お手元の案内をご確認ください。")
        raise Refusal("wrong-code", words, field="code")
    if verification == "member_roster":
        return Finding(needs_approval=True, badge="member-unknown")
    recognised = verification == "none" or domain in LOCAL_GOVERNMENT
    return Finding(needs_approval=approval == "manual" or not recognised, badge=f"domain-{domain}")
