"""Unguessable links (domain rule D4).

A link is derived, not stored: HMAC-SHA256 under a key made from the secret key, over kind, id and link version. The
database holds only its SHA-256, so a stolen backup opens nothing, and a raised link version kills the old link. Not for
signed form state (see `web/forms/token.py`) and not for staff sign-in links.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from eventsite.config import settings


def derive(kind: str, row_id: int, version: int) -> str:
    """Return the link token (43 characters) of a row; `kind` keeps registrations and attendees apart."""
    key = hmac.new(settings.secret_key.encode(), b"eventsite manage link", hashlib.sha256).digest()
    mac = hmac.new(key, f"{kind}|{row_id}|{version}".encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(mac).rstrip(b"=").decode()


def digest(token: str) -> str:
    """Return what the database keeps of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
