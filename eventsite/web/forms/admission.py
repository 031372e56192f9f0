"""The organiser's forms about who is let in: a new invite code, the file of a member list. Shape only."""

from datetime import datetime, time

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import StringField, ValidationError

from eventsite.web.forms.cleaning import Cleaned, all_errors
from eventsite.web.forms.inputs import day_field, moment, or_none, read_positive, text_field, time_field

LAST_MINUTE = time(23, 59)


class CodeForm(FlaskForm):
    """A new invite code of a category; its end is in the event's zone."""

    code = StringField(
        _l("招待コード"),
        [Cleaned(marked_optional=True, width="medium")],
        description=_l("8文字以上。空欄なら自動で作ります。大文字と小文字、「-」の有無は区別しません。"),
        render_kw={"autocomplete": "off"},
    )
    uses = StringField(
        _l("使える回数"),
        [Cleaned(read_positive, marked_optional=True, width="short")],
        description=_l("1件の申し込みで1回と数えます。空欄は何回でも使えます。"),
        render_kw={"inputmode": "numeric"},
    )
    expires_date = day_field(_l("有効期限"))
    expires_time = time_field(_l("時刻"))
    note = text_field(_l("メモ"), 100, _l("だれに渡すコードか。管理画面にだけ出ます。"))

    def __init__(self, zone: str) -> None:
        super().__init__()
        self.zone = zone
        self.expires_at: datetime | None = None

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault."""
        self.validate()
        return all_errors(self) or self._check_end()

    @property
    def number_of_uses(self) -> int | None:
        return or_none(self.uses.cleaned)

    def _check_end(self) -> list[tuple[str, str]]:
        try:
            self.expires_at = moment(self.expires_date, self.expires_time, LAST_MINUTE, self.zone)
        except ValidationError as error:
            self.expires_date.errors = [str(error)]
            return [(self.expires_date.id, str(error))]
        return []


class MemberListForm(FlaskForm):
    """The file of a member list."""

    file = FileField(
        _l("名簿のファイル"),
        description=_l(
            "CSVかXLSX、5MB・20,000件まで。見出しは「会員番号」「会員名」「上限人数」で、ほかの列は読み飛ばします。"
        ),
        render_kw={"accept": ".csv,.tsv,.txt,.xlsx"},
    )

    def faults(self) -> list[tuple[str, str]]:
        """Validate; return (field id, sentence) for each fault."""
        self.validate()
        if not isinstance(self.file.data, FileStorage) or not self.file.data.filename:
            self.file.errors = [_("ファイルを選んでください。")]
        return all_errors(self)
