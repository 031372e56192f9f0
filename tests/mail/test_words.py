"""The template language (D67), line breaks (D65) and subjects (D64), as tables."""

import pytest

from eventsite.mail.wording import typeset, words

ADDRESS = {"宛名": "例示市 企画課\n大塚 福子 様", "結び": "事務局"}


def rendered(source: str, fields=None, flags=frozenset(), blocks=None) -> tuple[str, str]:
    return words.render(words.parse(source), fields or {}, flags, ADDRESS | (blocks or {}))


def body(source: str, fields=None, flags=frozenset(), blocks=None) -> str:
    """What stands between the address and the closing."""
    text = rendered("件名: 【申込完了】\n" + source, fields, flags, blocks)[1]
    return text.removeprefix(ADDRESS["宛名"]).removesuffix(ADDRESS["結び"] + "\n").strip("\n")


# The language -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "件名: 【申込完了】\n受け付けました。\n\n<概要><管理>\n※ ご注意ください。",
        "Subject:【申込完了】 \r\n受け付けました。\r\n<概要>\r\n<管理>\r\n※ ご注意ください。\r\n",
        "\ufeff件名：【申込完了】\n\n受け付けました。\n<概要> <管理>\n\n\n※ ご注意ください。",
    ],
    ids=["one line of blocks", "CRLF", "BOM and blank lines"],
)
def test_a_letter_starts_with_the_address_and_ends_with_the_closing(source):
    tag, text = rendered(source, blocks={"概要": "■ 概要\n  1. 行", "管理": ""})
    assert tag == "【申込完了】"
    assert text == (
        "例示市 企画課\n大塚 福子 様\n\n受け付けました。\n\n■ 概要\n  1. 行\n※ ご注意ください。\n\n事務局\n"
    )


@pytest.mark.parametrize(
    ("source", "flags", "expected"),
    [
        ("［一部］残ります。", {"一部"}, "残ります。"),
        ("［一部］残ります。", set(), ""),
        ("［一部］［辞退］残ります。", {"一部"}, ""),
        ("［一部］［辞退］残ります。", {"一部", "辞退"}, "残ります。"),
        ("［辞退：辞退｜取消し］を承りました。", {"辞退"}, "辞退を承りました。"),
        ("［辞退：辞退｜取消し］を承りました。", set(), "取消しを承りました。"),
        ("受付［一部：（一部）］です。", {"一部"}, "受付（一部）です。"),
        ("受付［一部：（一部）］です。", set(), "受付です。"),
        ("［一部：だけ］", set(), ""),
        ("［一部：{氏名}｜{団体名}］様", {"一部"}, "大塚 福子様"),
        ("［一部：{氏名}｜{団体名}］様", set(), "例示市様"),
        ("［団体名あり］{団体名}", set(), "例示市"),
        ("［部署名あり］{部署名}", set(), ""),
        ("［部署名なし］部署なし", set(), "部署なし"),
        ("［一部］<概要>", {"一部"}, "■ 概要"),
        ("［一部］<概要>", set(), ""),
    ],
)
def test_conditions(source, flags, expected):
    fields = {"氏名": "大塚 福子", "団体名": "例示市", "部署名": ""}
    assert body(source, fields, flags, {"概要": "■ 概要"}) == expected


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{確認URL}", "確認URL"),
        ("{0.__class__}", "0.__class__"),
        ("{氏名.__class__}", "氏名.__class__"),
        ("{氏名[0]}", "氏名[0]"),
        ("{氏名!r}", "氏名!r"),
        ("{ 氏名 }", " 氏名 "),
        ("{{ config }}", "{ config "),
        ("{}", ""),
        ("<地図>", "地図"),
        ("本文<地図>", "地図"),
        ("［晴れ］本文", "晴れ"),
        ("本文［晴れ：a｜b］", "晴れ"),
        ("［一部：{確認URL}］", "確認URL"),
    ],
)
def test_an_unknown_name_cannot_be_saved(source, name):
    with pytest.raises(words.UnknownField) as refused:
        words.parse("件名: 【申込完了】\n" + source)
    assert refused.value.name == name
    assert str(refused.value) == f"{name}という差し込み項目はありません。"


