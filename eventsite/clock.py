"""The only source of time.

Every rule that depends on the moment asks `clock.now()`, called through the module so that a test can put another
clock in its place. Not for formatting (see `dates`) and not for measuring durations.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant, timezone-aware, in UTC."""
    return datetime.now(UTC)
