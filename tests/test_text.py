from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsite import text
from eventsite.text import InvalidText, Phone

CHANGED_BY_NFC = (
    "\uf929\uf9dc\ufa10\ufa12\ufa15\ufa16\ufa17\ufa18\ufa19\ufa1a\ufa1b"
    "\ufa1c\ufa1d\ufa1e\ufa20\ufa22\ufa25\ufa26\ufa2a\ufa2b\ufa2c\ufa2d"
)
KEPT_BY_NFC = "\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27\ufa28\ufa29"
SELECTORS = "\ufe00\ufe0f\U000e0100\U000e01ef"
TAKASAKI = "\u9ad9\ufa11"
YOSHIDA = "\U00020bb7\u7530"
TSUJI = "\u8fbb\U000e0100"

anything = st.text(st.characters(exclude_categories=()))
awkward = st.text(
    st.sampled_from(
        "aeA\u00e9\u1e69\u304b\u30ab\u30cf\u3042\uff76\uff8a\uff9e\uff9f\uff65\u3099\u309a\u0301\u0323\u0344\u0338"
        "\u0020\u3000\u00a0\t\n\r\u000b\u0085\u2028\u2029\u200b\u200d\ufeff\u00ad\ufa10\ufa11\U000e0100\ufe00"
        "+0123456789()-\uff0d\u30fc@.,x\u5185\u7dda"
    )
)


def code_of(function, *values):
    with pytest.raises(InvalidText) as caught:
        function(*values)
    return caught.value.code


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        pytest.param("\u3000例示市\u3000\u3000企画課\u200b", "例示市 企画課", id="D43-spaces"),
        pytest.param("\ufeffA\u00ad\u202eB\u2066C", "ABC", id="D43-format-characters"),
        pytest.param("A\tB\u2028C\u2029D\u00a0E", "A B C D E", id="D43-separators"),
        pytest.param("A\x00\x0b\x0c\x1c\x1d\x1e\x1f\x7f\x85B", "AB", id="D43-controls"),
        pytest.param("A\r\nB\nC", "ABC", id="D43-line-breaks-are-controls"),
        pytest.param("\uff76\uff9e\uff8a\uff9f\uff73\uff9e", "ガパヴ", id="D44-marks-composed"),
        pytest.param(
            "\uff7b\uff9d\uff8c\uff9f\uff99\uff65\uff7c\uff9e\uff6c\uff8a\uff9f\uff9d",
            "サンプル・ジャパン",
            id="D44-middle-dot",
        ),
        pytest.param("\uff71\uff9e\uff9f", "ア\u309b\u309c", id="D44-mark-without-partner"),
        pytest.param("\u30ab\uff9e", "ガ", id="D44-mark-after-full-width"),
        pytest.param("\ufa10\uff9e", "\ufa10\u309b", id="D44-mark-leaves-kanji-alone"),
        pytest.param("\u304b\u3099", "\u304c", id="D45-kana"),
        pytest.param("e\u0301", "\u00e9", id="D45-latin"),
        pytest.param("\u304b\u200b\u3099", "\u304c", id="D45-after-D43"),
        pytest.param("\ufa10\u0301", "\ufa10\u0301", id="D45-not-kanji"),
        pytest.param("\ufa10\ufa1b", "\ufa10\ufa1b", id="D45-compatibility-kanji"),
        pytest.param("\u3231\u2460\u2163", "\u3231\u2460\u2163", id="D46-no-expansion"),
        pytest.param("\uff5e\u301c", "\uff5e\u301c", id="D46-waves"),
        pytest.param("Ａ１", "Ａ１", id="D42-full-width-stays"),
        pytest.param("\u2126\u212b", "\u2126\u212b", id="D42-singletons-stay"),
        pytest.param("=SUM(1,1)商会", "=SUM(1,1)商会", id="D108-formula"),
        pytest.param(" \u3000\t", "", id="blank"),
    ],
)
def test_clean_line(typed, stored):
    assert text.clean_line(typed) == stored


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        pytest.param("一\r\n二\n三\r四", "一\n二\n三\n四", id="line-breaks"),
        pytest.param("一\u2028二\u2029三", "一\n二\n三", id="separators"),
        pytest.param("\n\u3000一\u3000\u3000二 \n\n 三\t\n\n", "一 二\n\n三", id="each-line-tidied"),
        pytest.param("一\x00\x0b\x85二", "一二", id="controls"),
        pytest.param("\uff76\n\uff9e", "カ\n\u309b", id="no-joining-over-lines"),
    ],
)
def test_clean_text(typed, stored):
    assert text.clean_text(typed) == stored


