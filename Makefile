# What there is to type. Each target makes the virtual environment that it needs, in .venv; requirements.txt pins it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := $(or $(KUBEDIRECTOR_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kubedirector)
# Whatever pip keeps or puts aside stays in the cache folder and in this clone.
export PIP_CACHE_DIR := $(CACHE)/pip
# pip asks rustc for its version, and rustup's stand-in for rustc would make a folder in the user's home for that.
export RUSTUP_HOME := $(or $(RUSTUP_HOME),$(CURDIR)/$(VENV)/tmp/rustup)
PIP := TMPDIR=$(CURDIR)/$(VENV)/tmp $(BIN)/python -m pip --disable-pip-version-check --quiet
KEEP ?=
KUBE ?= sandbox
TESTS ?= tests
# Where tests are that run on a real API server.
REAL := tests/api tests/scenarios tests/plugin tests/deploy tests/laws tests/corpus tests/daemon tests/unit/model
CASES ?= 100000
SAMPLE ?=
SEED ?= 1
ONLY ?= *
JOBS ?= 2
RESUME ?=
IMAGE ?= kubedirector:latest

.PHONY: help deploy undeploy teardown demo test api lab bench laws fuzz mutants check format schemas pins control-plane docs clean

help:
	@echo "make demo            the main job: a Dask cluster on the embedded cluster (KEEP=1 leaves it running)"
	@echo "make deploy          CRDs, rights, daemon and catalogue in the cluster of kubectl's context (IMAGE=$(IMAGE))"
	@echo "make undeploy        the daemon and its rights leave; CRDs, apps and clusters stay, and can be deleted"
	@echo "make teardown        everything leaves, all clusters first"
	@echo "make test            all tests that need nothing but this machine"
	@echo "make test KUBE=control-plane   what runs on a real API server, on one (after make control-plane); make api is the same"
	@echo "make lab             scenarios on a real node, with the daemon as a pod (KUBEDIRECTOR_LAB=folder of a lab's scripts)"
	@echo "make bench           what the embedded API server, a review of the webhook, and the daemon cost"
	@echo "make laws            every single fault, every field of the spec, many walks: the same end (15 minutes)"
	@echo "make fuzz            100,000 mutated manifests through every step (CASES=N for fewer)"
	@echo "make mutants         small faults in the pure half, and whether tests notice (SAMPLE=1200 SEED=1 for some of them)"
	@echo "make check           format, lint, types, import contracts, limits, generated files"
	@echo "make format          format the code"
	@echo "make schemas         write the generated files anew"
	@echo "make control-plane   put etcd, kube-apiserver, kube-controller-manager and kubectl into $(CACHE)"
	@echo "make docs            build the documentation into site/"
	@echo "make pins            renew requirements.txt"
	@echo "make clean           remove what the targets made in this clone"

# The interpreter is asked first, so that an old one is one sentence and not a traceback of pip's.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "KubeDirector needs Python 3.11 or newer; $(PYTHON) is %d.%d: set PYTHON=" % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV) || { echo "cannot make a virtual environment with $(PYTHON): install its venv module (Debian: python3-venv)" >&2; rm -rf $(VENV); exit 1; }
	@mkdir -p $(VENV)/tmp

$(VENV)/.run: pyproject.toml requirements.txt | $(BIN)/python
	@echo "installing into $(VENV) ..."
	@# What is imported is compiled then; most of it never is.
	@$(PIP) install --no-compile --constraint requirements.txt --editable '.[sandbox]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements.txt | $(BIN)/python
	@echo "installing into $(VENV), with what the tests and checks need ..."
	@$(PIP) install --constraint requirements.txt --editable '.[sandbox,testing,dev]'
	@touch $@ $(VENV)/.run

$(VENV)/.mutants: $(VENV)/.dev
	@echo "installing the mutation tester into $(VENV) ..."
	@$(PIP) install --constraint requirements.txt --editable '.[sandbox,testing,dev,mutants]'
	@touch $@

demo: $(VENV)/.run
	@$(BIN)/kdd demo $(if $(KEEP),--keep)

deploy undeploy teardown: $(VENV)/.run
	@IMAGE='$(IMAGE)' KDD='$(BIN)/kdd' deploy/kubedirector $@

test: $(VENV)/.dev
ifeq ($(KUBE),control-plane)
	@$(BIN)/python -m pytest $(if $(filter-out tests,$(TESTS)),$(TESTS),$(REAL)) -m control_plane --kube=control-plane
else ifeq ($(KUBE),sandbox)
	@# Many tests wait for processes, so there is one worker more than cores; neighbours share a worker, and so servers.
	@$(BIN)/python -m pytest $(TESTS) -n 3 --dist worksteal -m "not control_plane and not lab"
else
	@echo "the project's tests run with KUBE=sandbox or KUBE=control-plane, not '$(KUBE)'" >&2; exit 2
endif

api:
	@$(MAKE) --no-print-directory test KUBE=control-plane

lab: $(VENV)/.dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/lab/run

bench: $(VENV)/.dev
	@$(BIN)/python tests/bench/bench_sandbox.py
	@$(BIN)/python tests/bench/bench_admission.py
	@$(BIN)/python tests/bench/bench_daemon.py

laws: $(VENV)/.dev
	@$(BIN)/python tests/laws/faults/campaign.py
	@$(BIN)/python -m pytest -q tests/laws/test_spec_campaign.py tests/laws/test_any_state_settles.py --long -n 2

fuzz: $(VENV)/.dev
	@$(BIN)/python tests/fuzz/campaign.py --cases $(CASES) --log tests/fuzz/campaigns.jsonl

mutants: $(VENV)/.mutants
	@$(BIN)/python tests/mutants/campaign.py --seed '$(SEED)' --only '$(ONLY)' --jobs $(JOBS) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(RESUME),--resume)

check: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy examples
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/architecture tests/unit/model/test_schemas.py tests/checklist

format: $(VENV)/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --exit-zero .

schemas: $(VENV)/.dev
	@$(BIN)/python schemas/generate.py
	@$(BIN)/python tests/checklist/make.py

control-plane:
	@tests/control-plane/build

docs: $(VENV)/.dev
	@$(BIN)/mkdocs build --strict --quiet

pins:
	@rm -rf $(VENV)/.pins && $(PYTHON) -m venv $(VENV)/.pins
	@$(VENV)/.pins/bin/python -m pip --disable-pip-version-check --quiet install --upgrade '.[sandbox,testing,dev,mutants]'
	@{ echo "# Made by: make pins"; $(VENV)/.pins/bin/python -m pip freeze --exclude kubedirector; } > requirements.txt
	@rm -rf $(VENV)/.pins

clean:
	@rm -rf $(VENV) site dist build mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
