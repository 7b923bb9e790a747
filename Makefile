# Two commands do all the set-up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed$(if $(LOCKED),-locked)
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK = $(BIN)/uv pip compile --upgrade --quiet --generate-hashes --no-header --no-annotate --no-emit-find-links \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28
# where the CPU build of PyTorch is found, for `make lock`; --find-links DIR where that is out of reach
LOCK_FROM ?= --torch-backend cpu
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: help install lock sbom run test test-docker test-all lint format docs clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(STAMP)  ## create .venv and install metafed with all that its tests need (LOCKED=1: what requirements.lock names)

$(STAMP): pyproject.toml $(if $(LOCKED),requirements.lock)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(if $(LOCKED),$(BIN)/python docker/requirements.py torch cpu >.venv/torch.lock)
	$(if $(LOCKED),$(BIN)/python docker/requirements.py rest cpu >.venv/rest.lock)
	$(if $(LOCKED),$(PIP) --no-deps --require-hashes -r .venv/torch.lock --extra-index-url $(TORCH_INDEX))
	$(if $(LOCKED),$(PIP) --no-deps --require-hashes -r .venv/rest.lock)
	$(PIP) --editable '.[dev]'
	touch $(STAMP)

lock: install  ## pin what metafed needs, with hashes: Python 3.11 on Linux, PyTorch for CPUs, as in the image
	$(LOCK) pyproject.toml $(LOCK_FROM) --output-file requirements.lock
	$(LOCK) docker/sbom.in --output-file docker/sbom.lock

sbom:  ## list what is in the image metafed:local, as sbom.json (CycloneDX)
	docker build --network host $(if $(BASE),--build-arg BASE=$(BASE)) --file docker/sbom.Dockerfile --tag metafed:sbom docker
	docker run --rm metafed:sbom >sbom.json

run: install  ## simulate 50 clients on generated data (no download)
	$(BIN)/python -m simulation.run --clients 50

test: install  ## run the tests; those of real data too, where the data are there
	$(BIN)/python -m tests -m "not slow and not gpu and not docker"

test-docker: install  ## run the tests in containers; they need a Docker engine
	$(BIN)/python -m pytest tests/docker -m "docker and not slow"

test-all: install  ## run the tests with those that take minutes, by new random examples
	$(BIN)/python -m tests -m "not gpu and not docker" --hypothesis-profile "new examples"

lint: install  ## check style, types and the arrows between rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## format, and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install  ## make the site of docs/ in site/, with executed notebooks; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:  ## remove the environment and the caches
	rm -rf .venv site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
