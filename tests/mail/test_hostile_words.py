"""What people may type, from the form to the mail server: it arrives as it is, or is refused; no letter is malformed."""

import email.policy
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.headerregistry import Address
from typing import Any

import icalendar
import pytest
from flask import Flask
from flask.testing import FlaskClient

from eventsite import jobs
from eventsite.models import Event
from tests.cast import an_event
from tests.fixtures.post import HOST, Received, Sink
from tests.fixtures.site import MakeApp
from tests.web.pages import read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
HEADERS = [
    *("Content-Type", "From", "To", "Reply-To", "Subject", "Date", "Message-ID"),
    *("Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version"),
]
YAMADA = {
    "attendees-0-organisation": "株式会社サンプル",
    "attendees-0-family_name": "山田",
    "attendees-0-given_name": "太郎",
    "contact_email": "yamada@example.co.jp",
    "consent_privacy": "y",
}


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def site(make_app: MakeApp, smtp_sink: Sink):
    app = make_app(MAIL_SERVER=HOST, MAIL_PORT=smtp_sink.port, MAIL_DEFAULT_SENDER="seminar@gdx.example.jp")
    with app.app_context():
        yield app


@pytest.fixture
def client(site: Flask) -> FlaskClient:
    return site.test_client()


def registered(client: FlaskClient, event: Event, **fields: str) -> int:
    """Fill in the form of a company with these fields; return the status of the answer."""
    form = read(client.get(f"/events/{event.slug}/register?category=company")).form
    answer = client.post(f"/events/{event.slug}/register", data=form | YAMADA | fields)
    if answer.status_code == 200:  # warned of something: shown once more before it counts
        answer = client.post(f"/events/{event.slug}/register", data=read(answer).form)
    return answer.status_code


def the_mail(sink: Sink) -> Received:
    jobs.Worker().drain()
    (mail,) = sink.received
    return mail


def checked(mail: Received, to: str = "yamada@example.co.jp") -> tuple[str, str, Any]:
    """Return subject, text and calendar event of a letter that is well made."""
    assert (mail.sender, mail.recipients) == ("seminar@gdx.example.jp", (to,))
    assert mail.raw.isascii()
    assert max(len(line) for line in mail.raw.split(b"\r\n")) <= 998
    assert b"\n" not in mail.raw.replace(b"\r\n", b"")
    message = message_from_bytes(mail.raw, policy=email.policy.default)
    assert (message.keys(), message.defects) == (HEADERS, [])
    assert message["To"].addresses == (Address(addr_spec=to),)
    assert [one.addr_spec for one in message["From"].addresses] == ["seminar@gdx.example.jp"]
    parts = {part.get_content_type(): part for part in message.walk()}
    (entry,) = icalendar.Calendar.from_ical(parts["application/ics"].get_payload(decode=True)).walk("VEVENT")
    assert entry["ATTENDEE"] == f"mailto:{to}"
    return str(message["Subject"]), parts["text/plain"].get_content().replace("\r\n", "\n"), entry


@pytest.mark.parametrize(
    ("family", "given"),
    [
        ("\u9ad9\ufa11", "洋子"),
        ("\U00020bb7\u7530", "健"),
        ("\u8fbb\U000e0100", "一郎"),
        ("\u5927\ufa10", "福子"),
        ("山田", "太郎\U0001f363"),
        ("a, victim@example.com,", "b"),
        ("山田<victim@example.com>", "太郎"),
        ('"山田"', "\\太郎\\"),
        ("{確認ページURL}", "{{ config }}"),
        ("［辞退：あ｜い］", "<管理>"),
        ("=?utf-8?B?5bGx55Sw?=", "太郎"),
        ("Łukasz", "O’Néill"),
        ("山" * 100, "田" * 100),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_a_name_arrives_as_it_was_typed(
    client: FlaskClient, smtp_sink: Sink, family: str, given: str
) -> None:
    event = an_event(confirm_screen=False)
    names = {"attendees-0-family_name": family, "attendees-0-given_name": given}
    assert registered(client, event, **names) == 303
    _subject, text, _entry = checked(the_mail(smtp_sink))
    assert re.sub(r"\s", "", f"{family}{given}様") in re.sub(r"\s", "", text)


@pytest.mark.parametrize("mark", ["\r\nBcc: victim@example.com", "\x0b", "\u2028", "\x85", "\x1c"], ids=ascii)
def test_a_line_end_in_a_name_starts_no_header(client: FlaskClient, smtp_sink: Sink, mark: str) -> None:
    event = an_event(confirm_screen=False)
    names = {"attendees-0-given_name": f"太郎{mark}", "attendees-0-organisation": f"株式会社{mark}サンプル"}
    if registered(client, event, **names) == 303:
        checked(the_mail(smtp_sink))
    else:
        jobs.Worker().drain()
        assert smtp_sink.received == []


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("Ｔａｒｏ＠ｅｘａｍｐｌｅ．ｌｇ．ｊｐ", "Taro@example.lg.jp"),
        ("a@\u4f8b\u3048.example", "a@xn--r8jz45g.example"),
        ("o'neill+gdx@example.jp", "o'neill+gdx@example.jp"),
    ],
)
def test_an_address_is_put_into_its_one_form(
    client: FlaskClient, smtp_sink: Sink, typed: str, sent: str
) -> None:
    assert registered(client, an_event(confirm_screen=False), contact_email=typed) == 303
    checked(the_mail(smtp_sink), sent)


@pytest.mark.parametrize(
    "typed",
    [
        *("a@example.jp\r\nBcc: b@example.jp", "a@example.jp,b@example.jp", "a@example.jp、b@example.jp"),
        *(
            "山田 <a@example.jp>",
            "山田@example.jp",
            '"a, b"@example.jp',
            "a@example.jp;b@example.jp",
            "a@@example.jp",
        ),
    ],
    ids=ascii,
)
def test_what_is_no_single_address_is_refused(client: FlaskClient, smtp_sink: Sink, typed: str) -> None:
    assert registered(client, an_event(confirm_screen=False), contact_email=typed) == 422
    jobs.Worker().drain()
    assert smtp_sink.received == []


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        ("題" * 200, "【申込完了】12月29日（月）14:00 " + "題" * 18 + "…"),
        ('カンマ, と <括弧> と "引用"', '【申込完了】12月29日（月）14:00 カンマ, と <括弧> と "引用"'),
        (
            "\u9ad9\ufa11\U00020bb7 ①㈱~ \U0001f363 の会",
            "【申込完了】12月29日（月）14:00 \u9ad9\ufa11\U00020bb7 (1)株式会社～ の会",
        ),
        ("a\nBcc: victim@example.com", "【申込完了】12月29日（月）14:00 a Bcc: victim@exam…"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_a_title_is_whole_in_the_text_and_fits_the_subject(
    client: FlaskClient, smtp_sink: Sink, title: str, subject: str
) -> None:
    start = NOW + timedelta(days=28, hours=4)
    event = an_event(confirm_screen=False, title=title, start_at=start, end_at=start + timedelta(hours=1))
    assert registered(client, event) == 303
    shown, text, entry = checked(the_mail(smtp_sink))
    assert shown == subject
    assert re.sub(r"\s", "", title) in re.sub(r"\s", "", text)
    assert entry["SUMMARY"] == " ".join(title.split("\n"))
