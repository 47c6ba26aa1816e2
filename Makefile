# tunesmith: run `make` to see what there is. Needs Python >= 3.11, git and make; everything else goes into .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test check test-all outer kernels lint types systems layers oldest versions format bench docs views outputs chinese pins changelog release clean
# Every target may make .venv: two at once would be in each other's way.
.NOTPARALLEL:

SETUP := sh .ci/setup
BIN := .venv/bin
# Processes of the test run, for two cores; each runs its numeric libraries on one thread (below). In the inner circle they
# are three: many of its tests wait for processes that they start. In the outer one it is memory that is short.
test check kernels chinese: WORKERS ?= 3
outer: WORKERS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --durations 15

help:  ## say what each target does
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=/path/to/python3 chooses the Python that .venv is made with."

# Ctrl-C reaches the demo, this shell and make. The demo says what is kept and how to go on, and ends with 130; the
# shell then ends in peace, so that make adds no lines of its own under that message, and a moment later, so that
# make has seen the signal before it sees its child gone (else it may complain of a missing child).
demo:  ## tune a pipeline on real data, beside grid and random search; Ctrl-C any time, run again to resume
	@trap : INT; $(SETUP) demo && $(BIN)/python examples/demo.py; code=$$?; \
	if [ $$code -eq 130 ]; then sleep 0.2; else exit $$code; fi

# Two test processes with as many BLAS threads as cores each would wait for one another.
# The tests start hundreds of Python processes, which would each compile the source anew.
test check outer chinese kernels oldest versions: export PYTHONDONTWRITEBYTECODE =
test check outer chinese kernels lint types systems layers oldest versions: export OMP_NUM_THREADS = 1
test check outer chinese kernels lint types systems layers oldest versions: export OPENBLAS_NUM_THREADS = 1
test check outer chinese kernels lint types systems layers oldest versions: export MKL_NUM_THREADS = 1

test:  ## the inner circle of the tests, on any machine: core, scikit-learn, SQLite, figures, dashboard, docs
	@$(SETUP) test
	$(PYTEST) --circle inner

# The quick tests of one room, those of the outer circle that need no server among them; what is not installed is skipped.
ALONE = -m "not (slow or outer or dask or ray or postgres or mariadb)"
check: lint types layers  ## before a commit: lint, types, layers, and tests of what was touched since main, or of ROOM=name
	@rooms=$$(sh .ci/touched $(ROOM)) || exit 1; set -- $(if $(ROOM),$(ALONE),--circle inner --seconds 35); \
	if [ -z "$$rooms" ]; then echo "check: no room was touched since main"; exit 0; fi; \
	echo $(PYTEST) "$$@" $$rooms; $(PYTEST) "$$@" $$rooms

# What a processor has decides the last bits of matrix products (OpenBLAS) and of exponentials (NumPy). KERNELS are
# those of OpenBLAS; NumPy does without each instruction set beyond the least.
kernels: KERNELS ?= Prescott Sandybridge Haswell
kernels:  ## the inner circle as on other processors; KERNELS="Prescott" names those of OpenBLAS
	@$(SETUP) test
	@sets=$$($(BIN)/python -c 'import numpy as n; print(*n.show_config(mode="dicts")["SIMD Extensions"].get("found", []))'); \
	for kernel in $(KERNELS); do echo "kernels: $$kernel, NumPy without $$sets"; \
	OPENBLAS_CORETYPE=$$kernel NPY_DISABLE_CPU_FEATURES="$$sets" $(PYTEST) --circle inner || exit 1; done

test-all: lint types systems layers test docs outer  ## everything that a change must pass: lint, types, layers, both circles (3 GB)

outer:  ## the outer circle of the tests: large libraries, servers, a browser, kills
	@$(SETUP) test-all
	$(PYTEST) --circle outer

lint:  ## ruff: lint and formatting
	@$(SETUP) check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:  ## mypy --strict on src
	@$(SETUP) check
	$(BIN)/mypy

systems:  ## mypy as on Windows and macOS, and an encoding for each text file, since Windows takes one of its own
	@$(SETUP) check
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin
	$(BIN)/ruff check --preview --select PLW1514 src .ci examples benchmarks

layers:  ## import-linter: imports only point to lower layers
	@$(SETUP) check
	$(BIN)/lint-imports --no-logo

oldest:  ## pytest with the oldest versions that pyproject.toml admits, scikit-learn 1.6 among them
	@sh .ci/versions oldest

versions:  ## pytest with each version that is supported: oldest, scikit-learn 1.7 and 1.8, Python 3.12 and 3.13
	@for name in oldest scikit-learn-1.7 scikit-learn-1.8 python3.12 python3.13; do sh .ci/versions $$name || exit 1; done

format:  ## let ruff sort imports, repair what it can and format
	@$(SETUP) check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench:  ## speed and memory, side by side with other libraries in the same run; BENCH="--quick overhead" is a part of it
	@$(SETUP) bench
	$(BIN)/python benchmarks/run.py $(BENCH)

docs:  ## build the documentation into site/, and its Chinese edition into site/zh/
	@$(SETUP) docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file mkdocs.zh.yml
	@$(BIN)/python .ci/site.py site
	@echo "docs: open site/index.html"

views:  ## a picture of every page in many states on one sheet, views/sheet.png, and what axe finds; WORDS="study report" are some
	@$(SETUP) test-all
	$(BIN)/python .ci/views.py $(WORDS)

outputs:  ## write what the code of the documentation prints under each block, in both languages
	@$(SETUP) test-all
	$(BIN)/python .ci/outputs.py write
	$(BIN)/python .ci/editions.py

# All of it is tried before it ends: the list of what lacks, then the tests of what is shown.
chinese:  ## list what has no Chinese yet: texts, pages, captions; until a release they are shown in English
	@$(SETUP) test
	@code=0; $(BIN)/python .ci/chinese.py || code=1; \
	$(BIN)/python -m pytest -n $(WORKERS) -q -m chinese $$(grep -rl mark.chinese tests --include='*.py') || code=1; exit $$code

pins:  ## resolve constraints.txt anew, from scratch, with the oldest Python that we support
	@sh .ci/pins

changelog:  ## make the files of changes/ the section of a release in CHANGELOG.md, and delete them
	@$(SETUP) demo
	$(BIN)/python .ci/changelog.py

release: chinese  ## build dist/ twice to the same bytes and try it with each Python that is here; RELEASE_TESTS=smoke is quicker
	@$(SETUP) demo
	$(BIN)/python .ci/release.py

clean:  ## remove .venv and everything that was built
	rm -rf .venv .venv-* site dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
