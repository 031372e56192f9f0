"""The list of attendees in a posted form, as plain form data: add one, remove one, number them from 0.

Works on what was posted, before any form object exists, so that nothing typed is lost (D34).
"""

import re
from collections.abc import Iterable

from werkzeug.datastructures import MultiDict

MOST = 20
COPIED = ("prefecture", "municipality_code", "organisation", "department")
_ACTION = re.compile(r"(remove|municipalities)-([0-9]{1,4})")
_NAME = re.compile(r"attendees-(\d{1,4})-(\w+)")


def renumbered(posted: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return the posted data with attendees numbered from 0 without gaps; there is always at least one."""
    indices = _indices(posted)
    return _keep(posted, indices) if indices else posted.copy()


def count(posted: MultiDict[str, str]) -> int:
    return max(1, len(_indices(posted)))


def add(posted: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return the data with one more attendee, from the same office as the one before."""
    data = renumbered(posted)
    new = count(data)
    for name in COPIED:
        data[f"attendees-{new}-{name}"] = data.get(f"attendees-{new - 1}-{name}", "")
    data[f"attendees-{new}-family_name"] = ""
    return data


def remove(posted: MultiDict[str, str], index: int) -> MultiDict[str, str]:
    """Return the data without one attendee; the last one stays."""
    data = renumbered(posted)
    indices = _indices(data)
    return _keep(data, [one for one in indices if one != index]) if len(indices) > 1 else data


def act(posted: MultiDict[str, str], action: str, most: int) -> tuple[MultiDict[str, str], str]:
    """Do what a button of the form says, with at most `most` attendees; return the data and the field to go to.

    Nothing is checked, nothing is lost.
    """
    numbered = _ACTION.fullmatch(action)
    verb, index = (numbered[1], int(numbered[2])) if numbered else (action, 0)
    if verb == "municipalities":
        return posted, f"attendees-{index}-municipality_code"
    if verb == "add-attendee" and count(posted) < most:
        posted = add(posted)
    elif verb == "remove":
        posted = remove(posted, index)
    else:
        return posted, ""
    return posted, f"attendees-{count(posted) - 1}-family_name"


def _indices(posted: MultiDict[str, str]) -> list[int]:
    """One more than any category allows is enough to refuse; a page of thousands of blocks is made for nobody."""
    return sorted({int(match[1]) for name in posted if (match := _NAME.fullmatch(name))})[: MOST + 1]


def _keep(posted: MultiDict[str, str], indices: Iterable[int]) -> MultiDict[str, str]:
    places = {old: new for new, old in enumerate(indices)}
    data: MultiDict[str, str] = MultiDict()
    for name, value in posted.items(multi=True):
        match = _NAME.fullmatch(name)
        if match is None:
            data.add(name, value)
        elif int(match[1]) in places:
            data.add(f"attendees-{places[int(match[1])]}-{match[2]}", value)
    return data
