"""An event's own words for its letters: kept by letter and language, checked when saved, used when written (D67).

Words of one language never stand in a letter of another. Not for the checks themselves (`word_checks`).
"""

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from eventsite import audit, clock
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail.wording.compose import LOCALES, Own
from eventsite.mail.wording.editable import LETTERS
from eventsite.mail.wording.word_checks import check_addition, check_body, check_subject
from eventsite.models import Account, Event, OwnWords


def find(event: Event, letter: str, locale: str) -> OwnWords | None:
    """Return the event's own words for a letter in a language."""
    return db.session.scalar(
        select(OwnWords).where(
            OwnWords.event_id == event.id, OwnWords.letter == letter, OwnWords.locale == locale
        )
    )


def changed(event: Event) -> set[tuple[str, str]]:
    """Return letter and language of all the words that are the event's own."""
    query = select(OwnWords.letter, OwnWords.locale).where(OwnWords.event_id == event.id)
    return {(letter, locale) for letter, locale in db.session.execute(query)}


def for_writing(event_id: int, letter: str, locale: str) -> Own | None:
    """Return the words with which a letter is written, None for the standard ones."""
    parts = select(OwnWords.subject, OwnWords.addition, OwnWords.body).where(
        OwnWords.event_id == event_id, OwnWords.letter == letter, OwnWords.locale == locale
    )
    row = db.session.execute(parts).one_or_none()
    return Own(*row) if row else None


def save(
    event: Event, letter: str, locale: str, subject: str, addition: str, body: str, by: Account | None
) -> bool:
    """Keep words for a letter; return whether anything is different now. All blank, or all standard, is a reset.

    `subject` stands in place of the tag, `addition` before the closing, `body` instead of the whole text between
    address and closing. Raises Refusal `invalid` at `subject`, `addition` or `body` (D64, D67).
    """
    _refuse_unknown(letter, locale)
    given = {
        "subject": check_subject(letter, locale, subject),
        "addition": check_addition(letter, locale, addition),
        "body": check_body(letter, locale, body),
    }
    if not any(given.values()):
        return reset(event, letter, locale, by)
    with transaction():
        lock(event)
        row = find(event, letter, locale)
        if row is not None and given == {name: getattr(row, name) for name in given}:
            return False
        if row is None:
            row = OwnWords(event_id=event.id, letter=letter, locale=locale)
            db.session.add(row)
        for name, value in given.items():
            setattr(row, name, value)
        row.updated_at = clock.now()
        row.account_id = by.id if by else None
        audit.record("words.changed", event, by, letter=letter, locale=locale)
    return True


def reset(event: Event, letter: str, locale: str, by: Account | None) -> bool:
    """Go back to the standard words; return whether there were others."""
    _refuse_unknown(letter, locale)
    with transaction():
        lock(event)
        row = find(event, letter, locale)
        if row is None:
            return False
        db.session.delete(row)
        audit.record("words.reset", event, by, letter=letter, locale=locale)
    return True


def _refuse_unknown(letter: str, locale: str) -> None:
    if letter not in LETTERS or locale not in LOCALES:
        raise Refusal("invalid", _l("このメールの文面は変えられません。"))
