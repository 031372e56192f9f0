"""What the organisers' forms are made of: fields for days, times, counts, addresses, and how each is read.

Not for whole forms.
"""

import re
import unicodedata
from datetime import date, datetime, time
from typing import Any, NoReturn

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import StringField, TextAreaField, ValidationError

from eventsite import dates, text
from eventsite.web.forms.cleaning import Cleaned

LARGEST = 2**31 - 1


def day_field(label: Any, *, required: bool = False) -> StringField:
    check = Cleaned(read_date, required=required, width="short")
    return StringField(label, [check], render_kw={"type": "date"})


def time_field(label: Any, *, required: bool = False) -> StringField:
    check = Cleaned(read_time, required=required, width="short")
    return StringField(label, [check], render_kw={"type": "time"})


def text_field(label: Any, longest: int = 200, support: Any = "", *, required: bool = False) -> StringField:
    return StringField(label, [Cleaned(required=required, longest=longest)], description=support)


def seats_field(label: Any) -> StringField:
    check = Cleaned(read_count, width="short")
    support = _l("会場とオンラインの同時開催のときだけ使います。空欄は上限なしです。")
    return StringField(label, [check], description=support, render_kw={"inputmode": "numeric"})


def long_field(label: Any, rows: int, support: Any = "", longest: int = 20000) -> TextAreaField:
    check = Cleaned(text.clean_text, longest=longest)
    return TextAreaField(label, [check], description=support, render_kw={"rows": rows})


def shown(value: int | None) -> str:
    return "" if value is None else str(value)


def or_none(value: Any) -> int | None:
    return value if isinstance(value, int) else None


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


def moment(day: StringField, at: StringField, usual: time, zone: str) -> datetime | None:
    """Return what a day field and a time field say on the clocks of a zone, None without a day.

    A blank time is the usual one; of a time that the clocks show twice it is the first. Raises ValidationError for a
    time that they skip, and for a time without a day.
    """
    if not isinstance(day.cleaned, date):
        if isinstance(at.cleaned, time):
            raise ValidationError(_("日付も入力してください。"))
        return None
    local = datetime.combine(day.cleaned, at.cleaned if isinstance(at.cleaned, time) else usual)
    try:
        return dates.to_instant(local, zone)
    except dates.AmbiguousTime as twice:
        return twice.earlier
    except dates.NoSuchTime:
        raise ValidationError(_("この日時は、夏時間の切り替えのため、ありません。")) from None
    except OverflowError:
        return _no_date()


def day_and_time(instant: datetime | None, zone: str) -> tuple[str, str]:
    """Return what the two fields show of an instant."""
    local = dates.in_zone(instant, zone) if instant else None
    return (f"{local:%Y-%m-%d}", f"{local:%H:%M}") if local else ("", "")


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


def _no_date() -> NoReturn:
    raise ValidationError(_("日付は、2026-12-24のように入力してください。"))
