"""What the organiser writes to attendees: planned as a mailing, and called off while it is not written (D66, D72).

Not for the letter itself (mail/announcements.py).
"""

import hashlib
from collections.abc import Callable

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from eventsite import clock, text
from eventsite.db import lock, transaction
from eventsite.errors import Refusal
from eventsite.mail import mailings
from eventsite.mail.letters import announcements
from eventsite.mail.letters.announcements import Announcement
from eventsite.mail.wording import typeset
from eventsite.models import Account, Event, Mailing

LONGEST_TEXT = 2000


def announce(event: Event, announcement: Announcement, key: str, by: Account | None) -> Mailing | None:
    """Plan a message to attendees, to be written at once; None if this `key` has brought one before.

    Raises Refusal `invalid` at `subject`, `text` or `statuses`: blank, too long, with characters that no mail can
    hold, or to nobody.
    """
    with transaction():
        lock(event)
        check(event, announcement)
        name = f"message-{hashlib.sha256(key.encode(errors='replace')).hexdigest()[:32]}"
        details = announcement.details()
        return mailings.plan(event, announcements.LETTER, name, clock.now(), by, details)


def check(event: Event, announcement: Announcement) -> int:
    """Return how many letters it will be. Raises Refusal as `announce`; reads only."""
    _check_words("subject", _("件名"), announcement.subject, typeset.SUBJECT_LENGTH, text.clean_line)
    _check_words("text", _("本文"), announcement.text, LONGEST_TEXT, text.clean_text)
    if not typeset.subject(announcement.subject, "", "").strip("…"):
        raise Refusal("invalid", _l("件名には、絵文字でない文字も入れてください。"), "subject")
    count = announcements.count(event, announcement.audience)
    if count == 0:
        raise Refusal("invalid", _l("メールを送れる方がいません。"), "statuses")
    return count


def call_off(mailing: Mailing, by: Account | None) -> bool:
    """Write no more of a message; False if all of it was written. What was written goes out."""
    with transaction():
        lock(mailing.event)
        if mailing.status not in mailings.OPEN:
            return False
        mailings.drop(mailing, by)
    return True


def _check_words(field: str, name: str, words: str, longest: int, clean: Callable[[str], str]) -> None:
    """As it is stored already: one line, or lines that end in LF."""
    try:
        cleaned = clean(words)
    except text.InvalidText:
        cleaned = None
    if cleaned != words:
        raise Refusal("invalid", _l("%(item)sに使えない文字が含まれています。", item=name), field)
    if not words:
        raise Refusal("invalid", _l("%(item)sを入力してください。", item=name), field)
    if text.length(words) > longest:
        sentence = _l("%(item)sは%(count)s文字以内で入力してください。", item=name, count=longest)
        raise Refusal("invalid", sentence, field)
