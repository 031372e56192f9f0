"""Whether an event's own words for a letter may be saved: read as a template, with the facts still in them (D64, D67).

Each check returns the text as it is stored, "" for the standard words, and raises Refusal `invalid` at its field. What
passes can always be sent. Nothing here is evaluated; see `words` for the grammar.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from flask_babel import lazy_gettext as _l

from eventsite import text
from eventsite.errors import Refusal
from eventsite.mail.wording import compose, words
from eventsite.mail.wording.editable import ADDITION, BODY, SUBJECT
from eventsite.mail.wording.typeset import office_text
from eventsite.mail.wording.words import Choice, Line, Piece

LONGEST_TAG = {"ja": 24, "en": 21}  # with the date behind it, a subject stays within 40 (D64)
_FIELD_IN_TAG = 10

# Each fact that a body keeps where the standard one has it, and the block that says it.
_REQUIRED: dict[str, str | None] = {
    "受付番号": "概要",
    "セミナー名": "概要",
    "日時": "概要",
    "確認ページURL": "管理",
    "参加方法": "参加方法",
    **dict.fromkeys(["回答期限", "回答URL", "取消参加者", "変更前日時", "変更内容", "理由"]),
    **dict.fromkeys(["代替案内", "案内文", "資料URL", "アンケートURL", "配信停止URL"]),
}
_ALWAYS_ADDED = {"宛名", "結び"}
_NAME_SHOWN = 40
_URL = re.compile(r"[ \u3000]*https://[!-~]+[ \u3000]*")

Marks = set[frozenset[str]]
Parsed = TypeVar("Parsed")


def check_subject(letter: str, locale: str, typed: str) -> str:
    """Return words that replace the tag of the subject; the date and the title follow it by themselves.

    Signs that a subject cannot hold are replaced as in every subject.
    """
    source = office_text(_cleaned("subject", _l("件名"), typed.strip(), SUBJECT, text.clean_line))
    standard = compose.standard_source(letter, locale).subject
    if not typed.strip() or source == office_text(standard):
        return ""
    if not source:
        raise Refusal(
            "invalid", _l("件名に使える文字がありません。絵文字のほかの文字を入力してください。"), "subject"
        )
    pieces = _parsed("subject", lambda: words.parse_subject(source, compose.offered(letter)))
    if _length(pieces) > LONGEST_TAG[locale]:
        sentence = _l(
            "件名は%(count)s文字以内で入力してください。日時と題名が、そのあとに続きます。",
            count=LONGEST_TAG[locale],
        )
        raise Refusal("invalid", sentence, "subject")
    if "件名" in _fields(compose.standard(letter, locale).subject) - _fields(pieces):
        raise Refusal("invalid", _l("件名に%(field)sを入れてください。", field="{件名}"), "subject")
    return source


def check_addition(letter: str, locale: str, typed: str) -> str:
    """Return paragraphs that stand before the closing."""
    source = _cleaned("addition", _l("追記"), typed, ADDITION, _clean_lines)
    lines = _parsed("addition", lambda: words.parse_body(source, compose.offered(letter)))
    for name in (name for line in lines for name in line.blocks):
        sentence = _l("追記には、<%(name)s>を入れられません。本文全体を書き換えると入れられます。", name=name)
        raise Refusal("invalid", sentence, "addition")
    _refuse_glued_links("addition", lines)
    return source


def check_body(letter: str, locale: str, typed: str) -> str:
    """Return paragraphs and blocks that replace the standard body."""
    source = _cleaned("body", _l("本文"), typed, BODY, _clean_lines)
    if _paragraphs(source) == _paragraphs(_clean_lines(compose.standard_source(letter, locale).body)):
        return ""
    lines = _parsed("body", lambda: words.parse_body(source, compose.offered(letter)))
    if not lines:
        return ""
    _refuse_strange_blocks(lines, compose.standard(letter, locale))
    _refuse_glued_links("body", lines)
    _refuse_missing(lines, compose.standard(letter, locale).lines)
    return source


def _cleaned(field: str, name: Any, typed: str, longest: int, clean: Callable[[str], str]) -> str:
    too_long = Refusal(
        "invalid", _l("%(item)sは%(count)s文字以内で入力してください。", item=name, count=longest), field
    )
    if len(typed) > 2 * longest:
        raise too_long
    try:
        source = clean(typed)
    except text.InvalidText:
        raise Refusal("invalid", _l("%(item)sに使えない文字が含まれています。", item=name), field) from None
    if text.length(source) > longest:
        raise too_long
    return source


def _clean_lines(typed: str) -> str:
    """As `text.clean_text`, but full-width blanks stay: they set off what is said in a line."""
    lines = re.sub("\r\n?|[\u2028\u2029]", "\n", typed).split("\n")
    return "\n".join("\u3000".join(map(text.clean_line, line.split("\u3000"))) for line in lines).strip("\n")


def _paragraphs(source: str) -> list[str]:
    return [line.rstrip() for line in source.split("\n") if line.strip()]


def _parsed(field: str, parse: Callable[[], Parsed]) -> Parsed:
    try:
        return parse()
    except words.BadTemplate as error:
        raise Refusal("invalid", _sentence(error), field) from None


def _sentence(error: words.BadTemplate) -> Any:
    if isinstance(error, words.UnknownField):
        return _l("%(item)sという差し込み項目はありません。", item=_shortened(error.name))
    if isinstance(error, words.BlockInText):
        return _l("<%(name)s>は、単独の行に書いてください。", name=error.name)
    sign = error.sign if isinstance(error, words.StraySign) else "{ }"
    return _l("「%(sign)s」の使い方を確認してください。", sign=sign)


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_SHOWN else name[:_NAME_SHOWN] + "…"


def _length(pieces: words.Pieces) -> int:
    """The most characters that these pieces come to; of a choice, the longer side."""
    return sum(
        max(_length(piece.then), _length(piece.otherwise))
        if isinstance(piece, Choice)
        else (_FIELD_IN_TAG if piece.is_field else len(piece.text))
        for piece in pieces
    )


def _fields(pieces: words.Pieces) -> set[str]:
    found = {piece.text for piece in pieces if isinstance(piece, Piece) and piece.is_field}
    return found.union(
        *(_fields(one.then) | _fields(one.otherwise) for one in pieces if isinstance(one, Choice))
    )


def _refuse_strange_blocks(lines: Iterable[Line], standard: words.Template) -> None:
    for name in (name for line in lines for name in line.blocks):
        if name in _ALWAYS_ADDED:
            sentence = _l("<%(name)s>は自動で付きますので、本文から除いてください。", name=name)
            raise Refusal("invalid", sentence, "body")
        if name not in standard.blocks:
            raise Refusal("invalid", _l("このメールでは、<%(name)s>は使えません。", name=name), "body")


def _refuse_glued_links(field: str, lines: Iterable[Line]) -> None:
    """A link stands alone on its line, and is https (D65)."""
    for line in lines:
        if _has_link(line.pieces) and not _is_link(line.pieces):
            raise Refusal("invalid", _l("URLは https:// で始め、単独の行に書いてください。"), field)


def _has_link(pieces: words.Pieces) -> bool:
    return any(
        _has_link(piece.then) or _has_link(piece.otherwise)
        if isinstance(piece, Choice)
        else (piece.text.endswith("URL") if piece.is_field else "://" in piece.text)
        for piece in pieces
    )


def _is_link(pieces: words.Pieces) -> bool:
    if len(pieces) != 1 or not isinstance(pieces[0], Piece):
        return False
    return pieces[0].is_field or _URL.fullmatch(pieces[0].text) is not None


def _refuse_missing(own: Iterable[Line], standard: Iterable[Line]) -> None:
    """A fact stays where the standard body has it, on no narrower condition."""
    said, needed = _facts_said(own), _facts_said(standard)
    absent = [fact for fact in _REQUIRED if fact in needed and fact not in said]
    if absent:
        raise Refusal("invalid", _absence(absent), "body")
    for fact in (fact for fact in _REQUIRED if fact in needed):
        if not all(any(given <= marks for given in said[fact]) for marks in needed[fact]):
            sentence = _l(
                "本文の「%(name)s」に条件が付いています。載らないことがないように、条件を外してください。",
                name=fact,
            )
            raise Refusal("invalid", sentence, "body")


def _facts_said(lines: Iterable[Line]) -> Mapping[str, Marks]:
    """Return, for each required fact, on which conditions it is said; that it has a value is none."""
    found: dict[str, Marks] = {}
    for line in lines:
        for fact, marks in _facts_of(line):
            found.setdefault(fact, set()).add(frozenset(marks) - {fact + "あり"})
    return found


def _facts_of(line: Line) -> Iterator[tuple[str, set[str]]]:
    marks = set(line.marks)
    for fact, block in _REQUIRED.items():
        if block in line.blocks:
            yield fact, marks
    for piece in line.pieces:
        if isinstance(piece, Choice):
            both = _fields(piece.then) & _fields(piece.otherwise)
            for name in _fields(piece.then):
                yield name, marks if name in both else marks | {piece.flag}
        elif piece.is_field:
            yield piece.text, marks


def _absence(absent: list[str]) -> Any:
    """Name what is missing, and what to put in: a block where there is one, for a single fact also its field."""
    names = "".join(f"「{fact}」" for fact in absent)
    fact, block = absent[0], _REQUIRED[absent[0]]
    if len(absent) == 1 and block not in (None, fact):
        return _l(
            "本文に「%(name)s」がありません。<%(block)s>か{%(name)s}を入れてください。",
            name=fact,
            block=block,
        )
    ways = (f"<{_REQUIRED[one]}>" if _REQUIRED[one] else "{" + one + "}" for one in absent)
    return _l(
        "本文に%(names)sがありません。%(ways)sを入れてください。",
        names=names,
        ways="".join(dict.fromkeys(ways)),
    )
