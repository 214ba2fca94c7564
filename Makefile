# make demo    set up, run the main job, end in a report
# make test    set up, run the fast tests
# make test-gpu the tests that need an NVIDIA GPU; with the CUDA build of torch, see docs/install.md
# make docs    the documentation as a site, in a browser
# make showcase results/showcase anew: the report, figures and tables of a small sweep
# make mutants how many small faults in the code the fast tests notice; see CONTRIBUTING.md
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
# What is installed besides the package itself: see pyproject.toml; `make test EXTRAS=dev,joblib,ray,slurm,optuna`
EXTRAS ?= dev,joblib

# Of every module at most so many faults are tried, drawn at random: 1000 is all of them; SEED draws others.
MOST ?= 3
SEED ?= 0

.PHONY: demo test test-slow test-gpu mutants docs showcase lint types check install clean

demo: install
	$(BIN)/python -m harness -m +study=dish hydra/launcher=joblib

test: install
	$(BIN)/python -m pytest -m "not slow" -n auto --dist worksteal

# A file's tests in one process: they share servers, reports and sweeps.
test-slow: install
	$(BIN)/python -m pytest -m slow -n auto --dist loadscope

# One process: workers beside each other would share the card.
test-gpu: install
	$(BIN)/python -m pytest -m gpu -rs

mutants: install
	$(BIN)/python -m tests.mutants --most $(MOST) --seed $(SEED)

docs: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(BIN)/mkdocs serve --open

showcase: install
	$(BIN)/python docs/make_showcase.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

check: lint types test test-slow

install: $(VENV)/installed

# The tested versions of everything stand in constraints.txt; without it, torch alone fetches gigabytes.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[$(EXTRAS)]"
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
