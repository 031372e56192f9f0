"""The bytes of a letter: structure, headers, refusals, and the same bytes behind a real SMTP conversation."""

import email
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import policy
from email.header import decode_header, make_header

import flask
import pytest
from aiosmtpd.controller import Controller
from flask_mail import Connection, Mail

from eventsite import calendar
from eventsite.mail.mime import BadHeader, Envelope, StoredMessage, build

TOKYO = timezone(timedelta(hours=9))
TAKASAKI = "\u9ad9\ufa11 洋子"
YOSHIDA = "\U00020bb7田 健"
TITLE = "【申込完了】12月10日（木）14:00 なぜ、あの官民連携はうまくいくのか？"
NAMES = [
    TAKASAKI,
    YOSHIDA,
    "a, victim@example.com, 例示市",
    "例示市 <victim@example.com>",
    "Doe, Jane",
    'Jane "J" Doe',
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u8fbb\U000e0100 太郎",
    "=?utf-8?q?evil?=",
    "O'Brien; Esq.",
    "前後  二つの空白\u3000全角",
    "J" * 90,
]
CONTROLS = [*"\r\n\x00\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029", "\r\n"]


def entry(method: str = "REQUEST") -> bytes:
    make = calendar.request if method == "REQUEST" else calendar.cancellation
    return make(
        calendar.Entry(
            uid="4f1c2a@seminar.example",
            sequence=0,
            stamp=datetime(2026, 11, 20, tzinfo=UTC),
            created=datetime(2026, 11, 20, tzinfo=UTC),
            start=datetime(2026, 12, 10, 5, tzinfo=UTC),
            end=datetime(2026, 12, 10, 6, 30, tzinfo=UTC),
            summary="なぜ、あの官民連携はうまくいくのか？",
            organizer_email="seminar@seminar.example",
            attendee_email="kikaku@city.example.lg.jp",
        )
    )


PLAIN = Envelope(
    from_name="GDXセミナー事務局",
    from_email="seminar@seminar.example",
    to="kikaku@city.example.lg.jp",
    to_name=TAKASAKI,
    reply_to="desk@seminar.example",
    reply_to_name="官民連携 係",
    subject=TITLE,
    text="例示市 企画課\n" + TAKASAKI + " 様\n\n" + "お申し込みを受け付けました。" * 20 + "\n",
    message_id="0a1b2c@seminar.example",
    date=datetime(2026, 11, 20, 18, 30, tzinfo=TOKYO),
)
INVITATION = replace(PLAIN, calendar=entry(), method="REQUEST")


def parsed(envelope: Envelope) -> email.message.EmailMessage:
    return email.message_from_bytes(build(envelope), policy=policy.default)


def decoded(raw: bytes, name: str) -> str:
    """The text of a header without its address, unfolded, its RFC 2047 words decoded.

    By the older parser: the newer one (before 3.13.2) puts a space between two words of one display name.
    """
    value = re.sub(r"\r?\n(?=[ \t])", "", email.message_from_bytes(raw)[name])
    return str(make_header(decode_header(re.sub(r" <[^<>]*>$", "", value))))


def shape(part: email.message.EmailMessage) -> object:
    if part.is_multipart():
        return [part.get_content_type(), *map(shape, part.iter_parts())]
    return part.get_content_type()


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        (PLAIN, "text/plain"),
        (
            INVITATION,
            ["multipart/mixed", ["multipart/alternative", "text/plain", "text/calendar"], "application/ics"],
        ),
        (
            replace(INVITATION, html='<html lang="ja"><p>本文</p></html>'),
            [
                "multipart/mixed",
                ["multipart/alternative", "text/plain", "text/html", "text/calendar"],
                "application/ics",
            ],
        ),
        (
            replace(INVITATION, calendar_in_body=False),
            ["multipart/mixed", "text/plain", "application/ics"],
        ),
        (
            replace(PLAIN, html="<p>本文</p>"),
            ["multipart/mixed", ["multipart/alternative", "text/plain", "text/html"]],
        ),
    ],
    ids=["plain", "invitation", "invitation with HTML", "attached only", "HTML"],
)
def test_parts_stand_in_their_order(envelope, expected):
    assert shape(parsed(envelope)) == expected


