"""Member lists as people keep them, and files that are none (D26)."""

import io
import zipfile
from datetime import date
from typing import Any

import pytest
import xlsxwriter
from openpyxl import Workbook

from eventsite.errors import Refusal
from eventsite.registration import member_file
from eventsite.registration.member_file import Row

HEADER = "会員番号,会員名,上限人数"
LINES: list[list[Any]] = [["会員番号", "会員名", "上限人数"], ["A-0012", "見本市", 3]]
TOWN = Row("A0012", "見本市", 3)


def workbook(*lines: list[Any], **how: Any) -> bytes:
    book = Workbook()
    sheet = book.active
    for line in lines:
        sheet.append(line)
    for cells in how.get("merged", ()):
        sheet.merge_cells(cells)
    for cell, value in how.get("cells", {}).items():
        sheet[cell] = value
    if how.get("hidden_first"):
        sheet.sheet_state = "hidden"
        for line in lines:
            book.create_sheet("shown").append(line) if len(book.sheetnames) == 1 else book["shown"].append(
                line
            )
        sheet["A2"] = "HIDDEN1"
    return saved(book)


def saved(book: Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def shared_strings() -> bytes:
    """As Excel itself writes it: the words stand apart from the cells."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet("会員")
        for number, line in enumerate(LINES):
            sheet.write_row(number, 0, line)
    return buffer.getvalue()


def repacked(content: bytes, part: str, change: Any) -> bytes:
    """The same archive with one part changed."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return buffer.getvalue()


def rows(content: bytes) -> tuple[Row, ...]:
    reading = member_file.read(content)
    assert reading.faults == ()
    return reading.rows


def faults(content: bytes) -> list[tuple[int, str]]:
    return [(one.line, str(one.words)) for one in member_file.read(content).faults]


def words_of(content: bytes) -> str:
    with pytest.raises(Refusal) as refusal:
        member_file.read(content)
    assert (refusal.value.code, refusal.value.field) == ("invalid", "file")
    return str(refusal.value.words)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"\ufeff{HEADER}\r\nA-0012,見本市,3\r\n".encode(), id="utf-8-with-mark"),
        pytest.param(f"{HEADER}\nA-0012,見本市,3".encode(), id="utf-8"),
        pytest.param(f"{HEADER}\r\nＡ－００１２,見本市,３\r\n".encode("cp932"), id="cp932-full-width"),
        pytest.param(f"{HEADER}\rA-0012,見本市,3\r".encode(), id="old-mac-lines"),
        pytest.param(f"{HEADER}\nA-0012,見本市,3".replace(",", "\t").encode(), id="tabs"),
        pytest.param(
            f'"{HEADER}"\n'.replace(",", '","').encode() + '"a 0012","見本市","3名"'.encode(), id="quoted"
        ),
        pytest.param("上限,備考,会員No.,会社名\n3,x,A0012,見本市\n".encode(), id="other-order-and-words"),
        pytest.param(
            f"会員名簿,,\n,,\n{HEADER}\n,,\nA0012,見本市,3\n,,\n".encode(), id="title-and-blank-lines"
        ),
        pytest.param(f"{HEADER},電話,備考\nA0012,見本市,3,00-0000-0000,甲\n".encode(), id="more-columns"),
        pytest.param(workbook(*LINES), id="xlsx"),
        pytest.param(shared_strings(), id="xlsx-shared-strings"),
        pytest.param(workbook(["会員名簿"], *LINES, merged=["A1:C1"]), id="xlsx-merged-title"),
        pytest.param(workbook(LINES[0], [None, None, None], ["A0012", "見本市", 3.0]), id="xlsx-float"),
        pytest.param(
            workbook(
                ["会員番号", None, "会員名", "上限人数"], ["A0012", None, "見本市", 3], merged=["A1:B1"]
            ),
            id="xlsx-merged-header",
        ),
        pytest.param(workbook(*LINES, hidden_first=True), id="xlsx-hidden-sheet"),
        pytest.param(workbook(*LINES, cells={"XFD900000": "far away"}), id="xlsx-far-cell"),
        pytest.param(
            repacked(
                workbook(*LINES),
                "xl/worksheets/sheet1.xml",
                lambda part: part.replace(b'ref="A1:C2"', b'ref="A1:XFD1048576"'),
            ),
            id="xlsx-claims-to-be-huge",
        ),
    ],
)
def test_one_town_in_many_hands(content: bytes) -> None:
    assert rows(content) == (TOWN,)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        pytest.param("b 2,,", Row("B2"), id="name-and-limit-may-be-blank"),
        pytest.param("B2", Row("B2"), id="short-line"),
        pytest.param("0012,,0", Row("0012", "", 0), id="zeros-stay"),
        pytest.param(
            "B2,\u8fbb\U000e0100 \u9ad9\ufa11,", Row("B2", "\u8fbb\U000e0100 \u9ad9\ufa11"), id="kanji-stay"
        ),
        pytest.param('B2,"=SUM(1,1)商会",', Row("B2", "=SUM(1,1)商会"), id="formula-is-text"),
        pytest.param('B2,"一行目\n二行目",', Row("B2", "一行目二行目"), id="line-break-in-a-cell"),
        pytest.param('B2,,"1,000"', Row("B2", "", 1000), id="thousands"),
    ],
)
def test_what_a_line_means(line: str, row: Row) -> None:
    assert rows(f"{HEADER}\n{line}\n".encode()) == (row,)


