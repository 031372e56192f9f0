"""Who gets a seat: the verbs, and the pure rule behind them in `seats`."""

from eventsite.registration.application import Application, ConsentBox, Person
from eventsite.registration.attending import mark, mark_list
from eventsite.registration.changing import Changes, change_consent, change_details, replace
from eventsite.registration.codes import create_code, withdraw_code
from eventsite.registration.deciding import approve, decline
from eventsite.registration.drawing import draw
from eventsite.registration.leaving import cancel
from eventsite.registration.members import (
    confirm_list,
    discard_list,
    forget_old_uploads,
    offer_list,
    remove_list,
)
from eventsite.registration.office import move_to, restore, set_remark
from eventsite.registration.readdressing import (
    change_address,
    correct_address,
    forget_undeliverable,
    send_again,
    send_link,
    send_state,
)
from eventsite.registration.registering import (
    Outcome,
    OutcomeChanged,
    find_by_form_key,
    foresee,
    register,
)
from eventsite.registration.resending import send_once_more
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
    "Changes",
    "ConsentBox",
    "Outcome",
    "OutcomeChanged",
    "Person",
    "accept",
    "approve",
    "cancel",
    "change_address",
    "change_consent",
    "change_details",
    "confirm_list",
    "correct_address",
    "create_code",
    "decline",
    "discard_list",
    "draw",
    "end_at_start",
    "end_waiting",
    "expire_offers",
    "find_by_form_key",
    "foresee",
    "forget_old_uploads",
    "forget_undeliverable",
    "mark",
    "mark_list",
    "move_to",
    "offer_list",
    "promote",
    "promote_by_hand",
    "register",
    "remove_list",
    "replace",
    "restore",
    "send_again",
    "send_link",
    "send_once_more",
    "send_state",
    "set_remark",
    "withdraw_code",
]
