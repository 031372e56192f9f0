"""Whether an event makes sense: what a schema cannot say of a definition, as faults.

Times that do not exist or do not follow one another, two things of one name, a question about nothing. Not for the
form of a file: that is `shape`.
"""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from eventsite import clock, dates, domains
from eventsite.events import shape
from eventsite.events.faults import Fault, shown
from eventsite.events.moments import NoSuchMoment, category_window, event_instants, instant_or_none, zone_of
from eventsite.events.planning import SESSION_LABELS
from eventsite.events.tidying import tidy


def event_faults(definition: dict[str, Any], where: str, today: date | None) -> list[Fault]:
    """Return what is wrong with an event of good form, which stands at `where`: also its form once it is tidy."""
    faults: list[Fault] = []
    clean = tidy(definition, where, faults)
    faults = faults or shape.event_faults(clean, where)
    if not faults:
        meaning = (
            *_time_faults(clean, today),
            *_delivery_faults(clean),
            *_list_faults(clean),
            *_domain_faults(clean),
            *_question_faults(clean),
        )
        faults = [Fault(f"{where}.{one.path}", one.reason) for one in meaning]
    return faults


def repeated(items: list[dict[str, Any]], key: str, place: str) -> Iterator[Fault]:
    """Yield a fault for each item whose value of `key` an earlier one has."""
    seen = set()
    for index, one in enumerate(items):
        value = one.get(key)
        if isinstance(value, str) and value in seen:
            yield Fault(f"{place}[{index}].{key}", f"{shown(value)} stands there twice")
        elif isinstance(value, str):
            seen.add(value)


def _time_faults(definition: dict[str, Any], today: date | None) -> Iterator[Fault]:
    zone = zone_of(definition)
    if zone not in _zones():
        yield Fault("schedule.timezone", f"{shown(zone)} is no time zone")
        return
    day = today or dates.in_zone(clock.now(), zone).date()
    yield from _application_faults(definition.get("application", {}))
    try:
        instants = event_instants(definition, day)
        instant_or_none(definition.get("publish_at"), "publish_at")
        windows = [(place, category_window(one, place)) for one, place in _placed(definition, "categories")]
    except NoSuchMoment as error:
        yield error.fault
        return
    yield from _order_faults(definition, instants, windows)
    yield from _status_faults(definition, instants, day)


def _application_faults(application: dict[str, Any]) -> Iterator[Fault]:
    for name in ("opens", "closes", "lottery"):
        if f"{name}_days_before" in application and f"{name}_at" in application:
            yield Fault(f"application.{name}_days_before", f"stands beside {name}_at: one of them is enough")
    for given, needed in (("closes_days_before", "closes_time"), ("closes_time", "closes_days_before")):
        if given in application and needed not in application:
            yield Fault(f"application.{needed}", f"is missing: {given} needs it")


def _order_faults(
    definition: dict[str, Any],
    instants: dict[str, Any],
    windows: list[tuple[str, dict[str, datetime | None]]],
) -> Iterator[Fault]:
    is_relative = definition["schedule"].get("mode") == "relative"
    if instants["end_at"] <= instants["start_at"]:
        yield Fault(f"schedule.{'end' if is_relative else 'end_at'}", "is not after the start")
    opens, closes = instants["opens_at"], instants["closes_at"]
    if opens and opens >= (closes or instants["start_at"]):
        counted = "closes_days_before" in definition.get("application", {})
        yield Fault(f"application.closes_{'days_before' if counted else 'at'}", "is not after the opening")
        return
    for place, window in windows:
        own_opens = window["opens_at"] or opens
        own_closes = window["closes_at"] or closes or instants["start_at"]
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
    yield from repeated(definition["categories"], "code", "categories")
    yield from repeated(definition.get("questions", []), "key", "questions")
    yield from repeated(definition.get("sessions", []), "key", "sessions")
    yield from repeated(definition.get("third_party_recipients", []), "code", "third_party_recipients")


def _domain_faults(definition: dict[str, Any]) -> Iterator[Fault]:
    for category, place in _placed(definition, "categories"):
        for index, typed in enumerate(category.get("domains", [])):
            try:
                domains.clean_domain(typed)
            except ValueError:
                yield Fault(f"{place}.domains[{index}]", f"{shown(typed)} is no domain of mail addresses")


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
                yield Fault(f"{place}.categories[{index}]", f"{shown(code)} is no category of this event")
        if question.get("retired"):
            continue
        if "shown_if" in question:
            yield from _condition_faults(question["shown_if"], earlier, f"{place}.shown_if")
        earlier[question["key"]] = question


def _condition_faults(
    condition: dict[str, Any], earlier: dict[str, dict[str, Any]], place: str
) -> Iterator[Fault]:
    asked = earlier.get(condition["question"])
    if asked is None:
        yield Fault(f"{place}.question", f"{shown(condition['question'])} is no earlier question")
    elif asked["type"] in {"radio", "checkbox"} and condition["is"] not in _choice_labels(asked):
        yield Fault(f"{place}.is", f"{shown(condition['is'])} is no choice of {asked['key']}")


def _choice_labels(question: dict[str, Any]) -> list[str]:
    return [one if isinstance(one, str) else one["label"] for one in question.get("choices", [])]


def _placed(definition: dict[str, Any], key: str) -> list[tuple[dict[str, Any], str]]:
    return [(one, f"{key}[{index}]") for index, one in enumerate(definition.get(key, []))]


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
