"""Every setting: name, default, meaning, check.

Sources, later ones win: the defaults below, `instance/eventsite.cfg`, environment variables with the prefix
`EVENTSITE_`. A value that cannot work stops the start with the setting's name and the reason. Rules read
`settings.<name>`; nothing reads settings by string key elsewhere, except extensions theirs.
"""

import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app
from werkzeug.local import LocalProxy

PREFIX = "EVENTSITE"
ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
SHORTEST_KEY = 32
SHORTEST_DKIM_KEY = 1024


class ConfigError(Exception):
    """A setting that cannot work: the sentence names it and says why."""


def text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("must be true or false")


def number(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        try:
            result = int(str(value))
        except ValueError:
            raise ValueError("must be a whole number") from None
        if not low <= result <= high:
            raise ValueError(f"must be between {low} and {high}")
        return result

    return check


def one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if str(value).upper() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value).upper()

    return check


def public_url(value: Any) -> str:
    url = text(value).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://seminar.example.jp")
    if parts.path or parts.query or parts.fragment or parts.username:
        raise ValueError("must end after the host name and port")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("must begin with https:// (http is only for this machine itself)")
    return url


def database_uri(value: Any) -> str:
    uri = text(value)
    if uri and not uri.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    return uri


def bind(value: Any) -> str:
    address = text(value)
    if not re.fullmatch(r"(\S+):(\d{1,5})", address) or not 0 < int(address.rsplit(":", 1)[1]) < 65536:
        raise ValueError("must be host:port, for example 127.0.0.1:8000")
    return address


def address(value: Any) -> str:
    mail = text(value)
    if mail and not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", mail):
        raise ValueError("must be one bare mail address")
    return mail


def bounce_address(value: Any) -> str:
    """A mark of 40 characters and its `+` must fit before the @ (RFC 5321 4.5.3.1.1: 64 octets)."""
    mail = address(value)
    name = mail.rpartition("@")[0]
    if len(name) > 23 or "+" in name:
        raise ValueError("must have at most 23 characters before the @, and no +")
    return mail


def secret(value: Any) -> str:
    key = text(value)
    if key and (len(key) < SHORTEST_KEY or len(set(key)) < 8):
        raise ValueError(f"must be at least {SHORTEST_KEY} characters that nobody can guess")
    return key


@dataclass(frozen=True)
class Setting:
    name: str
    default: Any
    meaning: str
    check: Callable[[Any], Any] = text


SETTINGS = (
    Setting("SQLALCHEMY_DATABASE_URI", "", "database; SQLite file in the instance folder unless set", database_uri),
    Setting("SQLITE_SYNCHRONOUS", "FULL", "SQLite: FULL, or NORMAL, which is faster and less safe", one_of("FULL", "NORMAL")),
    Setting("PUBLIC_URL", "http://127.0.0.1:8000", "start of absolute links in mails, feeds and calendar entries", public_url),
    Setting("BIND", "127.0.0.1:8000", "where `make run` listens", bind),
    Setting("SECRET_KEY", "", "signs links and sessions; made once in the instance folder unless set", secret),
    Setting("MAIL_SERVER", "", "SMTP server; without one, letters are written to instance/mail/"),
    Setting("MAIL_PORT", 25, "its port", number(1, 65535)),
    Setting("MAIL_USE_TLS", False, "STARTTLS", flag),
    Setting("MAIL_USE_SSL", False, "TLS from the first byte", flag),
    Setting("MAIL_USERNAME", "", "sign-in at the SMTP server"),
    Setting("MAIL_PASSWORD", "", "its password"),
    Setting("MAIL_DEFAULT_SENDER", "", "address that letters come from; seminar@<public host> unless set", address),
    Setting("MAIL_TIMEOUT", 30, "seconds to wait for an answer of the mail server", number(1, 300)),
    Setting("MAIL_PACE", 0, "letters a minute to one domain; 0 = as fast as they go", number(0, 100_000)),
    Setting("MAIL_HTML", False, "letters have an HTML part beside the text, which says the same", flag),
    Setting("MAIL_BOUNCE_ADDRESS", "", "where letters come back to (name+mark@domain); else the sender", bounce_address),
    Setting("MAIL_DKIM_DOMAIN", "", "letters are signed (DKIM) for this domain, if it is set"),
    Setting("MAIL_DKIM_SELECTOR", "", "selector of the DKIM key in the DNS"),
    Setting("MAIL_DKIM_KEY_FILE", "", "file with the private DKIM key (PEM)"),
    Setting("INBOUND_SERVER", "", "IMAP server (TLS) whose mailbox `flask mail inbound` reads reports from"),
    Setting("INBOUND_PORT", 993, "its port", number(1, 65535)),
    Setting("INBOUND_USERNAME", "", "sign-in at the IMAP server"),
    Setting("INBOUND_PASSWORD", "", "its password"),
    Setting("INBOUND_FOLDER", "INBOX", "the mailbox's folder"),
    Setting("ASSOCIATION_NAME", "一般社団法人自治体DX推進協議会（GDX）", "who stands at the foot of pages and letters"),
    Setting("ASSOCIATION_ADDRESS", "", "its postal address"),
    Setting("ASSOCIATION_REPRESENTATIVE", "", "its representative, named in the privacy notice"),
    Setting("ASSOCIATION_PHONE", "", "its telephone number"),
    Setting("ASSOCIATION_HOURS", "", "when the telephone is answered"),
    Setting("ASSOCIATION_EMAIL", "", "its address for questions", address),
    Setting("FORM_MIN_SECONDS", 2, "a form answered faster comes back once", number(0, 60)),
)  # fmt: skip

