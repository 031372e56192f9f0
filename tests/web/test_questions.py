"""The organiser's pages of an event's own questions, and how the form asks them."""

import re
import threading
from collections import Counter
from queue import Queue
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from eventsite.db import db
from eventsite.events import operations, question_rules, questions
from eventsite.models import Account, Answer, Event, Question, Registration
from eventsite.registration import register
from tests.cast import an_application, an_event, sato, sign_in
from tests.fixtures.database import on_both
from tests.web.pages import Page, read

LUNCH = {"label": "昼食", "type": "radio", "choices": ["要", "不要"], "purpose": "昼食の用意", "key": "lunch"}
DIET = {"label": "アレルギー", "purpose": "昼食の用意", "key": "diet"}
AFTER = {"shown_if": {"question": "lunch", "is": "要"}}
TYPED = {
    "label": "弁当の種類",
    "type": "radio",
    "purpose": "昼食の\n用意",
    "help": "当日お渡しします",
    "required": "y",
    "choices-0-label": "和食",
    "choices-0-capacity": "１０",
    "choices-1-label": "",
    "choices-1-capacity": "",
    "choices-2-label": "洋食",
    "choices-2-capacity": "",
    "categories": ["gdx_member", "company"],
    "shown_if": "lunch=要",
    "max_length": "",
    "key": "",
}
YAMADA = {
    "attendees-0-organisation": "株式会社サンプル",
    "attendees-0-family_name": "山田",
    "attendees-0-given_name": "太郎",
    "contact_email": "yamada@example.co.jp",
    "consent_privacy": "y",
}


@pytest.fixture
def event(app: Flask, client: FlaskClient) -> Event:
    """A seminar of the one who has signed in; it asks about lunch, and what not to serve of those who want some."""
    event = an_event(slug="asking", confirm_screen=False)
    sign_in(client, sato(event))
    questions.add_question(event, LUNCH, None)
    questions.add_question(event, DIET | AFTER, None)
    return event


OUTSIDE = "外字は使えません。代わりの漢字（例：﨑→崎）を入力してください。"
PAGES = "/organiser/events/asking/questions"
FORM = "/events/asking/register"


