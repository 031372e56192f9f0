"""Where a letter comes back to when it cannot be delivered: an address of its own for each letter (VERP).

Both directions stand here: the envelope sender of a letter, and the marks in the addresses of what came back.
Source: RFC 5321 4.4 (return path); RFC 5233 (name+detail).
"""

import re

from eventsite.config import settings

LONGEST_MARK = 40
_MARKED = re.compile(r"\+([A-Za-z0-9.=_-]{8,40})@")


def for_message(message_id: str) -> str:
    """Return the envelope sender of the letter with this Message-ID.

    With MAIL_BOUNCE_ADDRESS `name@domain` it is `name+<mark>@domain`, the mark being the first 40 characters of the
    Message-ID's left part; without one it is the sender of all letters.
    """
    if not settings.mail_bounce_address:
        return settings.sender
    name, _at, domain = settings.mail_bounce_address.rpartition("@")
    return f"{name}+{message_id.partition('@')[0][:LONGEST_MARK]}@{domain}"


def marks(addresses: str) -> list[str]:
    """Return the marks in these addresses, as they stand in headers; most of what has a `+` names no letter."""
    return _MARKED.findall(addresses)