@pytest.mark.parametrize("clean", [text.clean_line, text.clean_text, text.clean_kana, text.fold_code])
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        pytest.param("\ud800", "invalid", id="high-surrogate"),
        pytest.param("\udfff", "invalid", id="low-surrogate"),
        pytest.param("\ufffe", "invalid", id="FFFE"),
        pytest.param("\uffff", "invalid", id="FFFF"),
        pytest.param("\ufdd0", "invalid", id="FDD0"),
        pytest.param("\ufdef", "invalid", id="FDEF"),
        pytest.param("\U0001fffe", "invalid", id="1FFFE"),
        pytest.param("\U0010ffff", "invalid", id="10FFFF"),
        pytest.param("\ue000", "private-use", id="D54-E000"),
        pytest.param("\uf8ff", "private-use", id="D54-F8FF"),
        pytest.param("\U000f0000", "private-use", id="D54-plane-15"),
        pytest.param("\U0010fffd", "private-use", id="D54-plane-16"),
    ],
)
def test_unstorable(clean, typed, code):
    assert code_of(clean, f"A{typed}B") == code


@pytest.mark.parametrize("piled", ["a" + "\u0301" * 31, "\u3042" + "\u0301\u200b" * 31, "a" + "\u0344" * 20])
def test_piled_marks_are_refused(piled):
    assert code_of(text.clean_line, piled) == "invalid"


def test_piled_marks_take_no_time():
    endless = "A" + "\u0301\u0323" * 100_000
    assert len(text.person_key(endless, "")) < 100
    assert len(text.fold_code(endless)) < 100
    assert code_of(text.clean_phone, endless) == "phone"


@pytest.mark.parametrize("clean", [text.clean_line, text.clean_text])
@pytest.mark.parametrize("char", [*CHANGED_BY_NFC, *KEPT_BY_NFC], ids=ascii)
def test_kept_exactly(clean, char):
    value = "".join(char + selector for selector in ("", *SELECTORS))
    assert clean(value) == value


def test_all_34_compatibility_kanji_are_tested():
    assert (len(set(CHANGED_BY_NFC)), len(set(KEPT_BY_NFC))) == (22, 12)


@pytest.mark.parametrize(
    "name", [TAKASAKI, YOSHIDA, TSUJI, "\u5927\ufa10\ufa1b", "\U0002a6d6\U00030000"], ids=ascii
)
def test_difficult_names_are_kept(name):
    assert text.clean_line(name) == name


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        pytest.param("たかさき ゔぃ", "タカサキ ヴィ", id="D47-hiragana"),
        pytest.param("\uff80\uff76\uff7b\uff77", "タカサキ", id="D33-half-width"),
        pytest.param("\u3046\u3099", "ヴ", id="decomposed"),
        pytest.param("\u308f\u3099", "\u30f7", id="composed-only-as-katakana"),
        pytest.param("すゞき・みすゝ", "スヾキ・ミスヽ", id="iteration-marks"),
        pytest.param("ゕゖー\u309b\u309c", "ヵヶー\u309b\u309c", id="ends-of-the-range"),
        pytest.param("Smith", "Smith", id="D33-latin"),
        pytest.param(
            "\u0141ukasz O\u2019Brien-Lee Jr.", "\u0141ukasz O\u2019Brien-Lee Jr.", id="D33-latin-marks"
        ),
        pytest.param("スミス John", "スミス John", id="mixed"),
        pytest.param("", "", id="blank"),
    ],
)
def test_clean_kana(typed, stored):
    assert text.clean_kana(typed) == stored


@pytest.mark.parametrize("typed", ["高崎", "タカサキ1", "タカ-サキ", "あ\u3099", "\u30a0", "-"], ids=ascii)
def test_not_kana(typed):
    assert code_of(text.clean_kana, typed) == "kana"


