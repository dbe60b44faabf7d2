# Everything that people and workflows do here. `make` alone lists it.
# Needs make and Python 3.11 or newer; all else comes from locks with hashes into .venv.

SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
# The data that the process tests read: logs of real systems (see backend/tests/process/README.md).
SHARED_DIR ?= $(abspath ../shared)
export SHARED_DIR

BIN := $(abspath $(VENV))/bin
BASE_LOCK := backend/requirements/base.txt
DEV_LOCK := backend/requirements/dev.txt
BASE_STAMP := $(VENV)/installed-base
DEV_STAMP := $(VENV)/installed-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
COMPILE := $(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --universal

.DEFAULT_GOAL := help
.PHONY: help run demo test test-fast test-services services services-status services-stop check format bench profile soak soak-stores lock accept-openapi packages clean

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(BASE_STAMP)  ## Start everything: PORT=8000 HOST=127.0.0.1 DATA_DIR=data DEMO=1 ENVIRONMENT=…
	@exec env PYTHONPATH="$(CURDIR)/backend" $(BIN)/python -m config.run

demo:  ## Start everything with a made-up shop that sends logs (make run DEMO=1)
	@exec $(MAKE) --no-print-directory run DEMO=1

test: $(DEV_STAMP) packages  ## Run every test; starts the services that do not answer yet
	@$(BIN)/python .ci/tests.py

test-fast: $(DEV_STAMP)  ## Run the tests that need neither services nor processes of their own
	@cd backend && $(BIN)/python -m pytest -q -n 2 -m "not (mongo or elastic or redis)" \
		tests --ignore tests/process

test-services: $(DEV_STAMP) packages  ## Run some tests with the services: TESTS="tests/api -k backup"
	@$(BIN)/python .ci/tests.py $(or $(TESTS),-n 2 -m "mongo or elastic or redis or stores" tests)

services: $(DEV_STAMP) packages  ## Start Elasticsearch, MongoDB and Redis on loopback, and say where
	@PYTHON=$(BIN)/python infra/dev/services start

services-status: $(DEV_STAMP)  ## Say which of them answer
	@PYTHON=$(BIN)/python infra/dev/services status

services-stop:  ## Stop those that make services started
	@infra/dev/services stop

check: $(DEV_STAMP)  ## Lint, formats, types, import contracts, migrations, locks; never edits
	@.ci/check $(BIN)

format: $(DEV_STAMP)  ## Bring the Python files into shape
	@cd backend && $(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: $(DEV_STAMP)  ## Measure a started service against the marks: BENCH="--records 500000"
	@cd backend && exec $(BIN)/python -m tests.benchmarks $(BENCH)

profile: $(DEV_STAMP)  ## Say what shipping a record costs, and where
	@cd backend && exec $(BIN)/python -m tests.benchmarks.stages

soak: $(DEV_STAMP) packages  ## The long forms: 20 kills on both sets of parts, outages, a million records at one instant, stores compared at random
	@SOAK=1 $(BIN)/python .ci/tests.py -v -s tests/process/test_kills.py tests/process/test_pages.py \
		tests/process/test_production_kills.py tests/process/test_outages.py tests/process/test_backlog.py
	@$(MAKE) --no-print-directory soak-stores

soak-stores: $(DEV_STAMP) packages  ## Compare the stores at random, differently each time: TIMES=10
	@TIMES=$(or $(TIMES),10) $(BIN)/python .ci/tests.py -n 2 -v tests/conformance/test_agreement.py \
		tests/conformance/test_agreement_of_tables.py tests/conformance/test_agreement_of_texts.py

lock: $(DEV_STAMP)  ## Pin the newest allowed dependencies, with hashes and without host names
	cd backend && $(COMPILE) --upgrade requirements/base.in -o requirements/base.txt
	cd backend && $(COMPILE) --upgrade -c requirements/base.txt requirements/dev.in -o requirements/dev.txt

accept-openapi: $(DEV_STAMP)  ## Take the current API as the agreed one (tests/ratchets/openapi.yaml)
	@cd backend && $(BIN)/python -m tests.ratchets.accept_openapi

packages:  ## Install the Debian packages whose programs the tests run (.ci/packages)
	@.ci/install-packages .ci/packages

clean:  ## Remove the environment and caches; data stays
	rm -rf $(VENV) backend/.mypy_cache backend/.ruff_cache backend/.pytest_cache backend/.hypothesis
	find backend -name __pycache__ -type d -prune -exec rm -rf {} +

$(BASE_STAMP): $(BASE_LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@test -x $(BIN)/python || { echo "making the environment in $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the dependencies of $(BASE_LOCK)"
	@$(PIP) install -q --require-hashes -r $(BASE_LOCK)
	@touch $@

$(DEV_STAMP): $(DEV_LOCK) $(BASE_STAMP)
	@echo "installing the dependencies of $(DEV_LOCK)"
	@$(PIP) install -q --require-hashes -r $(DEV_LOCK)
	@touch $@
