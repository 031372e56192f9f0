"""For machines: is the process alive, and is the whole able to serve?"""

from datetime import timedelta

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from eventsite import clock
from eventsite.db import db
from eventsite.mail import outbox
from eventsite.web import guards

bp = Blueprint("health", __name__)
SILENCE = timedelta(minutes=5)


@bp.get("/healthz")
@guards.public
def alive() -> ResponseReturnValue:
    return jsonify(status="ok")


@bp.get("/readyz")
@guards.public
def ready() -> ResponseReturnValue:
    """Database reachable, migrations applied, and a worker seen within five minutes."""
    try:
        checks = {"database": True, "migrations": _migrated(), "worker": _worker_seen()}
    except SQLAlchemyError:
        checks = {"database": False, "migrations": False, "worker": False}
    well = all(checks.values())
    return jsonify(status="ok" if well else "not ready", checks=checks), 200 if well else 503


def _migrated() -> bool:
    context = MigrationContext.configure(db.session.connection())
    script = ScriptDirectory(current_app.extensions["migrate"].directory)
    return set(context.get_current_heads()) == set(script.get_heads())


def _worker_seen() -> bool:
    beat = outbox.last_beat()
    return beat is not None and clock.now() - beat < SILENCE
