"""An event's description: Markdown as typed, and the HTML that pages show.

Raw HTML in the text stays text, pictures become links (a page loads nothing from elsewhere), and what is left passes
an allow-list once more. Not for abstracts, notices and help texts: those are plain text.
"""

import re

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

from eventsite import text

ALLOWED_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ALLOWED_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
LINK_SCHEMES = {"http", "https", "mailto"}

_TOP_HEADING = 3  # the page has the event's title as h1 and its own sections as h2


def render(markdown: str) -> str:
    """Return safe HTML for a description; its headings begin at h3, a line break stays one."""
    return nh3.clean(
        _PARSER.render(markdown),
        tags=ALLOWED_TAGS,
        attributes=ALLOWED_ATTRIBUTES,
        url_schemes=LINK_SCHEMES,
        link_rel="nofollow noopener",
    ).strip()


def clean(markdown: str) -> str:
    """Return a description as it is stored: each line as by `text.clean_line` (D43 to D46), but indented as typed.

    Raises `text.InvalidText` as that does.
    """
    lines = re.sub("\r\n?|[\u2028\u2029]", "\n", markdown).split("\n")
    return "\n".join(map(_clean_line, lines)).strip("\n")


def _clean_line(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    hard_break = "  " if line.endswith("  ") else ""
    words = text.clean_line(line)
    return indent + words + hard_break if words else ""


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + _TOP_HEADING - 1, 6)}"


_PARSER = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
_PARSER.enable(["table", "strikethrough"]).disable("image")
_PARSER.core.ruler.push("lower_headings", _lower_headings)
