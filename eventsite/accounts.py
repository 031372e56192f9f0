"""Accounts of the association's people come into being here. What each role may do stands in `access`.

Not for signing in or resetting passwords (Flask-Security does both), and not for attendees, who have no accounts.
"""

import secrets

from flask_security import hash_password
from sqlalchemy import func, select

from eventsite import audit, clock, text
from eventsite.db import db, transaction
from eventsite.models import Account, Role

ROLES = ("admin", "organiser", "staff")


def find_account(email: str) -> Account | None:
    """Return the account of an address, whatever the case of its letters; None also for what is no address."""
    try:
        address = text.clean_email(email)
    except text.InvalidText:
        return None
    return db.session.scalar(select(Account).where(func.lower(Account.email) == address.lower()))


def create_account(
    email: str, name: str, role: str, password: str | None = None, *, by: Account | None = None
) -> Account:
    """Create and return an account with one role of D79; without a password nobody can sign in to it yet.

    Raises ValueError if the address has an account or is none, if the name cannot be stored, or for an unknown role.
    """
    if role not in ROLES:
        raise ValueError(f"{role!r} is none of {', '.join(ROLES)}")
    address, words = _clean(email, name)
    hashed = hash_password(password) if password else None
    with transaction():
        if find_account(address) is not None:
            raise ValueError(f"{address} has an account already")
        account = Account(
            email=address,
            name=words,
            password=hashed,
            fs_uniquifier=secrets.token_hex(32),
            created_at=clock.now(),
            roles=[_role(role)],
        )
        db.session.add(account)
        db.session.flush()
        audit.record("account.created", by=by, account=account.id, role=role)
    return account


def _clean(email: str, name: str) -> tuple[str, str]:
    try:
        address = text.clean_email(email)
    except text.InvalidText:
        raise ValueError("that is no mail address") from None
    try:
        words = text.clean_line(name)
    except text.InvalidText:
        raise ValueError("the name holds a character that cannot be stored") from None
    if len(address) > 254 or len(words) > 100:
        raise ValueError("the address or the name is too long")
    return address, words


def _role(name: str) -> Role:
    role = db.session.scalar(select(Role).where(Role.name == name))
    return role or Role(name=name)
