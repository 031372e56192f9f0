"""The HTML part of a letter: made from its finished text, so that both say the same (calendar-mail 4.4, 6.3).

No style, no picture, no script; every value is escaped. Pure. Not for words (compose.py).
"""

import re
from itertools import groupby

from markupsafe import Markup, escape

LARGEST = 100 * 1024
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%\[\]-]+")
_BREAK = "<br>\n"
_RULE = re.compile(r"[―─—-]{3,}")


def of(text: str, locale: str) -> str | None:
    """Return a letter's text as an HTML document in this language; None if it would be too large to be shown whole.

    Lines stay lines, a blank line parts paragraphs, an address becomes a link with itself as its words.
    """
    lines = [one.rstrip() for one in text.splitlines()]
    blocks = [list(group) for filled, group in groupby(lines, key=bool) if filled]
    body = "\n".join(piece for block in blocks for piece in _block(block))
    page = (
        f'<!DOCTYPE html>\n<html lang="{escape(locale)}">\n<head><meta charset="utf-8"></head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )
    return page if len(page.encode("utf-8", "replace")) <= LARGEST else None


def _block(lines: list[str]) -> list[str]:
    """A paragraph; a line of dashes in it is a rule."""
    pieces = []
    for is_rule, group in groupby(lines, key=lambda line: bool(_RULE.fullmatch(line))):
        pieces.append("<hr>" if is_rule else f"<p>{_BREAK.join(_line(one) for one in group)}</p>")
    return pieces


def _line(line: str) -> Markup:
    """Leading blanks are kept as such, as they set one line below another."""
    indent = len(line) - len(line.lstrip(" "))
    line = line.lstrip(" ")
    heading = re.match(r"[■▼] ", line)
    linked = _linked(line)
    return escape("\N{NO-BREAK SPACE}" * indent) + (Markup("<b>{}</b>").format(linked) if heading else linked)


def _linked(line: str) -> Markup:
    made, end = Markup(), 0
    for found in _URL.finditer(line):
        url = found[0].rstrip(".,;:!?")
        made += escape(line[end : found.start()]) + Markup('<a href="{0}">{0}</a>').format(url)
        end = found.start() + len(url)
    return made + escape(line[end:])
