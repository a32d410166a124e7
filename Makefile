# Everything a visitor needs: make demo, make test. Each target makes the environment it needs, once.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq
SOURCE := pyproject.toml setup.py constraints.txt $(wildcard graphpoly/csrc/*)
# a mark for each compiler, so that `make test CXX=false` after `make test` installs anew
MARK   := $(notdir $(if $(filter environment% command%,$(origin CXX)),$(CXX),default))
OUT    ?= runs/demo
# where wheels built from source are kept between checkouts, for each torch
WHEELS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/graphpoly/wheels/torch-$(shell sed -n 's/^torch==//p' constraints.txt)

.PHONY: help demo docs test test-slow lint bench results matrix gpu-check gpu-bench test-scatter \
	peer-suites clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@echo "==> creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade pip "setuptools>=77" wheel

# Most modules of what is installed are never imported; the others are compiled when they are.
# torch first and pinned: whatever depends on it must find it, never choose it
# kernels for this machine alone, unless asked otherwise: a third less to compile
$(VENV)/.run-$(MARK): $(SOURCE) | $(BIN)/python
	@echo "==> installing graphpoly and what it needs (a few minutes the first time)"
	@$(PIP) install --no-compile -c constraints.txt torch numpy
	@GRAPHPOLY_BUILD=$${GRAPHPOLY_BUILD:-native} \
		$(PIP) install --no-compile -c constraints.txt --no-build-isolation -e ".[viz,train]"
	@rm -f $(VENV)/.run-* $(VENV)/.dev-* $(VENV)/.docs-* && touch $@
	@$(BIN)/python -c 'from graphpoly.ops import backends; cpp = backends()["cpp"]; \
		print("==> kernels:", "C++" if cpp["available"] else "plain PyTorch (" + cpp["reason"] + ")")'

# the extras alone: installing the package again would build it again
$(VENV)/.dev-$(MARK): $(VENV)/.run-$(MARK)
	@echo "==> installing the development tools"
	@$(BIN)/python -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*[name for name in extras["optional-dependencies"]["dev"] if "[" not in name], sep="\n")' \
		> $(VENV)/.dev.txt
	@$(PIP) install --no-compile -c constraints.txt -r $(VENV)/.dev.txt
	@touch $@

$(VENV)/.docs-$(MARK): $(VENV)/.run-$(MARK)
	@echo "==> installing what builds the documentation"
	@$(BIN)/python -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*[name for name in extras["optional-dependencies"]["docs"] if "[" not in name], sep="\n")' \
		> $(VENV)/.docs.txt
	@$(PIP) install --no-compile -c constraints.txt -r $(VENV)/.docs.txt
	@touch $@

docs: $(VENV)/.docs-$(MARK) ## Build the documentation site in docs/_build/html; warnings are errors
	@OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "==> docs/_build/html/index.html"

results: $(VENV)/.dev-$(MARK) ## Write the pages that are made: docs/results.md, docs/operators.md, names, README
	@$(BIN)/python -m benchmarks.results_page
	@$(BIN)/python -m benchmarks.operators_page
	@$(BIN)/python -m benchmarks.names_page
	@$(BIN)/python -m benchmarks.readme_block

# torch-scatter comes as source only and needs torch to be built: minutes, once
$(WHEELS)/.torch-scatter: | $(VENV)/.dev-$(MARK)
	@echo "==> building torch-scatter (a few minutes the first time, kept in $(WHEELS))"
	@mkdir -p $(WHEELS)
	@$(PIP) wheel --no-build-isolation --no-deps -w $(WHEELS) torch-scatter
	@touch $@

$(VENV)/.scatter-$(MARK): $(VENV)/.dev-$(MARK) $(WHEELS)/.torch-scatter
	@$(PIP) install --no-index --no-deps --find-links $(WHEELS) torch-scatter
	@touch $@

test-scatter: $(VENV)/.scatter-$(MARK) ## Build torch-scatter, and compare the adapter with it
	@$(BIN)/python -m pytest tests/compat

# fetches no more than pip's sdists, which may hold no tests; SUITES=FOLDER names checkouts
peer-suites: $(VENV)/.dev-$(MARK) ## Run the tests of torch-scatter and PyG on our code (SUITES=FOLDER)
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.peer_suites $(if $(SUITES),--suites $(SUITES))

demo: $(VENV)/.run-$(MARK) ## Train three models on a generated graph, print a table, write a report
	@$(BIN)/graphpoly train demo --out $(OUT) --resume

test: $(VENV)/.dev-$(MARK) ## Run the tests (minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not gpu" \
		graphpoly tests

test-slow: $(VENV)/.dev-$(MARK) ## Run the tests that take longer
	@$(BIN)/python -m pytest -m slow tests

lint: $(VENV)/.dev-$(MARK) ## Formatter, linter, type checker, layering, spelling
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

bench: $(VENV)/.dev-$(MARK) ## Measure every operator against its peers; writes benchmarks/results
	@$(BIN)/graphpoly bench

matrix: $(VENV)/.dev-$(MARK) ## Test every version of PyTorch and PyG (CUDA_BUILDS=1: those for CUDA, too)
	@$(BIN)/python -m tests.packaging.matrix $(if $(CUDA_BUILDS),--cuda-builds)

# The two below take the Python they are given, with its PyTorch, Triton and PyG: no environment is
# made and nothing is downloaded.
gpu-check: ## Run the tests of the operators and of the layers on a CUDA device
	@$(PYTHON) -m benchmarks.device
	@mkdir -p benchmarks/results
	@GRAPHPOLY_TEST_DEVICE=cuda OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 8 --dist worksteal \
		-m "not cpu and not slow" -p no:cacheprovider \
		--junit-xml=benchmarks/results/gpu-check.xml tests/ops tests/compliance

gpu-bench: ## Measure the CUDA kernels against their peers; writes benchmarks/results
	@$(PYTHON) -m benchmarks.device
	@$(PYTHON) -m benchmarks.gpu
	@$(PYTHON) -m benchmarks.molecules --device cuda --compiled

clean: ## Remove the environment, builds and runs
	rm -rf $(VENV) build dist runs docs/_build docs/_generated *.egg-info graphpoly/*.so graphpoly/_C*.json
