"""Every route declares who may enter (R1)."""

from collections.abc import Iterator
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter, BaseConverter, Rule
from werkzeug.routing.converters import NumberConverter

from eventsite.web import guards
from eventsite.web.guards import EXTENSION_GUARDS

CLOSED = {302, 401, 403, 404}


def declared(app: Flask, endpoint: str) -> set[str]:
    """Return the guards of an endpoint: those on its function, those of the functions that this wraps, its row."""
    found = {EXTENSION_GUARDS[endpoint]} if endpoint in EXTENSION_GUARDS else set()
    view: Any = app.view_functions[endpoint]
    while view is not None:
        if "guard" in vars(view):
            found.add(view.guard)
        view = getattr(view, "__wrapped__", None)
    return found


def faults(app: Flask) -> list[str]:
    endpoints = sorted({rule.endpoint for rule in app.url_map.iter_rules()})
    undeclared = [f"{name}: {declared(app, name)}" for name in endpoints if len(declared(app, name)) != 1]
    return undeclared + [f"{name}: no such endpoint" for name in EXTENSION_GUARDS if name not in endpoints]


def closed_doors(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield method and address of everything that is not public."""
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if declared(app, rule.endpoint) != {"public"}:
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    yield method, address(rule)


def address(rule: Rule) -> str:
    values = {name: example(converter) for name, converter in rule._converters.items()}
    built = rule.build({**(rule.defaults or {}), **values})
    assert built is not None
    return built[1]


def example(converter: BaseConverter) -> Any:
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return 1 if isinstance(converter, NumberConverter) else "x"


def test_every_endpoint_has_exactly_one_guard(app: Flask) -> None:
    assert faults(app) == []


def test_what_is_not_public_is_closed_to_strangers(app: Flask, client: FlaskClient) -> None:
    doors = list(closed_doors(app))
    assert len(doors) > 5
    answers = {f"{method} {path}": client.open(path, method=method).status_code for method, path in doors}
    assert {door: status for door, status in answers.items() if status not in CLOSED} == {}


def test_a_route_without_a_guard_is_found(app: Flask) -> None:
    known = faults(app)
    app.add_url_rule("/planted", "planted", lambda: "open")
    assert [fault for fault in faults(app) if fault not in known] == ["planted: set()"]


def test_a_route_with_two_guards_is_found(app: Flask) -> None:
    known = faults(app)
    app.add_url_rule("/planted", "planted", guards.public(guards.signed_in(lambda: "open")))
    assert len([fault for fault in faults(app) if fault not in known]) == 1


def test_a_door_that_only_says_it_is_closed_is_found(app: Flask, client: FlaskClient) -> None:
    def view() -> str:
        return "open"

    view.guard = "signed-in"  # type: ignore[attr-defined]
    app.add_url_rule("/planted", "planted", view)
    assert ("GET", "/planted") in closed_doors(app)
    assert client.get("/planted").status_code not in CLOSED