@pytest.mark.parametrize(
    "source",
    ["", "本文だけ", "件名:\n本文", "件名: 【完】\n{氏名", "件名: 【完】\n氏名}", "件名: 【完】\n［一部：a"]
    + ["件名: 【完】\n本文］", "件名: 【完】\n本文<概要>", "件名: 【完】\n［一部：［辞退：a］］"],
)
def test_a_broken_template_cannot_be_saved(source):
    with pytest.raises(words.BadTemplate):
        words.parse(source)


def test_a_field_that_this_letter_does_not_offer_cannot_be_saved():
    words.parse("件名: 【完】\n{受付番号}", offered={"受付番号"})
    with pytest.raises(words.UnknownField):
        words.parse("件名: 【完】\n{回答URL}", offered={"受付番号"})


def test_no_person_is_named_in_a_subject():
    with pytest.raises(words.UnknownField):
        words.parse("件名: 【申込完了】{氏名}\n本文")
    assert rendered("件名: 【要承認】{件数}件\n本文", {"件数": "3"})[0] == "【要承認】3件"


def test_a_block_holds_no_block():
    with pytest.raises(words.BadTemplate):
        words.parse_block("<概要>")


@pytest.mark.parametrize(
    "name",
    [
        "{確認ページURL}",
        "<管理>",
        "［一部］",
        "［一部：a｜b］",
        "{{ config }}",
        "{0.__class__}",
        "%s",
        "\\1",
        "$x",
        "*",
    ],
)
def test_values_are_never_read_as_template(name):
    fields = {"氏名": name, "確認ページURL": "https://seminar.example/r/secret", "団体名": name}
    assert body("{氏名}／{団体名} 様", fields, {"一部"}, {"管理": "secret"}) == f"{name}／{name} 様"
    block = words.parse_block("{氏名} 様\n［一部］{団体名}")
    assert words.render_block(block, fields, {"一部"}) == f"{name} 様\n{name}"


@pytest.mark.parametrize(
    "end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"]
)
def test_values_lose_their_line_ends_unless_they_are_texts(end):
    fields = {"氏名": f"大塚{end}{end}福子", "理由": f"一{end}二"}
    assert body("{氏名}", fields) == "大塚 福子"
    assert body("{理由}", fields) == "一\n二"


def test_values_lose_control_characters():
    assert body("{氏名}", {"氏名": "大\x00塚\x1b[1m\x7f\ud800"}) == "大塚[1m"


@pytest.mark.parametrize(("source", "error"), [("{氏名}", "氏名"), ("<概要>", "概要")])
def test_a_missing_value_is_an_error_and_never_a_blank(source, error):
    with pytest.raises(KeyError, match=error):
        body(source)


def test_a_value_is_not_missed_in_a_line_that_is_not_printed():
    assert body("［理由あり］理由：{理由}\n本文") == "本文"


def test_a_template_lists_its_fields():
    template = words.parse("件名: 【要承認】{件数}\n{氏名}［一部：{理由}｜{結果}］\n［辞退］{順番}")
    assert template.fields == {"件数", "氏名", "理由", "結果", "順番"}


# Lines (D65) ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", 3),
        ("漢字かな", 8),
        ("※…■―①", 10),
        ("ｶﾞ", 2),
        ("\u8fbb\U000e0100", 2),
        ("\u304b\u3099", 2),
        ("\U00020bb7", 2),
        ("Łé", 2),
        ("\u200b", 0),
    ],
)
def test_columns(text, expected):
    assert typeset.columns(text) == expected


