"""The organiser's form of a category. Shape only; the verbs are in `events`."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, StringField

from eventsite.models import Category
from eventsite.registration import fields
from eventsite.web.forms.cleaning import Chosen, Cleaned, all_errors, options
from eventsite.web.forms.inputs import (
    long_field,
    or_none,
    read_code,
    read_count,
    read_positive,
    shown,
    text_field,
)

VERIFICATIONS = [
    ("none", _l("確認しない")),
    ("domain_hint", _l("自治体のメールアドレスはそのまま、ほかは事務局が確認")),
    ("member_roster", _l("会員番号を確認")),
    ("invite_code", _l("招待コードを確認")),
]
USABLE = {"none", "domain_hint"}  # the others come with an event file, and stay as they are


class CategoryForm(FlaskForm):
    """One category: who it is for, how many seats, which rules, which fields."""

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
    help = long_field(_l("この区分の方への説明"), 3, longest=1000)
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
            values[name] = or_none(self[name].cleaned)
        values["waitlist"] = bool(self.waitlist.data)
        values["fields"] = {
            name: self[f"fields_{name}"].data for name in fields.FIELDS if self[f"fields_{name}"].data
        }
        return values


def category_data(category: Category) -> dict[str, Any]:
    """Return what the category form shows for a stored category."""
    names = ("label", "code", "waitlist", "selection", "approval", "verification", "promotion", "help")
    data: dict[str, Any] = {name: getattr(category, name) for name in names}
    for name in ("capacity", "per_organization_limit", "fee_jpy", "max_attendees"):
        data[name] = shown(getattr(category, name))
    data |= {f"fields_{name}": category.fields.get(name, "") for name in fields.FIELDS}
    return data
