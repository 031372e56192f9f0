"""Links into web calendars: how values are encoded, and that no link is too long for a gateway."""

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest

from eventsite import calendar_links
from eventsite.calendar_links import Item, google, microsoft_365, outlook

TOKYO = timezone(timedelta(hours=9))
ITEM = Item(
    title="官民連携 & まちづくり+α",
    start=datetime(2026, 12, 10, 14, 0, tzinfo=TOKYO),
    end=datetime(2026, 12, 10, 15, 30, tzinfo=TOKYO),
    timezone="Asia/Tokyo",
    location="会場 A&B",
    details=["https://zoom.us/j/0?pwd=a&from=b", "お問い合わせ　R&D係 100%"],
)
ALL = pytest.mark.parametrize("link", [google, outlook, microsoft_365])
KANJI = "\U00020bb7"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def values(link: str) -> dict[str, str]:
    """The fields of a link, read by a strict reader; a name that stood twice would be found."""
    pairs = parse_qsl(urlsplit(link).query, keep_blank_values=True, strict_parsing=True, errors="strict")
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_the_link_of_google() -> None:
    assert google(replace(ITEM, title="講座 A", location="", details=["内容"])) == (
        "https://calendar.google.com/calendar/render?action=TEMPLATE&text=%E8%AC%9B%E5%BA%A7%20A"
        "&dates=20261210T050000Z/20261210T063000Z&ctz=Asia/Tokyo&details=%E5%86%85%E5%AE%B9"
    )


def test_the_links_of_microsoft() -> None:
    item = replace(ITEM, title="講座 A", location="会場", details=["内容"])
    fields = (
        "rru=addevent&subject=%E8%AC%9B%E5%BA%A7%20A&startdt=2026-12-10T05%3A00%3A00Z"
        "&enddt=2026-12-10T06%3A30%3A00Z&location=%E4%BC%9A%E5%A0%B4&body=%E5%86%85%E5%AE%B9"
    )
    assert outlook(item) == (
        "https://outlook.live.com/calendar/0/deeplink/compose?path=%2Fcalendar%2Faction%2Fcompose&" + fields
    )
    assert microsoft_365(item) == "https://outlook.office.com/calendar/action/compose?" + fields


@pytest.mark.parametrize(
    ("words", "encoded", "for_outlook"),
    [
        ("a b", "a%20b", "a%20b"),
        ("a+b", "a%2Bb", "a%2Bb"),
        ("a&b", "a%26b", "a%EF%BC%86b"),
        ("a=b#c?d/e", "a%3Db%23c%3Fd%2Fe", "a%3Db%23c%3Fd%2Fe"),
        ("100%", "100%25", "100%25"),
        ("%20", "%2520", "%2520"),
        ("\"'<>", "%22%27%3C%3E", "%22%27%3C%3E"),
        ("全　角", "%E5%85%A8%E3%80%80%E8%A7%92", "%E5%85%A8%E3%80%80%E8%A7%92"),
        ("\u9ad9\ufa11", "%E9%AB%99%EF%A8%91", "%E9%AB%99%EF%A8%91"),
        (KANJI, "%F0%A0%AE%B7", "%F0%A0%AE%B7"),
        ("a\r\nb\x00\u2028c", "a%20b%20c", "a%20b%20c"),
        (" x ", "x", "x"),
    ],
)
def test_every_value_is_percent_encoded(words: str, encoded: str, for_outlook: str) -> None:
    item = replace(ITEM, title=words, location=words, details=[words])
    assert google(item).count(f"={encoded}") == 3
    assert outlook(item).count(f"={for_outlook}") == 3
    assert microsoft_365(item).count(f"={for_outlook}") == 3


@ALL
def test_no_blank_is_a_plus_and_all_is_ascii(link) -> None:
    assert re.fullmatch(r"[A-Za-z0-9%&=?:/._~-]+", link(ITEM))


def test_an_address_keeps_its_ampersand() -> None:
    body = "https://zoom.us/j/0?pwd=a&from=b\nお問い合わせ　R＆D係 100%"
    assert values(outlook(ITEM))["body"] == values(microsoft_365(ITEM))["body"] == body
    assert values(google(ITEM))["details"] == body.replace("＆", "&")
    assert values(outlook(ITEM))["subject"] == "官民連携 ＆ まちづくり+α"
    assert values(outlook(ITEM))["location"] == "会場 A＆B"


@ALL
@pytest.mark.parametrize("character", ["a", "漢", KANJI, FAMILY, "\u8fbb\U000e0100", "か\u3099", "&", " b"])
@pytest.mark.parametrize("length", [1, 20, 66, 67, 200, 400])
def test_a_link_stays_short_and_is_cut_at_whole_characters(link, character: str, length: int) -> None:
    words = character * length
    item = replace(ITEM, title=words, location=words, details=["https://zoom.us/" + "a" * 400, words, words])
    made = link(item)
    assert len(made) < 2000
    found = values(made)
    shown = words.strip() if link is google else words.strip().replace("&", "＆")
    for name in {"text", "location"} if link is google else {"subject", "location"}:
        kept = found[name].removesuffix("…")
        assert shown.startswith(kept)
        assert (kept == shown) is (found[name] == shown)
        assert shown[len(kept) :][:1] not in {"\u200d", "\ufe0f", "\u3099", "\U000e0100"}
        assert not kept.endswith("\u200d")
    assert found["details" if link is google else "body"].startswith("https://zoom.us/" + "a" * 400)


@ALL
def test_an_address_that_has_no_room_is_left_out_whole(link) -> None:
    item = replace(ITEM, details=["https://zoom.us/" + "b" * 1900, "お問い合わせ　事務局"])
    found = values(link(item))
    assert found["details" if link is google else "body"] == "お問い合わせ　事務局"
    assert "zoom.us" not in link(item)


@ALL
def test_nothing_to_say_leaves_no_field(link) -> None:
    assert {"details", "body", "location"}.isdisjoint(values(link(replace(ITEM, location="", details=[]))))


@ALL
def test_a_time_without_zone_is_refused(link) -> None:
    with pytest.raises(ValueError):
        link(replace(ITEM, start=datetime(2026, 12, 10)))  # noqa: DTZ001


def test_the_longest_link_is_really_used() -> None:
    assert len(google(replace(ITEM, details=["a" * 5000]))) in range(calendar_links.LONGEST - 9, 2000)
