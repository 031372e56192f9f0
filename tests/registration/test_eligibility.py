"""Who gets a seat without somebody looking first: the whole table of access and approval (D20, D24-D28)."""

from datetime import UTC, datetime, timedelta

import pytest

from eventsite.errors import Refusal
from eventsite.registration import eligibility
from eventsite.registration.eligibility import Access, Code, Finding, Membership

TOWN, PREFECTURE = "kikaku@city.example.lg.jp", "mail@mail.pref.kanagawa.jp"
COMPANY, FREE, SCHOOL, STATE = "yamada@example.co.jp", "taro@gmail.com", "a@example.ac.jp", "a@example.go.jp"
LOOKALIKE = "a@city.example.lg.jp.example.com"
NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

OWN = Access(verification="domain_hint", domain_classes=["go"], domains=("example.co.jp",))
NOTHING = Access(verification="domain_hint", domain_classes=[])
HINT, HINT_MANUAL = Access(verification="domain_hint"), Access("manual", "domain_hint")
LIST, LIST_MANUAL = Access(verification="member_roster"), Access("manual", "member_roster")
CODE, CODE_MANUAL = Access(verification="invite_code"), Access("manual", "invite_code")

AT_ONCE, PENDING = False, True


@pytest.mark.parametrize(
    ("access", "email", "finding"),
    [
        pytest.param(Access(), COMPANY, Finding(AT_ONCE, "domain-other"), id="D24-open"),
        pytest.param(Access(), TOWN, Finding(AT_ONCE, "domain-lg"), id="D24-open-town"),
        pytest.param(Access("manual"), TOWN, Finding(PENDING, "domain-lg"), id="D20-manual"),
        pytest.param(HINT, TOWN, Finding(AT_ONCE, "domain-lg match"), id="D25-lg"),
        pytest.param(HINT, PREFECTURE, Finding(AT_ONCE, "domain-local_geo match"), id="D25-local_geo"),
        pytest.param(HINT, STATE, Finding(PENDING, "domain-go"), id="D25-state-not-by-default"),
        pytest.param(HINT, COMPANY, Finding(PENDING, "domain-other"), id="D25-company"),
        pytest.param(HINT, FREE, Finding(PENDING, "domain-free"), id="D25-free-mail"),
        pytest.param(HINT, SCHOOL, Finding(PENDING, "domain-edu"), id="D25-school"),
        pytest.param(HINT, LOOKALIKE, Finding(PENDING, "domain-other"), id="D25-lookalike"),
        pytest.param(OWN, STATE, Finding(AT_ONCE, "domain-go match"), id="D25-class-chosen"),
        pytest.param(OWN, TOWN, Finding(PENDING, "domain-lg"), id="D25-class-not-chosen"),
        pytest.param(OWN, COMPANY, Finding(AT_ONCE, "domain-other match"), id="D25-own-domain"),
        pytest.param(OWN, "a@sub.example.co.jp", Finding(AT_ONCE, "domain-other match"), id="D25-subdomain"),
        pytest.param(OWN, "a@badexample.co.jp", Finding(PENDING, "domain-other"), id="D25-label-boundary"),
        pytest.param(NOTHING, TOWN, Finding(PENDING, "domain-lg"), id="D25-nothing-chosen"),
        pytest.param(HINT_MANUAL, TOWN, Finding(PENDING, "domain-lg match"), id="D28-domain"),
        pytest.param(HINT_MANUAL, FREE, Finding(PENDING, "domain-free"), id="D28-no-match-no-badge"),
    ],
)
def test_access_by_address(access: Access, email: str, finding: Finding) -> None:
    assert eligibility.check(access, email) == finding


