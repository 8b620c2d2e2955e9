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
DEMO := $(CURDIR)/build/demo
RUN_VENV ?= build/run
RUN_STAMP := $(RUN_VENV)/.installed
IMAGE ?=
# Handed over as a variable and as it was written, so that no character of it is the shell's or make's.
override IMAGE := $(value IMAGE)
export IMAGE

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

# Python new enough, with its venv module; as root on Debian the latter is installed.
define CHECK_PYTHON
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "audit-image needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 2; }
@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
  { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq -y python3-venv; } || \
  { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 2; }
endef

$(STAMP): pyproject.toml requirements-dev.lock
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# What a user needs and nothing more: the locked run-time set.
$(RUN_STAMP): pyproject.toml requirements.lock
	@echo "installing audit-image into $(RUN_VENV)"
	$(CHECK_PYTHON)
	@$(PYTHON) -m venv $(RUN_VENV)
	@$(RUN_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(RUN_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.PHONY: dev
dev: $(STAMP) ## Make the environment in .venv

.PHONY: demo
demo: $(RUN_STAMP) ## Build a calico/node-shaped image from Debian packages and audit it
	@echo "building a calico/node-shaped image from $(DEMO_SUITE) packages (a minute, mostly downloads)"
	@trap 'rm -rf "$(DEMO)"' EXIT INT TERM; mkdir -p "$(DEMO)" && \
	  AUDIT_IMAGE_FIXTURES="$(DEMO)/cache" $(RUN_VENV)/bin/python -m fixtures build --suite $(DEMO_SUITE) \
	    --arch $(DEMO_ARCH) --format docker-archive --output "$(DEMO)/calico-node.tar" >/dev/null && \
	  echo "auditing it: audit-image check docker-archive:$(DEMO)/calico-node.tar" && \
	  $(RUN_VENV)/bin/audit-image check "docker-archive:$(DEMO)/calico-node.tar"

.PHONY: audit
audit: $(RUN_STAMP) ## Audit an image of one's own: make audit IMAGE=calico/node:tag
	@test -n "$$IMAGE" || { echo "say which image: make audit IMAGE=calico/node:tag" >&2; exit 2; }
	@code=0; $(RUN_VENV)/bin/audit-image check "$$IMAGE" || code=$$?; \
	  case $$code in 0) told="it meets the spec";; 1) told="it does not meet the spec";; *) told="not audited";; esac; \
	  echo "exit code of audit-image: $$code, $$told"; exit $$code

.PHONY: lint
lint: $(STAMP) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(STAMP) ## Check types, strictly
	$(BIN)/mypy

# A worker that is done takes tests from one that is not: the slow ones stand together.
PYTEST := $(BIN)/pytest -n $(JOBS) --dist worksteal

# Lines are counted in the tests of the rooms: in those of whole images counting takes longer than the tests. As root,
# since what only root can try is not tried, nor counted, as another user.
COVERAGE := 93
MEASURE := --cov=auditor --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE)
ROOMS := archive auditing cache cli elf house image inventory kernel kernel_command packages process report rules \
  spec tools

.PHONY: test
test: lint types ## Lint, types, and the tests on one suite's real packages (COVER=1: and how many lines they run)
ifdef COVER
	$(PYTEST) -m "not full" $(MEASURE) $(ROOMS:%=tests/%)
	$(PYTEST) -m "not full" $(ROOMS:%=--ignore=tests/%)
else
	$(PYTEST) -m "not full"
endif

.PHONY: test-all
test-all: $(STAMP) test-lowest docs ## The rest: every suite and architecture, daemons, registry, oldest dependencies
	$(PYTEST) -m full

LOWEST := build/lowest

.PHONY: test-lowest
test-lowest: $(STAMP) ## What meets other libraries, with the lowest versions that pyproject.toml allows
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	$(BIN)/uv pip install --quiet --python $(LOWEST) --resolution lowest-direct -e '.[dev]'
	$(LOWEST)/bin/python -m pytest -q -n $(JOBS) --dist worksteal -p no:cacheprovider -m "not full" \
	  tests/cli tests/spec tests/report tests/diff tests/sbom

