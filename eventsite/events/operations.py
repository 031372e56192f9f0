"""The verbs on events: create, change, publish, withdraw; and on their categories. Each is one transaction.

Values come as plain column values, checked for shape by the door. A change that frees seats promotes those who wait.
"""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, or_, select

from eventsite import audit, clock, registration
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.events import calendar_revision, markdown, questions, telling
from eventsite.mail import schedule
from eventsite.mail.letters import event_changes
from eventsite.models import (
    Account,
    Attendee,
    Category,
    Event,
    EventRole,
    EventStatus,
    Format,
    InviteCode,
    ParticipationMode,
    Registration,
)

ModeCaps = Mapping[str, int | None]
MODES = (("venue", "会場参加"), ("online", "オンライン参加"))
STANDARD_CATEGORIES = (("local_gov", "自治体職員"), ("gdx_member", "GDX会員"), ("company", "一般企業"))


def create(values: Mapping[str, Any], by: Account, *, mode_caps: ModeCaps | None = None) -> Event:
    """Create a draft with the association's three categories, belonging to `by`.

    `mode_caps` are the seats of each way to take part in a hybrid event, None = no cap (D14). Raises Refusal at
    `slug` if the address is taken.
    """
    with transaction():
        values = _cleaned(values)
        _check_slug(values["slug"])
        now = clock.now()
        event = Event(**values, status=EventStatus.DRAFT, consents=["privacy", "followup"])
        _set_modes(event, mode_caps)
        event.description_html = markdown.render(event.description)
        event.created_at = event.updated_at = now
        for position, (code, label) in enumerate(STANDARD_CATEGORIES):
            event.categories.append(Category(code=code, label=label, position=position, capacity=None))
        db.session.add(event)
        db.session.flush()
        db.session.add(EventRole(event_id=event.id, account_id=by.id, role="organiser"))
        schedule.replan(event, now)
        audit.record("event.created", event, by, slug=event.slug)
    return event


def change(
    event: Event,
    values: Mapping[str, Any],
    by: Account,
    *,
    mode_caps: ModeCaps | None = None,
    tell: bool = False,
    reason: str = "",
) -> list[str]:
    """Change an event; return the names of the columns that differ now, `modes` for the ways to take part.

    With `tell` those whom it concerns are written to, with the `reason` in the office's words (D62, D72). Raises Refusal
    at `slug` if another event has the address.
    """
    with transaction():
        lock(event)
        if values.get("slug", event.slug) != event.slug:
            _check_slug(values["slug"])
        before, known = calendar_revision.shown(event), event_changes.values_of(event)
        changed = _assign(event, _cleaned(values))
        if _set_modes(event, mode_caps):
            changed.append("modes")
        if "description" in changed:
            event.description_html = markdown.render(event.description)
        if changed:
            event.updated_at = clock.now()
            calendar_revision.revise(event, before, event.updated_at)
            audit.record("event.changed", event, by, fields=changed)
            schedule.replan(event, event.updated_at)
            if tell:
                telling.tell(event, known, by, event.updated_at, reason)
            registration.promote(event)
    return changed


def publish(event: Event, by: Account) -> None:
    """Show a draft to everybody. Raises Refusal if it cannot be registered for or is over."""
    with transaction():
        lock(event)
        if event.status not in {EventStatus.DRAFT, EventStatus.SCHEDULED}:
            return
        if not event.categories:
            raise Refusal(
                "invalid", _l("参加区分がありません。参加区分を一つ以上追加してから公開してください。")
            )
        event.status = EventStatus.PUBLISHED
        event.updated_at = clock.now()
        schedule.replan(event, event.updated_at)
        audit.record("event.published", event, by)


def withdraw(event: Event, by: Account) -> None:
    """Make a published event a draft again; raises Refusal once somebody has registered."""
    with transaction():
        lock(event)
        if event.status != EventStatus.PUBLISHED:
            return
        if _registrations(event):
            raise Refusal("invalid", _l("申し込みがあるため、下書きに戻せません。"))
        event.status = EventStatus.DRAFT
        event.updated_at = clock.now()
        schedule.replan(event, event.updated_at)
        audit.record("event.withdrawn", event, by)


