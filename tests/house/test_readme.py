"""What the README and the plan of the house promise is there."""

import re
from collections.abc import Iterator

import click
import pytest
from flask import Flask

from eventsite.config import ROOT

README = ROOT / "README.md"
PATH = re.compile(r"`([\w.*-]+(?:/[\w.*-]*)+|[\w-]+\.(?:py|cfg|toml|md|lock))`")


def newcomers_rows(text: str) -> list[str]:
    """Return the rows of the table *I want to change … → file → its test*."""
    table = re.search(r"^\|[^\n]*I want to change[^\n]*\n\|[-| :]+\|\n((?:\|[^\n]*\n)+)", text, re.MULTILINE)
    return table[1].splitlines() if table else []


def paths(text: str) -> list[str]:
    return [path for path in PATH.findall(text) if not path.startswith("instance/")]


def missing(text: str) -> list[str]:
    return [path for path in paths(text) if not list(ROOT.glob(path.rstrip("/")))]


def commands(text: str) -> Iterator[str]:
    """Yield the `make …` and `flask …` lines of fenced blocks."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            command = re.sub(r"^(\$ )?([A-Z_]+=\S+ )*(\.venv/bin/)?", "", line.strip())
            if command.startswith(("make ", "flask ")):
                yield command


def is_known(command: str, app: Flask) -> bool:
    program, *words = command.split()
    if program == "make":
        return (
            re.search(rf"^{re.escape(words[0])}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
        )
    group: click.Command | None = app.cli
    for word in words:
        if not isinstance(group, click.Group):
            return True
        group = group.get_command(click.Context(group), word)
    return group is not None


def test_each_row_of_the_newcomers_table_names_files_that_exist() -> None:
    rows = newcomers_rows(README.read_text())
    assert len(rows) >= 8
    assert [row for row in rows if len(paths(row)) < 2] == []
    assert missing("\n".join(rows)) == []


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_each_path_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    assert paths(text) != []
    assert missing(text) == []


def test_each_command_exists(app: Flask) -> None:
    found = list(commands(README.read_text()))
    assert {"make run", "make test"} <= set(found)
    assert [command for command in found if not is_known(command, app)] == []


def test_planted_faults_are_found(app: Flask) -> None:
    table = (
        "| I want to change | file | test |\n|---|---|---|\n| a seat | `eventsite/nowhere.py` | `tests/` |\n"
    )
    assert missing("\n".join(newcomers_rows(table))) == ["eventsite/nowhere.py"]
    block = "```sh\nmake nothing\nflask nothing\nflask db nothing\nflask db check\nmake help  # words\n```\n"
    unknown = [command for command in commands(block) if not is_known(command, app)]
    assert unknown == ["make nothing", "flask nothing", "flask db nothing"]
