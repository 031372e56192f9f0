"""The final bytes of one letter: headers, body, calendar, attachment.

For: turning an `Envelope` into what is stored in the outbox, and handing stored bytes to Flask-Mail as they
are. Not for: words (`eventsite.mail.wording.words`), the calendar object (`eventsite.calendar`), SMTP itself.

Flask-Mail 0.10 writes 8-bit bodies and re-folds headers so that long Japanese names lose their spaces or
become extra recipients. Hence its `Message` is subclassed: bodies are base64, headers are encoded here,
nothing comes from a clock, a host name or a random source: the same envelope always gives the same bytes.

Sources: RFC 5322 (headers), RFC 2045-2047 (MIME), RFC 3834 (Auto-Submitted), RFC 6047 (iMIP).
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from email import base64mime, policy
from email.charset import BASE64, Charset
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime

from flask_mail import Attachment, Message

ATTACHMENT_NAME = "invite.ics"

_POLICY = policy.compat32.clone(linesep="\r\n", max_line_length=None)
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = BASE64
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_OWN_HEADERS = re.compile(
    r"from|to|cc|bcc|sender|reply-to|subject|date|message-id|references|in-reply-to|mime-version|content-.*"
    r"|return-path|auto-submitted|x-auto-response-suppress",
    re.IGNORECASE,
)


class BadHeader(ValueError):
    """A value that must not come near a header; the letter is not built."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Everything that one letter to one recipient consists of.

    Addresses are bare (`a@b.example`), Message-IDs without `<>`; `date` is aware and its zone is written.
    `references`: Message-IDs, the confirmation's first; In-Reply-To names that one. `calendar` is a finished
    object and `method` its METHOD; with `calendar_in_body` False it is only attached. `extra` holds headers
    such as List-Unsubscribe, ASCII, none that is written here anyway.
    """

    from_name: str
    from_email: str
    to: str
    subject: str
    text: str
    message_id: str
    date: datetime
    to_name: str | None = None
    reply_to: str | None = None
    reply_to_name: str | None = None
    html: str | None = None
    references: tuple[str, ...] = ()
    calendar: bytes | None = None
    method: str | None = None
    calendar_in_body: bool = True
    extra: dict[str, str] = field(default_factory=dict)


def build(envelope: Envelope) -> bytes:
    """The letter as 7-bit bytes with CRLF, ready to be stored and sent. Needs no app context.

    Raises BadHeader for a control character or line separator in any header value, for anything but one bare
    address in From, To or Reply-To, and for a `method` that is not the METHOD of the object.
    """
    _check(envelope)
    return Letter(envelope).as_bytes()


class Letter(Message):
    """An envelope as Flask-Mail's message. Use `build`, which checks first."""

    def __init__(self, envelope: Envelope) -> None:
        _fill(self, sender=envelope.from_email, recipient=envelope.to)
        self.envelope = envelope
        self.subject = envelope.subject
        self.reply_to = envelope.reply_to
        self.body = envelope.text
        self.html = envelope.html
        self.date = envelope.date.timestamp()
        self.msgId = f"<{envelope.message_id}>"
        self.extra_headers = dict(envelope.extra)
        if envelope.calendar is None:
            return
        if envelope.calendar_in_body:
            kind = f"calendar; method={envelope.method}; component=VEVENT"
            self.alts[kind] = envelope.calendar.decode("utf-8")
        self.attachments.append(Attachment(ATTACHMENT_NAME, "application/ics", envelope.calendar))

    def _message(self) -> MIMEBase:
        message = self._body()
        message.policy = _POLICY
        for name, value in _headers(self.envelope):
            message[name] = value
        return message

    def _body(self) -> MIMEBase:
        """mixed(alternative(plain, html, calendar), ics): Outlook looks for invitations in the first part."""
        text = self._mimetext(self.body)
        if not self.alts and not self.attachments:
            return text
        mixed = self._multipart("mixed")
        first = mixed
        if self.alts:
            first = self._multipart("alternative")
            mixed.attach(first)
        for part in [text, *(self._mimetext(content, kind) for kind, content in self.alts.items())]:
            first.attach(part)
        for attachment in self.attachments:
            mixed.attach(_attached(attachment))
        return mixed

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        """Base64 of the text with CRLF, its canonical line end (RFC 2045 6.8); no part repeats MIME-Version."""
        canonical = "\r\n".join((text or "").replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        part = MIMEText(canonical, "plain", _UTF8)  # type: ignore[arg-type]
        part.replace_header("Content-Type", f"text/{subtype}; charset=utf-8")
        del part["MIME-Version"]
        return part

    def _multipart(self, subtype: str) -> MIMEMultipart:
        """A boundary made from the Message-ID; `=_` occurs in no base64 line."""
        digest = hashlib.sha256(f"{subtype} {self.msgId}".encode()).hexdigest()
        part = MIMEMultipart(subtype, boundary=f"=_{digest[:24]}")
        del part["MIME-Version"]
        return part


class StoredMessage(Message):
    """Bytes that were built before, as a message that Flask-Mail's connection sends without touching them."""

    def __init__(self, sender: str, recipient: str, raw: bytes) -> None:
        """`sender` and `recipient` are the bare addresses of MAIL FROM and RCPT TO; else BadHeader."""
        _fill(self, sender=_bare(sender), recipient=_bare(recipient))
        self.raw = raw

    def as_bytes(self) -> bytes:
        return self.raw

    def as_string(self) -> str:
        return self.raw.decode("ascii")


def _fill(message: Message, *, sender: str, recipient: str) -> None:
    """What `Message.__init__` would set; that one asks the DNS for a Message-ID and an app for a sender."""
    message.sender = sender
    message.recipients = [recipient]
    message.subject = ""
    message.reply_to = None
    message.cc, message.bcc = [], []
    message.body = None
    message.alts = {}
    message.date = 0.0
    message.msgId = ""
    message.charset = None
    message.extra_headers = None
    message.mail_options, message.rcpt_options = [], []
    message.attachments = []


def _attached(attachment: Attachment) -> MIMEBase:
    part = MIMEBase(*attachment.content_type.split("/"), name=attachment.filename)
    del part["MIME-Version"]
    part["Content-Transfer-Encoding"] = "base64"
    part.add_header("Content-Disposition", attachment.disposition, filename=attachment.filename)
    part.set_payload(base64mime.body_encode(attachment.data))  # type: ignore[arg-type]
    return part


def _headers(envelope: Envelope) -> list[tuple[str, str]]:
    rows = [
        ("From", _mailbox("From", envelope.from_name, envelope.from_email)),
        ("To", _mailbox("To", envelope.to_name, envelope.to)),
    ]
    if envelope.reply_to:
        rows.append(("Reply-To", _mailbox("Reply-To", envelope.reply_to_name, envelope.reply_to)))
    rows += [
        ("Subject", _encoded("Subject", envelope.subject)),
        ("Date", format_datetime(envelope.date)),
        ("Message-ID", f"<{envelope.message_id}>"),
    ]
    if envelope.references:
        rows.append(("In-Reply-To", f"<{envelope.references[0]}>"))
        rows.append(("References", "\n ".join(f"<{reference}>" for reference in envelope.references)))
    rows += [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "OOF, AutoReply")]
    return [*rows, *envelope.extra.items(), ("MIME-Version", "1.0")]