def add_category(event: Event, values: Mapping[str, Any], by: Account) -> Category:
    """Add a category at the end; raises Refusal at `code` if the event has that code."""
    with transaction():
        lock(event)
        if event.category(values["code"]) is not None:
            raise Refusal("invalid", _l("この記号の参加区分は、すでにあります。"), field="code")
        category = Category(
            **values, position=max((one.position for one in event.categories), default=-1) + 1
        )
        event.categories.append(category)
        audit.record("category.created", event, by, code=category.code)
    return category


def change_category(category: Category, values: Mapping[str, Any], by: Account) -> list[str]:
    """Change a category's rules; return the names of what differs. New seats go to those who wait, first.

    Raises Refusal at `selection` if somebody has registered under the other one, or the draw was made (D19).
    """
    event = category.event
    with transaction():
        lock(event)
        other = values.get("selection", category.selection) != category.selection
        if other and category.drawn_at is not None:
            words = _l("抽選を行ったため、先着順には変えられません。")
            raise Refusal("invalid", words, field="selection")
        if other and _attendees(category):
            words = _l("申し込みがあるため、先着順か抽選かは変えられません。")
            raise Refusal("invalid", words, field="selection")
        changed = _assign(category, values)
        if changed:
            audit.record("category.changed", event, by, code=category.code, fields=changed)
            registration.promote(event)
    return changed


def remove_category(category: Category, by: Account) -> None:
    """Remove a category; raises Refusal if anybody is or was registered in it, or a question is for it alone."""
    event = category.event
    with transaction():
        lock(event)
        if is_used(category):
            raise Refusal(
                "invalid", _l("申し込みがある参加区分は削除できません。定員を0にすると受付を止められます。")
            )
        questions.forget_category(event, category.code)
        audit.record("category.removed", event, by, code=category.code)
        event.categories.remove(category)


def is_used(category: Category) -> bool:
    """Say whether anybody is or was registered in a category, or came in with one of its invite codes."""
    by_code = select(InviteCode.id).where(InviteCode.category_id == category.id)
    registrations = or_(Registration.category_id == category.id, Registration.invite_code_id.in_(by_code))
    return bool(
        _attendees(category) or db.session.scalar(select(func.count(Registration.id)).where(registrations))
    )


def _set_modes(event: Event, caps: ModeCaps | None) -> bool:
    """A hybrid event has two ways to take part, any other has none to choose; return whether that changed.

    Without `caps` those that are there stay. Raises Refusal at `format` when somebody has chosen a way already.
    """
    before = [(one.key, one.capacity) for one in event.modes]
    if event.format != Format.HYBRID:
        if before and _registrations(event):
            words = _l("参加方法を選んだ申し込みがあるため、形式を変えられません。")
            raise Refusal("invalid", words, field="format")
        event.modes.clear()
        return bool(before)
    existing = {one.key: one for one in event.modes}
    for position, (key, label) in enumerate(MODES):
        if key not in existing:
            event.modes.append(ParticipationMode(key=key, label=label, position=position))
    if caps is not None:
        for one in event.modes:
            one.capacity = caps.get(one.key)
    return before != [(one.key, one.capacity) for one in event.modes]


def _cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Markdown keeps its indentation, so it has a cleaning of its own."""
    return {name: markdown.clean(value) if name == "description" else value for name, value in values.items()}


def _assign(row: Event | Category, values: Mapping[str, Any]) -> list[str]:
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, values[name])
    return changed


def _check_slug(slug: str) -> None:
    if db.session.scalar(select(Event.id).where(Event.slug == slug)):
        raise Refusal("invalid", _l("このアドレスは、ほかのセミナーで使われています。"), field="slug")


def _attendees(category: Category) -> int:
    return db.session.scalar(select(func.count()).where(Attendee.category_id == category.id)) or 0


def _registrations(event: Event) -> int:
    return db.session.scalar(select(func.count()).where(Registration.event_id == event.id)) or 0
