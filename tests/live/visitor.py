"""A visitor without a browser: fills the registration form over HTTP, as a program may (spec: fixed steps)."""

import urllib.parse
import urllib.request
from html.parser import HTMLParser

from eventsite.registration import Person
from tests.cast import TOWN_HALL

PERSON_FIELDS = (
    *("family_name", "given_name", "family_kana", "given_kana"),
    *("prefecture", "organisation", "department", "position", "email"),
)


class _Page(HTMLParser):
    """The fields of #registration-form that come filled in, and what the page says about a registration."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inside = False
        self.hidden: dict[str, str] = {}
        self.reference = ""
        self.statuses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.inside = given.get("id") == "registration-form" if tag == "form" else self.inside
        if self.inside and tag == "input" and given.get("type") == "hidden":
            self.hidden[given["name"]] = given["value"]
        self.reference = given.get("data-registered", self.reference)
        if "data-status" in given:
            self.statuses.append(given["data-status"])

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"


def register(site: str, slug: str, person: Person, category: str = "local_gov") -> tuple[str, list[str]]:
    """Go through form and confirm screen; return the reference number and the statuses of the done page."""
    address = f"{site}/events/{slug}/register?category={category}"
    form = _Page(_open(address))
    filled = {f"attendees-0-{name}": getattr(person, name) for name in PERSON_FIELDS}
    contact = {"contact_email": TOWN_HALL, "consent_privacy": "y"}
    confirm = _Page(_open(address, form.hidden | filled | contact))
    done = _Page(_open(address, confirm.hidden))
    return done.reference, done.statuses


def _open(address: str, fields: dict[str, str] | None = None) -> str:
    data = None if fields is None else urllib.parse.urlencode(fields).encode()
    with urllib.request.urlopen(address, data, timeout=30) as answer:
        return answer.read().decode()
