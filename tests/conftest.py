"""Fixtures of the whole suite; they stand in tests/fixtures/, the named cast in tests/cast.py.

`app`, `client`, `at` (clock), `database`, `make_database`, `crowd`, `smtp_sink`, `live_server`, `page`, `watch`. The
tests run without any setting of the shell's.
"""

import os

for name in [one for one in os.environ if one.startswith(("EVENTSITE_", "FLASK_"))]:
    if name != "EVENTSITE_TEST_REQUIRE":
        del os.environ[name]

pytest_plugins = [
    "tests.fixtures.site",
    "tests.fixtures.database",
    "tests.fixtures.crowd",
    "tests.fixtures.post",
    "tests.fixtures.live",
    "tests.fixtures.browser",
]
