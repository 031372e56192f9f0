"""The organiser's form of a category. Shape only; the verbs are in `events`."""

import re
from datetime import datetime, time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField, ValidationError

from eventsite import domains
from eventsite.models import Category, Event
from eventsite.registration import eligibility, fields
from eventsite.web.forms.cleaning import Chosen, Cleaned, all_errors, options
from eventsite.web.forms.inputs import (
    day_and_time,
    day_field,
    long_field,
    moment,
    or_none,
    read_code,
    read_count,
    read_positive,
    shown,
    text_field,
    time_field,
)

MOST_DOMAINS = 200
CHOSEN = ("label", "code", "selection", "approval", "verification", "promotion", "max_attendees", "help")
NUMBERS = ("capacity", "per_organization_limit", "fee_jpy")
BOXES = ("waitlist", "listed")


class CategoryForm(FlaskForm):
    """One category: who it is for, how many seats, which rules, which fields. Times are in the event's zone."""

    label = text_field(_l("名前"), required=True)
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
        description=_l(
            "確認できない方のお申し込みは、断らずに承認待ちにします。招待コードだけは、正しくないと申し込めません。"
        ),
        choices=options(
            ("none", _l("確認しない")),
            ("domain_hint", _l("メールアドレスで確認")),
            ("member_roster", _l("会員番号で確認")),
            ("invite_code", _l("招待コードで確認")),
        ),
        validate_choice=False,
        default="none",
    )
    domain_classes = SelectMultipleField(
        _l("そのまま受け付けるメールアドレス"),
        description=_l("「メールアドレスで確認」のときに使います。"),
        choices=options(
            ("lg", _l("自治体（lg.jp）")),
            ("local_geo", _l("自治体の地域型（pref.○○.jp、city.○○.○○.jpなど）")),
            ("go", _l("国の機関（go.jp）")),
            ("edu", _l("学校・大学（ac.jp、ed.jp）")),
        ),
        validate_choice=False,
        default=list(eligibility.LOCAL_GOVERNMENT),
    )
    domains = long_field(
        _l("ほかに受け付けるドメイン"), 3, _l("1行に一つ。例：example.or.jp（その下のドメインも含みます）")
    )
    listed = BooleanField(
        _l("招待コードのない方にも、この区分を見せる"),
        description=_l(
            "「招待コードで確認」のときに使います。見せない区分は、コード付きのリンクから申し込めます。"
        ),
    )
    promotion = RadioField(
        _l("キャンセル待ちの繰上げ"),
        [Chosen(required=True)],
        choices=options(("confirm", _l("すぐに確定する")), ("offer", _l("案内を送り、回答を待つ"))),
        validate_choice=False,
        default="confirm",
    )
    opens_date = day_field(_l("受付開始日"))
    opens_time = time_field(_l("受付開始時刻"))
    closes_date = day_field(_l("受付終了日"))
    closes_time = time_field(_l("受付終了時刻"))
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
    help = long_field(_l("この区分の方への説明"), 3, longest=1000)
    fields_kana = SelectField(_l("フリガナ"))
    fields_prefecture = SelectField(_l("都道府県・市区町村"))
    fields_organisation = SelectField(_l("所属"))
    fields_department = SelectField(_l("部署名"))
    fields_position = SelectField(_l("役職"))
    fields_phone = SelectField(_l("電話番号"))
    fields_viewers = SelectField(_l("視聴人数"))

    def __init__(self, event: Event, data: dict[str, Any] | None = None) -> None:
        super().__init__(data=data)
        self.event = event
        self.opens_at: datetime | None = None
        self.closes_at: datetime | None = None
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

    def validate_max_attendees(self, field: StringField) -> None:
        if or_none(field.cleaned) and field.cleaned > 20:
            raise ValidationError(_("20以下の数字で入力してください。"))

    def validate_domains(self, field: StringField) -> None:
        """Each as it is kept; `cleaned` becomes a list."""
        typed = re.split(r"[\s,、，;]+", field.cleaned)
        field.cleaned = list(dict.fromkeys(_domain(one) for one in typed if one))
        if len(field.cleaned) > MOST_DOMAINS:
            raise ValidationError(_("ドメインは%(count)s件までにしてください。", count=MOST_DOMAINS))

    def faults(self) -> list[tuple[str, str]]:
        """Validate, times against each other too; return (field id, sentence) for each fault."""
        self.validate()
        return all_errors(self) or self._check_window()

    def values(self) -> dict[str, Any]:
        """Return column values. Call it after `faults()` has found nothing."""
        values: dict[str, Any] = {name: self[name].cleaned for name in CHOSEN}
        values |= {name: or_none(self[name].cleaned) for name in NUMBERS}
        values |= {name: bool(self[name].data) for name in BOXES}
        values |= {"opens_at": self.opens_at, "closes_at": self.closes_at}
        classes = self.domain_classes.data or []
        values["domain_classes"] = [one for one in domains.RECOGNISABLE if one in classes]
        values["domains"] = self.domains.cleaned
        values["fields"] = {
            name: self[f"fields_{name}"].data for name in fields.FIELDS if self[f"fields_{name}"].data
        }
        return values

    def _check_window(self) -> list[tuple[str, str]]:
        """Its own times, and the event's where it has none, follow one another (D29)."""
        event = self.event
        for name, usual in (("opens", time(10)), ("closes", time(17))):
            try:
                instant = moment(self[f"{name}_date"], self[f"{name}_time"], usual, event.timezone)
            except ValidationError as error:
                return self._fault(f"{name}_date", str(error))
            setattr(self, f"{name}_at", instant)
        if self.closes_at is not None and self.closes_at > event.start_at:
            return self._fault("closes_date", _("受付終了は、開始より前にしてください。"))
        opens = self.opens_at or event.opens_at
        if opens is not None and opens >= (self.closes_at or event.closes_at or event.start_at):
            if self.opens_at is None:
                return self._fault("closes_date", _("受付終了は、受付開始よりあとにしてください。"))
            return self._fault("opens_date", _("受付開始は、受付終了より前にしてください。"))
        return []

    def _fault(self, name: str, sentence: str) -> list[tuple[str, str]]:
        self[name].errors = [sentence]
        return [(self[name].id, sentence)]


def category_data(category: Category) -> dict[str, Any]:
    """Return what the category form shows for a stored category."""
    names = ("label", "code", "selection", "approval", "verification", "promotion", "help", "domain_classes")
    data: dict[str, Any] = {name: getattr(category, name) for name in (*names, *BOXES)}
    data |= {name: shown(getattr(category, name)) for name in (*NUMBERS, "max_attendees")}
    data["domains"] = "\n".join(category.domains)
    for name, instant in (("opens", category.opens_at), ("closes", category.closes_at)):
        data[f"{name}_date"], data[f"{name}_time"] = day_and_time(instant, category.event.timezone)
    data |= {f"fields_{name}": category.fields.get(name, "") for name in fields.FIELDS}
    return data


def _domain(typed: str) -> str:
    try:
        return domains.clean_domain(typed)
    except ValueError:
        words = _("「%(typed)s」はドメインとして読み取れません。例：example.or.jp", typed=typed[:60])
        raise ValidationError(words) from None
