# Everything a newcomer, a release engineer and CI need. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= auto

DEMO_SUITE ?= bookworm
DEMO_ARCH ?= $(shell dpkg --print-architecture 2>/dev/null || echo amd64)
DEMO := build/demo/calico-node.tar
IMAGE ?=

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(STAMP): pyproject.toml requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "audit-image needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq -y python3-venv; } || \
	  { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.PHONY: dev
dev: $(STAMP) ## Make the environment in .venv

$(DEMO): $(STAMP)
	@mkdir -p $(dir $@)
	$(BIN)/python -m fixtures build --suite $(DEMO_SUITE) --arch $(DEMO_ARCH) --format docker-archive --output $@

.PHONY: demo
demo: $(DEMO) ## Build a calico/node-shaped image from Debian packages and audit it
	$(BIN)/audit-image check docker-archive:$(DEMO)

.PHONY: audit
audit: $(STAMP) ## Audit an image of one's own: make audit IMAGE=calico/node:tag
	@test -n "$(IMAGE)" || { echo "say which image: make audit IMAGE=calico/node:tag" >&2; exit 2; }
	$(BIN)/audit-image check $(IMAGE)

.PHONY: lint
lint: $(STAMP) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(STAMP) ## Check types, strictly
	$(BIN)/mypy

.PHONY: test
test: lint types ## Lint, types, and the tests on one suite's real packages
	$(BIN)/pytest -n $(JOBS) -m "not full"

.PHONY: test-all
test-all: $(STAMP) test-lowest ## The rest: every suite and architecture, daemons, registry, the oldest dependencies
	$(BIN)/pytest -n $(JOBS) -m full

LOWEST := build/lowest

.PHONY: test-lowest
test-lowest: $(STAMP) ## The command line's tests with the lowest versions that pyproject.toml allows
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	$(BIN)/uv pip install --quiet --python $(LOWEST) --resolution lowest-direct -e '.[dev]'
	$(LOWEST)/bin/python -m pytest -q -n $(JOBS) -p no:cacheprovider -m "not full" tests/cli tests/report tests/spec tests/diff tests/sbom

.PHONY: bench
bench: $(STAMP) ## Measure against peers and floors
	$(BIN)/python -m benchmarks

SEED ?= 1
COUNT ?= 1000

.PHONY: differential
differential: $(STAMP) ## Damage sound programs; their own loader and the audit must agree (SEED=, COUNT= a scene)
	$(BIN)/python -m benchmarks.differential --seed $(SEED) --count $(COUNT)

.PHONY: wheel
wheel: $(STAMP) ## Build the wheel into dist/
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

LOCK := pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-header \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: papers
papers: $(STAMP) ## Write anew what the papers say of the code: the picture of the rooms, the rules
	$(BIN)/python -m tests.house

.PHONY: lock
lock: ## Write the lock files anew from pyproject.toml
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet pip-tools
	build/lock/bin/$(LOCK) --output-file requirements.lock pyproject.toml
	build/lock/bin/$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

.PHONY: clean
clean: ## Remove what was built
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache
