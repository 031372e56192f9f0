"""Invite codes of a category: made, withdrawn, and how often each has been used (domain rule D27).

A code counts as used by every registration that came with it and still has an active attendee; so cancelling gives the
use back. Not for whether a code opens the door: see `eligibility`.
"""

import secrets
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from eventsite import audit, clock, text
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.models import ACTIVE, Account, Attendee, Category, InviteCode, Registration
from eventsite.registration import eligibility

SHORTEST, LONGEST = 8, 40
GENERATED, GROUP = 12, 4


def create_code(
    category: Category,
    by: Account,
    code: str | None = None,
    *,
    uses: int | None = None,
    expires_at: datetime | None = None,
    note: str = "",
) -> InviteCode:
    """Make an invite code: as typed, or drawn at random where `code` is blank.

    `uses` is how many registrations it admits, None = any number. Raises Refusal at `code` for one that is too short,
    too long or there already, at `expires_date` for an end that is over.
    """
    with transaction():
        lock(category.event)
        now = clock.now()
        if expires_at is not None and expires_at <= now:
            raise Refusal("invalid", _l("有効期限は、これからの日時にしてください。"), field="expires_date")
        known = {one.code for one in of_category(category)}
        made = InviteCode(
            category=category,
            code=_checked(code, known) if code else _drawn(known),
            uses=uses,
            expires_at=expires_at,
            note=note,
            created_at=now,
        )
        db.session.add(made)
        db.session.flush()
        audit.record("code.created", category.event, by, category=category.code, code_id=made.id)
    return made


def withdraw_code(code: InviteCode, by: Account) -> None:
    """Let a code open nothing any more; who came with it stays."""
    category = code.category
    with transaction():
        lock(category.event)
        if code.withdrawn_at is not None:
            return
        code.withdrawn_at = clock.now()
        audit.record("code.withdrawn", category.event, by, category=category.code, code_id=code.id)


def of_category(category: Category) -> list[InviteCode]:
    """Return all codes of a category, the newest first."""
    query = select(InviteCode).where(InviteCode.category_id == category.id).order_by(InviteCode.id.desc())
    return list(db.session.scalars(query))


def used(category: Category) -> dict[int, int]:
    """Return how often each code of a category has been used, by its id; unused ones are left out."""
    rows = db.session.execute(
        select(Registration.invite_code_id, func.count(Registration.id.distinct()))
        .join(InviteCode, InviteCode.id == Registration.invite_code_id)
        .join(Registration.attendees)
        .where(InviteCode.category_id == category.id, Attendee.status.in_(ACTIVE))
        .group_by(Registration.invite_code_id)
    )
    return {code_id: count for code_id, count in rows if code_id is not None}


def admit(category: Category, offered: str, now: datetime) -> int:
    """Return the id of the category's code that was offered; raises Refusal `wrong-code` (D27)."""
    return eligibility.check_code(offered, standing(category), now).id


def opens(category: Category, offered: str, now: datetime) -> bool:
    """Say whether what was offered would open the category now."""
    try:
        return bool(admit(category, offered, now))
    except Refusal:
        return False


def standing(category: Category) -> list[eligibility.Code]:
    """Return the codes of a category as plain values, the newest first."""
    counts = used(category)
    return [
        eligibility.Code(
            id=one.id,
            code=one.code,
            used=counts.get(one.id, 0),
            uses=one.uses,
            expires_at=one.expires_at,
            withdrawn=one.withdrawn_at is not None,
        )
        for one in of_category(category)
    ]


def grouped(code: str) -> str:
    """Return a code as it is shown: those of our own making in groups, as they are easier to read out."""
    if len(code) != GENERATED or not set(code) <= set(text.REFERENCE_ALPHABET):
        return code
    return "-".join(code[start : start + GROUP] for start in range(0, GENERATED, GROUP))


def _checked(typed: str, known: set[str]) -> str:
    try:
        code = text.fold_code(typed)
    except text.InvalidText:
        raise Refusal("invalid", _l("招待コードに使えない文字が含まれています。"), field="code") from None
    if not SHORTEST <= len(code) <= LONGEST:
        words = _l(
            "招待コードは、空白と「-」を除いて%(shortest)s～%(longest)s文字にしてください。",
            shortest=SHORTEST,
            longest=LONGEST,
        )
        raise Refusal("invalid", words, field="code")
    if code in known:
        raise Refusal("invalid", _l("この招待コードは、すでにあります。"), field="code")
    return code


def _drawn(known: set[str]) -> str:
    while True:
        code = "".join(secrets.choice(text.REFERENCE_ALPHABET) for _ in range(GENERATED))
        if code not in known:
            return code