def opened(client: FlaskClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200
    return read(answer)


def stored(event: Event) -> list[tuple[Any, ...]]:
    db.session.rollback()
    return [tuple(row) for row in db.session.execute(select(Question.__table__).order_by(Question.id))]


def asked(event: Event) -> list[str]:
    db.session.rollback()
    return [one.key for one in event.questions if not one.retired]


class TestList:
    def test_what_it_tells(self, client: FlaskClient, event: Event) -> None:
        questions.change_question(event, "lunch", {"choices": [{"label": "要", "capacity": 9}, "不要"]}, None)
        questions.change_question(event, "diet", {"categories": ["company"], "required": True}, None)
        questions.add_question(event, DIET | {"key": "old", "label": "前の問い"}, None)
        register(event, an_application(answers={"lunch": "要", "old": "卵"}))
        register(event, an_application(answers={"lunch": "不要"}))
        questions.retire_question(event, "old", None)
        text = client.get(PAGES).text
        rows = [one.split("</tr>")[0] for one in text.split("<tr>")[2:]]
        told = [
            [
                "昼食",
                "一つを選ぶ",
                "任意",
                "要（定員9）、不要",
                "すべての参加区分",
                "昼食の用意",
                "<span>2</span>",
            ],
            [
                "アレルギー",
                "一行の文",
                "必須",
                "一般企業",
                "「昼食」に「要」と答えた方だけ",
                "<span>0</span>",
            ],
            ["前の問い", "<span>1</span>", "ふたたびたずねる"],
        ]
        rows = [one for one in rows if "<td" in one]
        assert [[words for words in told[n] if words not in row] for n, row in enumerate(rows)] == [
            [],
            [],
            [],
        ]
        assert "申込フォームでの見え方" in text
        assert {name for name in read(client.get(PAGES)).names if name.startswith("q-")} == {
            "q-lunch",
            "q-diet",
        }

    def test_without_questions_it_says_what_they_are_for(self, client: FlaskClient) -> None:
        sign_in(client, sato(an_event(slug="asking")))
        page = opened(client, PAGES)
        assert f"{PAGES}/new" in page.links
        assert "たずねている質問はありません" in client.get(PAGES).text

    def test_up_and_down(self, client: FlaskClient, event: Event) -> None:
        questions.change_question(event, "diet", {"shown_if": None}, None)
        for direction, order in (
            ("up", ["diet", "lunch"]),
            ("up", ["diet", "lunch"]),
            ("down", ["lunch", "diet"]),
        ):
            answer = client.post(f"{PAGES}/diet/position", data={"direction": direction})
            assert (answer.status_code, answer.headers["Location"]) == (303, PAGES)
            assert asked(event) == order
        assert "「アレルギー」を一つ下に移しました。" in client.get(PAGES).text

    def test_a_move_that_is_refused_says_why(self, client: FlaskClient, event: Event) -> None:
        client.post(f"{PAGES}/diet/position", data={"direction": "up"})
        assert asked(event) == ["lunch", "diet"]
        assert (
            "「アレルギー」は「昼食」への答えによってたずねるため、その後に置きます。"
            in client.get(PAGES).text
        )

    def test_retired_and_back(self, client: FlaskClient, event: Event) -> None:
        assert client.post(f"{PAGES}/lunch/retirement").status_code == 303
        assert "「アレルギー」が、この質問への答えを条件にしています。" in client.get(PAGES).text
        for word, left in (("retirement", ["lunch"]), ("revival", ["lunch", "diet"])):
            assert client.post(f"{PAGES}/diet/{word}").status_code == 303
            assert asked(event) == left

    def test_removal_is_asked_first(self, client: FlaskClient, event: Event) -> None:
        before = stored(event)
        assert "「アレルギー」を削除します。" in client.get(f"{PAGES}/diet/removal").text
        assert stored(event) == before
        assert client.post(f"{PAGES}/diet/removal").status_code == 303
        assert asked(event) == ["lunch"]
        register(event, an_application(answers={"lunch": "要"}))
        client.post(f"{PAGES}/lunch/removal")
        assert "答えがある質問は削除できません。" in client.get(PAGES).text
        assert asked(event) == ["lunch"]

    @pytest.mark.parametrize("key", ["none", "%00", "1%27", "%F0%A0%AE%B7", "9" * 400])
    def test_a_question_that_is_not_there(self, client: FlaskClient, event: Event, key: str) -> None:
        for path in ("", "/removal"):
            assert client.get(f"{PAGES}/{key}{path}").status_code == 404
        for path in ("", "/position", "/retirement", "/revival", "/removal"):
            assert client.post(f"{PAGES}/{key}{path}").status_code == 404


class TestForm:
    def test_a_new_question_is_stored_as_typed(self, client: FlaskClient, event: Event) -> None:
        page = opened(client, f"{PAGES}/new")
        answer = client.post(f"{PAGES}/new", data=page.form | TYPED)
        assert (answer.status_code, answer.headers["Location"]) == (303, PAGES)
        assert asked(event) == ["lunch", "diet", "q1"]
        one = event.questions[-1]
        assert (one.label, one.type, one.purpose, one.help) == (
            "弁当の種類",
            "radio",
            "昼食の\n用意",
            "当日お渡しします",
        )
        assert one.choices == [{"label": "和食", "capacity": 10}, "洋食"]
        assert (one.categories, one.shown_if) == (["gdx_member", "company"], AFTER["shown_if"])
        assert (one.required, one.max_length, one.position) == (True, None, 2)

    @pytest.mark.parametrize("answers", [{}, {"lunch": "要", "diet": "卵", "q1": "和食"}], ids=["no", "with"])
    def test_the_form_shows_what_is_stored_and_changes_nothing(
        self, client: FlaskClient, event: Event, answers: dict[str, str]
    ) -> None:
        client.post(f"{PAGES}/new", data=TYPED)
        register(event, an_application(answers=answers))
        before = stored(event)
        for key in ("lunch", "diet", "q1"):
            page = opened(client, f"{PAGES}/{key}")
            assert client.post(f"{PAGES}/{key}", data=page.form).status_code == 303
        assert stored(event) == before

    def test_rows_come_and_go_and_nothing_is_lost(self, client: FlaskClient, event: Event) -> None:
        before = stored(event)
        more = client.post(f"{PAGES}/new", data=TYPED | {"action": "add-choice"})
        page = read(more)
        assert (more.status_code, page.errors) == (200, {})
        added = {"choices-3-label": "", "choices-3-capacity": ""}
        sent = {name: page.form.getlist(name) for name in page.form if name not in {"csrf_token", "theme"}}
        assert sent == {
            name: value if isinstance(value, list) else [value] for name, value in (TYPED | added).items()
        }
        (focused,) = [one for one in re.findall("<[^>]*>", more.text) if "autofocus" in one]
        assert 'id="choices-3-label"' in focused
        fewer = read(client.post(f"{PAGES}/new", data=page.form | {"action": "remove-choice-1"}))
        assert [(name, fewer.form[name]) for name in fewer.form if name.startswith("choices-")] == [
            ("choices-0-label", "和食"),
            ("choices-0-capacity", "１０"),
            ("choices-1-label", "洋食"),
            ("choices-1-capacity", ""),
            ("choices-2-label", ""),
            ("choices-2-capacity", ""),
        ]
        assert fewer.form["label"] == TYPED["label"]
        assert stored(event) == before

    def test_the_preview_shows_it_before_it_is_stored(self, client: FlaskClient, event: Event) -> None:
        before = stored(event)
        answer = client.post(f"{PAGES}/new", data=TYPED | {"action": "preview"})
        page = read(answer)
        assert (answer.status_code, "q-q1" in page.names) == (200, True)
        assert "利用目的：昼食の\n用意" in answer.text
        assert page.form["label"] == TYPED["label"]
        wrong = client.post(f"{PAGES}/new", data=TYPED | {"action": "preview", "choices-2-label": ""})
        assert (wrong.status_code, "q-q1" in read(wrong).names) == (422, False)
        assert stored(event) == before

    @pytest.mark.parametrize(
        ("changes", "field", "words"),
        [
            pytest.param({"label": " "}, "label", "質問を入力してください。", id="no wording"),
            pytest.param({"label": "字" * 401}, "label", "質問は400文字以内で入力してください。", id="too long"),
            pytest.param({"label": "\ue000"}, "label", OUTSIDE, id="private use"),
            pytest.param({"purpose": ""}, "purpose", "利用目的を入力してください。", id="no purpose"),
            pytest.param({"type": "file"}, "type", "答え方を選んでください。", id="no such type"),
            pytest.param({"choices-0-label": ""}, "choices-0-label", "選択肢の名前を入力してください。", id="no name"),
            pytest.param({"choices-0-capacity": "-1"}, "choices-0-capacity", "0以上の数字で入力してください。", id="minus"),
            pytest.param({"choices-0-capacity": "9" * 5000}, "choices-0-capacity", "0以上の数字で入力してください。", id="huge"),
            pytest.param({"choices-0-label": "選" * 201}, "choices-0-label", "選択肢は200文字以内で入力してください。", id="big"),
            pytest.param({"choices-2-label": ""}, "choices", "選択肢を2つ以上入力してください。", id="one choice"),
            pytest.param({"choices-2-label": "和食"}, "choices", "選択肢「和食」が二つあります。", id="twice"),
            pytest.param({"categories": ["press"]}, "categories", "参加区分を選び直してください。", id="no such category"),
            pytest.param({"shown_if": "lunch=夜"}, "shown_if", "たずねる条件を選んでください。", id="no such condition"),
            pytest.param({"max_length": "0"}, "max_length", "1以上の数字で入力してください。", id="no length"),
            pytest.param({"key": "diet"}, "key", "この記号の質問は、すでにあります。", id="key taken"),
        ],
    )  # fmt: skip
    def test_faults_have_words_and_keep_what_was_typed(
        self, client: FlaskClient, event: Event, changes: dict[str, Any], field: str, words: str
    ) -> None:
        before = stored(event)
        answer = client.post(f"{PAGES}/new", data=TYPED | changes)
        page = read(answer)
        assert answer.status_code == 422
        assert (page.errors, page.summary) == ({field: words}, [(field, words)])
        assert page.title.startswith("入力エラー：")
        kept = {name: page.form.get(name) for name in TYPED if name not in {*changes, "categories"}}
        assert kept == {name: value for name, value in TYPED.items() if name in kept}
        assert stored(event) == before

    @pytest.mark.parametrize(
        "hostile",
        [
            pytest.param({"choices-²-label": "x"}, id="a digit that is none"),
            pytest.param({"choices-" + "9" * 5000 + "-label": "x"}, id="a huge row"),
            pytest.param({"choices-": "x", "choices": "x"}, id="no row"),
            pytest.param({"choices-0-label-0": "x"}, id="a part of a part"),
            pytest.param({"choices-1000-label": "x"}, id="a far row"),
            pytest.param({"action": "remove-choice-9999"}, id="removing what is not there"),
            pytest.param({"action": "remove-choice-²"}, id="removing no row"),
            pytest.param({"action": "\x00"}, id="no button"),
            pytest.param({"categories": ["\x00", "²"]}, id="no categories"),
            pytest.param({"type": "\x00"}, id="no type"),
            pytest.param({"key": "\ufffex"}, id="no key"),
        ],
    )
    def test_hostile_input_ends_well(
        self, client: FlaskClient, event: Event, hostile: dict[str, Any]
    ) -> None:
        for path in ("new", "lunch"):
            assert client.post(f"{PAGES}/{path}", data=TYPED | hostile).status_code in {200, 303, 422}

    def test_what_answers_fix_is_said_and_refused(self, client: FlaskClient, event: Event) -> None:
        register(event, an_application(answers={"lunch": "要"}))
        before = stored(event)
        answer = client.get(f"{PAGES}/lunch")
        page = read(answer)
        assert "答えが1件あるため" in answer.text
        assert f"{PAGES}/lunch/removal" not in page.links
        assert page.buttons.count(("action", "remove-choice-0")) == 0
        typed = page.form | {"label": "弁当"}
        refused = read(client.post(f"{PAGES}/lunch", data=typed))
        assert list(refused.errors) == ["label"]
        assert refused.form["label"] == "弁当"
        assert stored(event) == before
        more = read(client.post(f"{PAGES}/lunch", data=page.form | {"action": "add-choice"}))
        assert [value for _, value in more.buttons if value.startswith("remove-")] == ["remove-choice-2"]
        grown = more.form | {"choices-2-label": "半分", "choices-1-capacity": "3", "help": "当日"}
        assert client.post(f"{PAGES}/lunch", data=grown).status_code == 303
        db.session.rollback()
        assert question_rules.find(event, "lunch").choices == ["要", {"label": "不要", "capacity": 3}, "半分"]

    def test_a_question_removed_meanwhile_is_no_error(self, client: FlaskClient, event: Event) -> None:
        """Whoever had its page open gets 404, and nothing is stored."""
        page = opened(client, f"{PAGES}/diet")
        questions.remove_question(event, "diet", None)
        assert client.post(f"{PAGES}/diet", data=page.form).status_code == 404

    def test_one_category_needs_no_choice_of_categories(self, client: FlaskClient, event: Event) -> None:
        organiser = db.session.scalars(select(Account)).one()
        for code in ("gdx_member", "company"):
            operations.remove_category(event.category(code), organiser)
        assert "categories" not in opened(client, f"{PAGES}/new").names


class TestAskedOnTheForm:
    def test_a_retired_question_is_not_asked(self, client: FlaskClient, event: Event) -> None:
        questions.retire_question(event, "diet", None)
        questions.retire_question(event, "lunch", None)
        page = opened(client, f"{FORM}?category=company")
        assert [name for name in page.names if name.startswith("q-")] == []
        filled = page.form | YAMADA | {"q-lunch": "要"}
        assert client.post(FORM, data=filled).status_code == 303
        assert db.session.scalar(select(func.count()).select_from(Answer)) == 0

    def test_the_purpose_stands_with_each_question(self, client: FlaskClient, event: Event) -> None:
        text = client.get(f"{FORM}?category=company").text
        assert text.count("利用目的：昼食の用意") == 1

    def test_the_answers_say_what_else_is_asked(self, client: FlaskClient, event: Event) -> None:
        """What the script asks for: the same form anew, nothing checked, nothing lost, nothing stored."""
        page = opened(client, f"{FORM}?category=company")
        assert (page.data["data-deciding"], page.form["asked"].split()) == (["q-lunch"], ["lunch"])
        filled = page.form | YAMADA | {"action": "questions", "q-lunch": "要", "contact_email": "x"}
        answer = client.post(FORM, data=filled)
        more = read(answer)
        assert (answer.status_code, more.errors, more.form["asked"].split()) == (200, {}, ["lunch", "diet"])
        assert (more.form["contact_email"], more.form["q-lunch"]) == ("x", "要")
        fewer = read(client.post(FORM, data=filled | {"q-lunch": "不要"}))
        assert fewer.form["asked"].split() == ["lunch"]
        assert db.session.scalar(select(func.count()).select_from(Registration)) == 0

    def test_the_script_comes_only_where_answers_decide(self, client: FlaskClient, event: Event) -> None:
        assert "js/questions.js" in client.get(f"{FORM}?category=company").text
        questions.retire_question(event, "diet", None)
        assert "js/questions.js" not in client.get(f"{FORM}?category=company").text

    def test_a_full_choice_says_so_and_is_refused(self, client: FlaskClient, event: Event) -> None:
        questions.change_question(
            event,
            "lunch",
            {"choices": [{"label": "要", "capacity": 1}, {"label": "不要", "capacity": 2}]},
            None,
        )
        early = opened(client, f"{FORM}?category=company")
        register(event, an_application(answers={"lunch": "要"}))
        text = client.get(f"{FORM}?category=company").text
        options = [one.split("</label>")[0] for one in text.split('name="q-lunch"')[1:]]
        assert [("disabled" in one, "満席" in one) for one in options] == [(True, True), (False, False)]
        late = client.post(FORM, data=early.form | YAMADA | {"q-lunch": "要", "asked": "lunch diet"})
        page = read(late)
        assert (late.status_code, page.errors) == (422, {"q-lunch": "「要」は定員に達しました。"})
        assert page.form["q-lunch"] == "要"
        assert page.form["attendees-0-family_name"] == "山田"

    @on_both
    def test_the_last_place_of_a_choice_goes_to_one(self, app: Flask, event: Event) -> None:
        questions.remove_question(event, "diet", None)
        choices = [{"label": "要", "capacity": 3}, "不要"]
        questions.change_question(event, "lunch", {"choices": choices}, None)
        for _ in range(2):
            register(event, an_application(answers={"lunch": "要"}))
        forms = []
        for number in range(8):
            page = opened(app.test_client(), f"{FORM}?category=company")
            own = {"contact_email": f"{number}@example.co.jp", "attendees-0-given_name": f"{number}"}
            forms.append(page.form | YAMADA | own | {"q-lunch": "要"})
        barrier = threading.Barrier(len(forms))
        answers: Queue[tuple[int, dict[str, str]]] = Queue()

        def send(filled: Any) -> None:
            client = app.test_client()
            barrier.wait(60)
            answer = client.post(FORM, data=filled)
            answers.put((answer.status_code, read(answer).errors))

        crowd = [threading.Thread(target=send, args=[one]) for one in forms]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join(60)
        told = [answers.get_nowait() for _ in forms]
        assert Counter(status for status, _ in told) == {303: 1, 422: 7}
        assert {errors.get("q-lunch") for status, errors in told if status == 422} == {
            "「要」は定員に達しました。"
        }
        db.session.rollback()
        assert db.session.scalar(select(func.count()).select_from(Answer)) == 3
