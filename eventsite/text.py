"""Normalisation: what a person typed becomes what is stored, compared or written in a legacy encoding.

Pure functions on strings: rules D3, D26, D27, D33, D39 (which errors there are), D42 to D54 and D86. Stored
names, organisations and free text never pass through NFC or NFKC as a whole (D42): compatibility kanji,
variation selectors and characters outside the basic plane come out as they went in.

Not for: words shown to people (a door turns InvalidText.code into its text), required fields, limits (compare
length() with the field's), classes of mail domains (domains.py), codes of local governments (localgov.py).
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby, islice
from pathlib import Path
from unicodedata import category, combining, name, normalize

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

_DATA = Path(__file__).parent / "data"
_REFERENCE = re.compile(rf"GDX([{REFERENCE_ALPHABET}]{{4}})([{REFERENCE_ALPHABET}]{{2}})")

_DASHES = "-\u00ad\u02d7\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500\u30fc"
_PHONE_SEPARATORS = frozenset(_DASHES + ".()[]{}<>〈〉《》「」【】〔〕")
_EXTENSION = re.compile(r"内線(?:番号)?|ext(?:ension|n)?", re.IGNORECASE)
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
_GROUPINGS = (
    (re.compile(r"0[5789]0\d{8}"), (3, 7)),
    (re.compile(r"0120\d{6}"), (4, 7)),
    (re.compile(r"0[36]\d{8}"), (2, 6)),
)

# Unicode's stream-safe limit. Putting longer runs of marks in canonical order takes quadratic time.
_MARKS_AT_MOST = 30
_EMAIL_AT_MOST = 1000

_CP932_TWINS = {0x2014: "\u2015", 0x2010: "-", 0x2011: "-", 0x00A5: "\uffe5"}
_GETA = "\u3013"

_HIRAGANA_TO_KATAKANA = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
_KANA = frozenset([*map(chr, range(0x30A1, 0x30FB)), *"\u30fc\u30fb\u309b\u309c\u30fd\u30fe "])


class InvalidText(ValueError):
    """A text that cannot be stored as asked.

    code: "invalid", "private-use", "kana", "email-no-at", "email", "phone" or "reference".
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Phone:
    """A telephone number: digits to compare and dial (a leading + only for other countries), shown as
    written for people, extension 内線 or ""."""

    digits: str
    shown: str
    extension: str


def clean_line(value: str) -> str:
    """Return a text of one line as it is stored (D43 to D46). Line breaks are control characters and vanish.

    Raises InvalidText "invalid" (lone surrogate, noncharacter, over 30 combining marks in a row) or
    "private-use" (D54).
    """
    _refuse_unstorable(value)
    return _line(value)


def clean_text(value: str) -> str:
    """Return a text of several lines as it is stored: each line as by clean_line(), breaks as LF, no blank
    lines at its ends. Indentation is lost: not for Markdown with nested lists. Raises as clean_line()."""
    _refuse_unstorable(value)
    lines = re.sub("\r\n?|[\u2028\u2029]", "\n", value).split("\n")
    return "\n".join(map(_line, lines)).strip("\n")


def clean_kana(value: str) -> str:
    """Return a reading in full-width katakana; Latin letters and wholly Latin names pass (D33, D47).

    Raises InvalidText "kana" for anything else, and as clean_line().
    """
    text = _compose(clean_line(value).translate(_HIRAGANA_TO_KATAKANA))
    if all(char in _KANA or _is_latin(char) for char in text) or is_latin_name(text, ""):
        return text
    raise InvalidText("kana")


def clean_email(value: str) -> str:
    """Return an address as it is stored: domain in lower case and punycode, local part as typed (D48).

    A dot at the very end is dropped; email_suggestion() of the typed text warns about it. Reserved domains
    such as .test pass. Raises InvalidText "email-no-at", also for a blank, or "email" for any other fault.
    """
    if len(value) > _EMAIL_AT_MOST:
        raise InvalidText("email")
    local, at, domain = _fold_email(value).removesuffix(".").rpartition("@")
    if not at:
        raise InvalidText("email-no-at")
    host, _, last = domain.lower().rpartition(".")
    reserved = last in SPECIAL_USE_DOMAIN_NAMES
    checkable = f"{local}@{host}.{'x' * len(last) if reserved else last}"
    try:
        checked = validate_email(checkable, strict=True, allow_smtputf8=False, check_deliverability=False)
    except (EmailNotValidError, UnicodeError) as error:
        raise InvalidText("email") from error
    ascii_host, _, ascii_last = checked.ascii_domain.rpartition(".")
    return f"{local}@{ascii_host}.{last if reserved else ascii_last}"


