"""The fixtures that all other tests stand on do what they say."""

import smtplib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page
from sqlalchemy import func, select

from eventsite import clock, registration
from eventsite.db import db
from eventsite.models import Event
from tests import cast
from tests.fixtures import requirements
from tests.fixtures.browser import Watch
from tests.fixtures.database import on_both
from tests.fixtures.live import LiveServer
from tests.fixtures.post import Sink
from tests.fixtures.site import Clock

MORNING = datetime(2026, 1, 15, 1, 0, tzinfo=UTC)


@on_both
@pytest.mark.parametrize("time", [1, 2])
def test_each_test_has_an_empty_database_of_its_own(
    app: Flask, request: pytest.FixtureRequest, time: int
) -> None:
    wanted = request.node.callspec.params["database"].replace("postgres", "postgresql")
    assert db.engine.dialect.name == wanted
    assert db.session.scalar(select(func.count()).select_from(Event)) == 0
    cast.an_event()
    assert db.session.scalar(select(func.count()).select_from(Event)) == 1


def test_the_clock_stands_until_it_is_moved(at: Callable[[datetime], Clock]) -> None:
    stopped = at(MORNING)
    assert clock.now() == clock.now() == MORNING
    stopped.move(timedelta(minutes=5))
    assert clock.now() == datetime(2026, 1, 15, 1, 5, tzinfo=UTC)


def test_requests_share_nothing_but_the_clients_cookies(app: Flask, client: FlaskClient) -> None:
    cast.sign_in(client, cast.sato())
    assert client.get("/organiser/").status_code == 200
    assert app.test_client().get("/organiser/").status_code == 302
    assert client.get("/organiser/").status_code == 200


def test_a_missing_part_of_the_machine_skips_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "STRICT", False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install postgresql"):
        requirements.missing("PostgreSQL", "postgresql")
    monkeypatch.setattr(requirements, "STRICT", True)
    with pytest.raises(pytest.fail.Exception, match="apt-get install postgresql"):
        requirements.missing("PostgreSQL", "postgresql")


def test_the_far_end_of_the_post_answers_as_told(smtp_sink: Sink) -> None:
    smtp_sink.refuses["nobody@example.jp"] = "550 unknown"
    smtp_sink.answers["DATA"] = ["451 later"]
    with smtplib.SMTP("127.0.0.1", smtp_sink.port) as connection:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            connection.sendmail("a@example.jp", "nobody@example.jp", "Subject: one\r\n\r\n")
        with pytest.raises(smtplib.SMTPDataError):
            connection.sendmail("a@example.jp", "b@example.jp", "Subject: two\r\n\r\n")
        connection.sendmail("a@example.jp", "b@example.jp", "Subject: three\r\n\r\n")
    assert [(one.recipients, one.message["Subject"]) for one in smtp_sink.received] == [
        (("b@example.jp",), "three")
    ]
    smtp_sink.stop()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", smtp_sink.port)


@pytest.mark.live
@on_both
def test_the_live_site_sends_what_the_test_has_registered(
    live_server: LiveServer, smtp_sink: Sink, app: Flask
) -> None:
    stored = registration.register(cast.an_event(), cast.an_application())
    live_server.wait_until(lambda: smtp_sink.received != [], "no letter came")
    assert [one.recipients for one in smtp_sink.received] == [(cast.TOWN_HALL,)]
    assert stored.attendees[0].name == "\u9ad9\ufa11 洋子"
    processes = list(live_server.processes.values())
    live_server.end()
    assert [process.poll() for process in processes] == [0, 0]


@pytest.mark.browser
def test_the_browser_reads_japanese_and_tells_where_it_went(page: Page, watch: Watch) -> None:
    pages = {"http://here.test/": '<img alt="" src="http://there.test/a.png">', "http://there.test/a.png": ""}
    page.route("**/*", lambda route: route.fulfill(body=pages[route.request.url], content_type="text/html"))
    page.goto("http://here.test/")
    page.wait_for_load_state("networkidle")
    assert watch.origins == {"http://here.test", "http://there.test"}
    assert page.evaluate("navigator.language") == "ja-JP"
