"""From facts to a finished letter: template files, blocks, merge fields, subject and text.

For: one entry point, `compose`, which the letter functions call with facts that they have read and dates that
they have already put into words. Not for: reading the database, choosing the letter, MIME. Pure, except that
it reads the template files under `templates/letters`, once per process.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eventsite.mail.wording import words
from eventsite.mail.wording.typeset import subject

LETTERS = Path(__file__).resolve().parents[3] / "templates" / "letters"
LOCALES = ("ja", "en")
BLOCK_FOLDERS = {
    "宛名": "addressee",
    "概要": "summary",
    "参加方法": "joining",
    "管理": "manage",
    "予定表": "calendar",
    "結び": "closing",
}

_ROW = "attendee"
_JOIN_FLAGS = {"a": "参加URL掲載", "b": "参加URL別送", "c": "参加URL未定", "d": "会場"}
_FACT_OF_FIELD = {
    "団体名": "organisation",
    "部署名": "department",
    "氏名": "name",
    "受付番号": "reference",
    "セミナー名": "event_title",
    "日時": "when",
    "形式": "format",
    "参加費": "fee",
    "参加URL": "join_url",
    "ウェビナーID": "webinar_id",
    "パスコード": "passcode",
    "会場名": "venue_name",
    "会場住所": "venue_address",
    "確認ページURL": "manage_url",
    "予定表URL": "calendar_url",
    "主催者名": "association",
    "主催者住所": "association_address",
    "連絡先名": "contact_name",
    "電話": "contact_phone",
    "受付時間": "contact_hours",
    "問合せ先メール": "contact_email",
    "取消期限": "cancel_deadline",
    "回答予定日": "answer_by",
    "順番": "position",
    "締切": "waitlist_ends",
    "抽選日": "draw_on",
    "理由": "reason",
    "変更内容": "changes",
    "回答期限": "reply_until",
    "回答URL": "reply_url",
    "セミナーURL": "event_url",
    "変更前日時": "before_when",
    "代替案内": "alternative",
    "公開期限": "materials_until",
    "資料URL": "materials_url",
    "アンケート期限": "survey_until",
    "アンケートURL": "survey_url",
    "配信停止URL": "unsubscribe_url",
    "開催まで": "until_event",
    "案内文": "message",
    "件名": "own_subject",
    "件数": "count",
    "セミナー短題名": "event_title",
    "管理画面URL": "admin_url",
    "結果": "report",
    "権限": "role",
    "有効期限": "valid_until",
    "登録URL": "setup_url",
    "再設定URL": "reset_url",
}
_MAY_BE_EMPTY = frozenset(
    ["団体名", "部署名", "形式", "参加費", "ウェビナーID", "パスコード", "会場住所"]
    + ["主催者住所", "連絡先名", "電話", "受付時間", "問合せ先メール"]
)

_OPEN_BLOCKS = frozenset(["概要", "管理", "予定表"])
_ASKED_BY_BLOCK = {"管理": "確認ページURL", "予定表": "予定表URL"}


@dataclass(frozen=True, kw_only=True)
class AttendeeRow:
    """One attendee as a letter lists him: branch number, name, words for category and status."""

    branch: int
    name: str
    number: str
    category: str = ""
    status: str = ""


@dataclass(frozen=True, kw_only=True)
class LetterFacts:
    """What a letter may say. Dates, times, formats and states are words in the letter's language.

    "" or None means: there is none; the line or sentence about it is left out where the template allows.
    `join` holds the variants of D68 that apply: "a" link, "b" link later, "c" link not known yet, "d" venue;
    both kinds in a hybrid application give two letters, such as "ad". `waiting_count` and `lost_count` are the
    attendees who did worse than the letter says (D69). `others` counts attendees beyond the addressee. `waitlisted`:
    somebody whom the letter is about waits for a seat. `replaces_link`: the link to join was another one before.
    `message` and `report` keep their line ends.
    """

    association: str
    name: str
    organisation: str | None = ""
    department: str | None = ""
    others: int = 0
    association_address: str | None = ""
    contact_name: str | None = ""
    contact_email: str | None = ""
    contact_phone: str | None = ""
    contact_hours: str | None = ""
    reference: str = ""
    event_title: str = ""
    event_url: str = ""
    when: str = ""
    when_short: str = ""
    room_opens: str | None = ""
    online: bool = False
    format: str | None = ""
    fee: str | None = ""
    attendees: tuple[AttendeeRow, ...] = ()
    join: str = ""
    join_url: str | None = ""
    webinar_id: str | None = ""
    passcode: str | None = ""
    venue_name: str | None = ""
    venue_address: str | None = ""
    manage_url: str = ""
    calendar_url: str = ""
    cancel_deadline: str | None = ""
    answer_by: str | None = ""
    position: int | str | None = ""
    waitlist_ends: str | None = ""
    draw_on: str | None = ""
    reply_until: str | None = ""
    reply_url: str | None = ""
    reason: str | None = ""
    changes: str | None = ""
    cancelled_attendees: tuple[AttendeeRow, ...] = ()
    partial: bool = False
    declined_offer: bool = False
    waiting_count: int = 0
    lost_count: int = 0
    waitlisted: bool = False
    before_when: str | None = ""
    alternative: str | None = ""
    replaces_link: bool = False
    materials_until: str | None = ""
    materials_url: str | None = ""
    survey_until: str | None = ""
    survey_url: str | None = ""
    unsubscribe_url: str | None = ""
    until_event: str | None = ""
    message: str | None = ""
    own_subject: str | None = ""
    count: int | str | None = ""
    admin_url: str | None = ""
    report: str | None = ""
    role: str | None = ""
    valid_until: str | None = ""
    setup_url: str | None = ""
    reset_url: str | None = ""


@dataclass(frozen=True)
class Own:
    """Words of an event's own for one letter, as sources; a blank part is the standard one (D67)."""

    subject: str = ""
    addition: str = ""
    body: str = ""


