"""Tables as files: what stands in the bytes, what a spreadsheet program would make of them, what gets lost."""

import csv
import io
import warnings
import zipfile
from datetime import UTC, datetime

import openpyxl
import pytest

from eventsite.registration import spreadsheet
from eventsite.registration.spreadsheet import Guarded, Loss, Table

BOM = b"\xef\xbb\xbf"
TAKASAKI = "\u9ad9\ufa11"
YOSHIDA = "\U00020bb7\u7530"
OTSUKA = "\u5927\ufa10"
TSUJI = "\u8fbb\U000e0100"

FORMULAS = [
    pytest.param("=SUM(1,1)商会", "'=SUM(1,1)商会", id="equals"),
    pytest.param("+1", "'+1", id="plus"),
    pytest.param("-5", "'-5", id="minus as text"),
    pytest.param("@A1", "'@A1", id="at"),
    pytest.param("\t=1", "'\t=1", id="tab"),
    pytest.param("\n=1", "'\n=1", id="line feed"),
    pytest.param("\0=1", "'\0=1", id="nul"),
    pytest.param("\uff1dA1", "'\uff1dA1", id="full-width equals"),
    pytest.param("\uff0b1", "'\uff0b1", id="full-width plus"),
    pytest.param("\uff0d1", "'\uff0d1", id="full-width minus"),
    pytest.param("\uff20A1", "'\uff20A1", id="full-width at"),
    pytest.param("a=b", "a=b", id="equals inside"),
    pytest.param("090-0000-0000", "090-0000-0000", id="telephone"),
    pytest.param("011002", "011002", id="code"),
    pytest.param("", "", id="blank"),
]


def read_csv(content, encoding="utf-8-sig"):
    return list(csv.reader(io.StringIO(content.decode(encoding), newline="")))


def read_xlsx(content):
    return openpyxl.load_workbook(io.BytesIO(content)).active


def only(value, encoding="utf-8-sig"):
    """The single cell of a table, read back from CSV."""
    return read_csv(spreadsheet.csv_bytes(Table(["x"], [[value]]), encoding), encoding)[1][0]


def test_csv_has_a_bom_crlf_and_every_field_in_quotes():
    table = Table(["姓", "備考", "枝番"], [[TAKASAKI, 'a "b"\nc', 1], ["", "x,y", 2]])
    expected = f'"姓","備考","枝番"\r\n"{TAKASAKI}","a ""b""\nc","1"\r\n"","x,y","2"\r\n'
    assert spreadsheet.csv_bytes(table) == BOM + expected.encode()


def test_csv_without_bom():
    assert spreadsheet.csv_bytes(Table(["姓"], []), "utf-8") == '"姓"\r\n'.encode()


@pytest.mark.parametrize("typed", ["a\r\nb", "a\rb", "a\nb"], ids=["crlf", "cr", "lf"])
def test_csv_has_line_feeds_inside_cells(typed):
    assert only(typed) == "a\nb"


def test_csv_of_the_registrants_quotes_only_where_it_must():
    table = Table(
        ["Email Address", "First Name", "Last Name"],
        [["kikaku@city.example.lg.jp", "洋子", TAKASAKI], ["a@example.jp", "Smith, John", ""]],
        quote_all=False,
    )
    assert spreadsheet.csv_bytes(table, "utf-8").decode().split("\r\n") == [
        "Email Address,First Name,Last Name",
        f"kikaku@city.example.lg.jp,洋子,{TAKASAKI}",
        'a@example.jp,"Smith, John",',
        "",
    ]


def test_unknown_encodings_are_refused():
    with pytest.raises(ValueError, match="shift_jis"):
        spreadsheet.csv_bytes(Table(["姓"], []), "shift_jis")
    with pytest.raises(ValueError, match="utf-16"):
        spreadsheet.guarded(Table(["姓"], []), "utf-16")


@pytest.mark.parametrize(("typed", "written"), FORMULAS)
def test_formulas_are_guarded_in_csv(typed, written):
    assert only(typed) == written


def test_a_carriage_return_at_the_start_is_guarded():
    assert spreadsheet.formula_safe("\r=1") == "'\r=1"
    assert only("\r=1") == "'\n=1"


def test_figures_of_the_product_are_bare():
    assert spreadsheet.csv_bytes(Table(["n"], [[-5], [60]]), "utf-8") == b'"n"\r\n"-5"\r\n"60"\r\n'


