"""The language of letter templates: reading, filling in, breaking lines, cutting subjects.

For: template sources from files or from an organiser (D67) and the shape of what they become (D64, D65).
Not for: which facts stand in which field (`eventsite.mail.wording.compose`), MIME (`eventsite.mail.mime`). Pure; a
template is never evaluated: names are looked up in fixed lists, values go in last, in one pass.

Grammar. The first line is `件名: …` or `Subject: …`; each further line that is not blank is a paragraph.

    {受付番号}          merge field, Japanese name in every language
    ［理由あり］text     mark at the start of a line: the line is there only when the flag is up; marks add up
    ［辞退：a｜b］       inside a line: a when the flag is up, else b; `｜b` may be missing; no nesting
    <概要><管理>         blocks, alone on their line (after marks)
    ※ text              a line that follows the one before without an empty line

`［名あり］` and `［名なし］` exist for every field 名: it has, or has no, value. A block's own source has no
subject line, and its lines follow each other without empty lines. `{ } ［ ］` cannot occur as plain text.
"""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from itertools import chain

from eventsite.mail.wording.typeset import wrap

FIELDS = frozenset(
    ["団体名", "部署名", "氏名", "人数", "受付番号", "セミナー名", "セミナー短題名", "日時"]
    + ["入室開始", "形式", "参加費", "参加者一覧", "番号", "参加者名", "参加区分", "参加者番号", "状態"]
    + ["参加URL", "ウェビナーID", "パスコード", "会場名", "会場住所", "確認ページURL", "予定表URL"]
    + ["主催者名", "主催者住所", "連絡先名", "電話", "受付時間", "問合せ先メール", "取消期限"]
    + ["回答予定日", "順番", "締切", "抽選日", "理由", "回答期限", "回答URL", "セミナーURL", "変更内容"]
    + ["取消参加者", "変更前日時", "代替案内", "公開期限", "資料URL", "アンケート期限", "アンケートURL"]
    + ["権限", "有効期限", "登録URL", "再設定URL", "確認コード", "件数", "管理画面URL", "案内文"]
    + ["配信停止URL", "請求の種類", "結果", "件名", "開催まで"]
)
BLOCKS = frozenset(["宛名", "概要", "参加方法", "管理", "予定表", "結び"])
FLAGS = frozenset(
    ["複数", "オンライン", "会場", "参加確定", "辞退", "一部", "一部キャンセル待ち", "一部落選", "変更"]
    + ["キャンセル待ちあり", "キャンセル待ちなし", "代替あり", "資料あり", "資料なし", "アンケートあり"]
    + ["参加URL掲載", "参加URL別送", "参加URL未定"]
    + [name + ending for name in FIELDS for ending in ("あり", "なし")]
)
# The first five by D67; the lists are made here, row by row, from values that have lost their line ends.
KEEPS_LF = frozenset(["理由", "変更内容", "代替案内", "案内文", "結果", "参加者一覧", "取消参加者"])
IN_SUBJECT = frozenset(
    ["件数", "セミナー短題名", "件名", "開催まで"]
)  # no name of a person, nothing typed by an attendee (R27)

_SUBJECT = re.compile(r"(?:件名|Subject)[:：](.*)")
_MARK = re.compile(r"［([^：｜［］]*)］")
_BLOCK_LINE = re.compile(r"(?:<[^<>]*>\s*)+")
_TOKEN = re.compile(
    r"\{(?P<field>.*?)\}+|［(?P<flag>[^：｜［］]*)：(?P<then>[^｜［］]*)(?:｜(?P<other>[^｜［］]*))?］|(?P<stray>[{}［］])"
)


class BadTemplate(ValueError):
    """A template that cannot be saved; the message is a sentence for the person who edits it."""


