"""Where returned mail is fetched from: an IMAP mailbox that people may read too, or a piped mail, or an mbox.

Nothing is ever deleted or moved. What was taken in counts as read; everything else stays unread, with a mark of our own
where the server keeps such marks, so that it is not fetched again. Source: RFC 3501.
"""

import imaplib
import logging
import re
import ssl
from collections import Counter
from collections.abc import Iterator

from sqlalchemy.exc import OperationalError

from eventsite.config import settings
from eventsite.db import db
from eventsite.errors import Busy
from eventsite.mail.returns import inbound
from eventsite.mail.returns.inbound import Outcome

LOOKED_AT = "EventsiteLooked"
MOST_AT_ONCE = 100
_FROM_LINE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From [^\n]*\n")
log = logging.getLogger(__name__)


class Unreachable(Exception):
    """The mailbox cannot be read; the sentence says why."""


def fetch() -> Counter[Outcome]:
    """Take in what has come to the mailbox of INBOUND_SERVER; raises Unreachable."""
    try:
        with imaplib.IMAP4_SSL(
            settings.inbound_server,
            settings.inbound_port,
            ssl_context=ssl.create_default_context(),
            timeout=settings.mail_timeout,
        ) as connection:
            connection.login(settings.inbound_username, settings.inbound_password)
            return read(connection, settings.inbound_folder)
    except (OSError, imaplib.IMAP4.error, UnicodeError) as error:
        raise Unreachable(
            f"the mailbox at {settings.inbound_server} cannot be read: {_words(error)}"
        ) from None


def look() -> None:
    """Do the round of the worker: what was refused at once, then the mailbox, if there is one.

    That it cannot be reached is a line in the log.
    """
    inbound.note_refusals()
    if not settings.inbound_server:
        return
    try:
        counts = fetch()
    except Unreachable as error:
        log.warning("%s", error)
    else:
        if counts:
            log.info("%s", inbound.summary(counts))


def read(connection: imaplib.IMAP4, folder: str) -> Counter[Outcome]:
    """Take in the unread mails of a folder, the latest first, at most `MOST_AT_ONCE`. Raises imaplib's errors."""
    quoted = folder.replace("\\", "\\\\").replace('"', '\\"')
    _done(connection.select(f'"{quoted}"'))
    keeps_marks = any(b"\\*" in (one or b"") for one in connection.response("PERMANENTFLAGS")[1])
    (found,) = _done(connection.uid("SEARCH", "UNSEEN", "UNKEYWORD", LOOKED_AT)) or (b"",)
    counts: Counter[Outcome] = Counter()
    for uid in list(reversed((found or b"").decode("ascii").split()))[:MOST_AT_ONCE]:
        try:
            outcome = _take(connection, uid)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:  # the server cannot hand out this one
            log.warning("a mail cannot be fetched: %s", _words(error))
            continue
        if outcome is None:
            continue
        counts[outcome] += 1
        if outcome in inbound.HANDLED:
            connection.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)")
        elif keeps_marks:
            connection.uid("STORE", uid, "+FLAGS.SILENT", f"({LOOKED_AT})")
    return counts


def take_all(content: bytes) -> Counter[Outcome]:
    """Take in one mail, or all mails of an mbox: that begins with `From ` and a space, not with a header."""
    return Counter(_take_in(one) for one in split(content))


def split(content: bytes) -> Iterator[bytes]:
    """Return the mails of an mbox one by one, or the one mail that this is; nothing for nothing."""
    if not content.startswith(b"From "):
        yield from [content] if content.strip() else []
        return
    starts = [*_FROM_LINE.finditer(content)]
    ends = [*(one.start() for one in starts[1:]), len(content)]
    for begin, end in zip(starts, ends, strict=True):
        yield re.sub(rb"^>(>*From )", rb"\1", content[begin.end() : end], flags=re.MULTILINE)


def _take(connection: imaplib.IMAP4, uid: str) -> Outcome | None:
    """Fetch a mail without marking it as read; None if it has gone in the meantime."""
    size = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(_flat(connection.uid("FETCH", uid, "(RFC822.SIZE)"))))
    if size is None:
        return None
    if int(size[1]) > inbound.LARGEST:
        return Outcome.TOO_LARGE
    parts = _done(connection.uid("FETCH", uid, "(BODY.PEEK[])"))
    raw = next((one[1] for one in parts if isinstance(one, tuple)), None)
    return None if raw is None else _take_in(raw)


def _take_in(raw: bytes) -> Outcome:
    """Take in one mail; whatever fails because of it is counted, and stops none of the others."""
    try:
        return inbound.take(raw)
    except (Busy, OperationalError, OSError):  # the database, not the mail
        raise
    except Exception as error:
        db.session.rollback()
        log.warning("a mail cannot be taken in: %s", type(error).__name__)
        return Outcome.OTHER


def _flat(answer: tuple[str, list]) -> list[bytes]:  # type: ignore[type-arg]
    return [piece for one in _done(answer) if one for piece in (one if isinstance(one, tuple) else (one,))]


def _done(answer: tuple[str, list]) -> list:  # type: ignore[type-arg]
    """Return what the server said to a command that it has carried out."""
    word, said = answer
    if word != "OK":
        raise imaplib.IMAP4.error(b" ".join(one for one in said if isinstance(one, bytes)))
    return said


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    return " ".join(words.split()) or type(error).__name__