@pytest.mark.parametrize("envelope", [PLAIN, INVITATION, replace(INVITATION, html="<p>本文</p>")])
def test_everything_is_short_seven_bit_lines(envelope):
    raw = build(envelope)
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    for part in parsed(envelope).walk():
        if not part.is_multipart():
            assert part["Content-Transfer-Encoding"] == "base64"
            assert part.get_content_maintype() != "text" or part.get_content_charset() == "utf-8"


def test_the_text_arrives_as_written():
    assert parsed(PLAIN).get_content().replace("\r\n", "\n") == PLAIN.text
    assert b"\r\n".join(PLAIN.text.encode().split(b"\n")) == parsed(PLAIN).get_payload(decode=True)


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
def test_the_calendar_part_is_the_attachment_and_states_its_method(method):
    message = parsed(replace(PLAIN, calendar=entry(method), method=method))
    alternative, attachment = message.iter_parts()
    body = list(alternative.iter_parts())[-1]
    assert body.get_payload(decode=True) == entry(method) == attachment.get_payload(decode=True)
    assert dict(body["Content-Type"].params) == {
        "method": method,
        "component": "VEVENT",
        "charset": "utf-8",
    }
    assert body["Content-Disposition"] is None
    assert attachment["Content-Disposition"] == 'attachment; filename="invite.ics"'


@pytest.mark.parametrize(
    "change",
    [
        {"method": "CANCEL"},
        {"method": None},
        {"method": "PUBLISH", "calendar": entry().replace(b"METHOD:REQUEST", b"METHOD:PUBLISH")},
        {"calendar": entry().replace(b"METHOD:REQUEST", b"X-A:b")},
        {"method": "CANCEL", "calendar_in_body": False},
    ],
    ids=["another method", "none stated", "PUBLISH in the body", "none in the object", "wrong when attached"],
)
def test_a_method_that_is_not_the_objects_is_refused(change):
    with pytest.raises(BadHeader):
        build(replace(INVITATION, **change))


