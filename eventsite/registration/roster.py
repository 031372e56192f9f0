"""Who is coming: the attendees of an event as rows to look at (`find`), to count and to download (`download`).

The number of statements does not grow with the number of attendees. A roster is a paper of the office: its words
are Japanese whatever the reader's language. Rules D75, D89 to D92.
Not for: what stands in a cell (columns.py), bytes and file names (spreadsheet.py), who may download (access.py), pages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, collate, false, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload

from eventsite import audit, clock, dates, i18n, text
from eventsite.db import db, transaction
from eventsite.models import Account, Attendee, Event, Format, Registration, Status
from eventsite.registration import columns, spreadsheet
from eventsite.registration.spreadsheet import Table

PRESETS = {"office": "事務局用", "shared": "共有用", "zoom": "Zoom取込用"}
MEDIA_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
ZOOM_HEADER = ("Email Address", "First Name", "Last Name")
LONGEST_SEARCH = 200
SHORTEST_NUMBER = 3
UNDELIVERABLE = "undeliverable"

_UNASKED = (False, "")
_ITEMS = {"所属": "団体名・会社名", "団体名": "団体名・会社名", "会社名": "団体名・会社名", "部署": "部署名"}


class PresetNotAllowed(Exception):
    """The event has not told its attendees that their data go there (D75); doors answer 403."""


class RecipientNeeded(ValueError):
    """Several third parties are named, or one that the event does not have; the message lists the codes."""


@dataclass(frozen=True)
class Filter:
    """What a screen narrows its rows to: a category's code, a status, words to look for; None = all.

    In place of a status, UNDELIVERABLE stands for those whom mail does not reach (D12).
    """

    category: str | None = None
    status: str | None = None
    search: str | None = None

    def recorded(self) -> dict[str, Any]:
        """Return what the audit log may hold: the words looked for can be a name and stay out."""
        return {"category": self.category or None, "status": self.status or None, "search": bool(self.search)}


EVERYBODY = Filter()


@dataclass(frozen=True)
class Page:
    """Some of the rows found. `number` counts from 1; `total` counts all rows found."""

    items: list[Attendee]
    number: int
    pages: int
    total: int


@dataclass(frozen=True)
class Download:
    """A file for a reader: its bytes, its name in ASCII and in Japanese, and the table it was made of."""

    content: bytes
    media_type: str
    ascii_name: str
    japanese_name: str
    table: Table


def find(event: Event, filter: Filter = EVERYBODY, *, page: int | None = None, per_page: int = 50) -> Page:
    """Return attendees with registration and category loaded, in the order of D90.

    Without a page all of them; a page before the first or after the last is the first or the last. An unknown
    category or status finds nobody. The search knows spellings of names (高崎 finds 髙﨑), readings,
    organisations, addresses and numbers.
    """
    rows = _attendees(event, filter)
    if page is None:
        items = list(db.session.scalars(rows))
        return Page(items, 1, 1, len(items))
    conditions = _conditions(event, filter)
    count = select(func.count()).select_from(Attendee).join(Attendee.registration).where(*conditions)
    total = db.session.scalar(count) or 0
    pages = max(1, -(-total // per_page))
    number = min(max(page, 1), pages)
    items = list(db.session.scalars(rows.limit(per_page).offset((number - 1) * per_page)))
    return Page(items, number, pages, total)


def counts(event: Event) -> dict[str, int]:
    """Return how many attendees have each status, in the order of D10; 0 where nobody has it."""
    by_status = (
        select(Attendee.status, func.count()).where(Attendee.event_id == event.id).group_by(Attendee.status)
    )
    found = dict(db.session.execute(by_status).all())
    return {status.value: found.get(status, 0) for status in Status}


def undeliverable(event: Event) -> int:
    """Return how many attendees mail does not reach: the filter UNDELIVERABLE finds them."""
    count = select(func.count()).where(Attendee.event_id == event.id, Attendee.undeliverable)
    return db.session.scalar(count) or 0


def count_summary(event: Event) -> dict[str, int | None]:
    """Return `counts` and the event-wide cap as `capacity`, None for no cap."""
    return {**counts(event), "capacity": event.capacity_total}


def download(
    event: Event,
    *,
    preset: str = "office",
    file_format: str = "csv",
    encoding: str | None = None,
    filter: Filter = EVERYBODY,
    recipient: str | None = None,
    by: Account | None = None,
) -> Download:
    """Return a roster as a file and record that it went out (D84).

    encoding: one of spreadsheet.ENCODINGS, CSV only; None = the preset's own. Raises ValueError for an unknown
    format or encoding, and as `table`; then nothing is recorded.
    """
    if file_format not in MEDIA_TYPES:
        raise ValueError(f"unknown format {file_format!r}")
    sheet = table(event, preset, filter, recipient=recipient)
    encoding = (encoding or default_encoding(preset)) if file_format == "csv" else None
    content = (
        spreadsheet.csv_bytes(sheet, encoding) if encoding else spreadsheet.xlsx_bytes(sheet, event.title)
    )
    words = ("", "") if preset == "office" else (preset, PRESETS[preset])
    recorded = f"shared:{_third_party(event, recipient)['code']}" if preset == "shared" else preset
    now = dates.in_zone(clock.now(), event.timezone)
    names = spreadsheet.file_name(event.slug, event.title, now, file_format, words)
    with transaction():
        details = {
            "preset": recorded,
            "format": file_format,
            "encoding": encoding,
            "filter": filter.recorded(),
        }
        audit.record("roster.downloaded", event, by, rows=len(sheet.rows), columns=sheet.header, **details)
    return Download(content, MEDIA_TYPES[file_format], *names, sheet)


def default_encoding(preset: str) -> str:
    """Return the encoding of a preset's CSV where none is asked for: Excel's, for Zoom without BOM (D85, D91)."""
    return "utf-8" if preset == "zoom" else "utf-8-sig"


def table(
    event: Event, preset: str = "office", filter: Filter | None = None, *, recipient: str | None = None
) -> Table:
    """Return a preset's rows and columns (D90). recipient: code of the third party, for the preset `shared`.

    Raises ValueError for an unknown preset, PresetNotAllowed and RecipientNeeded for `shared`.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}")
    with i18n.speaking("ja"):
        return _TABLES[preset](event, filter or EVERYBODY, recipient)