@pytest.mark.parametrize(
    ("family", "given_name", "latin"),
    [
        ("Smith", "John", True),
        ("\u0141ukasz", "Nowak", True),
        ("O\u2019Brien-Lee", "J. R.", True),
        ("Suharto", "", True),
        ("Ｓｍｉｔｈ", "", True),
        ("田中", "", False),
        ("Smith", "太郎", False),
        ("\u0418\u0432\u0430\u043d", "", False),
        ("Smith", "3", False),
        ("-", ".", False),
        ("", "", False),
    ],
)
def test_is_latin_name(family, given_name, latin):
    assert text.is_latin_name(family, given_name) is latin


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        pytest.param(
            "Ｔａｒｏ＠ｃｉｔｙ．ｅｘａｍｐｌｅ．ｌｇ．ｊｐ", "Taro@city.example.lg.jp", id="D48-full-width"
        ),
        pytest.param("a@例え.example", "a@xn--r8jz45g.example", id="D48-idn"),
        pytest.param("\u3000Taro@City.EXAMPLE.lg.jp\n", "Taro@city.example.lg.jp", id="D48-trim"),
        pytest.param("taro@city\u200b.example.lg.jp", "taro@city.example.lg.jp", id="invisible"),
        pytest.param("a@x.test", "a@x.test", id="test"),
        pytest.param("a@x.local", "a@x.local", id="local"),
        pytest.param("a@x.invalid", "a@x.invalid", id="reserved"),
        pytest.param("a+b_c'd@example.jp", "a+b_c'd@example.jp", id="local-part"),
        pytest.param("a@example.jp.", "a@example.jp", id="D39-trailing-dot"),
        pytest.param("a" * 64 + "@example.jp", "a" * 64 + "@example.jp", id="local-64"),
    ],
)
def test_clean_email(typed, stored):
    assert text.clean_email(typed) == stored


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        pytest.param("a@example.jp、b@example.jp", "email", id="D48-two"),
        pytest.param("a@example.jp,b@example.jp", "email", id="comma"),
        pytest.param("a@example.jp;b@example.jp", "email", id="semicolon"),
        pytest.param("a@example.jp\nb@example.jp", "email", id="line-break"),
        pytest.param("a@example.jp\r\nBcc: b@example.jp", "email", id="header"),
        pytest.param("a b@example.jp", "email", id="space"),
        pytest.param("太郎@example.jp", "email", id="non-ascii-local-part"),
        pytest.param("a@exa mple.jp", "email", id="space-in-domain"),
        pytest.param("@example.jp", "email", id="no-local-part"),
        pytest.param("a@", "email", id="no-domain"),
        pytest.param("a@localhost", "email", id="no-dot"),
        pytest.param("a@192.0.2.1", "email", id="address"),
        pytest.param("a@[192.0.2.1]", "email", id="literal"),
        pytest.param("a..b@example.jp", "email", id="two-dots"),
        pytest.param("a@example.jp..", "email", id="two-dots-at-the-end"),
        pytest.param("A <a@example.jp>", "email", id="display-name"),
        pytest.param('"a b"@example.jp', "email", id="quoted"),
        pytest.param("a" * 65 + "@example.jp", "email", id="local-65"),
        pytest.param("a@" + ".".join(["x" * 62] * 4) + ".jp", "email", id="over-254"),
        pytest.param("a@\ud800.jp", "email", id="surrogate"),
        pytest.param("a" * 2000, "email", id="endless"),
        pytest.param("taro.example.jp", "email-no-at", id="no-at"),
        pytest.param(" ", "email-no-at", id="blank"),
    ],
)
def test_not_an_email(typed, code):
    assert code_of(text.clean_email, typed) == code


