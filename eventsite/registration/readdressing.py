"""Mail that did not arrive, lost links, addresses put right: what people can do about them by themselves (D4, D5).

A new address makes a new link, and the old one dies. Lock → decide → write → audit → letter, in one transaction; no
seat changes hands. Not for other details, nor for whoever comes instead of somebody (changing.py).
"""

from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from eventsite import audit, clock, tokens
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters, mailings, outbox, recipients
from eventsite.mail.recipients import Recipient
from eventsite.models import Account, Attendee, EventStatus, Message, Registration, Status
from eventsite.registration import ledger, revisions
from eventsite.registration.application import Person
from eventsite.registration.eligibility import Finding
from eventsite.registration.moves import move
from eventsite.registration.registering import findings, is_duplicate

DONE_PAGE_HELPS_FOR = timedelta(minutes=30)
DONE_PAGE_HELPS_TIMES = 3
LETTERS_AN_HOUR = 3


class _Nobody(Exception):
    """What was typed belongs to no registration; whatever was written is taken back."""


def send_again(registration: Registration, *, seen: int | None = None) -> bool:
    """Send the contact's letter once more, from the done page (D5).

    `seen` is how often the page says that this was done: a second press on the same page finds another number and does
    nothing, which False tells. Raises Refusal `closed` after half an hour, `rate-limited` after three times.
    """
    return _from_done_page(registration, None, seen)


def correct_address(registration: Registration, email: str, *, seen: int | None = None) -> bool:
    """Put the contact's address right from the done page: all mail goes to the new one from now on (D5).

    Letters to the old address that have not left yet stay here. As for `send_again`; raises also Refusal
    `not-eligible` if the new address would have needed an approval that the old one did not.
    """
    return _from_done_page(registration, email, seen)


def check_done_page(registration: Registration, now: datetime) -> None:
    """Raise Refusal if the done page can no longer send the mail again or correct the address (D5)."""
    if now >= registration.created_at + DONE_PAGE_HELPS_FOR:
        words = _l("お申し込みから30分が過ぎたため、この画面からは送り直せません。")
        raise Refusal("closed", words)
    if registration.sent_again >= DONE_PAGE_HELPS_TIMES:
        words = _l("この画面から送り直せる回数（3回）を超えました。")
        raise Refusal("rate-limited", words)


def send_state(recipient: Recipient) -> None:
    """Send a recipient's letter once more, from the page behind the link; once for two presses in one minute.

    Raises Refusal `rate-limited` beyond three an hour.
    """
    with transaction():
        lock(recipient.registration.event)
        now = clock.now()
        if _sent_again_since(recipient, now - timedelta(hours=1)) >= LETTERS_AN_HOUR:
            words = _l("メールの再送は、1時間に3回までです。しばらくしてから、もう一度お試しください。")
            raise Refusal("rate-limited", words)
        if recipient.email and letters.state_again(recipient, now, _positions(recipient)):
            _record("registration.sent_again", recipient, None)


def change_address(recipient: Recipient, email: str, *, by: Account | None = None) -> bool:
    """Change the address of the contact, or of an attendee who has an own one, and tell both addresses.

    Where the office does it because mail came back, the former one hears nothing more, as nothing has arrived there,
    and the new one gets the letter of the present state.

    False if the link that this came by has died in the meantime. Raises Refusal `closed` for the public once the event
    is over or nobody of theirs takes part, `invalid` at `email` for the address that is there already.
    """
    came_by = recipient.version
    with transaction():
        lock(recipient.registration.event)
        now = clock.now()
        if recipient.version != came_by:
            return False
        if by is None:
            check_changeable(recipient, now)
        former = recipient.email
        if email == former:
            raise Refusal("invalid", _l("いまと同じメールアドレスです。"), field="email")
        for one in _reached_by(recipient):
            one.eligibility = _finding(one, email).badge
        came_back = by is not None and any(one.undeliverable for one in recipient.reached)
        under_way = mailings.on_their_way(recipient.registration, recipient.key)
        if came_back:
            outbox.withhold(recipient.registration.id, recipient.key)
        _write(recipient, email, now, by)
        if former and not came_back:
            letters.address_changed(recipient.registration, former, now, recipient.attendee)
        else:
            letters.state_again(recipient, now, _positions(recipient))
        mailings.write_again(recipient.registration, under_way, now)
    return True


def forget_undeliverable(attendee: Attendee, by: Account) -> None:
    """Take the mark away that mail does not arrive: the office has reached the person in another way."""
    with transaction():
        lock(attendee.registration.event)
        if attendee.undeliverable:
            attendee.undeliverable = False
            event = attendee.registration.event
            audit.record("attendee.changed", event, by, numbers=[attendee.number], fields=["undeliverable"])


def check_changeable(recipient: Recipient, now: datetime) -> None:
    """Raise Refusal `closed` if the public cannot change this recipient's address any more."""
    if recipient.registration.event.is_over(now) or not recipient.active:
        raise Refusal("closed", _l("有効なお申し込みがないため、メールアドレスを変更できません。"))


def was_changed_to(kind: str, row_id: int, version: int, email: str) -> bool:
    """True if the link of that version, of an `attendee` or a `registration`, died when its address became this one."""
    recipient: Recipient | None = None
    if kind == "attendee":
        attendee = db.session.get(Attendee, row_id)
        recipient = Recipient(attendee.registration, attendee) if attendee else None
    else:
        found = db.session.get(Registration, row_id)
        recipient = Recipient(found) if found else None
    if recipient is None or recipient.email != email:
        return False
    return recipient.version == version + 1