def test_headers_are_guarded_too():
    assert read_csv(spreadsheet.csv_bytes(Table(["=1+1"], []))) == [["'=1+1"]]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        pytest.param("\u20101", "'-1", id="hyphen"),
        pytest.param("\u20111", "'-1", id="non-breaking hyphen"),
        pytest.param("\ufe00=1", "'=1", id="dropped selector"),
    ],
)
def test_what_becomes_a_formula_in_cp932_is_guarded(typed, written):
    assert only(typed, "cp932") == written
    assert only(typed, "utf-8") == typed


def test_guarded_cells_are_listed():
    table = Table(
        ["Email Address", "First Name"],
        [["+a@example.jp", "=1"], ["b@example.jp", 3], ["c@example.jp", "\u2010"]],
        ["GDX-7K3M-Q2-1", "GDX-7K3M-Q2-2", "GDX-7K3M-Q2-3"],
    )
    assert spreadsheet.guarded(table) == [
        Guarded("GDX-7K3M-Q2-1", "Email Address", "+a@example.jp"),
        Guarded("GDX-7K3M-Q2-1", "First Name", "=1"),
    ]
    assert spreadsheet.guarded(table, "cp932")[2:] == [Guarded("GDX-7K3M-Q2-3", "First Name", "\u2010")]


@pytest.mark.parametrize(
    ("typed", "written", "lost"),
    [
        pytest.param(
            YOSHIDA, "\u3013\u7530", [("\U00020bb7", "U+20BB7", "\u3013", 1)], id="outside the plane"
        ),
        pytest.param(TSUJI, "\u8fbb", [("\U000e0100", "U+E0100", "", 1)], id="variation selector"),
        pytest.param(OTSUKA, OTSUKA, [], id="compatibility kanji"),
        pytest.param(TAKASAKI, TAKASAKI, [], id="extension of the vendor"),
        pytest.param("\u2014\u2010\u2011\u00a5", "\u2015--\uffe5", [], id="near twins"),
        pytest.param("\u9dd7a\u9dd7", "\u3013a\u3013", [("\u9dd7", "U+9DD7", "\u3013", 2)], id="twice"),
        pytest.param("\U0001f600", "\u3013", [("\U0001f600", "U+1F600", "\u3013", 1)], id="emoji"),
        pytest.param("\u2460\u3231\uff5e", "\u2460\u3231\uff5e", [], id="circled, bracketed, wave"),
        pytest.param("plain", "plain", [], id="ascii"),
    ],
)
def test_cp932(typed, written, lost):
    table = Table(["姓"], [[typed]], ["GDX-7K3M-Q2-1"])
    content = spreadsheet.csv_bytes(table, "cp932")
    assert read_csv(content, "cp932") == [["姓"], [written]]
    assert spreadsheet.losses(table) == [Loss("GDX-7K3M-Q2-1", "姓", *one) for one in lost]


def test_losses_name_the_cell_and_count_in_it():
    table = Table(["\u9dd7", "名"], [[1, YOSHIDA], [2, YOSHIDA]], ["GDX-7K3M-Q2-1", "GDX-7K3M-Q2-2"])
    assert spreadsheet.losses(table) == [
        Loss("", "\u9dd7", "\u9dd7", "U+9DD7", "\u3013", 1),
        Loss("GDX-7K3M-Q2-1", "名", "\U00020bb7", "U+20BB7", "\u3013", 1),
        Loss("GDX-7K3M-Q2-2", "名", "\U00020bb7", "U+20BB7", "\u3013", 1),
    ]


def test_rows_without_a_reference_are_named_by_their_number():
    assert spreadsheet.losses(Table(["名"], [["a"], ["\u9dd7"]]))[0].reference == "2"


@pytest.mark.parametrize(
    "name", [TAKASAKI, YOSHIDA, OTSUKA, "\u5927\ufa1b", TSUJI, "\U0001f468\u200d\U0001f469"]
)
def test_names_survive_csv_and_xlsx(name):
    assert only(name) == name
    assert read_xlsx(spreadsheet.xlsx_bytes(Table(["姓"], [[name]]), "x"))["A2"].value == name


def test_a_lone_surrogate_does_not_stop_a_file():
    assert only("a\ud800b") == "a?b"
    assert only("a\ud800b", "cp932") == "a\u3013b"


TRICKY = [
    "=SUM(1,1)商会",
    "{=1}",
    "+1",
    "-5",
    "@A1",
    "\tx",
    "\uff1dA1",
    "http://example.jp/",
    "mailto:a@example.jp",
    "internal:x!A1",
    "011002",
    "1e5",
    "090-0000-0000",
    "<r></is></c><c r='B9'><f>1+1</f></c><c><is><r></r>",
    "<r></r>",
    " x ",
    "a\nb",
]


