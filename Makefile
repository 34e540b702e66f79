# Everything from a clone: needs Python 3.11 or newer, make, and a package registry that pip can reach.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO_ARGUMENTS ?=

.PHONY: demo test lint bench console docs spark peers lock clean

demo: $(READY) ## set everything up and run the main job on the sample carrier
	$(BIN)/crossbill demo $(DEMO_ARGUMENTS)

test: $(READY) ## all tests, on two workers
	$(BIN)/python -m pytest -n 2 $(TESTS)

lint: $(READY) ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## the benchmarks; prints and stores a table
	$(BIN)/python -m benchmarks

console: $(READY) ## the pages, at http://127.0.0.1:8000, with a demo login
	$(BIN)/crossbill console --demo-login

docs: $(READY) ## the reference pages that follow from the code
	$(BIN)/python docs/generate.py

spark: $(READY) ## Spark as a second engine of rating; needs Java 17 or newer to run it here
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --no-deps -r requirements-spark.lock

peers: $(READY) ## the tools that the benchmark of comparing stands beside, in a place of their own
	$(BIN)/uv venv --quiet --allow-existing .venv/peers
	$(BIN)/uv pip install --quiet --python .venv/peers --group peers

lock: $(READY) ## choose versions anew where pyproject.toml asks for it, and write their hashes down
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --extra dev --generate-hashes \
		--no-header --no-emit-index-url --output-file requirements.lock
	grep -o 'pyspark\[[^"]*' pyproject.toml | $(BIN)/uv pip compile - --quiet --universal \
		--constraint requirements.lock --generate-hashes --no-header --no-emit-index-url \
		--no-annotate --output-file requirements-spark.lock
	$(MAKE) $(READY)

clean: ## what can be made again; data of the demo stays where it is
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so an installation that was cut off begins again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Crossbill needs Python 3.11 or newer, and $(PYTHON) is"; $(PYTHON) --version; \
		echo "  What to do: install one, then run: make PYTHON=/path/to/python3.11"; exit 2; } >&2
	@echo "Setting up .venv from requirements.lock (about a minute)"
	@$(PYTHON) -m venv .venv || { \
		echo "  What to do: install the venv module (Debian: apt-get install python3-venv)"; \
		exit 2; } >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src # or each command would, where Python may not keep it
	@touch $@
