"""DKIM: a letter is signed as it leaves, for the association's domain. The stored bytes stay as they are.

Relaxed/relaxed, RSA and SHA-256. `From` is signed once more than it stands there, so that a second one breaks the
signature. Sources: RFC 6376, RFC 8301 (keys of 1024 bits at least).
"""

from functools import cache
from pathlib import Path

import dkim

from eventsite.config import settings

_SIGNED = (
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)


def sealed(raw: bytes) -> bytes:
    """Return a letter's bytes with the signature before them; as they are where no key is set."""
    if not settings.mail_dkim_domain:
        return raw
    signature: bytes = dkim.sign(
        raw,
        settings.mail_dkim_selector.encode("ascii"),
        settings.mail_dkim_domain.encode("ascii"),
        _key(settings.mail_dkim_key_file),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=_headers(raw),
    )
    return signature + raw


def _headers(raw: bytes) -> list[bytes]:
    """Return the names of the fields to sign that stand in this letter, and From again."""
    head = b"\r\n" + raw.partition(b"\r\n\r\n")[0].lower()
    present = [name.lower().encode() for name in _SIGNED if b"\r\n" + name.lower().encode() + b":" in head]
    return [*present, b"from"]


@cache
def _key(path: str) -> bytes:
    """Return the key, read once in the life of a process: a new one needs a restart."""
    return Path(path).read_bytes().replace(b"\r\n", b"\n")
