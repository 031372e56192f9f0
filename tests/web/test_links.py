"""Mail sent again and addresses changed, as people do it: on the done page, behind the link, and without the link."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import registration, tokens
from eventsite.db import db, transaction
from eventsite.models import Attendee, Message, Registration
from eventsite.web.done import done_url
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event
from tests.fixtures.database import on_both
from tests.web.pages import Page, read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
RIGHT = "soumu@city.example.lg.jp"
PRIVATE = "takasaki@mail.example.com"
ANSWER = "該当するお申し込みがある場合は、ご登録のアドレスにメールをお送りしました。"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def registered(*who: Any, **rule: Any) -> Registration:
    event = an_event()
    with transaction():
        for name, value in rule.items():
            setattr(event.category("local_gov"), name, value)
    return registration.register(event, an_application(*who))


def done_page(app: Flask, found: Registration) -> str:
    with app.test_request_context():
        return done_url(found)


def link(found: Registration | Attendee, version: int = 1) -> str:
    kind = "registration" if isinstance(found, Registration) else "attendee"
    return f"/r/{tokens.derive(kind, found.id, version)}"


def written() -> list[tuple[str, str]]:
    db.session.rollback()
    rows = db.session.execute(select(Message.letter, Message.recipient).order_by(Message.id))
    return [(letter, recipient) for letter, recipient in rows]


def addresses(page: Page) -> set[str]:
    return {one for one in page.links if "/r/" in one}


class TestDonePage:
    @on_both
    def test_send_again(self, app: Flask, client: FlaskClient, moment) -> None:
        found = registered()
        url = done_page(app, found)
        page = read(client.get(url))
        moment.move(timedelta(minutes=29))
        answer = client.post(url, data={"sent": page.form["sent"]})
        assert (answer.status_code, answer.location) == (303, url)
        assert written() == [("confirmed", TOWN_HALL)] * 2
        assert "Set-Cookie" not in answer.headers
        after = client.get(url)
        assert "メールを送り直しました。" in after.text
        assert "あと2回" in after.text
        assert after.headers["Cache-Control"] == "no-store"
        assert addresses(read(after)) == set()

    @on_both
    def test_correct_the_address(self, app: Flask, client: FlaskClient) -> None:
        found = registered()
        url = done_page(app, found)
        assert client.get(link(found)).status_code == 200
        form = read(client.get(url)).form
        assert form["contact_email"] == TOWN_HALL
        answer = client.post(url, data={"sent": "0", "contact_email": "ｓｏｕｍｕ＠ＣＩＴＹ．example.lg.jp"})
        assert answer.status_code == 303
        assert written() == [("confirmed", TOWN_HALL), ("confirmed", RIGHT)]
        assert client.get(link(found)).status_code == 404
        assert client.get(link(found, 2)).status_code == 200
        after = client.get(url)
        assert (RIGHT in after.text, TOWN_HALL in after.text) == (True, False)
        assert addresses(read(after)) == set()
        assert link(found, 2) not in after.text

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("", "メールアドレスを入力してください。"),
            ("kikaku", "メールアドレスに「@」がありません。例：taro@city.example.lg.jp"),
            (
                "a@example.jp、b@example.jp",
                "メールアドレスの形式を確認してください。例：taro@city.example.lg.jp",
            ),
            ("\ud83d@\U0001f600" * 99, "メールアドレスの形式を確認してください。例：taro@city.example.lg.jp"),
        ],
    )
    def test_what_is_no_address(self, app: Flask, client: FlaskClient, typed: str, words: str) -> None:
        found = registered()
        typed = typed.encode("utf-8", "replace").decode()
        answer = client.post(done_page(app, found), data={"sent": "0", "contact_email": typed})
        page = read(answer)
        assert answer.status_code == 422
        assert page.errors == {"contact_email": words}
        assert page.summary == [("contact_email", words)]
        assert page.form["contact_email"] == typed
        assert page.title.startswith("入力エラー：")
        assert page.data["data-refusal"] == ["invalid"]
        assert found.sent_again == 0

    def test_an_address_that_needs_approval_is_for_the_office(self, app: Flask, client: FlaskClient) -> None:
        found = registered(verification="domain_hint")
        answer = client.post(done_page(app, found), data={"sent": "0", "contact_email": PRIVATE})
        page = read(answer)
        assert answer.status_code == 422
        assert page.data["data-refusal"] == ["not-eligible"]
        assert page.errors == {
            "contact_email": "このメールアドレスの場合は、事務局での確認が必要です。"
            "お手数ですが、下のお問い合わせ先へご連絡ください。"
        }
        assert page.form["contact_email"] == PRIVATE
        assert written() == [("confirmed", TOWN_HALL)]

    def test_half_an_hour_later(self, app: Flask, client: FlaskClient, moment) -> None:
        found = registered()
        url = done_page(app, found)
        moment.move(timedelta(minutes=31))
        page = client.get(url)
        assert read(page).names == {"theme"}
        assert "この画面から送り直せるのは、お申し込みから30分以内、3回までです。" in page.text
        for data in ({"sent": "0"}, {"sent": "0", "contact_email": RIGHT}):
            answer = client.post(url, data=data)
            assert answer.status_code == 409
            assert read(answer).data["data-refusal"] == ["closed"]
            assert "お申し込みから30分が過ぎたため、この画面からは送り直せません。" in answer.text
        assert written() == [("confirmed", TOWN_HALL)]

    def test_the_fourth_time(self, app: Flask, client: FlaskClient) -> None:
        found = registered()
        url = done_page(app, found)
        for _ in range(3):
            assert client.post(url, data={"sent": read(client.get(url)).form["sent"]}).status_code == 303
        assert read(client.get(url)).names == {"theme"}
        answer = client.post(url, data={"sent": "3"})
        assert answer.status_code == 429
        assert read(answer).data["data-refusal"] == ["rate-limited"]
        assert written() == [("confirmed", TOWN_HALL)] * 4

    @on_both
    def test_two_presses_at_once_are_one(self, app: Flask, client: FlaskClient) -> None:
        found = registered()
        url = done_page(app, found)
        gate = threading.Barrier(2)
        statuses: list[int] = []

        def press() -> None:
            gate.wait(10)
            statuses.append(app.test_client().post(url, data={"sent": "0"}).status_code)

        threads = [threading.Thread(target=press) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
        assert statuses == [303, 303]
        assert written() == [("confirmed", TOWN_HALL)] * 2
        assert found.sent_again == 1

    @pytest.mark.parametrize("sent", ["", "x", "-1", "９", "9" * 40])
    def test_a_strange_number_of_presses(self, app: Flask, client: FlaskClient, sent: str) -> None:
        found = registered()
        assert client.post(done_page(app, found), data={"sent": sent}).status_code == 303

    def test_only_behind_a_right_signature(self, app: Flask, client: FlaskClient) -> None:
        found = registered()
        url, other = done_page(app, found), done_page(app, registered())
        elsewhere = other.rsplit("/", 1)[0] + "/" + url.rsplit("/", 1)[1]
        for wrong in (url[:-2], url + "x", elsewhere, url.rsplit("/", 1)[0] + "/1"):
            assert client.post(wrong, data={"contact_email": RIGHT}).status_code == 404
        assert client.post(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert len(written()) == 2

    def test_english(self, app: Flask, client: FlaskClient) -> None:
        page = client.get(done_page(app, registered()) + "?lang=en")
        assert page.status_code == 200
        assert "?lang=en" in page.text


class TestBehindTheLink:
    def test_the_mail_again(self, client: FlaskClient, moment) -> None:
        found = registered()
        page = client.get(link(found))
        assert f'action="{link(found)}/mail"' in page.text
        answer = client.post(link(found) + "/mail")
        assert (answer.status_code, answer.location) == (303, link(found) + "?done=sent")
        assert "メールをお送りしました。" in client.get(answer.location).text
        assert written() == [("confirmed", TOWN_HALL)] * 2

    def test_not_more_than_three_an_hour(self, client: FlaskClient, moment) -> None:
        found = registered()
        for _ in range(3):
            moment.move(timedelta(minutes=1))
            assert client.post(link(found) + "/mail").status_code == 303
        moment.move(timedelta(minutes=1))
        answer = client.post(link(found) + "/mail")
        assert answer.status_code == 429
        assert read(answer).data["data-refusal"] == ["rate-limited"]
        assert len(written()) == 4

    @on_both
    def test_opening_sends_nothing(self, client: FlaskClient) -> None:
        found = registered()
        for path in ("/mail", "/address"):
            for method in ("get", "head"):
                assert getattr(client, method)(link(found) + path).status_code in {200, 303}
        assert written() == [("confirmed", TOWN_HALL)]

    @on_both
    def test_a_new_address(self, client: FlaskClient) -> None:
        found = registered()
        page = read(client.get(link(found) + "/address"))
        assert page.form["email"] == TOWN_HALL
        answer = client.post(link(found) + "/address", data=page.form | {"email": RIGHT})
        assert (answer.status_code, answer.location) == (303, "/address-changed")
        assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == (
            "no-store",
            "no-referrer",
        )
        told = client.get(answer.location)
        assert "新しい確認ページのURLを、新しいアドレスにお送りしました。" in told.text
        assert RIGHT not in told.text
        assert written()[1:] == [("address_changed", RIGHT), ("address_changed", TOWN_HALL)]
        assert client.get(link(found)).status_code == 404
        assert RIGHT in client.get(link(found, 2)).text

    def test_a_second_press_gets_the_same_answer(self, client: FlaskClient) -> None:
        found = registered()
        form = read(client.get(link(found) + "/address")).form | {"email": RIGHT}
        first, second = (client.post(link(found) + "/address", data=form) for _ in range(2))
        assert (first.status_code, first.location) == (second.status_code, second.location)
        assert len(written()) == 3
        for other in (form | {"email": PRIVATE}, form | {"link": ""}, form | {"link": "registration-99-1"}):
            assert client.post(link(found) + "/address", data=other).status_code == 404
        assert client.post("/r/nothing/address", data=form).status_code == 404

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("", "メールアドレスを入力してください。"),
            ("kikaku", "メールアドレスに「@」がありません。例：taro@city.example.lg.jp"),
            (TOWN_HALL, "いまと同じメールアドレスです。"),
        ],
    )
    def test_what_is_no_new_address(self, client: FlaskClient, typed: str, words: str) -> None:
        found = registered()
        answer = client.post(link(found) + "/address", data={"email": typed})
        page = read(answer)
        assert (answer.status_code, page.errors, page.form["email"]) == (422, {"email": words}, typed)
        assert len(written()) == 1

    def test_an_own_link_changes_the_own_address(self, client: FlaskClient) -> None:
        found = registered(TAKASAKI, YOSHIDA)
        attendee = found.attendees[1]
        page = client.get(link(attendee) + "/address")
        assert (YOSHIDA.email in page.text, TOWN_HALL in page.text) == (True, False)
        client.post(link(attendee) + "/address", data={"email": RIGHT, "contact_email": RIGHT})
        assert written()[2:] == [("address_changed", RIGHT), ("address_changed", YOSHIDA.email)]
        assert client.get(link(attendee)).status_code == 404
        assert client.get(link(attendee, 2)).status_code == 200
        assert client.get(link(found)).status_code == 200

    def test_once_it_is_over_there_is_no_form(self, client: FlaskClient, moment) -> None:
        found = registered()
        moment.moment = found.event.end_at + timedelta(hours=1)
        assert client.get(link(found) + "/address").location == link(found)
        assert "/address" not in client.get(link(found)).text
        answer = client.post(link(found) + "/address", data={"email": RIGHT})
        assert (answer.status_code, read(answer).data["data-refusal"]) == (409, ["closed"])


class TestLostLink:
    @on_both
    def test_known_or_not_the_answer_is_the_same(self, client: FlaskClient) -> None:
        found = registered(TAKASAKI, YOSHIDA)
        asked = [
            (found.reference, TOWN_HALL),
            (found.reference, PRIVATE),
            ("GDX-2222-22", TOWN_HALL),
            (found.reference, YOSHIDA.email),
        ]
        answers = [
            client.post("/lost-link", data={"reference": number, "email": who}) for number, who in asked
        ]
        assert {one.status_code for one in answers} == {200}
        assert len({one.text for one in answers}) == 1
        assert ANSWER in answers[0].text
        assert written()[2:] == [("link_resent", TOWN_HALL), ("link_resent", YOSHIDA.email)]

    @pytest.mark.parametrize("how", ["{}", " {} ", "{}-1", "wide", "lower"])
    def test_however_the_number_is_typed(self, client: FlaskClient, how: str) -> None:
        found = registered()
        number = found.reference
        if how == "wide":
            number = "".join(chr(ord(one) + 0xFEE0) for one in number)
        elif how == "lower":
            number = number.lower().replace("-", " ")
        else:
            number = how.format(number)
        client.post("/lost-link", data={"reference": number, "email": TOWN_HALL})
        assert written()[1:] == [("link_resent", TOWN_HALL)]

    def test_once_an_hour(self, client: FlaskClient, moment) -> None:
        found = registered()
        data = {"reference": found.reference, "email": TOWN_HALL}
        texts = {client.post("/lost-link", data=data).text for _ in range(3)}
        assert len(texts) == 1
        assert len(written()) == 2
        moment.move(timedelta(hours=1))
        client.post("/lost-link", data=data)
        assert len(written()) == 3

    @pytest.mark.parametrize(
        ("reference", "email", "errors"),
        [
            (
                "",
                "",
                {"reference": "受付番号を入力してください。", "email": "メールアドレスを入力してください。"},
            ),
            ("GDX-7K3M", TOWN_HALL, {"reference": "受付番号の形式を確認してください。例：GDX-7K3M-Q2"}),
            ("GDX-0000-00", TOWN_HALL, {"reference": "受付番号の形式を確認してください。例：GDX-7K3M-Q2"}),
            ("\ue000" * 400, TOWN_HALL, {"reference": "受付番号の形式を確認してください。例：GDX-7K3M-Q2"}),
            (
                "GDX-7K3M-Q2",
                "kikaku",
                {"email": "メールアドレスに「@」がありません。例：taro@city.example.lg.jp"},
            ),
        ],
    )
    def test_a_sentence_at_the_field(
        self, client: FlaskClient, reference: str, email: str, errors: dict[str, str]
    ) -> None:
        answer = client.post("/lost-link", data={"reference": reference, "email": email})
        page = read(answer)
        assert (answer.status_code, page.errors) == (422, errors)
        assert (page.form["reference"], page.form["email"]) == (reference, email)
        assert page.title.startswith("入力エラー：")

    def test_from_every_page(self, app: Flask, client: FlaskClient) -> None:
        found = registered()
        for url in ("/", done_page(app, found), link(found)):
            assert "/lost-link" in read(client.get(url)).links
        assert client.get("/lost-link").headers["X-Robots-Tag"] == "noindex"
        assert "/lost-link?lang=en" in read(client.get("/?lang=en")).links
        assert "/lost-link?lang=ja" in read(client.get("/lost-link?lang=en")).links
