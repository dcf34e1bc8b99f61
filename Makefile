# make run      start Portico: portal, gateway, database, demo APIs (Ctrl-C stops all of it)
# make test     run every test this machine can run, two at a time; ARGS="tests/apis -k sync" for some, one by one
# make check    what must hold before a commit: format, lint, types, layers, templates, migrations, schema
# make fix      mend what a tool can mend
# make bench    measure; ONLY=<group> for one group
# make screenshots  pictures of every page, wide and narrow, light and dark; ARGS="folder /path/" for some
# make setup    only prepare .venv (with the development tools)
# make lock     resolve the dependencies of pyproject.toml anew

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input install -q
# Checks and tests read the settings; these let them load without a deployment's secrets.
DEMO := PORTICO_DEMO=1
SOURCES := portal apis subscriptions keymanager gateway

.PHONY: run setup test check fix bench screenshots lock help
.NOTPARALLEL:

help:
	@sed -n 's/^# make/  make/p' Makefile

run: $(VENV)/.installed
	@exec $(PY) manage.py up

setup: $(VENV)/.installed-dev

test: $(VENV)/.installed-dev
	@$(PY) -m pytest $(or $(ARGS),-n 2 --dist loadgroup --no-loadscope-reorder)

check: $(VENV)/.installed-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(DEMO) $(VENV)/bin/mypy manage.py $(SOURCES)
	$(DEMO) $(VENV)/bin/lint-imports
	$(VENV)/bin/djlint --check --lint --quiet templates
	$(DEMO) $(PY) -m portal.embedded $(PY) manage.py makemigrations --check --dry-run
	$(DEMO) $(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null

fix: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check --fix-only .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/djlint --reformat --quiet templates || true

bench: $(VENV)/.installed-dev
	@$(DEMO) $(PY) -m bench.run $(ONLY)

screenshots: $(VENV)/.installed-dev
	@$(PY) -m tests.browser.screenshots $(ARGS)

# ---- the virtual environment: made once, filled again when a lock changes ------------------------------------------

$(PY):
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv $(VENV) >$(VENV).log 2>&1 && rm -f $(VENV).log && exit 0; \
	    echo "portico: $$python cannot make a virtual environment: $$(grep -v '^ *$$' $(VENV).log | tail -n 1)" >&2; \
	    rm -rf $(VENV) $(VENV).log; exit 1; \
	  fi; \
	done; \
	echo "portico: no Python 3.11, 3.12 or 3.13 found ($$(python3 --version 2>&1 || echo 'no python3')); install one, or name it: make run PYTHON=/path/to/python3.12" >&2; exit 1

$(VENV)/.installed: requirements.txt | $(PY)
	@echo "Installing what requirements.txt locks"
	@$(PIP) --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(VENV)/.installed
	@echo "Installing the development tools"
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

lock: | $(PY)
	$(PIP) "uv>=0.9"
	$(PY) -m uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml -o requirements.txt
	$(PY) -m uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --group dev -o requirements-dev.txt
