"""eventsite: the registration site of an association for its online seminars.

`create_app()` is the wiring, in order; nothing else lives here.
"""

from typing import Any

from flask import Flask
from flask_mail import Mail

from eventsite import cli, config, db, i18n, signin, web


def create_app(overrides: dict[str, Any] | None = None) -> Flask:
    """Build the application; raises `config.ConfigError` when a setting cannot work.

    `overrides` are settings without prefix that win over every other source.
    """
    app = Flask(
        __name__,
        instance_path=config.instance_path(),
        template_folder=str(config.ROOT / "templates"),
        static_folder=str(config.ROOT / "eventsite" / "static"),
    )
    config.load(app, overrides)
    db.init_app(app)
    i18n.init_app(app)
    Mail(app)
    signin.init_app(app)
    web.init_app(app)
    cli.init_app(app)
    return app