def _mailbox(header: str, name: str | None, address: str) -> str:
    """The name, then the address on a line of its own, where no folding can reach it."""
    return f"{_encoded(header, name, phrase=True)}\n <{address}>" if name else address


def _encoded(header: str, text: str, *, phrase: bool = False) -> str:
    """Plain where ASCII survives as it stands, else RFC 2047 words of whole characters."""
    word = r"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+" if phrase else r"[!-~]+"
    fits = len(header) + 2 + len(text) <= 76 and "=?" not in text
    if fits and re.fullmatch(rf"{word}(?: {word})*", text):
        return text
    return Header(text, "utf-8", header_name=header, maxlinelen=75).encode()


def _check(envelope: Envelope) -> None:
    for value in (envelope.from_name, envelope.subject, envelope.to_name, envelope.reply_to_name):
        _clean(value or "")
    for address in (envelope.from_email, envelope.to, envelope.reply_to or envelope.from_email):
        _bare(address)
    for message_id in (envelope.message_id, *envelope.references):
        if not _MESSAGE_ID.fullmatch(message_id) or len(message_id) > 900:
            raise BadHeader(f"not a Message-ID: {message_id!r}")
    for name, value in envelope.extra.items():
        _check_extra(name, value)
    if envelope.date.utcoffset() is None:
        raise BadHeader("the date of a letter needs a zone")
    _check_method(envelope)


def _check_extra(name: str, value: str) -> None:
    if _OWN_HEADERS.fullmatch(name) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise BadHeader(f"not an extra header: {name!r}")
    if not _clean(value).isascii() or len(name) + len(value) > 900:
        raise BadHeader(f"not ASCII or too long: {name}")


def _check_method(envelope: Envelope) -> None:
    """The parameter equals METHOD (RFC 6047 2.4); PUBLISH stays out of the body: Outlook prints it raw."""
    if envelope.calendar is None or not (envelope.calendar_in_body or envelope.method):
        return
    stated = re.findall(rb"^METHOD:([A-Z]+)\r$", envelope.calendar, re.MULTILINE)
    if stated != [(envelope.method or "").encode()]:
        raise BadHeader(f"method {envelope.method!r} is not the object's")
    if envelope.calendar_in_body and envelope.method not in ("REQUEST", "CANCEL"):
        raise BadHeader(f"{envelope.method} is never placed in the body")


def _clean(value: str) -> str:
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in value):
        raise BadHeader(f"control character or line separator in {value!r}")
    return value


def _bare(address: str) -> str:
    if not _ADDRESS.fullmatch(_clean(address)) or len(address) > 254:
        raise BadHeader(f"not one bare address: {address!r}")
    return address
