# Everything needs only python3 (3.11 or newer, with venv) and make; see README.md.
# PYTHON=... chooses the interpreter, ARGS=... adds arguments, PORT=... the port.
SHELL := /bin/sh
RUN := .venv/bin/python -m sptraderb.cli.main
DEV := .venv/bin/python -m
.DEFAULT_GOAL := help
.PHONY: help demo serve test check fast bench lock clean setup setup-dev

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 18

setup: ## make .venv ready to run the program
	@sh tools/set_up.sh run

setup-dev: ## make .venv ready for tests and checks as well
	@sh tools/set_up.sh dev

demo: setup ## run a real backtest through a real server and show the result
	@exec $(RUN) demo $(ARGS)

serve: setup ## start the API and one worker on 127.0.0.1:3001
	@exec $(RUN) serve $(ARGS)

test: setup-dev ## run every test, on up to four processors
	@exec $(DEV) pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

fast: setup-dev ## run the tests that need no database (seconds)
	@exec $(DEV) pytest tests/unit tests/architecture $(ARGS)

check: setup-dev ## format, lint, types, layers, architecture and docs tests
	@$(DEV) ruff format --check .
	@$(DEV) ruff check .
	@$(DEV) mypy
	@.venv/bin/python .venv/bin/lint-imports
	@exec $(DEV) pytest tests/architecture

bench: setup-dev ## measure; results go to bench/results as dated JSON
	@exec $(DEV) bench $(ARGS)

lock: setup-dev ## compile requirements/*.txt again from pyproject.toml
	@sh tools/lock.sh $(ARGS)

clean: ## remove .venv and everything generated
	@rm -rf .venv build dist src/*.egg-info src/sptraderb/api/static/vendor \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
