# Everything is set up by itself, below this folder. `make` lists what there is.
# a distribution's own interpreter first: one built from source as it stands takes 1.4 times as long for Python code (docs/benchmarks.md)
FITS = (3, 11) <= sys.version_info[:2] <= (3, 14)
PYTHON ?= $(firstword $(shell for p in /usr/bin/python3 python3; do $$p -c 'import sys, venv, ensurepip; sys.exit(not $(FITS))' 2>/dev/null && echo $$p; done) python3)
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help venv demo test mutate lint types fault capacity lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

venv: $(INSTALLED) ## virtual environment with everything in requirements.lock

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; $(FITS) or \
	sys.exit("Tidegate needs Python 3.11 to 3.14; this is %d.%d. Say PYTHON=/path/to/python3.12 make ..." % sys.version_info[:2])'
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "This Python lacks venv: install your distribution's python3-venv."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: venv ## the festival's opening in about a minute, from nothing to a proof
	$(BIN)/tidegate demo

test: venv ## all tests, in two processes with a Kafka and a PostgreSQL each (JOBS=4)
	$(BIN)/python -m pytest -q -n $(or $(JOBS),2) --dist loadfile --no-loadscope-reorder

mutate: venv ## law data and core changed one thing at a time: some test must fail (FULL=1, ONLY=tax.py, SEED=1)
	$(BIN)/python -m tests.mutation $(if $(FULL),--sample 0) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

lint: venv ## ruff
	$(BIN)/ruff check .

types: venv ## pyright, strict on pipeline, schemas, sinks and loadtest
	$(BIN)/pyright

fault: venv ## kills, stops and restarts under load, then the verifier (KILLS=20 SEED=1)
	$(BIN)/python -m ops.fault

capacity: venv ## manifests a second and CPU a manifest, beside the plain-Faust baseline
	$(BIN)/tidegate capacity --engine both --json capacity.json

lock: venv ## resolve requirements.lock anew, with hashes and without index addresses
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet -o requirements.lock

clean: ## stop the local stack and remove everything that was set up
	-test -x $(BIN)/tidegate && $(BIN)/tidegate down --wipe
	rm -rf .venv .tidegate .pytest_cache .ruff_cache .hypothesis
