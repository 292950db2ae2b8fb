# Everything runs in a virtual environment of its own; Python 3.11 or later is all it takes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: help demo test regression soak lint format bench docs clean
help:
	@echo "make demo        synthetic tilt series through the whole chain: table, picture, SQL bank"
	@echo "make test        all tests but the minutes-long ones"
	@echo "make regression  the minutes-long ones: published reconstructions from published projections"
	@echo "make soak        20,000 damaged files of all kinds, 300 commands ended by SIGKILL at random"
	@echo "                 moments, 50 by SIGINT and 50 by SIGTERM, 200 deposits by SIGKILL"
	@echo "make lint        style, types, layers of the packages"
	@echo "make docs        the documentation site: docs/_build/html/index.html"
	@echo "make bench       speed and memory as ratios, against the literal code and against peers"

# What each target needs and no more: the demo needs nothing under the GPL or for non-commercial
# use only.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --editable '.[dev]'
	@touch $@

# Optional libraries one by one: where one has no wheel, its tests are skipped and say so.
$(VENV)/installed-test: $(VENV)/installed-dev
	$(PIP) --editable '.[docs]'
	-$(PIP) --editable '.[cluster]'
	-$(PIP) --editable '.[denoise]'
	-$(PIP) --editable '.[formats]'
	-$(PIP) --editable '.[md]'
	-$(PIP) --editable '.[multislice]'
	-$(PIP) --editable '.[ovito]'
	-$(PIP) --editable '.[review]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed
	$(PIP) --editable '.[bench]'
	@touch $@

demo: $(VENV)/installed
	rm -rf demo
	$(BIN)/aet demo --out demo

# In their own order: the files with the longest tests have few, and would else come last, alone.
# Two workers share the cores: no library under NumPy or LAMMPS is to start threads of its own.
# Bytecode is kept, or workers and the commands that tests start compile all modules each time.
test: $(VENV)/installed-test
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= \
		$(BIN)/python -m pytest -m "not slow" \
		-n 2 --dist loadfile --no-loadscope-reorder --every-golden tests

regression: $(VENV)/installed-test
	$(BIN)/python -m pytest -m slow tests

soak: $(VENV)/installed-test
	$(BIN)/python -m pytest -m slow tests/mdb/test_killed_deposits.py
	$(BIN)/python -m pytest -m slow tests/cli/test_killed_runs.py tests/core/test_parallel.py
	$(BIN)/python -m benchmarks.mutated_files --number 20000 --seed 0
	$(BIN)/python -m benchmarks.killed_commands --number 300 --signals 50 --seed 0

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks

docs: $(VENV)/installed-docs
	$(BIN)/python -m docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