def shared_mailboxes(event: Event, filter: Filter = EVERYBODY) -> dict[str, list[Attendee]]:
    """Return the addresses that stand for more than one row of the Zoom file, with their attendees (D92)."""
    return {columns.address(group[0]): group for group in _by_address(event, filter) if len(group) > 1}


def _office_table(event: Event, filter: Filter, recipient: str | None) -> Table:
    return columns.table(event, columns.of_event(event), find(event, filter).items)


def _shared_table(event: Event, filter: Filter, recipient: str | None) -> Table:
    third = _third_party(event, recipient)
    # of the same name the first counts
    known = dict(reversed((*columns.WHOLE_NAMES, *columns.of_event(event))))
    missing = [item for item in third["items"] if _ITEMS.get(item, item) not in known]
    if missing or not third["items"]:
        raise PresetNotAllowed(f"{event.slug}: no column for the items {missing} of {third['code']}")
    chosen = [(item, known[_ITEMS.get(item, item)]) for item in third["items"]]
    consents = columns.consents(event)
    willing = [
        one
        for one in _confirmed(event, filter)
        if consents.get((one.id, "share", third["code"]), _UNASKED)[0]
    ]
    return columns.table(event, chosen, willing)


def _zoom_table(event: Event, filter: Filter, recipient: str | None) -> Table:
    groups = _by_address(event, filter)
    return Table(
        header=list(ZOOM_HEADER),
        rows=[[columns.address(group[0]), *_zoom_names(group)] for group in groups],
        references=["、".join(one.number for one in group) for group in groups],
        created=event.created_at,
        quote_all=False,
    )


