"""Lines and subjects as Japanese offices read them: columns, line breaks (D65), the 40 characters of D64.

Not for: merge fields (`eventsite.mail.wording.words`), encoding (`eventsite.mail.mime`). Pure.
"""

import re
import unicodedata

WIDTH = 70
SUBJECT_LENGTH = 40

_BREAK_AFTER = "。、）」"
_SMALL_KANA = "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
_NOT_AT_START = frozenset("。、）」』】ー.,;:!?)" + _SMALL_KANA)
_BLANKS = " \u3000"
_ZERO_WIDTH_JOINER = "\u200d"
_URL_LINE = re.compile(r"[ \u3000]*https?://[!-~]+[ \u3000]*")
# Signs that Unicode draws as pictures, unless every Japanese office machine has had them as text (☆ ♪ ※).
_PICTURES = re.compile(
    "[\u00a9\u00ae\u200d\u203c\u2049\u20e3\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\ufe0e\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f]"
)
_SPELT_OUT = str.maketrans(
    {
        "~": "\N{FULLWIDTH TILDE}",
        "\N{EM DASH}": "\N{HORIZONTAL BAR}",
        "\N{PARENTHESIZED IDEOGRAPH STOCK}": "株式会社",
        "\N{PARENTHESIZED IDEOGRAPH HAVE}": "有限会社",
        "\N{SQUARE CORPORATION}": "株式会社",
    }
    | {chr(0x2460 + n): f"({n + 1})" for n in range(20)}
    | {chr(0x2776 + n): f"({n + 1})" for n in range(10)}
    | {chr(0x3251 + n): f"({n + 21})" for n in range(15)}
    | {chr(0x32B1 + n): f"({n + 36})" for n in range(15)}
)


def columns(text: str) -> int:
    """Width of a line: full-width 2, half-width 1, combining marks and selectors 0 (D65)."""
    return sum(map(_width, text))


def wrap(text: str, width: int = WIDTH) -> str:
    """Break every line that is wider than `width` columns, by D65.

    A break comes after the last 。、）」 in the last 30 columns, else as late as it can; never before one of
    。、）」』】ー or small kana, never inside a run of half-width characters, so a line may stay too long.
    Blanks at a break go; the next line takes over the blanks at the start. A line that is nothing but a URL
    stays as it is.
    """
    return "\n".join(_wrap_line(line, width) for line in text.split("\n"))


def subject(tag: str, when_short: str, title: str) -> str:
    """Tag, short date, title: one line of at most 40 code points, cut with …, in safe characters (D64).

    Pictures are dropped, ① ㈱ ~ and their like are spelt out. Staff letters pass their whole subject as `tag`
    and nothing else.
    """
    tag, when_short, title = office_text(tag), office_text(when_short), office_text(title)
    if tag and not tag.endswith("】"):
        tag += " "
    whole = f"{tag}{when_short} {title}".strip() if when_short else f"{tag}{title}".strip()
    if len(whole) <= SUBJECT_LENGTH:
        return whole or "…"
    cut = SUBJECT_LENGTH - 1
    while cut > 1 and _width(whole[cut]) == 0:
        cut -= 1
    return whole[:cut].rstrip() + "…"


def office_text(text: str) -> str:
    """One line without control characters and pictures; company marks and numbers in circles spelt out."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+", " ", text).translate(_SPELT_OUT)
    text = re.sub("[\u24b6-\u24e9\u3200-\u32ff]", lambda sign: unicodedata.normalize("NFKC", sign[0]), text)
    text = _PICTURES.sub(lambda sign: sign[0] if _in_cp932(sign[0]) else "", text)
    return re.sub(" +", " ", text).strip(" ")


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    kind = unicodedata.east_asian_width(char)
    if kind == "A" and char.isalpha() and ord(char) < 0x250:
        return 1  # é and other Latin letters; the other ambiguous ones (※ … ■) are full-width in Japanese
    return 2 if kind in ("W", "F", "A") else 1


def _wrap_line(line: str, width: int) -> str:
    if columns(line) <= width or _URL_LINE.fullmatch(line):
        return line
    rest = line.lstrip(_BLANKS)
    indent = line[: len(line) - len(rest)]
    lines = []
    while columns(indent + rest) > width and (cut := _cut(rest, columns(indent), width)):
        lines.append(indent + rest[:cut].rstrip(_BLANKS))
        rest = rest[cut:].lstrip(_BLANKS)
    return "\n".join([*lines, indent + rest] if rest else lines)


def _cut(text: str, start: int, width: int) -> int:
    """Where to break a text that begins after `start` columns; 0 when it cannot be broken at all."""
    best = preferred = 0
    column = start
    for at in range(1, len(text)):
        column += _width(text[at - 1])
        if column > width and best:
            break
        if not _may_break(text, at):
            continue
        best = at
        if text[at - 1] in _BREAK_AFTER and width - 30 < column <= width:
            preferred = at
    return preferred or best


def _may_break(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if _width(after) == 0 or before == _ZERO_WIDTH_JOINER or (_in_run(before) and _in_run(after)):
        return False
    return text[at:].lstrip(_BLANKS)[:1] not in _NOT_AT_START


def _in_run(char: str) -> bool:
    return char not in _BLANKS and _width(char) < 2


def _in_cp932(char: str) -> bool:
    try:
        char.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True
