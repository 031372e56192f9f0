"""A member list as organisers keep it, CSV or Excel: bytes in, rows and faults out (domain rule D26). Pure.

The content decides how a file is read, never its name. The header is found by its words, wherever its columns stand;
columns that nobody knows are passed over. Formulas are never computed. Not for storing: see `members`.
"""

import csv
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError

from flask_babel import lazy_gettext as _l
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from eventsite import text
from eventsite.errors import Refusal

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000
LONGEST_NUMBER, LONGEST_NAME = 40, 100
LARGEST_LIMIT = 1_000_000
HEADER = ("会員番号", "会員名", "上限人数")

_COLUMNS = {
    "number": {
        "会員番号",
        "会員no",
        "会員id",
        "会員コード",
        "membernumber",
        "memberno",
        "memberid",
        "number",
    },
    "name": {"会員名", "会員名称", "団体名", "会社名", "法人名", "氏名", "名称", "name", "membername"},
    "seats": {"上限人数", "上限", "参加上限", "人数上限", "上限数", "limit", "seats"},
    "active": {"有効", "active"},
}
_YES = {"", "有効", "はい", "1", "○", "◯", "yes", "true", "active"}
_NO = {"無効", "停止", "いいえ", "0", "×", "no", "false", "inactive"}
_A_DATE = "#DATE!"
_NO_TEXT = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", _A_DATE}

_HEADER_WITHIN = 10  # lines above the header that a title may take
_MOST_COLUMNS = 50
_MOST_LINES = 1_048_576  # of a spreadsheet, blank ones included
_MOST_UNPACKED = 40 * 1024 * 1024
_MOST_PARTS = 500
_LONGEST_CELL = 500  # what is longer is not even cleaned
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_BROKEN = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, OSError),
    *(RecursionError, RuntimeError, TypeError, ValueError, InvalidFileException, ParseError),
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error),
)
"""What openpyxl and zipfile raise for a workbook that is none."""

Line = Sequence[Any]


@dataclass(frozen=True)
class Row:
    """One member. `number` is folded as typed ones are; `seats` None = no limit of its own."""

    number: str
    name: str = ""
    seats: int | None = None
    active: bool = True


@dataclass(frozen=True)
class RowFault:
    """What is wrong with a line of the file, counted from 1 as a spreadsheet counts."""

    line: int
    words: Any


@dataclass(frozen=True)
class Reading:
    """What a file holds: its rows in order, and the faults of those that cannot be used."""

    rows: tuple[Row, ...]
    faults: tuple[RowFault, ...]


