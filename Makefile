# A fresh Linux or macOS machine needs Python 3.11 and make: `make demo`, then `make ui`.
PYTHON ?= python3.11
DOMAIN ?= retail
WORKERS ?= 2 # processes that share the tests
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo serve ui test bench lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make the environment in .venv from the locked constraints

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[bench,dev]'
	touch $@

demo: setup ## Turn the wheel of one domain through Airflow: make demo DOMAIN=retail
	$(BIN)/slate demo --domain $(DOMAIN)

serve: setup ## Serve the demo's champion over HTTP on loopback, at the time at which its data end, until Ctrl-C
	$(BIN)/slate serve --domain $(DOMAIN) --clock data --plain

ui: setup ## Serve Airflow, MLflow and the reports on loopback until Ctrl-C
	$(BIN)/slate ui --domain $(DOMAIN)

test: setup ## Lint, check types and import layers, run the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

bench: setup ## Show the time and memory of every stage of the demo
	$(BIN)/slate bench demo

lock: setup ## Write constraints.txt anew from what is installed in .venv
	{ sed -n '/^#/p' constraints.txt; $(BIN)/pip freeze --all --exclude-editable --exclude pip | sed 's/+cpu$$//'; } > constraints.new
	mv constraints.new constraints.txt

clean: ## Remove the environment and caches; what runs wrote (.slate) stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
