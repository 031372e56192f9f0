"""The organiser's form of the letters that go out by themselves: reminders, and what follows the event. Shape only."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, ValidationError

from eventsite.mail import due
from eventsite.mail.due import Rule
from eventsite.models import Event
from eventsite.web.forms.cleaning import Cleaned, all_errors
from eventsite.web.forms.inputs import (
    day_and_time,
    day_field,
    moment,
    or_none,
    read_count,
    read_join_url,
    shown,
    time_field,
)

ROWS = 3
MOST_DAYS = 60
LAST_MINUTE = time(23, 59)
ENDS = ("materials", "survey")
ONE_HOUR: Rule = {"hours_before": 1}


def _days_field(label: Any, support: Any = "") -> StringField:
    check = Cleaned(_read_days, width="short")
    return StringField(label, [check], description=support, render_kw={"inputmode": "numeric"})


def _url_field(label: Any) -> StringField:
    return StringField(label, [Cleaned(read_join_url, longest=None)], render_kw={"inputmode": "url"})


def _read_days(value: str) -> int:
    days = read_count(value)
    if days > MOST_DAYS:
        raise ValidationError(_("%(most)s日以内で入力してください。", most=MOST_DAYS))
    return days


class ScheduleForm(FlaskForm):
    """Rules and links of one event; ends are in its zone. Rules that have no row here stay as they are."""

    days_1 = _days_field(_l("1回目：開催の何日前"))
    time_1 = time_field(_l("1回目の時刻"))
    days_2 = _days_field(_l("2回目：開催の何日前"))
    time_2 = time_field(_l("2回目の時刻"))
    days_3 = _days_field(_l("3回目：開催の何日前"))
    time_3 = time_field(_l("3回目の時刻"))
    hour_before = BooleanField(_l("1時間前にも送る"))
    only_reminders = BooleanField(
        _l("参加用URLは確認ページと開催前のご案内だけに載せる"),
        description=_l("最後のご案内を送ったあとは、参加確定などのメールにも載せます。"),
    )
    followup_days = _days_field(
        _l("終了の何日後にお礼のメールを送るか"),
        _l("10:00に送ります。休業日は次の営業日になります。空欄なら、この画面のボタンで送ります。"),
    )
    materials_url = _url_field(_l("資料のURL"))
    materials_date = day_field(_l("資料の公開期限"))
    materials_time = time_field(_l("資料の公開期限の時刻"))
    survey_url = _url_field(_l("アンケートのURL"))
    survey_date = day_field(_l("アンケートの回答期限"))
    survey_time = time_field(_l("アンケートの回答期限の時刻"))

    def __init__(self, event: Event, **given: Any) -> None:
        super().__init__(**given)
        self.event = event
        self.ends: dict[str, datetime | None] = {}

    @property
    def rows(self) -> Iterator[tuple[StringField, StringField]]:
        """The fields of each rule by days: how many, and at what time."""
        return ((self[f"days_{number}"], self[f"time_{number}"]) for number in range(1, ROWS + 1))

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault."""
        self.validate()
        return all_errors(self) or [*self._check_ends()]

    def values(self) -> dict[str, Any]:
        """Return column values. Call it after `faults()` has found nothing."""
        return {
            "reminders": self._reminders(),
            "join_in_letters": not self.only_reminders.data,
            "followup_days": or_none(self.followup_days.cleaned),
            **{f"{name}_url": self[f"{name}_url"].cleaned for name in ENDS},
            **{f"{name}_until": self.ends[name] for name in ENDS},
        }

    def _reminders(self) -> list[Rule]:
        """Each rule once; a row as it was keeps what it said beyond days and time."""
        typed = [
            {"days_before": days.cleaned, "time": f"{at.cleaned:%H:%M}" if at.cleaned else due.USUAL_TIME}
            for days, at in self.rows
            if days.cleaned != ""
        ]
        before, unseen = _split(self.event.reminders)
        same = {(one["days_before"], one.get("time") or due.USUAL_TIME): one for one in before}
        rules = [same.get((one["days_before"], one["time"]), one) for one in typed]
        rules += [*unseen, *([ONE_HOUR] if self.hour_before.data else [])]
        return [dict(one) for number, one in enumerate(rules) if one not in rules[:number]]

    def _check_ends(self) -> Iterator[tuple[str, str]]:
        for name in ENDS:
            day, at = self[f"{name}_date"], self[f"{name}_time"]
            try:
                self.ends[name] = moment(day, at, LAST_MINUTE, self.event.timezone)
            except ValidationError as error:
                yield self._fault(day, str(error))
                continue
            until = self.ends[name]
            if until is not None and until <= self.event.end_at:
                yield self._fault(day, _("期限は、終了よりあとにしてください。"))
            elif until is not None and not self[f"{name}_url"].cleaned:
                yield self._fault(self[f"{name}_url"], _("期限だけでなく、URLも入力してください。"))

    def _fault(self, field: StringField, sentence: str) -> tuple[str, str]:
        field.errors = [sentence]
        return field.id, sentence


def schedule_data(event: Event) -> dict[str, Any]:
    """Return what the form shows for a stored event."""
    rows, _unseen = _split(event.reminders)
    data: dict[str, Any] = {
        "hour_before": ONE_HOUR in event.reminders,
        "only_reminders": not event.join_in_letters,
        "followup_days": shown(event.followup_days),
    }
    for number, rule in enumerate(rows, 1):
        data |= {
            f"days_{number}": str(rule["days_before"]),
            f"time_{number}": rule.get("time") or due.USUAL_TIME,
        }
    for name in ENDS:
        data[f"{name}_url"] = getattr(event, f"{name}_url")
        until = day_and_time(getattr(event, f"{name}_until"), event.timezone)
        data[f"{name}_date"], data[f"{name}_time"] = until
    return data


def _split(rules: list[dict[str, Any]]) -> tuple[list[Rule], list[Rule]]:
    """Rules that have a row in the form, and those that have none: a fourth one, other hours."""
    by_days = [one for one in rules if "days_before" in one]
    others = [one for one in rules if "hours_before" in one and one != ONE_HOUR]
    return [*by_days[:ROWS]], [*by_days[ROWS:], *others]
