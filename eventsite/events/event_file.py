"""The event file: reading it, finding its faults, what it means for the rows of an event, and writing it.

`event_file.schema.json` beside this file says which form a file has; `check` adds what a schema cannot say. Nothing
here touches the database: `importing` compares and stores. Not for what an organiser types into the site's forms.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import available_timezones

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from eventsite import clock, dates, text
from eventsite.events import markdown
from eventsite.models import Category, Event, EventStatus, Format, Question

SCHEMA_VERSION = 1
SESSION_LABELS = {"venue": "会場参加", "online": "オンライン参加"}
DEFAULT_CONSENTS = ["privacy"]

_OPENING_TIME = "10:00"
_DRAW_TIME = "10:00"
_BACKGROUND = ("facts", "themes_status", "demo_state")
_LISTS = ("agenda", "speakers", "themes", "tags", "resources_after")
_PROSE = {
    "abstract", "audience_note", "notice", "cancel_reason", "help", "purpose", "summary", "facts", "themes_status",
    "demo_state",
}  # fmt: skip
_MEANS_NONE = {"capacity"}  # required or capped keys where null is a value of its own (D14)


@dataclass(frozen=True)
class Fault:
    """What is wrong, in a plain sentence, and where: `events[2].categories[0].capacity`, "" for the whole file."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class FaultyFile(ValueError):
    """An event file that cannot be taken; nothing of it has been stored."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(map(str, self.faults)))


def load(content: str | bytes) -> dict[str, Any]:
    """Return the object that a file's text or bytes hold (UTF-8, a byte order mark is passed over).

    Raises FaultyFile for anything that is no JSON object; its fault's path then names line and column.
    """
    try:
        words = content.decode("utf-8") if isinstance(content, bytes) else content
        document = json.loads(
            words.removeprefix("\ufeff"), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise FaultyFile([Fault("", f"is not UTF-8: see byte {error.start}")]) from None
    except json.JSONDecodeError as error:
        raise FaultyFile(
            [Fault(f"line {error.lineno}, column {error.colno}", f"is no JSON: {error.msg}")]
        ) from None
    except RecursionError:
        raise FaultyFile([Fault("", "is nested too deeply")]) from None
    except ValueError as error:
        raise FaultyFile([Fault("", str(error))]) from None
    if not isinstance(document, dict):
        raise FaultyFile([Fault("", f"must be an object, not {_kind(document)}")])
    return document


def check(document: Any, *, today: date | None = None) -> list[Fault]:
    """Return everything that is wrong with a document; none means that it can be imported.

    `today`: the day from which relative schedules are counted, in the event's zone; that of the clock unless given.
    """
    faults = _shape_faults(document, _document_validator())
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        return faults
    for index, definition in enumerate(events):
        where = f"events[{index}]"
        if not any(fault.path.startswith(where) for fault in faults):
            faults += _event_faults(definition, where, today)
    slugs = [{"slug": one.get("slug")} if isinstance(one, dict) else {} for one in events]
    return faults + list(_repeated(slugs, "slug", "events"))


def plan(definition: dict[str, Any], today: date) -> dict[str, Any]:
    """Return the column values that a definition without faults means: of `event`, and lists of `categories`, `modes`
    and `questions`, in order.

    A relative schedule is counted from `today`, a day in the event's zone. Its closed days move forward (D62); a
    closing or a draw on a closed day moves back (D61). Raises FaultyFile for texts or times that cannot be.
    """
    faults: list[Fault] = []
    tidy = _tidy(definition, "", faults)
    if faults:
        raise FaultyFile(faults)
    try:
        instants = _instants(tidy, today)
        categories = [
            _category_columns(one, place, number) for number, (one, place) in _numbered(tidy, "categories")
        ]
    except _NoSuchMoment as error:
        raise FaultyFile([error.fault]) from None
    return {
        "event": _event_columns(tidy) | instants,
        "categories": categories,
        "modes": _mode_columns(tidy),
        "questions": [_question_columns(one, number) for number, one in enumerate(tidy.get("questions", []))],
    }


def counted_columns(definition: dict[str, Any]) -> frozenset[str]:
    """Return the event's columns that a relative schedule has counted from the day of import; none if it is absolute.

    They are right once, when the event comes into being: later imports leave them as they are.
    """
    if definition["schedule"].get("mode") != "relative":
        return frozenset()
    application = definition.get("application") or {}
    counted = {
        name for name in ("opens", "closes", "lottery") if application.get(f"{name}_days_before") is not None
    }
    return frozenset({"start_at", "end_at", "timezone"} | {f"{name}_at" for name in counted})


def describe(event: Event, now: datetime | None = None) -> dict[str, Any]:
    """Return the definition of an event with absolute times in its zone; importing it changes nothing.

    `now` decides whether a published event is finished (D31); the clock's unless given.
    """
    zone = event.timezone
    description = {
        "slug": event.slug,
        "title": event.title,
        "subtitle": event.subtitle,
        "full_title": event.full_title,
        "organizer": event.organizer,
        "contact": _filled(
            {key: getattr(event, f"contact_{key}") for key in ("name", "email", "phone", "hours")}
        ),
        "notice": event.notice,
        "example": event.example,
        "schedule": _described_schedule(event),
        "format": event.format.value,
        "delivery": _described_delivery(event),
        "sessions": [{"key": one.key, "label": one.label, "capacity": one.capacity} for one in event.modes],
        "fee_note": event.fee_note,
        "capacity_total": event.capacity_total,
        "application": {
            "opens_at": _stamp(event.opens_at, zone),
            "closes_at": _stamp(event.closes_at, zone),
            **_filled({"lottery_at": _stamp(event.lottery_at, zone)}),
        },
        "confirm_screen": None if event.confirm_screen else False,
        "status": _described_status(event, now or clock.now()),
        "publish_at": _stamp(event.publish_at, zone),
        "cancel_reason": event.cancel_reason,
        "audience_note": event.audience_note,
        "abstract": event.abstract,
        "description": event.description,
        "categories": [_described_category(one, zone) for one in event.categories],
        "questions": [_described_question(one) for one in event.questions],
        "third_party_recipients": event.recipients,
        "case": event.case,
        "survey": event.survey,
        **{name: getattr(event, name) for name in _LISTS},
        **event.background,
    }
    always = {"capacity_total": event.capacity_total, "consents": event.consents}
    return _filled(description) | always


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {_shown(key)} stands twice in one object")
        found[key] = value
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


# What the schema says, in words.


@cache
def _document_validator() -> Draft202012Validator:
    schema = json.loads(Path(__file__).with_suffix(".schema.json").read_text(encoding="utf-8"))
    whole = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda checker, value: type(value) is int)
    return extend(Draft202012Validator, type_checker=whole)(schema)


@cache
def _event_validator() -> Draft202012Validator:
    document = _document_validator()
    return document.evolve(schema={"$ref": "#/$defs/event", "$defs": document.schema["$defs"]})


def _shape_faults(value: Any, validator: Draft202012Validator, where: str = "") -> list[Fault]:
    errors = sorted(validator.iter_errors(value), key=lambda error: [f"{one:>9}" for one in error.path])
    faults = (fault for error in errors for fault in _faults_of(error, where))
    return list(dict.fromkeys(faults))


def _faults_of(error: ValidationError, where: str) -> Iterator[Fault]:
    path = where
    for one in error.path:
        path = _joined(path, one)
    if error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield Fault(_joined(path, key), "is missing")
    elif error.validator == "additionalProperties":
        for key in error.instance:
            if key not in error.schema["properties"] and not key.startswith("note"):
                yield Fault(_joined(path, key), "is no key of this form")
    else:
        yield Fault(path, _reason(error))


def _reason(error: ValidationError) -> str:
    value, limit = error.instance, error.validator_value
    match error.validator:
        case "type":
            return f"must be {_type_words(limit)}, not {_kind(value)}"
        case "enum":
            return f"{_shown(value)} is none of {', '.join(one for one in limit if one is not None)}"
        case "const":
            return f"{_shown(value)} is not {_shown(limit)}"
        case "pattern":
            return f"{_shown(value)} is not {error.schema['description']}"
        case "minimum":
            return f"{_shown(value)} is less than {limit}"
        case "maximum":
            return f"{_shown(value)} is more than {limit}"
        case "minLength":
            return "is empty"
        case "maxLength":
            return f"has {len(value)} characters, more than {limit}"
        case "minItems":
            return "is an empty list"
        case "maxItems":
            return f"has {len(value)} items, more than {limit}"
        case "uniqueItems":
            return "holds the same item twice"
    return "does not have the form of an event file"


_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}


def _type_words(types: str | list[str]) -> str:
    wanted = [types] if isinstance(types, str) else types
    return " or ".join(_TYPES[one] for one in wanted if one != "null")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return _shown(value)
    if isinstance(value, str):
        return _TYPES["string"]
    return _TYPES["object" if isinstance(value, dict) else "array"]


def _shown(value: Any) -> str:
    words = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return words if len(words) <= 80 else f"{words[:77]}..."


def _joined(path: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{path}[{step}]"
    name = step if re.fullmatch(r"[\w-]{1,80}", step) else _shown(step)
    return f"{path}.{name}" if path else name


# What a schema cannot say.


class _NoSuchMoment(Exception):
    """A day or time that a definition names and that does not exist."""

    def __init__(self, path: str, reason: str) -> None:
        self.fault = Fault(path, reason)
        super().__init__(path, reason)


def _event_faults(definition: dict[str, Any], where: str, today: date | None) -> list[Fault]:
    faults: list[Fault] = []
    tidy = _tidy(definition, where, faults)
    faults = faults or _shape_faults(tidy, _event_validator(), where)
    if not faults:
        meaning = (
            *_time_faults(tidy, today),
            *_delivery_faults(tidy),
            *_list_faults(tidy),
            *_question_faults(tidy),
        )
        faults = [Fault(f"{where}.{one.path}", one.reason) for one in meaning]
    return faults


def _tidy(value: Any, path: str, faults: list[Fault], key: str = "") -> Any:
    """Return a definition with clean texts and without notes and nulls; texts that cannot be stored go to `faults`."""
    if isinstance(value, str):
        try:
            return _clean(value, key)
        except text.InvalidText as error:
            faults.append(Fault(path, _text_reason(error.code)))
            return value
    if isinstance(value, list):
        return [_tidy(one, f"{path}[{index}]", faults, key) for index, one in enumerate(value)]
    if isinstance(value, dict):
        return {
            name: _tidy(one, _joined(path, name), faults, name)
            for name, one in value.items()
            if not _is_ignored(name, one, key)
        }
    return value


def _is_ignored(name: str, value: Any, parent: str) -> bool:
    is_note = name.startswith("note") and (parent, name) != ("venue", "note") and name != "notice"
    return is_note or (value is None and name not in _MEANS_NONE)


def _clean(value: str, key: str) -> str:
    if key == "description":
        return markdown.clean(value)
    if key == "email" and value:
        return text.clean_email(value)
    return text.clean_text(value) if key in _PROSE else text.clean_line(value)


def _text_reason(code: str) -> str:
    if code == "private-use":
        return "holds a private-use character (外字)"
    return "is no mail address" if code.startswith("email") else "holds a character that cannot be stored"


def _time_faults(definition: dict[str, Any], today: date | None) -> Iterator[Fault]:
    zone = _zone(definition)
    if zone not in _zones():
        yield Fault("schedule.timezone", f"{_shown(zone)} is no time zone")
        return
    day = today or dates.in_zone(clock.now(), zone).date()
    yield from _application_faults(definition.get("application", {}))
    try:
        instants = _instants(definition, day)
        categories = [
            (place, _category_columns(one, place, number))
            for number, (one, place) in _numbered(definition, "categories")
        ]
    except _NoSuchMoment as error:
        yield error.fault
        return
    yield from _order_faults(definition, instants, categories)
    yield from _status_faults(definition, instants, day)


def _application_faults(application: dict[str, Any]) -> Iterator[Fault]:
    for name in ("opens", "closes", "lottery"):
        if f"{name}_days_before" in application and f"{name}_at" in application:
            yield Fault(f"application.{name}_days_before", f"stands beside {name}_at: one of them is enough")
    for given, needed in (("closes_days_before", "closes_time"), ("closes_time", "closes_days_before")):
        if given in application and needed not in application:
            yield Fault(f"application.{needed}", f"is missing: {given} needs it")


def _order_faults(
    definition: dict[str, Any], instants: dict[str, Any], categories: list[tuple[str, dict[str, Any]]]
) -> Iterator[Fault]:
    is_relative = definition["schedule"].get("mode") == "relative"
    if instants["end_at"] <= instants["start_at"]:
        yield Fault(f"schedule.{'end' if is_relative else 'end_at'}", "is not after the start")
    opens, closes = instants["opens_at"], instants["closes_at"]
    if opens and opens >= (closes or instants["start_at"]):
        counted = "closes_days_before" in definition.get("application", {})
        yield Fault(f"application.closes_{'days_before' if counted else 'at'}", "is not after the opening")
        return
    for place, columns in categories:
        own_opens = columns["opens_at"] or opens
        own_closes = columns["closes_at"] or closes or instants["start_at"]
        if own_opens and own_opens >= own_closes:
            yield Fault(f"{place}.closes_at", "is not after the opening")


def _status_faults(definition: dict[str, Any], instants: dict[str, Any], today: date) -> Iterator[Fault]:
    status = definition["status"]
    if status == "scheduled" and "publish_at" not in definition:
        yield Fault("publish_at", "is missing: a scheduled event needs it")
    if status == "finished":
        if definition["schedule"].get("mode") == "relative":
            is_over = dates.in_zone(instants["end_at"], instants["timezone"]).date() < today
        else:
            is_over = instants["end_at"] <= clock.now()
        if not is_over:
            yield Fault("status", "finished needs an end in the past")


def _delivery_faults(definition: dict[str, Any]) -> Iterator[Fault]:
    sessions = definition.get("sessions", [])
    if sessions and definition["format"] != "hybrid":
        yield Fault("sessions", "belong to a hybrid event only")
    elif sessions and {one["key"] for one in sessions} != set(SESSION_LABELS):
        yield Fault("sessions", "of a hybrid event are online and venue")


def _list_faults(definition: dict[str, Any]) -> Iterator[Fault]:
    yield from _repeated(definition["categories"], "code", "categories")
    yield from _repeated(definition.get("questions", []), "key", "questions")
    yield from _repeated(definition.get("sessions", []), "key", "sessions")
    yield from _repeated(definition.get("third_party_recipients", []), "code", "third_party_recipients")


def _question_faults(definition: dict[str, Any]) -> Iterator[Fault]:
    codes = {one["code"] for one in definition["categories"]}
    earlier: dict[str, dict[str, Any]] = {}
    for question, place in _placed(definition, "questions"):
        labels = _choice_labels(question)
        if question["type"] in {"radio", "checkbox"} and not labels:
            yield Fault(f"{place}.choices", f"is missing: a question of type {question['type']} needs it")
        if len(set(labels)) < len(labels):
            yield Fault(f"{place}.choices", "holds the same choice twice")
        for index, code in enumerate(question.get("categories", [])):
            if code not in codes:
                yield Fault(f"{place}.categories[{index}]", f"{_shown(code)} is no category of this event")
        if "shown_if" in question:
            yield from _condition_faults(question["shown_if"], earlier, f"{place}.shown_if")
        earlier[question["key"]] = question


def _condition_faults(
    condition: dict[str, Any], earlier: dict[str, dict[str, Any]], place: str
) -> Iterator[Fault]:
    asked = earlier.get(condition["question"])
    if asked is None:
        yield Fault(f"{place}.question", f"{_shown(condition['question'])} is no earlier question")
    elif asked["type"] in {"radio", "checkbox"} and condition["is"] not in _choice_labels(asked):
        yield Fault(f"{place}.is", f"{_shown(condition['is'])} is no choice of {asked['key']}")


def _choice_labels(question: dict[str, Any]) -> list[str]:
    return [one if isinstance(one, str) else one["label"] for one in question.get("choices", [])]


def _repeated(items: list[dict[str, Any]], key: str, place: str) -> Iterator[Fault]:
    seen = set()
    for index, one in enumerate(items):
        value = one.get(key)
        if isinstance(value, str) and value in seen:
            yield Fault(f"{place}[{index}].{key}", f"{_shown(value)} stands there twice")
        elif isinstance(value, str):
            seen.add(value)


def _placed(definition: dict[str, Any], key: str) -> list[tuple[dict[str, Any], str]]:
    return [(one, f"{key}[{index}]") for index, one in enumerate(definition.get(key, []))]


def _numbered(definition: dict[str, Any], key: str) -> Iterator[tuple[int, tuple[dict[str, Any], str]]]:
    return enumerate(_placed(definition, key))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


# From days and times to instants.


def _zone(definition: dict[str, Any]) -> str:
    return definition["schedule"].get("timezone") or dates.TOKYO


def _instants(definition: dict[str, Any], today: date) -> dict[str, Any]:
    """Return the columns of the event's own times; raises _NoSuchMoment."""
    zone = _zone(definition)
    start, end = _start_and_end(definition["schedule"], zone, today)
    application = definition.get("application", {})
    day = dates.in_zone(start, zone).date()
    return {
        "timezone": zone,
        "start_at": start,
        "end_at": end,
        "opens_at": _days_before(application, "opens", day, _OPENING_TIME, zone),
        "closes_at": _days_before(application, "closes", day, application.get("closes_time"), zone),
        "lottery_at": _days_before(application, "lottery", day, _DRAW_TIME, zone),
    }


