# tunesmith: run `make` to see what there is. Needs Python >= 3.11, git and make; everything else goes into .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers tests fast oldest versions format bench docs pins clean
# Every target may make .venv: two at once would be in each other's way.
.NOTPARALLEL:

SETUP := sh .ci/setup
BIN := .venv/bin
# Processes of the test run; each runs its numeric libraries on one thread (below).
WORKERS ?= 2

help:  ## say what each target does
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=/path/to/python3 chooses the Python that .venv is made with."

# Ctrl-C reaches the demo, this shell and make. The demo says what is kept and how to go on, and ends with 130; the
# shell then ends in peace, so that make adds no lines of its own under that message, and a moment later, so that
# make has seen the signal before it sees its child gone (else it may complain of a missing child).
demo:  ## tune a pipeline on real data, beside grid and random search; Ctrl-C any time, run again to resume
	@trap : INT; $(SETUP) demo && $(BIN)/python examples/demo.py; code=$$?; \
	if [ $$code -eq 130 ]; then sleep 0.2; else exit $$code; fi

test: lint types layers tests  ## everything that a change must pass

# Two test processes with as many BLAS threads as cores each would wait for one another.
lint types layers tests fast oldest versions: export OMP_NUM_THREADS = 1
lint types layers tests fast oldest versions: export OPENBLAS_NUM_THREADS = 1
lint types layers tests fast oldest versions: export MKL_NUM_THREADS = 1

lint:  ## ruff: lint and formatting
	@$(SETUP) test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:  ## mypy --strict on src
	@$(SETUP) test
	$(BIN)/mypy

layers:  ## import-linter: imports only point to lower layers
	@$(SETUP) test
	$(BIN)/lint-imports --no-logo

tests:  ## pytest, the examples of README and docs among it
	@$(SETUP) test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --durations 15

fast:  ## pytest without the slow tests
	@$(SETUP) test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow"

oldest:  ## pytest with the oldest versions that pyproject.toml admits, scikit-learn 1.6 among them
	@sh .ci/versions oldest

versions:  ## pytest with each version that is supported: oldest, scikit-learn 1.7 and 1.8, Python 3.12 and 3.13
	@for name in oldest scikit-learn-1.7 scikit-learn-1.8 python3.12 python3.13; do sh .ci/versions $$name || exit 1; done

format:  ## let ruff sort imports, repair what it can and format
	@$(SETUP) test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench:  ## speed and memory, side by side with other libraries in the same run
	@$(SETUP) bench
	$(BIN)/python benchmarks/run.py

docs:  ## build the documentation into site/
	@$(SETUP) docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@if grep -rnoE --include='*.html' '<(script|link|img|iframe)[^>]+(src|href)="?(https?:)?//[^ >]*' site; then \
	echo "docs: these pages load something from elsewhere" >&2; exit 1; fi
	@echo "docs: open site/index.html"

pins:  ## resolve constraints.txt anew, from scratch, with the oldest Python that we support
	@sh .ci/pins

clean:  ## remove .venv and everything that was built
	rm -rf .venv .venv-* site dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
