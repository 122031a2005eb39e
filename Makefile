# The two commands of the README, and what a developer needs besides. Each does its own set-up.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: lab lab-down test check format lock bench tools clean

## lab: start three rehearsal hosts and provision them
lab: $(READY)
	$(BIN)/pyinfra -y inventories/lab.py deploy.py

## lab-down: stop the rehearsal hosts (their state stays in .rehearsal/)
lab-down: $(READY)
	$(BIN)/python -m rehearsal down

## test: everything that lands a change: format, lint, types, import contracts, tests
test: $(READY) tools check
	$(BIN)/python -m pytest --quiet --numprocesses auto --dist loadfile --no-loadscope-reorder \
	    -p tests.client_table --check-client-table docs/clients.md $(PYTEST_ARGS)

## check: what needs no running program
check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## tools: the real programs that the tests use (Debian packages, Go programs)
tools: $(READY)
	scripts/install-test-tools

## bench: measure the registry side by side with its peers
bench: $(READY)
	scripts/install-test-tools
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

## lock: resolve pyproject.toml anew into requirements.lock
lock:
	$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/pip install --quiet uv
	$(BIN)/python -m uv pip compile --quiet --universal --extra dev --generate-hashes --no-annotate --no-header \
	    --no-emit-index-url --python-version 3.11 --upgrade pyproject.toml --output-file requirements.lock

# Debian ships Python without ensurepip; a virtual environment needs it.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "registry-lab needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || scripts/install-packages python3-venv
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV) .tools .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
