.DEFAULT_GOAL := help
PYTHON ?= python3
DATA ?= orl_varied
BIN := .venv/bin
SETUP := .venv/.installed

help:  ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(SETUP)  ## the main job: protect faces with Segue, train Inception-V3 on them, test on clean photos
	$(BIN)/uebench run --method segue --attacker inception_v3
	@echo; echo "What is measured on these faces so far:"; echo
	@$(BIN)/uebench leaderboard --data orl_varied10 --preset desk --attacker inception_v3 --attacker resnet18

paper-desk: $(SETUP)  ## all tables of the paper at desk size (DATA=path/to/faces; hours: see the first line it prints)
	$(BIN)/uebench reproduce --all --preset desk --data '$(DATA)' --dry-run
	$(BIN)/uebench reproduce --all --preset desk --data '$(DATA)'

test: $(SETUP)  ## all tests, offline, one process per core
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

soak: $(SETUP)  ## kill runs, flip bits and crowd a results folder for 15 minutes; prints its seed
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.soak

fuzz: $(SETUP)  ## 10,000 made-up names, and 2,000 grids, requests, records and photographs; minutes
	OMP_NUM_THREADS=1 $(BIN)/pytest -m fuzz --hypothesis-profile fuzz --timeout 3600 --durations 0

lint: $(SETUP)  ## style, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(SETUP)  ## mypy --strict on core, plugins, tests and tools
	$(BIN)/mypy

bench: $(SETUP)  ## the benchmarks, for an idle machine
	$(BIN)/python -m benchmarks

pages: $(SETUP)  ## the tables, numbers and pictures of the pages anew, from the committed records
	$(BIN)/python -m tools.pages

docs: $(SETUP)  ## the documentation as a site, in dist/docs/; offline
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . dist/docs

wheel: $(SETUP)  ## sdist, and the wheel built from it, in dist/
	$(BIN)/python -m build --outdir dist .

clean:  ## remove .venv, caches and dist/; results stay
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(SETUP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

.PHONY: help run paper-desk test soak fuzz lint types bench pages docs wheel clean