MAIL_SETTINGS = ("MAIL_SERVER", "MAIL_TIMEOUT", "MAIL_PACE", "MAIL_HTML", "MAIL_BOUNCE_ADDRESS") + tuple(
    one.name for one in SETTINGS if one.name.startswith(("MAIL_DKIM_", "INBOUND_"))
)
FIXED = {
    "SQLALCHEMY_TRACK_MODIFICATIONS": False,
    "MAX_CONTENT_LENGTH": 256 * 1024,
    "MAX_FORM_PARTS": 2000,
    "WTF_CSRF_TIME_LIMIT": None,
    "WTF_CSRF_CHECK_DEFAULT": True,
    "BABEL_DEFAULT_LOCALE": "ja",
    "BABEL_DEFAULT_TIMEZONE": "UTC",
    "BABEL_TRANSLATION_DIRECTORIES": str(ROOT / "eventsite" / "translations"),
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "PERMANENT_SESSION_LIFETIME": 12 * 3600,
    "MAIL_SUPPRESS_SEND": False,
}


@dataclass(frozen=True)
class Settings:
    """The checked settings that rules and letters read."""

    public_url: str
    secret_key: str
    mail_server: str
    mail_timeout: int
    mail_pace: int
    mail_html: bool
    mail_bounce_address: str
    mail_dkim_domain: str
    mail_dkim_selector: str
    mail_dkim_key_file: str
    inbound_server: str
    inbound_port: int
    inbound_username: str
    inbound_password: str
    inbound_folder: str
    sender: str
    association_name: str
    association_address: str
    association_representative: str
    association_phone: str
    association_hours: str
    association_email: str
    form_min_seconds: int
    instance_path: Path
    bind: str

    @property
    def public_host(self) -> str:
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def mail_domain(self) -> str:
        """Domain of Message-IDs and calendar UIDs: that of the sender, which the association owns."""
        return self.sender.rsplit("@", 1)[1]


settings: Settings = LocalProxy(lambda: current_app.extensions["eventsite.settings"])  # type: ignore[assignment]


def load(app: Flask, overrides: dict[str, Any] | None = None) -> None:
    """Fill `app.config` from all sources and check it; raises ConfigError naming the setting."""
    app.config.from_mapping({one.name: one.default for one in SETTINGS} | FIXED)
    app.config.from_pyfile(Path(app.instance_path) / "eventsite.cfg", silent=True)
    app.config.from_prefixed_env(PREFIX)
    app.config.update(overrides or {})
    for one in SETTINGS:
        try:
            app.config[one.name] = one.check(app.config[one.name])
        except ValueError as error:
            raise ConfigError(f"{PREFIX}_{one.name}: {error}") from None
    _complete(app)
    _check_signing(app.config)
    _check_inbound(app.config)
    app.extensions["eventsite.settings"] = _settings(app)


