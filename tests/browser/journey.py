"""Steps of a journey that several tests take, as a person takes them: by field names and by the words on buttons."""

from flask_security import hash_password
from playwright.sync_api import Locator, Page

from eventsite.db import transaction
from eventsite.models import Account
from eventsite.registration import Person
from tests.cast import TOWN_HALL

PASSWORD = "correct horse battery staple"
PERSON_FIELDS = ("organisation", "department", "position", "family_name", "given_name")
KANA_FIELDS = ("family_kana", "given_kana")
MOST_TABS = 120


def with_password(account: Account) -> Account:
    """Let an account of the cast sign in with PASSWORD."""
    with transaction():
        account.password = hash_password(PASSWORD)
    return account


def sign_in(page: Page, site: str, email: str) -> None:
    page.goto(f"{site}/account/signin")
    named(page, "email").fill(email)
    named(page, "password").fill(PASSWORD)
    press(page, "サインイン")
    page.wait_for_url(f"{site}/organiser/")


def named(page: Page, name: str) -> Locator:
    return page.locator(f'[name="{name}"]')


def press(page: Page, words: str) -> None:
    page.locator("main").get_by_role("button", name=words, exact=True).click()


def follow(page: Page, words: str) -> None:
    """Follow a link; those with the same words lead to the same place."""
    page.locator("main").get_by_role("link", name=words, exact=True).first.click()


def fill_person(page: Page, number: int, person: Person) -> None:
    """Fill the block of attendee `number`, counted from 0."""
    named(page, f"attendees-{number}-prefecture").select_option(person.prefecture)
    for name in PERSON_FIELDS + KANA_FIELDS:
        named(page, f"attendees-{number}-{name}").fill(getattr(person, name))


def fill_contact(page: Page) -> None:
    named(page, "contact_email").fill(TOWN_HALL)
    named(page, "consent_privacy").check()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    target.wait_for(state="attached")
    for _ in range(MOST_TABS):
        if has_focus(target):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")


def has_focus(target: Locator) -> bool:
    return bool(target.evaluate("one => one === document.activeElement"))


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()