def _start_and_end(schedule: dict[str, Any], zone: str, today: date) -> tuple[datetime, datetime]:
    if schedule.get("mode") != "relative":
        return (
            _instant(schedule["start_at"], "schedule.start_at"),
            _instant(schedule["end_at"], "schedule.end_at"),
        )
    day = dates.next_business_day(today + timedelta(days=schedule["days_from_seeding"]))
    return (
        _moment(day, schedule["start"], zone, "schedule.start"),
        _moment(day, schedule["end"], zone, "schedule.end"),
    )


def _days_before(
    application: dict[str, Any], name: str, start: date, clock_time: str | None, zone: str
) -> datetime | None:
    days = application.get(f"{name}_days_before")
    if days is None or clock_time is None:
        return _instant_or_none(application.get(f"{name}_at"), f"application.{name}_at")
    day = start - timedelta(days=days)
    if name != "opens":
        day = dates.previous_business_day(day)
    return _moment(day, clock_time, zone, f"application.{name}_days_before")


def _moment(day: date, clock_time: str, zone: str, path: str) -> datetime:
    local = datetime.combine(day, time.fromisoformat(clock_time))
    try:
        return dates.to_instant(local, zone)
    except dates.NoSuchTime:
        raise _NoSuchMoment(path, f"{local:%Y-%m-%d %H:%M} does not exist in {zone}") from None
    except dates.AmbiguousTime:
        raise _NoSuchMoment(path, f"{local:%Y-%m-%d %H:%M} comes twice in {zone}") from None


