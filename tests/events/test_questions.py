"""An event's own questions: what may be stored, what answers fix, and what keeps them in order."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.events import operations
from eventsite.events.question_rules import USUAL, check, conditions, find
from eventsite.events.questions import (
    add_question,
    change_question,
    move_question,
    remove_question,
    retire_question,
    revive_question,
)
from eventsite.models import Answer, AuditEntry, Event, Question
from eventsite.registration import cancel, register, roster
from tests.cast import an_application, an_event, sato
from tests.fixtures.database import on_both

LUNCH = {"label": "昼食", "type": "radio", "choices": ["要", "不要"], "purpose": "昼食の用意"}
DIET = {"label": "食物アレルギー", "purpose": "昼食の用意", "shown_if": {"question": "lunch", "is": "要"}}


@pytest.fixture(autouse=True)
def request_of_somebody(app: Flask):
    with app.test_request_context():
        yield


@pytest.fixture
def event(app: Flask) -> Event:
    """A seminar that asks about lunch, and what not to serve of those who want some."""
    event = an_event()
    add_question(event, LUNCH | {"key": "lunch"}, None)
    add_question(event, DIET | {"key": "diet"}, None)
    return event


def keys(event: Event) -> list[str]:
    db.session.rollback()
    return [one.key for one in event.questions]


def answered(event: Event, **answers: Any) -> None:
    register(event, an_application(answers=answers))


def recorded() -> list[tuple[str, dict[str, Any]]]:
    rows = db.session.execute(
        select(AuditEntry.action, AuditEntry.details)
        .where(AuditEntry.action.like("question.%"))
        .order_by(AuditEntry.id)
    )
    return [(action, details) for action, details in rows]


def refused(verb: Any, *about: Any) -> tuple[str | None, str]:
    """Return field and sentence of the refusal, nothing having been stored."""
    tables = (Question, AuditEntry, Answer)
    before = [db.session.execute(select(one.__table__)).all() for one in tables]
    with pytest.raises(Refusal) as caught:
        verb(*about)
    assert [db.session.execute(select(one.__table__)).all() for one in tables] == before
    assert caught.value.code == "invalid"
    return caught.value.field, str(caught.value.words)


class TestAdding:
    def test_keys_are_counted_and_the_order_is_kept(self, app: Flask) -> None:
        event = an_event()
        organiser = sato(event)
        for key in ("", "", "own_1", ""):
            add_question(event, LUNCH | {"key": key}, organiser)
        assert keys(event) == ["q1", "q2", "own_1", "q3"]
        assert recorded() == [("question.created", {"key": key}) for key in ("q1", "q2", "own_1", "q3")]
        entries = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "question.created"))
        assert {(one.account_id, one.event_id) for one in entries} == {(organiser.id, event.id)}

    def test_a_key_with_answers_does_not_come_again(self, event: Event) -> None:
        add_question(event, LUNCH, None)
        answered(event, q1="要")
        retire_question(event, "q1", None)
        assert add_question(event, LUNCH, None).key == "q2"

    def test_what_is_stored(self, event: Event) -> None:
        choices = [{"label": "和食", "capacity": 3}, {"label": "洋食", "capacity": None}, "なし"]
        values = {
            "label": "弁当",
            "type": "checkbox",
            "choices": choices,
            "purpose": "準備",
            "required": True,
            "categories": ["company"],
        }
        key = add_question(event, values, None).key
        db.session.rollback()
        question = find(event, key)
        assert question.choices == [{"label": "和食", "capacity": 3}, "洋食", "なし"]
        assert (question.categories, question.required, question.shown_if) == (["company"], True, None)

    @pytest.mark.parametrize(
        ("values", "field", "words"),
        [
            pytest.param({"label": ""}, "label", "質問を入力してください。", id="no wording"),
            pytest.param({"purpose": ""}, "purpose", "利用目的を入力してください。", id="no purpose"),
            pytest.param({"type": "file"}, "type", "答え方を選んでください。", id="no such type"),
            pytest.param(
                {"choices": ["一つ"]}, "choices", "選択肢を2つ以上入力してください。", id="one to choose from"
            ),
            pytest.param(
                {"type": "checkbox", "choices": []}, "choices", "選択肢を1つ以上入力してください。", id="nothing to tick"
            ),
            pytest.param(
                {"choices": ["甲", "乙", {"label": "甲"}]}, "choices", "選択肢「甲」が二つあります。", id="twice the same"
            ),
            pytest.param({"choices": ["甲", ""]}, "choices", "選択肢の名前を入力してください。", id="without a name"),
            pytest.param(
                {"choices": ["甲", {"label": "乙", "capacity": -1}]},
                "choices",
                "選択肢の定員は、0以上の数字で入力してください。",
                id="a limit below nothing",
            ),
            pytest.param(
                {"choices": ["甲", {"label": "乙", "capacity": True}]},
                "choices",
                "選択肢の定員は、0以上の数字で入力してください。",
                id="a limit that is no number",
            ),
            pytest.param(
                {"choices": [str(one) for one in range(201)]}, "choices", "選択肢は200までです。", id="too many"
            ),
            pytest.param(
                {"type": "text"},
                "choices",
                "選択肢は、答え方が「一つを選ぶ」か「いくつでも選ぶ」の質問だけに付けられます。"
                "答え方を選び直すか、選択肢を空欄にしてください。",
                id="choices of a text",
            ),
            pytest.param({"categories": ["press"]}, "categories", "参加区分を選び直してください。", id="no such category"),
            pytest.param({"key": "lunch"}, "key", "この記号の質問は、すでにあります。", id="a key that is there"),
            pytest.param(
                {"key": "昼"},
                "key",
                "半角の英小文字・数字・下線（_）で、60文字以内で入力してください。「new」は使えません。",
                id="a key of other letters",
            ),
            pytest.param(
                {"key": "new"},
                "key",
                "半角の英小文字・数字・下線（_）で、60文字以内で入力してください。「new」は使えません。",
                id="the address of the form",
            ),
            pytest.param(
                {"key": "a" * 61},
                "key",
                "半角の英小文字・数字・下線（_）で、60文字以内で入力してください。「new」は使えません。",
                id="a long key",
            ),
        ],
    )  # fmt: skip
    def test_what_cannot_be(self, event: Event, values: dict[str, Any], field: str, words: str) -> None:
        assert refused(add_question, event, LUNCH | values, None) == (field, words)
        assert keys(event) == ["lunch", "diet"]

    def test_a_closed_choice_and_a_single_box_are_possible(self, event: Event) -> None:
        add_question(event, LUNCH | {"choices": ["甲", {"label": "乙", "capacity": 0}]}, None)
        add_question(event, LUNCH | {"type": "checkbox", "choices": ["甲"]}, None)
        assert keys(event) == ["lunch", "diet", "q1", "q2"]


class TestConditions:
    @pytest.mark.parametrize(
        ("kind", "given", "stored"),
        [
            pytest.param("radio", "要", "要", id="a choice"),
            pytest.param("checkbox", "不要", "不要", id="one of several"),
            pytest.param("yes_no", True, True, id="yes"),
            pytest.param("yes_no", "no", False, id="no as a word"),
            pytest.param("agreement", True, True, id="ticked"),
        ],
    )
    def test_what_may_be_waited_for(self, app: Flask, kind: str, given: Any, stored: Any) -> None:
        event = an_event()
        choices = ["要", "不要"] if kind in {"radio", "checkbox"} else []
        add_question(event, LUNCH | {"key": "cause", "type": kind, "choices": choices}, None)
        add_question(event, DIET | {"key": "k", "shown_if": {"question": "cause", "is": given}}, None)
        assert repr(find(event, "k").shown_if) == repr({"question": "cause", "is": stored})

    @pytest.mark.parametrize(
        "condition",
        [
            pytest.param({"question": "lunch", "is": "どちらでも"}, id="no such choice"),
            pytest.param({"question": "none", "is": "要"}, id="no such question"),
            pytest.param({"question": "diet", "is": "卵"}, id="a question without choices"),
            pytest.param({"question": "box", "is": False}, id="a box left empty"),
            pytest.param({"question": "later", "is": "要"}, id="a later question"),
            pytest.param({"question": "k", "is": True}, id="itself"),
            pytest.param({"question": "old", "is": "要"}, id="a retired question"),
            pytest.param({"question": None, "is": None}, id="nothing"),
        ],
    )
    def test_what_may_not(self, event: Event, condition: dict[str, Any]) -> None:
        add_question(event, LUNCH | {"key": "box", "type": "agreement", "choices": []}, None)
        add_question(event, LUNCH | {"key": "old"}, None)
        retire_question(event, "old", None)
        add_question(event, LUNCH | {"key": "k", "type": "yes_no", "choices": []}, None)
        add_question(event, LUNCH | {"key": "later"}, None)
        words = "条件には、この質問より前にたずねる質問と、その答えを選んでください。"
        assert refused(change_question, event, "k", {"shown_if": condition}, None) == ("shown_if", words)

    def test_what_there_is_to_choose_from(self, event: Event) -> None:
        first = {"question": "lunch", "is": "要"}, {"question": "lunch", "is": "不要"}
        assert conditions(event, find(event, "lunch")) == []
        assert conditions(event, find(event, "diet")) == [*first]
        add_question(event, LUNCH | {"key": "sure", "type": "yes_no", "choices": []}, None)
        yes, no = {"question": "sure", "is": True}, {"question": "sure", "is": False}
        assert conditions(event, None) == [*first, yes, no]


CHANGES = [
    pytest.param({"label": "お弁当"}, "label", id="wording"),
    pytest.param({"type": "checkbox"}, "type", id="type"),
    pytest.param({"purpose": "名簿の作成"}, "purpose", id="purpose"),
    pytest.param({"key": "bento"}, "key", id="key"),
    pytest.param({"choices": ["要る", "不要"]}, "choices", id="a choice renamed"),
    pytest.param({"choices": ["要"]}, "choices", id="a choice less"),
    pytest.param({"help": "当日"}, "", id="help"),
    pytest.param({"required": True}, "", id="required"),
    pytest.param({"max_length": 9}, "", id="length"),
    pytest.param({"categories": ["company"]}, "", id="categories"),
    pytest.param({"choices": ["要", "不要", "半分"]}, "", id="a choice more"),
    pytest.param({"choices": [{"label": "要", "capacity": 0}, "不要"]}, "", id="a limit"),
]


class TestChanging:
    @pytest.mark.parametrize(("values", "fixed"), CHANGES)
    def test_with_answers(self, event: Event, values: dict[str, Any], fixed: str) -> None:
        remove_question(event, "diet", None)
        answered(event, lunch="不要")
        if not fixed:
            assert change_question(event, "lunch", values, None) == list(values)
            assert recorded()[-1] == ("question.changed", {"key": "lunch", "fields": list(values)})
            return
        field, words = refused(change_question, event, "lunch", values, None)
        assert field == fixed
        assert words.startswith("答えがあるため、")
        assert words.endswith("この質問をたずねるのをやめて、新しい質問を追加してください。")

    @pytest.mark.parametrize(("values", "fixed"), CHANGES)
    def test_without_answers(self, event: Event, values: dict[str, Any], fixed: str) -> None:
        remove_question(event, "diet", None)
        if values.get("choices") == ["要"]:
            values = values | {"type": "checkbox"}
        assert change_question(event, "lunch", values, None) == sorted(values)
        db.session.rollback()
        (question,) = event.questions
        assert {name: getattr(question, name) for name in values} == values

    def test_an_answer_of_somebody_who_has_cancelled_counts(self, event: Event) -> None:
        registration = register(event, an_application(answers={"lunch": "不要"}))
        cancel(registration.attendees)
        assert refused(change_question, event, "lunch", {"label": "お弁当"}, None)[0] == "label"
        assert refused(remove_question, event, "lunch", None)[0] is None

    def test_the_same_again_is_no_change(self, event: Event) -> None:
        before = recorded()
        assert change_question(event, "lunch", LUNCH, None) == []
        assert recorded() == before

    def test_a_new_key_is_followed(self, event: Event) -> None:
        change_question(event, "lunch", {"key": "bento"}, None)
        assert find(event, "diet").shown_if == {"question": "bento", "is": "要"}

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            pytest.param({"choices": ["いる", "不要"]}, "choices", id="the choice renamed"),
            pytest.param({"type": "text", "choices": []}, "type", id="no choices any more"),
        ],
    )
    def test_what_others_wait_for_stays(self, event: Event, values: dict[str, Any], field: str) -> None:
        words = "「食物アレルギー」が、この質問への答えを条件にしています。先に、「食物アレルギー」の条件を変えてください。"
        assert refused(change_question, event, "lunch", values, None) == (field, words)

    def test_an_unusual_condition_of_a_file_may_stay(self, event: Event) -> None:
        with transaction():
            find(event, "diet").shown_if = None
        add_question(event, DIET | {"key": "more", "shown_if": None}, None)
        with transaction():
            find(event, "more").shown_if = {"question": "diet", "is": "卵"}
        assert change_question(event, "more", {"help": "卵も"}, None) == ["help"]

    def test_what_is_foreseen_is_what_is_stored(self, event: Event) -> None:
        wanted = check(event, {"help": "当日"}, find(event, "lunch"))
        change_question(event, "lunch", {"help": "当日"}, None)
        assert wanted == {name: getattr(find(event, "lunch"), name) for name in USUAL}


class TestOrder:
    def test_up_and_down(self, app: Flask) -> None:
        event = an_event()
        for key in "abcd":
            add_question(event, LUNCH | {"key": key}, None)
        retire_question(event, "b", None)
        move_question(event, "c", -1, None)
        assert [one for one in keys(event) if one != "b"] == ["c", "a", "d"]
        move_question(event, "c", 1, None)
        move_question(event, "c", 1, None)
        assert [one for one in keys(event) if one != "b"] == ["a", "d", "c"]
        assert recorded()[-1] == ("question.changed", {"key": "c", "fields": ["position"]})

    @pytest.mark.parametrize(("key", "step"), [("lunch", -1), ("diet", 1), ("old", -1), ("old", 1)])
    def test_at_the_end_nothing_happens(self, event: Event, key: str, step: int) -> None:
        add_question(event, LUNCH | {"key": "old"}, None)
        retire_question(event, "old", None)
        before = recorded()
        move_question(event, key, step, None)
        assert (keys(event), recorded()) == (["lunch", "diet", "old"], before)

    @pytest.mark.parametrize(("key", "step"), [("lunch", 1), ("diet", -1)], ids=["down", "up"])
    def test_what_follows_stays_behind(self, event: Event, key: str, step: int) -> None:
        words = "「食物アレルギー」は「昼食」への答えによってたずねるため、その後に置きます。"
        assert refused(move_question, event, key, step, None) == (None, words)
        assert keys(event) == ["lunch", "diet"]


class TestRetiring:
    @on_both
    def test_its_answers_stay_in_the_roster(self, event: Event) -> None:
        answered(event, lunch="要", diet="卵")
        retire_question(event, "diet", None)
        answered(event, lunch="要", diet="乳")
        table = roster.table(event)
        assert table.header[-2:] == ["昼食", "食物アレルギー"]
        assert sorted(row[-2:] for row in table.rows) == [["要", ""], ["要", "卵"]]
        revive_question(event, "diet", None)
        answered(event, lunch="要", diet="麦")
        assert sorted(row[-1] for row in roster.table(event).rows) == ["", "卵", "麦"]
        assert [one for one, _ in recorded()[-2:]] == ["question.retired", "question.revived"]

    def test_its_column_says_so_beside_its_successor(self, event: Event) -> None:
        answered(event, diet="卵")
        retire_question(event, "diet", None)
        add_question(event, DIET, None)
        assert roster.table(event).header[-2:] == ["食物アレルギー（以前の質問）", "食物アレルギー"]

    def test_twice_is_once(self, event: Event) -> None:
        for verb in (retire_question, revive_question):
            verb(event, "diet", None)
            before = recorded()
            verb(event, "diet", None)
            assert recorded() == before

    def test_not_while_another_depends_on_it(self, event: Event) -> None:
        words = "「食物アレルギー」が、この質問への答えを条件にしています。先に、「食物アレルギー」の条件を変えてください。"
        assert refused(retire_question, event, "lunch", None) == (None, words)
        assert refused(remove_question, event, "lunch", None) == (None, words)
        retire_question(event, "diet", None)
        assert refused(remove_question, event, "lunch", None) == (None, words)
        retire_question(event, "lunch", None)

    @pytest.mark.parametrize("way", ["retired", "later", "changed"])
    def test_not_revived_under_a_condition_that_cannot_be_met(self, event: Event, way: str) -> None:
        retire_question(event, "diet", None)
        if way == "retired":
            retire_question(event, "lunch", None)
        elif way == "changed":
            change_question(event, "lunch", {"choices": ["いる", "不要"]}, None)
        else:
            with transaction():
                find(event, "lunch").position = 9
        words = (
            "この質問をたずねる条件が、成り立たなくなっています。先に、条件の質問をふたたびたずねるか、"
            "この質問の条件を変えてください。"
        )
        assert refused(revive_question, event, "diet", None) == ("shown_if", words)
        change_question(event, "diet", {"shown_if": None}, None)
        revive_question(event, "diet", None)
        assert not find(event, "diet").retired

    def test_a_condition_said_in_words_by_a_file_can_be_met(self, event: Event) -> None:
        add_question(event, LUNCH | {"key": "sure", "type": "yes_no", "choices": []}, None)
        add_question(event, DIET | {"key": "k", "shown_if": None}, None)
        with transaction():
            find(event, "k").shown_if = {"question": "sure", "is": "yes"}
        retire_question(event, "k", None)
        revive_question(event, "k", None)
        assert not find(event, "k").retired


class TestRemoving:
    def test_one_without_answers_goes(self, event: Event) -> None:
        remove_question(event, "diet", None)
        assert keys(event) == ["lunch"]
        assert recorded()[-1] == ("question.removed", {"key": "diet"})

    def test_one_with_answers_stays(self, event: Event) -> None:
        answered(event, diet="卵")
        words = "答えがある質問は削除できません。たずねるのをやめると、答えは名簿に残ります。"
        assert refused(remove_question, event, "diet", None) == (None, words)

    @pytest.mark.parametrize("verb", [retire_question, revive_question, remove_question])
    def test_what_is_gone_already(self, event: Event, verb: Any) -> None:
        assert refused(verb, event, "gone", None) == (None, "この質問は、すでに削除されています。")

    def test_a_category_that_goes_is_forgotten(self, event: Event) -> None:
        organiser = sato(event)
        change_question(event, "lunch", {"categories": ["company", "gdx_member"]}, None)
        change_question(event, "diet", {"categories": ["company"]}, None)
        company = event.category("company")
        words = (
            "質問「食物アレルギー」は、この参加区分の方だけにたずねています。先に、その質問を変えてください。"
        )
        assert refused(operations.remove_category, company, organiser) == (None, words)
        change_question(event, "diet", {"categories": None}, None)
        operations.remove_category(event.category("company"), organiser)
        assert [one.categories for one in event.questions] == [["gdx_member"], None]


class TestAnswersMeanwhile:
    """Somebody has filled in a form when the organiser changes what it asks."""

    @pytest.mark.parametrize(
        ("values", "answer"),
        [
            pytest.param({"choices": ["いる", "いらない"]}, "要", id="no such choice any more"),
            pytest.param({"type": "checkbox"}, "要", id="several now"),
            pytest.param({"type": "number", "choices": []}, "要", id="a number now"),
            pytest.param({"type": "agreement", "choices": []}, "要", id="a box now"),
            pytest.param({"type": "yes_no", "choices": []}, "要", id="yes or no now"),
            pytest.param({"type": "text", "choices": []}, ["要"], id="words now"),
        ],
    )
    def test_what_no_longer_fits_is_asked_again(
        self, app: Flask, values: dict[str, Any], answer: Any
    ) -> None:
        event = an_event()
        add_question(event, LUNCH | {"key": "lunch"}, None)
        change_question(event, "lunch", values, None)
        application = an_application(answers={"lunch": answer})
        assert refused(register, event, application) == (
            "q-lunch",
            "質問が変わりました。もう一度答えてください。",
        )

    @pytest.mark.parametrize("verb", [retire_question, remove_question])
    def test_what_is_no_longer_asked_is_not_kept(self, event: Event, verb: Any) -> None:
        verb(event, "diet", None)
        answered(event, lunch="要", diet="卵")
        rows = db.session.scalars(select(Answer))
        assert [(one.question.key, one.value) for one in rows] == [("lunch", "要")]

    def test_a_limit_counts_who_has_chosen_before_it(self, event: Event) -> None:
        answered(event, lunch="要")
        change_question(event, "lunch", {"choices": [{"label": "要", "capacity": 1}, "不要"]}, None)
        application = an_application(answers={"lunch": "要"})
        assert refused(register, event, application) == ("q-lunch", "「要」は定員に達しました。")
        retire_question(event, "diet", None)
        retire_question(event, "lunch", None)
        register(event, application)
        assert db.session.scalar(select(func.count()).select_from(Answer)) == 1
