"""What staff do for an attendee: undo a cancellation, move between categories, keep a remark (domain rules D10, D11).

Each verb: lock → decide → write → audit → letter, in one transaction. Entries by telephone go through `registering`,
promotion by hand and the end of waiting stand in `waiting`, approval in `deciding`.
"""

from datetime import datetime

from flask_babel import lazy_gettext as _l

from eventsite import audit, clock, i18n
from eventsite.db import lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters
from eventsite.models import (
    HOLDS_A_SEAT,
    Account,
    Attendee,
    Category,
    Event,
    EventStatus,
    Status,
)
from eventsite.registration import ledger, questions, registering, revisions, seats, waiting
from eventsite.registration.application import Person
from eventsite.registration.moves import move
from eventsite.registration.seeds import seed_for


def restore(attendee: Attendee, by: Account, *, over_limit: bool = False) -> None:
    """Undo a cancellation: the attendee is confirmed if a seat is free and nobody waits for one of its kind (D10).

    `over_limit` is the explicit choice to pass the caps and those who wait (D11). Whoever is confirmed already stays
    so. Raises Refusal `closed` for other states, before a draw and from the start on, `sold-out` without a seat.
    """
    event = attendee.registration.event
    with transaction():
        lock(event)
        if attendee.status == Status.CONFIRMED:
            return
        now = clock.now()
        _check_before_start(event, now)
        if attendee.status != Status.CANCELLED:
            raise Refusal("closed", _l("取り消された参加者ではないため、元に戻せません。"))
        if attendee.category.awaits_draw:
            raise Refusal("closed", _l("抽選前の区分では、取消を元に戻せません。もう一度登録してください。"))
        room = ledger.read(event).has_room(attendee.category.code, attendee.participation)
        if not over_limit:
            _check_seat(room, attendee, attendee.category)
            _check_organisation(attendee, attendee.category)
            _check_places(attendee)
        move(attendee, Status.CONFIRMED, "restored", now, by)
        attendee.cancelled_at, attendee.cancel_reason, attendee.offer_until = None, "", None
        attendee.needs_approval, attendee.seatless, attendee.over_limit = False, False, not room
        attendee.possible_duplicate |= registering.is_duplicate(
            event, _person(attendee), attendee.registration.contact_email, [attendee.id]
        )
        audit.record("attendee.restored", event, by, numbers=[attendee.number], over_limit=not room)
        letters.restored([attendee], now)


def move_to(attendee: Attendee, category: Category, by: Account, *, over_limit: bool = False) -> None:
    """Move an attendee to another category of the same event; number, state and approval stay (D11).

    Whoever waits goes to that list's end; whoever holds a seat keeps it as far as event and way to take part go and
    needs room in the category, which `over_limit` passes. The seat left behind goes to the first in line. Already
    there: nothing happens. Raises Refusal `sold-out` without room, `not-eligible` between lots and seats and for other
    states, `closed` where nobody is taken and from the start on.
    """
    event = attendee.registration.event
    with transaction():
        lock(event)
        if category.event_id != event.id:
            raise Refusal("not-eligible", _l("参加区分を選び直してください。"), field="category")
        before = attendee.category
        if before.id == category.id:
            return
        now = clock.now()
        _check_before_start(event, now)
        over = _passes_cap(attendee, category, over_limit=over_limit)
        attendee.category = category
        attendee.over_limit = over or (attendee.over_limit and _beyond_other_caps(attendee))
        if category.awaits_draw:
            seed_for(category)
        if attendee.status == Status.WAITLISTED:
            attendee.queued_at, attendee.lottery_rank = now, None
        _record_move(attendee, before, by, now, over=over)
        with i18n.speaking(attendee.registration.locale):
            line = revisions.move_line(attendee, before.label, category.label)
        letters.changed(attendee.registration, [], now, {attendee: [line]})
        waiting.promote(event)


def set_remark(attendee: Attendee, words: str, by: Account) -> None:
    """Keep the office's remark about an attendee (備考); nobody else sees it but in the roster."""
    event = attendee.registration.event
    with transaction():
        lock(event)
        if attendee.remark == words:
            return
        attendee.remark = words
        audit.record("attendee.changed", event, by, numbers=[attendee.number], fields=["remark"])


