"""From rows to what templates show."""

import pytest

from eventsite.web.presenting import whole_times

CASES = [
    pytest.param(
        "2025年12月24日（水）10:00～11:30（予定）",
        '2025年12月24日（水）<span class="nowrap">10:00～11:30</span>（予定）',
        id="Japanese",
    ),
    pytest.param("10:00–11:30 (JST)", '<span class="nowrap">10:00–11:30</span> (JST)', id="English"),
    pytest.param("9:50から入室できます", "9:50から入室できます", id="one time"),
    pytest.param(
        "<b>9:00～9:30</b>", '&lt;b&gt;<span class="nowrap">9:00～9:30</span>&lt;/b&gt;', id="typed HTML"
    ),
]


@pytest.mark.parametrize(("words", "shown"), CASES)
def test_a_range_of_times_stays_whole(words: str, shown: str) -> None:
    assert whole_times(words) == shown
