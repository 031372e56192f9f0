"""The organiser's forms: an event, and one of its categories. Shape only; the verbs are in `events`."""

import re
import unicodedata
from datetime import date, datetime, time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField, ValidationError

from eventsite import dates, text
from eventsite.events import markdown
from eventsite.models import Category, Event, Format
from eventsite.registration import fields
from eventsite.web.forms.cleaning import Chosen, Cleaned, all_errors, options

LARGEST = 2**31 - 1
VERIFICATIONS = [
    ("none", _l("確認しない")),
    ("domain_hint", _l("自治体のメールアドレスはそのまま、ほかは事務局が確認")),
    ("member_roster", _l("会員番号を確認")),
    ("invite_code", _l("招待コードを確認")),
]
USABLE = {"none", "domain_hint"}  # the others come with an event file, and stay as they are
PLAIN = (
    *("title", "subtitle", "abstract", "description", "audience_note", "fee_note", "notice"),
    *("online_words", "join_url", "webinar_id", "passcode", "venue_name", "venue_address"),
    *("organizer", "contact_name", "contact_email", "contact_phone", "contact_hours"),
)


def read_date(value: str) -> date:
    """Read a day as browsers or people write it; raises ValidationError."""
    match = re.fullmatch(
        r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", unicodedata.normalize("NFKC", value).strip()
    )
    try:
        return date(*(int(part) for part in match.groups())) if match else _no_date()
    except ValueError:
        return _no_date()


def read_time(value: str) -> time:
    """Read a time of day such as 9:30; raises ValidationError."""
    match = re.fullmatch(r"(\d{1,2})[:時](\d{2})分?(?::00)?", unicodedata.normalize("NFKC", value).strip())
    if match and int(match[1]) < 24 and int(match[2]) < 60:
        return time(int(match[1]), int(match[2]))
    raise ValidationError(_("時刻は、10:00のように入力してください。"))


def read_count(value: str) -> int:
    """Read a whole number of at least 0; raises ValidationError."""
    typed = unicodedata.normalize("NFKC", value).strip().replace(",", "")
    if re.fullmatch(r"[0-9]{1,10}", typed) and int(typed) <= LARGEST:
        return int(typed)
    raise ValidationError(_("0以上の数字で入力してください。"))


def read_positive(value: str) -> int:
    number = read_count(value)
    if number < 1:
        raise ValidationError(_("1以上の数字で入力してください。"))
    return number


def read_slug(value: str) -> str:
    slug = unicodedata.normalize("NFKC", value).strip().lower()
    if re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{1,58}[a-z0-9])", slug):
        return slug
    raise ValidationError(_("半角の英小文字・数字・ハイフンで、3～60文字で入力してください。"))


def read_code(value: str) -> str:
    code = unicodedata.normalize("NFKC", value).strip().lower()
    if re.fullmatch(r"[a-z0-9_]{1,40}", code):
        return code
    raise ValidationError(_("半角の英小文字・数字・下線（_）で、40文字以内で入力してください。"))


def read_join_url(value: str) -> str:
    url = text.clean_line(value)
    if re.fullmatch(r"https://[^\s/]+\.[^\s]+", url) and len(url) <= 1000:
        return url
    raise ValidationError(_("https:// で始まるURLを入力してください。"))


def _no_date() -> date:
    raise ValidationError(_("日付は、2026-12-24のように入力してください。"))


def _day(label: Any, *, required: bool = False) -> StringField:
    check = Cleaned(read_date, required=required, width="short")
    return StringField(label, [check], render_kw={"type": "date"})


def _time(label: Any, *, required: bool = False) -> StringField:
    check = Cleaned(read_time, required=required, width="short")
    return StringField(label, [check], render_kw={"type": "time"})


def _text(label: Any, longest: int = 200, support: Any = "", *, required: bool = False) -> StringField:
    return StringField(label, [Cleaned(required=required, longest=longest)], description=support)


