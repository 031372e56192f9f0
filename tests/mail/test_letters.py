"""Letters as they come out of the verbs: every fact in its place, in both languages, to the right people."""

import email.policy
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import registration, tokens
from eventsite.db import db, transaction
from eventsite.mail.typeset import columns
from eventsite.models import (
    Event,
    Format,
    Message,
    ParticipationMode,
    Registration,
    Status,
)
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, people
from tests.fixtures.site import PUBLIC_URL

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
JOIN = "https://zoom.us/j/00000000000?pwd=example"
WHEN = {"ja": "2025年12月24日（水）10:00～11:30", "en": "24 December 2025"}


@pytest.fixture(autouse=True)
def moment(at):
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(NOW)


def a_seminar(seats: int | None = 60, rule: dict[str, Any] | None = None, **changes: Any) -> Event:
    """A seminar that has everything there is to say about joining it."""
    usual: dict[str, Any] = {"start_at": START, "end_at": START + timedelta(minutes=90)}
    usual |= {"join_url": JOIN, "webinar_id": "000 0000 0000", "passcode": "123456"}
    event = an_event(capacities={"local_gov": seats}, **(usual | changes))
    with transaction():
        for name, value in (rule or {}).items():
            setattr(event.category("local_gov"), name, value)
    return event


def mine(locale: str = "ja", *who: Any, **contact: Any) -> registration.Application:
    return an_application(*(who or (TAKASAKI,)), locale=locale, **contact)


def others(event: Event, count: int = 1) -> Registration:
    return registration.register(event, an_application(*people(count), contact_email="other@example.jp"))


def confirmed(locale: str, moment) -> Registration:
    return registration.register(a_seminar(), mine(locale))


def pending(locale: str, moment) -> Registration:
    return registration.register(a_seminar(rule={"approval": "manual"}), mine(locale))


def waitlisted(locale: str, moment) -> Registration:
    event = a_seminar(1)
    others(event, 2)
    moment.move(timedelta(seconds=1))
    return registration.register(event, mine(locale))


def lottery(locale: str, moment) -> Registration:
    return registration.register(a_seminar(rule={"selection": "lottery"}), mine(locale))


def promoted(locale: str, moment) -> Registration:
    event = a_seminar(1)
    first = others(event)
    found = registration.register(event, mine(locale))
    registration.cancel(first.attendees)
    return found


def offered(locale: str, moment) -> Registration:
    event = a_seminar(1, {"promotion": "offer"})
    first = others(event)
    found = registration.register(event, mine(locale))
    registration.cancel(first.attendees)
    return found


def offer_expired(locale: str, moment) -> Registration:
    found = offered(locale, moment)
    moment.move(timedelta(days=3))
    registration.expire_offers(found.event)
    return found


def cancelled(locale: str, moment) -> Registration:
    found = confirmed(locale, moment)
    registration.cancel(found.attendees)
    return found


LETTERS: dict[str, Callable[[str, Any], Registration]] = {
    one.__name__: one
    for one in (confirmed, pending, waitlisted, lottery, promoted, offered, offer_expired, cancelled)
}


def letters_to(address: str, letter: str | None = None) -> list[EmailMessage]:
    query = select(Message).where(Message.recipient == address).order_by(Message.id)
    rows = [one for one in db.session.scalars(query) if letter in {None, one.letter}]
    parsed = [message_from_bytes(one.mime or b"", policy=email.policy.default) for one in rows]
    assert [one["Subject"] for one in parsed] == [one.subject for one in rows]
    return parsed  # type: ignore[return-value]


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def the_text(address: str = TOWN_HALL, letter: str | None = None) -> str:
    return text_of(letters_to(address, letter)[-1])


