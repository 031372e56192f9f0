"""An event's own questions: which are asked, what counts as an answer, how it reads."""

from typing import Any

import pytest
from flask import Flask

from eventsite.errors import Refusal
from eventsite.models import Event, Question
from eventsite.registration import questions

CHOICES = ["午前", {"label": "午後", "capacity": 3}]


def a_question(kind: str, **more: Any) -> Question:
    usual = {"key": "k", "label": "質問", "required": False, "choices": [], "categories": None}
    return Question(type=kind, **(usual | more))


@pytest.fixture(autouse=True)
def request_of_somebody(app: Flask):
    with app.test_request_context():
        yield


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        pytest.param("text", [" \u3000a\u200bb "], "ab", id="a cleaned line"),
        pytest.param("text", [""], None, id="nothing"),
        pytest.param("text", [], None, id="not sent"),
        pytest.param("text", ["あ" * 100], "あ" * 100, id="as long as can be"),
        pytest.param(
            "text", ["\u8fbb\U000e0100" * 100], "\u8fbb\U000e0100" * 100, id="selectors do not count"
        ),
        pytest.param("textarea", ["一\r\n二"], "一\n二", id="lines"),
        pytest.param("radio", ["午後"], "午後", id="a choice with places"),
        pytest.param("radio", [""], None, id="no choice"),
        pytest.param("checkbox", ["午後", "午前", "午後"], ["午前", "午後"], id="in the order offered"),
        pytest.param("checkbox", [], None, id="none ticked"),
        pytest.param("number", ["\uff11\uff12"], 12, id="full-width digits"),
        pytest.param("number", ["\u22123"], -3, id="a minus sign"),
        pytest.param("number", ["1,000"], 1000, id="thousands"),
        pytest.param("number", ["0"], 0, id="zero is an answer"),
        pytest.param("date", ["2026-04-01"], "2026-04-01", id="a day"),
        pytest.param("date", [" "], None, id="no day"),
        pytest.param("yes_no", ["yes"], "yes", id="yes"),
        pytest.param("yes_no", ["no"], "no", id="no"),
        pytest.param("agreement", ["y"], True, id="ticked"),
        pytest.param("agreement", [], False, id="unticked"),
    ],
)
def test_what_is_stored(kind: str, raw: list[str], value: Any) -> None:
    assert questions.read(a_question(kind, choices=CHOICES), raw) == value


@pytest.mark.parametrize(
    ("kind", "raw", "words"),
    [
        pytest.param("text", ["あ" * 101], "質問は100文字以内で入力してください。", id="too long"),
        pytest.param("textarea", ["あ" * 1001], "質問は1000文字以内で入力してください。", id="too long by far"),
        pytest.param("text", ["\ue000"], "外字は使えません。代わりの漢字（例：﨑→崎）を入力してください。", id="private use"),
        pytest.param("text", ["a\uffff"], "使えない文字が含まれています。", id="no character"),
        pytest.param("radio", ["夜"], "質問を選んでください。", id="no such choice"),
        pytest.param("checkbox", ["午前", "夜"], "質問を選んでください。", id="one of two"),
        pytest.param("number", ["三"], "質問は数字で入力してください。", id="no digits"),
        pytest.param("number", ["9" * 11], "質問は数字で入力してください。", id="eleven digits"),
        pytest.param("number", ["2147483648"], "質問は数字で入力してください。", id="more than a column holds"),
        pytest.param("number", ["1.5"], "質問は数字で入力してください。", id="a fraction"),
        pytest.param("date", ["2026-02-30"], "質問は、2026-04-01のように入力してください。", id="no such day"),
        pytest.param("yes_no", ["maybe"], "質問を選んでください。", id="maybe"),
    ],
)  # fmt: skip
def test_what_is_refused(kind: str, raw: list[str], words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        questions.read(a_question(kind, choices=CHOICES), raw)
    assert (refusal.value.code, refusal.value.field) == ("invalid", "q-k")
    assert str(refusal.value.words) == words


@pytest.mark.parametrize(
    "kind", sorted(questions.LONGEST) + ["radio", "checkbox", "number", "date", "yes_no", "agreement"]
)
def test_a_required_one_wants_an_answer(kind: str) -> None:
    with pytest.raises(Refusal) as refusal:
        questions.read(a_question(kind, required=True, choices=CHOICES), [""] if kind != "agreement" else [])
    expected = "質問を選んでください。" if kind == "checkbox" else "質問に答えてください。"
    assert str(refusal.value.words) == expected


def test_zero_answers_a_required_number() -> None:
    assert questions.read(a_question("number", required=True), ["0"]) == 0


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        pytest.param({}, ["uses"], id="nothing yet"),
        pytest.param({"uses": "yes"}, ["uses", "which"], id="yes"),
        pytest.param({"uses": True}, ["uses", "which"], id="ticked counts as yes"),
        pytest.param({"uses": "no"}, ["uses", "why"], id="no"),
        pytest.param({"uses": "yes", "which": "甲"}, ["uses", "which", "since"], id="a chain"),
        pytest.param({"uses": "no", "which": "甲"}, ["uses", "why"], id="an answer to what is not asked"),
        pytest.param({"uses": "yes", "which": ["乙", "甲"]}, ["uses", "which", "since"], id="one of several"),
    ],
)
def test_what_is_asked(answers: dict[str, Any], keys: list[str]) -> None:
    event = Event()
    event.questions = [
        a_question("yes_no", key="uses"),
        a_question("text", key="which", shown_if={"question": "uses", "is": True}),
        a_question("text", key="since", shown_if={"question": "which", "is": "甲"}),
        a_question("text", key="why", shown_if={"question": "uses", "is": False}),
        a_question("text", key="members", categories=["gdx_member"]),
    ]
    assert [one.key for one in questions.asked(event, "local_gov", answers)] == keys
    assert [one.key for one in questions.asked(event, "gdx_member", answers)] == [*keys, "members"]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("text", None, ""),
        ("text", "甲", "甲"),
        ("checkbox", ["甲", "乙"], "甲、乙"),
        ("yes_no", "yes", "はい"),
        ("yes_no", "no", "いいえ"),
        ("agreement", True, "はい"),
        ("agreement", False, "いいえ"),
        ("number", 0, "0"),
    ],
)
def test_how_it_reads(kind: str, value: Any, words: str) -> None:
    assert questions.words(a_question(kind), value) == words