def _seats(label: Any) -> StringField:
    check = Cleaned(read_count, width="short")
    support = _l("会場とオンラインの同時開催のときだけ使います。空欄は上限なしです。")
    return StringField(label, [check], description=support, render_kw={"inputmode": "numeric"})


def _long(label: Any, rows: int, support: Any = "", longest: int = 20000) -> TextAreaField:
    check = Cleaned(text.clean_text, longest=longest)
    return TextAreaField(label, [check], description=support, render_kw={"rows": rows})


class EventForm(FlaskForm):
    """One event. Times are wall-clock times in the event's zone."""

    title = _text(_l("題名"), required=True)
    subtitle = _text(_l("副題"))
    slug = StringField(
        _l("ページのアドレス"),
        [Cleaned(read_slug, width="medium")],
        description=_l("/events/ のあとに付く英数字です。空欄なら自動で付けます。"),
    )
    abstract = _long(_l("概要"), 5, _l("セミナーのページと一覧に載る、2～4行の説明です。"), 2000)
    description = TextAreaField(
        _l("詳しい説明"),
        [Cleaned(markdown.clean, longest=20000)],
        description=_l("Markdownで書けます（見出しは「## 」、箇条書きは「- 」で始めます）。"),
        render_kw={"rows": 10},
    )
    audience_note = _text(_l("対象"), 400, _l("空欄なら参加区分の名前を並べます。"))

    date = _day(_l("開催日"), required=True)
    start = _time(_l("開始時刻"), required=True)
    end = _time(_l("終了時刻"), required=True)
    end_date = _day(_l("終了日"))
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
    online_words = _text(_l("オンラインの方法"), 100, _l("例：Zoomウェビナー"))
    live = BooleanField(_l("生配信"))
    join_url = StringField(
        _l("参加用URL"),
        [Cleaned(read_join_url)],
        description=_l("参加が確定した方だけにお知らせします。あとから入力してもかまいません。"),
        render_kw={"inputmode": "url"},
    )
    webinar_id = _text(_l("ウェビナーID"), 40)
    passcode = _text(_l("パスコード"), 40)
    venue_name = _text(_l("会場名"))
    venue_address = _text(_l("会場の住所"))

    fee_note = _text(_l("参加費"), 100, _l("例：無料。ここに書いた言葉がそのまま載ります。"))
    capacity_total = StringField(
        _l("全体の定員"),
        [Cleaned(read_count, width="short")],
        description=_l("空欄は上限なしです。参加区分ごとの定員とあわせて働きます。"),
        render_kw={"inputmode": "numeric"},
    )
    seats_venue = _seats(_l("会場参加の定員"))
    seats_online = _seats(_l("オンライン参加の定員"))
    opens_date = _day(_l("受付開始日"))
    opens_time = _time(_l("受付開始時刻"))
    closes_date = _day(_l("受付終了日"))
    closes_time = _time(_l("受付終了時刻"))
    confirm_screen = BooleanField(_l("申込の前に確認画面を出す"), default=True)

    organizer = _text(_l("主催"))
    contact_name = _text(_l("お問い合わせ先の名前"))
    contact_email = StringField(
        _l("お問い合わせ先のメールアドレス"),
        [Cleaned(text.clean_email, longest=None, name=_l("メールアドレス"))],
    )
    contact_phone = StringField(_l("お問い合わせ先の電話番号"), [Cleaned(longest=40)])
    contact_hours = _text(_l("電話の受付時間"), 100)
    notice = _text(_l("ページの上に出す注意書き"), 400)
    tags = _text(_l("分野"), 200, _l("「、」で区切って並べます。"))

    def faults(self) -> list[tuple[str, str]]:
        """Validate, dates against each other too; return (field id, sentence) for each fault."""
        self.validate()
        found = all_errors(self)
        return found or self._check_dates()

    def values(self) -> dict[str, Any]:
        """Return column values. Call it after `faults()` has found nothing."""
        values: dict[str, Any] = {name: self[name].cleaned for name in PLAIN}
        values |= self._instants()
        values["slug"] = self.slug.cleaned or f"seminar-{self.date.cleaned:%Y%m%d}-{self.start.cleaned:%H%M}"
        values["format"] = Format(self.format.cleaned)
        values["live"] = bool(self.live.data)
        values["confirm_screen"] = bool(self.confirm_screen.data)
        values["time_status"] = "予定" if self.provisional.data else ""
        values["capacity_total"] = _or_none(self.capacity_total.cleaned)
        values["tags"] = [one for one in re.split(r"[、,，]\s*", self.tags.cleaned) if one]
        return values

    def mode_caps(self) -> dict[str, int | None]:
        """Return the seats of each way to take part, for hybrid events."""
        return {"venue": _or_none(self.seats_venue.cleaned), "online": _or_none(self.seats_online.cleaned)}

    def _instants(self) -> dict[str, datetime | None]:
        day, last = self.date.cleaned, self.end_date.cleaned or self.date.cleaned
        return {
            "start_at": _instant(day, self.start.cleaned),
            "end_at": _instant(last, self.end.cleaned),
            "opens_at": _moment(self.opens_date.cleaned, self.opens_time.cleaned, time(10)),
            "closes_at": _moment(self.closes_date.cleaned, self.closes_time.cleaned, time(17)),
        }

    def _check_dates(self) -> list[tuple[str, str]]:
        instants = self._instants()
        start, end, opens, closes = (instants[one] for one in ("start_at", "end_at", "opens_at", "closes_at"))
        if end is None or start is None or end <= start:
            return self._fault("end", _("終了は、開始よりあとにしてください。"))
        if closes is not None and closes > start:
            return self._fault("closes_date", _("受付終了は、開始より前にしてください。"))
        if opens is not None and opens >= (closes or start):
            return self._fault("opens_date", _("受付開始は、受付終了より前にしてください。"))
        return []

    def _fault(self, name: str, sentence: str) -> list[tuple[str, str]]:
        self[name].errors = [sentence]
        return [(self[name].id, sentence)]


