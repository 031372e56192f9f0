"""The organisers' side: their events, what is on offer in them, who is coming. Each of its rooms brings its pages.

Not for who may enter (guards.py), nor for what happens then (events/, registration/).
"""

from eventsite.web.organiser import (
    approvals,
    attendance,
    attendees,
    categories,
    codes,
    corrections,
    draws,
    entry,
    events,
    letters,
    members,
    messages,
    people,
    questions,
    roster,
    schedule,
    seats,
    telling,
    undelivered,
    waitlist,
    words,
)
from eventsite.web.organiser.desk import bp

__all__ = [
    "approvals",
    "attendance",
    "attendees",
    "bp",
    "categories",
    "codes",
    "corrections",
    "draws",
    "entry",
    "events",
    "letters",
    "members",
    "messages",
    "people",
    "questions",
    "roster",
    "schedule",
    "seats",
    "telling",
    "undelivered",
    "waitlist",
    "words",
]
