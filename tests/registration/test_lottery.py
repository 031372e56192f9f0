"""The order of a draw: the vector of D19, and a program for everybody that comes to the same."""

import hashlib
import itertools
import subprocess
import sys

import pytest

from eventsite.registration import lottery

SEED = "gdx-lottery-test"
DRAWN = ["GDX-7K3M-Q2-2", "GDX-8P4N-R3-1", "GDX-7K3M-Q2-1", "GDX-9Q5R-S4-1", "GDX-2A6S-T5-1"]


@pytest.mark.parametrize("given", list(itertools.permutations(DRAWN))[::24])
def test_the_order_depends_on_seed_and_numbers_alone(given: tuple[str, ...]) -> None:
    assert lottery.order(SEED, given) == DRAWN


def test_another_seed_gives_another_order() -> None:
    assert lottery.order("gdx-lottery-Test", DRAWN) != DRAWN


def test_nobody_more_or_less_changes_the_places_of_the_others_among_themselves() -> None:
    for missing in DRAWN:
        others = [one for one in DRAWN if one != missing]
        assert lottery.order(SEED, others) == others


def test_nobody_is_an_order_too() -> None:
    assert lottery.order(SEED, []) == []


def test_every_place_is_as_likely_for_everybody() -> None:
    """Over 3,000 seeds each of five numbers is first about 600 times."""
    first = [lottery.order(f"seed {number}", DRAWN)[0] for number in range(3000)]
    assert all(520 < first.count(one) < 680 for one in DRAWN), [first.count(one) for one in DRAWN]


def test_the_fingerprint_is_what_sha256sum_says() -> None:
    assert lottery.fingerprint(SEED) == hashlib.sha256(b"gdx-lottery-test").hexdigest()


def test_the_published_program_prints_fingerprint_and_order() -> None:
    program = lottery.program(SEED, reversed(DRAWN))
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    places = [f"{place} {number}" for place, number in enumerate(DRAWN, start=1)]
    assert done.stdout.splitlines() == [lottery.fingerprint(SEED), *places]


def test_the_program_does_not_hold_the_order() -> None:
    listed = [line for line in lottery.program(SEED, DRAWN).splitlines() if line.startswith("GDX-")]
    assert listed == sorted(DRAWN)
