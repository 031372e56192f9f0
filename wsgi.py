"""Entry for WSGI servers and for the `flask` command."""

import sys

from eventsite import create_app
from eventsite.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"eventsite cannot start. {error}")
