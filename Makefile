PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	command -v $$python > /dev/null && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	&& echo $$python && break; done)
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SCHEMA := $(BIN)/python manage.py spectacular --validate --fail-on-warn

.DEFAULT_GOAL := help
.PHONY: help run test test-fast check bench faults attack desktop format schema lock sbom

help:
	@echo "make run     serve http://127.0.0.1:8000; needs Python 3.11 or newer and nothing else"
	@echo "make test    run all tests, on SQLite and on PostgreSQL with Redis"
	@echo "make test-fast run what takes little time, on SQLite: no attacks, no browser, few servers"
	@echo "make check   format, lint, types, import rules, migrations, OpenAPI, documents"
	@echo "make bench   print the benchmark tables"
	@echo "make faults  attack real servers and print one table: make faults N=300"
	@echo "make attack  try every class of hole and print one table"
	@echo "make desktop walk the desktop clients at random over servers that are killed: make desktop N=500"
	@echo "make lock    write the requirements again, with the hashes of all files, from requirements*.in"
	@echo "make sbom    write sbom.cdx.json: what is installed, and what browsers are sent (CycloneDX)"
	@echo "make format  format and mend what can be mended, write docs/openapi.yaml again"

run: .venv/.run
	@RUN_LOCALLY=true exec $(BIN)/python manage.py serve --prepare

# What is compiled, and rewritten for its assertions, is kept: else each of hundreds of processes does it again.
test test-fast faults attack desktop: export PYTHONDONTWRITEBYTECODE =
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Side by side, since most tests wait most of the time: what PostgreSQL's run says is shown when both have ended. It has
# the browser's tests too, so that both take as long.
test: export TEST_BROWSER_PROFILE = postgres
test: .venv/.test
	@said=$$(mktemp); trap 'rm -f $$said' EXIT; \
	TEST_PROFILE=postgres $(PYTEST) $(TESTS) > $$said 2>&1 & postgres=$$!; \
	echo "== sqlite"; \
	status=0; \
	TEST_PROFILE=sqlite $(PYTEST) $(TESTS) || status=1; \
	wait $$postgres || status=1; \
	echo "== postgres"; \
	cat $$said; \
	exit $$status

test-fast: .venv/.test
	@$(PYTEST) -m "not slow or everyday" $(foreach room,faults desktop page clients chatjuicer/operations,--ignore=tests/$(room)) $(TESTS)

# JavaScript is formatted where `npm ci` in clients/js has brought Prettier: nothing else needs Node.
PRETTIER = clients/js/node_modules/.bin/prettier
SCRIPTS = '{chat_app/static/chat,clients,tests}/**/*.{js,mjs,css}'

check: export SECRET_KEY = only for checks, which sign nothing that is used
check: export ENV_FILE =
check: .venv/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@test ! -x $(PRETTIER) || $(PRETTIER) --check --log-level warn $(SCRIPTS)
	$(BIN)/mypy chatjuicer sessions_app files_app chat_app manage.py tests clients/python/src
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

attack: .venv/.test
	@$(BIN)/python -m tests.attack -n 2 --dist loadfile

desktop: .venv/.test
	@$(BIN)/python -m tests.desktop $(N) $(DESKTOP)

format: .venv/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(SCHEMA) --file docs/openapi.yaml
	@test ! -x $(PRETTIER) || $(PRETTIER) --write --log-level warn $(SCRIPTS)

schema: .venv/.test
	@$(SCHEMA) --file docs/openapi.yaml

# What is pinned stays, unless a .in file says otherwise.
LOCK = .uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: .uv/.installed
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-test.in --output-file requirements-test.txt
	$(LOCK) requirements-uv.in --output-file requirements-uv.txt

.uv/.installed: requirements-uv.txt | .venv/bin/python
	@$(BIN)/python -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

sbom: .venv/.run
	@$(BIN)/python manage.py sbom > sbom.cdx.json

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one: make run PYTHON=/path/to/python3"; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv

.venv/.run: requirements.txt | .venv/bin/python
	@echo "Installing what the server needs"
	@$(PIP_INSTALL) --require-hashes -r requirements.txt
	@touch $@

# uv, in an environment of its own, takes a third of pip's time; where it cannot be had, pip does.
UV_INSTALL = .uv/bin/uv pip install --quiet --python $(BIN)/python --compile-bytecode
.venv/.test: requirements-test.txt | .venv/bin/python
	@echo "Installing what the tests need"
	@{ $(MAKE) --silent .uv/.installed && $(UV_INSTALL) --require-hashes -r $<; } || $(PIP_INSTALL) --require-hashes -r $<
	@touch $@ .venv/.run
