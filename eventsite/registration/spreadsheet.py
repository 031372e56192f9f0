"""A table as the bytes of a file that is safe to open: CSV in three encodings, XLSX, and the file's name.

Pure: a table comes in, bytes go out, and the same table gives the same bytes. Rules D85 to D88, R28 and R29.
Not for: which rows and columns a roster has (roster.py), what a stored text may hold (text.py).
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unicodedata import category

import xlsxwriter

from eventsite import text

ENCODINGS = ("utf-8-sig", "utf-8", "cp932")
FORMULA_STARTS = frozenset("=+-@\t\r\n\0＝＋－＠")

Cell = str | int
"""Words are str and are guarded; figures that the product itself has computed are int and are not (D88)."""

_FILE_NAME_BYTES = 180
_TITLE_ON_PAPER = 100
_NARROWEST, _WIDEST = 8, 40
_CELL_AT_MOST = 32767  # UTF-16 units
_A4 = 9

_TO_FULL_WIDTH = {ord(char): ord(char) + 0xFEE0 for char in '\\/:*?"<>|'}
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_XLSX_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True)
class Table:
    """What a file shows. `references` names each row in reports; `created` is the date inside an XLSX file."""

    header: list[str]
    rows: list[list[Cell]]
    references: list[str] = field(default_factory=list)
    created: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    quote_all: bool = True


@dataclass(frozen=True)
class Loss:
    """A character that a CP932 file cannot show, as often as it stands in one cell; replacement "" = dropped.

    In the header the reference is "".
    """

    reference: str
    column: str
    character: str
    code_point: str
    replacement: str
    count: int


@dataclass(frozen=True)
class Guarded:
    """A cell that gets an apostrophe so that no program takes it for a formula, with its text before that."""

    reference: str
    column: str
    value: str


def csv_bytes(table: Table, encoding: str = "utf-8-sig") -> bytes:
    """Return the table as CSV: CRLF after records, LF inside cells, guarded texts (D85, D86, D88).

    Every field is quoted unless the table says otherwise. Raises ValueError for an encoding outside ENCODINGS.
    """
    _check(encoding)
    buffer = io.StringIO(newline="")
    quoting: Any = csv.QUOTE_ALL if table.quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, quoting=quoting, lineterminator="\r\n")
    for row in _lines(table):
        writer.writerow([_csv_cell(cell, encoding) for cell in row])
    return buffer.getvalue().encode(encoding, "replace")


def losses(table: Table) -> list[Loss]:
    """Return what the table would lose as CP932, cell by cell, for the report before the download (D86)."""
    found = []
    for reference, column, value in _texts(table):
        if value.isascii():
            continue
        for (character, replacement), count in Counter(text.cp932_text(value)[1]).items():
            code_point = f"U+{ord(character):04X}"
            found.append(Loss(reference, column, character, code_point, replacement, count))
    return found


def guarded(table: Table, encoding: str = "utf-8-sig") -> list[Guarded]:
    """Return the cells that `csv_bytes` will put an apostrophe before; they no longer import as typed (D91)."""
    _check(encoding)
    found = []
    for reference, column, value in _texts(table):
        shown = _encodable(value, encoding)
        if formula_safe(shown) != shown:
            found.append(Guarded(reference, column, value))
    return found


def formula_safe(value: str) -> str:
    """Return a text with an apostrophe before it if a spreadsheet could take it for a formula (D88)."""
    return f"'{value}" if value[:1] in FORMULA_STARTS else value


def xlsx_bytes(table: Table, title: str) -> bytes:
    """Return the table as an Excel workbook in which every cell is a string (D87). `title` is printed on top.

    Characters that XML cannot hold are dropped; a text is cut at Excel's 32,767 UTF-16 units.
    """
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, _XLSX_OPTIONS) as workbook:
        workbook.set_properties({"title": _xml_text(title), "created": table.created.astimezone(UTC)})
        sheet = workbook.add_worksheet("名簿")
        _lay_out(sheet, table, title)
        style = {"num_format": "@", "valign": "top", "text_wrap": True}
        cell_format, header_format = workbook.add_format(style), workbook.add_format(style | {"bold": True})
        for number, row in enumerate(_lines(table)):
            for column, cell in enumerate(row):
                _write(sheet, number, column, _xml_text(str(cell)), cell_format if number else header_format)
    return buffer.getvalue()


def file_name(
    slug: str, title: str, now: datetime, extension: str, preset_word: tuple[str, str] = ("", "")
) -> tuple[str, str]:
    """Return a download's name in ASCII and in Japanese (D85). The preset's words, if any, stand before the time.

    now: the moment on the clocks that the reader lives by; preset_word: ASCII and Japanese.
    """
    stamp = now.strftime("%Y%m%d-%H%M")
    names = (("roster", slug, preset_word[0], stamp), ("名簿", _file_words(title), preset_word[1], stamp))
    latin, japanese = ("_".join(filter(None, parts)) + f".{extension}" for parts in names)
    return latin, japanese


def _check(encoding: str) -> None:
    if encoding not in ENCODINGS:
        raise ValueError(f"unknown encoding {encoding!r}")


def _lines(table: Table) -> list[Sequence[Cell]]:
    return [table.header, *table.rows]


def _csv_cell(cell: Cell, encoding: str) -> str:
    """The guard comes last: an encoding may turn a harmless first character into a dash, or drop it."""
    if isinstance(cell, int):
        return str(cell)
    return formula_safe(_encodable(_lf(cell), encoding))


def _encodable(value: str, encoding: str) -> str:
    if encoding != "cp932" or value.isascii():
        return value
    return text.cp932_text(value)[0]


def _lf(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value


def _texts(table: Table) -> Iterator[tuple[str, str, str]]:
    """Each text with its row's reference and its column's name, the header first."""
    for name in table.header:
        yield "", name, name
    for number, row in enumerate(table.rows):
        reference = table.references[number] if table.references else str(number + 1)
        for name, cell in zip(table.header, row, strict=True):
            if isinstance(cell, str):
                yield reference, name, cell


def _lay_out(sheet: Any, table: Table, title: str) -> None:
    last_row, last_column = len(table.rows), len(table.header) - 1
    for column, width in enumerate(_widths(table)):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, last_row, last_column)
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{last_row + 1}"})
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_header("&L" + _xml_text(title)[:_TITLE_ON_PAPER].replace("&", "&&"))
    sheet.set_footer("&C&P / &N")


def _widths(table: Table) -> list[int]:
    """Columns as wide as their longest line, full-width characters counted twice, within limits."""
    widths = []
    for cells in zip(table.header, *table.rows, strict=True):
        longest = max(_columns(str(cell)) for cell in cells)
        widths.append(min(max(longest + 3, _NARROWEST), _WIDEST))
    return widths


def _columns(value: str) -> int:
    return max((len(line.encode("cp932", "replace")) for line in value.split("\n")), default=0)


def _write(sheet: Any, row: int, column: int, value: str, cell_format: Any) -> None:
    """Write a string. XlsxWriter copies a text that looks like its own rich string into the file's XML as it is,
    so such a text goes in as runs, which it does escape."""
    if value.startswith("<r>") and value.endswith("</r>"):
        sheet.write_rich_string(row, column, value[0], value[1], value[2:], cell_format)
    else:
        sheet.write_string(row, column, value, cell_format)


def _xml_text(value: str) -> str:
    kept = _NOT_IN_XML.sub("", _lf(value))
    if len(kept) * 2 <= _CELL_AT_MOST:
        return kept
    return kept.encode("utf-16-le")[: _CELL_AT_MOST * 2].decode("utf-16-le", "ignore")


def _file_words(title: str) -> str:
    visible = "".join(" " if char.isspace() else char for char in title)
    kept = "".join(char for char in visible if category(char) not in ("Cc", "Cf", "Cs"))
    words = " ".join(kept.translate(_TO_FULL_WIDTH).split())
    return words.encode()[:_FILE_NAME_BYTES].decode("utf-8", "ignore").strip(" .")
