"""Letters to many: one registration that cannot be written to stops nobody else's."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from eventsite import clock, registration
from eventsite.db import db, transaction
from eventsite.errors import Busy
from eventsite.mail import mailings
from eventsite.mail.letters import announcements
from eventsite.mail.letters.announcements import LETTER, Announcement, Audience
from eventsite.models import ACTIVE, Event, Mailing, MailingStatus, Message, Registration
from tests.cast import YOSHIDA, an_application, an_event
from tests.fixtures.database import on_both


@pytest.fixture(autouse=True)
def moment(at):
    return at(clock.now())


@pytest.fixture
def event(app: Flask) -> Event:
    return an_event()


def registered(event: Event, count: int) -> list[Registration]:
    """Contacts with one attendee each, who has an address of their own."""
    addresses = [f"n{number}@example.jp" for number in range(count)]
    return [registration.register(event, an_application(YOSHIDA, contact_email=one)) for one in addresses]


def planned(event: Event) -> Mailing:
    everybody = Audience(tuple(ACTIVE), tuple(one.id for one in event.categories))
    details = Announcement("当日の資料", "資料です。", everybody).details()
    with transaction():
        mailing = mailings.plan(event, LETTER, "message-1", clock.now(), None, details)
    assert mailing is not None
    return mailing


def written_to() -> list[int]:
    """The registrations that were written to, once for each letter."""
    query = select(Message.registration_id).where(Message.letter == LETTER).order_by(Message.id)
    return list(db.session.scalars(query))


def spoil(*found: Registration) -> None:
    """Store an address of the attendee that no letter can be headed with; the contact's letter could be written."""
    with transaction():
        for one in found:
            one.attendees[0].email = "yoshida@example.jp\r\nBcc: all@example.jp"


@on_both
def test_who_cannot_be_written_to_holds_up_nobody(event: Event, caplog) -> None:
    found = registered(event, mailings.CHUNK + 3)
    broken = [found[0], found[7], found[8], found[-2]]
    spoil(*broken)
    mailing = planned(event)
    fine = [one.id for one in found if one not in broken]
    assert mailings.work("one") == 2 * len(fine)
    assert sorted(written_to()) == sorted(2 * fine)
    assert (mailing.status, mailing.written) == (MailingStatus.DONE, 2 * len(fine))
    assert mailing.details[mailings.FAILED] == [one.id for one in broken]
    lines = [one.message.partition("\n")[0] for one in caplog.records if one.name == mailings.__name__]
    said = f"mailing {mailing.id} cannot be written to registration"
    assert [line.rpartition(":")[0] for line in lines] == [f"{said} {one.id}" for one in broken]
    assert "yoshida@" not in caplog.text


@on_both
@pytest.mark.parametrize("fault", [Busy(), OperationalError("SELECT 1", {}, Exception("gone"))])
def test_a_database_that_is_away_is_nobodys_fault(
    event: Event, moment, monkeypatch, fault: Exception
) -> None:
    """The chunk is written anew when the lease has ended."""
    found = registered(event, 3)
    mailing = planned(event)
    enqueue = announcements.write

    def write(recipient, *news):
        if recipient.registration.id == found[1].id:
            raise fault
        return enqueue(recipient, *news)

    with monkeypatch.context() as patch:
        patch.setattr(announcements, "write", write)
        with pytest.raises(type(fault)):
            mailings.work("one")
    assert (written_to(), mailing.status) == ([], MailingStatus.WRITING)
    moment.move(timedelta(minutes=6))
    assert mailings.work("two") == 6
    assert (mailing.status, mailings.FAILED in mailing.details) == (MailingStatus.DONE, False)