def email_domain(email: str) -> str:
    """Return the part after the last @ in lower case, "" if there is none. A typed dot at the end stays."""
    _, at, domain = _fold_email(email).rpartition("@")
    return domain.lower() if at else ""


def email_suggestion(email: str) -> str | None:
    """Return the domain that was probably meant, or None (D39). Takes a typed or a cleaned address."""
    domain = email_domain(email)
    meant = domain.removesuffix(".")
    for typed, right in _domain_typos().items():
        if typed == meant or (typed.startswith(".") and meant.endswith(typed)):
            meant = meant.removesuffix(typed) + right
            break
    return meant if meant and meant != domain else None


def clean_phone(value: str) -> Phone:
    """Return a telephone number (D49): 10 or 11 digits from 0, or + and 8 to 15 digits for other countries.

    Raises InvalidText "phone", also for a blank.
    """
    number, extension = _split_extension(_nfkc(value))
    text = _TRUNK_ZERO.sub(" ", number) if "+" in number else number
    international = text.lstrip().startswith("+")
    groups = _digit_groups(text.lstrip().removeprefix("+"))
    if international and groups and groups[0].startswith("81"):
        groups, international = _national(groups), False
    digits = "".join(groups)
    if international:
        if not re.fullmatch(r"[1-9]\d{7,14}", digits):
            raise InvalidText("phone")
        return Phone("+" + digits, "+" + "-".join(groups), extension)
    if not re.fullmatch(r"0\d{9,10}", digits):
        raise InvalidText("phone")
    return Phone(digits, "-".join(groups) if len(groups) > 1 else _grouped(digits), extension)


def fold_code(value: str) -> str:
    """Return a member number or invitation code to compare: NFKC, upper case, no spaces or dashes (D26, D27).

    Raises InvalidText "invalid" or "private-use" as clean_line().
    """
    _refuse_unstorable(value)
    visible = "".join(_visible(_nfkc(_nfkc(value).upper())))
    return "".join(char for char in visible if char != " " and char not in _DASHES)


def clean_reference(value: str) -> str:
    """Return a 受付番号 as GDX-XXXX-XX (D3). Raises InvalidText "reference"."""
    try:
        match = _REFERENCE.fullmatch(fold_code(value))
    except InvalidText as error:
        raise InvalidText("reference") from error
    if not match:
        raise InvalidText("reference")
    return f"GDX-{match[1]}-{match[2]}"


def person_key(family: str, given: str) -> str:
    """Return the key under which spellings of a person's name meet, for search and duplicates only (D51)."""
    return _key(family + given)


def organisation_key(name: str) -> str:
    """Return the key of an organisation's name, without its legal form (D51)."""
    key = _key(name)
    return re.sub(r"株式会社|\(株\)|一般社団法人", "", key) or key


def is_latin_name(family: str, given: str) -> bool:
    """Say whether a name has Latin letters and otherwise only spaces, hyphens, apostrophes and dots (D33)."""
    text = family + given
    return any(map(_is_latin, text)) and all(_is_latin(c) or c in " -'\u2019." or combining(c) for c in text)


def length(value: str) -> int:
    """Return the length that is compared with a limit: code points without variation selectors (D53)."""
    return sum(not _is_selector(char) for char in value)


def cp932_losses(value: str) -> list[tuple[str, str]]:
    """Return (character, what a CP932 file will show) for each character that codec lacks, in order (D54).

    A variation selector is dropped: its replacement is "".
    """
    return [] if _encodes(value) else [(char, _in_cp932(char)) for char in value if not _encodes(char)]