_TABLES: dict[str, Callable[[Event, Filter, str | None], Table]] = {
    "office": _office_table,
    "shared": _shared_table,
    "zoom": _zoom_table,
}


def _attendees(event: Event, filter: Filter) -> Select[Attendee]:
    """In the order of D90, by code point on every database."""
    binary = "C" if db.engine.dialect.name == "postgresql" else "BINARY"
    return (
        select(Attendee)
        .join(Attendee.registration)
        .options(contains_eager(Attendee.registration), joinedload(Attendee.category))
        .where(*_conditions(event, filter))
        .order_by(
            Attendee.family_kana == "",
            collate(Attendee.family_kana, binary),
            collate(Attendee.given_kana, binary),
            collate(Registration.reference, binary),
            Attendee.branch,
        )
    )


def _conditions(event: Event, filter: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Attendee.event_id == event.id]
    if filter.category:
        category = event.category(filter.category)
        conditions.append(Attendee.category_id == category.id if category else false())
    if filter.status == UNDELIVERABLE:
        conditions.append(Attendee.undeliverable.is_(True))
    elif filter.status:
        known = filter.status in list(Status)
        conditions.append(Attendee.status == Status(filter.status) if known else false())
    if filter.search and filter.search.strip():
        conditions.append(_matches(filter.search))
    return conditions


def _matches(search: str) -> ColumnElement[bool]:
    """Names and organisations by their keys (D51), so that their spellings meet."""
    try:
        line = text.clean_line(search)
        name, number = text.person_key(line, ""), text.fold_code(line)
    except text.InvalidText:
        return false()
    if not name or len(name) > LONGEST_SEARCH:
        return false()
    found = [
        Attendee.person_key.contains(name, autoescape=True),
        Attendee.organisation_key.contains(text.organisation_key(line), autoescape=True),
        func.lower(Attendee.email).contains(name, autoescape=True),
        func.lower(Registration.contact_email).contains(name, autoescape=True),
    ]
    if len(number) >= SHORTEST_NUMBER:
        whole = func.replace(Registration.reference, "-", "").concat(cast(Attendee.branch, String))
        found.append(whole.contains(number, autoescape=True))
    return or_(*found, *_reading_matches(line))


def _reading_matches(line: str) -> list[ColumnElement[bool]]:
    try:
        kana = text.clean_kana(line).replace(" ", "")
    except text.InvalidText:
        return []
    stored = func.replace(Attendee.family_kana.concat(Attendee.given_kana), " ", "")
    return [stored.contains(kana, autoescape=True)]


def _confirmed(event: Event, filter: Filter) -> list[Attendee]:
    return [one for one in find(event, filter).items if one.status == Status.CONFIRMED]


def _third_party(event: Event, code: str | None) -> dict[str, Any]:
    named = event.asked_recipients
    if not named:
        raise PresetNotAllowed(f"{event.slug}: attendees were not told of any third party")
    if code is None and len(named) == 1:
        return named[0]
    for one in named:
        if one["code"] == code:
            return one
    raise RecipientNeeded(", ".join(one["code"] for one in named))


def _by_address(event: Event, filter: Filter) -> list[list[Attendee]]:
    """Those who take part online by their address; whoever has none, as entered by telephone, cannot be in it."""
    groups: dict[str, list[Attendee]] = {}
    for one in _confirmed(event, filter):
        if columns.way(one, event) == Format.ONLINE and columns.address(one):
            groups.setdefault(columns.address(one).casefold(), []).append(one)
    return list(groups.values())


def _zoom_names(group: list[Attendee]) -> tuple[str, str]:
    """First and last name; people who share a mailbox stand there as their office, so that no name is lost."""
    first = group[0]
    if len(group) == 1:
        return (first.given_name, first.family_name) if first.given_name else (first.family_name, "")
    departments = {one.department for one in group}
    office = f"{first.organisation} {first.department if len(departments) == 1 else ''}".strip()
    return f"{office or first.name}（{len(group)}名）", ""
