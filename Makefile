# Common tasks. `make` lists them. Set PYTHON to use another interpreter than the checkout's own environment.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.DEFAULT_GOAL := help
.PHONY: help install test test-slow lint types docs bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install:  ## create .venv with the pinned versions and the test tools
	python3 -m venv .venv
	.venv/bin/pip install -q -c constraints.txt -e '.[test]'

test:  ## run the default tests
	$(PYTHON) -m pytest

test-slow:  ## run the tests that are marked slow
	$(PYTHON) -m pytest -m slow

lint:  ## check style, formatting and the layers
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

types:  ## check the types
	$(PYTHON) -m mypy

docs:  ## generate docs/reference, docs/features.md and the man page from tables and the markers of tests
	$(PYTHON) -m docs.generate

bench:  ## run the quick benchmarks: start-up, overhead, history
	$(PYTHON) -m benchmarks.startup
	$(PYTHON) -m benchmarks.overhead
	$(PYTHON) -m benchmarks.history

clean:  ## remove caches and build output
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
