"""Settings are documented, and a wrong one stops the start with its name."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eventsite import create_app
from eventsite.config import PREFIX, ROOT, SETTINGS, ConfigError, text

WRONG = {
    "SQLALCHEMY_DATABASE_URI": "mysql://db/eventsite",
    "SQLITE_SYNCHRONOUS": "OFF",
    "PUBLIC_URL": "http://seminar.example.jp",
    "BIND": "8000",
    "SECRET_KEY": "short",
    "MAIL_PORT": "70000",
    "MAIL_USE_TLS": "maybe",
    "MAIL_USE_SSL": "maybe",
    "MAIL_DEFAULT_SENDER": "GDX <seminar@gdx.example.jp>",
    "MAIL_TIMEOUT": "0",
    "MAIL_PACE": "-1",
    "MAIL_HTML": "maybe",
    "MAIL_BOUNCE_ADDRESS": "bounce+x@gdx.example.jp",
    "INBOUND_PORT": "0",
    "ASSOCIATION_EMAIL": "a@example.jp, b@example.jp",
    "FORM_MIN_SECONDS": "-1",
}
CHECKED = [one.name for one in SETTINGS if one.check is not text]


def documented(readme: str) -> set[str]:
    """Return the settings that begin a row of a table."""
    return set(re.findall(rf"^\|\s*`{PREFIX}_([A-Z0-9_]+)`", readme, re.MULTILINE))


def test_readme_documents_exactly_the_settings() -> None:
    known = {one.name for one in SETTINGS} | {"INSTANCE_PATH"}
    assert documented((ROOT / "README.md").read_text()) == known


def test_a_setting_only_mentioned_is_not_documented() -> None:
    assert documented("`EVENTSITE_BIND` is one\n| `EVENTSITE_PUBLIC_URL` | x |") == {"PUBLIC_URL"}


def test_every_setting_with_a_check_has_a_wrong_value_here() -> None:
    assert set(CHECKED) == set(WRONG)


@pytest.mark.parametrize("name", CHECKED)
def test_a_wrong_value_stops_the_start(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTSITE_INSTANCE_PATH", str(tmp_path))
    monkeypatch.setenv(f"EVENTSITE_{name}", WRONG[name])
    with pytest.raises(ConfigError, match=f"^EVENTSITE_{name}: "):
        create_app()


def test_a_person_reads_the_reason_and_no_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, "EVENTSITE_INSTANCE_PATH": str(tmp_path), "EVENTSITE_BIND": "nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "init"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "EVENTSITE_BIND: must be host:port" in done.stderr
    assert "Traceback" not in done.stderr
