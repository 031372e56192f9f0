"""Who gets a seat: the verbs, and the pure rule behind them in `seats`."""

from eventsite.registration.application import Application, ConsentBox, Person
from eventsite.registration.deciding import approve, decline
from eventsite.registration.operations import (
    Outcome,
    OutcomeChanged,
    accept,
    cancel,
    expire_offers,
    find_by_form_key,
    foresee,
    promote,
    register,
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
    "expire_offers",
    "find_by_form_key",
    "foresee",
    "promote",
    "register",
]
