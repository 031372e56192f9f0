"""The English catalogue says everything that code and templates say in Japanese."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from eventsite.config import ROOT

CATALOGUE = ROOT / "eventsite" / "translations" / "en" / "LC_MESSAGES" / "messages.po"
KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None, "lazy_ngettext": (1, 2)}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file)


def words(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def fault(message: Message) -> str | None:
    given = words(message.string)
    if message.fuzzy:
        return "is a guess (fuzzy)"
    if not given or not all(given):
        return "is not translated"
    wanted = set(PLACEHOLDER.findall("".join(words(message.id))))
    if any(set(PLACEHOLDER.findall(one)) != wanted for one in given):
        return "has other placeholders"
    return "still holds Japanese" if any(JAPANESE.search(one) for one in given) else None


def said(root: Path) -> set[str]:
    """Return every text that code and templates mark for translation."""
    with (root / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(root, methods, options, keywords=KEYWORDS)
    return {words(text)[0] for _, _, text, _, _ in found}


def test_everything_is_translated(catalogue: Catalog) -> None:
    assert len(catalogue) > 50
    assert {str(one.id): fault(one) for one in catalogue if one.id and fault(one)} == {}


def test_the_catalogue_is_up_to_date(catalogue: Catalog) -> None:
    known = {words(one.id)[0] for one in catalogue if one.id}
    found = said(ROOT)
    assert {"not in the catalogue": found - known, "no longer said": known - found} == {
        "not in the catalogue": set(),
        "no longer said": set(),
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message("開催日", ""), "is not translated"),
        (Message("開催日", "Date", flags=["fuzzy"]), "is a guess (fuzzy)"),
        (Message("残り%(count)s席", "%(number)s seats left"), "has other placeholders"),
        (Message("開催日", "開催日"), "still holds Japanese"),
        (Message(("%(num)s名", "%(num)s名"), ("%(num)s person", "")), "is not translated"),
        (Message("残り%(count)s席", "%(count)s seats left"), None),
    ],
)
def test_planted_faults_are_found(message: Message, expected: str | None) -> None:
    assert fault(message) == expected


def test_words_of_code_and_templates_are_seen(tmp_path: Path) -> None:
    (tmp_path / "babel.cfg").write_text((ROOT / "babel.cfg").read_text())
    (tmp_path / "eventsite").mkdir()
    (tmp_path / "eventsite" / "a.py").write_text("_l('一')\n_('二')\nngettext('三', '三つ', 3)\n")
    (tmp_path / "templates" / "parts").mkdir(parents=True)
    (tmp_path / "templates" / "parts" / "a.html").write_text("{{ _('四') }}{% trans %}五{% endtrans %}")
    assert said(tmp_path) == {"一", "二", "三", "四", "五"}
