"""The letters whose words an event may make its own: all to attendees, none to staff. When each goes out, and to whom.

Not for what they are called (`wording.letter_name`), nor for the words themselves (`own_words`).
"""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from eventsite.models import ACTIVE, Status

SUBJECT, ADDITION, BODY = 200, 2000, 5000  # most characters of each part


@dataclass(frozen=True)
class Editable:
    """When a letter goes out, as a sentence, and the seat status of those who get it."""

    when: Any
    statuses: frozenset[Status]


def _row(when: Any, *statuses: Status) -> Editable:
    return Editable(when, frozenset(statuses) or ACTIVE)


LETTERS: dict[str, Editable] = {
    "confirmed": _row(_l("お申し込みと同時に参加が確定したとき"), Status.CONFIRMED),
    "pending": _row(_l("承認の要るお申し込みを受け付けたとき"), Status.PENDING),
    "waitlisted": _row(_l("キャンセル待ちとして受け付けたとき"), Status.WAITLISTED),
    "lottery": _row(_l("抽選のお申し込みを受け付けたとき"), Status.LOTTERY),
    "won": _row(_l("抽選で当選したとき"), Status.CONFIRMED),
    "lost": _row(_l("抽選で落選したとき"), Status.LOST, Status.WAITLISTED),
    "approved": _row(_l("お申し込みを承認したとき"), Status.CONFIRMED),
    "declined": _row(_l("お申し込みをお断りしたとき"), Status.DECLINED),
    "promoted": _row(_l("キャンセル待ちから繰り上がり、参加が確定したとき"), Status.CONFIRMED),
    "offered": _row(_l("キャンセル待ちの方に、空いた席をご案内するとき"), Status.OFFERED),
    "offer_expired": _row(_l("繰上げのご案内に、期限までに回答がなかったとき"), Status.EXPIRED),
    "waitlist_ended": _row(_l("席が空かないまま、キャンセル待ちを終えたとき"), Status.LOST),
    "changed": _row(_l("お申し込みの内容が変わったとき")),
    "cancelled": _row(_l("参加者がお申し込みを取り消したとき、または繰上げを辞退したとき"), Status.CANCELLED),
    "cancelled_by_office": _row(_l("事務局がお申し込みを取り消したとき"), Status.CANCELLED),
    "link_resent": _row(_l("確認ページのURLを、もう一度請求されたとき")),
    "address_changed": _row(_l("連絡先のメールアドレスが変わったとき")),
    "rescheduled": _row(_l("セミナーの日時を変更したとき")),
    "event_changed": _row(_l("セミナーの題名・会場・開催形式などを変更したとき")),
    "event_cancelled": _row(_l("セミナーを中止したとき")),
    "join_info": _row(_l("参加用URLが決まったとき、または変わったとき"), Status.CONFIRMED),
    "reminder": _row(_l("開催前のご案内の日時になったとき"), Status.CONFIRMED),
    "organiser_message": _row(_l("一斉連絡を送るとき")),
    "followup_attended": _row(_l("終了後、出席した方に送るとき"), Status.CONFIRMED),
    "followup_absent": _row(_l("終了後、欠席した方に送るとき"), Status.CONFIRMED),
}
