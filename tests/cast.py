"""The named cast: the people, towns and seminars that the tests speak of.

佐藤 organises, 鈴木 helps, 田中 belongs elsewhere. Attendees work for towns and carry names that test a form: \u9ad9\ufa11
(two variants) and \U00020bb7\u7530 (beyond the basic plane). Builders that write own their transaction, or join the one
that is open; any column of the row can be given as a keyword.
"""

import secrets
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from eventsite import clock
from eventsite.db import db, transaction
from eventsite.models import Account, Category, Event, EventRole, EventStatus, Role
from eventsite.registration import Application, ConsentBox, Person

CATEGORIES = (("local_gov", "自治体職員", 60), ("gdx_member", "GDX会員", 60), ("company", "一般企業", 30))
TOWN_HALL = "kikaku@city.example.lg.jp"

TAKASAKI = Person(
    family_name="\u9ad9\ufa11",
    given_name="洋子",
    family_kana="タカサキ",
    given_kana="ヨウコ",
    organisation="見本市",
    department="企画課",
    prefecture="長野県",
)
YOSHIDA = Person(
    family_name="\U00020bb7\u7530",
    given_name="健",
    family_kana="ヨシダ",
    given_kana="ケン",
    organisation="見本市",
    department="情報政策課",
    position="係長",
    prefecture="長野県",
    email="yoshida@city.example.lg.jp",
)
YAMADA = Person(
    family_name="山田",
    given_name="太郎",
    family_kana="ヤマダ",
    given_kana="タロウ",
    organisation="株式会社サンプル",
    department="営業部",
    email="yamada@example.co.jp",
)


def an_event(*, capacities: dict[str, int | None] | None = None, **changes: Any) -> Event:
    """Store a published online seminar in four weeks: three categories of 60, 60 and 30 seats.

    `capacities` changes those by code; a code that is left out of it keeps its own.
    """
    now = clock.now()
    start = (now + timedelta(weeks=4)).replace(hour=5, minute=0, second=0, microsecond=0)
    caps = {code: seats for code, _, seats in CATEGORIES} | (capacities or {})
    event = Event(
        **{
            "slug": f"seminar-{secrets.token_hex(4)}",
            "title": "はじめての自治体DX",
            "status": EventStatus.PUBLISHED,
            "start_at": start,
            "end_at": start + timedelta(minutes=90),
            "online_words": "Zoomウェビナー",
            "organizer": "一般社団法人自治体DX推進協議会（GDX）",
            "contact_name": "GDX事務局",
            "contact_email": "seminar@gdx.example.jp",
            "created_at": now,
            "updated_at": now,
            **changes,
        }
    )
    for position, (code, label, _) in enumerate(CATEGORIES):
        event.categories.append(Category(code=code, label=label, position=position, capacity=caps[code]))
    with transaction():
        db.session.add(event)
    return event


def an_application(*people: Person, category: str = "local_gov", **changes: Any) -> Application:
    """Return what a contact sends in: \u9ad9\ufa11 洋子 for herself, unless other people are named."""
    consents = (ConsentBox("privacy", True, "個人情報の取扱いについて確認し、同意します"),)
    given = {"contact_email": TOWN_HALL, "contact_phone": "026-000-0000", "consents": consents, **changes}
    return Application(category=category, people=people or (TAKASAKI,), **given)


def people(count: int) -> tuple[Person, ...]:
    """Return that many different people of one town."""
    return tuple(
        Person(family_name="参加", given_name=f"者{number}", organisation="見本市", department="総務課")
        for number in range(1, count + 1)
    )


def sato(*events: Event) -> Account:
    """佐藤: the organiser who owns the events."""
    return an_account("sato@gdx.example.jp", "佐藤 花子", "organiser", events)


def suzuki(*events: Event) -> Account:
    """鈴木: helps with the events, as their staff."""
    return an_account("suzuki@gdx.example.jp", "鈴木 一郎", "staff", events)


def tanaka() -> Account:
    """田中: an organiser too, but of nothing here."""
    return an_account("tanaka@gdx.example.jp", "田中 実", "organiser", ())


def kanri() -> Account:
    """管理: an admin."""
    return an_account("kanri@gdx.example.jp", "管理 一", "admin", ())


def an_account(email: str, name: str, role: str, events: tuple[Event, ...]) -> Account:
    with transaction():
        known = db.session.scalar(select(Role).where(Role.name == role)) or Role(name=role)
        account = Account(
            email=email,
            name=name,
            roles=[known],
            fs_uniquifier=secrets.token_hex(32),
            created_at=clock.now(),
        )
        db.session.add(account)
        db.session.flush()
        for event in events:
            db.session.add(EventRole(event_id=event.id, account_id=account.id, role=role))
    return account


def sign_in(client: FlaskClient, account: Account) -> None:
    """Give the client the session of somebody who has signed in."""
    with client.session_transaction() as session:
        session["_user_id"] = account.fs_uniquifier
        session["_fresh"] = True
