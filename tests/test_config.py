"""Settings: where they come from, and what cannot work stops the start with the setting's name."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from flask import Flask

from eventsite import create_app
from eventsite.config import SETTINGS, ConfigError, settings
from eventsite.db import db

KEY = "0123456789 abcdefghijklmnopqrstuvwxyz"
Start = Callable[..., Flask]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a function: environment → an application that has only this environment's settings."""

    def begin(**environment: str) -> Flask:
        own = {f"EVENTSITE_{name}": value for name, value in environment.items()}
        with mock.patch.dict(os.environ, {"EVENTSITE_INSTANCE_PATH": str(tmp_path), **own}):
            app = create_app()
        with app.app_context():
            db.engine.dispose()
        return app

    return begin


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PUBLIC_URL", "seminar.example.jp", "must be an address such as https://seminar.example.jp"),
        ("PUBLIC_URL", "http://seminar.example.jp", "must begin with https:// (http is only for this machine itself)"),
        ("PUBLIC_URL", "https://seminar.example.jp/path", "must end after the host name and port"),
        ("PUBLIC_URL", "https://u:p@seminar.example.jp", "must end after the host name and port"),
        ("SQLALCHEMY_DATABASE_URI", "mysql://x", "must begin with sqlite:/// or postgresql+psycopg://"),
        ("SQLALCHEMY_DATABASE_URI", "postgres://x", "must begin with sqlite:/// or postgresql+psycopg://"),
        ("SECRET_KEY", "short", "must be at least 32 characters that nobody can guess"),
        ("SECRET_KEY", "a" * 64, "must be at least 32 characters that nobody can guess"),
        ("MAIL_PORT", "0", "must be between 1 and 65535"),
        ("MAIL_PORT", '"smtp"', "must be a whole number"),
        ("MAIL_USE_TLS", '"perhaps"', "must be true or false"),
        ("MAIL_DEFAULT_SENDER", "GDX <a@example.jp>", "must be one bare mail address"),
        ("ASSOCIATION_EMAIL", "nobody", "must be one bare mail address"),
        ("FORM_MIN_SECONDS", "-1", "must be between 0 and 60"),
        ("BIND", "8000", "must be host:port, for example 127.0.0.1:8000"),
        ("BIND", "127.0.0.1:99999", "must be host:port, for example 127.0.0.1:8000"),
        ("SQLITE_SYNCHRONOUS", "OFF", "must be one of FULL, NORMAL"),
    ],
)  # fmt: skip
def test_what_cannot_work_stops_the_start(start: Start, name: str, value: str, reason: str) -> None:
    with pytest.raises(ConfigError) as stopped:
        start(**{name: value})
    assert str(stopped.value) == f"EVENTSITE_{name}: {reason}"


def test_defaults_work_by_themselves(start: Start, tmp_path: Path) -> None:
    app = start()
    with app.app_context():
        assert settings.public_url == "http://127.0.0.1:8000"
        assert settings.form_min_seconds == 2
        assert settings.sender == "seminar@eventsite.invalid"
    assert app.config["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path / 'eventsite.sqlite3'}"
    key = tmp_path / "secret_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert app.config["SECRET_KEY"] == key.read_text().strip()
    assert start().config["SECRET_KEY"] == app.config["SECRET_KEY"], "made once"


def test_the_environment_wins_over_the_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "eventsite.cfg").write_text('FORM_MIN_SECONDS = 9\nASSOCIATION_PHONE = "03-0000-0000"\n')
    with start(FORM_MIN_SECONDS="5").app_context():
        assert (settings.form_min_seconds, settings.association_phone) == (5, "03-0000-0000")


@pytest.mark.parametrize("url", ["https://seminar.example.jp", "https://seminar.example.jp/"])
def test_a_public_host_makes_cookies_strict(start: Start, url: str) -> None:
    app = start(PUBLIC_URL=url, SECRET_KEY=KEY)
    with app.app_context():
        assert (settings.public_url, settings.sender) == (
            "https://seminar.example.jp",
            "seminar@seminar.example.jp",
        )
    assert app.config["SESSION_COOKIE_SECURE"] is True
    assert app.config["SESSION_COOKIE_NAME"] == "__Host-session"
    assert app.config["SESSION_COOKIE_HTTPONLY"] is True


def test_a_key_that_somebody_has_emptied_stops_the_start(start: Start, tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")
    with pytest.raises(ConfigError, match="too short"):
        start()


def test_an_instance_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "instance")
    with (
        mock.patch.dict(os.environ, {"EVENTSITE_INSTANCE_PATH": path}),
        pytest.raises(ConfigError, match="EVENTSITE_INSTANCE_PATH"),
    ):
        create_app()


def test_every_setting_has_a_meaning_and_a_default_that_passes() -> None:
    failing: list[Any] = []
    for one in SETTINGS:
        try:
            one.check(one.default)
        except ValueError:
            failing.append(one.name)
    assert failing == []
    assert [one.name for one in SETTINGS if not one.meaning] == []
    assert len({one.name for one in SETTINGS}) == len(SETTINGS)
