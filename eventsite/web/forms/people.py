"""The forms about the association's people: an invitation to the site, somebody more for an event. Shape only."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, RadioField

from eventsite import text
from eventsite.web.forms.cleaning import Chosen, Cleaned, all_errors, options
from eventsite.web.forms.inputs import text_field

LONGEST_ADDRESS = 254


def _address(support: Any = "") -> EmailField:
    return EmailField(
        _l("メールアドレス"),
        [Cleaned(text.clean_email, required=True, longest=LONGEST_ADDRESS)],
        description=support,
        render_kw={"autocomplete": "off", "inputmode": "email", "spellcheck": "false"},
    )


class _Form(FlaskForm):
    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault."""
        self.validate()
        return all_errors(self)


class InvitationForm(_Form):
    """Somebody who shall sign in."""

    email = _address(
        _l("このアドレスに、パスワードを設定するためのURLを送ります。3日のあいだ、一度だけ使えます。")
    )
    name = text_field(_l("氏名"), 100, required=True)
    role = RadioField(
        _l("権限"),
        [Chosen(required=True)],
        description=_l("セミナーごとの担当は、そのセミナーの「担当者とスタッフ」で決めます。"),
        choices=options(
            ("organiser", _l("担当者：セミナーを作り、担当するセミナーを編集する")),
            ("staff", _l("スタッフ：割り当てられたセミナーの名簿を見る")),
            ("admin", _l("管理者：すべてのセミナーと利用者を管理する")),
        ),
        validate_choice=False,
        default="organiser",
    )


class EventPersonForm(_Form):
    """An account that shall be something for an event."""

    email = _address(_l("利用者として登録されている方のアドレスです。"))
    role = RadioField(
        _l("権限"),
        [Chosen(required=True)],
        choices=options(
            ("organiser", _l("担当者：内容、参加者、メールを扱う")),
            ("staff", _l("スタッフ：名簿を見て、ダウンロードする")),
            ("viewer", _l("閲覧のみ：人数だけを見る")),
        ),
        validate_choice=False,
        default="staff",
    )