class CategoryForm(FlaskForm):
    """One category: who it is for, how many seats, which rules, which fields."""

    label = _text(_l("名前"), required=True)
    code = StringField(
        _l("記号"),
        [Cleaned(read_code, required=True, width="short")],
        description=_l("英数字。アドレスや名簿の集計に使います。例：student"),
    )
    capacity = StringField(
        _l("定員"),
        [Cleaned(read_count, width="short")],
        description=_l("空欄は上限なし、0は受け付けません。"),
        render_kw={"inputmode": "numeric"},
    )
    waitlist = BooleanField(_l("満席のあと、キャンセル待ちを受け付ける"), default=True)
    selection = RadioField(
        _l("決め方"),
        [Chosen(required=True)],
        choices=options(("first_come", _l("先着順")), ("lottery", _l("抽選"))),
        validate_choice=False,
        default="first_come",
    )
    approval = RadioField(
        _l("承認"),
        [Chosen(required=True)],
        choices=options(("auto", _l("承認なしで確定する")), ("manual", _l("事務局が確認してから確定する"))),
        validate_choice=False,
        default="auto",
    )
    verification = SelectField(
        _l("確認の方法"),
        [Chosen(required=True, width="full")],
        choices=[],
        validate_choice=False,
        default="none",
    )
    promotion = RadioField(
        _l("キャンセル待ちの繰上げ"),
        [Chosen(required=True)],
        choices=options(("confirm", _l("すぐに確定する")), ("offer", _l("案内を送り、回答を待つ"))),
        validate_choice=False,
        default="confirm",
    )
    max_attendees = StringField(
        _l("1回に申し込める人数"),
        [Cleaned(read_positive, required=True, width="short")],
        default="5",
        render_kw={"inputmode": "numeric"},
    )
    per_organization_limit = StringField(
        _l("1団体の人数の上限"),
        [Cleaned(read_positive, width="short")],
        description=_l("空欄は上限なしです。"),
        render_kw={"inputmode": "numeric"},
    )
    fee_jpy = StringField(
        _l("参加費（円）"),
        [Cleaned(read_count, width="short")],
        description=_l("表示だけで、請求はしません。空欄ならセミナーの参加費の言葉を使います。"),
        render_kw={"inputmode": "numeric"},
    )
    help = _long(_l("この区分の方への説明"), 3, longest=1000)
    fields_kana = SelectField(_l("フリガナ"))
    fields_prefecture = SelectField(_l("都道府県・市区町村"))
    fields_organisation = SelectField(_l("所属"))
    fields_department = SelectField(_l("部署名"))
    fields_position = SelectField(_l("役職"))
    fields_phone = SelectField(_l("電話番号"))
    fields_viewers = SelectField(_l("視聴人数"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verification.choices = [
            choice for choice in VERIFICATIONS if choice[0] in USABLE | {self.verification.data}
        ]
        for field in self.field_choices:
            field.choices = [
                ("", _("標準")),
                (fields.REQUIRED, _("必須")),
                (fields.OPTIONAL, _("任意")),
                (fields.OFF, _("たずねない")),
            ]

    @property
    def field_choices(self) -> list[SelectField]:
        return [self[f"fields_{name}"] for name in fields.FIELDS]

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault."""
        self.validate()
        found = all_errors(self)
        if not found and self.max_attendees.cleaned > 20:
            self.max_attendees.errors = [_("20以下の数字で入力してください。")]
            found = [("max_attendees", str(self.max_attendees.errors[0]))]
        return found

    def values(self) -> dict[str, Any]:
        """Return column values. Call it after `faults()` has found nothing."""
        values: dict[str, Any] = {
            name: self[name].cleaned
            for name in (
                "label",
                "code",
                "selection",
                "approval",
                "verification",
                "promotion",
                "max_attendees",
                "help",
            )
        }
        for name in ("capacity", "per_organization_limit", "fee_jpy"):
            values[name] = _or_none(self[name].cleaned)
        values["waitlist"] = bool(self.waitlist.data)
        values["fields"] = {
            name: self[f"fields_{name}"].data for name in fields.FIELDS if self[f"fields_{name}"].data
        }
        return values


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
        "format": event.format.value,
        "capacity_total": _shown(event.capacity_total),
        "tags": "、".join(event.tags),
    }
    data |= {f"seats_{one.key}": _shown(one.capacity) for one in event.modes}
    for name, moment in (("opens", event.opens_at), ("closes", event.closes_at)):
        local = dates.in_zone(moment, event.timezone) if moment else None
        data[f"{name}_date"] = f"{local:%Y-%m-%d}" if local else ""
        data[f"{name}_time"] = f"{local:%H:%M}" if local else ""
    return data


def category_data(category: Category) -> dict[str, Any]:
    """Return what the category form shows for a stored category."""
    names = ("label", "code", "waitlist", "selection", "approval", "verification", "promotion", "help")
    data: dict[str, Any] = {name: getattr(category, name) for name in names}
    for name in ("capacity", "per_organization_limit", "fee_jpy", "max_attendees"):
        data[name] = _shown(getattr(category, name))
    data |= {f"fields_{name}": category.fields.get(name, "") for name in fields.FIELDS}
    return data


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)


def _or_none(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _moment(day: date | str, at: time | str, usual: time) -> datetime | None:
    if not isinstance(day, date):
        return None
    return _instant(day, at if isinstance(at, time) else usual)


def _instant(day: date, at: time) -> datetime:
    return dates.to_instant(datetime.combine(day, at), dates.TOKYO)