@pytest.mark.parametrize(
    ("typed", "domain", "meant"),
    [
        ("taro@gamil.com", "gamil.com", "gmail.com"),
        ("taro@Gmail.CON", "gmail.con", "gmail.com"),
        ("taro@example.co.jo", "example.co.jo", "example.co.jp"),
        ("taro@city.example.lg.jpp", "city.example.lg.jpp", "city.example.lg.jp"),
        ("taro@example.con", "example.con", "example.com"),
        ("taro@example.jp.", "example.jp.", "example.jp"),
        ("taro@gamil.com.", "gamil.com.", "gmail.com"),
        ("taro@gmail.com", "gmail.com", None),
        ("taro@city.example.lg.jp", "city.example.lg.jp", None),
        ("taro", "", None),
        ("taro@", "", None),
    ],
)
def test_email_suggestion(typed, domain, meant):
    assert (text.email_domain(typed), text.email_suggestion(typed)) == (domain, meant)


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        pytest.param(
            "０９０ー１２３４‐５６７８", Phone("09012345678", "090-1234-5678", ""), id="D49-full-width"
        ),
        pytest.param(
            "090\u22121234\u30fc5678", Phone("09012345678", "090-1234-5678", ""), id="D49-two-dashes"
        ),
        pytest.param("+81-90-0000-0000", Phone("09000000000", "090-0000-0000", ""), id="D49-country"),
        pytest.param("00（0000）0000 内線12", Phone("0000000000", "00-0000-0000", "12"), id="D49-extension"),
        pytest.param("+81 (0)90 0000 0000", Phone("09000000000", "090-0000-0000", ""), id="D49-trunk-zero"),
        pytest.param("+81 090-0000-0000", Phone("09000000000", "090-0000-0000", ""), id="zero-typed-too"),
        pytest.param("+81 0 90-0000-0000", Phone("09000000000", "090-0000-0000", ""), id="zero-alone"),
        pytest.param("+819000000000", Phone("09000000000", "090-0000-0000", ""), id="country-no-groups"),
        pytest.param("09012345678", Phone("09012345678", "090-1234-5678", ""), id="D49-mobile"),
        pytest.param("05012345678", Phone("05012345678", "050-1234-5678", ""), id="D49-050"),
        pytest.param("0120123456", Phone("0120123456", "0120-123-456", ""), id="D49-0120"),
        pytest.param("0312345678", Phone("0312345678", "03-1234-5678", ""), id="D49-03"),
        pytest.param("0612345678", Phone("0612345678", "06-1234-5678", ""), id="D49-06"),
        pytest.param("0821234567", Phone("0821234567", "082123-4567", ""), id="D49-else"),
        pytest.param("0847.43.7111", Phone("0847437111", "0847-43-7111", ""), id="D49-dots"),
        pytest.param(
            "\u202d090\u00ad1234\u25005678\u202c", Phone("09012345678", "090-1234-5678", ""), id="odd"
        ),
        pytest.param("082-123-4567 (ext. 34)", Phone("0821234567", "082-123-4567", "34"), id="ext"),
        pytest.param("0821234567内線：34-5", Phone("0821234567", "082123-4567", "34-5"), id="colon"),
        pytest.param("＋44 (0)20 7946 0958", Phone("+442079460958", "+44-20-7946-0958", ""), id="D49-other"),
        pytest.param("+442079460958", Phone("+442079460958", "+442079460958", ""), id="other-no-groups"),
    ],
)
def test_clean_phone(typed, phone):
    assert text.clean_phone(typed) == phone
    assert text.clean_phone(phone.shown).digits == phone.digits


@pytest.mark.parametrize(
    "typed",
    [
        "", "なし", "123", "03-1234-567", "090-1234-56789", "9012345678", "+", "+81", "+81-0", "+1234567",
        "+0123456789", "+1234567890123456", "090-1234-5678 内線", "090-1234-5678 内線あ", "090+1234+5678",
        "09\u0660-1234-5678", "090/1234/5678",
    ],
)  # fmt: skip
def test_not_a_phone(typed):
    assert code_of(text.clean_phone, typed) == "phone"


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("ａ－００１２", "A0012"),
        ("A0012", "A0012"),
        (" a 00\u30fc12\u200b ", "A0012"),
        ("０１１００２", "011002"),
    ],
    ids=["D26", "same", "spaces", "D50"],
)
def test_fold_code(typed, folded):
    assert text.fold_code(typed) == folded


@pytest.mark.parametrize("typed", ["ｇｄｘ－７ｋ３ｍ－ｑ２", "GDX-7K3M-Q2", "gdx7k3mq2", " GDX 7K3M Q2 "])
def test_clean_reference(typed):
    assert text.clean_reference(typed) == "GDX-7K3M-Q2"


@pytest.mark.parametrize(
    "typed", ["", "GDX-7K3M", "GDX-7K3M-Q2-1", "GDX-0K3M-Q2", "ABC-7K3M-Q2", "\ud800"], ids=ascii
)
def test_not_a_reference(typed):
    assert code_of(text.clean_reference, typed) == "reference"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((TAKASAKI, "\u3000洋子"), ("高崎", "洋子"), id="D51-takasaki"),
        pytest.param(("\u5927\ufa10", ""), ("大塚", ""), id="D51-compatibility"),
        pytest.param((TSUJI, ""), ("辻", ""), id="D51-selector"),
        pytest.param((YOSHIDA, "健"), ("吉田", "健"), id="D52-yoshida"),
        pytest.param(("渡\u9089", ""), ("渡辺", ""), id="D52-nabe"),
        pytest.param(("Smith", "JOHN"), ("ｓｍｉｔｈ", " john"), id="D51-case"),
    ],
)
def test_person_key(one, other):
    assert text.person_key(*one) == text.person_key(*other)


@pytest.mark.parametrize(
    "name",
    [
        "㈱サンプル",
        "株式会社サンプル",
        "(株) ｻﾝﾌﾟﾙ",
        "サンプル（株）",
        "一般社団法人\u3000サンプル",
        "サンプル",
    ],
)
def test_organisation_key(name):
    assert text.organisation_key(name) == "サンプル"