def test_a_column_of_the_active_is_understood() -> None:
    content = "会員番号,有効\nA1,○\nA2,×\nA3,\nA4,無効\n".encode()
    assert [one.active for one in rows(content)] == [True, False, True, False]
    words = "「有効」の列は、有効か無効のどちらかにしてください。"
    assert faults("会員番号,有効\nA1,たぶん\n".encode()) == [(2, words)]


LIMIT = "上限人数は、0以上の整数にしてください。空欄は上限なしです。"
NO_TEXT = "会員番号が日付か表計算のエラーになっています。文字として入力し直してください。"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(",見本市,3", "会員番号がありません。", id="no-number"),
        pytest.param(" - ,見本市,3", "会員番号がありません。", id="nothing-but-dashes"),
        pytest.param("a-1,別,", "会員番号が2行目と同じです。", id="same-number-once-folded"),
        pytest.param("B2,,-1", LIMIT, id="negative"),
        pytest.param("B2,,1.5", LIMIT, id="fraction"),
        pytest.param("B2,,三", LIMIT, id="word"),
        pytest.param("B2,,99999999", LIMIT, id="huge"),
        pytest.param("B" * 41 + ",,", "会員番号は40文字以内にしてください。", id="long-number"),
        pytest.param("B" * 100_000 + ",,", "会員番号は40文字以内にしてください。", id="very-long-number"),
        pytest.param("B2," + "長" * 101 + ",", "会員名は100文字以内にしてください。", id="long-name"),
        pytest.param("B\ue000,,", "会員番号に使えない文字が含まれています。", id="private-use-number"),
        pytest.param("B2,\ue000,", "会員名に使えない文字が含まれています。", id="private-use-name"),
        pytest.param("#N/A,,", NO_TEXT, id="error-value"),
    ],
)
def test_a_broken_line_is_named(line: str, words: str) -> None:
    reading = member_file.read(f"{HEADER}\nA1,,\n\n{line}\nC3,,\n".encode())
    assert [(one.line, str(one.words)) for one in reading.faults] == [(4, words)]
    assert [one.number for one in reading.rows] == ["A1", "C3"]


def test_cells_of_a_spreadsheet_that_are_no_number() -> None:
    content = workbook(LINES[0], ["=A9", "式", None], [date(2026, 1, 1), "日付", None], ["B2", "=1+1", "=2"])
    reading = member_file.read(content)
    assert [(one.line, str(one.words)) for one in reading.faults] == [
        (2, "会員番号がありません。"),
        (3, NO_TEXT),
    ]
    assert reading.rows == (Row("B2", "", None),), "a formula is never computed"


