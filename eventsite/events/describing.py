"""The definition of an event as it is stored: rows to keys, with absolute times in the event's zone.

Importing a description changes nothing; comparing two of them says what an import would change (`importing`). Not for
what organisers or attendees read.
"""

from datetime import datetime
from typing import Any

from eventsite import clock, dates
from eventsite.events.planning import LISTS, RECOGNISED_CLASSES
from eventsite.events.tidying import filled
from eventsite.models import Category, Event, EventStatus, Question


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
        "contact": filled(
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
            **filled(
                {
                    "lottery_at": _stamp(event.lottery_at, zone),
                    "changes_allowed": None if event.changes_allowed else False,
                    "changes_until": _stamp(event.changes_until, zone),
                    "cancel_until": _stamp(event.cancel_until, zone),
                    "join_on_page": None if event.join_on_page else False,
                    "join_in_letters": None if event.join_in_letters else False,
                }
            ),
        },
        "confirm_screen": None if event.confirm_screen else False,
        "status": _described_status(event, now or clock.now()),
        "publish_at": _stamp(event.publish_at, zone),
        "cancel_reason": event.cancel_reason,
        "alternative": event.alternative,
        "audience_note": event.audience_note,
        "abstract": event.abstract,
        "description": event.description,
        "categories": [_described_category(one, zone) for one in event.categories],
        "questions": [_described_question(one) for one in event.questions],
        "third_party_recipients": event.recipients,
        "case": event.case,
        "survey": event.survey,
        **{name: getattr(event, name) for name in LISTS},
        **event.background,
    }
    always = {"capacity_total": event.capacity_total, "consents": event.consents}
    return filled(description) | always


def _described_schedule(event: Event) -> dict[str, Any]:
    schedule = {
        "mode": "absolute",
        "start_at": _stamp(event.start_at, event.timezone),
        "end_at": _stamp(event.end_at, event.timezone),
        "timezone": event.timezone,
        "time_status": event.time_status,
    }
    return filled(schedule)


def _described_delivery(event: Event) -> dict[str, Any]:
    venue = filled({key: getattr(event, f"venue_{key}") for key in ("name", "address", "capacity", "note")})
    own_names = ("join_url", "webinar_id", "passcode", "online_status")
    return {
        "online": event.online_words or None,
        **filled({key: getattr(event, key) for key in own_names}),
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
        "domains": category.domains,
        "listed": category.listed or None,
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
    classes = {"domain_classes": category.domain_classes}
    usual = category.domain_classes == RECOGNISED_CLASSES
    return filled(described) | {"capacity": category.capacity} | ({} if usual else classes)


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
    return filled({name: getattr(question, name) for name in names} | {"retired": question.retired or None})


def _stamp(instant: datetime | None, zone: str) -> str | None:
    return dates.in_zone(instant, zone).isoformat() if instant else None
