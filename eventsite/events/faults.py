"""What is wrong with an event file, and where: faults, and the words in which they name places and values.

Not for finding faults: `shape` and `sense` do that.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

TYPES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong, in a plain sentence, and where: `events[2].categories[0].capacity`, "" for the whole file."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class FaultyFile(ValueError):
    """An event file that cannot be taken; nothing of it has been stored."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(map(str, self.faults)))


def joined(path: str, step: str | int) -> str:
    """Return the path of a key or an item of what stands at `path`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    name = step if re.fullmatch(r"[\w-]{1,80}", step) else shown(step)
    return f"{path}.{name}" if path else name


def shown(value: Any) -> str:
    """Return a value as the file writes it, shortened."""
    words = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return words if len(words) <= 80 else f"{words[:77]}..."


def kind(value: Any) -> str:
    """Return what kind of value stands there, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return shown(value)
    if isinstance(value, str):
        return TYPES["string"]
    return TYPES["object" if isinstance(value, dict) else "array"]
