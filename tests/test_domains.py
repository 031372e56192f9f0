import pytest

from eventsite.domains import PREFECTURE_LABELS, domain_class, matches_domain
from eventsite.localgov import PREFECTURES


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("city.example.lg.jp", "lg"),
        ("kikaku@city.example.lg.jp", "lg"),
        ("KIKAKU@CITY.EXAMPLE.LG.JP", "lg"),
        ("a@example.lg.jp.", "lg"),
        ("xlg.jp", "other"),
        ("lg.jp", "other"),
        ("city.example.lg.jp.example.com", "other"),
        ("mail.pref.kanagawa.jp", "local_geo"),
        ("pref.hiroshima.jp", "local_geo"),
        ("pref.example.jp", "other"),
        ("metro.tokyo.jp", "local_geo"),
        ("a@ml.metro.tokyo.jp", "local_geo"),
        ("xmetro.tokyo.jp", "other"),
        ("city.kobe.jp", "local_geo"),
        ("office.city.kitakyushu.jp", "local_geo"),
        ("city.tokyo.jp", "local_geo"),
        ("city.fuchu.hiroshima.jp", "local_geo"),
        ("town.example.hokkaido.jp", "local_geo"),
        ("vill.example.okinawa.jp", "local_geo"),
        ("city.example.co.jp", "other"),
        ("vill.example.jp", "other"),
        ("town.hokkaido.jp", "other"),
        ("velocity.example.tokyo.jp", "other"),
        ("example.go.jp", "go"),
        ("go.jp", "other"),
        ("example.ac.jp", "edu"),
        ("school.example.ed.jp", "edu"),
        ("gmail.com", "free"),
        ("taro@yahoo.co.jp", "free"),
        ("notgmail.com", "other"),
        ("gmail.com.example.jp", "other"),
        ("example.co.jp", "other"),
        ("", "other"),
    ],
)
def test_domain_class(value, expected):
    assert domain_class(value) == expected


@pytest.mark.parametrize(
    ("email", "allowed", "expected"),
    [
        pytest.param("a@example.jp", ["example.jp"], True, id="exact"),
        pytest.param("a@sub.example.jp", ["other.jp", "example.jp"], True, id="subdomain"),
        pytest.param("a@badexample.jp", ["example.jp"], False, id="label-boundary"),
        pytest.param("a@example.jp.evil.com", ["example.jp"], False, id="prefix"),
        pytest.param("a@example.jp", ["sub.example.jp"], False, id="parent"),
        pytest.param("a@Example.JP", [" @EXAMPLE.jp "], True, id="as-organisers-type"),
        pytest.param("a@xn--r8jz45g.example", ["例え.example"], True, id="kanji"),
        pytest.param("a@example.jp", ["", "@", " "], False, id="blank-entries"),
        pytest.param("example.jp@evil.com", ["example.jp"], False, id="local-part"),
        pytest.param("a@example.jp", [], False, id="empty-list"),
    ],
)
def test_matches_domain(email, allowed, expected):
    assert matches_domain(email, allowed) is expected


def test_labels_are_the_47_prefectures():
    assert {prefecture.en.lower() for prefecture in PREFECTURES} == PREFECTURE_LABELS
