from collections import Counter
from pathlib import Path

import pytest

from eventsite import localgov
from eventsite.localgov import LIST_DATE, PREFECTURES, Municipality

DATA = Path(localgov.__file__).parent / "data"


@pytest.fixture(scope="module")
def everybody():
    return [body for prefecture in PREFECTURES for body in localgov.municipalities(prefecture.name)]


@pytest.mark.parametrize(
    ("code5", "digit"),
    [("01100", "2"), ("01213", "1"), ("01205", "0"), ("13101", "6"), ("04422", "9"), ("13000", "1")],
)
def test_check_digit(code5, digit):
    assert localgov.check_digit(code5) == digit
    assert localgov.is_valid(code5 + digit)


@pytest.mark.parametrize("code5", ["", "0110", "011002", "0110a", "０１１００", "\u0660" * 5], ids=ascii)
def test_check_digit_needs_five_digits(code5):
    with pytest.raises(ValueError):
        localgov.check_digit(code5)


@pytest.mark.parametrize(
    "code", ["011003", "", "01100", "0110020", "01100X", "０１１００２", " 011002"], ids=ascii
)
def test_not_valid(code):
    assert not localgov.is_valid(code)


def test_the_list_is_complete(everybody):
    assert len(PREFECTURES) == 47
    assert Counter(body.kind for body in everybody) == {"市": 792, "町": 743, "村": 183, "区": 23}
    assert len({body.code for body in everybody}) == 1741


def test_the_list_agrees_with_itself(everybody):
    assert [body for body in everybody if not localgov.is_valid(body.code)] == []
    assert [body for body in everybody if body.name[-1] != body.kind] == []
    codes = {prefecture.name: prefecture.code2 for prefecture in PREFECTURES}
    assert [body for body in everybody if body.code[:2] != codes[body.prefecture]] == []
    assert [prefecture.code2 for prefecture in PREFECTURES] == [f"{number:02}" for number in range(1, 48)]


def test_names_that_occur_more_than_once(everybody):
    assert sum(count > 1 for count in Counter(body.name for body in everybody).values()) == 25


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("042161", "富谷市"),
        ("402311", "那珂川市"),
        ("282219", "丹波篠山市"),
        ("011002", "札幌市"),
        ("131016", "千代田区"),
    ],
)
def test_present(code, name):
    assert localgov.find(code).name == name


@pytest.mark.parametrize("code", ["016951", "016969", "016977", "016985", "016993", "017001", "011011"])
def test_dropped(code):
    assert localgov.is_valid(code)
    assert localgov.find(code) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("342084", "広島県府中市"),
        ("132063", "東京都府中市"),
        ("340006", "広島県"),
        ("130001", "東京都"),
        ("010006", "北海道"),
        ("000000", ""),
        ("", ""),
    ],
)
def test_label(code, words):
    assert localgov.label(code) == words


def test_a_prefectures_own_government():
    hiroshima = Municipality("340006", "広島県", "広島県", "ひろしまけん", "都道府県")
    assert localgov.find("340006") == hiroshima
    assert localgov.government("広島県") == hiroshima
    assert localgov.government("広島") is None


def test_municipalities_of_a_prefecture():
    toyama = localgov.municipalities("富山県")
    assert [body.name for body in toyama[:2]] == ["富山市", "高岡市"]
    assert (len(toyama), {body.prefecture for body in toyama}) == (15, {"富山県"})
    assert localgov.municipalities("富山") == []


def test_source_and_licence_stand_beside_the_data():
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    assert f"version 1.8.0, published {LIST_DATE.isoformat()}" in readme
    assert "2022 Hideo Yasumoto" in (DATA / "municipalities.LICENSE.txt").read_text(encoding="utf-8")