def _instant(value: str, path: str) -> datetime:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise _NoSuchMoment(path, f"{_shown(value)} is no day and time that exists") from None


def _instant_or_none(value: str | None, path: str) -> datetime | None:
    return _instant(value, path) if value else None


# From keys to columns.


def _event_columns(definition: dict[str, Any]) -> dict[str, Any]:
    get = definition.get
    contact, delivery = get("contact", {}), get("delivery", {})
    venue = delivery.get("venue", {})
    status = "published" if definition["status"] == "finished" else definition["status"]
    prose = (
        "subtitle",
        "full_title",
        "abstract",
        "description",
        "audience_note",
        "notice",
        "organizer",
        "fee_note",
    )
    return {
        "slug": definition["slug"],
        "title": definition["title"],
        **{name: get(name, "") for name in prose},
        "description_html": markdown.render(get("description", "")),
        "example": get("example", False),
        **{f"contact_{key}": contact.get(key, "") for key in ("name", "email", "phone", "hours")},
        "time_status": definition["schedule"].get("time_status", ""),
        "format": Format(definition["format"]),
        "online_words": delivery.get("online", ""),
        **{key: delivery.get(key, "") for key in ("online_status", "join_url", "webinar_id", "passcode")},
        "live": delivery.get("live", False),
        **{f"venue_{key}": venue.get(key, "") for key in ("name", "address", "note")},
        "venue_capacity": venue.get("capacity"),
        "capacity_total": get("capacity_total"),
        "confirm_screen": get("confirm_screen", True),
        "status": EventStatus(status),
        "publish_at": _instant_or_none(get("publish_at"), "publish_at"),
        "cancel_reason": get("cancel_reason", ""),
        **{name: get(name, []) for name in _LISTS},
        "case": get("case", {}),
        "survey": get("survey", {}),
        "consents": get("consents", [*DEFAULT_CONSENTS]),
        "recipients": get("third_party_recipients", []),
        "background": _filled({name: get(name) for name in _BACKGROUND}),
    }


