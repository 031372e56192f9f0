"""Column types that several tables share."""

from enum import StrEnum

from sqlalchemy import Enum


def word(kind: type[StrEnum]) -> Enum:
    """Return a column type that stores an enum's value as text, with a check constraint of the legal words."""
    return Enum(
        kind,
        name=kind.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        length=24,
        values_callable=lambda members: [one.value for one in members],
        validate_strings=True,
    )