class UnknownField(BadTemplate):
    """A field, block or flag that does not exist, or not in this letter (D67)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}という差し込み項目はありません。")
        self.name = name


class StraySign(BadTemplate):
    """A bracket that opens or closes nothing."""

    def __init__(self, sign: str) -> None:
        super().__init__(f"「{sign}」の使い方を確認してください。")
        self.sign = sign


class BlockInText(BadTemplate):
    """A block that shares its line with text."""

    def __init__(self, name: str) -> None:
        super().__init__(f"<{name}>は、単独の行に書いてください。")
        self.name = name


@dataclass(frozen=True)
class Piece:
    """Plain text, or the name of a merge field. `may_lack`: without a value it is blank and stops nothing."""

    text: str
    is_field: bool = False
    may_lack: bool = False


@dataclass(frozen=True)
class Choice:
    """One of two texts, by a flag."""

    flag: str
    then: tuple[Piece, ...]
    otherwise: tuple[Piece, ...]


Pieces = tuple[Piece | Choice, ...]


@dataclass(frozen=True)
class Line:
    """A paragraph of a letter or a line of a block: its marks, then either text or blocks."""

    marks: tuple[str, ...]
    pieces: Pieces
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """A source that was read and found good."""

    subject: Pieces
    lines: tuple[Line, ...]

    @property
    def fields(self) -> frozenset[str]:
        """Every field that the template can ask for, whatever the flags."""
        rows = (self.subject, *(line.pieces for line in self.lines))
        return frozenset(name for pieces in rows for name in _field_names(pieces))

    @property
    def blocks(self) -> frozenset[str]:
        """Every block that stands in it."""
        return frozenset(name for line in self.lines for name in line.blocks)


def parse(source: str, offered: Set[str] = FIELDS) -> Template:
    """Read a letter's template. `offered`: the fields that will have a value when this letter is written.

    Raises UnknownField for a field outside `offered`, a block or a flag outside the fixed lists, and
    BadTemplate for a missing subject line or a bracket that opens or closes nothing.
    """
    first, _, rest = source.removeprefix("\ufeff").replace("\r\n", "\n").partition("\n")
    stated = _SUBJECT.fullmatch(first.strip())
    if stated is None or not stated[1].strip():
        raise BadTemplate("1行目に「件名: 」と件名を書いてください。")
    return Template(parse_subject(stated[1], offered), parse_body(rest, offered))


def parse_subject(source: str, offered: Set[str] = FIELDS) -> Pieces:
    """Read the words of a subject, without what stands before them in a template. Raises as `parse`."""
    return _pieces(source.strip(), offered & IN_SUBJECT)


def parse_body(source: str, offered: Set[str] = FIELDS) -> tuple[Line, ...]:
    """Read paragraphs and blocks. Raises as `parse`."""
    return _lines(source.replace("\r\n", "\n"), offered)


def parse_block(source: str, offered: Set[str] = FIELDS) -> Template:
    """Read a block's template (no subject line, no blocks inside). Raises as `parse`."""
    lines = _lines(source.removeprefix("\ufeff").replace("\r\n", "\n"), offered)
    if any(line.blocks for line in lines):
        raise BadTemplate("ブロックの中に別のブロックは置けません。")
    return Template((), lines)


def render(
    template: Template, fields: Mapping[str, str], flags: Set[str], blocks: Mapping[str, str]
) -> tuple[str, str]:
    """Return the subject (or its tag) and the body, lines at most 70 columns, ending in LF.

    The body starts with the block 宛名 and ends with 結び; an empty block is left out. Values lose their line
    ends unless the field is in KEEPS_LF, and are never read as template. Raises KeyError for a field or block
    that stands in a line to be printed and has no value at all.
    """
    values, up = _values(fields), _flags_up(fields, flags)
    parts = [blocks["宛名"]]
    for line in template.lines:
        if up.issuperset(line.marks):
            parts += [blocks[name] for name in line.blocks] or [_fill(line.pieces, values, up)]
    body = _joined(part for part in [*parts, blocks["結び"]] if part.strip())
    return _fill(template.subject, values, up), wrap(body) + "\n"


def blocks_shown(template: Template, fields: Mapping[str, str], flags: Set[str]) -> set[str]:
    """Return the blocks that `render` will ask for with these fields and flags."""
    up = _flags_up(fields, flags)
    return {"宛名", "結び"}.union(*(line.blocks for line in template.lines if up.issuperset(line.marks)))


def skippable(lines: tuple[Line, ...], asked_by: Mapping[str, str], harmless: Set[str]) -> tuple[Line, ...]:
    """Return lines each of which is left out where a field of it has no value, instead of stopping the letter.

    A field inside a choice is then blank. `asked_by`: the field that a block cannot do without; `harmless`: fields
    whose line stays all the same.
    """
    return tuple(_skippable(line, asked_by, harmless) for line in lines)