def cp932_text(value: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a text that encodes as cp932 and what was lost on the way (D86).

    Losses are (character, replacement): 〓 for an unknown one, "" for a dropped selector (異体字). Dashes
    and the yen sign have near twins, so their replacement is no loss.
    """
    text = value.translate(_CP932_TWINS)
    return "".join(map(_in_cp932, text)), cp932_losses(text)


def _refuse_unstorable(value: str) -> None:
    if any(category(char) == "Cs" or _is_noncharacter(char) for char in value):
        raise InvalidText("invalid")
    if any(category(char) == "Co" for char in value):
        raise InvalidText("private-use")


def _is_noncharacter(char: str) -> bool:
    return 0xFDD0 <= ord(char) <= 0xFDEF or ord(char) & 0xFFFE == 0xFFFE


def _is_mark(char: str) -> bool:
    return combining(char) > 0


def _line(value: str) -> str:
    visible = _refuse_piled_marks("".join(_visible(value)))
    composed = _refuse_piled_marks(_compose(_widen(visible)))
    return re.sub(" {2,}", " ", composed).strip(" ")


def _refuse_piled_marks(value: str) -> str:
    if any(marks and len(list(run)) > _MARKS_AT_MOST for marks, run in groupby(value, _is_mark)):
        raise InvalidText("invalid")
    return value


def _visible(value: str) -> Iterator[str]:
    for char in value:
        if char == "\t" or category(char) in ("Zs", "Zl", "Zp"):
            yield " "
        elif category(char) not in ("Cc", "Cf"):
            yield char


def _widen(value: str) -> str:
    """Half-width katakana and their punctuation in full width, a sound mark joined to its kana (D44)."""
    wide: list[str] = []
    for char in value:
        if char in "\uff9e\uff9f":
            joined = normalize("NFC", wide[-1] + normalize("NFKC", char)) if wide else ""
            if len(joined) == 1:
                wide[-1] = joined
            else:
                wide.append("\u309b" if char == "\uff9e" else "\u309c")
        else:
            wide.append(normalize("NFKC", char) if "\uff61" <= char <= "\uff9d" else char)
    return "".join(wide)


def _compose(value: str) -> str:
    """Join marks to the kana or Latin letter before them, and to nothing else (D45)."""
    clusters: list[str] = []
    for char in value:
        if clusters and combining(char) and _takes_marks(clusters[-1][0]):
            clusters[-1] += char
        else:
            clusters.append(char)
    return "".join(normalize("NFC", cluster) if len(cluster) > 1 else cluster for cluster in clusters)


def _takes_marks(char: str) -> bool:
    return name(char, "").startswith(("LATIN ", "HIRAGANA ", "KATAKANA "))


def _is_latin(char: str) -> bool:
    return char.isalpha() and name(char, "").startswith(("LATIN ", "FULLWIDTH LATIN "))


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _nfkc(value: str) -> str:
    """NFKC of a text that may come from a stranger: what follows the 30th mark in a row is ignored."""
    runs = (islice(run, _MARKS_AT_MOST) if marks else run for marks, run in groupby(value, _is_mark))
    return normalize("NFKC", "".join(char for run in runs for char in run))


def _fold_email(value: str) -> str:
    return "".join(char for char in _nfkc(value) if category(char) != "Cf").strip()


@cache
def _domain_typos() -> dict[str, str]:
    """Whole domains and, beginning with a dot, endings."""
    with (_DATA / "domain_typos.csv").open(encoding="utf-8", newline="") as file:
        return {row["typed"]: row["meant"] for row in csv.DictReader(file)}


def _split_extension(value: str) -> tuple[str, str]:
    number, *rest = _EXTENSION.split(value, maxsplit=1)
    if not rest:
        return number, ""
    extension = "-".join(_digit_groups(rest[0].replace(":", " ", 1)))
    if not extension:
        raise InvalidText("phone")
    return number, extension


def _digit_groups(value: str) -> list[str]:
    spaced = "".join(" " if char.isspace() or char in _PHONE_SEPARATORS else char for char in value)
    groups = "".join(char for char in spaced if category(char) not in ("Cc", "Cf")).split()
    if not all(group.isascii() and group.isdigit() for group in groups):
        raise InvalidText("phone")
    return groups


def _national(groups: list[str]) -> list[str]:
    """Groups after +81 with the leading 0 that is dialled inside Japan, typed or not."""
    first, *others = [group for group in (groups[0].removeprefix("81"), *groups[1:]) if group] or [""]
    area, *rest = [group for group in (first.removeprefix("0"), *others) if group] or [""]
    return ["0" + area, *rest]


def _grouped(digits: str) -> str:
    for pattern, (first, second) in _GROUPINGS:
        if pattern.fullmatch(digits):
            return f"{digits[:first]}-{digits[first:second]}-{digits[second:]}"
    return f"{digits[:-4]}-{digits[-4:]}"


def _key(value: str) -> str:
    folded = _nfkc(_nfkc(value).casefold())
    kept = (char for char in folded if category(char) not in ("Cc", "Cf") and not char.isspace())
    return "".join(char for char in kept if not _is_selector(char)).translate(_variants())


@cache
def _variants() -> dict[int, str]:
    with (_DATA / "variants.csv").open(encoding="utf-8", newline="") as file:
        return {ord(row["from"]): row["to"] for row in csv.DictReader(file)}


def _in_cp932(char: str) -> str:
    if _is_selector(char):
        return ""
    return _CP932_TWINS.get(ord(char)) or (char if _encodes(char) else _GETA)


def _encodes(char: str) -> bool:
    try:
        char.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True
