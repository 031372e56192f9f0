"""What a contact asks for, as the doors hand it to the verbs: plain values, already cleaned by `text`."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Person:
    """One attendee as typed."""

    family_name: str
    given_name: str = ""
    family_kana: str = ""
    given_kana: str = ""
    organisation: str = ""
    department: str = ""
    position: str = ""
    prefecture: str = ""
    municipality_code: str = ""
    member_number: str = ""
    email: str = ""
    participation: str | None = None
    viewers: int = 1


@dataclass(frozen=True)
class ConsentBox:
    """One consent box as it was shown and answered (D77, D80)."""

    kind: str
    value: bool
    text: str
    recipient: str = ""


@dataclass(frozen=True)
class Application:
    """One submission. `answers` is by question key; `form_key` is the form's single-use key (D36)."""

    category: str
    contact_email: str
    people: tuple[Person, ...]
    contact_name: str = ""
    contact_phone: str = ""
    phone_extension: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    consents: tuple[ConsentBox, ...] = ()
    code: str = ""
    all_or_nothing: bool = False
    locale: str = "ja"
    form_key: str | None = None
