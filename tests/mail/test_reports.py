"""Reading what came back: reports of several makes, answers of calendars; whatever else comes is none of our business."""

import time

import pytest

from eventsite.mail.returns.reports import Reply, Report, read
from tests.mail import returned
from tests.mail.returned import BOUNCES, FIRST

MARK = FIRST.partition("@")[0]
UNKNOWN = "550 5.1.1 <kikaku@city.example.lg.jp>: Recipient address rejected: User unknown"
UID = "a1b2c3@gdx.example.jp"


class TestReport:
    @pytest.mark.parametrize("headers_only", [False, True])
    def test_as_postfix_writes_it(self, headers_only: bool) -> None:
        found = read(returned.postfix(headers_only=headers_only))
        assert found == Report("failed", UNKNOWN, (), (FIRST,))

    def test_the_address_names_the_letter(self) -> None:
        found = read(returned.postfix(to=BOUNCES, message_id="other@example.jp"))
        assert isinstance(found, Report)
        assert set(found.marks) == {MARK}

    def test_as_exchange_writes_it(self) -> None:
        found = read(returned.exchange())
        assert isinstance(found, Report)
        assert (found.kind, found.message_ids[0]) == ("failed", FIRST)
        assert found.words == (
            "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required (kikaku@city.example.lg.jp)"
        )

    def test_as_sendmail_writes_it_within_another_mail(self) -> None:
        found = read(returned.sendmail())
        words = "452 4.2.2 Mailbox full (kikaku@city.example.lg.jp)"
        assert found == Report("failed", words, (), (FIRST,))

    @pytest.mark.parametrize(
        ("action", "status", "kind"),
        [
            ("delayed", "4.4.1", "delayed"),
            ("DELAYED", "4.4.1", "delayed"),
            ("failed", "4.4.7", "failed"),
            ("failed (expired)", "5.4.7", "failed"),
            ("", "5.1.1", "failed"),
        ],
    )
    def test_the_action_says_which(self, action: str, status: str, kind: str) -> None:
        found = read(returned.postfix(action=action, status=status))
        assert isinstance(found, Report)
        assert found.kind == kind

    @pytest.mark.parametrize("action", ["relayed", "delivered", "expanded", "anything", ""])
    def test_success_is_no_news(self, action: str) -> None:
        assert read(returned.postfix(action=action, status="2.0.0", diagnostic="smtp; 250 ok")) is None

    def test_the_status_stands_before_words_without_one(self) -> None:
        found = read(returned.postfix(diagnostic="x-unix; no such mailbox"))
        assert isinstance(found, Report)
        assert found.words == "5.1.1 no such mailbox (kikaku@city.example.lg.jp)"

    def test_words_are_one_clean_line_of_moderate_length(self) -> None:
        found = read(returned.postfix(diagnostic="smtp; 550 \x00\x07a\u2028b" + "!" * 2000))
        assert isinstance(found, Report)
        assert found.words.startswith("5.1.1 550 a b!!!")
        assert len(found.words) <= 1050


class TestPlainText:
    def test_a_carrier_is_understood_by_its_words_and_its_address(self) -> None:
        assert read(returned.carrier()) == Report("failed", "550 : User unknown", (MARK,), ())

    def test_or_by_the_letter_that_it_quotes(self) -> None:
        found = read(returned.carrier(to="seminar@gdx.example.jp", message_id=FIRST))
        assert found == Report("failed", "550 : User unknown", (), (FIRST,))

    def test_as_exim_writes_it(self) -> None:
        head = "From: Mail Delivery System <Mailer-Daemon@x.example>\nAuto-Submitted: auto-replied\n"
        mail = f"{head}X-Failed-Recipients: a@b.example\nTo: {BOUNCES}\nSubject: Mail\n\nSorry.\n"
        assert read(mail.encode()) == Report("failed", "Mail", (MARK,), ())

    def test_a_warning_is_a_delay(self) -> None:
        words = "Delivery is delayed and will be retried until Friday."
        mail = f"Return-Path: <>\nTo: {BOUNCES}\nSubject: Warning\n\n{words}\n"
        found = read(mail.encode())
        assert isinstance(found, Report)
        assert (found.kind, found.marks) == ("delayed", (MARK,))

    @pytest.mark.parametrize(
        "mail",
        [
            returned.person(),
            returned.person(to=BOUNCES),
            returned.person(to=BOUNCES, subject="自動応答：不在", more="Auto-Submitted: auto-replied\n"),
            returned.person(to=BOUNCES, more="Auto-Submitted: auto-replied\nReturn-Path: <>\n"),
            returned.person(to=BOUNCES, subject="自動返信：休業中です", more="Return-Path: <>\n"),
            b"From: postmaster@x.example\nTo: a@b.example\nSubject: hello\n\nA monthly summary.\n",
        ],
        ids=[
            "a person",
            "there too",
            "out of office",
            "from nobody",
            "unsaid",
            "another letter of a postmaster",
        ],
    )
    def test_everybody_else_is_left_alone(self, mail: bytes) -> None:
        assert read(mail) is None


