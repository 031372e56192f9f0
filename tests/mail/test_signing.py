"""DKIM: what leaves verifies under the key in the DNS, what was changed on its way does not; the stored bytes stay."""

import subprocess
from pathlib import Path

import dkim
import pytest
from flask import Flask

from eventsite import registration
from eventsite.config import ConfigError
from eventsite.db import db
from eventsite.jobs import Worker
from eventsite.mail.sending import signing
from eventsite.models import Message
from tests.cast import TAKASAKI, TOWN_HALL, an_application, an_event

DOMAIN = "gdx.example.jp"


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60).stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dkim") / "dkim.pem"
    openssl("genrsa", "-out", str(path), "2048")
    return path


@pytest.fixture(scope="module")
def record(key: Path) -> bytes:
    """What stands in the DNS."""
    public = openssl("rsa", "-in", str(key), "-pubout").splitlines()
    return b"v=DKIM1; k=rsa; p=" + b"".join(public[1:-1])


@pytest.fixture
def settings(key: Path) -> dict[str, str]:
    return {"MAIL_DKIM_DOMAIN": DOMAIN, "MAIL_DKIM_SELECTOR": "s2026", "MAIL_DKIM_KEY_FILE": str(key)}


@pytest.fixture
def signed(make_app, settings: dict[str, str], smtp_sink, app: Flask) -> bytes:
    """A letter with its calendar entry, as it came over the wire."""
    registration.register(an_event(), an_application(TAKASAKI))
    server = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": smtp_sink.port}
    sender = {"MAIL_DEFAULT_SENDER": f"seminar@{DOMAIN}", "MAIL_BOUNCE_ADDRESS": f"bounce@{DOMAIN}"}
    with make_app(**settings, **server, **sender).app_context():
        Worker().drain()
    (one,) = smtp_sink.received
    left = one.message["Message-ID"].strip("<>").partition("@")[0]
    assert (one.sender, one.recipients) == (f"bounce+{left}@{DOMAIN}", (TOWN_HALL,))
    return one.raw


def verifies(raw: bytes, record: bytes) -> bool:
    asked = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    result = dkim.verify(raw, dnsfunc=dns)
    assert asked in ([], [b"s2026._domainkey.gdx.example.jp."])
    return result


def test_what_leaves_verifies(signed: bytes, record: bytes) -> None:
    assert signed.startswith(b"DKIM-Signature: ")
    assert verifies(signed, record) is True


def test_relays_may_fold_headers_anew(signed: bytes, record: bytes) -> None:
    assert verifies(signed.replace(b"\r\nMIME-Version: 1.0", b"\r\nMIME-Version:   1.0 "), record) is True


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"BEGIN", b"BEGUN").replace(b"MIME-Version: 1.0", b"MIME-Version: 1.1"),
        lambda raw: raw.rpartition(b"--\r\n")[0] + b"more\r\n--\r\n",
        lambda raw: raw.replace(b"\r\nSubject: ", b"\r\nSubject: Re "),
        lambda raw: raw.replace(b"\r\nTo: ", b"\r\nTo: x@example.jp, "),
        lambda raw: b"From: boss@gdx.example.jp\r\n" + raw,
    ],
    ids=["header", "body", "subject", "recipient", "a second From"],
)
def test_what_was_changed_does_not(signed: bytes, record: bytes, change) -> None:
    assert change(signed) != signed
    assert verifies(change(signed), record) is False


def test_every_header_that_matters_is_signed(signed: bytes) -> None:
    tag = b"".join(signed.partition(b"; h=")[2].partition(b";")[0].split())
    names = b"from:to:reply-to:subject:date:message-id:auto-submitted:mime-version:content-type:from"
    assert tag == names


def test_the_stored_bytes_are_the_same_for_the_next_try(
    make_app, settings: dict[str, str], app: Flask
) -> None:
    registration.register(an_event(), an_application(TAKASAKI))
    stored = db.session.query(Message).one().mime
    with make_app(**settings).app_context():
        sealed = signing.sealed(stored)
    assert sealed.endswith(b"\r\n" + stored)
    assert signing.sealed(stored) is stored, "without a key nothing is signed"


class TestSettings:
    @pytest.mark.parametrize("missing", ["MAIL_DKIM_DOMAIN", "MAIL_DKIM_SELECTOR", "MAIL_DKIM_KEY_FILE"])
    def test_all_or_none(self, make_app, settings: dict[str, str], missing: str) -> None:
        del settings[missing]
        with pytest.raises(ConfigError, match=rf"^EVENTSITE_{missing}: is needed where EVENTSITE_MAIL_DKIM_"):
            make_app(**settings)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (None, "cannot be read"),
            (b"", "must hold an RSA private key in PEM form"),
            (
                b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "must hold an RSA private key",
            ),
            (b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n", "must hold an RSA private key"),
            ("512", "the key must have at least 1024 bits"),
            ("ec", "must hold an RSA private key in PEM form"),
        ],
    )
    def test_a_key_that_does_not_load(
        self, make_app, settings: dict[str, str], tmp_path: Path, content: bytes | str | None, reason: str
    ) -> None:
        path = tmp_path / "key.pem"
        if content == "512":
            openssl("genrsa", "-out", str(path), "512")
        elif content == "ec":
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))
        elif content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match=f"^EVENTSITE_MAIL_DKIM_KEY_FILE: .*{reason}"):
            make_app(**settings | {"MAIL_DKIM_KEY_FILE": str(path)})

    def test_a_key_with_other_line_ends_loads(
        self, make_app, settings: dict[str, str], key: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "key.pem"
        path.write_bytes(key.read_bytes().replace(b"\n", b"\r\n"))
        with make_app(**settings | {"MAIL_DKIM_KEY_FILE": str(path)}).app_context():
            assert signing.sealed(b"From: a@b.example\r\n\r\nx\r\n").startswith(b"DKIM-Signature: ")

    @pytest.mark.parametrize("name", ["MAIL_DKIM_DOMAIN", "MAIL_DKIM_SELECTOR"])
    def test_names_of_the_dns(self, make_app, settings: dict[str, str], name: str) -> None:
        with pytest.raises(ConfigError, match=f"^EVENTSITE_{name}: must be a name in the DNS"):
            make_app(**settings | {name: "a; b"})

    @pytest.mark.parametrize("wrong", ["a+b@example.jp", "a" * 24 + "@example.jp"])
    def test_the_address_for_returns_leaves_room_for_a_mark(self, make_app, wrong: str) -> None:
        with pytest.raises(ConfigError, match="^EVENTSITE_MAIL_BOUNCE_ADDRESS: "):
            make_app(MAIL_BOUNCE_ADDRESS=wrong)

    @pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD", "FOLDER"])
    def test_a_mailbox_needs_a_sign_in(self, make_app, missing: str) -> None:
        box = {"SERVER": "imap.example.jp", "USERNAME": "u", "PASSWORD": "p", missing: ""}
        with pytest.raises(ConfigError, match=f"^EVENTSITE_INBOUND_{missing}: is needed"):
            make_app(**{f"INBOUND_{name}": value for name, value in box.items()})
