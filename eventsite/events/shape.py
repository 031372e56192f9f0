"""Which form an event file has: what `event_file.schema.json` says, its faults in plain sentences.

Not for what a schema cannot say: that is `sense`.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from eventsite.events.faults import TYPES, Fault, joined, kind, shown

SCHEMA = Path(__file__).with_name("event_file.schema.json")


def document_faults(document: Any) -> list[Fault]:
    """Return what is wrong with the form of a whole file."""
    return _faults(document, _document_validator())


def event_faults(definition: Any, where: str) -> list[Fault]:
    """Return what is wrong with the form of one event, which stands at `where`."""
    return _faults(definition, _event_validator(), where)


@cache
def _document_validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    whole = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda checker, value: type(value) is int)
    return extend(Draft202012Validator, type_checker=whole)(schema)


@cache
def _event_validator() -> Draft202012Validator:
    document = _document_validator()
    return document.evolve(schema={"$ref": "#/$defs/event", "$defs": document.schema["$defs"]})


def _faults(value: Any, validator: Draft202012Validator, where: str = "") -> list[Fault]:
    errors = sorted(validator.iter_errors(value), key=lambda error: [f"{one:>9}" for one in error.path])
    faults = (fault for error in errors for fault in _faults_of(error, where))
    return list(dict.fromkeys(faults))


def _faults_of(error: ValidationError, where: str) -> Iterator[Fault]:
    path = where
    for one in error.path:
        path = joined(path, one)
    if error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield Fault(joined(path, key), "is missing")
    elif error.validator == "additionalProperties":
        for key in error.instance:
            if key not in error.schema["properties"] and not key.startswith("note"):
                yield Fault(joined(path, key), "is no key of this form")
    else:
        yield Fault(path, _reason(error))


def _reason(error: ValidationError) -> str:
    value, limit = error.instance, error.validator_value
    match error.validator:
        case "type":
            return f"must be {_type_words(limit)}, not {kind(value)}"
        case "enum":
            return f"{shown(value)} is none of {', '.join(one for one in limit if one is not None)}"
        case "const":
            return f"{shown(value)} is not {shown(limit)}"
        case "pattern":
            return f"{shown(value)} is not {error.schema['description']}"
        case "minimum":
            return f"{shown(value)} is less than {limit}"
        case "maximum":
            return f"{shown(value)} is more than {limit}"
        case "minLength":
            return "is empty"
        case "maxLength":
            return f"has {len(value)} characters, more than {limit}"
        case "minItems":
            return "is an empty list"
        case "maxItems":
            return f"has {len(value)} items, more than {limit}"
        case "uniqueItems":
            return "holds the same item twice"
    return "does not have the form of an event file"


def _type_words(types: str | list[str]) -> str:
    wanted = [types] if isinstance(types, str) else types
    return " or ".join(TYPES[one] for one in wanted if one != "null")
