"""What a definition means for the rows of an event: keys to column values, with every default in its place.

Not for comparing with what is stored, or storing: `importing` does that. The way back is `describing`.
"""

from datetime import date
from typing import Any

from eventsite import domains
from eventsite.events import markdown
from eventsite.events.faults import Fault, FaultyFile
from eventsite.events.moments import NoSuchMoment, category_window, event_instants, instant_or_none
from eventsite.events.tidying import filled, tidy
from eventsite.models import EventStatus, Format

SESSION_LABELS = {"venue": "会場参加", "online": "オンライン参加"}
DEFAULT_CONSENTS = ["privacy"]
RECOGNISED_CLASSES = ["lg", "local_geo"]

_BACKGROUND = ("facts", "themes_status", "demo_state")
LISTS = ("agenda", "speakers", "themes", "tags", "resources_after")


def plan(definition: dict[str, Any], today: date) -> dict[str, Any]:
    """Return the column values that a definition without faults means: of `event`, and lists of `categories`, `modes`
    and `questions`, in order.

    A relative schedule is counted from `today`, a day in the event's zone. Its closed days move forward (D62); a
    closing or a draw on a closed day moves back (D61). Raises FaultyFile for texts or times that cannot be.
    """
    faults: list[Fault] = []
    clean = tidy(definition, "", faults)
    if faults:
        raise FaultyFile(faults)
    try:
        instants = event_instants(clean, today)
        event = _event_columns(clean) | instants
        categories = [
            _category_columns(one, f"categories[{position}]", position)
            for position, one in enumerate(clean["categories"])
        ]
    except NoSuchMoment as error:
        raise FaultyFile([error.fault]) from None
    return {
        "event": event,
        "categories": categories,
        "modes": _mode_columns(clean),
        "questions": [
            _question_columns(one, position) for position, one in enumerate(clean.get("questions", []))
        ],
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
        **{
            name: get("application", {}).get(name, True)
            for name in ("changes_allowed", "join_on_page", "join_in_letters")
        },
        "status": EventStatus(status),
        "publish_at": instant_or_none(get("publish_at"), "publish_at"),
        "cancel_reason": get("cancel_reason", ""),
        "alternative": get("alternative", ""),
        **{name: get(name, []) for name in LISTS},
        "case": get("case", {}),
        "survey": get("survey", {}),
        "consents": get("consents", [*DEFAULT_CONSENTS]),
        "recipients": get("third_party_recipients", []),
        "background": filled({name: get(name) for name in _BACKGROUND}),
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
        "domain_classes": [
            one for one in domains.RECOGNISABLE if one in category.get("domain_classes", RECOGNISED_CLASSES)
        ],
        "domains": list(dict.fromkeys(map(domains.clean_domain, category.get("domains", [])))),
        "listed": category.get("listed", False),
        "waitlist": category.get("waitlist", True),
        "promotion": category.get("promotion", "confirm"),
        **category_window(category, place),
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
        "retired": question.get("retired", False),
    }


def _choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(choice, dict) and choice.get("capacity") is None:
        return str(choice["label"])
    return choice
