"""Signing in and out, and passwords: Flask-Security with our words, our letters and our templates."""

from datetime import timedelta
from typing import Any

from flask import Flask
from flask_security import MailUtil, Security, SQLAlchemyUserDatastore
from flask_security.recoverable import generate_reset_password_token
from sqlalchemy import inspect

from eventsite import clock, dates, i18n, wording
from eventsite.config import ROOT, settings
from eventsite.db import db, transaction
from eventsite.mail import letters
from eventsite.models import Account, Role

LINK_VALID = timedelta(days=3)

SETTINGS: dict[str, Any] = {
    "SECURITY_URL_PREFIX": "/account",
    "SECURITY_LOGIN_URL": "/signin",
    "SECURITY_LOGOUT_URL": "/signout",
    "SECURITY_RESET_URL": "/password",
    "SECURITY_CHANGE_URL": "/change-password",
    "SECURITY_LOGOUT_METHODS": ["POST"],
    "SECURITY_RECOVERABLE": True,
    "SECURITY_CHANGEABLE": True,
    "SECURITY_RESET_PASSWORD_WITHIN": LINK_VALID,
    "SECURITY_POST_LOGIN_VIEW": "/organiser/",
    "SECURITY_POST_LOGOUT_VIEW": "/account/signin",
    "SECURITY_POST_RESET_VIEW": "/account/signin",
    "SECURITY_AUTO_LOGIN_AFTER_RESET": False,
    "SECURITY_RETURN_GENERIC_RESPONSES": True,
    "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
    "SECURITY_PASSWORD_HASH": "argon2",
    "SECURITY_PASSWORD_SINGLE_HASH": True,  # argon2 has its own salt; passwords outlive a change of the secret key
    "SECURITY_PASSWORD_LENGTH_MIN": 12,
    "SECURITY_PASSWORD_NORMALIZE_FORM": "NFKC",
    "SECURITY_DEFAULT_REMEMBER_ME": False,
    "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
    "SECURITY_SEND_PASSWORD_RESET_NOTICE_EMAIL": False,
    "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
    "SECURITY_TRACKABLE": False,
    "SECURITY_MSG_UNAUTHENTICATED": ("You must sign in to view this resource.", "info"),  # asked, not blamed
    "SECURITY_I18N_DIRNAME": ["builtin", str(ROOT / "eventsite" / "translations" / "security")],
    "SECURITY_I18N_DOMAIN": "flask_security",
    "SECURITY_LOGIN_USER_TEMPLATE": "account/signin.html",
    "SECURITY_FORGOT_PASSWORD_TEMPLATE": "account/forgot.html",
    "SECURITY_RESET_PASSWORD_TEMPLATE": "account/password.html",
    "SECURITY_CHANGE_PASSWORD_TEMPLATE": "account/change.html",
    "SECURITY_VERIFY_TEMPLATE": "account/verify.html",
}


class Datastore(SQLAlchemyUserDatastore):
    """Flask-Security changes accounts freely and then commits; here its changes go through `transaction()`."""

    def commit(self) -> None:
        session = db.session()
        changes = [
            (one, {part.key: part.value for part in inspect(one).attrs if part.history.has_changes()})
            for one in session.dirty
        ]
        new = list(session.new)
        if not changes and not new:
            return
        with transaction():
            session.add_all(new)
            for one, values in changes:
                for name, value in values.items():
                    setattr(one, name, value)


class PostRoom(MailUtil):
    """Flask-Security's letters leave by the outbox like all others."""

    def send_mail(
        self,
        template: str,
        subject: str,
        recipient: str | tuple[str, str],
        sender: str | tuple[str, str],
        body: str | None,
        html: str | None,
        **kwargs: Any,
    ) -> None:
        account, link = kwargs.get("user"), kwargs.get("reset_link")
        if isinstance(account, Account) and link:
            token = link.rstrip("/").rsplit("/", 1)[1]
            write_password_letter(account, "staff_password", token)


def init_app(app: Flask) -> None:
    for name, value in SETTINGS.items():
        app.config.setdefault(name, value)
    app.config.setdefault("SECURITY_PASSWORD_SALT", app.config["SECRET_KEY"])
    Security(app, Datastore(db, Account, Role), mail_util_cls=PostRoom)


def setup_link(account: Account) -> str:
    """Return a link with which the account's owner sets a password; it works once, for three days."""
    return _link(generate_reset_password_token(account))


def write_invitation(account: Account) -> None:
    """Store the letter with the link to set a first password, in Japanese: an account has no language of its own."""
    with i18n.speaking("ja"):
        write_password_letter(account, "staff_invite", generate_reset_password_token(account))


def write_password_letter(account: Account, letter: str, token: str) -> None:
    """Store the letter with such a link; `letter` is staff_invite or staff_password."""
    now = clock.now()
    until = dates.deadline(now + LINK_VALID, dates.TOKYO, i18n.current())
    role = wording.role(account.roles[0].name) if account.roles else ""
    with transaction():
        letters.staff_link(letter, account, role, _link(token), until, now)


def _link(token: str) -> str:
    return f"{settings.public_url}/account/password/{token}"
