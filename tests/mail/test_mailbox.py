"""The mailbox over real sockets and TLS: what was taken in counts as read, everything else stays as it was."""

import re
import socketserver
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from eventsite import registration, rounds
from eventsite.db import db
from eventsite.errors import Busy
from eventsite.mail.returns import inbound, mailbox
from eventsite.mail.returns.inbound import Outcome
from eventsite.models import Message
from tests.cast import an_application, an_event
from tests.mail import returned

PASSWORD = 'p"a\\ss'


class Box(socketserver.ThreadingTCPServer):
    """A mailbox with as much IMAP as is spoken to it: mails by UID, and the flags of each."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.context = context
        self.mails: dict[int, bytes] = {}
        self.flags: dict[int, set[str]] = {}
        self.broken: set[int] = set()
        self.keeps_marks = True
        self.said: list[str] = []

    def add(self, mail: bytes) -> None:
        number = len(self.mails) + 7
        self.mails[number], self.flags[number] = mail, set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust us hangs up."""


class _Session(socketserver.StreamRequestHandler):
    server: Box

    def setup(self) -> None:
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def handle(self) -> None:
        self.say("* OK ready")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            tag, _blank, command = line.partition(" ")
            self.server.said.append(command.split(" ")[0])
            self.say(f"{tag} {self.answer(command)}")
            if command == "LOGOUT":
                return

    def answer(self, command: str) -> str:
        box = self.server
        if command == "CAPABILITY":
            self.say("* CAPABILITY IMAP4rev1")
        elif command.startswith("LOGIN"):
            escaped = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
            return (
                "OK done" if command.endswith(f'"{escaped}"') else "NO [AUTHENTICATIONFAILED] wrong password"
            )
        elif command.startswith("SELECT"):
            self.say(f"* {len(box.mails)} EXISTS")
            more = r" \*" if box.keeps_marks else ""
            self.say(rf"* OK [PERMANENTFLAGS (\Seen{more})] flags")
            return "OK [READ-WRITE]" if command == 'SELECT "INBOX"' else "NO no such folder"
        elif command.startswith("UID SEARCH UNSEEN UNKEYWORD"):
            skipped = {"\\Seen", command.rpartition(" ")[2]}
            self.say(" ".join(["* SEARCH", *(str(uid) for uid in box.mails if not box.flags[uid] & skipped)]))
        elif command.startswith("UID FETCH"):
            uid = int(command.split()[2])
            if uid in box.broken:
                return "NO [SERVERBUG] cannot be read"
            mail = box.mails[uid]
            if "BODY.PEEK[]" in command:
                self.wfile.write(
                    f"* 1 FETCH (UID {uid} BODY[] {{{len(mail)}}}\r\n".encode() + mail + b")\r\n"
                )
            else:
                self.say(f"* 1 FETCH (UID {uid} RFC822.SIZE {len(mail)})")
        elif command.startswith("UID STORE"):
            uid, flag = re.fullmatch(r"UID STORE (\d+) \+FLAGS.SILENT \((\S+)\)", command).groups()
            box.flags[int(uid)].add(flag)
        return "OK done"

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of 127.0.0.1, in one file."""
    folder = tmp_path_factory.mktemp("imap")
    key, paper = folder / "key.pem", folder / "cert.pem"
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {key} -out {paper}"
    subprocess.run(
        [*made.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=60
    )
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + paper.read_bytes())
    return both


@pytest.fixture
def box(certificate: Path) -> Iterator[Box]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Box(context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture
def site(make_app, box: Box, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The site with that mailbox, whose certificate this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    app = make_app(
        INBOUND_SERVER="127.0.0.1",
        INBOUND_PORT=box.server_address[1],
        INBOUND_USERNAME="bounce",
        INBOUND_PASSWORD=PASSWORD,
        MAIL_TIMEOUT=5,
    )
    with app.app_context():
        yield app


def a_bounce() -> bytes:
    registration.register(an_event(), an_application())
    return returned.postfix(db.session.scalars(select(Message.message_id)).first())


def test_what_is_taken_in_is_read_and_the_rest_stays_unread(site: Flask, box: Box) -> None:
    for mail in (returned.person(), a_bounce(), b"x" * (inbound.LARGEST + 1), returned.postfix()):
        box.add(mail)
    counts = {Outcome.OTHER: 1, Outcome.FAILED: 1, Outcome.TOO_LARGE: 1, Outcome.UNMATCHED: 1}
    assert mailbox.fetch() == Counter(counts)
    looked = {"EventsiteLooked"}
    assert list(box.flags.values()) == [looked, {"\\Seen"}, looked, looked]
    assert mailbox.fetch() == Counter()
    assert set(box.said) == {"CAPABILITY", "LOGIN", "SELECT", "UID", "LOGOUT"}


HOSTILE = b"From: mailer-daemon@x\nSubject: failure notice\nIn-Reply-To: =?utf-7?Q?+2AA-=40x?=\n\n550 no such user\n"


def test_a_hostile_mail_does_not_stop_those_behind_it(site: Flask, box: Box) -> None:
    for mail in (a_bounce(), HOSTILE):
        box.add(mail)
    assert mailbox.fetch() == Counter({Outcome.FAILED: 1, Outcome.UNMATCHED: 1})
    assert list(box.flags.values()) == [{"\\Seen"}, {"EventsiteLooked"}]


def test_nor_does_one_that_fails_in_a_way_nobody_thought_of(
    site: Flask, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mail in (a_bounce(), returned.person()):
        box.add(mail)
    take = inbound.take
    monkeypatch.setattr(
        inbound, "take", Mock(side_effect=lambda raw: take(raw) if b"550 5.1.1" in raw else 1 / 0)
    )
    assert mailbox.fetch() == Counter({Outcome.FAILED: 1, Outcome.OTHER: 1})
    assert list(box.flags.values()) == [{"\\Seen"}, {"EventsiteLooked"}]


def test_nor_does_one_that_the_server_cannot_hand_out(site: Flask, box: Box) -> None:
    for mail in (a_bounce(), returned.person()):
        box.add(mail)
    box.broken.add(8)
    assert mailbox.fetch() == Counter({Outcome.FAILED: 1})
    assert list(box.flags.values()) == [{"\\Seen"}, set()]


@pytest.mark.parametrize("error", [Busy(), OperationalError("", {}, Exception())])
def test_without_the_database_a_mail_stays_as_it_was(
    site: Flask, box: Box, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    box.add(returned.person())
    monkeypatch.setattr(inbound, "take", Mock(side_effect=error))
    with pytest.raises(type(error)):
        mailbox.fetch()
    assert list(box.flags.values()) == [set()]


def test_where_no_marks_are_kept_people_find_their_mail_untouched(site: Flask, box: Box) -> None:
    box.keeps_marks = False
    box.add(returned.person())
    assert [mailbox.fetch() for _ in range(2)] == [Counter({Outcome.OTHER: 1})] * 2
    assert list(box.flags.values()) == [set()]


def test_the_latest_come_first_and_not_all_at_once(site: Flask, box: Box) -> None:
    for _ in range(mailbox.MOST_AT_ONCE + 2):
        box.add(returned.person())
    assert mailbox.fetch().total() == mailbox.MOST_AT_ONCE
    assert [uid for uid, flags in box.flags.items() if not flags] == [7, 8]


def test_the_command_tells_what_came(site: Flask, box: Box) -> None:
    box.add(a_bounce())
    done = site.test_cli_runner().invoke(args=["mail", "inbound"])
    assert (done.exit_code, done.output) == (0, "mails read: 1 (failed 1, delayed 0, reply 0)\n")


def test_it_is_a_round_of_the_worker(site: Flask, box: Box) -> None:
    (one,) = [one for one in rounds.ROUNDS if one.name == "inbound"]
    box.add(a_bounce())
    one.run()
    assert list(box.flags.values()) == [{"\\Seen"}]


def test_without_a_mailbox_the_round_does_nothing(app: Flask) -> None:
    mailbox.look()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"INBOUND_PASSWORD": "wrong"}, "[AUTHENTICATIONFAILED] wrong password"),
        ({"INBOUND_FOLDER": "Returned"}, "no such folder"),
        ({"INBOUND_FOLDER": "戻り"}, "'ascii' codec can't encode"),
    ],
    ids=["password", "folder", "a folder's name that IMAP does not know"],
)
def test_why_it_cannot_be_read(site: Flask, make_app, settings: dict[str, str], words: str) -> None:
    names = ("INBOUND_SERVER", "INBOUND_PORT", "INBOUND_USERNAME", "INBOUND_PASSWORD")
    same = {name: site.config[name] for name in names}
    with make_app(**(same | settings)).app_context():
        with pytest.raises(mailbox.Unreachable) as stopped:
            mailbox.fetch()
        mailbox.look()
    assert str(stopped.value).startswith(f"the mailbox at 127.0.0.1 cannot be read: {words}")


def test_nobody_reads_the_password_of_a_stranger(
    site: Flask, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(mailbox.Unreachable, match="certificate verify failed"):
        mailbox.fetch()
    assert box.said == []
