"""`make run` on a fresh machine: `flask init`, `flask demo`, `flask serve`, Ctrl-C, and once more."""

import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventsite.config import ROOT
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA
from tests.fixtures.live import Site
from tests.live import visitor

pytestmark = [pytest.mark.live, pytest.mark.slow]

SERVE = [sys.executable, "-m", "flask", "serve"]
SEMINAR, TITLE = "aizu-data-platform", "データ連携基盤を「使われるサービス」に育てる"
SHOW_KEY = """
import sys
from eventsite import create_app
print("here", flush=True)
sys.stdin.readline()
print(create_app().config["SECRET_KEY"])
"""
WRONG = [
    ("PUBLIC_URL", "ftp://x", "must be an address such as https://seminar.example.jp"),
    ("MAIL_PORT", "abc", "must be a whole number"),
]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A fresh instance folder: SQLite, letters as files, nothing set that `make run` does not set."""
    site = Site(tmp_path / "instance", SQLITE_SYNCHRONOUS="FULL")
    yield site
    site.end()


def test_from_a_fresh_folder_to_the_second_start(site: Site) -> None:
    _make_run(site)
    assert TITLE in _read(f"{site.url}/")
    _, statuses = visitor.register(site.url, SEMINAR, TAKASAKI)
    assert statuses == ["confirmed"]
    letter = _letters(site, 1)[0]
    assert [letter["To"], letter.get_content_type()] == [TOWN_HALL, "multipart/mixed"]
    assert f"{TAKASAKI.family_name} {TAKASAKI.given_name} 様" in letter.get_body(("plain",)).get_content()
    kept = _kept(site)
    _stop(site, signal.SIGINT, whole_group=True)

    _make_run(site)
    assert _kept(site) == kept
    assert _confirmed(site) == 1
    visitor.register(site.url, SEMINAR, YAMADA, category="company")
    _letters(site, 3)  # one more to the town hall, one to the attendee
    _stop(site, signal.SIGTERM, whole_group=False)
    assert "Traceback" not in site.log.read_text()


@pytest.mark.parametrize(("name", "value", "reason"), WRONG, ids=[one[0] for one in WRONG])
@pytest.mark.parametrize("command", ["init", "serve"])
def test_a_wrong_setting_stops_the_start(
    site: Site, command: str, name: str, value: str, reason: str
) -> None:
    site.environment[f"EVENTSITE_{name}"] = value
    ended = site.flask(command, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"eventsite cannot start. EVENTSITE_{name}: {reason}\n"


def test_processes_that_start_together_share_one_secret_key(site: Site) -> None:
    starting = [_starting(site) for _ in range(4)]
    assert [_line(one) for one in starting] == ["here"] * 4
    for one in starting:
        one.stdin.write("go\n")
        one.stdin.flush()
    keys = {one.communicate(timeout=60)[0].strip() for one in starting}
    path = site.instance / "secret_key"
    assert keys == {path.read_text().strip()}
    assert oct(path.stat().st_mode & 0o777) == oct(0o600)
    assert [one.name for one in site.instance.glob("secret_key*")] == ["secret_key"]


def _make_run(site: Site) -> None:
    """Do what the Makefile's `run` does."""
    site.flask("init")
    site.flask("demo", "--if-empty")
    site.run("serve", SERVE)
    site.wait_until_ready()


def _stop(site: Site, number: int, *, whole_group: bool) -> None:
    """Send a signal, to the whole group as a terminal does, and see that everything ends by itself."""
    process = site.processes.pop("serve")
    assert not site.all_ended()
    (os.killpg if whole_group else os.kill)(process.pid, number)
    assert process.wait(timeout=30) == 0
    site.wait_until(site.all_ended, "processes were left behind", seconds=10)


def _confirmed(site: Site) -> int:
    counted: int = json.loads(site.flask("registrations", "count", SEMINAR).stdout)["confirmed"]
    return counted


def _letters(site: Site, count: int) -> list[email.message.EmailMessage]:
    """Wait until that many letters are there as files; return them parsed, in the order of writing."""
    folder = site.instance / "mail"
    site.wait_until(lambda: len(list(folder.glob("*.eml"))) == count, "the letters were not written")
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted(folder.glob("*.eml"))
    ]


def _kept(site: Site) -> tuple[str, str]:
    return (site.instance / "secret_key").read_text(), (site.instance / "demo-signin.txt").read_text()


def _read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read().decode()


def _starting(site: Site) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SHOW_KEY],
        cwd=ROOT,
        env=site.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline().strip()
