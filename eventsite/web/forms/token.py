"""The signed, single-use key of a public form (domain rules D36, D37, D40).

It stands for CSRF protection, idempotency and the time at which the form was opened, so that public pages need neither
session nor cookie. Nothing is stored until the form is used.
"""

import secrets
from dataclasses import dataclass

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from eventsite import clock
from eventsite.config import settings

VALID_SECONDS = 24 * 3600


@dataclass(frozen=True)
class FormToken:
    """What a valid token says: its key, its age in seconds, and whether the form has come back to a person once."""

    key: str
    age: float
    came_back: bool


def issue(event_id: int, *, key: str | None = None, came_back: bool = False) -> str:
    """Return a token for a form of this event, opened now."""
    return _serializer().dumps([event_id, key or secrets.token_urlsafe(24), came_back])


def read(token: str, event_id: int) -> FormToken | None:
    """Return what a token says; None if it is older than 24 hours, foreign, or not ours."""
    try:
        (event, key, came_back), issued = _serializer().loads(
            token, max_age=VALID_SECONDS, return_timestamp=True
        )
    except (BadSignature, SignatureExpired, ValueError, TypeError):
        return None
    if event != event_id:
        return None
    return FormToken(key, (clock.now() - issued).total_seconds(), came_back)


class _Signer(TimestampSigner):
    """itsdangerous with the product's clock."""

    def get_timestamp(self) -> int:
        return int(clock.now().timestamp())


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret_key, salt="registration-form", signer=_Signer)
