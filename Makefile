# Offhook: `make run` starts the server, `make test` tests everything; both set up whatever they need.
# PYTHON=python3.12 chooses the interpreter; each has its own environment in .venvs.

SHELL := /bin/sh
PYTHON ?=
ARGS ?=
JOBS ?= 2
ONLY ?=
RFC ?=
MORE ?=
export PYTHON

SETUP = $(or $(PYTHON),python3) -m tools.bootstrap
PYTEST = -m pytest -q -n $(JOBS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help run develop check test unit test-all soak million conformance wheel docs bench bench-all guard
.PHONY: lock clean distclean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-11s %s\n", $$1, $$2 }'

run: ## start the server; ARGS="-c offhook.toml" gives it options
	@venv=$$($(SETUP) run) && exec "$$venv/bin/offhook" serve $(ARGS)

develop: ## make .venv with everything that developing needs
	@$(SETUP) develop

check: ## style, types and architecture
	@venv=$$($(SETUP) develop) && \
	"$$venv/bin/ruff" check && \
	"$$venv/bin/ruff" format --check --quiet && \
	"$$venv/bin/mypy" && \
	"$$venv/bin/python" -m pytest -q tests/test_architecture.py

test: check ## check, then the whole suite; ARGS=tests/sip chooses tests
	@venv=$$($(SETUP) test) && "$$venv/bin/python" $(PYTEST) $(ARGS)

unit: ## the tests that need nothing but Python
	@venv=$$($(SETUP) develop) && "$$venv/bin/python" $(PYTEST) -m "not interop and not soak" $(ARGS)

test-all: ## the unit tests on every Python found, the whole suite on the compiled build
	@$(or $(PYTHON),python3) -m tools.test_all --jobs $(JOBS) --compiled all

soak: ## the long runs; ONLY=name chooses one
	@venv=$$($(SETUP) test) && "$$venv/bin/python" -m tools.soak $(ONLY)

million: ## a million simulated calls on the compiled build; what was stopped goes on; ARGS="--calls 5000"
	@venv=$$($(SETUP) compiled) && "$$venv/bin/python" -m tests.simulation.campaign --jobs $(JOBS) $(ARGS)

conformance: ## check which tests show which clauses, and write it down; RFC=DIR counts anew in the texts there
	@venv=$$($(SETUP) develop) && "$$venv/bin/python" -m tools.conformance $(RFC)

wheel: ## the compiled wheel, in dist
	@venv=$$($(SETUP) wheel) && OFFHOOK_COMPILE=1 "$$venv/bin/python" -m hatchling build -t wheel -d dist

docs: ## the documentation, in build/docs
	@venv=$$($(SETUP) develop) && "$$venv/bin/python" -m sphinx -W --keep-going -q -b html docs build/docs && \
	echo "build/docs/index.html"

bench: ## measurements beside other servers; see bench/README.md
	@pure=$$($(SETUP) test) && compiled=$$($(SETUP) compiled) && \
	exec "$$pure/bin/python" -m bench.run --compiled "$$compiled/bin/python" --plot build/bench.svg $(ARGS)

bench-all: ## bench, and all that it leaves out: durable, streams, forks, memory, latency, sound
	@$(MAKE) --no-print-directory bench && pure=$$($(SETUP) test) && compiled=$$($(SETUP) compiled) && \
	exec "$$pure/bin/python" -m bench.more --compiled "$$compiled/bin/python" $(MORE)

guard: ## what each kind of work costs beside the commit in bench/REFERENCE
	@venv=$$($(SETUP) test) && exec "$$venv/bin/python" -m bench.guard $(ARGS)

lock: ## bring requirements.lock up to pyproject.toml; ARGS=--upgrade takes newer versions
	@venv=$$($(SETUP) develop) && "$$venv/bin/python" -m tools.lock $(ARGS)

clean: ## remove what was built
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find src tests tools docs bench examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## clean, and the environments
	@rm -rf .venv .venvs