def render_block(template: Template, fields: Mapping[str, str], flags: Set[str] = frozenset()) -> str:
    """Return the lines of a block, without a line end after the last. Raises KeyError as `render`."""
    values, up = _values(fields), _flags_up(fields, flags)
    lines = (_fill(line.pieces, values, up) for line in template.lines if up.issuperset(line.marks))
    return "\n".join(line for line in lines if line.strip())


def _skippable(line: Line, asked_by: Mapping[str, str], harmless: Set[str]) -> Line:
    needed = [asked_by[name] for name in line.blocks if name in asked_by]
    needed += [piece.text for piece in line.pieces if isinstance(piece, Piece) and piece.is_field]
    marks = (*line.marks, *(name + "あり" for name in needed if name not in harmless))
    pieces = tuple(
        replace(piece, then=_lacking(piece.then), otherwise=_lacking(piece.otherwise))
        if isinstance(piece, Choice)
        else piece
        for piece in line.pieces
    )
    return Line(marks, pieces, line.blocks)


def _lacking(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    return tuple(replace(piece, may_lack=piece.is_field) for piece in pieces)


def _lines(source: str, offered: Set[str]) -> tuple[Line, ...]:
    return tuple(_line(raw.rstrip(), offered) for raw in source.split("\n") if raw.strip())


def _line(raw: str, offered: Set[str]) -> Line:
    marks = []
    while mark := _MARK.match(raw):
        marks.append(_known(mark[1], FLAGS))
        raw = raw[mark.end() :]
    if _BLOCK_LINE.fullmatch(raw):
        return Line(tuple(marks), (), tuple(_known(name, BLOCKS) for name in re.findall(r"<([^<>]*)>", raw)))
    if block := re.search(r"<([^<>]*)>", raw):
        _known(block[1], BLOCKS)
        raise BlockInText(block[1])
    return Line(tuple(marks), _pieces(raw, offered))


def _pieces(text: str, offered: Set[str]) -> Pieces:
    pieces: list[Piece | Choice] = []
    end = 0
    for token in _TOKEN.finditer(text):
        pieces.append(Piece(text[end : token.start()]))
        pieces.append(_token(token, offered))
        end = token.end()
    return tuple(piece for piece in [*pieces, Piece(text[end:])] if piece != Piece(""))


def _token(token: re.Match[str], offered: Set[str]) -> Piece | Choice:
    if token["stray"]:
        raise StraySign(token["stray"])
    if token["flag"] is None:
        return Piece(_known(token["field"], offered), is_field=True)
    then, other = _pieces(token["then"], offered), _pieces(token["other"] or "", offered)
    return Choice(_known(token["flag"], FLAGS), _plain_pieces(then), _plain_pieces(other))


def _plain_pieces(pieces: Pieces) -> tuple[Piece, ...]:
    return tuple(piece for piece in pieces if isinstance(piece, Piece))


def _known(name: str, names: Set[str]) -> str:
    if name not in names:
        raise UnknownField(name)
    return name


def _field_names(pieces: Pieces) -> Iterator[str]:
    for piece in pieces:
        inner = (piece,) if isinstance(piece, Piece) else chain(piece.then, piece.otherwise)
        yield from (one.text for one in inner if one.is_field)


def _fill(pieces: Pieces, values: Mapping[str, str], up: Set[str]) -> str:
    """One pass from left to right: what a value holds is copied, never looked at."""
    filled = []
    for piece in pieces:
        if isinstance(piece, Choice):
            filled.append(_fill(piece.then if piece.flag in up else piece.otherwise, values, up))
        elif piece.is_field:
            filled.append(values.get(piece.text, "") if piece.may_lack else values[piece.text])
        else:
            filled.append(piece.text)
    return "".join(filled)


def _values(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: _clean(value, keep_lf=name in KEEPS_LF) for name, value in fields.items()}


def _clean(value: str, *, keep_lf: bool) -> str:
    text = re.sub(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", "\n", value)
    if not keep_lf:
        text = re.sub(r"\n+", " ", text)
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text).strip("\n")


def _flags_up(fields: Mapping[str, str], flags: Set[str]) -> frozenset[str]:
    has = (name + ("あり" if fields.get(name) else "なし") for name in FIELDS)
    return frozenset(chain(flags, has))


def _joined(parts: Iterator[str]) -> str:
    text = next(parts, "")
    for part in parts:
        text += ("\n" if part.startswith("※") else "\n\n") + part
    return text
