"""Who may do what: the whole table of roles and verbs (D79)."""

import pytest
from flask import Flask

from eventsite import access
from eventsite.db import db, transaction
from eventsite.models import EventRole
from tests.cast import an_account, an_event, kanri, sato, suzuki, tanaka

VERBS = ("see", "edit", "publish", "approve", "manage_attendees", "see_roster", "download_roster")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("organiser", set(VERBS)),
        ("staff", {"see", "see_roster", "download_roster"}),
        ("viewer", {"see"}),
        (None, set()),
        ("admin", set(VERBS)),
    ],
)
def test_the_table(app: Flask, role: str | None, allowed: set[str]) -> None:
    event, other = an_event(), an_event()
    account = kanri() if role == "admin" else tanaka()
    if role not in {None, "admin"}:
        with transaction():
            db.session.add(EventRole(event_id=event.id, account_id=account.id, role=role))
    assert {verb for verb in VERBS if access.may(account, verb, event)} == allowed
    assert {verb for verb in VERBS if access.may(account, verb, other)} == (
        set(VERBS) if role == "admin" else set()
    )
    assert access.may(account, "invented", event) is (role == "admin")


def test_what_is_listed(app: Flask) -> None:
    first, second, _third = an_event(), an_event(), an_event()
    assert access.visible_event_ids(sato(first, second)) == {first.id, second.id}
    assert access.visible_event_ids(suzuki(second)) == {second.id}
    assert access.visible_event_ids(tanaka()) == set()
    assert access.visible_event_ids(kanri()) is None


def test_who_may_create(app: Flask) -> None:
    nobody = an_account("nobody@gdx.example.jp", "無名", "guest", ())
    assert [access.may_create(one) for one in (sato(), kanri(), suzuki(), nobody)] == [
        True,
        True,
        False,
        False,
    ]
