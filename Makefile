# make demo · make test · make check · make bench        (.venv is made on the way; PYTHON=python3.12 make … chooses another)
PYTHON ?= python3
BIN := .venv/bin
ENV := .venv/.made
# dowhy holds scipy back, so what the causal engine is compared with lives apart
ORACLES := .venv-oracles
export TOKENIZERS_PARALLELISM := false
ifneq ($(wildcard ../shared/data),)
export BUTFOR_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test slow peer check bench peers oracles model clean

demo: model
	$(BIN)/butfor run quickstart

test: model
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

slow: model
	$(BIN)/python -m pytest -m "slow and not gpu and not peer"

peer: model peers oracles
	$(BIN)/python -m pytest -m peer
	$(ORACLES)/bin/python -m pytest -m peer tests/scm tests/align/ope/test_calibrated_peer.py

check: $(ENV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: model peers oracles
	$(BIN)/python bench/scoring.py
	$(BIN)/python bench/audit.py
	$(BIN)/python bench/training.py
	$(BIN)/python bench/attention.py
	$(BIN)/python bench/corpus.py
	$(BIN)/python bench/graphs.py --each 4
	for each in causal inference refute discovery; do $(ORACLES)/bin/python -W ignore bench/$$each.py || exit 1; done

peers: $(ENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[lm,discovery,dev,peers]" || echo "the peers cannot be had here: comparing without them"

oracles: $(ORACLES)/.made

$(ORACLES)/.made: pyproject.toml constraints-oracles.txt
	$(PYTHON) -m venv $(ORACLES)
	$(ORACLES)/bin/python -m pip install --quiet --constraint constraints-oracles.txt --editable ".[oracles]"
	@touch $@

model: $(ENV)
	@$(BIN)/butfor fetch smollm2-135m

$(ENV): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "butfor needs Python 3.11 or newer; say PYTHON=python3.11 make ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[lm,discovery,dev]"
	@touch $@

clean:
	rm -rf .venv $(ORACLES) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