DOCS := build/docs

.PHONY: docs
docs: $(DOCS)/.installed ## Build the site of the papers into build/site, strictly
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict
	@echo "build/site/index.html"

$(DOCS)/.installed: requirements-docs.lock
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $@

.PHONY: bench
bench: $(STAMP) ## Measure against peers and floors, and how it grows, into docs/benchmarks.md
	$(BIN)/python -m benchmarks --growth --write
	$(BIN)/python -m benchmarks.pulls --write

.PHONY: peers
peers: $(STAMP) ## The first five minutes with a broken image, beside what else one would take
	$(BIN)/python -m benchmarks.peers --write

SEED ?= 1
COUNT ?= 1000

.PHONY: differential
differential: $(STAMP) ## Damage sound programs; their own loader and the audit must agree (SEED=, COUNT= a scene)
	$(BIN)/python -m benchmarks.differential --seed $(SEED) --count $(COUNT) --write

.PHONY: hostile
hostile: $(STAMP) ## Audit every known breaker, and measure what each takes
	$(BIN)/python -m benchmarks.hostile --write

EXECUTIONS ?= 100000

.PHONY: fuzz
fuzz: $(STAMP) ## Feed every reader with damaged inputs, guided by coverage (EXECUTIONS= of all, SEED=)
	$(BIN)/python -m benchmarks.fuzz --executions $(EXECUTIONS) --seed $(SEED) --write

.PHONY: fuzz-images
fuzz-images: $(STAMP) ## Damage small sound images in every place, and audit each (COUNT=, SEED=)
	$(BIN)/python -m benchmarks.fuzz.images --count $(COUNT) --seed $(SEED) --write

MOST ?= 10

.PHONY: faults
faults: $(STAMP) ## Audit on a machine that fails: calls, disks, signals, clocks, changed files (MOST= places of a kind)
	$(BIN)/python -m benchmarks.faults --most $(MOST)

.PHONY: mutants
mutants: COUNT = 300
mutants: $(STAMP) ## Make mistakes on purpose, and see which the quick tests notice (COUNT= of all rooms, SEED=)
	$(BIN)/python -m benchmarks.mutants --count $(COUNT) --seed $(SEED) --write

.PHONY: truth
truth: $(STAMP) ## Compare every program of real images with what their own loaders say
	$(BIN)/python -m benchmarks.truth

CONFIGS ?=

.PHONY: matrix
matrix: $(STAMP) ## Judge the demo image with the kernel configs of distributions (CONFIGS= an archive of them)
	$(BIN)/python -m benchmarks.matrix $(CONFIGS)

.PHONY: man
man: $(RUN_STAMP) ## Write the manual page build/audit-image.1 from the commands' own help
	@$(RUN_VENV)/bin/python -m auditor.cli.manual >build/audit-image.1.part
	@mv build/audit-image.1.part build/audit-image.1
	@echo "man -l build/audit-image.1"

.PHONY: wheel
wheel: $(STAMP) ## Build the wheel into dist/, and its bill of materials beside it
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python ci/bill.py dist/*.whl requirements.lock

.PHONY: audit-dependencies
audit-dependencies: ## Ask the database of advisories for every locked dependency
	$(CHECK_PYTHON)
	@$(PYTHON) -m venv build/advisories
	@build/advisories/bin/pip install --quiet --disable-pip-version-check pip-audit || \
	  { echo "not asked: pip-audit can't be installed" >&2; exit 2; }
	@build/advisories/bin/python ci/advisories.py build/advisories/bin/pip-audit requirements.lock requirements-dev.lock requirements-docs.lock

LOCK := pip-compile --quiet --no-strip-extras --generate-hashes --allow-unsafe --no-header \
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
	build/lock/bin/$(LOCK) --extra docs --constraint requirements.lock --output-file requirements-docs.lock pyproject.toml

.PHONY: clean
clean: ## Remove what was built
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache
