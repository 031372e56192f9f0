"""Letters about the event itself: to whom, which one of them, and what it says in both languages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite import registration
from eventsite.db import db, transaction
from eventsite.events import operations, telling
from eventsite.mail import mailings
from eventsite.models import Account, Event, Format, Mailing, MailingStatus, Message, ParticipationMode
from tests.cast import TAKASAKI, TOWN_HALL, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
START = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
LATER = datetime(2026, 1, 14, 1, 0, tzinfo=UTC)
LINK = "https://zoom.us/j/00000000000?pwd=example"
OTHER_LINK = "https://zoom.us/j/11111111111?pwd=example"
AN_HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def moment(at: Callable[[datetime], Any]) -> Any:
    """It is Monday, 1 December 2025, 10:00 in Japan."""
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    found = an_event(start_at=START, end_at=START + AN_HOUR, capacities={"local_gov": 2, "company": 9})
    with transaction():
        found.category("company").approval = "manual"
    return found


@pytest.fixture
def by(event: Event) -> Account:
    return sato(event)


def change(event: Event, by: Account, reason: str = "", **values: Any) -> None:
    operations.change(event, values, by, tell=True, reason=reason)


def moved_to(start: datetime) -> dict[str, datetime]:
    return {"start_at": start, "end_at": start + AN_HOUR}


def work() -> None:
    for _ in range(3):
        mailings.work("worker")


def news() -> list[tuple[str, str]]:
    """Let the worker write; return letter and address of what came after the registrations."""
    work()
    query = select(Message).where(Message.mailing_id.is_not(None)).order_by(Message.id)
    return [(one.letter, one.recipient) for one in db.session.scalars(query)]


def text_of(letter: str, address: str = TOWN_HALL) -> tuple[str, str]:
    """Return subject and text of the last such letter to an address, as they leave."""
    work()
    query = select(Message).where(Message.letter == letter, Message.recipient == address)
    row = db.session.scalars(query.order_by(Message.id.desc())).first()
    parsed: Any = message_from_bytes(row.mime or b"", policy=policy.default)
    return parsed["Subject"], parsed.get_body(("plain",)).get_content().replace("\r\n", "\n")


def everybody(event: Event) -> None:
    """A group of whom one has an own address, one who waits, one who asks for approval, one who has cancelled."""
    registration.register(event, an_application(TAKASAKI, YOSHIDA))
    registration.register(event, an_application(*people(1), contact_email="waits@town.example.jp"))
    registration.register(
        event, an_application(*people(1), contact_email="asks@example.jp", category="company")
    )
    gone = registration.register(event, an_application(*people(1), contact_email="gone@town.example.jp"))
    registration.cancel(gone.attendees)


class TestRecipients:
    """D72: whoever has something to expect; how to join is for those who are confirmed."""

    ACTIVE = (TOWN_HALL, YOSHIDA.email, "waits@town.example.jp", "asks@example.jp")

    @on_both
    @pytest.mark.parametrize(
        ("values", "letter"),
        [(moved_to(LATER), "rescheduled"), ({"title": "改題"}, "event_changed")],
        ids=["rescheduled", "event_changed"],
    )
    def test_everybody_who_is_still_registered(
        self, event: Event, by: Account, values: dict[str, Any], letter: str
    ) -> None:
        everybody(event)
        change(event, by, **values)
        assert news() == [(letter, one) for one in self.ACTIVE]

    @on_both
    def test_of_the_end_too(self, event: Event, by: Account) -> None:
        everybody(event)
        telling.cancel(event, by)
        assert news() == [("event_cancelled", one) for one in self.ACTIVE]

    @on_both
    def test_the_link_is_for_those_who_have_a_seat(self, event: Event, by: Account) -> None:
        everybody(event)
        change(event, by, join_url=LINK)
        assert news() == [("join_info", TOWN_HALL), ("join_info", YOSHIDA.email)]

    def test_and_take_part_online(self, event: Event, by: Account) -> None:
        with transaction():
            event.format = Format.HYBRID
            event.modes += [ParticipationMode(key=one, label=one) for one in ("venue", "online")]
        for way in ("venue", "online"):
            (person,) = people(1)
            person = type(person)(**{**vars(person), "participation": way})
            registration.register(event, an_application(person, contact_email=f"{way}@town.example.jp"))
        change(event, by, join_url=LINK)
        assert news() == [("join_info", "online@town.example.jp")]

    def test_who_registers_afterwards_knows_it_already(self, event: Event, by: Account, moment) -> None:
        change(event, by, **moved_to(LATER))
        registration.register(event, an_application())
        moment.move(timedelta(seconds=1))
        change(event, by, **moved_to(START))
        moment.move(timedelta(seconds=1))
        registration.register(event, an_application(*people(1), contact_email="late@town.example.jp"))
        assert news() == [("rescheduled", TOWN_HALL)]

    def test_nobody_is_told_unless_it_is_asked_for(self, event: Event, by: Account) -> None:
        everybody(event)
        operations.change(event, moved_to(LATER), by)
        assert news() == []
        assert db.session.scalar(select(Mailing.id).where(Mailing.letter == "rescheduled")) is None

    @pytest.mark.parametrize("status", ["over", "cancelled"])
    def test_nobody_hears_of_what_is_over(self, event: Event, by: Account, moment, status: str) -> None:
        everybody(event)
        change(event, by, title="改題")
        if status == "over":
            moment.move(timedelta(days=60))
        else:
            with transaction():
                event.status = "cancelled"
        assert news() == []
        assert db.session.scalars(select(Mailing.status).where(Mailing.letter == "event_changed")).all() == [
            MailingStatus.DROPPED
        ]


class TestOneLetter:
    """One change, one letter, the weightiest; and it says everything (D72)."""

    EVERYTHING: tuple[tuple[str, dict[str, Any]], ...] = (
        ("join_info", {"join_url": OTHER_LINK}),
        ("event_changed", {"title": "改題"}),
        ("rescheduled", moved_to(LATER)),
    )

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_the_weightiest(self, event: Event, by: Account, count: int) -> None:
        operations.change(event, {"join_url": LINK}, by)
        registration.register(event, an_application())
        values: dict[str, Any] = {}
        for letter, one in self.EVERYTHING[:count]:  # noqa: B007 - the last one
            values |= one
        change(event, by, **values)
        assert news() == [(letter, TOWN_HALL)]
        _, text = text_of(letter)
        assert OTHER_LINK in text
        assert "以前のURLはご利用いただけません" in text
        assert ("題名　変更前：はじめての自治体DX　変更後：改題" in text) is (count > 1)
        assert ("変更後　2026年1月14日（水）10:00～11:00" in text) is (count > 2)

    @on_both
    def test_a_second_change_before_the_first_is_written(self, event: Event, by: Account) -> None:
        """Nobody reads of the day in between; the first letter is not written at all."""
        registration.register(event, an_application())
        change(event, by, "会場の都合", **moved_to(START + timedelta(days=1)))
        change(event, by, "講師の都合", title="改題", **moved_to(LATER))
        assert news() == [("rescheduled", TOWN_HALL)]
        _, text = text_of("rescheduled")
        assert "変更前　2025年12月24日（水）10:00～11:00\n\n変更後　2026年1月14日（水）10:00～11:00" in text
        assert "理由：会場の都合\n講師の都合" in text
        assert "題名　変更前：はじめての自治体DX　変更後：改題" in text

    def test_there_and_back_is_no_news(self, event: Event, by: Account) -> None:
        registration.register(event, an_application())
        change(event, by, **moved_to(LATER))
        change(event, by, **moved_to(START))
        assert news() == []

    @on_both
    def test_a_second_change_while_the_first_is_being_written(self, event: Event, by: Account) -> None:
        """Whoever has the first letter reads of the second step, everybody else of both at once."""
        for number in range(mailings.CHUNK + 2):
            registration.register(
                event, an_application(*people(1), contact_email=f"{number}@town.example.jp")
            )
        change(event, by, **moved_to(START + timedelta(days=1)))
        mailings.work("worker", iter([False, True]).__next__)  # stopped after one chunk
        change(event, by, **moved_to(LATER))
        work()
        before = {
            address: text_of("rescheduled", address)[1].partition("変更前　")[2].partition("\n")[0]
            for _letter, address in news()
        }
        assert [day.partition("（")[0] for day in before.values()] == ["2025年12月25日"] * mailings.CHUNK + [
            "2025年12月24日"
        ] * 2
        assert len(news()) == 2 * mailings.CHUNK + 2

    def test_what_means_nothing_to_anybody(self, event: Event, by: Account) -> None:
        registration.register(event, an_application())
        change(event, by, venue_name="会館", passcode="1", abstract="概要", fee_note="無料")
        assert news() == []


class TestWords:
    """What stands in each letter, in both languages; blocks and bytes are looked at elsewhere."""

    @pytest.mark.parametrize("locale", ["ja", "en"])
    def test_rescheduled(self, event: Event, by: Account, locale: str) -> None:
        registration.register(event, an_application(locale=locale))
        change(event, by, "講師の都合により\n変更します", **moved_to(LATER))
        subject, text = text_of("rescheduled")
        assert (
            subject
            == {
                "ja": "【日時変更】1月14日（水）10:00 はじめての自治体DX",
                "en": "[Rescheduled] 14 Jan 2026 (Wed) 10:00 は…",
            }[locale]
        )
        for words in {
            "ja": (
                "変更前　2025年12月24日（水）10:00～11:00\n\n変更後　2026年1月14日（水）10:00～11:00\n\n",
                "理由：講師の都合により\n変更します\n",
                "■ 日　　時　2026年1月14日（水）10:00～11:00（9:50から入室できます）",
                "■ 参加方法",
                "▼ 予定表に登録する",
            ),
            "en": (
                "Before:  Wednesday 24 December 2025, 10:00–11:00 (JST)\n\n",
                "Now:     Wednesday 14 January 2026, 10:00–11:00 (JST)",
                "Reason: 講師の都合により\n変更します\n",
                "How to join:",
                "Put it in your calendar",
            ),
        }[locale]:
            assert words in text
        assert "あわせて" not in text
        assert "too" not in text

    def test_who_waits_reads_nothing_of_joining(self, event: Event, by: Account) -> None:
        registration.register(event, an_application(*people(2)))
        registration.register(event, an_application(contact_email="waits@town.example.jp"))
        change(event, by, join_url=LINK, **moved_to(LATER))
        _, text = text_of("rescheduled", "waits@town.example.jp")
        assert (
            "参加方法" in text.replace("当日の参加方法", ""),
            LINK in text,
            "予定表に登録する（" in text,
        ) == (
            False,
            False,
            False,
        )
        assert "/r/" in text

    @pytest.mark.parametrize("locale", ["ja", "en"])
    def test_changed(self, event: Event, by: Account, locale: str) -> None:
        operations.change(event, {"format": Format.VENUE, "venue_name": "見本会館"}, by)
        registration.register(event, an_application(locale=locale))
        change(event, by, venue_name="例示会館", venue_address="例示市1-1", title="改題", time_status="予定")
        subject, text = text_of("event_changed")
        assert (
            subject
            == {
                "ja": "【内容変更】12月24日（水）10:00 改題",
                "en": "[Changed] 24 Dec 2025 (Wed) 10:00 改題",
            }[locale]
        )
        lines = {
            "ja": [
                "題名　変更前：はじめての自治体DX　変更後：改題",
                "日時　変更前：2025年12月24日（水）10:00～11:00　",
                "変更後：2025年12月24日（水）10:00～11:00（予定）",
                "会場　変更前：見本会館　変更後：例示会館　例示市1-1",
                "お申し込みは、そのまま有効です。",
            ],
            "en": ["はじめての自治体DX", "(provisional)", "Your registration remains valid"],
        }[locale]
        for line in lines:
            assert line in text.replace("\n", "")

    @pytest.mark.parametrize(
        ("before", "after", "subject", "words"),
        [
            ("", LINK, "【参加用URLのお知らせ】", "参加用URLが決まりましたので、お知らせいたします。"),
            (
                LINK,
                OTHER_LINK,
                "【参加用URL変更】",
                "参加用URLを変更しました。以前のURLはご利用いただけません",
            ),
            (LINK, "", "【参加用URL変更】", "以前にお知らせした参加用URLは、ご利用いただけません。"),
        ],
        ids=["new", "another", "none any more"],
    )
    def test_how_to_join(
        self, event: Event, by: Account, before: str, after: str, subject: str, words: str
    ) -> None:
        operations.change(event, {"join_url": before}, by)
        registration.register(event, an_application())
        change(event, by, join_url=after)
        found, text = text_of("join_info")
        assert found == f"{subject}12月24日（水）10:00 はじめての自治体DX"
        assert words in text.replace("\n", "")
        assert (after or "参加用URLは、決まりしだい") in text

    def test_another_passcode_alone(self, event: Event, by: Account) -> None:
        operations.change(event, {"join_url": LINK, "passcode": "1"}, by)
        registration.register(event, an_application())
        change(event, by, passcode="2")
        subject, text = text_of("join_info")
        assert subject.startswith("【参加用URLのお知らせ】")
        assert "参加用URLは、これまでと同じです。" in text.replace("\n", "")
        assert "パスコード　2" in text
        assert "以前のURL" not in text

    @pytest.mark.parametrize("locale", ["ja", "en"])
    @pytest.mark.parametrize(
        "words", [("", ""), ("台風のため\n中止します", "1月の回へどうぞ\nhttps://example.jp/")]
    )
    def test_cancelled(self, event: Event, by: Account, locale: str, words: tuple[str, str]) -> None:
        registration.register(event, an_application(locale=locale))
        telling.cancel(event, by, *words)
        subject, text = text_of("event_cancelled")
        assert (
            subject
            == {
                "ja": "【開催中止】12月24日（水）10:00 はじめての自治体DX",
                "en": "[Called off] 24 Dec 2025 (Wed) 10:00 はじ…",
            }[locale]
        )
        reason = {"ja": "理由：台風のため\n中止します", "en": "Reason: 台風のため\n中止します"}[locale]
        alternative = "1月の回へどうぞ\nhttps://example.jp/"
        assert (reason in text, alternative in text) == (bool(words[0]), bool(words[1]))
        assert ("理由" in text or "Reason" in text) is bool(words[0])
        assert "/r/" not in text
        assert {"ja": "取消", "en": "Cancelled"}[locale] in text
