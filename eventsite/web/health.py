"""For machines: is the process alive, and is the whole able to serve?"""

from datetime import datetime, timedelta
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from eventsite import clock
from eventsite.db import db
from eventsite.mail import post_room
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
    """Database reachable, migrations applied, and a worker seen within five minutes; how long letters have waited."""
    mail = None
    try:
        checks = {"database": True, "migrations": _migrated(), "worker": False}
        if checks["migrations"]:
            state = post_room.state()
            checks["worker"] = _is_fresh(state.last_beat)
            mail = _mail(state)
    except SQLAlchemyError:
        checks = {"database": False, "migrations": False, "worker": False}
    well = all(checks.values())
    words = "ok" if well else "not ready"
    return jsonify(status=words, checks=checks, mail=mail), 200 if well else 503


def _migrated() -> bool:
    context = MigrationContext.configure(db.session.connection())
    script = ScriptDirectory(current_app.extensions["migrate"].directory)
    return set(context.get_current_heads()) == set(script.get_heads())


def _is_fresh(beat: datetime | None) -> bool:
    return beat is not None and clock.now() - beat < SILENCE


def _mail(state: post_room.State) -> dict[str, Any]:
    """Letters that wait are no reason to take the site away: figures only."""
    waited = clock.now() - state.waiting_since if state.waiting_since else timedelta(0)
    return {
        "waiting": state.waiting,
        "waiting_seconds": max(0, int(waited.total_seconds())),
        "held": state.held_at is not None,
        "failing": state.failing_since is not None,
    }