def _category_columns(category: dict[str, Any], place: str, position: int) -> dict[str, Any]:
    return {
        "code": category["code"],
        "label": category["label"],
        "position": position,
        "capacity": category["capacity"],
        "selection": category.get("selection", "first_come"),
        "approval": category.get("approval", "auto"),
        "verification": category.get("verification", "none"),
        "waitlist": category.get("waitlist", True),
        "promotion": category.get("promotion", "confirm"),
        "opens_at": _instant_or_none(category.get("opens_at"), f"{place}.opens_at"),
        "closes_at": _instant_or_none(category.get("closes_at"), f"{place}.closes_at"),
        "max_attendees": category.get("max_attendees", 5),
        "per_organization_limit": category.get("per_organization_limit"),
        "help": category.get("help", ""),
        "fee_jpy": category.get("fee_jpy"),
        "fields": category.get("fields", {}),
    }


def _mode_columns(definition: dict[str, Any]) -> list[dict[str, Any]]:
    """A hybrid event that names no ways to take part has both, without caps of their own."""
    if definition["format"] != "hybrid":
        return []
    sessions = definition.get("sessions") or [{"key": key} for key in SESSION_LABELS]
    return [
        {
            "key": one["key"],
            "label": one.get("label") or SESSION_LABELS[one["key"]],
            "position": position,
            "capacity": one.get("capacity"),
        }
        for position, one in enumerate(sessions)
    ]