def test_organisation_key_is_never_lost():
    assert text.organisation_key("株式会社") == "株式会社"


def test_variants_of_D52():
    variants = (
        "\u9ad9\ufa11\U00020bb7\u6ff5\u6ff1\u908a\u9089\u9f4b\u9f4a\u658e\u5fb7\u7028"
        "\u6fa4\u5ee3\u570b\u5d8b\u5d8c\u69d7\u9dd7\u771e\u60e0\u6afb\u7027\u9f8d"
        "\u51a8\u6df5\u8218\u6801\u974d\u9592\u5cef\u5721\u57dc\u85cf\u5f4c"
    )
    usual = "高崎吉浜浜辺辺斉斉斉徳瀬沢広国島島橋\u9d0e真恵桜滝竜富渕館柳鶴間峰土野蔵弥"
    pairs = zip(variants, usual, strict=True)
    assert [
        one + other for one, other in pairs if text.person_key(one, "") != text.person_key(other, "")
    ] == []


@pytest.mark.parametrize(
    ("value", "count"), [(TSUJI * 100, 100), ("\u8fbb\ufe00", 1), (YOSHIDA, 2), ("", 0)], ids=ascii
)
def test_length(value, count):
    assert text.length(value) == count


@pytest.mark.parametrize(
    ("value", "losses"),
    [
        pytest.param(YOSHIDA, [("\U00020bb7", "\u3013")], id="D54-yoshida"),
        pytest.param("\u9dd7", [("\u9dd7", "\u3013")], id="D54-gull"),
        pytest.param("\u69d7", [("\u69d7", "\u3013")], id="D54-bridge"),
        pytest.param(TSUJI, [("\U000e0100", "")], id="D54-selector"),
        pytest.param("\u00e9", [("\u00e9", "\u3013")], id="D54-accent"),
        pytest.param("\u2014", [("\u2014", "\u2015")], id="D54-dash"),
        pytest.param("\U0001f600", [("\U0001f600", "\u3013")], id="D54-emoji"),
        pytest.param("\u9ad9\ufa11\ufa10\u2460\u3231\uff5e", [], id="D54-no-note"),
    ],
)
def test_cp932_losses(value, losses):
    assert text.cp932_losses(value) == losses


@pytest.mark.parametrize(
    ("value", "written", "losses"),
    [
        pytest.param(YOSHIDA, "\u3013田", [("\U00020bb7", "\u3013")], id="D86-yoshida"),
        pytest.param(TSUJI, "辻", [("\U000e0100", "")], id="D86-selector"),
        pytest.param("\u5927\ufa10", "\u5927\ufa10", [], id="D86-compatibility"),
        pytest.param(TAKASAKI, TAKASAKI, [], id="D86-takasaki"),
        pytest.param("\u2014\u2010\u2011\u00a5", "\u2015--\uffe5", [], id="D86-silent"),
        pytest.param("\u2014\U00020bb7\u00e9", "\u2015\u3013\u3013",
                     [("\U00020bb7", "\u3013"), ("\u00e9", "\u3013")], id="one-each"),
    ],
)  # fmt: skip
def test_cp932_text(value, written, losses):
    assert text.cp932_text(value) == (written, losses)


@given(anything | awkward)
def test_cp932_text_encodes(value):
    text.cp932_text(value)[0].encode("cp932")


@pytest.mark.parametrize("clean", [text.clean_line, text.clean_text, text.clean_kana, text.clean_email])
@given(value=anything | awkward)
def test_cleaning_twice_changes_nothing(clean, value):
    try:
        once = clean(value)
    except InvalidText:
        return
    assert clean(once) == once


@pytest.mark.parametrize("clean", [text.clean_email, text.clean_phone, text.clean_reference, text.fold_code])
@given(value=anything | awkward)
def test_only_invalid_text_is_raised(clean, value):
    with suppress(InvalidText):
        clean(value)


@given(anything | awkward, anything)
def test_questions_about_a_text_have_an_answer(value, other):
    assert text.length(value) <= len(value)
    assert text.is_latin_name(value, other) in (True, False)
    assert text.person_key(value, other) == text.person_key(value + other, "")
    assert isinstance(text.organisation_key(value), str)
    assert text.email_suggestion(f"{value}@{other}") != ""


@given(st.text(st.sampled_from(CHANGED_BY_NFC + KEPT_BY_NFC + SELECTORS + "\U00020bb7\u3231")))
def test_difficult_characters_round_trip(value):
    assert text.clean_line(value) == text.clean_text(value) == value
