"""Who gets a seat: the verbs, and the pure rule behind them in `seats`."""

from eventsite.registration.application import Application, ConsentBox, Person
from eventsite.registration.deciding import approve, decline
from eventsite.registration.leaving import cancel
from eventsite.registration.registering import (
    Outcome,
    OutcomeChanged,
    find_by_form_key,
    foresee,
    register,
)
from eventsite.registration.waiting import (
    accept,
    end_at_start,
    end_waiting,
    expire_offers,
    promote,
    promote_by_hand,
)

__all__ = [
    "Application",
    "ConsentBox",
    "Outcome",
    "OutcomeChanged",
    "Person",
    "accept",
    "approve",
    "cancel",
    "decline",
    "end_at_start",
    "end_waiting",
    "expire_offers",
    "find_by_form_key",
    "foresee",
    "promote",
    "promote_by_hand",
    "register",
]
