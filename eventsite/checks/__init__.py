"""`flask check`: what must be true of the stored data, asked of the database afresh.

Each check returns sentences about violations; none means that it holds. A new one stands in the file of its subject,
has a line in `CHECKS`, and a plant in `tests/test_checks.py`.
"""

from collections.abc import Callable, Iterator

from eventsite.checks.draws import draws_can_be_repeated
from eventsite.checks.letters import (
    cancelled_events_are_told_of,
    changes_have_letters,
    each_cause_has_one_letter,
    messages_can_leave,
    registrations_have_letters,
)
from eventsite.checks.registrations import (
    attendees_belong_together,
    codes_admit_no_more_than_they_may,
    links_open_what_they_should,
)
from eventsite.checks.seats import (
    no_free_seat_while_somebody_waits,
    seat_lines_sum_to_what_is_held,
    seats_within_caps,
)
from eventsite.checks.statuses import (
    moments_agree_with_the_history,
    states_follow_moves,
    states_have_what_they_need,
)


def run() -> list[str]:
    """Return every violation found, as sentences."""
    return [words for check in CHECKS for words in check()]


CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    seats_within_caps,
    no_free_seat_while_somebody_waits,
    seat_lines_sum_to_what_is_held,
    states_follow_moves,
    states_have_what_they_need,
    moments_agree_with_the_history,
    draws_can_be_repeated,
    registrations_have_letters,
    changes_have_letters,
    cancelled_events_are_told_of,
    each_cause_has_one_letter,
    messages_can_leave,
    attendees_belong_together,
    links_open_what_they_should,
    codes_admit_no_more_than_they_may,
)
