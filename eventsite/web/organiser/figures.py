"""An event in figures, as its organisers see it: its line in their list, the tiles of its seats.

Not for counting (registration/), nor for what the public sees (web/presenting.py).
"""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from eventsite import wording
from eventsite.models import ACTIVE, Category, Event, EventStatus, Status
from eventsite.registration import seats


def row(event: Event, ledger: seats.Ledger, now: datetime) -> dict[str, Any]:
    """Return one line of the organisers' list of events."""
    over = event.is_over(now)
    if event.status == EventStatus.CANCELLED:
        word, tone = _("中止"), "stop"
    elif event.status == EventStatus.DRAFT:
        word, tone = _("下書き"), "neutral"
    elif not event.is_public(now):
        word, tone = _("公開予定"), "info"
    else:
        word, tone = (_("終了"), "neutral") if over else (_("公開中"), "ok")
    return {
        "event": event,
        "over": over,
        "when": wording.when(event),
        "word": word,
        "tone": tone,
        "held": ledger.held,
        "cap": _total_cap(event),
    }


def tiles(event: Event, ledger: seats.Ledger, *, roster_counts: dict[str, int]) -> list[dict[str, Any]]:
    """Return the numbers of each category and of the whole, with the words that explain them."""
    shown = [_category_tile(one, ledger.held_in_category.get(one.code, 0)) for one in event.categories]
    if roster_counts:
        active = [status for status in Status if status in ACTIVE and roster_counts.get(status)]
        words = _("、").join(f"{wording.status(one)} {roster_counts[one]}" for one in active)
        shown.append(_tile(None, _("全体"), ledger.held, event.capacity_total, words))
    return shown


def _category_tile(category: Category, held: int) -> dict[str, Any]:
    cap = category.capacity
    if cap is None:
        words = _("上限なし")
    elif held > cap:
        words = _("定員超過 %(count)s名", count=held - cap)
    elif cap == 0:
        words = _("受け付けていません")
    else:
        words = _("空き%(count)s", count=cap - held)
    return _tile(category, category.label, held, cap, words)


def _tile(category: Category | None, label: str, number: int, cap: int | None, words: str) -> dict[str, Any]:
    return {"category": category, "label": label, "number": number, "of": cap, "text": words}


def _total_cap(event: Event) -> int | None:
    if event.capacity_total is not None:
        return event.capacity_total
    caps = [one.capacity for one in event.categories]
    return None if None in caps else sum(one for one in caps if one is not None)
