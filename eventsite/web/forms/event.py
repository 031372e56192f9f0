"""The organiser's form of an event. Shape only; the verbs are in `events`."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, StringField, TextAreaField

from eventsite import dates, text
from eventsite.events import markdown
from eventsite.models import Event, Format
from eventsite.web.forms.cleaning import Chosen, Cleaned, all_errors, options
from eventsite.web.forms.inputs import (
    day_field,
    long_field,
    or_none,
    read_count,
    read_join_url,
    read_slug,
    seats_field,
    shown,
    text_field,
    time_field,
)

PLAIN = (
    *("title", "subtitle", "abstract", "description", "audience_note", "fee_note", "notice"),
    *("online_words", "join_url", "webinar_id", "passcode", "venue_name", "venue_address"),
    *("organizer", "contact_name", "contact_email", "contact_phone", "contact_hours"),
)

SWITCHES = ("live", "confirm_screen", "changes_allowed", "join_on_page")
DEADLINES = (  # fields by the beginning of their names, the column, the time of a day without one
    ("opens", "opens_at", time(10)),
    ("closes", "closes_at", time(17)),
    ("changes", "changes_until", time(17)),
    ("cancel", "cancel_until", time(17)),
)
FIELD_OF = {"start_at": "start", "end_at": "end", "lottery_at": "lottery_date"} | {
    column: f"{name}_date" for name, column, _usual in DEADLINES
}


class EventForm(FlaskForm):
    """One event. Times are wall-clock times in the event's `zone`.

    `stored` are its instants as they are: where clocks are put back, the hour that comes twice stays the one it was.
    """

    zone: str = dates.TOKYO
    stored: Mapping[str, datetime | None] = MappingProxyType({})

    title = text_field(_l("題名"), required=True)
    subtitle = text_field(_l("副題"))
    slug = StringField(
        _l("ページのアドレス"),
        [Cleaned(read_slug, width="medium")],
        description=_l("/events/ のあとに付く英数字です。空欄なら自動で付けます。"),
    )
    abstract = long_field(_l("概要"), 5, _l("セミナーのページと一覧に載る、2～4行の説明です。"), 2000)
    description = TextAreaField(
        _l("詳しい説明"),
        [Cleaned(markdown.clean, longest=20000)],
        description=_l("Markdownで書けます（見出しは「## 」、箇条書きは「- 」で始めます）。"),
        render_kw={"rows": 10},
    )
    audience_note = text_field(_l("対象"), 400, _l("空欄なら参加区分の名前を並べます。"))

    date = day_field(_l("開催日"), required=True)
    start = time_field(_l("開始時刻"), required=True)
    end = time_field(_l("終了時刻"), required=True)
    end_date = day_field(_l("終了日"))
    provisional = BooleanField(_l("日時は予定です（「（予定）」と表示します）"))

    format = RadioField(
        _l("形式"),
        [Chosen(required=True)],
        choices=options(
            ("online", _l("オンライン")), ("venue", _l("会場")), ("hybrid", _l("会場とオンライン"))
        ),
        validate_choice=False,
        default="online",
    )
    online_words = text_field(_l("オンラインの方法"), 100, _l("例：Zoomウェビナー"))
    live = BooleanField(_l("生配信"))
    join_url = StringField(
        _l("参加用URL"),
        [Cleaned(read_join_url)],
        description=_l("参加が確定した方だけにお知らせします。あとから入力してもかまいません。"),
        render_kw={"inputmode": "url"},
    )
    webinar_id = text_field(_l("ウェビナーID"), 40)
    passcode = text_field(_l("パスコード"), 40)
    join_withheld = BooleanField(
        _l("参加用URLは確認ページと開催前のご案内だけに載せる"),
        description=_l(
            "申込完了などのメールには載せません。開催前の最後のご案内を送ったあとは、どのメールにも載せます。"
        ),
    )
    venue_name = text_field(_l("会場名"))
    venue_address = text_field(_l("会場の住所"))

    fee_note = text_field(_l("参加費"), 100, _l("例：無料。ここに書いた言葉がそのまま載ります。"))
    capacity_total = StringField(
        _l("全体の定員"),
        [Cleaned(read_count, width="short")],
        description=_l("空欄は上限なしです。参加区分ごとの定員とあわせて働きます。"),
        render_kw={"inputmode": "numeric"},
    )
    seats_venue = seats_field(_l("会場参加の定員"))
    seats_online = seats_field(_l("オンライン参加の定員"))
    opens_date = day_field(_l("受付開始日"))
    opens_time = time_field(_l("受付開始時刻"))
    closes_date = day_field(_l("受付終了日"))
    closes_time = time_field(_l("受付終了時刻"))
    lottery_date = day_field(_l("抽選日"))
    confirm_screen = BooleanField(_l("申込の前に確認画面を出す"), default=True)

    changes_allowed = BooleanField(
        _l("参加者が、お申し込みの内容を自分で変更できるようにする"),
        default=True,
        description=_l("所属や電話番号、質問への答えなどです。お名前の変更は、参加者の差し替えになります。"),
    )
    changes_date = day_field(_l("内容を変更できる期限の日"))
    changes_time = time_field(_l("内容を変更できる期限の時刻"))
    cancel_date = day_field(_l("取消と差し替えの期限の日"))
    cancel_time = time_field(_l("取消と差し替えの期限の時刻"))
    join_on_page = BooleanField(
        _l("参加用URLを確認ページにも載せる"),
        default=True,
        description=_l(
            "参加が確定した方のページにだけ載せます。チェックを外すと、メールだけでお知らせします。"
        ),
    )

    organizer = text_field(_l("主催"))
    contact_name = text_field(_l("お問い合わせ先の名前"))
    contact_email = StringField(
        _l("お問い合わせ先のメールアドレス"),
        [Cleaned(text.clean_email, longest=None, name=_l("メールアドレス"))],
    )
    contact_phone = StringField(_l("お問い合わせ先の電話番号"), [Cleaned(longest=40)])
    contact_hours = text_field(_l("電話の受付時間"), 100)
    notice = text_field(_l("ページの上に出す注意書き"), 400)
    tags = text_field(_l("分野"), 200, _l("「、」で区切って並べます。"))

    def look_at(self, event: Event) -> None:
        """Take the zone and the moments of an event that is there already."""
        self.zone = event.timezone
        self.stored = {column: getattr(event, column) for column in FIELD_OF}

    def faults(self) -> list[tuple[str, str]]:
        """Validate, dates against each other too; return (field id, sentence) for each fault."""
        self.validate()
        found = all_errors(self)
        return found or self._check_wall_times() or self._check_dates()

    def values(self) -> dict[str, Any]:
        """Return column values. Call it after `faults()` has found nothing."""
        values: dict[str, Any] = {name: self[name].cleaned for name in PLAIN}
        values |= self._instants()
        values["slug"] = self.slug.cleaned or f"seminar-{self.date.cleaned:%Y%m%d}-{self.start.cleaned:%H%M}"
        values["format"] = Format(self.format.cleaned)
        values |= {name: bool(self[name].data) for name in SWITCHES}
        values["time_status"] = "予定" if self.provisional.data else ""
        values["join_in_letters"] = not self.join_withheld.data
        values["capacity_total"] = or_none(self.capacity_total.cleaned)
        values["tags"] = [one for one in re.split(r"[、,，]\s*", self.tags.cleaned) if one]
        return values

    def mode_caps(self) -> dict[str, int | None]:
        """Return the seats of each way to take part, for hybrid events."""
        return {"venue": or_none(self.seats_venue.cleaned), "online": or_none(self.seats_online.cleaned)}

    def _instants(self) -> dict[str, datetime | None]:
        return {column: wall and self._instant(column, wall) for column, wall in self._wall_times().items()}

    def _wall_times(self) -> dict[str, datetime | None]:
        """Day and time as they were typed; a blank time is the usual one, a blank day no moment."""
        day, last = self.date.cleaned, self.end_date.cleaned or self.date.cleaned
        walls: dict[str, datetime | None] = {
            "start_at": datetime.combine(day, self.start.cleaned),
            "end_at": datetime.combine(last, self.end.cleaned),
            "lottery_at": _wall(self.lottery_date.cleaned, time(10)),
        }
        for name, column, usual in DEADLINES:
            walls[column] = _wall(self[f"{name}_date"].cleaned, self[f"{name}_time"].cleaned or usual)
        return walls

    def _instant(self, column: str, wall: datetime) -> datetime:
        try:
            return dates.to_instant(wall, self.zone)
        except dates.AmbiguousTime as twice:
            return twice.later if self.stored.get(column) == twice.later else twice.earlier

    def _check_wall_times(self) -> list[tuple[str, str]]:
        for name in ("changes", "cancel"):
            if self[f"{name}_time"].cleaned and not self[f"{name}_date"].cleaned:
                return self._fault(f"{name}_date", _("時刻だけでなく、日も入力してください。"))
        for column, wall in self._wall_times().items():
            try:
                self._instant(column, wall) if wall else None
            except dates.NoSuchTime:
                words = _("夏時間への切替えのため、この時刻はありません。別の時刻を入力してください。")
                return self._fault(FIELD_OF[column], words)
            except OverflowError:
                return self._fault(FIELD_OF[column], _("日付を確認してください。"))
        return []

    def _check_dates(self) -> list[tuple[str, str]]:
        instants = self._instants()
        start, end, opens, closes = (instants[one] for one in ("start_at", "end_at", "opens_at", "closes_at"))
        if end is None or start is None or end <= start:
            return self._fault("end", _("終了は、開始よりあとにしてください。"))
        if closes is not None and closes > start:
            return self._fault("closes_date", _("受付終了は、開始より前にしてください。"))
        if opens is not None and opens >= (closes or start):
            return self._fault("opens_date", _("受付開始は、受付終了より前にしてください。"))
        if instants["lottery_at"] is not None and instants["lottery_at"] >= start:
            return self._fault("lottery_date", _("抽選は10:00に行います。開始より前の日にしてください。"))
        for column in ("changes_until", "cancel_until"):
            until = instants[column]
            if until is not None and until > start:
                return self._fault(FIELD_OF[column], _("期限は、開始より前にしてください。"))
        return []

    def _fault(self, name: str, sentence: str) -> list[tuple[str, str]]:
        self[name].errors = [sentence]
        return [(self[name].id, sentence)]


def event_data(event: Event) -> dict[str, Any]:
    """Return what the event form shows for a stored event."""
    start, end = dates.in_zone(event.start_at, event.timezone), dates.in_zone(event.end_at, event.timezone)
    names = [one for one in EventForm.__dict__ if hasattr(event, one) and not one.startswith("_")]
    data = {name: getattr(event, name) for name in names}
    data |= {
        "date": f"{start:%Y-%m-%d}",
        "start": f"{start:%H:%M}",
        "end": f"{end:%H:%M}",
        "end_date": f"{end:%Y-%m-%d}" if end.date() != start.date() else "",
        "provisional": bool(event.time_status),
        "join_withheld": not event.join_in_letters,
        "format": event.format.value,
        "capacity_total": shown(event.capacity_total),
        "tags": "、".join(event.tags),
    }
    data |= {f"seats_{one.key}": shown(one.capacity) for one in event.modes}
    for name, column, _usual in DEADLINES:
        moment = getattr(event, column)
        local = dates.in_zone(moment, event.timezone) if moment else None
        data[f"{name}_date"] = f"{local:%Y-%m-%d}" if local else ""
        data[f"{name}_time"] = f"{local:%H:%M}" if local else ""
    drawn = dates.in_zone(event.lottery_at, event.timezone) if event.lottery_at else None
    data["lottery_date"] = f"{drawn:%Y-%m-%d}" if drawn else ""
    return data


def _wall(day: date | str, at: time) -> datetime | None:
    return datetime.combine(day, at) if isinstance(day, date) else None
