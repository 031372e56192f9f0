# Everything that a person does with this checkout. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CATALOGUES := $(wildcard eventsite/translations/*/LC_MESSAGES/messages.po)
SIGN_IN := $(wildcard eventsite/translations/security/*/LC_MESSAGES/flask_security.po)
READER := tests/calendars/node_modules/.stamp
KEYWORDS := -k _l -k lazy_gettext -k lazy_ngettext:1,2
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help setup run test bench check lock translations clean

help: ## list what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-13s %s\n", $$1, $$2 }'

setup: $(VENV)/.stamp $(CATALOGUES:.po=.mo) $(SIGN_IN:.po=.mo) ## the virtual environment; does nothing when nothing has changed

$(VENV)/.stamp: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit("eventsite needs Python 3.11 or newer; name one with make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

%.mo: %.po $(VENV)/.stamp
	@$(BIN)/pybabel --quiet compile -i $< -o $@

run: setup ## the site with its background work on http://127.0.0.1:8000 (Ctrl-C ends it)
	@$(BIN)/flask init
	@$(BIN)/flask demo --if-empty
	@exec $(BIN)/flask serve

test: setup $(READER) ## the whole test suite, on all processors
	@$(BIN)/python -m pytest -n auto --dist worksteal

# For tests alone: another calendar parser, under node. Without npm the tests that need it say so.
$(READER): tests/calendars/package.json tests/calendars/package-lock.json
	@if command -v npm >/dev/null; then (cd $(dir $(@D)) && npm ci --loglevel=error) && touch $@ || true; fi

bench: setup ## how fast letters leave, on both databases; writes docs/benchmarks.md (some minutes)
	$(BIN)/python -m tests.benchmarks.post_room docs/benchmarks.md

check: setup ## linters, types, import contracts, templates, translations, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/python -m pytest tests/house/test_templates.py tests/house/test_translations.py
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export EVENTSITE_INSTANCE_PATH="$$folder" && \
		$(BIN)/flask db upgrade && $(BIN)/flask db check

lock: setup ## write both lock files anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python -c \
		'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["lock"])')
	CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) -o requirements.lock pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml

translations: setup ## bring the catalogues up to date with the words in code and templates
	@pot=$$(mktemp) && trap 'rm -f "$$pot"' EXIT && \
		$(BIN)/pybabel --quiet extract --project=eventsite -F babel.cfg $(KEYWORDS) --sort-by-file --no-location -o "$$pot" . && \
		$(BIN)/pybabel --quiet update -i "$$pot" -d eventsite/translations -l en --init-missing \
			--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

clean: ## remove everything made here, but never instance/
	rm -rf $(VENV) $(dir $(READER)) .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis build dist *.egg-info
	find eventsite tests migrations -name __pycache__ -prune -exec rm -rf {} +
	rm -f eventsite/translations/*/LC_MESSAGES/*.mo eventsite/translations/security/*/LC_MESSAGES/*.mo