def link(found: Registration, branch: int | None = None) -> str:
    one = found.attendees[branch - 1] if branch else found
    return f"{PUBLIC_URL}/r/{tokens.derive('attendee' if branch else 'registration', one.id, 1)}"


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("letter", LETTERS)
class TestEveryLetter:
    def test_says_what_it_must_and_nothing_else(self, app: Flask, moment, letter: str, locale: str) -> None:
        found = LETTERS[letter](locale, moment)
        (message,) = letters_to(TOWN_HALL, letter)
        text = text_of(message)
        lines = text.split("\n")
        assert found.reference in text
        assert WHEN[locale] in text
        assert f"{found.reference}-1" in text
        assert "はじめての自治体DX" in text
        assert "seminar@gdx.example.jp" in text
        for leftover in ("None", "{", "}", "［", "］", "｜", "<宛名>", "<概要>", "Lazy", "object at"):
            assert leftover not in text
            assert leftover not in message["Subject"]
        own = link(found) + ("?lang=en" if locale == "en" else "")
        assert [one.strip() for one in lines if "/r/" in one and "/calendar" not in one] == (
            [] if letter in {"cancelled", "offer_expired"} else [own]
        )
        assert [one for one in lines if columns(one) > 70 and not one.strip().startswith("http")] == []
        assert [one for one in lines if "http" in one and not re.fullmatch(r"\s*https?://\S+", one)] == []
        assert (message["To"], len(message["Subject"]) <= 40 or locale == "en") == (TOWN_HALL, True)
        assert "GDXセミナー事務局" in message["From"]
        assert message["Reply-To"] == "seminar@gdx.example.jp"

    def test_is_written_in_one_language(self, app: Flask, moment, letter: str, locale: str) -> None:
        LETTERS[letter](locale, moment)
        (message,) = letters_to(TOWN_HALL, letter)
        begins, words = message["Subject"][0], text_of(message)
        assert begins == ("【" if locale == "ja" else "[")
        if locale == "en":
            known = "はじめての自治体DX Zoomウェビナー 見本市 企画課 \u9ad9\ufa11 洋子 自治体職員 GDX事務局 "
            known += "一般社団法人自治体DX推進協議会（GDX）"
            for word in known.split():
                words = words.replace(word, "")
            assert re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]+", words) == []

    def test_only_what_is_confirmed_carries_a_calendar_entry(
        self, app: Flask, moment, letter: str, locale: str
    ) -> None:
        LETTERS[letter](locale, moment)
        (message,) = letters_to(TOWN_HALL, letter)
        methods = [
            part.get_param("method") for part in message.walk() if part.get_content_type() == "text/calendar"
        ]
        expected = {"confirmed": ["REQUEST"], "promoted": ["REQUEST"], "cancelled": ["CANCEL"]}
        assert methods == expected.get(letter, [])


@pytest.mark.parametrize(
    ("letter", "subject", "sentences"),
    [
        (
            "confirmed",
            "【申込完了】12月24日（水）10:00 はじめての自治体DX",
            [
                "次のとおり、ご参加が確定しています。",
                "12月24日（水）10:00までに、上の確認ページでお取り消しください。",
            ],
        ),
        (
            "pending",
            "【承認待ち】12月24日（水）10:00 はじめての自治体DX",
            ["ご参加はまだ確定していません。", "結果は、12月4日（木）までにメールでお知らせします。"],
        ),
        (
            "waitlisted",
            "【キャンセル待ち】12月24日（水）10:00 はじめての自治体DX",
            ["現在の順番は、2番目です。", "自動での繰上げは、12月24日（水）10:00に終了します。"],
        ),
        (
            "lottery",
            "【抽選申込受付】12月24日（水）10:00 はじめての自治体DX",
            ["抽選は受付終了（12月24日（水））のあとに行います。"],
        ),
        (
            "promoted",
            "【繰上げ・参加確定】12月24日（水）10:00 はじめての自治体DX",
            ["キャンセル待ちから繰り上げ、次のとおり、ご参加が確定しました。"],
        ),
        (
            "offered",
            "【繰上げのご案内・要回答】12月24日（水）10:00 はじめての自治体DX",
            ["12月3日（水）17:00までに、次のページで「参加する」を押してください。"],
        ),
        (
            "offer_expired",
            "【繰上げ期限切れ】12月24日（水）10:00 はじめての自治体DX",
            ["12月3日（水）17:00までにご回答がありませんでしたので、次の方にご案内しました。"],
        ),
        (
            "cancelled",
            "【取消完了】12月24日（水）10:00 はじめての自治体DX",
            ["次の参加者のお申し込みについて、取消しを承りました。"],
        ),
    ],
)
def test_words_of_each(app: Flask, moment, letter: str, subject: str, sentences: list[str]) -> None:
    LETTERS[letter]("ja", moment)
    (message,) = letters_to(TOWN_HALL, letter)
    flowing = text_of(message).replace("\n", "")
    assert message["Subject"] == (subject if len(subject) <= 40 else subject[:39] + "…")
    assert [one for one in sentences if one not in flowing] == []


@pytest.mark.parametrize(
    ("applied", "answer"),
    [
        pytest.param(datetime(2025, 12, 26, 2, 0, tzinfo=UTC), "1月7日（水）", id="over New Year"),
        pytest.param(
            datetime(2025, 12, 1, 15, 30, tzinfo=UTC), "12月5日（金）", id="already tomorrow in Japan"
        ),
    ],
)
def test_the_answer_comes_in_three_business_days(app: Flask, moment, applied: datetime, answer: str) -> None:
    moment.moment = applied
    start = START + timedelta(days=30)
    event = a_seminar(rule={"approval": "manual"}, start_at=start, end_at=start + timedelta(hours=1))
    registration.register(event, mine())
    assert f"結果は、{answer}までにメールでお知らせします。" in the_text().replace("\n", "")


