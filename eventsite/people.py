"""The association's people: invited to the site, shut out and let in again, and what each is for one event (D79).

Not for what a role may do (`access`), nor for signing in (`signin`).
"""

import secrets
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from eventsite import access, accounts, audit, signin
from eventsite.db import db, lock, transaction
from eventsite.errors import Refusal
from eventsite.models import Account, Event, EventRole, Message

EVENT_ROLES = ("organiser", "staff", "viewer")


@dataclass(frozen=True)
class Person:
    """An account and the letter that invited it last, if one did."""

    account: Account
    invitation: Message | None

    @property
    def is_invited(self) -> bool:
        """True until a password is set for the first time."""
        return self.account.password is None


def everybody() -> list[Person]:
    """Return all accounts, by name."""
    last = (
        select(func.max(Message.id)).where(Message.letter == "staff_invite").group_by(Message.recipient_key)
    )
    letters = {
        one.recipient_key: one for one in db.session.scalars(select(Message).where(Message.id.in_(last)))
    }
    found = db.session.scalars(select(Account).order_by(Account.name, Account.email, Account.id))
    return [Person(one, letters.get(f"account-{one.id}")) for one in found]


def invite(email: str, name: str, role: str, by: Account) -> Account:
    """Make an account and write to its owner, who sets the password (L24).

    Raises Refusal `invalid` at `email` if the address has an account or is none, at `role` for an unknown one.
    """
    if role not in accounts.ROLES:
        raise Refusal("invalid", _l("権限を選んでください。"), "role")
    with transaction():
        if accounts.find_account(email) is not None:
            raise Refusal("invalid", _l("このメールアドレスの利用者は、すでにいます。"), "email")
        try:
            account = accounts.create_account(email, name, role, by=by)
        except ValueError:
            raise Refusal("invalid", _l("メールアドレスと氏名を確認してください。"), "email") from None
        _write_to(account, by)
    return account


def invite_again(account: Account, by: Account | None) -> None:
    """Write the invitation once more, with a new link; earlier links end with the first password that is set.

    Raises Refusal `invalid` for an account that has a password or may not sign in.
    """
    with transaction():
        db.session.refresh(account)
        if account.password is not None:
            raise Refusal("invalid", _l("この方は、すでにパスワードを設定しています。"))
        if not account.active:
            raise Refusal("invalid", _l("停止中の利用者は招待できません。先に再開してください。"))
        _write_to(account, by)


def disable(account: Account, by: Account) -> None:
    """Let somebody in no more: sessions and links end at once (R15). Raises Refusal `invalid` for oneself."""
    if account.id == by.id:
        raise Refusal("invalid", _l("ご自分の利用を停止することはできません。"))
    with transaction():
        db.session.refresh(account)
        if account.active:
            account.active = False
            account.fs_uniquifier = secrets.token_hex(32)
            audit.record("account.disabled", by=by, account=account.id)


def enable(account: Account, by: Account) -> None:
    """Let somebody in again, with the password of before."""
    with transaction():
        db.session.refresh(account)
        if not account.active:
            account.active = True
            audit.record("account.enabled", by=by, account=account.id)


def of_event(event: Event) -> list[tuple[Account, str]]:
    """Return who is something for an event, organisers first, and what."""
    rows = db.session.execute(
        select(Account, EventRole.role)
        .join(EventRole, EventRole.account_id == Account.id)
        .where(EventRole.event_id == event.id)
        .order_by(Account.name, Account.email)
    )
    return sorted(((one, role) for one, role in rows), key=lambda row: EVENT_ROLES.index(row[1]))


def add(event: Event, email: str, role: str, by: Account) -> Account:
    """Make an account something for an event, found by its address.

    Raises Refusal `invalid` at `email` if nobody has it, or who has it is somebody here already, and as `set_role`.
    """
    account = accounts.find_account(email)
    if account is None:
        words = _l("このメールアドレスの利用者はいません。先に、管理者が招待してください。")
        raise Refusal("invalid", words, "email")
    with transaction():
        lock(event)
        if _row(event, account) is not None:
            raise Refusal("invalid", _l("この方は、すでにこのセミナーの担当です。"), "email")
        set_role(event, account, role, by)
    return account


def set_role(event: Event, account: Account, role: str | None, by: Account) -> None:
    """Say what an account is for an event, None = nothing any more.

    Raises Refusal `invalid` for an unknown role, and where the event would lose its last organiser, unless an admin
    does it.
    """
    if role is not None and role not in EVENT_ROLES:
        raise Refusal("invalid", _l("権限を選んでください。"), "role")
    with transaction():
        lock(event)
        row = _row(event, account)
        before = row.role if row else None
        if before == role:
            return
        if before == "organiser" and not access.is_admin(by) and not _has_other_organiser(event, account):
            raise Refusal("invalid", _l("担当者がいなくなります。先に、ほかの方を担当者にしてください。"))
        if row is None:
            db.session.add(EventRole(event_id=event.id, account_id=account.id, role=role))
        elif role is None:
            db.session.delete(row)
        else:
            row.role = role
        audit.record("event.person_changed", event, by, account=account.id, before=before, after=role)


def _write_to(account: Account, by: Account | None) -> None:
    signin.write_invitation(account)
    audit.record("account.invited", by=by, account=account.id, role=account.roles[0].name)


def _row(event: Event, account: Account) -> EventRole | None:
    return db.session.scalar(
        select(EventRole).where(EventRole.event_id == event.id, EventRole.account_id == account.id)
    )


def _has_other_organiser(event: Event, account: Account) -> bool:
    others = (
        select(EventRole.id)
        .join(Account, Account.id == EventRole.account_id)
        .where(
            EventRole.event_id == event.id,
            EventRole.role == "organiser",
            EventRole.account_id != account.id,
            Account.active,
        )
    )
    return db.session.scalar(others.limit(1)) is not None