UNREADABLE = "このファイルは読み取れません。CSV（UTF-8かShift_JIS）かXLSXで保存し直してください。"
NO_HEADER = "「会員番号」の見出しがありません。最初の行に「会員番号,会員名,上限人数」と書いてください。"
DTD = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>'


def a_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    return buffer.getvalue()


def many_parts() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for number in range(501):
            package.writestr(f"{number}.xml", b"")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "ファイルが空です。", id="empty"),
        pytest.param(b" \r\n \r\n", "ファイルが空です。", id="blank"),
        pytest.param(
            b"x" * (member_file.MOST_BYTES + 1), "ファイルが大きすぎます。5MBまでにしてください。", id="6MB"
        ),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", UNREADABLE, id="picture"),
        pytest.param(HEADER.encode("utf-16"), UNREADABLE, id="utf-16"),
        pytest.param(b"\x81\xff\x81\xff", UNREADABLE, id="no-encoding-at-all"),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500,
            "古い形式か、パスワード付きのExcelファイルです。XLSXかCSVで保存し直してください。",
            id="xls",
        ),
        pytest.param(b"PK\x03\x04" + b"x" * 99, UNREADABLE, id="broken-zip"),
        pytest.param(workbook(*LINES)[:-30], UNREADABLE, id="cut-off"),
        pytest.param(
            repacked(workbook(*LINES), "xl/workbook.xml", lambda part: b"<x/>"), UNREADABLE, id="no-sheet"
        ),
        pytest.param(
            repacked(workbook(*LINES), "xl/workbook.xml", lambda part: b"<x"), UNREADABLE, id="broken-xml"
        ),
        pytest.param(
            repacked(workbook(*LINES), "xl/worksheets/sheet1.xml", lambda part: DTD + part),
            UNREADABLE,
            id="entities",
        ),
        pytest.param(
            repacked(
                workbook(*LINES), "xl/worksheets/sheet1.xml", lambda part: part.decode().encode("utf-16")
            ),
            UNREADABLE,
            id="utf-16-part",
        ),
        pytest.param(a_bomb(), "ファイルが大きすぎます。要らないシートや書式を消してください。", id="bomb"),
        pytest.param(many_parts(), UNREADABLE, id="many-parts"),
        pytest.param("氏名,電話\n山田,00\n".encode(), NO_HEADER, id="other-table"),
        pytest.param(b"<html><body>Error</body></html>", NO_HEADER, id="html"),
        pytest.param(("\n".join("x" * 11) + f"\n{HEADER}\nA1,,").encode(), NO_HEADER, id="header-far-below"),
        pytest.param(workbook([]), NO_HEADER, id="empty-workbook"),
        pytest.param(HEADER.encode(), "会員が一件もありません。", id="only-the-header"),
        pytest.param(f"{HEADER}\n,,\n".encode(), "会員が一件もありません。", id="only-blank-lines"),
        pytest.param(
            "会員番号,会員No\nA1,A2\n".encode(),
            "「会員番号」の列が二つ以上あります。一つにしてください。",
            id="two-numbers",
        ),
        pytest.param(
            (HEADER + "\n" + "".join(f"A{number}\n" for number in range(20_001))).encode(),
            "行が多すぎます。20,000件までにしてください。",
            id="one-too-many",
        ),
        pytest.param(f'{HEADER}\n"{"x" * 140_000}'.encode(), UNREADABLE, id="one-endless-cell"),
    ],
)
def test_a_file_that_is_no_list(content: bytes, words: str) -> None:
    assert words_of(content) == words


def test_as_many_as_there_may_be() -> None:
    content = HEADER + "\n" + "".join(f"A{number},見本市,{number % 9}\n" for number in range(20_000))
    assert len(rows(content.encode())) == 20_000
