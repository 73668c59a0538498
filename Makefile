# Everything starts from Python 3.11 or newer, git and make. uv is used when it is there.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check asyncio journeys soak bench docs lock clean

demo: $(STAMP) ## the balance drains before your eyes; plain lines without a terminal
	@$(BIN)/rf demo

test: check ## all checks and all tests, side by side
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

check: $(STAMP) ## style, types, directions between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

asyncio: $(STAMP) ## the sandbox's tests as where there is no uvloop, its commands included
	PYTHONPATH=tests/support/without_uvloop $(BIN)/python -m pytest tests/sandbox --ignore=tests/sandbox/test_loops.py

journeys: $(STAMP) ## what needs more tools (tmux, Chromium, curl, zzuf) or longer; says what is missing
	$(BIN)/python -m pytest tests/journeys -m "not soak"

soak: $(STAMP) ## real minutes instead of turned clocks
	$(BIN)/python -m pytest tests/journeys -m soak

bench: $(STAMP) ## ratios measured side by side in one run
	@for file in tests/benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

docs: $(STAMP) ## checks that every documented name exists, and the other way round
	$(BIN)/python -m pytest tests/documentation

lock: ## compile the pins anew (needs uv); names no index and no host
	uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --group dev \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock

# The lock pins everything, the build backend too, so that nothing is resolved twice.
$(STAMP): pyproject.toml requirements.lock
	@if command -v uv >/dev/null 2>&1; then \
		[ -x $(BIN)/python ] || uv venv --quiet --python $(PYTHON) $(VENV) || exit 1; \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || exit 1; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $(STAMP)

clean:
	rm -rf $(VENV) build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