@dataclass(frozen=True)
class Composed:
    """A finished letter: one line, and text with LF whose lines are at most 70 columns."""

    subject: str
    text: str


def compose(
    letter: str,
    locale: str,
    facts: LetterFacts,
    *,
    own: Own | None = None,
    folder: Path = LETTERS,
) -> Composed:
    """Write a letter from its template in the locale (Japanese where there is no other), D63-D69.

    `own`: words of the event, in place of parts of the template or in addition to it, checked when they were saved.
    Raises KeyError for a fact that the letter needs and that is missing, FileNotFoundError for a letter that
    does not exist, and BadTemplate for an unusable template.
    """
    locale = locale if locale in LOCALES else LOCALES[0]
    template = standard(letter, locale, folder)
    if own is not None:
        template = _with_own(template, own, letter, folder)
    fields, flags = _fields(facts, folder, locale), _flags(facts)
    shown = words.blocks_shown(template, fields, flags)
    blocks = {name: _block(name, locale, fields, flags, facts, folder) for name in shown}
    tag, text = words.render(template, fields, flags, blocks)
    printed = letter.startswith("staff_") or facts.own_subject  # then the subject is the whole of it (D64)
    about = ("", "") if printed else (facts.when_short, facts.event_title)
    return Composed(subject(tag, *about), text)


def standard(letter: str, locale: str, folder: Path = LETTERS) -> words.Template:
    """Return the template that the product brings along."""
    return _letter(folder / letter / f"{locale}.txt")


def standard_source(letter: str, locale: str, folder: Path = LETTERS) -> Own:
    """Return subject and body of the standard template as they are written."""
    first, _, rest = (folder / letter / f"{locale}.txt").read_text(encoding="utf-8").partition("\n")
    return Own(subject=re.sub("^(?:件名|Subject): *", "", first.strip()), body=rest.strip("\n"))


