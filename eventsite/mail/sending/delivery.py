"""The only code that talks to SMTP, through Flask-Mail; without a server it writes `.eml` files.

One connection for many letters, time-outs, checked certificates, one recipient a letter. What goes wrong is sorted by
whom it concerns: one letter (refused, or tried again), one connection (a fresh one next round), or the way to the mail
server as a whole (everybody pauses). No database connection is held while the server is spoken to.
"""

import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from enum import Enum
from functools import partial
from types import TracebackType
from typing import Protocol, TypeVar

from flask import current_app
from flask_mail import Connection
from sqlalchemy.exc import OperationalError

from eventsite.config import settings
from eventsite.db import db, transaction
from eventsite.errors import Busy
from eventsite.mail import outbox, post_room
from eventsite.mail.mime import StoredMessage
from eventsite.mail.outbox import Claimed
from eventsite.mail.sending import relevance, return_path, signing
from eventsite.models import Message

BATCHES = 10  # over one connection; then the worker looks after its other work
PATIENCE = (0.2, 0.8, 2, 5)  # seconds between tries to store what the server has said
AUTHENTICATION = {530, 534, 535, 538}
TOO_LARGE = 552
CLOSING = 421
Settle = Callable[[], object]
Result = TypeVar("Result")
log = logging.getLogger(__name__)


class Verdict(Enum):
    """Whom a failure concerns."""

    REFUSED = "this letter, for good"
    LATER = "this letter, for now"
    LOST = "this letter's connection, perhaps after the server had taken it"
    UNTOUCHED = "the connection, before this letter was begun"
    NO_WAY = "the way to the mail server"


class Line(Protocol):
    """A way on which letters leave; a context manager, which raises OSError or SMTPException if there is none now."""

    def __enter__(self) -> "Line": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def carry(self, letter: Claimed) -> None: ...

    def judge(self, error: Exception, first: bool) -> Verdict: ...


def deliver(worker: str, stopping: Callable[[], bool] = lambda: False) -> int:
    """Deliver what is due, up to `BATCHES`; return how many letters were handled. Stops between two when told to."""
    batch = outbox.claim(worker)
    if not batch:
        return 0
    with ExitStack() as stack:
        try:
            line = stack.enter_context(_line())
        except (OSError, smtplib.SMTPException) as error:
            _no_way(batch, worker, error)
            return 0
        return _Round(line, worker, stopping).run(batch)


def _line() -> Line:
    return MailServer(current_app.extensions["mail"]) if settings.mail_server else Folder()


class _Round:
    """Letters over one connection. What became of a letter is stored in the transaction that begins the next one."""

    def __init__(self, line: Line, worker: str, stopping: Callable[[], bool]) -> None:
        self.line = line
        self.worker = worker
        self.stopping = stopping
        self.outcome: list[Settle] = []
        self.handled = 0
        self.answered = False
        self.held = False

    def run(self, batch: list[Claimed]) -> int:
        for left in reversed(range(BATCHES)):
            go_on = self._send_all(batch) and left > 0
            batch = self._store(partial(outbox.claim, self.worker) if go_on else list)
            if not batch:
                break
        return self.handled

    def _send_all(self, batch: list[Claimed]) -> bool:
        for number, letter in enumerate(batch):
            if self.stopping():
                self.outcome.append(partial(outbox.release, batch[number:], self.worker))
                return False
            if not self._send(letter, batch[number + 1 :]):
                return False
        return True

    def _send(self, letter: Claimed, rest: list[Claimed]) -> bool:
        """Send one letter; False if this connection is of no more use, and the rest were given back."""
        self.handled += 1
        if not self._store(partial(self._begin, letter)):
            return not self._stop_if_held(letter, rest)
        try:
            self.line.carry(letter)
        except Exception as error:
            return self._sort(letter, rest, error)
        self._answer(partial(outbox.sent, letter, self.worker))
        return True

    def _stop_if_held(self, letter: Claimed, rest: list[Claimed]) -> bool:
        """Give everything back if an operator holds all mail by now."""
        if self.held:
            self.handled -= 1
            self.outcome.append(partial(outbox.release, [letter, *rest], self.worker))
        return self.held

    def _begin(self, letter: Claimed) -> bool:
        """Hold the letter for as long as sending may take; False if it is no longer ours, or no longer true."""
        self.held = post_room.is_held()
        if self.held or not outbox.renew(letter, self.worker):
            return False
        words = ""
        if letter.letter in relevance.RULES:
            message = db.session.get(Message, letter.id)
            words = relevance.why_not(message) if message else ""
        if words:
            outbox.outdated(letter, self.worker, words)
        return not words

    def _sort(self, letter: Claimed, rest: list[Claimed], error: Exception) -> bool:
        verdict, words = self.line.judge(error, first=not self.answered), in_words(error)
        if verdict in {Verdict.REFUSED, Verdict.LATER}:
            settle = outbox.failed if verdict == Verdict.REFUSED else outbox.later
            self._answer(partial(settle, letter, self.worker, words), of_the_server=bool(answers(error)))
            return True
        log.warning("the connection to the mail server failed: %s", words)
        if verdict == Verdict.LOST:
            self.outcome.append(partial(outbox.later, letter, self.worker, words))
            self.outcome.append(partial(outbox.release, rest, self.worker))
            if not self.answered:
                self.outcome.append(partial(post_room.fail, at_once=False))
        else:
            self.handled -= 1
            unsent = [letter, *rest]
            if verdict == Verdict.UNTOUCHED:
                self.outcome.append(partial(outbox.release, unsent, self.worker))
            else:
                self.outcome.append(partial(_no_way, unsent, self.worker, error))
        return False

    def _answer(self, settle: Settle, *, of_the_server: bool = True) -> None:
        self.outcome.append(settle)
        if of_the_server and not self.answered:
            self.outcome.append(post_room.succeed)
            self.answered = True

    def _store(self, then: Callable[[], Result]) -> Result:
        """In one transaction: what became of the last letter, and what comes next.

        Tried for some seconds if the database is away: what it is never told is sent once more.
        """
        for seconds in PATIENCE:
            try:
                return self._store_now(then)
            except (OperationalError, Busy) as error:
                log.warning("the database is away, it is tried again: %s", error)
                db.session.rollback()
                time.sleep(seconds)
        return self._store_now(then)

    def _store_now(self, then: Callable[[], Result]) -> Result:
        with transaction():
            for settle in self.outcome:
                settle()
            result = then()
        self.outcome.clear()
        return result


