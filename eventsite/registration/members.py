"""The member list of a category: offered as a file, looked over, confirmed; and who is on it (domain rule D26).

A file changes nothing until it is confirmed; what is only offered is kept for a day. The list is replaced as a whole.
How a file is read stands in `member_file`, what a place on the list means in `eligibility`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, func, insert, or_, select

from eventsite import audit, clock
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.models import ACTIVE, Account, Attendee, Category, Event, Member, Upload
from eventsite.registration import eligibility, member_file

KEPT = timedelta(days=1)


class FaultyList(Refusal):
    """A file of which some rows cannot be used; `faults` names each of them. Nothing of it is kept."""

    def __init__(self, faults: Sequence[member_file.RowFault]) -> None:
        words = _l("%(count)s行に直すところがあります。何も取り込んでいません。", count=len(faults))
        super().__init__("invalid", words, field="file")
        self.faults = faults


@dataclass(frozen=True)
class Difference:
    """What confirming an upload would change: numbers of members."""

    added: int
    removed: int
    changed: int


@dataclass(frozen=True)
class Listed:
    """One member of the list and how many active attendees of the event use the number."""

    member: Member
    used: int


def offer_list(category: Category, by: Account, filename: str, content: bytes) -> Upload:
    """Read a file and keep its rows until they are confirmed; it takes the place of what was offered before.

    Raises Refusal at `file` for a file that cannot be read, FaultyList for one with broken rows.
    """
    reading = member_file.read(content)
    if reading.faults:
        raise FaultyList(reading.faults)
    with transaction():
        lock(category.event)
        now = clock.now()
        earlier = (Upload.category_id == category.id) & (Upload.account_id == by.id)
        db.session.execute(delete(Upload).where(or_(earlier, Upload.created_at <= now - KEPT)))
        upload = Upload(
            category_id=category.id,
            account_id=by.id,
            filename=filename[:255],
            rows=[_stored(one) for one in reading.rows],
            created_at=now,
        )
        db.session.add(upload)
    return upload


def offered(category: Category, by: Account) -> Upload | None:
    """Return what an account has offered for a category and not confirmed yet."""
    query = select(Upload).where(
        Upload.category_id == category.id,
        Upload.account_id == by.id,
        Upload.created_at > clock.now() - KEPT,
    )
    return db.session.scalar(query.order_by(Upload.id.desc()))


def confirm_list(category: Category, seal: str, by: Account) -> int:
    """Put what was offered in the place of the category's list; return how many members it has now.

    `seal` is that of the upload as it was looked over. Raises Refusal if it is not there any more: confirmed,
    discarded, replaced by another one, or older than a day.
    """
    with transaction():
        lock(category.event)
        upload = offered(category, by)
        if upload is None or seal_of(upload) != seal:
            words = _l("この名簿は、もう取り込めません。ファイルをもう一度選んでください。")
            raise Refusal("invalid", words, field="file")
        count = _replace(category, upload.rows, by)
        db.session.delete(upload)
    return count


def seal_of(upload: Upload) -> str:
    """Return what tells the rows of an upload from all others."""
    return hashlib.sha256(json.dumps(upload.rows, sort_keys=True).encode()).hexdigest()


def discard_list(category: Category, by: Account) -> None:
    """Forget what an account has offered for a category."""
    with transaction():
        lock(category.event)
        db.session.execute(
            delete(Upload).where(Upload.category_id == category.id, Upload.account_id == by.id)
        )


def remove_list(category: Category, by: Account) -> None:
    """Take every member off a category's list; from then on every number is left to the office."""
    with transaction():
        lock(category.event)
        if size(category):
            _replace(category, [], by)


def forget_old_uploads() -> None:
    """Delete what was offered more than a day ago; writes only if there is any."""
    late = Upload.created_at <= clock.now() - KEPT
    if db.session.scalar(select(func.count()).where(late)):
        with transaction():
            db.session.execute(delete(Upload).where(late))


def size(category: Category) -> int:
    """Return how many members a category's list has."""
    return db.session.scalar(select(func.count()).where(Member.category_id == category.id)) or 0


def first(category: Category, most: int) -> list[Listed]:
    """Return the first members of a list in the order of their numbers, each with its use."""
    query = select(Member).where(Member.category_id == category.id).order_by(Member.number).limit(most)
    members = list(db.session.scalars(query))
    counts = _used(category.event, [one.number for one in members])
    return [Listed(one, counts[one.number]) for one in members]


def difference(category: Category, upload: Upload) -> Difference:
    """Return what confirming an upload would change of the present list."""
    before = {
        one.number: _stored(member_file.Row(one.number, one.name, one.seats, one.active))
        for one in db.session.scalars(select(Member).where(Member.category_id == category.id))
    }
    after = {row["number"]: row for row in upload.rows}
    return Difference(
        added=len(after.keys() - before.keys()),
        removed=len(before.keys() - after.keys()),
        changed=sum(before[number] != after[number] for number in before.keys() & after.keys()),
    )


def standing(
    category: Category, numbers: Sequence[str], *, besides: Collection[int] = ()
) -> list[eligibility.Membership | None]:
    """Return what the list says about numbers that are to be used together, in their order; None = not on it.

    Those before count as well, as does every active attendee of the event, whatever the category; `besides` are ids
    of attendees who do not.
    """
    known = {one.number: one for one in _find(category, numbers)}
    counts = _used(category.event, list(known), besides)
    found: list[eligibility.Membership | None] = []
    for number in numbers:
        member = known.get(number)
        if member is None:
            found.append(None)
            continue
        room = None if member.seats is None else max(member.seats - counts[number], 0)
        found.append(eligibility.Membership(member.active, room))
        counts[number] += 1
    return found


def entries_of(attendees: Iterable[Attendee]) -> dict[int, Listed]:
    """Return the line of their category's list by attendee id, for the office; who is on none is left out."""
    asking = [one for one in attendees if one.member_number]
    listed: dict[int, Listed] = {}
    for category in dict.fromkeys(one.category for one in asking):
        own = [one for one in asking if one.category_id == category.id]
        known = {one.number: one for one in _find(category, [one.member_number for one in own])}
        counts = _used(category.event, list(known))
        listed |= {
            one.id: Listed(known[one.member_number], counts[one.member_number])
            for one in own
            if one.member_number in known
        }
    return listed


def _replace(category: Category, rows: list[dict[str, object]], by: Account) -> int:
    db.session.execute(delete(Member).where(Member.category_id == category.id))
    if rows:
        db.session.execute(insert(Member), [{"category_id": category.id, **row} for row in rows])
    audit.record("category.list_replaced", category.event, by, code=category.code, rows=len(rows))
    return len(rows)


def _find(category: Category, numbers: Iterable[str]) -> list[Member]:
    query = select(Member).where(Member.category_id == category.id, Member.number.in_(set(numbers)))
    return list(db.session.scalars(query))


def _used(event: Event, numbers: Collection[str], besides: Collection[int] = ()) -> Counter[str]:
    query = (
        select(Attendee.member_number, func.count())
        .where(
            Attendee.event_id == event.id,
            Attendee.status.in_(ACTIVE),
            Attendee.member_number.in_(numbers),
            Attendee.id.not_in(besides),
        )
        .group_by(Attendee.member_number)
    )
    counts: Counter[str] = Counter()
    for number, count in db.session.execute(query):
        counts[number] = count
    return counts


def _stored(row: member_file.Row) -> dict[str, object]:
    return {"number": row.number, "name": row.name, "seats": row.seats, "active": row.active}