def test_headers_stand_once():
    raw = build(replace(INVITATION, references=("first@seminar.example",)))
    head = raw.split(b"\r\n\r\n")[0].decode()
    found = re.findall(r"^([A-Za-z-]+):", head, re.MULTILINE)
    assert sorted(found) == sorted(
        ["Content-Type", "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To"]
        + ["References", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version"]
    )
    assert raw.count(b"MIME-Version:") == 1
    message = email.message_from_bytes(raw)
    assert message["Date"] == "Fri, 20 Nov 2026 18:30:00 +0900"
    assert message["Message-ID"] == "<0a1b2c@seminar.example>"
    assert message["In-Reply-To"] == "<first@seminar.example>" == message["References"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"


def test_many_references_keep_the_confirmation_first():
    message = parsed(replace(PLAIN, references=("first@seminar.example", "second@seminar.example")))
    assert message["References"] == "<first@seminar.example> <second@seminar.example>"
    assert message["In-Reply-To"] == "<first@seminar.example>"


def test_no_answer_header_unless_asked_for():
    message = parsed(replace(PLAIN, reply_to=None, reply_to_name=None, to_name=None))
    assert message["Reply-To"] is None
    assert message["To"] == "kikaku@city.example.lg.jp"


@pytest.mark.parametrize("name", [*NAMES, TAKASAKI * 40])
def test_names_arrive_as_typed_and_add_no_recipient(name):
    raw = build(replace(PLAIN, from_name=name, to_name=name, reply_to_name=name))
    message = email.message_from_bytes(raw, policy=policy.default)
    for header, address in [("From", PLAIN.from_email), ("To", PLAIN.to), ("Reply-To", PLAIN.reply_to)]:
        assert decoded(raw, header) == name
        assert [mailbox.addr_spec for mailbox in message[header].addresses] == [address]
        assert not message[header].defects


@pytest.mark.parametrize(
    "subject", [*NAMES, (TITLE * 6)[:200], "A  b", " 前", "後 ", "ASCII only", "long ascii " * 9]
)
def test_subjects_arrive_as_typed(subject):
    raw = build(replace(PLAIN, subject=subject))
    assert decoded(raw, "Subject") == subject
    assert email.message_from_bytes(raw, policy=policy.default)["Subject"] == subject
    lines = re.search(rb"^Subject: .*(?:\r\n .*)*", raw, re.MULTILINE)[0].split(b"\r\n")
    assert max(map(len, lines)) <= 76
    assert max(map(len, re.findall(rb"=\?\S+\?=", b"".join(lines)) or [b""])) <= 75


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
@pytest.mark.parametrize(
    "place",
    ["from_name", "from_email", "to", "to_name", "reply_to", "reply_to_name", "subject", "message_id"],
)
def test_control_characters_are_refused(place, control):
    for value in (f"a{control}b@c.example", f"a@c.example{control}"):
        with pytest.raises(BadHeader):
            build(replace(PLAIN, **{place: value}))


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_control_characters_are_refused_in_extra_headers_and_references(control):
    with pytest.raises(BadHeader):
        build(replace(PLAIN, extra={"List-Unsubscribe": f"<https://a.example/>{control}Bcc: b@c.example"}))
    with pytest.raises(BadHeader):
        build(replace(PLAIN, extra={f"X-A{control}": "b"}))
    with pytest.raises(BadHeader):
        build(replace(PLAIN, references=(f"a{control}@b.example",)))


@pytest.mark.parametrize(
    "header", ["Bcc", "cc", "From", "Content-Type", "Message-ID", "Auto-Submitted", "X: y", ""]
)
def test_an_extra_header_never_doubles_one_of_the_letter(header):
    with pytest.raises(BadHeader):
        build(replace(PLAIN, extra={header: "x"}))


def test_an_extra_header_arrives():
    one_click = {
        "List-Unsubscribe": "<https://seminar.example/stop/abc>",
        "List-Unsubscribe-Post": "One-Click",
    }
    message = parsed(replace(PLAIN, extra=one_click))
    assert {name: message[name] for name in one_click} == one_click


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b.example, evil@x.example",
        "a@b.example,evil@x.example",
        "A <a@b.example>",
        "<a@b.example>",
        '"a@b.example, evil"@x.example',
        "a b@c.example",
        "a@b.example;c@d.example",
        "山@b.example",
        "a@例え.example",
        "a@b.example ",
        "a@@b.example",
    ],
)
def test_only_one_bare_address_is_accepted(address):
    for place in ("to", "from_email"):
        with pytest.raises(BadHeader):
            build(replace(PLAIN, **{place: address}))
    with pytest.raises(BadHeader):
        StoredMessage(PLAIN.from_email, address, b"")


def test_a_date_without_zone_is_refused():
    with pytest.raises(BadHeader):
        build(replace(PLAIN, date=datetime(2026, 11, 20)))  # noqa: DTZ001


def test_building_again_gives_the_same_bytes_without_asking_for_a_host_name(monkeypatch):
    monkeypatch.delattr(socket, "getfqdn")
    assert build(INVITATION) == build(replace(INVITATION))
    assert build(INVITATION) != build(replace(INVITATION, message_id="other@seminar.example"))


class Inbox:
    """What the far end of an SMTP conversation receives."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 OK"


class FreePort(Controller):
    """A controller that listens on a port of the system's choice."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def far_end():
    controller = FreePort(Inbox(), hostname="127.0.0.1", port=0)
    controller.start()
    yield controller
    controller.stop()


def test_stored_bytes_travel_unchanged(far_end):
    app = flask.Flask("post room")
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=far_end.port)
    state = Mail(app).state
    letters = [INVITATION, replace(PLAIN, to="a..b.@docomo.example", text=".\n..\n.本文"), PLAIN]
    with app.app_context(), Connection(state) as connection:
        for envelope in letters:
            connection.send(StoredMessage(envelope.from_email, envelope.to, build(envelope)))
    assert far_end.handler.received == [(one.from_email, [one.to], build(one)) for one in letters]


def test_a_stored_message_shows_its_bytes():
    message = StoredMessage(PLAIN.from_email, PLAIN.to, build(PLAIN))
    assert bytes(message) == build(PLAIN) == str(message).encode()
    assert message.send_to == {PLAIN.to}
    assert not message.has_bad_headers()
