"""One message of the list sent once more by the office: the very letter where it had failed, else that of the present state.

Not for what people do about their mail by themselves (readdressing.py).
"""

from flask_babel import lazy_gettext as _l

from eventsite import audit, clock
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import letters, outbox, recipients
from eventsite.mail.recipients import Recipient
from eventsite.models import Account, Event, Message, MessageStatus, Registration, Status
from eventsite.registration import ledger

WAITING = (MessageStatus.QUEUED, MessageStatus.SENDING)


def send_once_more(message: Message, by: Account) -> bool:
    """Send a failed message again, or write the letter of its recipient's present state anew.

    False if that was asked for a moment ago. Raises Refusal `invalid` for a message that still waits or was kept back,
    and where its address is no longer the recipient's: it was corrected, or somebody else comes instead.
    """
    with transaction():
        event = db.session.get_one(Event, message.event_id)
        lock(event)
        if message.status in (*WAITING, MessageStatus.HELD):
            raise Refusal("invalid", _l("このメールは、もう一度送ることができません。"))
        recipient = _recipient(message)
        if message.status == MessageStatus.FAILED and message.mime is not None:
            outbox.requeue(message, by)
            return True
        if recipient is None:
            raise Refusal("invalid", _l("このメールは、もう一度送ることができません。"))
        if letters.state_again(recipient, clock.now(), _positions(recipient)) is None:
            return False
        audit.record("registration.sent_again", event, by, reference=recipient.registration.reference)
    return True


def _recipient(message: Message) -> Recipient | None:
    """Whom the message went to, if it is about a registration."""
    if message.registration_id is None:
        return None
    registration = db.session.get_one(Registration, message.registration_id)
    for one in recipients.of(registration):
        if (one.key, one.email) == (message.recipient_key, message.recipient):
            return one
    words = _l("このメールの宛先は、その後に変わりました。いまの宛先あてのメールから送り直してください。")
    raise Refusal("invalid", words)


def _positions(recipient: Recipient) -> dict[int, int]:
    waits = any(one.status == Status.WAITLISTED for one in recipient.attendees)
    return ledger.positions(recipient.registration.event) if waits else {}
