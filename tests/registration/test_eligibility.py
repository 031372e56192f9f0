"""Who gets a seat without somebody looking first: the whole table of access and approval (D20, D24-D28)."""

import pytest

from eventsite.errors import Refusal
from eventsite.registration import eligibility
from eventsite.registration.eligibility import Finding

TOWN, PREFECTURE = "kikaku@city.example.lg.jp", "mail@mail.pref.kanagawa.jp"
COMPANY, FREE, SCHOOL = "yamada@example.co.jp", "taro@gmail.com", "a@example.ac.jp"
LOOKALIKE = "a@city.example.lg.jp.example.com"


@pytest.mark.parametrize(
    ("approval", "verification", "email", "finding"),
    [
        ("auto", "none", COMPANY, Finding(False, "domain-other")),
        ("auto", "none", TOWN, Finding(False, "domain-lg")),
        ("manual", "none", TOWN, Finding(True, "domain-lg")),
        ("auto", "domain_hint", TOWN, Finding(False, "domain-lg")),
        ("auto", "domain_hint", PREFECTURE, Finding(False, "domain-local_geo")),
        ("auto", "domain_hint", COMPANY, Finding(True, "domain-other")),
        ("auto", "domain_hint", FREE, Finding(True, "domain-free")),
        ("auto", "domain_hint", SCHOOL, Finding(True, "domain-edu")),
        ("auto", "domain_hint", LOOKALIKE, Finding(True, "domain-other")),
        ("manual", "domain_hint", TOWN, Finding(True, "domain-lg")),
        ("auto", "member_roster", TOWN, Finding(True, "member-unknown")),
        ("manual", "member_roster", TOWN, Finding(True, "member-unknown")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_table(approval: str, verification: str, email: str, finding: Finding) -> None:
    assert eligibility.check(approval, verification, email) == finding


@pytest.mark.parametrize("approval", ["auto", "manual"])
def test_while_there_are_no_codes_none_is_right(approval: str) -> None:
    with pytest.raises(Refusal) as refusal:
        eligibility.check(approval, "invite_code", TOWN)
    assert (refusal.value.code, refusal.value.field, refusal.value.status) == ("wrong-code", "code", 422)
