# Two commands do all the set-up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: help install run test test-docker test-all lint clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(STAMP)  ## create .venv and install metafed with all that its tests need

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

run: install  ## simulate 50 clients on generated data (no download)
	$(BIN)/python -m simulation.run --clients 50

test: install  ## run the linters, the type checker and the tests
	$(BIN)/python -m pytest -m "not slow and not gpu and not docker"

test-docker: install  ## run the tests in containers; they need a Docker engine
	$(BIN)/python -m pytest tests/docker -m "docker and not slow"

test-all: install  ## the same, with the tests that take minutes
	$(BIN)/python -m pytest -m "not gpu and not docker"

lint: install  ## format and lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove the environment and the caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