@pytest.mark.parametrize(
    ("access", "member", "finding"),
    [
        pytest.param(LIST, None, Finding(PENDING, "domain-other member-unknown"), id="D26-not-listed"),
        pytest.param(LIST, Membership(), Finding(AT_ONCE, "domain-other match"), id="D26-no-limit"),
        pytest.param(LIST, Membership(room=1), Finding(AT_ONCE, "domain-other match"), id="D26-below"),
        pytest.param(
            LIST, Membership(room=0), Finding(PENDING, "domain-other member-unknown"), id="D26-at-limit"
        ),
        pytest.param(
            LIST, Membership(active=False), Finding(PENDING, "domain-other member-unknown"), id="D26-inactive"
        ),
        pytest.param(LIST_MANUAL, Membership(), Finding(PENDING, "domain-other match"), id="D28-member"),
        pytest.param(LIST_MANUAL, None, Finding(PENDING, "domain-other member-unknown"), id="D28-no-member"),
        pytest.param(Access(), Membership(room=0), Finding(AT_ONCE, "domain-other"), id="D24-list-unasked"),
    ],
)
def test_access_by_member_number(access: Access, member: Membership | None, finding: Finding) -> None:
    assert eligibility.check(access, COMPANY, member=member) == finding


@pytest.mark.parametrize(
    ("access", "invited", "finding"),
    [
        pytest.param(CODE, True, Finding(AT_ONCE, "domain-other match"), id="D27-invited"),
        pytest.param(CODE_MANUAL, True, Finding(PENDING, "domain-other match"), id="D28-invited"),
        pytest.param(CODE, False, Finding(PENDING, "domain-other"), id="D27-came-in-otherwise"),
    ],
)
def test_access_by_code(access: Access, invited: bool, finding: Finding) -> None:
    assert eligibility.check(access, COMPANY, invited=invited) == finding


@pytest.mark.parametrize("verification", ["none", "domain_hint", "member_roster", "invite_code"])
@pytest.mark.parametrize("email", [TOWN, PREFECTURE, COMPANY, FREE, SCHOOL, STATE])
def test_a_badge_fits_its_column_and_names_the_class_in_every_category(verification: str, email: str) -> None:
    for member, invited in ((None, False), (Membership(), True)):
        badge = eligibility.check(Access("auto", verification), email, member=member, invited=invited).badge
        assert (badge.startswith("domain-"), len(badge) <= 40) == (True, True)


@pytest.mark.parametrize("typed", ["SUMMER2026", "summer2026", " ｓｕｍｍｅｒ－２０２６ ", "Sum-mer 20‐26"])
def test_a_code_is_found_as_it_is_typed(typed: str) -> None:
    codes = [Code(1, "ANOTHERONE"), Code(2, "SUMMER2026")]
    assert eligibility.check_code(typed, codes, NOW).id == 2


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        pytest.param(Code(1, "SUMMER2026"), "SUMMER2027", id="unknown"),
        pytest.param(Code(1, "SUMMER2026"), "SUMMER202", id="too-short"),
        pytest.param(Code(1, "SUMMER2026"), "", id="none"),
        pytest.param(Code(1, "SUMMER2026"), "\ud800", id="not-even-text"),
        pytest.param(Code(1, "SUMMER2026", used=3, uses=3), "SUMMER2026", id="used-up"),
        pytest.param(Code(1, "SUMMER2026", used=4, uses=3), "SUMMER2026", id="more-than-used-up"),
        pytest.param(Code(1, "SUMMER2026", expires_at=NOW), "SUMMER2026", id="expired-this-moment"),
        pytest.param(Code(1, "SUMMER2026", withdrawn=True), "SUMMER2026", id="withdrawn"),
    ],
)
def test_every_wrong_code_gets_the_same_answer(code: Code, offered: str) -> None:
    with pytest.raises(Refusal) as refusal:
        eligibility.check_code(offered, [code], NOW)
    no = refusal.value
    words = "招待コードを確認できません。お手元の案内をご確認ください。"
    assert (no.code, no.field, no.status, str(no.words)) == ("wrong-code", "code", 422, words)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(Code(1, "SUMMER2026", used=2, uses=3), id="one-use-left"),
        pytest.param(Code(1, "SUMMER2026", used=99), id="any-number"),
        pytest.param(Code(1, "SUMMER2026", expires_at=NOW + SECOND), id="one-second-left"),
    ],
)
def test_a_code_opens_until_its_end(code: Code) -> None:
    assert eligibility.check_code("SUMMER2026", [code], NOW) is code


def test_while_there_are_no_codes_none_is_right() -> None:
    with pytest.raises(Refusal):
        eligibility.check_code("SUMMER2026", [], NOW)
