"""Event files into the database and back: create by slug, or change what differs and say what.

One file is one transaction: with any fault nothing is stored. People are told of a change only where that is asked for;
`told` says how many letters it is. What a file must look like and what it means stands in `event_file`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select

from eventsite import audit, clock, registration
from eventsite.db import db, lock, transaction
from eventsite.events import calendar_revision, event_file, question_rules, telling
from eventsite.events.event_file import Fault, FaultyFile
from eventsite.mail import due, schedule
from eventsite.mail.letters import event_changes
from eventsite.models import (
    Account,
    Answer,
    Attendee,
    Category,
    Event,
    EventRole,
    EventStatus,
    InviteCode,
    ParticipationMode,
    Question,
    Registration,
)

OWNER = "organiser"
_IDENTITY = {"categories": "code", "sessions": "key", "questions": "key"}
_CANNOT = {
    "label": "cannot change its label",
    "type": "cannot change its type",
    "purpose": "cannot change its purpose",
    "choices": "cannot lose or rename a choice",
}


@dataclass(frozen=True)
class Imported:
    """What became of one event: `action` is created, changed or unchanged.

    `changes` are the paths of the keys that differed (`categories.local_gov.capacity`), `organiser` among them if the
    event was given to the owner; `told` counts the letters that tell of them, or would.
    """

    slug: str
    action: str
    changes: list[str]
    told: int


def import_events(
    document: Any,
    *,
    today: date,
    owner: Account | None = None,
    by: Account | None = None,
    notify: bool = False,
) -> list[Imported]:
    """Create or change the events of a document in one transaction, and say what happened to each.

    `today` is the day, in the event's zone, from which relative schedules are counted; that happens once, when the
    event comes into being (D106). With `notify` people are written to, and an event that the file calls off is cancelled
    for everybody, also where an earlier import had done so without a word (D72). `owner` becomes organiser of every
    event; without one only admins see them. Raises FaultyFile, also for a category or a way to take part that vanishes
    although somebody has chosen it, and for a question that becomes another one under its answers; then nothing is
    stored. A question that vanishes is retired if it has answers.
    """
    faults = event_file.check(document, today=today)
    if faults:
        raise FaultyFile(faults)
    with transaction():
        imported = []
        reminders = _stated_reminders(document)
        for index, definition in enumerate(document["events"]):
            try:
                imported.append(
                    _import(definition, f"events[{index}]", today, owner, by, reminders, notify=notify)
                )
            except FaultyFile as error:
                faults += error.faults
        if faults:
            raise FaultyFile(faults)
    return imported


def export(event: Event) -> dict[str, Any]:
    """Return a document of one event, with absolute times; importing it changes nothing."""
    return {"schema_version": event_file.SCHEMA_VERSION, "events": [event_file.describe(event)]}


def find(slug: str) -> Event | None:
    """Return the event of a slug, public or not."""
    return db.session.scalar(select(Event).where(Event.slug == slug))


def _stated_reminders(document: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rules that a file states for all its events, None if it states none: then the usual ones (D62)."""
    stated = (document.get("common") or {}).get("reminders")
    if stated is None:
        return None
    usual = {"days_before": 1, "time": due.USUAL_TIME}
    keys = ("days_before", "time", "business_day")
    given = [{key: one[key] for key in keys if one.get(key) is not None} for one in stated]
    return [usual | {key: value for key, value in one.items() if value is not True} for one in given]


def _import(
    definition: dict[str, Any],
    where: str,
    today: date,
    owner: Account | None,
    by: Account | None,
    reminders: list[dict[str, Any]] | None,
    *,
    notify: bool,
) -> Imported:
    event = find(definition["slug"])
    if event is None:
        return _create(definition, today, owner, by, reminders)
    changes, told = _change(event, definition, where, today, by, notify=notify)
    if _give(event, owner):
        changes.append(OWNER)
    if not changes:
        return Imported(event.slug, "unchanged", [], told)
    audit.record("event.changed", event, by, fields=changes)
    return Imported(event.slug, "changed", changes, told)


