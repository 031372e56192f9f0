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

from eventsite import clock, registration, tokens
from eventsite.db import db, transaction
from eventsite.mail import letters
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording.typeset import columns
from eventsite.models import (
    Attendee,
    Event,
    Format,
    Message,
    ParticipationMode,
    Registration,
    Status,
)
from eventsite.registration.moves import move
from tests.cast import TAKASAKI, TOWN_HALL, YAMADA, YOSHIDA, an_application, an_event, people, sato, suzuki
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


def a_draw(found: Registration, *results: Status) -> Registration:
    """Draw the entries of one registration, with these results in the order of the attendees."""
    with transaction():
        for one, status in zip(found.attendees, results, strict=True):
            move(one, status, "drawn", clock.now(), None)
        places = {one.id: 7 + one.branch for one in found.attendees if one.status == Status.WAITLISTED}
        letters.drawn(found.attendees, clock.now(), places)
    return found


def won(locale: str, moment) -> Registration:
    return a_draw(lottery(locale, moment), Status.CONFIRMED)


def lost(locale: str, moment) -> Registration:
    return a_draw(lottery(locale, moment), Status.LOST)


def waitlist_ended(locale: str, moment) -> Registration:
    found = waitlisted(locale, moment)
    registration.end_waiting(found.event, found.event.categories, sato(found.event))
    return found


def changed(locale: str, moment) -> Registration:
    found = confirmed(locale, moment)
    with transaction():
        letters.changed(found, [CHANGE[locale]], clock.now())
    return found


def cancelled_by_office(locale: str, moment) -> Registration:
    found = confirmed(locale, moment)
    registration.cancel(found.attendees, by=suzuki(found.event))
    return found


def link_resent(locale: str, moment) -> Registration:
    found = confirmed(locale, moment)
    with transaction():
        letters.link_resent(Recipient(found), clock.now())
    return found


def address_changed(locale: str, moment) -> Registration:
    found = registration.register(a_seminar(), mine(locale, contact_email=FORMER))
    return readdressed(found)


def readdressed(found: Registration, attendee: Attendee | None = None) -> Registration:
    """Give the contact, or an attendee, the town hall's address instead of the former one."""
    row: Any = attendee or found
    with transaction():
        row.link_version += 1
        if attendee:
            attendee.email = TOWN_HALL
        else:
            found.contact_email = TOWN_HALL
        letters.address_changed(found, FORMER, clock.now(), attendee)
    return found


CHANGE = {"ja": "電話番号　変更前：026-000-0000　変更後：026-000-1111", "en": "Telephone: 026-000-1111"}
FORMER = "former@city.example.lg.jp"
LETTERS: dict[str, Callable[[str, Any], Registration]] = {
    one.__name__: one
    for one in (
        *(confirmed, pending, waitlisted, lottery, won, lost, promoted, offered, offer_expired),
        *(waitlist_ended, changed, cancelled, cancelled_by_office, link_resent, address_changed),
    )
}
WITHOUT_LINK = {"cancelled", "cancelled_by_office", "offer_expired", "waitlist_ended"}


def letters_to(address: str, letter: str | None = None) -> list[EmailMessage]:
    query = select(Message).where(Message.recipient == address).order_by(Message.id)
    rows = [one for one in db.session.scalars(query) if letter in {None, one.letter}]
    parsed = [message_from_bytes(one.mime or b"", policy=email.policy.default) for one in rows]
    assert [one["Subject"] for one in parsed] == [one.subject for one in rows]
    return parsed  # type: ignore[return-value]


def methods_of(message: EmailMessage) -> list[object]:
    """The METHODs of the entries that stand in the body, where calendars read them as news."""
    calendars = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    return [part.get_param("method") for part in calendars]


def entry_in(message: EmailMessage) -> dict[str, str]:
    """The attached calendar entry, its lines by name."""
    (part,) = [one for one in message.walk() if one.get_content_type() == "application/ics"]
    lines = part.get_content().decode().replace("\r\n ", "").split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def the_text(address: str = TOWN_HALL, letter: str | None = None) -> str:
    return text_of(letters_to(address, letter)[-1])


