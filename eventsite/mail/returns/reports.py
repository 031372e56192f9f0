"""Reading what came back: is this mail a delivery report, a calendar's answer, or none of our business?

Pure. Whatever cannot be read is none of our business. Headers are read as they stand: the structured parser of the
standard library stumbles over hostile ones, and is slow with long ones. Not for what follows from it (inbound.py).
Sources: RFC 3464 and RFC 6533 (delivery reports), RFC 3834 (automatic answers), RFC 5546 3.2.3 (REPLY).
"""

import logging
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.header import decode_header, make_header
from email.message import Message
from typing import Literal

from icalendar import Calendar

from eventsite.mail.sending import return_path

LONGEST_WORDS = 1000
LONGEST_HEADER = 10_000
MOST_BOUNDARIES = 100
ANSWERS = frozenset({"ACCEPTED", "DECLINED", "TENTATIVE", "DELEGATED"})
_STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}
_RETURNED = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
_ADDRESSED = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
_ID = r"[!-;=?A-~]{1,200}@[!-;=?A-~]{1,200}"  # ours are ASCII; a database does not take everything else
_MESSAGE_ID = re.compile(rf"(?<![^\s<])({_ID})(?![^\s>])")
_QUOTED_ID = re.compile(rf"^[ \t>|]*Message-ID:\s*<({_ID})>", re.IGNORECASE | re.MULTILINE)
_DAEMON = re.compile(
    r"mailer-?daemon|postmaster|mail delivery (?:sub)?system|mail-?administrator", re.IGNORECASE
)
_AUTOMATIC = re.compile(
    r"自動応答|自動返信|不在|automatic reply|auto(?:matic)?[ -]?response|out of (?:the )?office", re.I
)
_CODE = re.compile(r"(?<![\d.])(?:5\d\d[ -]|5\.\d{1,3}\.\d{1,3}(?![\d.]))")
_FAILED = re.compile(
    r"undeliver|undelivered|not be delivered|unable to deliver|able to deliver|delivery (?:has )?failed"
    r"|delivery (?:status notification )?\(?failure|failure notice|returned mail|user unknown|unknown user"
    r"|no such user|unknown host|host unknown"
    r"|配信できません|配信できなかった|配信不能|配達できません|配達できなかった|送信できません|送信できなかった"
    r"|届きません|届けることができません|宛先不明|あて先不明|見つかりません|存在しません|エラーメール",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"delayed|delivery delay|will (?:be retried|continue|keep trying|retry)|not yet been delivered|still trying"
    r"|遅延|再送を続|再試行|引き続き配信",
    re.IGNORECASE,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """A letter was not delivered, or not yet. `marks` and `message_ids` may name it, the surest first."""

    kind: Literal["failed", "delayed"]
    words: str
    marks: tuple[str, ...]
    message_ids: tuple[str, ...]


@dataclass(frozen=True)
class Reply:
    """A calendar's answer to the entry with this UID; `answer` is one of `ANSWERS`."""

    uid: str
    answer: str
    comment: str


def read(raw: bytes) -> Report | Reply | None:
    """Return what a mail reports or answers; None for everything else, and for what cannot be read."""
    if raw.lower().count(b"boundary") > MOST_BOUNDARIES:
        return None
    try:
        mail = message_from_bytes(raw)
        if any(part.get_content_type() in _STATUS_PARTS for part in _parts(mail)):
            return _delivery_report(mail)
        return _reply(mail) or _plain_report(mail)
    except Exception as error:  # a mail of somebody else's making must not stop the rest
        log.info("a mail cannot be read: %s", type(error).__name__)
        return None


def _delivery_report(mail: Message) -> Report | None:
    """RFC 3464: several recipients may be told of; one that failed decides."""
    blocks = [
        block for part in _parts(mail) if part.get_content_type() in _STATUS_PARTS for block in _blocks(part)
    ]
    told = [(kind, block) for block in blocks if (kind := _kind(block))]
    for wanted in ("failed", "delayed"):
        for kind, block in told:
            if kind == wanted:
                return Report(kind, _server_words(block), *_names(mail, blocks))
    return None


def _reply(mail: Message) -> Reply | None:
    for part in _parts(mail):
        if part.get_content_type() not in {"text/calendar", "application/ics"}:
            continue
        calendar = Calendar.from_ical(_content(part))
        if str(calendar.get("METHOD", "")).upper() != "REPLY":
            continue
        for event in calendar.walk("VEVENT"):
            answer, uid = _answer(event), str(event.get("UID", "")).strip()
            if answer and re.fullmatch(_ID, uid):
                comment = event.get("COMMENT", "")
                words = " ".join(str(one) for one in comment) if isinstance(comment, list) else str(comment)
                return Reply(uid, answer, _plain(words))
    return None


def _plain_report(mail: Message) -> Report | None:
    """What old servers and mobile carriers send: words of a daemon, in any language, without a part for programs."""
    subject = _header(mail, "subject")
    nobody = _header(mail, "return-path").strip() == "<>" and not _is_automatic_answer(mail, subject)
    if not nobody and not _DAEMON.search(_header(mail, "from")):
        return None
    text = "\n".join(_text(part) for part in _parts(mail) if part.get_content_type() == "text/plain")
    marks, ids = _names(mail, [])
    ids = (*_QUOTED_ID.findall(text)[:1], *ids)
    said = f"{subject}\n{text}"
    if _DELAYED.search(said) and not _CODE.search(text):
        return Report("delayed", _telling_lines(text) or _plain(subject), marks, ids)
    if _FAILED.search(said) or _CODE.search(text) or _header(mail, "x-failed-recipients"):
        return Report("failed", _telling_lines(text) or _plain(subject), marks, ids)
    return None


def _is_automatic_answer(mail: Message, subject: str) -> bool:
    """Out of office, or the like: it comes from nobody, as a report does."""
    stated = _header(mail, "auto-submitted").lower().startswith("auto-replied")
    return stated or bool(_header(mail, "x-autoreply") or _AUTOMATIC.search(subject))


def _parts(mail: Message) -> Iterator[Message]:
    """Every part, but nothing of a mail that stands within this one."""
    yield mail
    if mail.is_multipart() and mail.get_content_maintype() == "multipart":
        for part in mail.get_payload():
            if isinstance(part, Message):
                yield from _parts(part)


def _blocks(part: Message) -> list[Message]:
    payload = part.get_payload()
    if not isinstance(payload, list):
        return []
    found = [one for one in payload if isinstance(one, Message)]
    if part.get_content_subtype() == "delivery-status":
        return found
    later = str(found[0].get_payload()) if found else ""
    return [*found, *(message_from_string(one) for one in re.split(r"\r?\n\r?\n", later))]


def _kind(block: Message) -> Literal["failed", "delayed"] | None:
    action = (_header(block, "action").split() or [""])[0].lower().strip(";")
    if action == "failed" or (not action and _header(block, "status").startswith("5.")):
        return "failed"
    return "delayed" if action == "delayed" else None


def _server_words(block: Message) -> str:
    """The diagnostic code without its type, the status before it where it does not say that by itself."""
    diagnostic, status = _header(block, "diagnostic-code"), (_header(block, "status").split() or [""])[0]
    words = _plain(re.sub(r"^[A-Za-z0-9-]+ *;", "", diagnostic))
    if status and status not in words:
        words = f"{status} {words}"
    _type, _semicolon, final = _header(block, "final-recipient").partition(";")
    final = _plain(final)
    return _cut(words.strip() if final in words else f"{words.strip()} ({final})".strip())


def _names(mail: Message, blocks: list[Message]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what may name the letter: marks of addresses; Message-IDs, first that of the letter as returned."""
    addresses = " ".join(_header(mail, name) for name in _ADDRESSED)
    returned = [one for part in _parts(mail) if part.get_content_type() in _RETURNED for one in _own_id(part)]
    envelope = [_header(block, "original-envelope-id") for block in blocks]
    answered = [_header(mail, "in-reply-to"), *reversed(_header(mail, "references").split())]
    ids = [_MESSAGE_ID.search(one) for one in (*returned, *envelope, *answered)]
    return tuple(return_path.marks(addresses)), tuple(one[1] for one in ids if one)[:20]


def _own_id(part: Message) -> list[str]:
    payload = part.get_payload()
    if isinstance(payload, list):
        returned = payload[0] if payload else None
    else:
        returned = message_from_string(_text(part))
    return [_header(returned, "message-id")] if isinstance(returned, Message) else []


def _answer(event: object) -> str:
    attendees = event.get("ATTENDEE", [])  # type: ignore[attr-defined]
    for one in attendees if isinstance(attendees, list) else [attendees]:
        stated = str(one.params.get("PARTSTAT", "")).upper()
        if stated in ANSWERS:
            return stated
    return ""


def _telling_lines(text: str) -> str:
    """Return the lines that say what was wrong, as far as they can be told from the politeness around them."""
    lines = [one.strip() for one in text.splitlines()]
    telling = [one for one in lines if _CODE.search(one)] or [one for one in lines if _FAILED.search(one)]
    return _plain(" ".join(telling[:3]))


def _text(part: Message) -> str:
    content = _content(part)
    try:
        return content.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _header(message: Message, name: str) -> str:
    """All fields of this name as one line of clean words, decoded as far as that is possible."""
    values = [value for field, value in message.raw_items() if field.lower() == name]
    joined = " ".join(values)[:LONGEST_HEADER].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    unfolded = " ".join(joined.split())
    try:
        return _clean(str(make_header(decode_header(unfolded))))
    except (LookupError, ValueError):
        return _clean(unfolded)


def _plain(words: str) -> str:
    """One line of clean words, of moderate length."""
    return _cut(" ".join(_clean(words).split()))


def _clean(words: str) -> str:
    """Blanks for control characters and broken ones, which no database would take."""
    return "".join(" " if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} else one for one in words)


def _cut(words: str) -> str:
    return words[:LONGEST_WORDS]
