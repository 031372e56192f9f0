"""The columns of a roster: their names in order, and what an attendee's cell in each of them says (D89, D90).

Not for: which attendees are rows (roster.py), what an answer says in words (questions.py), bytes (spreadsheet.py).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from eventsite import dates, wording
from eventsite.db import db
from eventsite.models import Answer, Attendee, Consent, Event, Question, Registration, Status, StatusChange
from eventsite.registration import questions
from eventsite.registration.spreadsheet import Cell, Table

ATTENDANCE = {"": "未確認", "present": "出席", "absent": "欠席"}
_YES, _NO = "はい", "いいえ"
_MODES = {"online": "オンライン参加", "venue": "会場参加"}
_ENDINGS = {(Status.CANCELLED, "offered"): "辞退", (Status.LOST, "waitlisted"): "繰上げなし"}


class Book(NamedTuple):
    """What a row needs beside its attendee, each kind read in one statement."""

    event: Event
    statuses: dict[Status, str]
    fees: dict[int, str]
    answers: dict[tuple[int, int], Any]
    consents: dict[tuple[int, str, str], tuple[bool, str]]
    left_from: dict[int, str | None]


Column = tuple[str, Callable[[Attendee, Book], Cell]]

_BEFORE_CONSENTS: tuple[Column, ...] = (
    ("受付番号", lambda one, book: one.registration.reference),
    ("枝番", lambda one, book: one.branch),
    ("状態", lambda one, book: _status(one, book)),
    ("参加区分", lambda one, book: one.category.label),
    ("参加方法", lambda one, book: _mode(one, book.event)),
    ("参加費", lambda one, book: book.fees[one.category_id]),
    ("都道府県", lambda one, book: one.prefecture),
    ("団体コード", lambda one, book: one.municipality_code),
    ("団体名・会社名", lambda one, book: one.organisation),
    ("部署名", lambda one, book: one.department),
    ("役職", lambda one, book: one.position),
    ("姓", lambda one, book: one.family_name),
    ("名", lambda one, book: one.given_name),
    ("セイ", lambda one, book: one.family_kana),
    ("メイ", lambda one, book: one.given_kana),
    ("メールアドレス", lambda one, book: address(one)),
    ("電話番号", lambda one, book: one.registration.contact_phone),
    ("内線", lambda one, book: one.registration.phone_extension),
    ("視聴人数", lambda one, book: one.viewers if way(one, book.event) == "online" else ""),
    ("申込日時", lambda one, book: _time(one.registration.created_at, book.event)),
    ("承認日時", lambda one, book: _time(one.approved_at, book.event)),
    ("取消日時", lambda one, book: _time(one.cancelled_at, book.event)),
    ("取消理由", lambda one, book: one.cancel_reason),
    ("出欠", lambda one, book: ATTENDANCE[one.attendance]),
    ("視聴分数", lambda one, book: ""),
    ("同意_規約版", lambda one, book: _consent(one, book, "privacy")[1]),
    ("同意_案内メール", lambda one, book: _consent(one, book, "followup")[0]),
)
_AFTER_CONSENTS: tuple[Column, ...] = (
    ("メール不達", lambda one, book: _YES if one.undeliverable else ""),
    ("重複の可能性", lambda one, book: _YES if one.possible_duplicate else ""),
    ("備考", lambda one, book: one.remark),
)
WHOLE_NAMES: tuple[Column, ...] = (
    ("氏名", lambda one, book: one.name),
    ("氏名カナ", lambda one, book: f"{one.family_kana} {one.given_kana}".strip()),
)


def of_event(event: Event) -> list[Column]:
    """Return the columns of D89: one for each third party and each question of the event."""
    third_parties = [_third_party_column(one) for one in event.asked_recipients]
    asked = [_question_column(one) for one in event.questions]
    return [*_BEFORE_CONSENTS, *third_parties, *_AFTER_CONSENTS, *asked]


def table(event: Event, columns: list[Column], attendees: list[Attendee]) -> Table:
    """Return the cells of these attendees in these columns; the statements are as many for one as for all."""
    book = _book(event)
    return Table(
        header=[name for name, _ in columns],
        rows=[[value(one, book) for _, value in columns] for one in attendees],
        references=[one.number for one in attendees],
        created=event.created_at,
    )


def consents(event: Event) -> dict[tuple[int, str, str], tuple[bool, str]]:
    """Return by attendee, kind and recipient what was said last, and to which version of the words."""
    rows = db.session.execute(
        select(Consent.attendee_id, Consent.kind, Consent.recipient, Consent.value, Consent.text_version)
        .join(Attendee, Attendee.id == Consent.attendee_id)
        .where(Attendee.event_id == event.id)
        .order_by(Consent.id)
    )
    return {(whose, kind, recipient): (value, version) for whose, kind, recipient, value, version in rows}


def way(one: Attendee, event: Event) -> str:
    """Return how the attendee takes part: as chosen, else the only way there is."""
    return one.participation or event.format.value


def address(one: Attendee) -> str:
    """Return where mail for the attendee goes."""
    return one.email or one.registration.contact_email


def _third_party_column(third: dict[str, Any]) -> Column:
    name = f"同意_第三者提供_{third['name']}"
    return name, lambda one, book: _consent(one, book, "share", third["code"])[0]


def _question_column(question: Question) -> Column:
    """The answer of the application, repeated on the row of each attendee.

    A retired question says so where another one of the same words has taken its place.
    """
    namesakes = [one for one in questions.live(question.event) if one.label == question.label]
    name = f"{question.label}（以前の質問）" if question.retired and namesakes else question.label
    return name, lambda one, book: questions.words(
        question, book.answers.get((one.registration_id, question.id))
    )


def _book(event: Event) -> Book:
    answers = (
        select(Answer.registration_id, Answer.question_id, Answer.value)
        .join(Registration, Registration.id == Answer.registration_id)
        .where(Registration.event_id == event.id)
    )
    left = (
        select(StatusChange.attendee_id, StatusChange.from_status)
        .where(StatusChange.event_id == event.id, StatusChange.to_status.in_([Status.CANCELLED, Status.LOST]))
        .order_by(StatusChange.id)
    )
    return Book(
        event=event,
        statuses={status: wording.status(status) for status in Status},
        fees={category.id: wording.fee(event, category) for category in event.categories},
        answers={(whose, which): value for whose, which, value in db.session.execute(answers)},
        consents=consents(event),
        left_from=dict(db.session.execute(left).all()),
    )


def _status(one: Attendee, book: Book) -> str:
    return _ENDINGS.get((one.status, book.left_from.get(one.id) or ""), book.statuses[one.status])


def _mode(one: Attendee, event: Event) -> str:
    chosen = way(one, event)
    return wording.mode(event, chosen) or _MODES.get(chosen, "")


def _time(instant: datetime | None, event: Event) -> str:
    return dates.roster_time(instant, event.timezone) if instant else ""


def _consent(one: Attendee, book: Book, kind: str, recipient: str = "") -> tuple[str, str]:
    """What was said, blank if never asked, and the version of the words agreed to."""
    said = book.consents.get((one.id, kind, recipient))
    if said is None:
        return "", ""
    return (_YES, said[1]) if said[0] else (_NO, "")