def link(found: Registration, branch: int | None = None) -> str:
    one = found.attendees[branch - 1] if branch else found
    kind = "attendee" if branch else "registration"
    return f"{PUBLIC_URL}/r/{tokens.derive(kind, one.id, one.link_version)}"


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
            [] if letter in WITHOUT_LINK else [own]
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
        given = ("confirmed", "won", "promoted", "address_changed")
        expected = dict.fromkeys(given, ["REQUEST"]) | dict.fromkeys(
            ("cancelled", "cancelled_by_office"), ["CANCEL"]
        )
        assert methods_of(message) == expected.get(letter, [])
        copies = [part for part in message.walk() if part.get_content_type() == "application/ics"]
        assert len(copies) == len(expected.get(letter, [])) or letter in {"changed", "link_resent"}


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
        (
            "won",
            "【当選】12月24日（水）10:00 はじめての自治体DX",
            [
                "抽選の結果、当選となりましたので、お知らせいたします。次のとおり、ご参加が確定しています。",
                "12月24日（水）10:00までに、上の確認ページでお取り消しください。",
            ],
        ),
        (
            "lost",
            "【落選】12月24日（水）10:00 はじめての自治体DX",
            ["誠に残念ながら、今回は落選となりました。", "ご希望に沿えず、申し訳ございません。"],
        ),
        (
            "waitlist_ended",
            "【キャンセル待ち終了】12月24日（水）10:00 はじめての自治体DX",
            ["誠に残念ながら、今回はご参加いただけません。", "-1　繰上げなし"],
        ),
        (
            "changed",
            "【変更完了】12月24日（水）10:00 はじめての自治体DX",
            ["次のとおり変更しました。電話番号　変更前：026-000-0000　変更後：026-000-1111■ 受付番号"],
        ),
        (
            "cancelled_by_office",
            "【参加取消】12月24日（水）10:00 はじめての自治体DX",
            ["事務局において、次の参加者のお申し込みを取り消しましたので、お知らせいたします。"],
        ),
        (
            "link_resent",
            "【確認ページのURL】12月24日（水）10:00 はじめての自治体DX",
            ["このメールによって、お申し込みの内容が変わることはありません。"],
        ),
        (
            "address_changed",
            "【連絡先変更】12月24日（水）10:00 はじめての自治体DX",
            ["以前にお送りした確認ページのURLは、ご利用いただけません。"],
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
        "letter",
        [
            *("pending", "waitlisted", "lottery", "lost", "offered", "offer_expired"),
            *("waitlist_ended", "cancelled", "cancelled_by_office"),
        ],
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


class TestDraws:
    def test_a_place_on_the_waitlist(self, app: Flask, moment) -> None:
        a_draw(lottery("ja", moment), Status.WAITLISTED)
        (message,) = letters_to(TOWN_HALL, "lost")
        assert message["Subject"].startswith("【落選・キャンセル待ち】12月24日（水）10:00 ")
        flowing = text_of(message).replace("\n", "")
        assert (
            "キャンセル待ちの順番は、8番目です。空きが出ましたら、順番にメールでお知らせします。" in flowing
        )
        assert "またの機会に" not in flowing

    @pytest.mark.parametrize(
        ("rest", "line"),
        [
            (
                Status.WAITLISTED,
                "キャンセル待ちの順番は、9番目です。空きが出ましたら、順番にメールでお知らせします。■",
            ),
            (Status.LOST, "■"),
        ],
    )
    def test_a_mixed_result(self, app: Flask, rest: Status, line: str) -> None:
        found = registration.register(a_seminar(rule={"selection": "lottery"}), mine("ja", *people(3)))
        a_draw(found, Status.CONFIRMED, rest, rest)
        (message,) = letters_to(TOWN_HALL, "won")
        assert message["Subject"].startswith("【一部当選】12月24日（水）10:00 ")
        flowing = text_of(message).replace("\n", "")
        assert f"参加者のうち2名は、落選となりました。{line}" in flowing
        assert letters_to(TOWN_HALL, "lost") == []

    def test_an_own_address_hears_of_its_own_result(self, app: Flask) -> None:
        found = registration.register(a_seminar(rule={"selection": "lottery"}), mine("ja", TAKASAKI, YOSHIDA))
        a_draw(found, Status.CONFIRMED, Status.LOST)
        rows = db.session.execute(select(Message.letter, Message.recipient).order_by(Message.id)).all()
        assert [tuple(one) for one in rows[2:]] == [("won", TOWN_HALL), ("lost", YOSHIDA.email)]
        assert "【落選】" in letters_to(YOSHIDA.email)[-1]["Subject"]

    def test_the_same_draw_is_told_once(self, app: Flask, moment) -> None:
        found = won("ja", moment)
        with transaction():
            letters.drawn(found.attendees, clock.now(), {})
        assert len(letters_to(TOWN_HALL, "won")) == 1


class TestEndOfWaiting:
    def test_others_of_the_registration_still_come(self, app: Flask) -> None:
        found = registration.register(a_seminar(1), mine("ja", *people(2)))
        registration.end_waiting(found.event, found.event.categories, sato(found.event))
        text = the_text(letter="waitlist_ended")
        assert "今回は次の方にご参加いただけません。" in text.replace("\n", "")
        assert (
            f"\n\n  2. 参加 者2 様（自治体職員）　{found.reference}-2　繰上げなし\n\nお待ちいただいた" in text
        )
        assert "\n\nほかの参加者のお申し込みは、そのまま有効です。\n\n■ 受付番号" in text
        assert link(found) in text.split("\n")


class TestTheOfficeCancels:
    def test_with_its_reason(self, app: Flask) -> None:
        found = registration.register(a_seminar(), mine("ja", TAKASAKI, YOSHIDA))
        registration.cancel([found.attendees[1]], by=sato(found.event), reason="お電話でのお申し出\nにより")
        assert letters_to(TOWN_HALL, "cancelled") == []
        (message,) = letters_to(TOWN_HALL, "cancelled_by_office")
        text = text_of(message)
        assert "\n\n理由：お電話でのお申し出\nにより\n\n" in text
        assert link(found) in text.split("\n")
        assert methods_of(message) == [], "the contact still has somebody who comes"
        assert methods_of(letters_to(YOSHIDA.email, "cancelled_by_office")[0]) == ["CANCEL"]

    def test_undone_it_gives_the_entry_again(self, app: Flask, moment) -> None:
        found = cancelled_by_office("ja", moment)
        moment.move(timedelta(minutes=1))
        with transaction():
            move(found.attendees[0], Status.CONFIRMED, "restored", clock.now(), None)
            letters.restored(found.attendees, clock.now())
        first, gone, again = letters_to(TOWN_HALL)
        assert [methods_of(one) for one in (first, gone, again)] == [["REQUEST"], ["CANCEL"], ["REQUEST"]]
        entries = [entry_in(one) for one in (first, gone, again)]
        assert [(one["UID"], one["SEQUENCE"]) for one in entries] == [
            (entries[0]["UID"], number) for number in "012"
        ]
        assert again["Subject"].startswith("【申込完了】")


class TestChanges:
    def test_the_entry_goes_along_as_it_was(self, app: Flask, moment) -> None:
        changed("ja", moment)
        first, second = letters_to(TOWN_HALL)
        assert methods_of(second) == []
        assert entry_in(second) == entry_in(first)

    def test_the_entry_changes_with_what_it_says(self, app: Flask, moment) -> None:
        found = confirmed("ja", moment)
        moment.move(timedelta(minutes=1))
        with transaction():
            found.event.title = "あたらしい題名"
            letters.changed(found, ["題名"], clock.now())
        first, second = letters_to(TOWN_HALL)
        assert methods_of(second) == ["REQUEST"]
        assert [entry_in(one)["SEQUENCE"] for one in (first, second)] == ["0", "1"]
        assert entry_in(second)["UID"] == entry_in(first)["UID"]

    def test_only_whom_it_concerns_hears_of_it(self, app: Flask) -> None:
        third = replace(YAMADA, email="yamada@example.co.jp")
        found = registration.register(a_seminar(), mine("ja", TAKASAKI, YOSHIDA, third))
        with transaction():
            letters.changed(found, ["役職"], clock.now(), about=[found.attendees[1]])
        rows = db.session.scalars(select(Message).where(Message.letter == "changed").order_by(Message.id))
        assert [one.recipient for one in rows] == [TOWN_HALL, YOSHIDA.email]

    def test_who_is_not_confirmed_has_no_entry(self, app: Flask, moment) -> None:
        found = pending("ja", moment)
        with transaction():
            letters.changed(found, ["役職"], clock.now())
        (message,) = letters_to(TOWN_HALL, "changed")
        assert [part.get_content_type() for part in message.walk()] == ["text/plain"]
        assert "/calendar" not in text_of(message)


class TestReplaced:
    def swap(self, found: Registration, email: str) -> None:
        attendee = found.attendees[-1]
        with transaction():
            former = letters.former(attendee)
            attendee.family_name, attendee.given_name, attendee.email = "大塚", "福子", email
            attendee.link_version += 1
            lines = ["参加者2　変更前：\U00020bb7\u7530 健 様　変更後：大塚 福子 様"]
            letters.replaced(attendee, former, lines, clock.now())

    def test_three_letters(self, app: Flask) -> None:
        found = registration.register(a_seminar(), mine("ja", TAKASAKI, YOSHIDA))
        (before,) = letters_to(YOSHIDA.email)
        self.swap(found, "otsuka@city.example.lg.jp")
        rows = db.session.execute(select(Message.letter, Message.recipient).order_by(Message.id)).all()
        assert [tuple(one) for one in rows[2:]] == [
            ("cancelled", YOSHIDA.email),
            ("changed", TOWN_HALL),
            ("confirmed", "otsuka@city.example.lg.jp"),
        ]
        (gone,) = letters_to(YOSHIDA.email, "cancelled")
        assert (methods_of(gone), entry_in(gone)["UID"]) == (["CANCEL"], entry_in(before)["UID"])
        text = text_of(gone)
        assert text.startswith("見本市 情報政策課\n\U00020bb7\u7530 健 様\n")
        assert text.count(f"  2. \U00020bb7\u7530 健 様（自治体職員）　{found.reference}-2　取消\n") == 2
        assert [word for word in ("大塚", "/r/", "\u9ad9\ufa11") if word in text] == []
        (new,) = letters_to("otsuka@city.example.lg.jp")
        assert methods_of(new) == ["REQUEST"]
        assert entry_in(new)["SEQUENCE"] == "0"
        assert entry_in(new)["UID"] not in {entry_in(one)["UID"] for one in [before, *letters_to(TOWN_HALL)]}
        assert link(found, 2) in text_of(new).split("\n")
        told = the_text(letter="changed")
        assert "\n\n参加者2　変更前：\U00020bb7\u7530 健 様　変更後：大塚 福子 様\n\n■ 受付番号" in told

    def test_without_own_addresses_the_contact_alone_hears_of_it(self, app: Flask) -> None:
        found = registration.register(a_seminar(), mine("ja", TAKASAKI, replace(YOSHIDA, email="")))
        self.swap(found, "")
        rows = db.session.execute(select(Message.letter, Message.recipient).order_by(Message.id)).all()
        assert [tuple(one) for one in rows] == [("confirmed", TOWN_HALL), ("changed", TOWN_HALL)]

    def test_who_waits_goes_on_waiting(self, app: Flask) -> None:
        found = registration.register(a_seminar(1), mine("ja", TAKASAKI, YOSHIDA))
        self.swap(found, "otsuka@city.example.lg.jp")
        (gone,) = letters_to(YOSHIDA.email, "cancelled")
        assert methods_of(gone) == []
        (new,) = letters_to("otsuka@city.example.lg.jp")
        assert new["Subject"].startswith("【キャンセル待ち】")


class TestAgain:
    @pytest.mark.parametrize(
        ("letter", "again"),
        [
            *((name, name) for name in ("confirmed", "pending", "waitlisted", "lottery", "offered")),
            ("promoted", "confirmed"),
            ("won", "confirmed"),
            *((name, "link_resent") for name in ("cancelled", "offer_expired", "waitlist_ended", "lost")),
        ],
    )
    def test_tells_the_present_state(self, app: Flask, moment, letter: str, again: str) -> None:
        found = LETTERS[letter]("ja", moment)
        moment.move(timedelta(minutes=1))
        with transaction():
            written = letters.state_again(Recipient(found), clock.now(), {found.attendees[0].id: 2})
        assert written is not None
        assert (written.letter, written.recipient) == (again, TOWN_HALL)
        assert link(found) in the_text().split("\n")

    @pytest.mark.parametrize("letter", ["confirmed", "promoted", "won"])
    def test_repeats_the_entry_byte_by_byte(self, app: Flask, moment, letter: str) -> None:
        found = LETTERS[letter]("ja", moment)
        moment.move(timedelta(days=1))
        with transaction():
            letters.state_again(Recipient(found), clock.now(), {})
        first, again = (letters_to(TOWN_HALL, letter)[0], letters_to(TOWN_HALL)[-1])
        assert entry_in(again) == entry_in(first)
        assert methods_of(again) == ["REQUEST"]

    def test_one_press_is_one_letter(self, app: Flask, moment) -> None:
        found = confirmed("ja", moment)
        for step in (0, 10, 50):
            moment.move(timedelta(seconds=step))
            with transaction():
                letters.state_again(Recipient(found), clock.now(), {})
        assert len(letters_to(TOWN_HALL)) == 1 + 2, "the third press came in another minute"

    def test_the_day_of_the_answer_is_that_of_the_first_letter(self, app: Flask, moment) -> None:
        found = pending("ja", moment)
        moment.move(timedelta(days=1))
        with transaction():
            letters.state_again(Recipient(found), clock.now(), {})
        moment.move(timedelta(days=5))
        with transaction():
            letters.state_again(Recipient(found), clock.now(), {})
        texts = [text_of(one).replace("\n", "") for one in letters_to(TOWN_HALL)]
        promise = "結果は、12月4日（木）までにメールでお知らせします。"
        assert [promise in one for one in texts] == [True, True, False]
        assert "結果は" not in texts[2]

    def test_a_link_comes_once_an_hour(self, app: Flask, moment) -> None:
        found = confirmed("ja", moment)
        for minutes in (0, 59, 1):
            moment.move(timedelta(minutes=minutes))
            with transaction():
                letters.link_resent(Recipient(found), clock.now())
        assert len(letters_to(TOWN_HALL, "link_resent")) == 2


class TestNewAddress:
    def test_the_former_one_learns_no_more_than_that(self, app: Flask, moment) -> None:
        found = address_changed("ja", moment)
        first, told = letters_to(FORMER)
        assert text_of(told) == (
            "見本市 企画課\n\u9ad9\ufa11 洋子 様\n\n"
            "お申し込みの連絡先メールアドレスを変更しました。\n"
            "以前にお送りした確認ページのURLは、ご利用いただけません。\n\n"
            "お心当たりのない場合やご不明な点がある場合は、お手数ですが、\n下記までご連絡ください。\n"
            "―――――――――――――――\n"
            "一般社団法人自治体DX推進協議会（GDX）　GDX事務局\nメール　seminar@gdx.example.jp\n"
        )
        assert TOWN_HALL not in told.as_string()
        assert methods_of(told) == ["CANCEL"]
        (new,) = letters_to(TOWN_HALL)
        uids = [entry_in(one)["UID"] for one in (first, told, new)]
        assert uids[0] == uids[1] != uids[2]
        assert [entry_in(one)["SEQUENCE"] for one in (first, told, new)] == ["0", "1", "0"]
        assert link(found) in text_of(new).split("\n")

    def test_an_attendee_s_own(self, app: Flask) -> None:
        own = replace(YOSHIDA, email=FORMER)
        found = registration.register(
            a_seminar(), mine("ja", TAKASAKI, own, contact_email="soumu@city.example.lg.jp")
        )
        readdressed(found, found.attendees[1])
        (new,) = letters_to(TOWN_HALL)
        assert text_of(new).startswith("見本市 情報政策課\n\U00020bb7\u7530 健 様\n")
        assert link(found, 2) in text_of(new).split("\n")
        assert len(letters_to("soumu@city.example.lg.jp")) == 1
        assert [one["Subject"][:7] for one in letters_to(FORMER)] == ["【申込完了】1", "【連絡先変更】"]


def test_a_contact_without_an_address_gets_no_mail(app: Flask) -> None:
    found = registration.register(a_seminar(), mine("ja", TAKASAKI, YOSHIDA, contact_email=""))
    registration.cancel(found.attendees)
    rows = db.session.execute(select(Message.letter, Message.recipient).order_by(Message.id)).all()
    assert [tuple(one) for one in rows] == [("confirmed", YOSHIDA.email), ("cancelled", YOSHIDA.email)]


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
        "won": Status.CONFIRMED,
        "lost": Status.LOST,
        "waitlist_ended": Status.LOST,
        "changed": Status.CONFIRMED,
        "cancelled_by_office": Status.CANCELLED,
        "link_resent": Status.CONFIRMED,
        "address_changed": Status.CONFIRMED,
    }
    assert {name: scene("ja", moment).attendees[0].status for name, scene in LETTERS.items()} == expected
