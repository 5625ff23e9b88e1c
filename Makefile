# Tollway's commands. `make help` lists them; each is one line of help.
#
# The environment is .venv, filled from requirements/*.lock with hashes checked. Stamps say what is done, so that a second
# `make run` only starts. The core is built in one of two profiles: release (make build, make run), or ci, which compiles in
# a fraction of the time and keeps debug assertions on (make test, make lint, when no fresh release build is there).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
DATA ?= .data
ARGS ?=
FUZZ_SECONDS ?= 60

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input --require-hashes --quiet
CORE_SOURCES := $(shell find core_rs -name '*.rs' -not -path '*/tests.rs' -not -path '*/fuzz/*' -not -path '*/tests/*') \
                $(wildcard core_rs/*/Cargo.toml) Cargo.toml Cargo.lock
QUERY := $(MAKE)  # under this name it is not run by `make -n`
PYTHON_PATHS := control tests bench scripts
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

.PHONY: help build run dev test test-rust test-python soak lint format bench locust fuzz sanitize clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(STAMPS)/core-release ## Build the release and leave .venv/bin/tollway, which works from any folder

run: build ## Build, then start gateway, control plane and simulated provider with a demo key (DATA=.data, ARGS=...)
	@exec $(BIN)/tollway serve --demo --data $(DATA) $(ARGS)

dev: $(STAMPS)/dev $(STAMPS)/core-ci ## Build what tests and lints need: the core in the quick profile, the tools

test: dev $(STAMPS)/npm ## Run all tests, Rust and Python; the last line sums both
	@$(BIN)/python scripts/summary.py $(ARGS)

test-rust: ## Run the Rust tests only (ARGS="-p tollway-wire")
	cargo test --locked $(ARGS)

test-python: dev $(STAMPS)/npm ## Run the Python tests only (ARGS="tests/unit -k money")
	$(BIN)/python -m pytest $(ARGS)

soak: dev ## Run the tests that have a long form at full length (minutes)
	TOLLWAY_SOAK=1 $(BIN)/python -m pytest tests/integration/ledger tests/integration/snapshot $(ARGS)

lint: dev ## Check format, lints, types, floors, translations and the core's stub
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/catalogue.py
	cd control && MYPY_CACHE_DIR=../.mypy_cache ../$(BIN)/python -m mypy.stubtest tollway._core

format: $(STAMPS)/dev ## Format Rust and Python, and apply the safe fixes
	cargo fmt --all
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: build ## Measure beside nginx (10 minutes at most) and write bench/results/<date>-<commit>.md
	cargo build --locked --release -p tollway-bench
	$(BIN)/python bench/run.py $(ARGS)

locust: build .tools/locust/.stamp ## Drive a demo gateway with locust, without a window (LOCUST_SECONDS=30, LOCUST_USERS=20)
	@$(BIN)/python scripts/run_locust.py $(ARGS)

fuzz: ## Fuzz each parser for FUZZ_SECONDS (the first time builds cargo-fuzz into .tools)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz $(ARGS)

sanitize: ## Run the tests that reach unsafe code under valgrind
	@scripts/sanitize

clean: ## Remove everything that was built (not .data)
	rm -rf $(VENV) .tools target core_rs/*/fuzz/target tests/e2e/js/node_modules control/tollway/_core*.so
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(PYTHON_PATHS) -name __pycache__ -prune -exec rm -rf {} +

# --- What the targets above are made of -------------------------------------------------------------------------------

$(STAMPS)/venv:
	@scripts/venv $(PYTHON) $(VENV)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/runtime: requirements/build.lock requirements/runtime.lock | $(STAMPS)/venv
	@echo "Installing the Python packages (requirements/build.lock, requirements/runtime.lock) ..."
	@$(PIP_INSTALL) -r requirements/build.lock -r requirements/runtime.lock
	@touch $@

$(STAMPS)/dev: requirements/dev.lock $(STAMPS)/runtime
	@echo "Installing the tools (requirements/dev.lock) ..."
	@$(PIP_INSTALL) -r requirements/dev.lock
	@touch $@

# Both profiles write the same control/tollway/_core.abi3.so, so each stamp speaks of the other: a release build also serves
# the tests, a ci build makes the release stale.
$(STAMPS)/core-release: $(CORE_SOURCES) pyproject.toml $(STAMPS)/runtime
	@scripts/core release
	@touch $(STAMPS)/core-ci $@

$(STAMPS)/core-ci: $(CORE_SOURCES) pyproject.toml $(STAMPS)/runtime
	@if [ -e $(STAMPS)/core-release ] && $(QUERY) -q $(STAMPS)/core-release; then :; else \
	    rm -f $(STAMPS)/core-release; scripts/core ci; fi
	@touch $@

# The npm SDK is an optional part of the tests: without npm its tests skip, or fail under TOLLWAY_REQUIRE_SERVICES=1.
$(STAMPS)/npm: tests/e2e/js/package-lock.json tests/e2e/js/package.json | $(STAMPS)/venv
	@if command -v npm >/dev/null; then cd tests/e2e/js && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
	    else echo "npm is not here: the tests of the openai npm SDK will be skipped"; fi
	@if command -v npm >/dev/null; then touch $@; fi

.tools/locust/.stamp: requirements/bench.lock
	@rm -rf $(@D) && scripts/venv $(PYTHON) $(@D)
	@$(@D)/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes --quiet -r requirements/bench.lock
	@touch $@
