# Two commands do all the set-up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: help install run test test-docker test-all lint format clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(STAMP)  ## create .venv and install metafed with all that its tests need

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

run: install  ## simulate 50 clients on generated data (no download)
	$(BIN)/python -m simulation.run --clients 50

test: install  ## run the tests; those of real data too, where the data are there
	$(BIN)/python -m tests -m "not slow and not gpu and not docker"

test-docker: install  ## run the tests in containers; they need a Docker engine
	$(BIN)/python -m pytest tests/docker -m "docker and not slow"

test-all: install  ## run the tests with those that take minutes
	$(BIN)/python -m tests -m "not gpu and not docker"

lint: install  ## check style, types and the arrows between rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## format, and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment and the caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
