"""The order of a draw: the seed and the attendee numbers decide it, nothing else (domain rule D19).

Whoever has both can repeat it, with the program that `program` returns or with any other. Not for who gets a seat
then: that is `seats.draw`.
"""

import hashlib
import hmac
from collections.abc import Iterable

_PROGRAM = '''\
import hashlib
import hmac

seed = "{seed}"
numbers = """
{numbers}
""".split()


def mark(number):
    return hmac.new(seed.encode(), number.encode(), "sha256").hexdigest()


print(hashlib.sha256(seed.encode()).hexdigest())
for place, number in enumerate(sorted(numbers, key=mark), start=1):
    print(place, number)
'''


def order(seed: str, numbers: Iterable[str]) -> list[str]:
    """Return attendee numbers in drawn order: ascending hex HMAC-SHA256, keyed with the text of the seed."""
    return sorted(numbers, key=lambda number: _mark(seed, number))


def fingerprint(seed: str) -> str:
    """Return what is published of a seed before the draw: its hex SHA-256, which binds to it and does not show it."""
    return hashlib.sha256(seed.encode()).hexdigest()


def program(seed: str, numbers: Iterable[str]) -> str:
    """Return a few lines of Python that print the seed's fingerprint and then the drawn order.

    The numbers stand in it by name, so that their order comes from the program alone.
    """
    return _PROGRAM.format(seed=seed, numbers="\n".join(sorted(numbers)))


def _mark(seed: str, number: str) -> str:
    return hmac.new(seed.encode(), number.encode(), "sha256").hexdigest()
