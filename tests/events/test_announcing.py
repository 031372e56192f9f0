"""The verb announce: what it refuses, that one form sends once, and that it can be called off."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select

from eventsite.db import db
from eventsite.errors import Refusal
from eventsite.events.announcing import LONGEST_TEXT, announce, call_off
from eventsite.mail import mailings
from eventsite.mail.letters.announcements import Announcement, Audience
from eventsite.models import ACTIVE, AuditEntry, Event, Mailing, MailingStatus, Status
from eventsite.registration import register
from tests.cast import an_application, an_event, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    found = an_event()
    register(found, an_application())
    return found


def to_all(
    event: Event, subject: str = "当日の資料", text: str = "資料です。", **audience: object
) -> Announcement:
    usual = {"statuses": tuple(ACTIVE), "categories": tuple(one.id for one in event.categories)}
    return Announcement(subject, text, Audience(**(usual | audience)))  # type: ignore[arg-type]


def stored() -> list[Mailing]:
    db.session.rollback()
    return list(db.session.scalars(select(Mailing).order_by(Mailing.id)))


@on_both
def test_one_key_plans_one_mailing(event: Event) -> None:
    by = sato(event)
    first = announce(event, to_all(event), "key", by)
    assert first is not None
    assert announce(event, to_all(event, text="別の本文"), "key", by) is None
    (one,) = stored()
    assert (one.letter, one.status, one.due_at, one.account_id) == (
        "organiser_message",
        MailingStatus.PLANNED,
        NOW,
        by.id,
    )
    assert (one.details["subject"], one.details["text"]) == ("当日の資料", "資料です。")
    recorded = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "mailing.planned")).all()
    assert [entry.details["letter"] for entry in recorded] == ["organiser_message"]


def test_another_key_and_another_event_are_other_mailings(event: Event) -> None:
    other = an_event()
    register(other, an_application())
    keys = [(event, "a"), (event, "b"), (other, "a"), (event, "x" * 5000), (event, "\ud800")]
    assert [announce(one, to_all(one), key, None) is not None for one, key in keys] == [True] * 5


@on_both
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "あ" * 41}, "subject"),
        ({"subject": "件名\r\nBcc: victim@example.jp"}, "subject"),
        ({"subject": "件名\x00"}, "subject"),
        ({"subject": "\ue000"}, "subject"),
        ({"subject": "\U0001f389"}, "subject"),
        ({"text": ""}, "text"),
        ({"text": "あ" * (LONGEST_TEXT + 1)}, "text"),
        ({"text": "本文\r\n"}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"statuses": ()}, "statuses"),
        ({"statuses": (Status.LOTTERY,)}, "statuses"),
        ({"categories": ()}, "statuses"),
        ({"attendee": 2**31 - 1}, "statuses"),
    ],
)
def test_refused(event: Event, changes: dict[str, object], field: str) -> None:
    with pytest.raises(Refusal) as refused:
        announce(event, to_all(event, **changes), "key", None)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.field) == ("invalid", field)
    assert stored() == []


def test_as_long_as_it_may_be(event: Event) -> None:
    text = "𠮷" * LONGEST_TEXT
    assert announce(event, to_all(event, "𠮷" * 40, text), "key", None) is not None


def test_not_to_somebody_of_another_event(event: Event) -> None:
    elsewhere = register(an_event(), an_application()).attendees[0]
    with pytest.raises(Refusal):
        announce(event, to_all(event, attendee=elsewhere.id), "key", None)


@on_both
def test_called_off(event: Event) -> None:
    by = sato(event)
    mailing = announce(event, to_all(event), "key", by)
    assert mailing is not None
    assert call_off(mailing, by)
    assert mailings.work("tester") == 0
    assert not call_off(mailing, by)
    assert [one.status for one in stored()] == [MailingStatus.DROPPED]


def test_too_late_to_call_off(event: Event) -> None:
    mailing = announce(event, to_all(event), "key", None)
    assert mailing is not None
    assert mailings.work("tester") == 1
    assert not call_off(mailing, None)
    assert [one.status for one in stored()] == [MailingStatus.DONE]