def send_link(reference: str, email: str) -> None:
    """Send the link to whom registered with this number and address; else nothing happens, after as much work (D4)."""
    try:
        with transaction():
            recipient = _find(reference, email)
            if recipient is None:
                _rehearse()
                raise _Nobody
            lock(recipient.registration.event)
            if letters.link_resent(recipient, clock.now()):
                _record("registration.sent_again", recipient, None)
    except _Nobody:
        return


def _from_done_page(registration: Registration, email: str | None, seen: int | None) -> bool:
    recipient = Recipient(registration)
    with transaction():
        lock(registration.event)
        now = clock.now()
        if seen is not None and seen != registration.sent_again:
            return False
        check_done_page(registration, now)
        registration.sent_again += 1
        if email in {None, registration.contact_email}:
            _record("registration.sent_again", recipient, None)
        else:
            assert email is not None  # noqa: S101 - for the type checker
            _reconsider(recipient, email, now)
            outbox.withhold(registration.id, recipient.key)
            _write(recipient, email, now, None)
        letters.state_again(recipient, now, _positions(recipient))
    return True


def _reconsider(recipient: Recipient, email: str, now: datetime) -> None:
    """Let access and approval look at the corrected address, as they did at the first one (D24–D28).

    Better: who waited for approval because of the address needs none. Worse: who waits for a seat will need it; nobody
    is put back from what was given, so the rest are sent to the office.
    """
    for one in _reached_by(recipient):
        before, after = _finding(one, recipient.email), _finding(one, email)
        one.eligibility = after.badge
        if one.approved_at is not None or before.needs_approval == after.needs_approval:
            continue
        if one.status == Status.WAITLISTED:
            one.needs_approval = after.needs_approval
        elif one.status == Status.PENDING:
            if not after.needs_approval:
                _let_in(one, now)
        elif after.needs_approval:
            words = _l(
                "このメールアドレスの場合は、事務局での確認が必要です。お手数ですが、下のお問い合わせ先へご連絡ください。"
            )
            raise Refusal("not-eligible", words, field="contact_email")


def _let_in(attendee: Attendee, now: datetime) -> None:
    """Give what the right address would have given at once; who was left out of a draw goes on waiting."""
    draw_follows = attendee.category.awaits_draw
    if attendee.registration.event.status == EventStatus.CANCELLED or (
        attendee.seatless and not draw_follows
    ):
        return
    attendee.needs_approval = False
    move(attendee, Status.LOTTERY if draw_follows else Status.CONFIRMED, "address-corrected", now, None)


def _finding(attendee: Attendee, email: str) -> Finding:
    person = Person(family_name=attendee.family_name, member_number=attendee.member_number)
    invited = attendee.registration.invite_code_id is not None
    return findings(attendee.category, [person], email, invited=invited, besides=[attendee.id])[0]


def _reached_by(recipient: Recipient) -> list[Attendee]:
    """Return those whose address is the recipient's and who still have something to expect."""
    return [one for one in recipient.reached if one.is_active]


def _write(recipient: Recipient, email: str, now: datetime, by: Account | None) -> None:
    """Write the new address and renew the link."""
    found, attendee = recipient.registration, recipient.attendee
    row, column = (attendee, "email") if attendee else (found, "contact_email")
    revisions.keep(found, attendee, "address", {column: recipient.email}, {column: email}, now, by)
    setattr(row, column, email)
    row.link_version += 1
    row.link_hash = tokens.digest(recipient.token)
    for one in recipient.reached:
        one.undeliverable = False
    for one in _reached_by(recipient):
        person = Person(family_name=one.family_name, given_name=one.given_name)
        one.possible_duplicate = is_duplicate(found.event, person, email, besides=[one.id])
    _record("registration.readdressed", recipient, by)


def _find(reference: str, email: str) -> Recipient | None:
    found = db.session.scalar(select(Registration).where(Registration.reference == reference))
    everybody = recipients.of(found) if found else []
    return next((one for one in everybody if one.email.casefold() == email.casefold()), None)


def _rehearse() -> None:
    """Write somebody's letter all the same, so that the time an answer takes tells nothing; the caller takes it back."""
    anybody = db.session.scalar(
        select(Registration).where(Registration.contact_email != "").order_by(Registration.id.desc()).limit(1)
    )
    if anybody is not None:
        letters.link_resent(Recipient(anybody), clock.now())


def _sent_again_since(recipient: Recipient, since: datetime) -> int:
    """Count the letters that were asked for again, whatever state they told of."""
    count = select(func.count()).where(
        Message.registration_id == recipient.registration.id,
        Message.dedupe_key.contains(":again-"),
        Message.dedupe_key.endswith(f":{recipient.key}"),
        Message.created_at > since,
    )
    return db.session.scalar(count) or 0


def _positions(recipient: Recipient) -> dict[int, int]:
    waits = any(one.status == Status.WAITLISTED for one in recipient.attendees)
    return ledger.positions(recipient.registration.event) if waits else {}


def _record(action: str, recipient: Recipient, by: Account | None) -> None:
    found = recipient.registration
    audit.record(action, found.event, by, reference=found.reference)