A, K = "a", "漢"
URL = "https://seminar.example/r/" + "x" * 80


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (K * 35, [K * 35]),
        (K * 36, [K * 35, K]),
        (K * 20 + "。" + K * 15, [K * 20 + "。", K * 15]),
        (K * 19 + "。" + K * 16, [K * 19 + "。" + K * 15, K]),
        (K * 20 + "、" + K * 5 + "）" + K * 10, [K * 20 + "、" + K * 5 + "）", K * 10]),
        (K * 34 + "。" + K, [K * 34 + "。", K]),
        (K * 35 + "。", [K * 34, K + "。"]),
        (K * 34 + "」。" + K, [K * 33, K + "」。" + K]),
        (K * 35 + "』" + K, [K * 34, K + "』" + K]),
        (K * 35 + "】" + K, [K * 34, K + "】" + K]),
        (K * 35 + "ー" + K, [K * 34, K + "ー" + K]),
        (K * 35 + "っ" + K, [K * 34, K + "っ" + K]),
        (K * 35 + "ョ" + K, [K * 34, K + "ョ" + K]),
        (K * 34 + "12345" + K, [K * 34, "12345" + K]),
        (K * 30 + A * 20, [K * 30, A * 20]),
        (A * 80, [A * 80]),
        (A * 80 + K, [A * 80, K]),
        (K + A * 80 + K, [K, A * 80, K]),
        (URL, [URL]),
        ("  " + URL, ["  " + URL]),
        ("\u3000" + URL, ["\u3000" + URL]),
        (A * 60 + " " + A * 20, [A * 60, A * 20]),
        (A * 70 + " " + A, [A * 70, A]),
        (" ".join(["word"] * 20), [" ".join(["word"] * 14), " ".join(["word"] * 6)]),
        ("  " + K * 36, ["  " + K * 34, "  " + K * 2]),
        ("\u3000" + K * 36, ["\u3000" + K * 34, "\u3000" + K * 2]),
        ((K + "\U000e0100") * 36, [(K + "\U000e0100") * 35, K + "\U000e0100"]),
        ("\u304b\u3099" * 36, ["\u304b\u3099" * 35, "\u304b\u3099"]),
        (K * 80, [K * 35, K * 35, K * 10]),
        ("短い\n\n" + K * 36, ["短い", "", K * 35, K]),
        ("", [""]),
    ],
)
def test_wrap(text, lines):
    assert typeset.wrap(text) == "\n".join(lines)


def test_wrapping_twice_changes_nothing():
    text = (
        "お申し込みを受け付けました。ただいま事務局で内容を確認しており、ご参加はまだ確定していません。" * 4
    )
    once = typeset.wrap(text)
    assert once.replace("\n", "") == text
    assert typeset.wrap(once) == once


# Subjects (D64) ---------------------------------------------------------------------------------------------

TITLE = "なぜ、あの官民連携はうまくいくのか？"
WHEN = "12月24日（水）10:00"


@pytest.mark.parametrize(
    ("tag", "when", "title", "expected"),
    [
        ("【申込完了】", WHEN, TITLE, "【申込完了】12月24日（水）10:00 なぜ、あの官民連携はうまくいくのか？"),
        ("【開催中止】", WHEN, "官" * 19, "【開催中止】12月24日（水）10:00 " + "官" * 19),
        ("【開催中止】", WHEN, "官" * 20, "【開催中止】12月24日（水）10:00 " + "官" * 18 + "…"),
        ("【申込完了】", WHEN, "", "【申込完了】12月24日（水）10:00"),
        (
            "【利用登録のお願い】GDXセミナー受付 管理画面",
            "",
            "",
            "【利用登録のお願い】GDXセミナー受付 管理画面",
        ),
        ("[Confirmed]", "24 Dec", "DX", "[Confirmed] 24 Dec DX"),
        ("【完】", "", "①㈱例示～~第\U0001f600二\u2b50回\u2014☆", "【完】(1)株式会社例示～～第二回―☆"),
        ("【完】", "", "⑳㈲㈹\u2776㊗️Ⓐ", "【完】(20)有限会社(代)(1)祝A"),
        ("【完】", "", "髙﨑𠮷\u8fbb\U000e0100～", "【完】髙﨑𠮷\u8fbb\U000e0100～"),
        ("【完】", "", "a\r\nBcc: b\x00\u2028c", "【完】a Bcc: b c"),
        ("", "", "\U0001f600", "…"),
        ("【" + "長" * 50 + "】", WHEN, TITLE, "【" + "長" * 38 + "…"),
        ("【完】", "", "官" * 35 + "\u8fbb\U000e0100" + "民", "【完】" + "官" * 35 + "…"),
    ],
)
def test_subject(tag, when, title, expected):
    assert typeset.subject(tag, when, title) == expected
    assert len(expected) <= 40
