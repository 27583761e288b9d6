# Each target is a line or two that calls a real command; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/src:$(CURDIR)
export DO_NOT_TRACK := true
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export HF_HUB_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install install-dev run repro up down status test test-quick test-faults lint format bench bench-corpus deps docs lock clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Create .venv with the pinned packages (a second time: nothing)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 12) else "textmill needs Python 3.11 or 3.12, found %d.%d; choose one with: make PYTHON=python3.11 …" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) (a few minutes the first time) …"
	@$(BIN)/pip install --quiet -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps -e .
	@touch $@

install-dev: $(VENV)/.installed-dev ## The same, with what the tests and linters need

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@$(BIN)/pip install --quiet -r requirements-dev.lock
	@touch $@

run: install ## Raw text to registered models: run whatever is stale, then register and judge
	@$(BIN)/python -m flows.retrain

repro: install ## The same stages through `dvc repro` alone
	@$(BIN)/dvc repro

up: install ## Start the Prefect server, the schedule and the MLflow UI on loopback
	@$(BIN)/python -m flows.server up

down: ## Stop what `make up` or `make run` started
	@$(BIN)/python -m flows.server down

status: install ## Say which stages are stale, and why
	@$(BIN)/textmill plan

test: install-dev ## Install what the tests need and run them all
	@$(BIN)/python -m pytest

test-quick: install-dev ## The everyday suite, without the tests marked slow
	@$(BIN)/python -m pytest -m "not slow"

test-faults: install-dev ## Only the tests that kill processes at random moments
	@$(BIN)/python -m pytest tests/faults

lint: install-dev ## ruff, import contracts, mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

format: install-dev ## Let ruff format and fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-bench ## Measure every claim beside its peer; writes benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

bench-corpus: $(VENV)/.installed-bench ## Measure the claims about curation beside their peers
	@$(BIN)/python -m benchmarks corpus

$(VENV)/.installed-bench: $(VENV)/.installed-dev requirements-bench.lock
	@$(BIN)/pip install --quiet -r requirements-bench.lock
	@touch $@

deps: install ## Rewrite the code deps of every stage in dvc.yaml from its imports
	@$(BIN)/python -m textmill.dag.closure --write

docs: install ## Rewrite docs/params.md from the config models
	@$(BIN)/python -m textmill.config.document

lock: install-dev ## Rewrite the lock files from the environment
	@$(BIN)/python infra/lock.py

clean: ## Remove caches of tools (never data, models or the environment)
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
