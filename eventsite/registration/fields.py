"""Which standard fields a category asks for, and which of them it must have (domain rules D32, D33). Pure."""

from collections.abc import Mapping

REQUIRED, OPTIONAL, OFF = "required", "optional", "off"

FIELDS = ("kana", "prefecture", "organisation", "department", "position", "phone", "viewers")

_COMPANY = {
    "kana": OPTIONAL,
    "prefecture": OFF,
    "organisation": REQUIRED,
    "department": OPTIONAL,
    "position": OPTIONAL,
    "phone": OPTIONAL,
    "viewers": OPTIONAL,
}
_DEFAULTS: dict[str, dict[str, str]] = {
    "local_gov": _COMPANY | {"kana": REQUIRED, "prefecture": REQUIRED, "department": REQUIRED},
    "gdx_member": _COMPANY | {"kana": REQUIRED, "prefecture": OPTIONAL},
}


def modes(code: str, own: Mapping[str, str], *, online: bool) -> dict[str, str]:
    """Return required, optional or off for each standard field.

    `code` is the category's, `own` what its organiser set otherwise; without an online side nobody shares a screen.
    """
    chosen = {**_DEFAULTS.get(code, _COMPANY), **own}
    if not online:
        chosen["viewers"] = OFF
    return chosen