class MailServer(Connection):
    """Flask-Mail's connection with time-outs, a certificate check, and a sense of how far a letter has come."""

    host: "_Plain | _Encrypted | None"

    def configure_host(self) -> "_Plain | _Encrypted":
        state, seconds = self.mail, settings.mail_timeout
        context = ssl.create_default_context()
        if state.use_ssl:
            host: _Plain | _Encrypted = _Encrypted(state.server, state.port, timeout=seconds, context=context)
        else:
            host = _Plain(state.server, state.port, timeout=seconds)
        try:
            if state.use_tls:
                host.starttls(context=context)
            host.ehlo_or_helo_if_needed()
            if state.username and state.password:
                host.login(state.username, state.password)
        except BaseException:
            host.close()
            raise
        return host

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take leave if the server still listens; whether it answers changes nothing any more."""
        if self.host is not None and self.host.sock is not None:
            with suppress(OSError, smtplib.SMTPException):
                self.host.quit()
            self.host.close()

    def carry(self, letter: Claimed) -> None:
        if self.host is not None:
            self.host.begun = False
        raw, sender = signing.sealed(letter.mime), return_path.for_message(letter.message_id)
        self.send(StoredMessage(sender, letter.recipient, raw))

    def judge(self, error: Exception, first: bool) -> Verdict:
        """Sort by code and by how far the letter had come: 5xx is final, unless it is about ourselves (F2–F4, F15)."""
        if not isinstance(error, (OSError, smtplib.SMTPException)):
            return Verdict.REFUSED  # it cannot even be said
        if self._is_gone(error):
            begun = self.host is not None and self.host.begun
            return Verdict.LOST if begun else Verdict.NO_WAY if first else Verdict.UNTOUCHED
        codes = {code for code, _ in answers(error)}
        if codes & AUTHENTICATION:
            return Verdict.NO_WAY
        if isinstance(error, smtplib.SMTPSenderRefused) and TOO_LARGE not in codes:
            return Verdict.NO_WAY
        return Verdict.REFUSED if all(500 <= code < 600 for code in codes) else Verdict.LATER

    def _is_gone(self, error: Exception) -> bool:
        """A connection that broke, was closed with 421, or fell out of step."""
        closed = self.host is None or self.host.sock is None
        return closed or not answers(error) or any(code in {CLOSING, -1} for code, _ in answers(error))


class _Plain(smtplib.SMTP):
    """Knows whether the server was told whom the letter is for: from then on it may have been the letter's fault."""

    begun = False

    def rcpt(self, recip: str, options: Sequence[str] = ()) -> tuple[int, bytes]:
        self.begun = True
        return super().rcpt(recip, options)


class _Encrypted(_Plain, smtplib.SMTP_SSL):
    pass


class Folder:
    """Letters as files in `instance/mail/`, for mail programs to open."""

    def __init__(self) -> None:
        self.folder = settings.instance_path / "mail"

    def __enter__(self) -> "Folder":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def carry(self, letter: Claimed) -> None:
        """Write whole or not at all: a reader never sees half a letter."""
        path = self.folder / f"{letter.created_at:%Y%m%d-%H%M%S}-{letter.id:06d}-{letter.letter}.eml"
        draft = path.with_suffix(".part")
        draft.touch(mode=0o600)
        draft.write_bytes(letter.mime)
        draft.rename(path)

    def judge(self, error: Exception, first: bool) -> Verdict:
        return Verdict.NO_WAY if isinstance(error, OSError) else Verdict.REFUSED


def in_words(error: Exception) -> str:
    """Return what the server said, else what happened to the connection."""
    said = "; ".join(f"{code} {words}" for code, words in answers(error))
    return said or f"{type(error).__name__}: {error}"


def answers(error: Exception) -> list[tuple[int, str]]:
    """Return the server's answers, code and words, that an exception of smtplib carries."""
    found: list[tuple[int, bytes | str]] = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        found = list(error.recipients.values())
    elif isinstance(error, smtplib.SMTPResponseException):
        found = [(error.smtp_code, error.smtp_error)]
    return [
        (code, words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words))
        for code, words in found
    ]


def _no_way(letters: list[Claimed], worker: str, error: Exception) -> None:
    """Give everything back and pause; only what has waited its whole time fails, with these words."""
    words = in_words(error)
    log.warning("the mail server cannot be had: %s", words)
    with transaction():
        outbox.release(letters, worker, words)
        outbox.give_up(words)
        post_room.fail()
