"""The HTML part says what the text says, in the same order, and nothing else."""

import re
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import registration
from eventsite.db import db
from eventsite.mail import html
from eventsite.models import Message
from tests.cast import TAKASAKI, an_application, an_event
from tests.fixtures.post import Received

HOSTILE = '<script>alert(1)</script> "onload=x" \'&amp; <img src=x> <a href="javascript:x">'


class Reader(HTMLParser):
    """The words of a page, its tags, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words, self.tags, self.links, self.attributes = "", set(), [], set()
        self.feed(page)

    def handle_starttag(self, tag: str, attributes) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _value in attributes}
        self.links += [value for name, value in attributes if name == "href"]

    def handle_data(self, words: str) -> None:
        self.words += words


def told(text: str) -> list[str]:
    """The words line by line, without rules, blank lines and indents."""
    lines = [line.strip(" \N{NO-BREAK SPACE}") for line in text.splitlines()]
    return [line for line in lines if line and not re.fullmatch("[―-]+", line)]


def test_lines_links_and_headings() -> None:
    page = html.of("■ 日　時　12月24日\n  1. 髙﨑 様\n\nhttps://a.example/r/x?lang=en&b=1\n―――――\n終\n", "ja")
    assert page.splitlines()[4:-2] == [
        "<p><b>■ 日　時　12月24日</b><br>",
        "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}1. 髙﨑 様</p>",
        '<p><a href="https://a.example/r/x?lang=en&amp;b=1">https://a.example/r/x?lang=en&amp;b=1</a></p>',
        "<hr>",
        "<p>終</p>",
    ]


@pytest.mark.parametrize("text", [HOSTILE, f"https://a.example/{HOSTILE}", f"■ {HOSTILE}", f"  {HOSTILE}"])
def test_nothing_of_a_value_becomes_markup(text: str) -> None:
    read = Reader(html.of(text, "ja"))
    assert told(read.words) == told(text)
    assert read.tags <= {"html", "head", "meta", "body", "p", "b", "a"}
    assert read.attributes <= {"lang", "charset", "href"}
    assert all(link.startswith("https://a.example/") for link in read.links)


@pytest.mark.parametrize(
    ("words", "link"),
    [
        ("（https://a.example/x）", "https://a.example/x"),
        ("見る https://a.example/x。", "https://a.example/x"),
        ("See https://a.example/x.", "https://a.example/x"),
        ("<https://a.example/x>", "https://a.example/x"),
    ],
)
def test_a_link_ends_where_the_address_ends(words: str, link: str) -> None:
    assert Reader(html.of(words, "ja")).links == [link]


def test_what_is_too_large_has_no_such_part() -> None:
    assert html.of("&" * 20_000, "ja") is not None
    assert html.of("&" * 21_000, "ja") is None


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_a_letter_has_it_between_text_and_calendar(make_app, locale: str) -> None:
    with make_app(MAIL_HTML=True).app_context():
        registration.register(an_event(title="A & B <DX>"), an_application(TAKASAKI, locale=locale))
        raw = db.session.scalars(select(Message.mime)).one()
    mail = Received("", (), raw).message
    alternative = mail.get_payload(0)
    assert isinstance(alternative, EmailMessage)
    parts = list(alternative.iter_parts())
    assert [one.get_content_type() for one in parts] == ["text/plain", "text/html", "text/calendar"]
    read = Reader(parts[1].get_content())
    assert told(read.words) == told(parts[0].get_content())
    assert f'<html lang="{locale}">' in parts[1].get_content()
    assert [link for link in read.links if "/r/" in link] != []


def test_by_itself_a_letter_has_none(app: Flask) -> None:
    registration.register(an_event(), an_application(TAKASAKI))
    assert b"text/html" not in db.session.scalars(select(Message.mime)).one()