def read(content: bytes) -> Reading:
    """Return the rows and faults of a file; raises Refusal at `file` for one that cannot be read as a list at all."""
    if not content.strip():
        raise _refused(_l("ファイルが空です。"))
    if len(content) > MOST_BYTES:
        raise _refused(
            _l("ファイルが大きすぎます。%(most)sMBまでにしてください。", most=MOST_BYTES // 1024 // 1024)
        )
    lines = _numbered(_excel_lines(content) if content.startswith(_ZIP) else _csv_lines(content))
    columns = _header(lines)
    return _rows(lines, columns)


def _numbered(lines: Iterable[Line]) -> Iterator[tuple[int, Line]]:
    for number, line in enumerate(lines, start=1):
        if number > _MOST_LINES:
            raise _too_many()
        if any(_cell(one) for one in line):
            yield number, line


def _header(lines: Iterator[tuple[int, Line]]) -> dict[str, int]:
    """The place of each column that is known, from the first line that names the numbers."""
    for _number, line in islice(lines, _HEADER_WITHIN):
        columns: dict[str, int] = {}
        names = [_header_key(one) for one in line]
        for column, known in _COLUMNS.items():
            places = [place for place, name in enumerate(names) if name in known]
            if column == "number" and len(places) > 1:
                raise _refused(_l("「会員番号」の列が二つ以上あります。一つにしてください。"))
            if places:
                columns[column] = places[0]
        if "number" in columns:
            return columns
    raise _refused(
        _l("「会員番号」の見出しがありません。最初の行に「会員番号,会員名,上限人数」と書いてください。")
    )


def _rows(lines: Iterator[tuple[int, Line]], columns: dict[str, int]) -> Reading:
    rows: list[Row] = []
    faults: list[RowFault] = []
    lines_of: dict[str, int] = {}
    for number, line in lines:
        values = {name: _cell(line[place]) if place < len(line) else "" for name, place in columns.items()}
        if not any(values.values()):
            continue
        if len(lines_of) + len(faults) >= MOST_ROWS:
            raise _too_many()
        try:
            row = _row(values)
            if row.number in lines_of:
                words = _l("会員番号が%(line)s行目と同じです。", line=lines_of[row.number])
                raise _Faulty(words)
        except _Faulty as faulty:
            faults.append(RowFault(number, faulty.words))
            continue
        lines_of[row.number] = number
        rows.append(row)
    if not rows and not faults:
        raise _refused(_l("会員が一件もありません。"))
    return Reading(tuple(rows), tuple(faults))


class _Faulty(Exception):
    def __init__(self, words: Any) -> None:
        super().__init__(words)
        self.words = words


def _row(values: dict[str, str]) -> Row:
    return Row(
        number=_number(values["number"]),
        name=_name(values.get("name", "")),
        seats=_seats(values.get("seats", "")),
        active=_active(values.get("active", "")),
    )


def _number(typed: str) -> str:
    if typed in _NO_TEXT:
        words = _l("会員番号が日付か表計算のエラーになっています。文字として入力し直してください。")
        raise _Faulty(words)
    try:
        number = text.fold_code(typed[:_LONGEST_CELL])
    except text.InvalidText:
        raise _Faulty(_l("会員番号に使えない文字が含まれています。")) from None
    if not number:
        raise _Faulty(_l("会員番号がありません。"))
    if len(number) > LONGEST_NUMBER:
        raise _Faulty(_l("会員番号は%(count)s文字以内にしてください。", count=LONGEST_NUMBER))
    return number


def _name(typed: str) -> str:
    try:
        name = text.clean_line(typed[:_LONGEST_CELL])
    except text.InvalidText:
        raise _Faulty(_l("会員名に使えない文字が含まれています。")) from None
    if text.length(name) > LONGEST_NAME or len(name) > 2 * LONGEST_NAME:
        raise _Faulty(_l("会員名は%(count)s文字以内にしてください。", count=LONGEST_NAME))
    return name


def _seats(typed: str) -> int | None:
    digits = unicodedata.normalize("NFKC", typed[:40]).strip().replace(",", "").removesuffix("名")
    if not digits:
        return None
    if re.fullmatch(r"[0-9]{1,7}", digits) and int(digits) <= LARGEST_LIMIT:
        return int(digits)
    raise _Faulty(_l("上限人数は、0以上の整数にしてください。空欄は上限なしです。"))


def _active(typed: str) -> bool:
    word = unicodedata.normalize("NFKC", typed[:40]).strip().casefold()
    if word in _NO:
        return False
    if word in _YES:
        return True
    raise _Faulty(_l("「有効」の列は、有効か無効のどちらかにしてください。"))


def _cell(value: Any) -> str:
    """A cell as people read it: 12.0 of a spreadsheet is 12."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, date | time | timedelta):
        return _A_DATE
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _header_key(value: Any) -> str:
    return re.sub(r"[\s._　-]|\(.*\)", "", unicodedata.normalize("NFKC", _cell(value)[:60]).casefold())


def _csv_lines(content: bytes) -> Iterator[Line]:
    if content.startswith(_OLD_EXCEL):
        raise _refused(_l("古い形式か、パスワード付きのExcelファイルです。XLSXかCSVで保存し直してください。"))
    words = _decoded(content).replace("\r\n", "\n").replace("\r", "\n")
    first = next((line for line in words.split("\n") if line.strip()), "")
    delimiter = "\t" if first.count("\t") > first.count(",") else ","
    try:
        yield from csv.reader(io.StringIO(words, newline=""), delimiter=delimiter)
    except csv.Error:
        raise _unreadable() from None


def _decoded(content: bytes) -> str:
    if b"\0" in content:
        raise _unreadable()
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _unreadable()


def _excel_lines(content: bytes) -> Iterator[Line]:
    """The first sheet that is shown, line by line. What a workbook claims about its size is not believed."""
    _check_package(content)
    book = None
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheets = [one for one in book.worksheets if one.sheet_state == "visible"]
        if not sheets:
            raise _unreadable()
        sheets[0].reset_dimensions()
        yield from sheets[0].iter_rows(values_only=True, max_col=_MOST_COLUMNS)
    except Refusal:
        raise
    except _BROKEN:
        raise _unreadable() from None
    finally:
        if book is not None:
            book.close()


def _check_package(content: bytes) -> None:
    """Refuse an archive that unpacks to more than a list can be, is locked, or declares entities."""
    left = _MOST_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            if len(parts) > _MOST_PARTS or any(one.flag_bits & 1 for one in parts):
                raise _unreadable()
            for one in parts:
                with package.open(one) as part:
                    unpacked = part.read(left + 1)
                left -= len(unpacked)
                if left < 0:
                    raise _refused(_l("ファイルが大きすぎます。要らないシートや書式を消してください。"))
                if b"<!DOCTYPE" in unpacked or unpacked.startswith(_UTF_16):
                    raise _unreadable()
    except Refusal:
        raise
    except _BROKEN:
        raise _unreadable() from None


def _unreadable() -> Refusal:
    return _refused(_l("このファイルは読み取れません。CSV（UTF-8かShift_JIS）かXLSXで保存し直してください。"))


def _too_many() -> Refusal:
    return _refused(_l("行が多すぎます。%(most)s件までにしてください。", most=f"{MOST_ROWS:,}"))


def _refused(words: Any) -> Refusal:
    return Refusal("invalid", words, field="file")
