# Makes its own environment, .venv, and installs into it again only when the package's build changes.
#
#   make run  ARGS="--recipe merged"       make test  ARGS="-k finish"       make PYTHON=python3.12 test
#   make test-slow                         the series of kills and the clusters, which `test` leaves out

PYTHON ?= python3
ARGS ?=
# Processes that the tests are spread over, each with its share of the cores.
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PARTS := base kernels assets engine data report export encoders generate train run benchmarks cli
BUILD_FILES := pyproject.toml CMakeLists.txt $(wildcard kernels/src/*)
TYPECHECK := build/typecheck

.DEFAULT_GOAL := help
.PHONY: help run test test-slow lint format clean

help: ## Say what can be made.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

run: $(VENV)/installed ## Train with the embedded pipeline; ARGS go to `zeroreal run`.
	$(BIN)/zeroreal run $(ARGS)

test: $(VENV)/installed-dev ## Run all tests but the slow ones; ARGS go to pytest.
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile $(ARGS)

test-slow: $(VENV)/installed-dev ## Run the slow tests: series of kills, fuzzing, clusters.
	$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist loadfile $(ARGS)

# mypy follows no import hooks, which an editable install is: it reads a tree of links instead.
lint: $(VENV)/installed-dev ## Check style, format and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf $(TYPECHECK) && mkdir -p $(TYPECHECK)/zeroreal
	for part in $(PARTS); do ln -s ../../../$$part $(TYPECHECK)/zeroreal/$$part; done
	MYPYPATH=$(TYPECHECK) $(BIN)/mypy -p zeroreal

format: $(VENV)/installed-dev ## Put the code into the format that `make lint` asks for.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the environment and everything built; runs stay.
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
	find $(PARTS) tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BUILD_FILES) | $(BIN)/python
	$(BIN)/python -m pip install -e '.[onnx]'
	touch $@

# Serves `make run` too.
$(VENV)/installed-dev: $(BUILD_FILES) | $(BIN)/python
	$(BIN)/python -m pip install -e '.[dev]'
	touch $(VENV)/installed $@