def _create(
    definition: dict[str, Any],
    today: date,
    owner: Account | None,
    by: Account | None,
    reminders: list[dict[str, Any]] | None,
) -> Imported:
    event = _built(event_file.plan(definition, today))
    if reminders is not None:
        event.reminders = reminders
    event.created_at = event.updated_at = clock.now()
    db.session.add(event)
    db.session.flush()
    _give(event, owner)
    schedule.replan(event, event.created_at)
    audit.record("event.imported", event, by, slug=event.slug)
    return Imported(event.slug, "created", [], 0)


def _change(
    event: Event, definition: dict[str, Any], where: str, today: date, by: Account | None, *, notify: bool
) -> tuple[list[str], int]:
    """Store what differs, under the event's lock; return its paths and how many letters tell of it; raises FaultyFile."""
    now = clock.now()
    if _differences_of(event, _rows_for(event, definition, today), now):
        lock(event)
    rows = _rows_for(event, definition, today)
    changes = _differences_of(event, rows, now)
    known = event_changes.values_of(event)
    if not changes:
        return [], _tell(event, known, by, now, notify=notify)
    obstacles = list(_obstacles(event, rows, where))
    if obstacles:
        raise FaultyFile(obstacles)
    before = calendar_revision.shown(event)
    _apply(event, rows, now)
    calendar_revision.revise(event, before, now)
    schedule.replan(event, now)
    told = _tell(event, known, by, now, notify=notify)
    registration.promote(event)
    return changes, told


def _rows_for(event: Event, definition: dict[str, Any], today: date) -> dict[str, Any]:
    """What the definition means for an event that is there: dates once counted stay."""
    rows = event_file.plan(definition, today)
    for name in event_file.counted_columns(definition):
        rows["event"][name] = getattr(event, name)
    rows["questions"] = _with_answered(event, rows)
    return rows


def _with_answered(event: Event, rows: dict[str, Any]) -> list[dict[str, Any]]:
    """The questions of a file, and where they stood those that it leaves out although they have answers: retired."""
    kept = list(rows["questions"])
    codes = {one["code"] for one in rows["categories"]}
    missing = _vanishing(event.questions, kept, "key")
    for place, question in enumerate(event.questions):
        if question in missing and question_rules.has_answers(question):
            values = {name: getattr(question, name) for name in question_rules.USUAL}
            values["categories"] = [one for one in question.categories or [] if one in codes] or None
            kept.insert(place, values | {"retired": True})
    return [one | {"position": position} for position, one in enumerate(kept)]


def _built(rows: dict[str, Any]) -> Event:
    return Event(
        **rows["event"],
        categories=[Category(**one) for one in rows["categories"]],
        modes=[ParticipationMode(**one) for one in rows["modes"]],
        questions=[Question(**one) for one in rows["questions"]],
    )


def _give(event: Event, owner: Account | None) -> bool:
    """Make the owner organiser of the event; say whether he was not."""
    if owner is None:
        return False
    role = db.session.scalar(
        select(EventRole).where(EventRole.event_id == event.id, EventRole.account_id == owner.id)
    )
    if role is not None and role.role == OWNER:
        return False
    if role is None:
        db.session.add(EventRole(event_id=event.id, account_id=owner.id, role=OWNER))
    else:
        role.role = OWNER
    db.session.flush()
    return True


# What differs.


