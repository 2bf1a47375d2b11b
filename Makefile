# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
#
# Every rule makes the environment it needs (.venv) and writes nowhere outside this folder, except that a missing
# Debian package is installed where root, or sudo without a password, allows it. `make help` lists the rules.

PYTHON ?= python3
DEMO_SECONDS ?= 60
CUTS ?= 20000
FUZZ_RUNS ?= 1000000
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n auto --maxprocesses 4 --dist worksteal
SHORT_TESTS := tests/unit tests/vm tests/interop tests/system tests/faults tests/fuzz
UV_COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list these rules
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1	/p' Makefile | expand -t 12

.PHONY: demo
demo: $(READY) ## a whole city on this machine for a minute, with a cut and a kill; DEMO_SECONDS=60
	@DEMO_SECONDS=$(DEMO_SECONDS) $(BIN)/startcity sim demo

.PHONY: test
test: $(READY) test-packages check profiles ## everything but the long forms, 15 minutes at most
	$(PYTEST) $(SHORT_TESTS) $(PARALLEL) -m "not proof"

.PHONY: check
check: $(READY) ## style, types, and the firmware compiled for its processor
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	firmware/check_types.sh
	firmware/check_compile.sh

.PHONY: profiles
profiles: $(READY) ## check every device profile and its captures
	$(BIN)/startcity profile check --all

.PHONY: unit
unit: $(READY) ## pure code, no sockets
	$(PYTEST) tests/unit $(PARALLEL) -m "not proof"

.PHONY: vm
vm: $(READY) ## firmware on the MicroPython virtual machine
	$(PYTEST) tests/vm $(PARALLEL) -m "not proof"

.PHONY: interop
interop: $(READY) test-packages ## the formats against an independent program in JavaScript
	$(PYTEST) tests/interop -m "not proof"

.PHONY: system
system: $(READY) test-packages ## real processes, real brokers
	$(PYTEST) tests/system $(PARALLEL) -m "not proof"

.PHONY: faults
faults: $(READY) test-packages ## what survives kills, cuts, starvation and garbage, then 20,000 power cuts; CUTS=20000 SEED=
	$(PYTEST) tests/faults $(PARALLEL)
	$(BIN)/python -m tests.faults.campaign --cuts $(CUTS) $(if $(SEED),--seed $(SEED))

.PHONY: proof
proof: $(READY) test-packages ## the long forms
	$(PYTEST) tests -m proof
	STARTCITY_EXAMPLES=400 $(PYTEST) tests/unit/wire --timeout 600
	$(PIP) install --no-deps --require-hashes -r requirements-fuzz.lock
	$(BIN)/python -m tests.fuzz --runs $(FUZZ_RUNS)
	$(BIN)/python -m tests.faults.campaign --cuts $(CUTS) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(READY) test-packages ## figures against mosquitto bridges and SQLite, one JSON line each, 10 minutes
	$(BIN)/python -m bench

.PHONY: docs
docs: $(READY) ## links, decision records, publiccode.yml and licence lines
	$(PYTEST) -q tests/unit/repository

.PHONY: schema
schema: $(READY) ## write device_profiles/profile.schema.json anew
	$(BIN)/python -c "from device_profiles.schema import write_schema; write_schema()"

.PHONY: format
format: $(READY) ## put the code into the common form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(READY) ## resolve the dependencies anew
	@command -v uv >/dev/null || [ -x $(BIN)/uv ] || $(PIP) install uv
	PATH="$$PATH:$(CURDIR)/$(BIN)" $(UV_COMPILE) --all-extras pyproject.toml -o requirements.lock
	echo 'setuptools>=77' | PATH="$$PATH:$(CURDIR)/$(BIN)" $(UV_COMPILE) - -o requirements-build.lock
	echo 'atheris==3.0.0' | PATH="$$PATH:$(CURDIR)/$(BIN)" $(UV_COMPILE) - -o requirements-fuzz.lock

.PHONY: clean
clean: ## remove caches and build products, keep .venv
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## remove .venv too
	rm -rf $(VENV)

.PHONY: test-packages
test-packages:
	@packaging/make/apt.sh mosquitto:mosquitto node:nodejs npm:npm systemd-analyze:systemd

# The stamp is written last: an interrupted installation is taken up again.
$(READY): pyproject.toml requirements.lock requirements-build.lock packaging/make/venv.sh
	@packaging/make/venv.sh $(PYTHON) $(VENV)
	$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