class TestMixedOutcome:
    def test_some_confirmed_some_waiting(self, app: Flask) -> None:
        found = registration.register(a_seminar(2, join_url=JOIN), mine("ja", *people(3)))
        (message,) = letters_to(TOWN_HALL)
        text = text_of(message)
        assert message["Subject"].startswith("【申込完了・一部キャンセル待ち】12月24日（水）10:00 ")
        words = "参加者のうち1名は、満席のためキャンセル待ちです。各参加者の状態は、次のとおりです。"
        assert words in text.replace("\n", "")
        rows = re.findall(rf"({found.reference}-\d)　(\S+)", text)
        assert [status for _, status in rows] == ["参加確定", "参加確定", "キャンセル待ち"]
        assert JOIN in text

    def test_some_pending_some_waiting(self, app: Flask) -> None:
        registration.register(a_seminar(1, {"approval": "manual"}), mine("ja", *people(3)))
        (message,) = letters_to(TOWN_HALL)
        assert message["Subject"].startswith("【承認待ち・一部キャンセル待ち】")
        assert "参加者のうち2名は、満席のためキャンセル待ちです。" in text_of(message)

    def test_english_too(self, app: Flask) -> None:
        registration.register(a_seminar(1), mine("en", *people(2)))
        (message,) = letters_to(TOWN_HALL)
        assert message["Subject"].startswith("[Part waiting]")

    def test_a_whole_one_says_nothing_of_waiting(self, app: Flask) -> None:
        registration.register(a_seminar(2), mine("ja", *people(2)))
        assert "キャンセル待ち" not in the_text()

    def test_one_of_two_cancelled(self, app: Flask) -> None:
        found = registration.register(a_seminar(), mine("ja", TAKASAKI, replace(YOSHIDA, email="")))
        registration.cancel([found.attendees[1]])
        text = the_text(letter="cancelled")
        assert "ほかの参加者のお申し込みは、そのまま有効です。" in text
        assert link(found) in text.split("\n")


class TestJoining:
    @pytest.mark.parametrize(
        ("changes", "present", "absent"),
        [
            pytest.param(
                {},
                ["次のURLからご入室ください。", "ウェビナーID　000 0000 0000　　パスコード　123456"],
                ["会　　場", "決まりしだい"],
                id="online (a)",
            ),
            pytest.param({"webinar_id": ""}, ["パスコード　123456"], ["ウェビナーID"], id="no id"),
            pytest.param(
                {"join_url": ""},
                ["参加用URLは、決まりしだい、メールと確認ページでお知らせします。"],
                ["ご入室ください", "会　　場"],
                id="not known yet (c)",
            ),
            pytest.param(
                {
                    "format": Format.VENUE,
                    "venue_name": "例示会館",
                    "venue_address": "東京都千代田区",
                },
                ["■ 会　　場　例示会館　東京都千代田区"],
                ["zoom.us", "入室"],
                id="venue (d)",
            ),
        ],
    )
    def test_how(self, app: Flask, changes: dict[str, Any], present: list[str], absent: list[str]) -> None:
        registration.register(a_seminar(**changes), mine())
        text = the_text()
        assert [one for one in present if one not in text.replace("\n", "")] == []
        assert [one for one in absent if one in text] == []
        if changes.get("join_url", JOIN) and changes.get("format") != Format.VENUE:
            assert [one for one in text.split("\n") if "zoom.us" in one] == [JOIN]

    @pytest.mark.parametrize(
        ("modes", "url", "venue"),
        [
            (["online"], True, False),
            (["venue"], False, True),
            (["venue", "online"], True, True),
        ],
        ids=["online", "venue", "both"],
    )
    def test_at_a_hybrid_seminar_each_as_chosen(
        self, app: Flask, modes: list[str], url: bool, venue: bool
    ) -> None:
        event = a_seminar(format=Format.HYBRID, join_url=JOIN, venue_name="例示会館")
        with transaction():
            event.modes += [
                ParticipationMode(key=key, label=label, position=place)
                for place, (key, label) in enumerate([("venue", "会場参加"), ("online", "オンライン参加")])
            ]
        group = [replace(one, participation=mode) for one, mode in zip(people(2), modes, strict=False)]
        registration.register(event, mine("ja", *group))
        text = the_text()
        assert (JOIN in text, "■ 会　　場　例示会館" in text) == (url, venue)

    @pytest.mark.parametrize(
        "letter", ["pending", "waitlisted", "lottery", "offered", "offer_expired", "cancelled"]
    )
    def test_never_for_who_is_not_confirmed(self, app: Flask, moment, letter: str) -> None:
        LETTERS[letter]("ja", moment)
        (message,) = letters_to(TOWN_HALL, letter)
        everything = message.as_string() + "".join(
            str(part.get_content()) for part in message.walk() if part.get_content_maintype() == "text"
        )
        assert [word for word in ("zoom.us", "000 0000 0000", "123456") if word in everything] == []