def test_xlsx_cells_are_strings_and_nothing_else():
    sheet = read_xlsx(spreadsheet.xlsx_bytes(Table(["=A"], [[one] for one in TRICKY]), "x"))
    cells = [row[0] for row in sheet.iter_rows()]
    assert [one.value for one in cells] == ["=A", *TRICKY]
    assert {one.data_type for one in cells} == {"s"}
    assert [one.hyperlink for one in cells if one.hyperlink] == []
    assert sheet.max_column == 1


def test_xlsx_shows_figures_as_strings():
    cell = read_xlsx(spreadsheet.xlsx_bytes(Table(["枝番"], [[12]]), "x"))["A2"]
    assert (cell.value, cell.data_type, cell.number_format) == ("12", "s", "@")


@pytest.mark.parametrize("bad", ["\0", "\x0b", "\x1b", "\ufffe", "\uffff", "\ud800"], ids=ascii)
def test_xlsx_drops_what_xml_cannot_hold(bad):
    sheet = read_xlsx(spreadsheet.xlsx_bytes(Table([f"h{bad}"], [[f"a{bad}b"]]), f"t{bad}"))
    assert [sheet["A1"].value, sheet["A2"].value] == ["h", "ab"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        pytest.param("x" * 40000, "x" * 32767, id="letters"),
        pytest.param("\U00020bb7" * 20000, "\U00020bb7" * 16383, id="pairs"),
        pytest.param(
            "<r>" + "x" * 32760 + "</r>" + "x", "<r>" + "x" * 32760 + "</r>", id="rich after the cut"
        ),
    ],
)
def test_xlsx_cuts_at_the_longest_cell(typed, kept):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = spreadsheet.xlsx_bytes(Table(["回答"], [[typed]]), "x")
    assert read_xlsx(content)["A2"].value == kept


def test_xlsx_is_laid_out_for_reading_and_printing():
    rows = [[TAKASAKI, "a" * 100], ["高", "b"]]
    sheet = read_xlsx(spreadsheet.xlsx_bytes(Table(["姓", "備考"], rows), "官民 & 連携"))
    assert sheet.title == "名簿"
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B3"
    assert sheet.print_title_rows == "$1:$1"
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
    assert [round(sheet.column_dimensions[one].width) for one in "AB"] == [9, 41]
    assert sheet.oddHeader.left.text == "官民 && 連携"


def test_xlsx_of_a_table_without_rows():
    sheet = read_xlsx(spreadsheet.xlsx_bytes(Table(["姓", "名"], []), "x"))
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [["姓", "名"]]


def test_the_same_table_gives_the_same_bytes():
    created = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
    table = Table(["姓"], [[TAKASAKI]], created=created)
    content = spreadsheet.xlsx_bytes(table, "x")
    assert content == spreadsheet.xlsx_bytes(table, "x")
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert {one.date_time[0] for one in package.infolist()} == {1980}
        assert b"2025-12-01T01:00:00Z" in package.read("docProps/core.xml")


NOW = datetime(2025, 12, 22, 15, 30)  # noqa: DTZ001 - a time on the clocks of the reader


@pytest.mark.parametrize(
    ("title", "words", "expected"),
    [
        pytest.param(
            "官民連携の分岐点",
            ("", ""),
            ("roster_kanmin_20251222-1530.csv", "名簿_官民連携の分岐点_20251222-1530.csv"),
            id="office",
        ),
        pytest.param(
            "官民連携",
            ("zoom", "Zoom取込用"),
            ("roster_kanmin_zoom_20251222-1530.csv", "名簿_官民連携_Zoom取込用_20251222-1530.csv"),
            id="preset",
        ),
        pytest.param(
            'a"\r\nX: y/../z\u202e?',
            ("", ""),
            (
                "roster_kanmin_20251222-1530.csv",
                "名簿_a\uff02 X\uff1a y\uff0f..\uff0fz\uff1f_20251222-1530.csv",
            ),
            id="hostile",
        ),
        pytest.param(
            "\ud800.",
            ("", ""),
            ("roster_kanmin_20251222-1530.csv", "名簿_20251222-1530.csv"),
            id="nothing left",
        ),
    ],
)
def test_file_names(title, words, expected):
    assert spreadsheet.file_name("kanmin", title, NOW, "csv", words) == expected


def test_file_names_stay_short_enough_for_a_disk():
    _, japanese = spreadsheet.file_name("x", "\U00020bb7" * 400, NOW, "xlsx", ("zoom", "Zoom取込用"))
    assert japanese == f"名簿_{chr(0x20BB7) * 45}_Zoom取込用_20251222-1530.xlsx"
    assert len(japanese.encode()) <= 255
