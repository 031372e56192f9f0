"""Fields that stand once per registration: who writes, how to reach them, how many look at one screen."""

from flask_babel import lazy_gettext as _l
from wtforms import StringField, TelField

from eventsite import text
from eventsite.registration.fields import OPTIONAL, REQUIRED
from eventsite.web.forms.cleaning import Cleaned, viewers


def contact_name_field() -> StringField:
    return StringField(
        _l("申込担当者"),
        [Cleaned(link_free=True, marked_optional=True, width="medium")],
        description=_l("参加者と異なる場合のみ、お名前を入力してください。"),
        render_kw={"autocomplete": "off"},
    )


def phone_field(mode: str) -> TelField:
    required, optional = mode == REQUIRED, mode == OPTIONAL
    return TelField(
        _l("電話番号"),
        [Cleaned(text.clean_phone, required=required, marked_optional=optional, width="medium")],
        description=_l("内線は、番号のあとに「内線12」のように続けてください。"),
        render_kw={"autocomplete": "tel"},
    )


def viewers_field(mode: str) -> StringField:
    return StringField(
        _l("同じ画面で視聴する人数（ご本人を含む）"),
        [Cleaned(viewers, required=mode == REQUIRED, marked_optional=mode == OPTIONAL, width="short")],
        description=_l("お一人の場合は空欄でかまいません。席の数には影響しません。"),
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
