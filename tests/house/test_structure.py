"""The shape of the product: which way imports run, and what stands in one place only."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eventsite.config import ROOT

SOURCE = ROOT / "eventsite"
REFUSED_NAMES = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}
NO_REQUEST = ("models", "events", "registration", "attendance", "calendar.py")
AMBIENT = {"request", "session", "current_user", "g"}

Rule = Callable[[Path, ast.Module], Iterator[str]]


def no_refused_name(path: Path, tree: ast.Module) -> Iterator[str]:
    if REFUSED_NAMES & {part.removesuffix(".py") for part in path.parts}:
        yield "says nothing about what it holds"


def has_docstring(path: Path, tree: ast.Module) -> Iterator[str]:
    if not ast.get_docstring(tree):
        yield "does not say what it is for"


def commits_only_in_db(path: Path, tree: ast.Module) -> Iterator[str]:
    for call in calls(tree):
        if path != Path("db.py") and dotted(call.func).endswith((".commit", "session.begin")):
            yield f"line {call.lineno}: commits by itself; transaction() does that"


def one_source_of_time(path: Path, tree: ast.Module) -> Iterator[str]:
    for call in calls(tree):
        clocks = (".utcnow", "datetime.now", ".today", "time.time", "time.time_ns", "localtime")
        if path != Path("clock.py") and dotted(call.func).endswith(clocks):
            yield f"line {call.lineno}: asks another clock than clock.now()"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "eventsite.clock":
            yield f"line {node.lineno}: holds on to now(), so no test can put another clock in its place"


def nothing_ambient(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.parts[0] not in NO_REQUEST:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0].startswith("flask"):
            for name in AMBIENT & {one.name for one in node.names}:
                yield f"line {node.lineno}: reads {name}; who acts is an argument"


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "()"


RULES = {
    no_refused_name: [("common.py", '"""Text."""')],
    has_docstring: [("bare.py", "x = 1")],
    commits_only_in_db: [
        ("mail/a.py", "db.session.commit()"),
        ("mail/b.py", "with db.session.begin(): pass"),
    ],
    one_source_of_time: [
        ("jobs.py", "datetime.now(UTC)"),
        ("jobs.py", "datetime.datetime.utcnow()"),
        ("jobs.py", "date.today()"),
        ("jobs.py", "time.time()"),
        ("jobs.py", "from eventsite.clock import now"),
    ],
    nothing_ambient: [
        ("registration/a.py", "from flask import request"),
        ("events/a.py", "from flask_security import current_user"),
        ("calendar.py", "from flask_login import current_user"),
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_follows(rule: Rule) -> None:
    modules = sorted(SOURCE.rglob("*.py"))
    assert len(modules) > 20
    found = [
        f"eventsite/{path.relative_to(SOURCE)}: {words}"
        for path in modules
        for words in rule(path.relative_to(SOURCE), ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("rule", "path", "planted"),
    [(rule, path, planted) for rule, plants in RULES.items() for path, planted in plants],
)
def test_each_rule_finds_what_is_planted(rule: Rule, path: str, planted: str) -> None:
    assert len(list(rule(Path(path), ast.parse(planted)))) == 1


def contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)


def test_import_contracts_hold() -> None:
    done = contracts(ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("models/status.py", "import eventsite.mail", "dependencies run one way"),
        ("registration/seats.py", "from eventsite.web import guards", "dependencies run one way"),
        ("mail/mime.py", "import eventsite.registration", "dependencies run one way"),
        (
            "mail/letters/corrections.py",
            "from eventsite.mail.sending import delivery",
            "letters know neither",
        ),
        ("mail/wording/words.py", "import sqlalchemy", "rules are pure"),
        ("registration/application.py", "import eventsite.registration.seats", "the rule does not know"),
        ("registration/registering.py", "from flask import request", "never ambient"),
        ("calendar.py", "import flask", "never ambient"),
        ("registration/seats.py", "from eventsite import clock", "rules are pure"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    tmp_path: Path, module: str, planted: str, contract: str
) -> None:
    shutil.copytree(SOURCE, tmp_path / "eventsite", ignore=shutil.ignore_patterns("*.pyc", "static", "data"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    with (tmp_path / "eventsite" / module).open("a") as file:
        file.write(f"\n{planted}\n")
    done = contracts(tmp_path)
    broken = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(contract in line for line in broken), done.stdout


def test_a_module_without_a_place_breaks_the_contract(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "eventsite", ignore=shutil.ignore_patterns("*.pyc", "static", "data"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    (tmp_path / "eventsite" / "somewhere.py").write_text('"""New."""\n')
    assert "eventsite.somewhere" in contracts(tmp_path).stdout