def _differences_of(event: Event, rows: dict[str, Any], now: datetime) -> list[str]:
    wanted = event_file.describe(_built(rows), now)
    return list(_differences(event_file.describe(event, now), wanted, ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    if before == after:
        return
    key = _IDENTITY.get(path)
    if key:
        yield from _keyed_differences(before or [], after or [], key, path)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    else:
        yield path


def _keyed_differences(
    before: list[dict[str, Any]], after: list[dict[str, Any]], key: str, path: str
) -> Iterator[str]:
    old, new = ({one[key]: one for one in items} for items in (before, after))
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield path
    for name in dict.fromkeys([*old, *new]):
        yield from _differences(old.get(name), new.get(name), f"{path}.{name}")


def _tell(event: Event, known: dict[str, Any], by: Account | None, now: datetime, *, notify: bool) -> int:
    """Tell of a change if asked to, of a cancellation to whoever is still registered; return how many letters it is."""
    if event.is_over(now):
        return 0
    if event.status != EventStatus.CANCELLED:
        letters = telling.letters_about(event, known)
        if notify:
            telling.tell(event, known, by, now)
        return letters
    letters = telling.letters_if_cancelled(event)
    if notify:
        telling.cancel(event, by, event.cancel_reason, event.alternative)
    return letters


# What stands in the way.


def _obstacles(event: Event, rows: dict[str, Any], where: str) -> Iterator[Fault]:
    """Yield a fault for each row that would vanish, or change its nature, under somebody who has used it."""
    for category in _vanishing(event.categories, rows["categories"], "code"):
        codes = select(InviteCode.id).where(InviteCode.category_id == category.id)
        own = or_(Registration.category_id == category.id, Registration.invite_code_id.in_(codes))
        count = _count(Registration.id, own)
        count = max(count, _count(Attendee.id, Attendee.category_id == category.id))
        if count:
            yield Fault(
                f"{where}.categories", f"{category.code} has {count} registrations and cannot be removed"
            )
    if rows["event"]["status"] == EventStatus.DRAFT and event.status != EventStatus.DRAFT:
        count = _count(Registration.id, Registration.event_id == event.id)
        if count:
            yield Fault(f"{where}.status", f"the event has {count} registrations and cannot be a draft again")
    selections = {one["code"]: one["selection"] for one in rows["categories"]}
    for category in event.categories:
        if selections.get(category.code, category.selection) != category.selection:
            count = _count(Attendee.id, Attendee.category_id == category.id)
            used = "has been drawn" if category.drawn_at else f"has {count} attendees" if count else ""
            if used:
                yield Fault(f"{where}.categories", f"{category.code} {used} and cannot change its selection")
    for mode in _vanishing(event.modes, rows["modes"], "key"):
        count = _count(Attendee.id, Attendee.event_id == event.id, Attendee.participation == mode.key)
        if count:
            yield Fault(
                f"{where}.sessions", f"{mode.key} was chosen by {count} attendees and cannot be removed"
            )
    wanted = {one["key"]: one for one in rows["questions"]}
    for question in event.questions:
        fixed = (
            question_rules.fixed_by_answers(question, wanted[question.key]) if question.key in wanted else []
        )
        count = _count(Answer.id, Answer.question_id == question.id) if fixed else 0
        if count:
            for name in fixed:
                yield Fault(f"{where}.questions", f"{question.key} has {count} answers and {_CANNOT[name]}")


def _vanishing(existing: Iterable[Any], rows: Iterable[dict[str, Any]], key: str) -> list[Any]:
    kept = {row[key] for row in rows}
    return [one for one in existing if getattr(one, key) not in kept]


def _count(column: Any, *conditions: Any) -> int:
    return db.session.scalar(select(func.count(column)).where(*conditions)) or 0


# Writing it.


def _apply(event: Event, rows: dict[str, Any], now: datetime) -> None:
    _set(event, rows["event"])
    _set_children(event.categories, rows["categories"], "code", Category)
    _set_children(event.modes, rows["modes"], "key", ParticipationMode)
    _set_children(event.questions, rows["questions"], "key", Question)
    event.updated_at = now
    db.session.flush()


def _set_children(existing: list[Any], rows: Sequence[dict[str, Any]], key: str, table: type) -> None:
    for one in _vanishing(existing, rows, key):
        existing.remove(one)
    by_key = {getattr(one, key): one for one in existing}
    for row in rows:
        if row[key] in by_key:
            _set(by_key[row[key]], row)
        else:
            existing.append(table(**row))


def _set(row: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
