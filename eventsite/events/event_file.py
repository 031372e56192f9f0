"""The event file: reading it and finding its faults; the door to what it means and to writing it.

Two words for faults: `shape` (which form a file has) and `sense` (what a schema cannot say). `planning` turns a
definition into column values, `describing` turns rows into a definition. Nothing here touches the database:
`importing` compares and stores. Not for what an organiser types into the site's forms.
"""

import json
from datetime import date
from typing import Any, NoReturn

from eventsite.events import sense, shape
from eventsite.events.describing import describe
from eventsite.events.faults import Fault, FaultyFile, kind, shown
from eventsite.events.planning import counted_columns, plan

__all__ = ["SCHEMA_VERSION", "Fault", "FaultyFile", "check", "counted_columns", "describe", "load", "plan"]

SCHEMA_VERSION = 1


def load(content: str | bytes) -> dict[str, Any]:
    """Return the object that a file's text or bytes hold (UTF-8, a byte order mark is passed over).

    Raises FaultyFile for anything that is no JSON object; its fault's path then names line and column.
    """
    try:
        words = content.decode("utf-8") if isinstance(content, bytes) else content
        document = json.loads(
            words.removeprefix("\ufeff"), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise FaultyFile([Fault("", f"is not UTF-8: see byte {error.start}")]) from None
    except json.JSONDecodeError as error:
        raise FaultyFile(
            [Fault(f"line {error.lineno}, column {error.colno}", f"is no JSON: {error.msg}")]
        ) from None
    except RecursionError:
        raise FaultyFile([Fault("", "is nested too deeply")]) from None
    except ValueError as error:
        raise FaultyFile([Fault("", str(error))]) from None
    if not isinstance(document, dict):
        raise FaultyFile([Fault("", f"must be an object, not {kind(document)}")])
    return document


def check(document: Any, *, today: date | None = None) -> list[Fault]:
    """Return everything that is wrong with a document; none means that it can be imported.

    `today`: the day from which relative schedules are counted, in the event's zone; that of the clock unless given.
    """
    faults = shape.document_faults(document)
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        return faults
    for index, definition in enumerate(events):
        where = f"events[{index}]"
        if not any(fault.path.startswith(where) for fault in faults):
            faults += sense.event_faults(definition, where, today)
    slugs = [{"slug": one.get("slug")} if isinstance(one, dict) else {} for one in events]
    return faults + list(sense.repeated(slugs, "slug", "events"))


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} stands twice in one object")
        found[key] = value
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")
