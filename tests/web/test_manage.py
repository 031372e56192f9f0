"""A registration by the link of its letter: what it shows, what it does, and that opening it does nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from eventsite import tokens
from eventsite.db import Base, db, transaction
from eventsite.models import Attendee, Event, EventStatus, Format, Registration, Status
from eventsite.registration import cancel, register
from tests.cast import TAKASAKI, YAMADA, YOSHIDA, an_application, an_event, people
from tests.fixtures.database import on_both
from tests.web.pages import read

NOW = datetime(2025, 12, 19, 2, 0, tzinfo=UTC)
START = datetime(2025, 12, 26, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


def a_seminar(seats: int | None = 60, **rule: Any) -> Event:
    event = an_event(
        capacities={"local_gov": seats},
        start_at=START,
        end_at=START + timedelta(minutes=90),
        join_url="https://zoom.us/j/0000",
    )
    with transaction():
        for name, value in rule.items():
            setattr(event.category("local_gov"), name, value)
    return event


def link(found: Registration | Attendee) -> str:
    kind = "registration" if isinstance(found, Registration) else "attendee"
    return f"/r/{tokens.derive(kind, found.id, 1)}"


def rows() -> dict[str, int]:
    db.session.rollback()
    return {
        table.name: db.session.scalar(select(func.count()).select_from(table))
        for table in Base.metadata.sorted_tables
    }


def statuses(found: Registration) -> list[Status]:
    db.session.rollback()
    return [one.status for one in found.attendees]


class TestLink:
    @on_both
    def test_opening_never_changes_anything(self, client: FlaskClient) -> None:
        event = a_seminar(1, promotion="offer")
        first = register(event, an_application(*people(1)))
        found = register(event, an_application(TAKASAKI, YOSHIDA))
        cancel(first.attendees)
        before, version = rows(), event.lock_version
        pages = ["", "/calendar", "/invite.ics", "/cancellation", "/attendees/1/cancellation"]
        pages += ["/attendees/2/cancellation", "/attendees/1/acceptance"]
        for path in [link(found) + one for one in pages]:
            for method in ("get", "head", "options"):
                assert getattr(client, method)(path).status_code < 500
        assert (rows(), event.lock_version) == (before, version)
        assert statuses(found) == [Status.OFFERED, Status.WAITLISTED]

    @pytest.mark.parametrize("path", ["", "/calendar", "/invite.ics", "/cancellation", "/nothing"])
    def test_pages_are_nobody_else_s(self, client: FlaskClient, path: str) -> None:
        found = register(a_seminar(), an_application())
        answer = client.get(link(found) + path)
        assert answer.status_code == (404 if path == "/nothing" else 200)
        if path != "/nothing":
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Robots-Tag"] == "noindex"
            assert answer.headers.getlist("Set-Cookie") == []

    def test_a_raised_version_kills_the_old_link(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        old = link(found)
        with transaction():
            found.link_version = 2
            found.link_hash = tokens.digest(tokens.derive("registration", found.id, 2))
        assert client.get(old).status_code == 404
        assert client.get(f"/r/{tokens.derive('registration', found.id, 2)}").status_code == 200

    @pytest.mark.parametrize("wrong", ["GDX-7K3M-Q2", "1", "x" * 43, "x" * 5000])
    def test_what_opens_nothing(self, client: FlaskClient, wrong: str) -> None:
        found = register(a_seminar(), an_application())
        assert client.get(f"/r/{wrong}").status_code == 404
        assert client.get(f"/r/{found.reference}").status_code == 404
        assert client.get(f"/r/{found.link_hash}").status_code == 404
        assert client.get(link(found) + "x").status_code == 404

    def test_an_attendee_s_own_link_shows_that_attendee_alone(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(TAKASAKI, YOSHIDA, YAMADA))
        own = link(found.attendees[1])
        page = client.get(own)
        assert read(page).data["data-status"] == ["confirmed"]
        for name, shown in (("\u9ad9\ufa11", False), ("\U00020bb7\u7530", True), ("山田", False)):
            assert (name in page.text) is shown
        assert "kikaku@" not in page.text
        before = rows()
        for branch in (1, 3, 9):
            assert client.get(f"{own}/attendees/{branch}/cancellation").status_code == 404
            assert client.post(f"{own}/attendees/{branch}/cancellation").status_code == 404
            assert client.post(f"{own}/attendees/{branch}/acceptance").status_code == 404
        assert rows() == before
        assert client.post(f"{own}/cancellation").status_code == 303
        assert statuses(found) == [Status.CONFIRMED, Status.CANCELLED, Status.CONFIRMED]

    def test_the_contact_s_link_shows_all(self, client: FlaskClient) -> None:
        found = register(a_seminar(2), an_application(TAKASAKI, YOSHIDA, YAMADA))
        page = client.get(link(found))
        assert read(page).data["data-status"] == ["confirmed", "confirmed", "waitlisted"]
        assert [f"{found.reference}-{branch}" in page.text for branch in (1, 2, 3)] == [True] * 3

    @pytest.mark.parametrize(
        ("status", "shows"),
        [(one, one == Status.CONFIRMED) for one in Status],
        ids=[one.value for one in Status],
    )
    def test_how_to_join_is_for_the_confirmed(self, client: FlaskClient, status: Status, shows: bool) -> None:
        found = register(a_seminar(), an_application())
        with transaction():
            found.attendees[0].status = status
        for path in ("", "/calendar"):
            assert ("zoom.us" in client.get(link(found) + path).text) is shows

    def test_at_a_venue_there_is_nothing_to_join(self, client: FlaskClient) -> None:
        event = a_seminar()
        with transaction():
            event.format = Format.VENUE
        assert "zoom.us" not in client.get(link(register(event, an_application()))).text

    def test_english_goes_with_the_links(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(locale="en"))
        page = client.get(f"{link(found)}?lang=en")
        assert 'lang="en"' in page.text
        own = [one for one in read(page).links if one.startswith("/r/")]
        assert len(own) > 1
        assert [one for one in own if "lang=" not in one] == []
        answer = client.post(f"{link(found)}/cancellation?lang=en")
        assert answer.headers["Location"].endswith("?lang=en")


class TestCancellation:
    @on_both
    def test_is_a_page_with_a_button(self, client: FlaskClient) -> None:
        event = a_seminar(1)
        found, waiting = (register(event, an_application(one)) for one in people(2))
        page = client.get(f"{link(found)}/cancellation")
        assert 'id="cancellation-form"' in page.text
        assert statuses(found) == [Status.CONFIRMED]
        answer = client.post(f"{link(found)}/cancellation")
        assert (answer.status_code, answer.headers["Location"]) == (303, link(found))
        assert read(client.get(link(found))).data["data-status"] == ["cancelled"]
        assert statuses(waiting) == [Status.CONFIRMED]
        before = rows()
        assert client.post(f"{link(found)}/cancellation").status_code == 303
        assert rows() == before

    def test_of_one_of_several(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application(*people(3)))
        assert client.post(f"{link(found)}/attendees/2/cancellation").status_code == 303
        assert statuses(found) == [Status.CONFIRMED, Status.CANCELLED, Status.CONFIRMED]

    @pytest.mark.parametrize(
        ("moment_of", "status"), [(START - timedelta(seconds=1), 303), (START, 409)], ids=["before", "start"]
    )
    def test_until_the_start(self, client: FlaskClient, moment, moment_of: datetime, status: int) -> None:
        found = register(a_seminar(), an_application())
        moment.moment = moment_of
        answer = client.post(f"{link(found)}/cancellation")
        assert answer.status_code == status
        if status == 409:
            assert read(answer).data["data-refusal"] == ["closed"]
            assert statuses(found) == [Status.CONFIRMED]
            assert "cancellation" not in client.get(link(found)).text
            assert client.get(f"{link(found)}/cancellation").status_code == 303

    def test_other_sites_cannot_cancel(self, client: FlaskClient) -> None:
        found = register(a_seminar(), an_application())
        for path in ("/cancellation", "/attendees/1/cancellation", "/attendees/1/acceptance"):
            answer = client.post(link(found) + path, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403
        assert statuses(found) == [Status.CONFIRMED]


class TestOffer:
    @pytest.fixture
    def offered(self, app) -> Registration:
        event = a_seminar(1, promotion="offer")
        first, second, third = (
            register(event, an_application(one, contact_email=f"{number}@town.example.lg.jp"))
            for number, one in enumerate(people(3))
        )
        cancel(first.attendees)
        return next(one for one in (second, third) if statuses(one) == [Status.OFFERED])

    def test_is_taken_with_a_button(self, client: FlaskClient, offered: Registration) -> None:
        assert f"{link(offered)}/attendees/1/acceptance" in client.get(link(offered)).text
        answer = client.post(f"{link(offered)}/attendees/1/acceptance")
        assert answer.status_code == 303
        assert statuses(offered) == [Status.CONFIRMED]
        assert client.post(f"{link(offered)}/attendees/1/acceptance").status_code == 303
        assert "zoom.us" in client.get(link(offered)).text

    def test_is_declined_by_cancelling(self, client: FlaskClient, offered: Registration) -> None:
        assert "辞退する" in client.get(link(offered)).text
        client.post(f"{link(offered)}/attendees/1/cancellation")
        assert statuses(offered) == [Status.CANCELLED]

    def test_is_over_at_its_end(self, client: FlaskClient, moment, offered: Registration) -> None:
        until = offered.attendees[0].offer_until
        moment.moment = until
        answer = client.post(f"{link(offered)}/attendees/1/acceptance")
        assert (answer.status_code, read(answer).data["data-refusal"]) == (409, ["closed"])
        assert "回答期限を過ぎています" in answer.text
        assert statuses(offered) == [Status.OFFERED]

    @pytest.mark.parametrize("status", [Status.WAITLISTED, Status.PENDING, Status.CANCELLED, Status.LOST])
    def test_nothing_else_can_be_taken(
        self, client: FlaskClient, offered: Registration, status: Status
    ) -> None:
        with transaction():
            offered.attendees[0].status = status
        assert client.post(f"{link(offered)}/attendees/1/acceptance").status_code == 409
        assert statuses(offered) == [status]


def test_a_cancelled_seminar_says_so(client: FlaskClient) -> None:
    event = a_seminar()
    found = register(event, an_application())
    with transaction():
        event.status = EventStatus.CANCELLED
    page = client.get(link(found))
    assert "このセミナーは中止になりました。" in page.text
    assert "zoom.us" not in page.text


class TestWaiting:
    """Whoever waits reads the place, what became of others at it, and may leave the list (D21)."""

    def after_two_seminars(self, moment) -> Registration:
        """Of six people who began to wait at the first three places, four were confirmed; one more waits now."""
        for _ in range(2):
            past = an_event(
                capacities={"local_gov": 2},
                start_at=moment() + timedelta(days=3),
                end_at=moment() + timedelta(days=4),
            )
            holders = register(past, an_application(*people(2))).attendees
            for one in people(3):
                moment.move(timedelta(minutes=1))
                register(past, an_application(one))
            cancel(holders)
            moment.move(timedelta(days=7))
        event = an_event(capacities={"local_gov": 1}, start_at=moment() + timedelta(days=7))
        register(event, an_application(*people(1)))
        return register(event, an_application(TAKASAKI))

    def test_reads_what_became_of_others(self, client: FlaskClient, moment) -> None:
        found = self.after_two_seminars(moment)
        page = client.get(link(found)).text
        assert "キャンセル待ち 1" in page
        estimate = "これまでの2回のセミナーでは、1～3番目から待ち始めた6名のうち4名の参加が確定しました。"
        assert estimate in page
        cancel(found.attendees)
        assert estimate not in client.get(link(found)).text

    def test_reads_nothing_without_data(self, client: FlaskClient) -> None:
        event = a_seminar(1)
        register(event, an_application(TAKASAKI))
        found = register(event, an_application(YAMADA))
        page = client.get(link(found)).text
        assert ("キャンセル待ち 1" in page, "これまで" in page) == (True, False)

    def test_leaves_the_list(self, client: FlaskClient) -> None:
        event = a_seminar(1)
        register(event, an_application(TAKASAKI))
        found = register(event, an_application(YAMADA))
        address = f"{link(found)}/attendees/1/cancellation"
        assert (address in read(client.get(link(found))).links) is True
        assert "キャンセル待ちを取りやめる" in client.get(link(found)).text
        page = client.get(address)
        assert "キャンセル待ちを取りやめますか" in page.text
        client.post(address, data=read(page).form)
        assert statuses(found) == [Status.CANCELLED]

    def test_a_seat_is_cancelled_in_other_words(self, client: FlaskClient) -> None:
        found = register(a_seminar(1), an_application(TAKASAKI, YAMADA))
        assert "お申し込みを取り消しますか" in client.get(f"{link(found)}/cancellation").text
        assert "キャンセル待ちを取りやめますか" in client.get(f"{link(found)}/attendees/2/cancellation").text
