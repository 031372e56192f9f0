"""A definition as it is kept: its texts clean, without notes and nulls.

Not for what those texts may be about or how long they are: `shape` says that of the tidy definition.
"""

from typing import Any

from eventsite import text
from eventsite.events import markdown
from eventsite.events.faults import Fault, joined

_PROSE = {
    "abstract", "audience_note", "notice", "cancel_reason", "alternative", "help", "purpose", "summary", "facts",
    "themes_status", "demo_state",
}  # fmt: skip
_MEANS_NONE = {"capacity"}  # required or capped keys where null is a value of its own (D14)


def tidy(value: Any, path: str, faults: list[Fault], key: str = "") -> Any:
    """Return a definition with clean texts and without notes and nulls; texts that cannot be stored go to `faults`."""
    if isinstance(value, str):
        try:
            return _clean(value, key)
        except text.InvalidText as error:
            faults.append(Fault(path, _text_reason(error.code)))
            return value
    if isinstance(value, list):
        return [tidy(one, f"{path}[{index}]", faults, key) for index, one in enumerate(value)]
    if isinstance(value, dict):
        return {
            name: tidy(one, joined(path, name), faults, name)
            for name, one in value.items()
            if not _is_ignored(name, one, key)
        }
    return value


def filled(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a missing key means anyway."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _is_ignored(name: str, value: Any, parent: str) -> bool:
    is_note = name.startswith("note") and (parent, name) != ("venue", "note") and name != "notice"
    return is_note or (value is None and name not in _MEANS_NONE)


def _clean(value: str, key: str) -> str:
    if key == "description":
        return markdown.clean(value)
    if key == "email" and value:
        return text.clean_email(value)
    return text.clean_text(value) if key in _PROSE else text.clean_line(value)


def _text_reason(code: str) -> str:
    if code == "private-use":
        return "holds a private-use character (外字)"
    return "is no mail address" if code.startswith("email") else "holds a character that cannot be stored"