def offered(letter: str, folder: Path = LETTERS) -> frozenset[str]:
    """Fields that an own template for this letter may use: those of its files and blocks, and those of every letter.

    Pass it to `words.parse` before an own template is saved: then nothing is missing when it is sent (D67). How to
    join is only in its block, which knows who may read it (D68).
    """
    files = [standard(letter, locale, folder) for locale in LOCALES]
    always = (_MAY_BE_EMPTY | {"氏名", "主催者名"}) - {"ウェビナーID", "パスコード"}
    about_event = set() if letter.startswith("staff_") else {"受付番号", "セミナー名", "日時"}
    inside = {name for template in files for name in template.blocks} & _OPEN_BLOCKS
    blocks = (_block_template(folder / "blocks" / BLOCK_FOLDERS[name] / "ja.txt") for name in inside)
    return always.union(about_event, *(template.fields for template in [*files, *blocks]))


def values(facts: LetterFacts, locale: str, folder: Path = LETTERS) -> dict[str, str]:
    """Return what each merge field says with these facts; one without a value is missing or blank."""
    return _fields(facts, folder, locale)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of merge fields in the order in which people read of them."""
    order = {name: number for number, name in enumerate(_FACT_OF_FIELD)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def _with_own(template: words.Template, own: Own, letter: str, folder: Path) -> words.Template:
    known = offered(letter, folder)
    body, addition = (
        words.skippable(words.parse_body(source, known), _ASKED_BY_BLOCK, _MAY_BE_EMPTY)
        for source in (own.body, own.addition)
    )
    tag = words.parse_subject(own.subject, known) if own.subject else template.subject
    return words.Template(tag, (*(body or template.lines), *addition))


def _fields(facts: LetterFacts, folder: Path, locale: str) -> dict[str, str]:
    """A value for every field that has one; the few that may be empty in any letter are then empty."""
    stated = {field: getattr(facts, fact) for field, fact in _FACT_OF_FIELD.items()}
    stated["入室開始"] = facts.room_opens if facts.online else ""
    stated["参加者一覧"] = _rows(facts.attendees, folder, locale)
    stated["取消参加者"] = _rows(facts.cancelled_attendees, folder, locale)
    stated["人数"] = facts.waiting_count or facts.lost_count
    return dict.fromkeys(_MAY_BE_EMPTY, "") | {field: str(value) for field, value in stated.items() if value}


def _rows(rows: tuple[AttendeeRow, ...], folder: Path, locale: str) -> str:
    template = _block_template(folder / "blocks" / _ROW / f"{locale}.txt")
    return "\n".join(words.render_block(template, _row_fields(row)) for row in rows)


def _row_fields(row: AttendeeRow) -> dict[str, str]:
    return {
        "番号": str(row.branch),
        "参加者名": row.name,
        "参加区分": row.category,
        "参加者番号": row.number,
        "状態": row.status,
    }


def _flags(facts: LetterFacts) -> frozenset[str]:
    up = {
        "複数": facts.others > 0,
        "オンライン": facts.online,
        "辞退": facts.declined_offer,
        "一部": facts.partial,
        "一部キャンセル待ち": facts.waiting_count > 0,
        "一部落選": facts.lost_count > 0,
        "キャンセル待ちあり": facts.waitlisted,
        "キャンセル待ちなし": not facts.waitlisted,
        "参加確定": bool(facts.join),
        "変更": facts.replaces_link,
        "代替あり": bool(facts.alternative),
        "資料あり": bool(facts.materials_url),
        "資料なし": not facts.materials_url,
        "アンケートあり": bool(facts.survey_url),
    }
    return frozenset(name for name, is_up in up.items() if is_up) | {_JOIN_FLAGS[one] for one in facts.join}


def _block(
    name: str, locale: str, fields: Mapping[str, str], flags: frozenset[str], facts: LetterFacts, folder: Path
) -> str:
    """{人数} counts the other attendees in the address, and those who did worse everywhere else."""
    if name == "宛名":
        fields = {**fields, "人数": str(facts.others)}
    template = _block_template(folder / "blocks" / BLOCK_FOLDERS[name] / f"{locale}.txt")
    return words.render_block(template, fields, flags)


@cache
def _letter(path: Path) -> words.Template:
    return words.parse(path.read_text(encoding="utf-8"))


@cache
def _block_template(path: Path) -> words.Template:
    return words.parse_block(path.read_text(encoding="utf-8"))
