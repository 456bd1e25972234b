PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	command -v $$python > /dev/null && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	&& echo $$python && break; done)
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SCHEMA := $(BIN)/python manage.py spectacular --validate --fail-on-warn

.DEFAULT_GOAL := help
.PHONY: help run test check bench faults desktop format schema

help:
	@echo "make run     serve http://127.0.0.1:8000; needs Python 3.11 or newer and nothing else"
	@echo "make test    run all tests, on SQLite and on PostgreSQL with Redis"
	@echo "make check   format, lint, types, import rules, migrations, OpenAPI, documents"
	@echo "make bench   print the benchmark tables"
	@echo "make faults  attack real servers and print one table: make faults N=300"
	@echo "make desktop walk the desktop clients at random over servers that are killed: make desktop N=500"
	@echo "make format  format and mend what can be mended, write docs/openapi.yaml again"

run: .venv/.run
	@RUN_LOCALLY=true exec $(BIN)/python manage.py serve --prepare

# Each run prints its own summary; the second is not kept from running by a failure of the first. Most tests time real
# processes, and a busy machine may be too slow once: what fails twice has failed, and the summary counts second tries.
test: .venv/.test
	@status=0; \
	for profile in sqlite postgres; do \
		echo "== $$profile"; \
		TEST_PROFILE=$$profile $(BIN)/python -m pytest -n 2 --dist loadfile --reruns 1 $(TESTS) || status=1; \
	done; \
	exit $$status

check: export SECRET_KEY = only for checks, which sign nothing that is used
check: export ENV_FILE =
check: .venv/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy chatjuicer sessions_app files_app chat_app manage.py
	$(BIN)/lint-imports --no-logo
	$(BIN)/python manage.py makemigrations --check --dry-run
	@$(SCHEMA) | diff docs/openapi.yaml - > /dev/null || \
		{ echo "docs/openapi.yaml is not what the code says: make schema"; exit 1; }
	$(BIN)/python -m pytest -q tests/documents

bench: .venv/.test
	@$(BIN)/python -m tests.benchmarks

N ?= 30

faults: .venv/.test
	@$(BIN)/python -m tests.faults $(N) $(FAULTS)

desktop: .venv/.test
	@$(BIN)/python -m tests.desktop $(N) $(DESKTOP)

format: .venv/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(SCHEMA) --file docs/openapi.yaml

schema: .venv/.test
	@$(SCHEMA) --file docs/openapi.yaml

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one: make run PYTHON=/path/to/python3"; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv

.venv/.run: requirements.txt | .venv/bin/python
	@echo "Installing what the server needs"
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

.venv/.test: requirements-test.txt | .venv/bin/python
	@echo "Installing what the tests need"
	@$(PIP_INSTALL) -r requirements-test.txt
	@touch $@ .venv/.run
