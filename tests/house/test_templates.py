"""Templates compile, hold no inline code, and ask no other host for anything."""

import re
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest
from flask import Flask

from eventsite.config import ROOT

TEMPLATES = ROOT / "templates"
STATIC = ROOT / "eventsite" / "static"
PAGES = sorted(TEMPLATES.rglob("*.html"))
ALL = sorted(path for path in TEMPLATES.rglob("*") if path.suffix in {".html", ".txt"})
ASSETS = sorted(path for path in STATIC.rglob("*") if path.suffix in {".css", ".js", ".svg"})

INLINE = re.compile(
    r"""<[a-z][^>]*?\s(style|on[a-z]+)\s*=\s*["']   # attributes that are code
      | <script(?![^>]*\bsrc=)                      # script in the page
      | <style\b
      | \b(?:href|src|action)\s*=\s*["']?\s*javascript:
      """,
    re.VERBOSE | re.IGNORECASE,
)
FOREIGN = re.compile(
    r"""<(?:link|script|img|iframe|source|video|audio|object|embed|use|image)\b[^>]*(?:src|href|data|srcset)\s*=\s*["']?(?:https?:)?//
      | url\(\s*["']?(?:https?:)?//
      | @import\s+(?:url\()?["']?(?:https?:)?//
      | (?:fetch|import|importScripts|sendBeacon|WebSocket|EventSource)\s*\(\s*["'`](?:\w+:)?//
      """,
    re.VERBOSE | re.IGNORECASE,
)


def uncommented(path: Path) -> str:
    return re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)


def test_every_template_compiles(app: Flask) -> None:
    assert len(PAGES) > 10
    for path in ALL:
        app.jinja_env.get_template(str(path.relative_to(TEMPLATES)))


def test_a_broken_template_is_found(app: Flask) -> None:
    with pytest.raises(jinja2.TemplateSyntaxError):
        app.jinja_env.from_string("{% if %}")
    with pytest.raises(jinja2.TemplateAssertionError):
        app.jinja_env.from_string("{{ 1|no_such_filter }}")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_inline_code(path: Path) -> None:
    assert [found[0] for found in INLINE.finditer(uncommented(path))] == []


@pytest.mark.parametrize("path", [*ALL, *ASSETS], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_comes_from_another_host(path: Path) -> None:
    assert [found[0] for found in FOREIGN.finditer(uncommented(path))] == []


@pytest.mark.parametrize(
    "planted",
    [
        '<p style="color: red">',
        "<p class='a' style='color: red'>",
        '<button onclick="go()">',
        "<script>go()</script>",
        '<a href="javascript:go()">',
        "<style>p {}</style>",
    ],
)
def test_planted_inline_code_is_found(planted: str) -> None:
    assert INLINE.search(planted)


@pytest.mark.parametrize(
    "planted",
    [
        '<img alt="" src="https://elsewhere.example/a.png">',
        '<link rel="stylesheet" href="//elsewhere.example/a.css">',
        "p { background: url(http://elsewhere.example/a.png) }",
        '@import "https://elsewhere.example/a.css";',
        'fetch("https://elsewhere.example/")',
    ],
)
def test_planted_foreign_address_is_found(planted: str) -> None:
    assert FOREIGN.search(planted)


@pytest.mark.parametrize(
    "fine",
    [
        '<script src="{{ url }}"></script>',
        '<a href="https://example.jp/">',
        'xmlns="http://www.w3.org/2000/svg"',
    ],
)
def test_what_is_fine_is_not_found(fine: str) -> None:
    assert not INLINE.search(fine)
    assert not FOREIGN.search(fine)


def unused(read: Callable[[Path], str], pages: list[Path]) -> list[str]:
    """Return the files of macros, which are no pages themselves, that no template names."""
    texts = {path: read(path) for path in pages}
    return [
        str(path.relative_to(TEMPLATES))
        for path, text in texts.items()
        if "{% macro" in text
        and "{% extends" not in text
        and not any(f"'{path.relative_to(TEMPLATES)}'" in other.replace('"', "'") for other in texts.values())
    ]


def test_every_macro_file_is_used() -> None:
    assert unused(uncommented, PAGES) == []


def test_an_unused_macro_file_is_found() -> None:
    lonely = TEMPLATES / "parts" / "lonely.html"
    planted = {lonely: "{% macro a() %}{% endmacro %}"}
    assert unused(lambda path: planted.get(path) or uncommented(path), [*PAGES, lonely])[-1:] == [
        "parts/lonely.html"
    ]
