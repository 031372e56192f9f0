"""What the domain of a mail address hints at (D25), and whether it is on an organiser's list.

Not for: deciding. A class is a hint for approvers and never a gate; addresses are cleaned in text.py.
"""

import csv
import re
from functools import cache
from pathlib import Path
from unicodedata import normalize

RECOGNISABLE = ("lg", "local_geo", "go", "edu")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

PREFECTURE_LABELS = frozenset({
    "hokkaido", "aomori", "iwate", "miyagi", "akita", "yamagata", "fukushima", "ibaraki", "tochigi",
    "gunma", "saitama", "chiba", "tokyo", "kanagawa", "niigata", "toyama", "ishikawa", "fukui",
    "yamanashi", "nagano", "gifu", "shizuoka", "aichi", "mie", "shiga", "kyoto", "osaka", "hyogo", "nara",
    "wakayama", "tottori", "shimane", "okayama", "hiroshima", "yamaguchi", "tokushima", "kagawa", "ehime",
    "kochi", "fukuoka", "saga", "nagasaki", "kumamoto", "oita", "miyazaki", "kagoshima", "okinawa",
})  # fmt: skip
CITY_LABELS = PREFECTURE_LABELS | {
    "sapporo", "sendai", "yokohama", "kawasaki", "nagoya", "kobe", "kitakyushu",
}  # fmt: skip


def domain_class(email_or_domain: str) -> str:
    """Return "lg", "local_geo", "go", "edu", "free" or "other", the first that fits in this order (D25)."""
    domain = _normal(email_or_domain)
    labels = domain.split(".")
    if _ends(labels, "lg", "jp"):
        return "lg"
    if _is_geographic(labels):
        return "local_geo"
    if _ends(labels, "go", "jp"):
        return "go"
    if _ends(labels, "ac", "jp") or _ends(labels, "ed", "jp"):
        return "edu"
    return "free" if _within(domain, _free_mail()) else "other"


def matches_domain(email: str, allowed: list[str]) -> bool:
    """Say whether an address belongs to one of the allowed domains or to a subdomain of one (D25).

    allowed: as organisers type them; a leading @ or dot, capitals and names in kanji are understood.
    """
    return _within(_normal(email), frozenset(filter(None, map(_normal, allowed))))


def clean_domain(typed: str) -> str:
    """Return a domain as it is kept: without a leading @ or dot, in lower case and punycode.

    Raises ValueError for what cannot be the domain of a mail address, and for a whole address.
    """
    alone = normalize("NFKC", typed[:300]).strip().removeprefix("@")
    domain = _normal(alone)
    labels = domain.split(".")
    fits = len(domain) <= 253 and len(labels) > 1 and all(_LABEL.fullmatch(one) for one in labels)
    if "@" in alone or not fits:
        raise ValueError(f"no domain: {alone!r}")
    return domain


def _normal(value: str) -> str:
    domain = value.rpartition("@")[2].strip().lower().strip(".")
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def _ends(labels: list[str], *ending: str) -> bool:
    return len(labels) > len(ending) and labels[-len(ending) :] == list(ending)


def _is_geographic(labels: list[str]) -> bool:
    if labels[-3:] == ["metro", "tokyo", "jp"]:
        return True
    match labels:
        case [*_, "pref", prefecture, "jp"] if prefecture in PREFECTURE_LABELS:
            return True
        case [*_, "city", city, "jp"] if city in CITY_LABELS:
            return True
        case [*_, "city" | "town" | "vill", _, prefecture, "jp"] if prefecture in PREFECTURE_LABELS:
            return True
    return False


def _within(domain: str, domains: frozenset[str]) -> bool:
    labels = domain.split(".")
    return any(".".join(labels[start:]) in domains for start in range(len(labels)))


@cache
def _free_mail() -> frozenset[str]:
    path = Path(__file__).parent / "data" / "free_mail.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return frozenset(row["domain"] for row in csv.DictReader(file))
