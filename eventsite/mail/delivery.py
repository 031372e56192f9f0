"""The only code that talks to SMTP, through Flask-Mail; without a server it writes `.eml` files.

One connection for a batch, time-outs, checked certificates, one recipient a letter. Answers are sorted by their code:
5xx is final, everything else is tried again later.
"""

import logging
import smtplib
import ssl
from collections.abc import Callable
from pathlib import Path

from flask import current_app
from flask_mail import Connection

from eventsite.config import settings
from eventsite.mail import outbox
from eventsite.mail.mime import StoredMessage

TIMEOUT_SECONDS = 30
log = logging.getLogger(__name__)


class CheckedConnection(Connection):
    """Flask-Mail's connection with a time-out and a certificate check."""

    def configure_host(self) -> smtplib.SMTP:
        state = self.mail
        context = ssl.create_default_context()
        if state.use_ssl:
            host: smtplib.SMTP = smtplib.SMTP_SSL(
                state.server, state.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            host = smtplib.SMTP(state.server, state.port, timeout=TIMEOUT_SECONDS)
        if state.use_tls:
            host.starttls(context=context)
        if state.username and state.password:
            host.login(state.username, state.password)
        return host


def deliver(worker: str, stopping: Callable[[], bool] = lambda: False) -> int:
    """Claim one batch and deliver it; returns how many messages were handled. Stops between two when told to."""
    messages = outbox.claim(worker)
    if not messages:
        return 0
    if not settings.mail_server:
        return _write_files(messages, worker)
    try:
        with CheckedConnection(current_app.extensions["mail"]) as connection:
            return _send_all(connection, messages, worker, stopping)
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail server cannot be reached: %s", error)
        for one in messages:
            outbox.later(one, worker, _words(error))
        return len(messages)


def _send_all(
    connection: Connection, messages: list[outbox.Claimed], worker: str, stopping: Callable[[], bool]
) -> int:
    for number, one in enumerate(messages):
        if stopping():
            outbox.release(messages[number:], worker)
            return number
        if not outbox.renew(one, worker):
            continue
        try:
            connection.send(StoredMessage(settings.sender, one.recipient, one.mime))
        except smtplib.SMTPServerDisconnected as error:
            for waiting in messages[number:]:
                outbox.later(waiting, worker, _words(error))
            return len(messages)
        except (OSError, smtplib.SMTPException) as error:
            settle = outbox.failed if _is_final(error) else outbox.later
            settle(one, worker, _words(error))
        else:
            outbox.sent(one, worker)
    return len(messages)


def _write_files(messages: list[outbox.Claimed], worker: str) -> int:
    folder = settings.instance_path / "mail"
    folder.mkdir(parents=True, exist_ok=True)
    for one in messages:
        _write_file(folder / f"{one.created_at:%Y%m%d-%H%M%S}-{one.id:06d}-{one.letter}.eml", one.mime)
        outbox.sent(one, worker)
    return len(messages)


def _write_file(path: Path, content: bytes) -> None:
    """Write whole or not at all: a reader never sees half a letter."""
    draft = path.with_suffix(".part")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.rename(path)


def _is_final(error: Exception) -> bool:
    return all(500 <= code < 600 for code, _ in _answers(error)) and bool(_answers(error))


def _words(error: Exception) -> str:
    answers = _answers(error)
    if answers:
        return "; ".join(f"{code} {words}" for code, words in answers)
    return f"{type(error).__name__}: {error}"


def _answers(error: Exception) -> list[tuple[int, str]]:
    """Return the server's answers, code and words, that an exception of smtplib carries."""
    answers: list[tuple[int, bytes | str]] = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = list(error.recipients.values())
    elif isinstance(error, smtplib.SMTPResponseException):
        answers = [(error.smtp_code, error.smtp_error)]
    return [
        (code, words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words))
        for code, words in answers
    ]