def _question_columns(question: dict[str, Any], position: int) -> dict[str, Any]:
    return {
        "key": question["key"],
        "label": question["label"],
        "type": question["type"],
        "position": position,
        "required": question.get("required", False),
        "max_length": question.get("max_length"),
        "choices": [_choice(one) for one in question.get("choices", [])],
        "categories": question.get("categories"),
        "purpose": question["purpose"],
        "help": question.get("help", ""),
        "shown_if": question.get("shown_if"),
    }


def _choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(choice, dict) and choice.get("capacity") is None:
        return str(choice["label"])
    return choice


# From columns to keys.


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a missing key means anyway."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _described_schedule(event: Event) -> dict[str, Any]:
    schedule = {
        "mode": "absolute",
        "start_at": _stamp(event.start_at, event.timezone),
        "end_at": _stamp(event.end_at, event.timezone),
        "timezone": event.timezone,
        "time_status": event.time_status,
    }
    return _filled(schedule)


def _described_delivery(event: Event) -> dict[str, Any]:
    venue = _filled({key: getattr(event, f"venue_{key}") for key in ("name", "address", "capacity", "note")})
    own_names = ("join_url", "webinar_id", "passcode", "online_status")
    return {
        "online": event.online_words or None,
        **_filled({key: getattr(event, key) for key in own_names}),
        "live": event.live,
        "venue": venue or None,
    }


def _described_status(event: Event, now: datetime) -> str:
    if event.status == EventStatus.PUBLISHED and event.is_over(now):
        return "finished"
    return event.status.value


def _described_category(category: Category, zone: str) -> dict[str, Any]:
    described = {
        "code": category.code,
        "label": category.label,
        "capacity": category.capacity,
        "selection": category.selection,
        "approval": category.approval,
        "verification": category.verification,
        "waitlist": category.waitlist,
        "promotion": category.promotion,
        "opens_at": _stamp(category.opens_at, zone),
        "closes_at": _stamp(category.closes_at, zone),
        "max_attendees": category.max_attendees,
        "per_organization_limit": category.per_organization_limit,
        "help": category.help,
        "fee_jpy": category.fee_jpy,
        "fields": category.fields,
    }
    return _filled(described) | {"capacity": category.capacity}


def _described_question(question: Question) -> dict[str, Any]:
    names = (
        "key",
        "label",
        "type",
        "required",
        "max_length",
        "choices",
        "categories",
        "purpose",
        "help",
        "shown_if",
    )
    return _filled({name: getattr(question, name) for name in names})


def _stamp(instant: datetime | None, zone: str) -> str | None:
    return dates.in_zone(instant, zone).isoformat() if instant else None
