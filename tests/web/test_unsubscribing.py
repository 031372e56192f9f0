"""The way out of letters after an event: a page with a button, one click of a mail program, and the way back."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import registration
from eventsite.db import db
from eventsite.mail.recipients import Recipient
from eventsite.models import Suppression
from tests.cast import YOSHIDA, an_application, an_event

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def recipients(app: Flask) -> list[Recipient]:
    """The contact, and 𠮷田 with an address of his own."""
    found = registration.register(
        an_event(), an_application(YOSHIDA, contact_email="Kikaku@City.example.lg.jp")
    )
    return [Recipient(found), Recipient(found, found.attendees[0])]


def address(recipient: Recipient, end: str = "") -> str:
    return f"/r/{recipient.token}/unsubscribe{end}"


def stopped() -> list[str]:
    return list(db.session.scalars(select(Suppression.email).order_by(Suppression.email)))


def test_opening_the_page_changes_nothing(client: FlaskClient, recipients: list[Recipient]) -> None:
    answer = client.get(address(recipients[0]))
    assert (answer.status_code, "ご案内を停止する" in answer.get_data(as_text=True)) == (200, True)
    names = ("Cache-Control", "Referrer-Policy", "X-Robots-Tag")
    assert [answer.headers[one] for one in names] == ["no-store", "no-referrer", "noindex"]
    assert "Set-Cookie" not in answer.headers
    client.head(address(recipients[0]))
    assert stopped() == []


def test_the_button_puts_the_address_down_and_the_page_says_so(
    client: FlaskClient, recipients: list[Recipient]
) -> None:
    answer = client.post(address(recipients[0]))
    assert (answer.status_code, answer.location) == (303, address(recipients[0]))
    assert stopped() == ["kikaku@city.example.lg.jp"]
    shown = client.get(address(recipients[0])).get_data(as_text=True)
    assert ("このアドレスには、開催後のご案内をお送りしません。" in shown, "ご案内を停止する" in shown) == (
        True,
        False,
    )


def test_one_click_of_a_mail_program_is_answered_at_once(
    client: FlaskClient, recipients: list[Recipient]
) -> None:
    for _time in range(2):
        assert client.post(address(recipients[1]), data=ONE_CLICK).status_code == 200
    assert stopped() == [YOSHIDA.email]


def test_one_click_as_multipart_without_any_token(client: FlaskClient, recipients: list[Recipient]) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True
    answer = client.post(address(recipients[1]), data=ONE_CLICK, content_type="multipart/form-data")
    assert (answer.status_code, stopped()) == (200, [YOSHIDA.email])


def test_it_can_be_undone(client: FlaskClient, recipients: list[Recipient]) -> None:
    client.post(address(recipients[0]))
    client.post(address(recipients[1]))
    answer = client.post(address(recipients[0], "/undo"))
    assert (answer.status_code, stopped()) == (303, [YOSHIDA.email])
    assert "ご案内を停止する" in client.get(address(recipients[0])).get_data(as_text=True)


def test_a_foreign_page_cannot_post(client: FlaskClient, recipients: list[Recipient]) -> None:
    answer = client.post(address(recipients[0]), headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, stopped()) == (403, [])


@pytest.mark.parametrize("token", ["x", "A" * 43, "%F0%9F%98%80", "a" * 3000])
def test_a_link_that_opens_nothing(client: FlaskClient, token: str) -> None:
    assert client.get(f"/r/{token}/unsubscribe").status_code == 404
    assert client.post(f"/r/{token}/unsubscribe", data=ONE_CLICK).status_code == 404


def test_the_page_speaks_english(client: FlaskClient, recipients: list[Recipient]) -> None:
    answer = client.get(f"{address(recipients[0])}?lang=en")
    assert '<html lang="en"' in answer.get_data(as_text=True)


def test_a_contact_without_an_address_puts_none_down(app: Flask, client: FlaskClient) -> None:
    found = registration.register(an_event(), an_application(contact_email=""), source="phone")
    assert client.post(address(Recipient(found))).status_code == 303
    assert stopped() == []
