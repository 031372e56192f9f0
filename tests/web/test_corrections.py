"""Details and people changed by the office on behalf of attendees."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite.db import db
from eventsite.models import Account, Attendee, Consent, Event, Message, Revision
from eventsite.registration import cancel, register
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, sato, sign_in, suzuki
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)


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


@pytest.fixture
def both(event: Event) -> list[Attendee]:
    return list(register(event, an_application(TAKASAKI, YOSHIDA, category="company")).attendees)


def page_of(one: Attendee) -> str:
    return f"/organiser/events/{one.registration.event.slug}/attendees/{one.number}"


def revisions() -> list[Revision]:
    db.session.rollback()
    return list(db.session.scalars(select(Revision).order_by(Revision.id)))


class TestDetails:
    @on_both
    def test_after_the_closing_too(
        self, client: FlaskClient, event: Event, account: Account, both: list[Attendee], moment
    ) -> None:
        moment.moment = event.start_at
        page = read(client.get(f"{page_of(both[1])}/details"))
        assert page.form["attendees-1-position"] == "係長"
        answer = client.post(f"{page_of(both[1])}/details", data=page.form | {"attendees-1-position": "課長"})
        assert (answer.status_code, answer.headers["Location"]) == (303, page_of(both[1]))
        (revision,) = revisions()
        assert (revision.before, revision.after, revision.account_id) == (
            {"position": "係長"},
            {"position": "課長"},
            account.id,
        )
        text = client.get(page_of(both[1])).text
        assert [words in text for words in ("内容を変更しました。", "係長", "課長", "佐藤 花子")] == [
            True
        ] * 4

    def test_nothing_changed_is_said(
        self, client: FlaskClient, event: Event, account: Account, both: list[Attendee]
    ) -> None:
        address = f"{page_of(both[0])}/details"
        client.post(address, data=read(client.get(address)).form)
        assert "変わったところはありませんでした。" in client.get(page_of(both[0])).text
        assert revisions() == []

    def test_faults_keep_what_was_typed(
        self, client: FlaskClient, event: Event, account: Account, both: list[Attendee]
    ) -> None:
        address = f"{page_of(both[0])}/details"
        sent = read(client.get(address)).form | {"attendees-0-organisation": "", "contact_phone": "x"}
        answer = client.post(address, data=sent)
        page = read(answer)
        assert (answer.status_code, page.form["contact_phone"]) == (422, "x")
        assert set(page.errors) == {"attendees-0-organisation", "contact_phone"}
        assert revisions() == []


class TestReplacement:
    @on_both
    def test_somebody_else_on_the_seat(
        self, client: FlaskClient, event: Event, account: Account, both: list[Attendee]
    ) -> None:
        one = both[1]
        address = f"{page_of(one)}/replacement"
        page = read(client.get(address))
        sent = page.form | {
            "attendees-0-family_name": "大塚",
            "attendees-0-given_name": "福子",
            "consent_group": "y",
        }
        assert client.post(address, data=sent).status_code == 303
        db.session.rollback()
        assert (one.name, one.status, one.number) == ("大塚 福子", "confirmed", both[1].number)
        group = db.session.scalars(select(Consent).order_by(Consent.id.desc())).first()
        assert (group.kind, group.source, group.account_id) == ("group", "staff", account.id)
        assert client.get(page_of(one)).text.count("参加者の差し替え") > 0
        assert client.post(address, data=sent).status_code == 422, "the page was of the former person"
        assert db.session.scalar(select(Message.letter).where(Message.letter == "changed")) == "changed"

    def test_the_agreement_is_needed(
        self, client: FlaskClient, event: Event, account: Account, both: list[Attendee]
    ) -> None:
        address = f"{page_of(both[0])}/replacement"
        sent = read(client.get(address)).form | {"attendees-0-family_name": "大塚"}
        answer = client.post(address, data=sent)
        assert (answer.status_code, list(read(answer).errors)) == (422, ["consent_group"])
        assert both[0].family_name == TAKASAKI.family_name


class TestDoors:
    @pytest.mark.parametrize("path", ["details", "replacement"])
    def test_not_for_staff(self, client: FlaskClient, event: Event, both: list[Attendee], path: str) -> None:
        sign_in(client, suzuki(event))
        assert client.get(f"{page_of(both[0])}/{path}").status_code == 403
        assert client.post(f"{page_of(both[0])}/{path}").status_code == 403

    @pytest.mark.parametrize("path", ["details", "replacement"])
    def test_only_for_who_takes_part(
        self, client: FlaskClient, event: Event, account: Account, both: list[Attendee], path: str
    ) -> None:
        cancel(both)
        assert client.get(f"{page_of(both[0])}/{path}").status_code == 303
        assert client.post(f"{page_of(both[0])}/{path}").status_code == 303
        assert "お申し込みはすでに有効ではないため、変更できません。" in client.get(page_of(both[0])).text
