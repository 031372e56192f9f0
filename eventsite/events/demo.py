"""The demo: the project's own events and the account that owns them. Registers nobody and writes no letter (D106)."""

import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import select

from eventsite import accounts
from eventsite.db import db, transaction
from eventsite.events import event_file
from eventsite.events.importing import Imported, import_events
from eventsite.models import Event

FILE = Path(__file__).parent.parent / "data" / "demo-events.json"
EMAIL = "sato@example.jp"  # a reserved domain: no mail can reach anybody there
NAME = "佐藤 恵"


class NotADemoDatabase(Exception):
    """The database holds events that are not the demo's; nothing was stored. `slugs` are theirs."""

    def __init__(self, slugs: list[str]) -> None:
        super().__init__(", ".join(slugs))
        self.slugs = slugs


@dataclass(frozen=True)
class Demo:
    """What was loaded, and the organiser's account: its password is known only when the account is new."""

    events: list[Imported]
    email: str
    password: str | None


def load_demo(*, today: date) -> Demo:
    """Load the demo's events and their organiser, in one transaction; what is there already stays as it is.

    `today` is the day in Japan from which the events are dated. Raises NotADemoDatabase.
    """
    document = event_file.load(FILE.read_bytes())
    own = [one["slug"] for one in document["events"]]
    with transaction():
        present = set(db.session.scalars(select(Event.slug)))
        if present - set(own):
            raise NotADemoDatabase(sorted(present - set(own)))
        owner = accounts.find_account(EMAIL)
        password = None
        if owner is None:
            password = secrets.token_urlsafe(12)
            owner = accounts.create_account(EMAIL, NAME, "organiser", password)
        missing = [one for one in document["events"] if one["slug"] not in present]
        created = import_events(document | {"events": missing}, today=today, owner=owner)
    by_slug = {one.slug: one for one in created}
    return Demo([by_slug.get(slug) or Imported(slug, "unchanged", [], 0) for slug in own], EMAIL, password)