class TestReply:
    @pytest.mark.parametrize("answer", ["ACCEPTED", "DECLINED", "TENTATIVE"])
    def test_an_answer(self, answer: str) -> None:
        comment = "会議と重なりました\\, すみません"
        found = read(returned.calendar_reply(UID, answer, comment))
        assert found == Reply(UID, answer, "会議と重なりました, すみません")

    def test_without_an_answer_it_is_none(self) -> None:
        assert read(returned.calendar_reply(UID, "NEEDS-ACTION")) is None

    def test_an_invitation_is_no_answer(self) -> None:
        mail = returned.calendar_reply(UID).replace(b"METHOD:REPLY", b"METHOD:REQUEST")
        assert read(mail) is None

    def test_one_that_is_quoted_is_none(self) -> None:
        outer = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/rfc822\n\n"
        assert read(outer + returned.calendar_reply(UID) + b"\n--o--\n") is None

    @pytest.mark.parametrize("uid", ["a\x00b@c", "a\x07b@c", "ä@c", "no at", ""])
    def test_one_to_an_entry_that_cannot_be_ours_is_none(self, uid: str) -> None:
        assert read(returned.calendar_reply(uid)) is None


class TestBrokenCharacters:
    """No database takes a NUL or half a character: neither an id nor a word may hold one."""

    @pytest.mark.parametrize(
        "header",
        [
            "In-Reply-To: =?unicode-escape?Q?=3Ca=5Cud800x=40y=3E?=",
            "In-Reply-To: =?utf-7?Q?+2AA-=40x?=",
            "In-Reply-To: <a\0b@c>",
            "References: <a\0@c> <日本@c> <日本x@c>",
            "Content-Type: text/plain; charset=unicode-escape",
        ],
    )
    @pytest.mark.parametrize("name", [r"<a\ud800x@y>", r"<a\0@y>", r"<\u3042x@y>"])
    def test_names_no_letter(self, header: str, name: str) -> None:
        mail = f"{header}\nFrom: mailer-daemon@x\nSubject: failure notice\n\n550 a\n> Message-ID: {name}\n"
        found = read(mail.encode())
        assert isinstance(found, Report)
        assert [one for one in found.message_ids if not (one.isascii() and one.isprintable())] == []

    @pytest.mark.parametrize(
        "status", ["=?unicode-escape?Q?5.1.1=5Cud800?=", "5.1.1\0", "5.1.1=?utf-7?Q?+2AA-?="]
    )
    def test_nor_are_they_words(self, status: str) -> None:
        found = read(returned.postfix(status=status, diagnostic="smtp; 550 =?unicode-escape?Q?=5Cud800?=\0"))
        assert isinstance(found, Report)
        assert {"\0", "\ud800"} & set(found.words) == set()


HOSTILE = {
    "nothing": b"",
    "bytes": bytes(range(256)) * 40,
    "no header": b"\n\n\n",
    "unknown charset": returned.carrier().replace(b"ISO-2022-JP", b"x-no-such"),
    "nul": b"\0" * 1000,
    "broken boundary": returned.postfix()[:900],
    "no status": returned.postfix().replace(b"message/delivery-status", b"message/delivery-status; x"),
    "broken calendar": returned.calendar_reply("x").replace(b"BEGIN:VEVENT", b"BEGIN:\xff\xfe;;:"),
    "long header": b"From: mailer-daemon@x\nSubject: " + b"=?utf-8?B?" * 80_000 + b"\n\n550 x",
    "many addresses": b"From: mailer-daemon@x\nTo: " + b"a+bbbbbbbbbb@c, " * 60_000 + b"\n\n550 x",
    "mails in mails": b"Content-Type: message/rfc822\n\n" * 30_000,
    "parts in parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (number, number)
        for number in range(15_000)
    ),
    "many lines": b"From: mailer-daemon@x\n\n" + b"> Message-ID: <\n" * 60_000,
    "one long line": b"From: mailer-daemon@x\n\n" + b"5.1.1" * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_hostile_gets_through_or_takes_long(name: str) -> None:
    begun = time.process_time()
    read(HOSTILE[name])
    assert time.process_time() - begun < 3


def test_every_cut_of_a_report_is_read_without_a_fault() -> None:
    whole = returned.postfix()
    kinds = {type(read(whole[:length])) for length in range(0, len(whole), 37)}
    assert kinds == {type(None), Report}
