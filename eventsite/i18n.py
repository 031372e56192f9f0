"""Language of a request and of a recipient.

Japanese unless the reader asks for English: `?lang=` wins, then Accept-Language. The choice is carried in the links of
a page and never in a cookie. Not for dates: see `dates`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import Flask, has_request_context, request
from flask_babel import Babel, LazyString, force_locale, get_locale

from eventsite import dates

LANGUAGES = {"ja": "日本語", "en": "English"}


def init_app(app: Flask) -> None:
    """Let Flask-Babel ask this module for the language of each request."""
    Babel(app, locale_selector=choose)


def choose() -> str:
    """Return the language of the current request ("ja" outside of one)."""
    if not has_request_context():
        return "ja"
    wanted = request.args.get("lang", "")
    if wanted in LANGUAGES:
        return wanted
    return request.accept_languages.best_match(LANGUAGES, default="ja") or "ja"


def current() -> str:
    """Return the language in force: of the request, or of the recipient inside `speaking()`."""
    return str(get_locale() or "ja")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a recipient's language for a while."""
    with force_locale(language):
        yield


def lazy_moment(instant: datetime, zone: str) -> LazyString:
    """Return a moment in words, in the language in force when the words are read."""
    return LazyString(lambda: dates.when_short(instant, zone, current()))


def lazy_deadline(instant: datetime, zone: str) -> LazyString:
    """Return a deadline in words; 0:00 reads as 23:59 of the day before (D59)."""
    return LazyString(lambda: dates.deadline(instant, zone, current()))