def instance_path() -> str:
    """Return the absolute path of the instance folder: `EVENTSITE_INSTANCE_PATH`, else `instance/` in the checkout."""
    return str(Path(os.environ.get(f"{PREFIX}_INSTANCE_PATH") or ROOT / "instance").resolve())


def _complete(app: Flask) -> None:
    instance = Path(app.instance_path)
    try:
        instance.mkdir(parents=True, exist_ok=True)
        app.config["SECRET_KEY"] = app.config["SECRET_KEY"] or _own_key(instance / "secret_key")
    except OSError as error:
        raise ConfigError(f"{PREFIX}_INSTANCE_PATH: {instance} cannot be used ({error.strerror})") from None
    if not app.config["SQLALCHEMY_DATABASE_URI"]:
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{instance / 'eventsite.sqlite3'}"
    public = urlsplit(app.config["PUBLIC_URL"])
    app.config["MAIL_DEFAULT_SENDER"] = (
        app.config["MAIL_DEFAULT_SENDER"] or f"seminar@{_mail_host(public.hostname)}"
    )
    app.config["TRUSTED_HOSTS"] = [public.hostname, *LOOPBACK]
    if public.scheme == "https":
        app.config["SESSION_COOKIE_SECURE"] = True
        app.config["SESSION_COOKIE_NAME"] = "__Host-session"


def _check_signing(config: dict[str, Any]) -> None:
    """Letters are signed by all three of MAIL_DKIM_…, or by none; the key must load."""
    names = ("MAIL_DKIM_DOMAIN", "MAIL_DKIM_SELECTOR", "MAIL_DKIM_KEY_FILE")
    given = [name for name in names if config[name]]
    if not given:
        return
    for name in names:
        if name not in given:
            raise ConfigError(f"{PREFIX}_{name}: is needed where {PREFIX}_{given[0]} is set")
    for name in names[:2]:
        if not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?", config[name]):
            raise ConfigError(f"{PREFIX}_{name}: must be a name in the DNS")
    _check_key(f"{PREFIX}_{names[2]}", Path(config[names[2]]))


def _check_key(name: str, path: Path) -> None:
    from dkim.crypto import UnparsableKeyError, parse_pem_private_key

    try:
        key = parse_pem_private_key(path.read_bytes().replace(b"\r\n", b"\n"))
    except OSError as error:
        raise ConfigError(f"{name}: {path} cannot be read ({error.strerror})") from None
    except (UnparsableKeyError, ValueError):
        raise ConfigError(f"{name}: {path} must hold an RSA private key in PEM form") from None
    if key["modulus"].bit_length() < SHORTEST_DKIM_KEY:
        raise ConfigError(f"{name}: the key must have at least {SHORTEST_DKIM_KEY} bits")


def _check_inbound(config: dict[str, Any]) -> None:
    if not config["INBOUND_SERVER"]:
        return
    for name in ("INBOUND_USERNAME", "INBOUND_PASSWORD", "INBOUND_FOLDER"):
        if not config[name]:
            raise ConfigError(f"{PREFIX}_{name}: is needed where {PREFIX}_INBOUND_SERVER is set")


def _mail_host(hostname: str | None) -> str:
    return "eventsite.invalid" if hostname in LOOPBACK or hostname is None else hostname


def _settings(app: Flask) -> Settings:
    config = app.config
    association = {
        f"association_{part}": config[f"ASSOCIATION_{part.upper()}"]
        for part in ("name", "address", "representative", "phone", "hours", "email")
    }
    return Settings(
        public_url=config["PUBLIC_URL"],
        secret_key=config["SECRET_KEY"],
        **{name.lower(): config[name] for name in MAIL_SETTINGS},
        sender=config["MAIL_DEFAULT_SENDER"],
        form_min_seconds=config["FORM_MIN_SECONDS"],
        instance_path=Path(app.instance_path),
        bind=config["BIND"],
        **association,
    )


def _own_key(path: Path) -> str:
    """Make the key once; of two processes that start together one writes it and both use it."""
    if not path.exists():
        draft = path.with_name(f"secret_key.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_text().strip()
    if len(key) < SHORTEST_KEY:
        raise ConfigError(f"{path.name} in the instance folder is too short: remove it and start again")
    return key
