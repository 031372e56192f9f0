"""The event's messages as its organisers see them: list, one message, sent once more; a message written to attendees."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from eventsite import clock
from eventsite.db import db, transaction
from eventsite.mail import letter_book, mailings, outbox, post_room
from eventsite.mail.letter_book import PER_PAGE
from eventsite.mail.recipients import Recipient
from eventsite.models import (
    Account,
    AuditEntry,
    Event,
    EventStatus,
    Heartbeat,
    Mailing,
    MailingStatus,
    Message,
    MessageStatus,
    Registration,
)
from eventsite.registration import cancel, change_address, register
from tests.cast import (
    TAKASAKI,
    TOWN_HALL,
    YOSHIDA,
    an_account,
    an_application,
    an_event,
    people,
    sato,
    sign_in,
    suzuki,
    tanaka,
)
from tests.fixtures.database import on_both
from tests.web.pages import Page, read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
NEW = "/letters/new"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event()


@pytest.fixture
def account(client: FlaskClient, event: Event) -> Account:
    found = sato(event)
    sign_in(client, found)
    return found


def start(event: Event, rest: str = "/letters") -> str:
    return f"/organiser/events/{event.slug}{rest}"


def rows(text: str) -> list[str]:
    """The lines of the list of messages, in words."""
    body = re.search(r"メールの一覧</caption>.*?<tbody>(.*?)</tbody>", text, re.DOTALL)
    found = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL) if body else []
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", one)).split()) for one in found]


def said(text: str) -> list[str]:
    return [
        html.unescape(one) for one in re.findall(r'<div class="notice" data-tone="\w+">\s*<p>(.*?)</p>', text)
    ]


def figures(text: str) -> dict[str, int]:
    pairs = re.findall(r'tile-label">(.*?)</p>\s*<p class="tile-number">(\d+)', text)
    return {label: int(number) for label, number in pairs}


def messages() -> list[Message]:
    db.session.rollback()
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def settle(message: Message, how: str = "sent", words: str = "") -> None:
    """Let the post room come to an end with a message."""
    with transaction():
        message.status, message.attempts, message.error = MessageStatus(how), 1, words
        if how == "sent":
            message.mime, message.sent_at = None, clock.now()


def bounce(message: Message, at: datetime) -> None:
    with transaction():
        message.bounced_at = at


class TestList:
    @on_both
    def test_newest_first_with_everything_that_is_asked_for(
        self, client: FlaskClient, event: Event, account: Account, moment
    ) -> None:
        first = register(event, an_application())
        moment.move(timedelta(minutes=3))
        second = register(event, an_application(YOSHIDA, contact_email="other@city.example.lg.jp"))
        own, contact = sorted(rows(client.get(start(event)).text)[:2], key=lambda row: "other" in row)
        assert (second.reference in own, "yoshida@city.example.lg.jp" in own) == (True, True)
        for words in ("参加確定のお知らせ", "other@city.example.lg.jp", "送信待ち", "2025/12/01 10:03"):
            assert words in contact
        last = rows(client.get(start(event)).text)[-1]
        assert (first.reference in last, TOWN_HALL in last, "2025/12/01 10:00" in last) == (True, True, True)

    @on_both
    def test_figures_and_filter_by_state(
        self, client: FlaskClient, event: Event, account: Account, moment
    ) -> None:
        for number in range(4):
            register(event, an_application(contact_email=f"n{number}@example.jp"))
        kept, gone, failed, back = messages()
        settle(gone)
        moment.move(timedelta(hours=1))
        settle(failed, "failed", "550 5.1.1 <n2@example.jp>: user unknown")
        settle(back)
        bounce(back, moment())
        page = client.get(start(event)).text
        assert figures(page) == {"送信待ち": 1, "送信済み": 1, "失敗": 1, "不達": 1}
        assert "2025/12/01 10:00から" in page
        for state, one in {"waiting": kept, "sent": gone, "failed": failed, "bounced": back}.items():
            shown = rows(client.get(start(event, f"/letters?state={state}")).text)
            assert [one.recipient in row for row in shown] == [True], state
        assert "user unknown" in rows(client.get(start(event, "/letters?state=failed")).text)[0]
        assert rows(client.get(start(event, "/letters?state=held")).text) == []
        assert rows(client.get(start(event, "/letters?state=nonsense")).text) == []

    @on_both
    def test_search_by_address_and_by_number(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        one = register(event, an_application(contact_email="Aoki@example.jp"))
        register(event, an_application(contact_email="other@example.jp"))
        whole, part = one.reference, one.reference.replace("-", "")[3:].lower()
        for typed in ("aoki@", whole, part, f"{whole}-1", "ＡＯＫＩ＠"):
            shown = rows(client.get(start(event, "/letters"), query_string={"q": typed}).text)
            assert ["Aoki@example.jp" in row for row in shown] == [True], typed
        for typed in ("100%", "_", "\x01", "\ud800".encode("utf-8", "surrogatepass"), "zzz", "x" * 5000):
            assert client.get(start(event, "/letters"), query_string={"q": typed}).status_code == 200

    def test_filter_by_letter(self, client: FlaskClient, event: Event, account: Account) -> None:
        found = register(event, an_application())
        cancel(found.attendees)
        assert len(rows(client.get(start(event)).text)) == 2
        (row,) = rows(client.get(start(event, "/letters?letter=cancelled")).text)
        assert "本人による取消" in row

    def test_pages_of_fifty_at_the_cost_of_one(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        def statements() -> int:
            count = 0

            def listen(*_: object) -> None:
                nonlocal count
                count += 1

            sqlalchemy_event.listen(db.engine, "before_cursor_execute", listen)
            client.get(start(event))
            sqlalchemy_event.remove(db.engine, "before_cursor_execute", listen)
            return count

        register(event, an_application())
        one = statements()
        with transaction():
            for _number in range(PER_PAGE):
                register(event, an_application())
        assert statements() == one
        assert len(rows(client.get(start(event)).text)) == PER_PAGE
        assert len(rows(client.get(start(event, "/letters?page=2")).text)) == 1
        assert len(rows(client.get(start(event, f"/letters?page={10**30}")).text)) == 1
        assert len(rows(client.get(start(event, "/letters?page=-1")).text)) == PER_PAGE

    def test_nothing_yet(self, client: FlaskClient, event: Event, account: Account) -> None:
        assert "まだメールはありません" in client.get(start(event)).text
        assert "該当するメールはありません" in client.get(start(event, "/letters?q=x")).text

    def test_other_events_do_not_show(self, client: FlaskClient, event: Event, account: Account) -> None:
        register(an_event(), an_application())
        page = client.get(start(event)).text
        assert (rows(page), sum(figures(page).values())) == ([], 0)

    def test_the_attendees_page_leads_to_the_letters_of_the_registration(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        one = register(event, an_application())
        register(event, an_application())
        links = read(client.get(start(event, f"/attendees/{one.attendees[0].number}"))).links
        (link,) = [link for link in links if "/letters?q=" in link]
        assert [one.reference in row for row in rows(client.get(link).text)] == [True]


class TestOneMessage:
    @on_both
    def test_everything_about_it(self, client: FlaskClient, event: Event, account: Account, moment) -> None:
        found = register(event, an_application())
        (one,) = messages()
        moment.move(timedelta(minutes=2))
        settle(one, "failed", "550 5.1.1 no such user")
        page = client.get(start(event, f"/letters/{one.id}")).text
        for words in (
            "参加確定のお知らせ",
            TOWN_HALL,
            found.attendees[0].number,
            "550 5.1.1 no such user",
            "宛先のメールアドレスがありません。",
            "1回",
            "2025/12/01 10:00",
            "このたびはお申し込みいただき",
        ):
            assert words in page, words
        assert "/r/…" in page
        assert re.search(r"/r/[A-Za-z0-9]", page) is None

    def test_what_the_server_says_cannot_write_the_page(
        self, client: FlaskClient, event: Event, account: Account
    ) -> None:
        register(event, an_application())
        (one,) = messages()
        settle(one, "failed", "554 <script>alert(1)</script> \U0001f4a9")
        for address in ("/letters", f"/letters/{one.id}"):
            page = client.get(start(event, address)).text
            assert ("<script>alert" in page, "&lt;script&gt;alert" in page) == (False, True)

    def test_of_another_event_and_of_none(self, client: FlaskClient, event: Event, account: Account) -> None:
        register(an_event(), an_application())
        (one,) = messages()
        for number in (one.id, 0, one.id + 1, 2**31, 10**30, "x", "-1"):
            assert client.get(start(event, f"/letters/{number}")).status_code == 404, number
            assert client.post(start(event, f"/letters/{number}/again")).status_code in {404, 405}, number


class TestSendAgain:
    def again(self, client: FlaskClient, event: Event, message: Message) -> list[str]:
        answer = client.post(start(event, f"/letters/{message.id}/again"), follow_redirects=True)
        assert answer.status_code == 200
        return said(answer.text)

    @on_both
    def test_a_failed_one_goes_out_as_it_is(
        self, client: FlaskClient, event: Event, account: Account, moment
    ) -> None:
        register(event, an_application())
        (one,) = messages()
        settle(one, "failed", "550 no")
        before = one.mime
        moment.move(timedelta(days=3))
        assert self.again(client, event, one) == ["もう一度送ります。"]
        (one,) = messages()
        assert (one.status, one.mime == before, one.error) == (MessageStatus.QUEUED, True, "")
        assert [claimed.id for claimed in outbox.claim("tester")] == [one.id]
        recorded = db.session.scalars(select(AuditEntry.action)).all()
        assert "message.requeued" in recorded

    @on_both
    def test_for_one_that_has_gone_the_present_state_is_written(
        self, client: FlaskClient, event: Event, account: Account, moment
    ) -> None:
        register(event, an_application())
        (one,) = messages()
        settle(one)
        bounce(one, moment())
        assert self.again(client, event, one) == ["もう一度送ります。"]
        assert self.again(client, event, one) == ["すでに処理されていました。"]
        assert [(new.letter, new.recipient) for new in messages()] == [("confirmed", TOWN_HALL)] * 2
        again = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "registration.sent_again"))
        assert [entry.account_id for entry in again] == [account.id]

    def test_not_where_it_waits_still(self, client: FlaskClient, event: Event, account: Account) -> None:
        register(event, an_application())
        (one,) = messages()
        assert "again-form" not in client.get(start(event, f"/letters/{one.id}")).text
        assert self.again(client, event, one) == ["このメールは、もう一度送ることができません。"]
        assert len(messages()) == 1

    @pytest.mark.parametrize("how", ["sent", "failed"])
    def test_not_to_an_address_that_was_corrected(
        self, client: FlaskClient, event: Event, account: Account, how: str
    ) -> None:
        found = register(event, an_application())
        (one,) = messages()
        settle(one, how, "550 no")
        change_address(Recipient(found), "right@city.example.lg.jp", by=account)
        before = len(messages())
        (words,) = self.again(client, event, one)
        assert words.startswith("このメールの宛先は、その後に変わりました。")
        assert (len(messages()), messages()[0].status.value) == (before, how)


class TestRoles:
    def test_staff_may_look_and_not_send(self, client: FlaskClient, event: Event) -> None:
        register(event, an_application())
        (one,) = messages()
        settle(one)
        sign_in(client, suzuki(event))
        page = client.get(start(event, f"/letters/{one.id}"))
        assert (page.status_code, "again-form" in page.text) == (200, False)
        links = read(client.get(start(event))).links
        assert [link for link in links if link.endswith(NEW)] == []
        assert client.get(start(event, NEW)).status_code == 403
        for address in (NEW, f"/letters/{one.id}/again", "/letters/mailings/1/withdrawal"):
            assert client.post(start(event, address)).status_code == 403
        assert len(messages()) == 1

    def test_a_viewer_gets_no_addresses(self, client: FlaskClient, event: Event) -> None:
        register(event, an_application())
        sign_in(client, an_account("miru@gdx.example.jp", "見る 人", "viewer", (event,)))
        for address in ("/letters", f"/letters/{messages()[0].id}", NEW):
            answer = client.get(start(event, address))
            assert (answer.status_code, TOWN_HALL in answer.text) == (403, False)
        assert start(event) not in read(client.get(start(event, "/"))).links

    def test_who_belongs_elsewhere(self, client: FlaskClient, event: Event) -> None:
        sign_in(client, tanaka())
        for address in ("/letters", "/letters/1", NEW):
            assert client.get(start(event, address)).status_code == 404


class TestWriting:
    @pytest.fixture
    def three(self, event: Event) -> list[Registration]:
        return [
            register(event, an_application(TAKASAKI)),
            register(event, an_application(*people(2), category="company", contact_email="k@example.jp")),
            register(event, an_application(YOSHIDA, contact_email="y@example.jp", locale="en")),
        ]

    def fill(self, page: Page, **filled: object) -> dict[str, object]:
        usual = {"subject": "当日の資料について", "text": "資料を\n差し替えました。", "step": "preview"}
        return page.form | usual | filled

    def send(self, client: FlaskClient, event: Event, **filled: object) -> str:
        preview = client.post(
            start(event, NEW), data=self.fill(read(client.get(start(event, NEW))), **filled)
        )
        assert preview.status_code == 200
        sent = client.post(start(event, NEW), data=read(preview).form | {"step": "send"})
        assert sent.status_code == 303
        return preview.text

    def work(self) -> int:
        written = mailings.work("tester")
        db.session.rollback()
        return written

    @on_both
    def test_from_the_form_to_the_post(
        self, client: FlaskClient, event: Event, account: Account, three: list[Registration]
    ) -> None:
        before = len(messages())
        preview = self.send(client, event)
        for words in ("4通を送る", "当日の資料について", "髙﨑 洋子", "資料を\n差し替えました。", "/r/…"):
            assert words.encode().decode() in preview, words
        assert "2通は英語のお申し込みの方あてです。" in preview
        assert len(messages()) == before, "the worker writes"
        assert self.work() == 4
        new = messages()[before:]
        assert {one.recipient for one in new} == {
            TOWN_HALL,
            "k@example.jp",
            "y@example.jp",
            "yoshida@city.example.lg.jp",
        }
        assert {(one.letter, one.subject) for one in new} == {("organiser_message", "当日の資料について")}
        page = client.get(start(event)).text
        assert ("作成済み" in page, "4通を送ります。" in page) == (True, True)

    def test_only_those_who_were_chosen(
        self, client: FlaskClient, event: Event, account: Account, three: list[Registration]
    ) -> None:
        cancel(three[1].attendees[:1])
        before = len(messages())
        self.send(client, event, categories=["company"])
        assert self.work() == 1
        assert [one.recipient for one in messages()[before:]] == ["k@example.jp"]

    @on_both
    def test_a_second_click_sends_nothing_more(
        self, client: FlaskClient, event: Event, account: Account, three: list[Registration]
    ) -> None:
        page = read(client.post(start(event, NEW), data=self.fill(read(client.get(start(event, NEW))))))
        for _click in range(2):
            assert client.post(start(event, NEW), data=page.form | {"step": "send"}).status_code == 303
        assert "この連絡は、すでに受け付けています。" in client.get(start(event)).text
        assert (self.work(), self.work()) == (4, 0)

    def test_back_to_the_form_with_all_that_was_typed(
        self, client: FlaskClient, event: Event, account: Account, three: list[Registration]
    ) -> None:
        filled = self.fill(read(client.get(start(event, NEW))), categories=["company", "gdx_member"])
        preview = read(client.post(start(event, NEW), data=filled))
        back = read(client.post(start(event, NEW), data=preview.form | {"step": "back"})).form
        for name in ("subject", "text", "key", "statuses", "categories"):
            assert sorted(back.getlist(name)) == sorted(filled.getlist(name)), name

    @pytest.mark.parametrize(
        ("filled", "field", "words"),
        [
            ({"subject": ""}, "subject", "件名を入力してください。"),
            ({"subject": "あ" * 41}, "subject", "件名は40文字以内で入力してください。"),
            ({"subject": "外字\ue000"}, "subject", "外字は使えません。"),
            ({"subject": "\U0001f389"}, "subject", "件名には、絵文字でない文字も入れてください。"),
            ({"text": " \n "}, "text", "本文を入力してください。"),
            ({"text": "あ" * 2001}, "text", "本文は2000文字以内で入力してください。"),
            ({"text": "\ufffe"}, "text", "本文に使えない文字が含まれています。"),
            ({"statuses": []}, "statuses", "送る相手の状態を選んでください。"),
            ({"statuses": ["cancelled"]}, "statuses", "送る相手の状態を選んでください。"),
            ({"statuses": ["lottery"]}, "statuses", "メールを送れる方がいません。"),
            ({"categories": []}, "categories", "送る相手の参加区分を選んでください。"),
            ({"categories": ["nobody"]}, "categories", "送る相手の参加区分を選んでください。"),
        ],
    )
    @pytest.mark.parametrize("step", ["preview", "send"])
    def test_what_cannot_be_sent(
        self,
        client: FlaskClient,
        event: Event,
        account: Account,
        three: list[Registration],
        filled: dict[str, object],
        field: str,
        words: str,
        step: str,
    ) -> None:
        data = self.fill(read(client.get(start(event, NEW))), **{**filled, "step": step})
        answer = client.post(start(event, NEW), data=data)
        page = read(answer)
        assert answer.status_code == 422
        assert page.errors[field].startswith(words)
        assert page.form["subject"] == data["subject"]
        assert page.form["text"].strip() == str(data["text"]).strip()
        assert db.session.scalars(select(Mailing)).all() == []

    def test_to_one_person(
        self, client: FlaskClient, event: Event, account: Account, three: list[Registration]
    ) -> None:
        cancel(three[2].attendees)
        before = len(messages())
        number = three[2].attendees[0].number
        links = read(client.get(start(event, f"/attendees/{number}"))).links
        (link,) = [link for link in links if "/letters/new" in link]
        form = read(client.get(link))
        assert (form.form["attendee"], "statuses" in form.names) == (number, False)
        preview = client.post(start(event, NEW), data=self.fill(form))
        assert "yoshida@city.example.lg.jp" in preview.text
        sent = client.post(start(event, NEW), data=read(preview).form | {"step": "send"})
        assert sent.headers["Location"].endswith(f"/attendees/{number}")
        assert self.work() == 1
        assert [one.recipient for one in messages()[before:]] == ["yoshida@city.example.lg.jp"]

    @pytest.mark.parametrize("number", ["x", "GDX-AAAA-AA-1", "GDX-AAAA-AA-99999999999999", "-1"])
    def test_to_a_person_who_is_not_there(
        self, client: FlaskClient, event: Event, account: Account, three: list[Registration], number: str
    ) -> None:
        assert client.get(start(event, NEW), query_string={"attendee": number}).status_code == 404
        elsewhere = register(an_event(), an_application()).attendees[0].number
        assert client.post(start(event, NEW), data={"attendee": elsewhere}).status_code == 404

    def test_called_off_before_it_is_written(
        self, client: FlaskClient, event: Event, account: Account, three: list[Registration]
    ) -> None:
        self.send(client, event)
        assert "0 / 4" in client.get(start(event)).text
        (mailing,) = db.session.scalars(select(Mailing)).all()
        address = start(event, f"/letters/mailings/{mailing.id}/withdrawal")
        assert said(client.post(address, follow_redirects=True).text)[0].startswith("取り止めました。")
        assert (self.work(), mailing.status) == (0, MailingStatus.DROPPED)
        elsewhere = an_event()
        with transaction():
            db.session.get_one(Mailing, mailing.id).event_id = elsewhere.id
        for number in (mailing.id, 2**31, 10**30):
            assert client.post(start(event, f"/letters/mailings/{number}/withdrawal")).status_code == 404

    def test_nobody_has_registered(self, client: FlaskClient, event: Event, account: Account) -> None:
        page = client.get(start(event, NEW)).text
        assert ("まだ申し込みはありません" in page, "message-form" in page) == (True, False)

    def test_braces_stay_as_they_are(
        self, client: FlaskClient, event: Event, account: Account, three: list[Registration]
    ) -> None:
        typed = "{氏名} ［変更］ <概要> {{7*7}} <b>"
        preview = self.send(client, event, text=typed)
        assert html.escape(typed) in preview
        self.work()
        assert typed in messages()[-1].text


class TestBanner:
    """What stands on every page while mail does not flow."""

    def news(self, client: FlaskClient, address: str) -> list[str]:
        page = client.get(address).text
        found = re.search(r'notice-title">メールの送信</p>(.*?)</div>', page, re.DOTALL)
        return re.findall(r"<p>(.*?)</p>", found[1]) if found else []

    def beat(self) -> None:
        post_room.beat("tester")

    @on_both
    def test_letters_that_wait(self, client: FlaskClient, event: Event, account: Account, moment) -> None:
        register(event, an_application())
        register(event, an_application())
        moment.move(timedelta(minutes=5))
        self.beat()
        assert self.news(client, start(event, "/")) == []
        moment.move(timedelta(minutes=7))
        self.beat()
        words = ["2通のメールが12分前から送信を待っています。"]
        for address in (start(event, "/"), start(event), "/organiser/"):
            assert self.news(client, address) == words, address

    def test_held_by_the_operator(self, client: FlaskClient, event: Event, account: Account) -> None:
        self.beat()
        post_room.hold()
        words = ["メールの送信は、運用担当者により止められています。"]
        assert self.news(client, "/organiser/") == words
        post_room.release()
        assert self.news(client, "/organiser/") == []

    def test_the_server_does_not_answer(self, client: FlaskClient, event: Event, account: Account) -> None:
        self.beat()
        post_room.fail()
        (words,) = self.news(client, "/organiser/")
        assert words.startswith("メールサーバーが2025/12/01 10:00から応答していません。")
        post_room.succeed()
        assert self.news(client, "/organiser/") == []

    def test_no_worker(self, client: FlaskClient, event: Event, account: Account, moment) -> None:
        assert self.news(client, "/organiser/") == []
        self.beat()
        moment.move(timedelta(minutes=5, seconds=1))
        (words,) = self.news(client, "/organiser/")
        assert words.startswith("メールを送る処理が5分前から動いていません。")
        with transaction():
            db.session.query(Heartbeat).delete()
        register(event, an_application())
        moment.move(timedelta(minutes=6))
        words = self.news(client, "/organiser/")
        assert [one[:12] for one in words] == ["1通のメールが6分前から", "メールを送る処理が動いてい"[:12]]


def test_tabs_name_only_what_there_is_and_what_the_account_may(
    app: Flask, client: FlaskClient, event: Event, account: Account
) -> None:
    page = client.get(start(event)).text
    (tabs,) = re.findall(r'aria-label="メールのページ">(.*?)</nav>', page, re.DOTALL)
    shown = re.findall(r'href="([^"]*)"( aria-current="page")?', tabs)
    assert (start(event), ' aria-current="page"') in shown
    assert (start(event, NEW), "") in shown
    for address, _current in shown:
        assert client.get(address).status_code == 200, address


def test_an_event_that_is_called_off_can_still_be_written_about(
    client: FlaskClient, event: Event, account: Account
) -> None:
    register(event, an_application())
    with transaction():
        event.status = EventStatus.CANCELLED
    assert "message-form" in client.get(start(event, NEW)).text
    assert letter_book.figures(event).counts[letter_book.State.WAITING] == 1
