# crowdlog: every target sets up what it needs. `make help` explains them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEPENDENCIES := setup.py pyproject.toml
SAMPLES := sample_logs/{combined,common,nginx_timed,vhost_combined}/input.log

.DEFAULT_GOAL := help

help: ## what each target does
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/crowdlog: $(DEPENDENCIES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "crowdlog needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: "setuptools>=77" wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(BIN)/crowdlog
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[test]'
	@touch $@

$(VENV)/.check: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[check]'
	@touch $@

run: $(BIN)/crowdlog ## the main job over sample_logs/, and what it published
	@rm -rf out
	$(BIN)/crowdlog run $(SAMPLES) --policy sample_logs/crowdlog.toml --geo-db sample_logs/test-country.mmdb --output out
	@echo; echo "Three rows of out/release/pages:"
	@$(BIN)/python bench/show.py out/release/pages 3

test: $(VENV)/.test ## all tests, a Dask cluster and a portable job service on loopback included
	$(BIN)/python -m pytest tests

dask-test: $(VENV)/.test ## the flow on a Dask cluster of two workers, and on Beam's portable job service
	$(BIN)/python -m pytest tests/test_engines.py

check: $(VENV)/.check ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.check ## rewrite the code as `check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

expected: $(VENV)/.test ## rewrite the expected outputs in sample_logs/; review the diff
	$(BIN)/python tests/expected.py

fuzz: $(VENV)/.test ## damaged lines into every parser, FUZZ_SECONDS (60) for each format
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(BIN)/python -m pytest tests/test_fuzz.py -v

docs: $(VENV)/.test ## rewrite the table of formats in docs/ from the declarations
	$(BIN)/python tests/format_table.py

samples: $(VENV)/.test ## write sample_logs/ anew from its seed
	$(BIN)/python sample_logs/generate.py

AUDITED := ../shared/data/logs/elastic_apache/access.log

audit: $(VENV)/.test ## every attack on the samples, a generated month, and a real log where it is there; fails on a leak, or where the naive twin holds
	@rm -rf out/audit
	$(BIN)/python tests/audited.py out/audit $(AUDITED)

ablation: $(VENV)/.test ## write the table in docs/audit.md anew: which attack succeeds without each layer of privacy
	$(BIN)/python tests/ablation.py

commitments: $(VENV)/.test ## what privacy policies promise, with the evidence of the samples and of the tests that are named
	-@$(MAKE) --no-print-directory audit > /dev/null
	-@$(BIN)/python -m pytest -q --junitxml=out/tests.xml \
	  $$($(BIN)/python -c "from schemas.commitments import commitments as c; print(*sorted({t for one in c() for t in one.proof.get('tests', ())}))")
	$(BIN)/crowdlog commitments out/audit/samples/crowdlog --tests out/tests.xml

bench: $(VENV)/.test ## what a million lines cost; asserts nothing
	$(BIN)/python bench/run.py

compare: $(VENV)/.test ## crowdlog beside GoAccess (if installed), anonip, per-line Beam and DuckDB; asserts nothing
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[bench]'
	$(BIN)/python -m bench.compare $(if $(wildcard $(AUDITED)),--real $(AUDITED)) $(COMPARE)

DATA ?= ../shared/data

recall: $(VENV)/.test ## write docs/recall.md anew: what detectors find, and what can become a word (DATA=folder of real logs)
	$(BIN)/python -m bench.recall $(if $(wildcard $(DATA)),--data $(DATA))

utility: $(VENV)/.test ## how many hits of a real log keep their full path
	$(BIN)/python bench/utility.py $(DATA)/logs/elastic_apache/access.log

clean: ## remove what the targets made
	rm -rf $(VENV) out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help run audit ablation commitments test dask-test check format expected docs fuzz samples bench compare recall utility clean
