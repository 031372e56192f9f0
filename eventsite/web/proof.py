"""What anybody may know of a draw: before it how it will go and what binds it, after it everything to repeat it (D19).

Attendees appear by their numbers alone, which are labels and open nothing (D3). The seed is not handed out before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import gettext as _

from eventsite import dates, i18n, wording
from eventsite.models import Category, Draw
from eventsite.registration import drawing, lottery

ORDER = ("confirmed", "waitlisted", "lost")


@dataclass(frozen=True)
class Result:
    """Who came where in a draw, and to what: one of `ORDER`."""

    place: int
    number: str
    status: str


@dataclass(frozen=True)
class Proof:
    """A draw as everybody may see it; `seed`, `results` and `program` are empty until it is drawn."""

    fingerprint: str
    seeded_at: datetime
    drawn_at: datetime | None = None
    seed: str = ""
    results: tuple[Result, ...] = ()
    program: str = ""
    left_out: int = 0

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many came to what, as words and numbers."""
        statuses = [one.status for one in self.results]
        return [(result_word(one), statuses.count(one)) for one in ORDER if one in statuses]


def of(made: Draw | None) -> Proof | None:
    """Return what may be shown of a draw; None before there is a seed."""
    if made is None:
        return None
    bound = lottery.fingerprint(made.seed)
    if made.drawn_at is None:
        return Proof(bound, made.seeded_at)
    results = tuple(
        Result(place, one["number"], one["status"]) for place, one in enumerate(made.entries, start=1)
    )
    program = lottery.program(made.seed, [one.number for one in results])
    return Proof(bound, made.seeded_at, made.drawn_at, made.seed, results, program, made.left_out)


def result_word(status: str) -> str:
    """Return what came of a lot, as one word."""
    return {"confirmed": _("当選"), "waitlisted": _("キャンセル待ち"), "lost": _("落選")}[status]


def when(category: Category) -> str:
    """Return when the draw is: the hour, or after the closing where no day is set."""
    event = category.event
    hour = drawing.set_hour(event)
    if hour is None:
        return wording.draw_day(category)
    return dates.when_short(hour, event.timezone, i18n.current())


def announcement(category: Category) -> str:
    """Return the sentence for those in a lottery: when it is drawn, or that it is."""
    if category.awaits_draw:
        return _("抽選は%(day)sに行います。結果は、メールでお知らせします。", day=wording.draw_day(category))
    return _("抽選は終わりました。結果は、メールでお知らせしています。")


def links(categories: Iterable[Category]) -> list[tuple[str, str]]:
    """Return words and address of the page of each lottery among the categories."""
    drawn = [one for one in categories if one.selection == "lottery"]
    return [(_link_words(one), url_for("public.draw", slug=one.event.slug, code=one.code)) for one in drawn]


def _link_words(category: Category) -> str:
    if category.awaits_draw:
        return _("抽選のしくみ（%(label)s）", label=category.label)
    return _("抽選の結果（%(label)s）", label=category.label)