def _check_before_start(event: Event, now: datetime) -> None:
    if event.status == EventStatus.CANCELLED:
        raise Refusal("cancelled", _l("このセミナーは中止になりました。"))
    if event.start_at <= now:
        raise Refusal("closed", _l("開始時刻を過ぎているため、変更できません。"))


def _check_seat(room: bool, attendee: Attendee, category: Category) -> None:
    """Nobody passes a cap or those who wait for the same kind of seat, unless the office says so (D11, D18)."""
    if not room:
        raise Refusal("sold-out", _l("「%(label)s」に空席がありません。", label=category.label))
    kind = (attendee.event_id, category.id, attendee.participation)
    if kind in ledger.waiting_kinds([category.event]):
        words = _l("「%(label)s」には、先に待っている方がいます。", label=category.label)
        raise Refusal("sold-out", words)


def _check_organisation(attendee: Attendee, category: Category) -> None:
    try:
        registering.check_organisations(category.event, category, [_person(attendee)], [attendee.id])
    except Refusal as refusal:
        raise Refusal("sold-out", refusal.words) from None


def _check_places(attendee: Attendee) -> None:
    """The choices that were answered take their places again, as far as they are still offered."""
    registration = attendee.registration
    answers = {one.question.key: one.value for one in registration.answers}
    try:
        questions.check_places(registration.event, answers, 1)
    except Refusal as refusal:
        raise Refusal("sold-out", refusal.words) from None


def _person(attendee: Attendee) -> Person:
    return Person(
        family_name=attendee.family_name,
        given_name=attendee.given_name,
        organisation=attendee.organisation,
        municipality_code=attendee.municipality_code,
        email=attendee.email,
    )


def _passes_cap(attendee: Attendee, category: Category, *, over_limit: bool) -> bool:
    """Return whether the move takes a seat beyond the category's cap; raises Refusal if it may not be made.

    The seats of the event and of the way to take part go along, so only the category's own cap counts.
    """
    drawn_later = attendee.status == Status.LOTTERY or attendee.seatless
    if drawn_later != category.awaits_draw:
        raise Refusal("not-eligible", _between_lots_and_seats(category), field="category")
    if drawn_later:
        return False
    book = ledger.read(category.event)
    if not over_limit:
        _check_organisation(attendee, category)
    if attendee.status == Status.WAITLISTED:
        _check_waiting(book, attendee, category)
        return False
    if attendee.status not in HOLDS_A_SEAT:
        raise Refusal("not-eligible", _l("この状態の参加者は、参加区分を移せません。"))
    room = book.full(category.code) != "category-full"
    if not over_limit:
        _check_seat(room, attendee, category)
    return not room


def _beyond_other_caps(attendee: Attendee) -> bool:
    """Whether the event or the way to take part holds more seats than its cap, the attendee's among them."""
    book, way = ledger.read(attendee.registration.event), attendee.participation or ""
    caps = [
        (book.event.capacity, book.held),
        (book.event.modes.get(way), book.held_in_mode.get(way, 0)),
    ]
    return any(cap is not None and held > cap for cap, held in caps)


def _between_lots_and_seats(category: Category) -> object:
    if category.awaits_draw:
        return _l("抽選前の区分へは、抽選待ちの方だけを移せます。")
    return _l("抽選待ちの方は、抽選前の区分へだけ移せます。")


def _check_waiting(book: seats.Ledger, attendee: Attendee, category: Category) -> None:
    if not book.accepts(category.code, attendee.participation):
        raise Refusal("closed", _l("この区分は受け付けていません。"), field="category")
    if not category.waitlist and not book.has_room(category.code, attendee.participation):
        words = _l("「%(label)s」は満席で、キャンセル待ちもありません。", label=category.label)
        raise Refusal("closed", words, field="category")


def _record_move(attendee: Attendee, before: Category, by: Account, now: datetime, *, over: bool) -> None:
    """The registration's own category follows once all who still take part are in the new one."""
    registration, category = attendee.registration, attendee.category
    if all(one.category is category for one in registration.attendees if one.is_active):
        registration.category = category
    codes = {"category": before.code}, {"category": category.code}
    revisions.keep(registration, attendee, "moved", *codes, now, by)
    audit.record(
        "attendee.moved",
        registration.event,
        by,
        numbers=[attendee.number],
        before=before.code,
        after=category.code,
        over_limit=over,
    )