class TestAddressees:
    @pytest.mark.parametrize(
        ("who", "contact", "first_lines"),
        [
            pytest.param((TAKASAKI,), {}, ["見本市 企画課", "\u9ad9\ufa11 洋子 様"], id="one"),
            pytest.param(
                (TAKASAKI, replace(YOSHIDA, email="")),
                {},
                ["見本市 企画課", "\u9ad9\ufa11 洋子 様（ほか1名）"],
                id="two",
            ),
            pytest.param(
                (TAKASAKI,),
                {"contact_name": "総務 係"},
                ["見本市 企画課", "総務 係 様（ほか1名）"],
                id="for one",
            ),
            pytest.param(
                (TAKASAKI, replace(YOSHIDA, email="")),
                {"contact_name": "総務 係"},
                ["見本市 企画課", "総務 係 様（ほか2名）"],
                id="for two",
            ),
            pytest.param(
                (replace(YAMADA, department="", email=""),),
                {},
                ["株式会社サンプル", "山田 太郎 様"],
                id="no department",
            ),
            pytest.param(
                (replace(YAMADA, organisation="", department="", email="", given_name=""),),
                {},
                ["山田 様"],
                id="one name",
            ),
        ],
    )
    def test_by_name(self, app: Flask, who: tuple, contact: dict[str, str], first_lines: list[str]) -> None:
        registration.register(a_seminar(), mine("ja", *who, **contact))
        assert the_text().split("\n")[: len(first_lines)] == first_lines

    def test_an_own_address_gets_only_own_data(self, app: Flask, moment) -> None:
        found = registration.register(a_seminar(), mine("ja", TAKASAKI, YOSHIDA, contact_name="総務 係"))
        text = the_text("yoshida@city.example.lg.jp")
        assert text.split("\n")[:2] == ["見本市 情報政策課", "\U00020bb7\u7530 健 様"]
        assert link(found, 2) in text.split("\n")
        for word in (link(found), "\u9ad9\ufa11", "総務 係", f"{found.reference}-1", TOWN_HALL):
            assert word not in text
        assert [f"{found.reference}-{branch}" in the_text() for branch in (1, 2)] == [True, True]

    def test_news_of_one_go_to_that_one_and_the_contact(self, app: Flask) -> None:
        third = replace(YAMADA, email="yamada@example.co.jp")
        found = registration.register(a_seminar(), mine("ja", TAKASAKI, YOSHIDA, third))
        registration.cancel([found.attendees[1]])
        rows = db.session.scalars(select(Message).where(Message.letter == "cancelled").order_by(Message.id))
        assert [one.recipient for one in rows] == [TOWN_HALL, "yoshida@city.example.lg.jp"]

    def test_an_own_letter_follows_the_own_status(self, app: Flask) -> None:
        registration.register(a_seminar(1), mine("ja", TAKASAKI, YOSHIDA))
        rows = db.session.execute(select(Message.letter, Message.recipient).order_by(Message.id)).all()
        assert [tuple(one) for one in rows] == [
            ("confirmed", TOWN_HALL),
            ("waitlisted", "yoshida@city.example.lg.jp"),
        ]

    def test_later_letters_hang_below_the_first(self, app: Flask) -> None:
        found = registration.register(a_seminar(), mine())
        registration.cancel(found.attendees)
        first, second = letters_to(TOWN_HALL)
        assert second["References"] == first["Message-ID"]
        assert first["References"] is None


@pytest.mark.parametrize(
    "title",
    ["な" * 400, "\U0001f600絵文字①㈱~\u2014", "{氏名}［複数］<概要>", "改行のない題名\u202e"],
    ids=["long", "pictures", "like a template", "direction"],
)
def test_difficult_titles(app: Flask, title: str) -> None:
    found = registration.register(a_seminar(title=title), mine())
    (message,) = letters_to(TOWN_HALL)
    assert 0 < len(message["Subject"]) <= 40
    text = text_of(message)
    assert found.reference in text
    assert [one for one in text.split("\n") if columns(one) > 70 and "http" not in one] == []
    if title.startswith("{"):
        assert "{氏名}［複数］<概要>" in text, "what a value holds is copied, never looked at"


def test_statuses_of_the_cast(app: Flask, moment) -> None:
    """The scenes above really lead to the status that their letter speaks of."""
    expected = {
        "confirmed": Status.CONFIRMED,
        "pending": Status.PENDING,
        "waitlisted": Status.WAITLISTED,
        "lottery": Status.LOTTERY,
        "promoted": Status.CONFIRMED,
        "offered": Status.OFFERED,
        "offer_expired": Status.EXPIRED,
        "cancelled": Status.CANCELLED,
    }
    assert {name: scene("ja", moment).attendees[0].status for name, scene in LETTERS.items()} == expected
