"""Refusal: "no, and here is why".

Verbs raise it, doors turn it into words at a field (web) or into a problem document (API). The codes are public: they
stand in the `data-refusal` attribute of pages and in API answers. Not for faults of the program.
"""

from typing import Any

STATUS_OF_CODE = {
    "not-open-yet": 409,
    "closed": 409,
    "sold-out": 409,
    "cancelled": 409,
    "already-submitted": 409,
    "not-eligible": 422,
    "wrong-code": 422,
    "too-many-attendees": 422,
    "invalid": 422,
    "rate-limited": 429,
}


class Refusal(Exception):
    """A decision against what was asked.

    `code` is one of `STATUS_OF_CODE`, `words` a (lazily translated) sentence for the person who asked, `field` the
    name of the form field that it is about, if it is about one.
    """

    def __init__(self, code: str, words: Any, field: str | None = None) -> None:
        if code not in STATUS_OF_CODE:
            raise ValueError(f"unknown refusal code {code!r}")
        super().__init__(code)
        self.code = code
        self.words = words
        self.field = field

    @property
    def status(self) -> int:
        """HTTP status that doors answer with."""
        return STATUS_OF_CODE[self.code]

    def __str__(self) -> str:
        return f"{self.code}: {self.words}"


class Busy(Exception):
    """The database could not be had in time; nothing was stored and the same request may be made again."""
