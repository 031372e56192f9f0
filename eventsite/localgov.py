"""Local governments and their codes (団体コード): look-up, check digit, data for the picker (D56 to D58).

Not for: bodies without a code (一部事務組合, 広域連合 …) and wards of designated cities, not in the list;
matching by name, which is never done because 25 names occur more than once.
"""

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

LIST_DATE = date(2026, 5, 24)
"""The date of the municipalities' list, shown to staff."""

OWN_GOVERNMENT = "都道府県"
"""The kind of a prefecture's own government."""


@dataclass(frozen=True)
class Prefecture:
    """code2: the first two characters of its codes; en: its name in Latin letters without a suffix."""

    code2: str
    name: str
    en: str
    kana: str


@dataclass(frozen=True)
class Municipality:
    """A body with a code; kind is 市, 町, 村, 区 or OWN_GOVERNMENT."""

    code: str
    prefecture: str
    name: str
    kana: str
    kind: str


PREFECTURES = (
    Prefecture("01", "北海道", "Hokkaido", "ほっかいどう"),
    Prefecture("02", "青森県", "Aomori", "あおもりけん"),
    Prefecture("03", "岩手県", "Iwate", "いわてけん"),
    Prefecture("04", "宮城県", "Miyagi", "みやぎけん"),
    Prefecture("05", "秋田県", "Akita", "あきたけん"),
    Prefecture("06", "山形県", "Yamagata", "やまがたけん"),
    Prefecture("07", "福島県", "Fukushima", "ふくしまけん"),
    Prefecture("08", "茨城県", "Ibaraki", "いばらきけん"),
    Prefecture("09", "栃木県", "Tochigi", "とちぎけん"),
    Prefecture("10", "群馬県", "Gunma", "ぐんまけん"),
    Prefecture("11", "埼玉県", "Saitama", "さいたまけん"),
    Prefecture("12", "千葉県", "Chiba", "ちばけん"),
    Prefecture("13", "東京都", "Tokyo", "とうきょうと"),
    Prefecture("14", "神奈川県", "Kanagawa", "かながわけん"),
    Prefecture("15", "新潟県", "Niigata", "にいがたけん"),
    Prefecture("16", "富山県", "Toyama", "とやまけん"),
    Prefecture("17", "石川県", "Ishikawa", "いしかわけん"),
    Prefecture("18", "福井県", "Fukui", "ふくいけん"),
    Prefecture("19", "山梨県", "Yamanashi", "やまなしけん"),
    Prefecture("20", "長野県", "Nagano", "ながのけん"),
    Prefecture("21", "岐阜県", "Gifu", "ぎふけん"),
    Prefecture("22", "静岡県", "Shizuoka", "しずおかけん"),
    Prefecture("23", "愛知県", "Aichi", "あいちけん"),
    Prefecture("24", "三重県", "Mie", "みえけん"),
    Prefecture("25", "滋賀県", "Shiga", "しがけん"),
    Prefecture("26", "京都府", "Kyoto", "きょうとふ"),
    Prefecture("27", "大阪府", "Osaka", "おおさかふ"),
    Prefecture("28", "兵庫県", "Hyogo", "ひょうごけん"),
    Prefecture("29", "奈良県", "Nara", "ならけん"),
    Prefecture("30", "和歌山県", "Wakayama", "わかやまけん"),
    Prefecture("31", "鳥取県", "Tottori", "とっとりけん"),
    Prefecture("32", "島根県", "Shimane", "しまねけん"),
    Prefecture("33", "岡山県", "Okayama", "おかやまけん"),
    Prefecture("34", "広島県", "Hiroshima", "ひろしまけん"),
    Prefecture("35", "山口県", "Yamaguchi", "やまぐちけん"),
    Prefecture("36", "徳島県", "Tokushima", "とくしまけん"),
    Prefecture("37", "香川県", "Kagawa", "かがわけん"),
    Prefecture("38", "愛媛県", "Ehime", "えひめけん"),
    Prefecture("39", "高知県", "Kochi", "こうちけん"),
    Prefecture("40", "福岡県", "Fukuoka", "ふくおかけん"),
    Prefecture("41", "佐賀県", "Saga", "さがけん"),
    Prefecture("42", "長崎県", "Nagasaki", "ながさきけん"),
    Prefecture("43", "熊本県", "Kumamoto", "くまもとけん"),
    Prefecture("44", "大分県", "Oita", "おおいたけん"),
    Prefecture("45", "宮崎県", "Miyazaki", "みやざきけん"),
    Prefecture("46", "鹿児島県", "Kagoshima", "かごしまけん"),
    Prefecture("47", "沖縄県", "Okinawa", "おきなわけん"),
)


def check_digit(code5: str) -> str:
    """Return the sixth character for the first five (D56). Raises ValueError for anything but five digits."""
    if not _digits(code5, 5):
        raise ValueError(code5)
    weighted = sum(weight * int(digit) for weight, digit in zip((6, 5, 4, 3, 2), code5, strict=True))
    return str((11 - weighted % 11) % 10)


def is_valid(code: str) -> bool:
    """Say whether a text is six digits with the right check digit (D56); find() knows which codes exist."""
    return _digits(code, 6) and check_digit(code[:5]) == code[5]


def municipalities(prefecture_name: str) -> list[Municipality]:
    """Return the municipalities of a prefecture, such as 広島県, by code; [] for an unknown one."""
    bodies = _bodies().values()
    return [body for body in bodies if body.prefecture == prefecture_name and body.kind != OWN_GOVERNMENT]


def government(prefecture_name: str) -> Municipality | None:
    """Return a prefecture's own government, the picker's 都道府県庁 (D58); None for an unknown one."""
    return next((own for own in map(_own_government, PREFECTURES) if own.name == prefecture_name), None)


def find(code: str) -> Municipality | None:
    """Return the municipality or prefectural government with a code, or None."""
    return _bodies().get(code)


def label(code: str) -> str:
    """Return a body's name with its prefecture: 広島県府中市, 広島県 (D58); "" for an unknown code."""
    body = find(code)
    if body is None:
        return ""
    return body.name if body.kind == OWN_GOVERNMENT else body.prefecture + body.name


def _digits(value: str, count: int) -> bool:
    return len(value) == count and value.isascii() and value.isdigit()


@cache
def _bodies() -> dict[str, Municipality]:
    path = Path(__file__).parent / "data" / "municipalities.csv"
    with path.open(encoding="utf-8", newline="") as file:
        listed = [Municipality(**row) for row in csv.DictReader(file)]
    return {body.code: body for body in [*map(_own_government, PREFECTURES), *listed]}


def _own_government(prefecture: Prefecture) -> Municipality:
    body, name = prefecture.code2 + "000", prefecture.name
    return Municipality(body + check_digit(body), name, name, prefecture.kana, OWN_GOVERNMENT)
