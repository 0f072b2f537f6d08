# Two commands set everything up: `make demo` runs the main job, `make test` the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_BIN := .venv-demo/bin
STDLIB = $(shell $(PYTHON) -c "import sysconfig; print(sysconfig.get_path('stdlib'))")
DEMO_INDEX := .codeindex/demo
MODEL_CACHE = $(HOME)/.cache/codeindex-benchmarks/fast

.PHONY: demo test lint bench bench-finetune model-fast model-small clean

# The demo has an environment of its own, with what users get: no torch, no test tools.
demo: .venv-demo/installed
	$(DEMO_BIN)/codeindex index $(STDLIB) --index $(DEMO_INDEX) \
	  --exclude test --exclude tests --exclude idle_test --exclude site-packages --exclude lib2to3
	@for query in "parse a date string" "retry with exponential backoff" "compress a file"; do \
	  printf '\n== %s ==\n' "$$query"; \
	  $(DEMO_BIN)/codeindex search "$$query" --index $(DEMO_INDEX) --top-k 5 --lines 4 || exit 1; \
	done

test: $(VENV)/installed
	$(BIN)/python -m pytest

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks run --all
	$(BIN)/python -m benchmarks table --write README.md

# The worked run: trains for most of an hour. CODEINDEX_COSQA may name a folder with CoSQA.
bench-finetune: $(VENV)/installed
	$(BIN)/python -m benchmarks run finetune
	$(BIN)/python -m benchmarks table --write README.md

# Trains the shipped encoder `fast` again: fetches and reads 250 packages, needs half an hour on two
# quiet cores. MEASURED may name files of CoSQA, whose functions are then not trained on.
model-fast: .venv-model/installed
	.venv-model/bin/python plugins/codeindex_onnx/recipes/fast.py \
	  --output plugins/codeindex_onnx/bundles/fast --cache $(MODEL_CACHE) \
	  $(foreach file,$(MEASURED),--apart $(file))

# The same for `small`: an hour of training.
model-small: .venv-model/installed
	.venv-model/bin/python plugins/codeindex_onnx/recipes/small.py \
	  --output plugins/codeindex_onnx/bundles/small --cache $(MODEL_CACHE) \
	  $(foreach file,$(MEASURED),--apart $(file))

clean:
	rm -rf .venv .venv-demo .venv-model .codeindex .mypy_cache .pytest_cache .ruff_cache \
	  .hypothesis build dist

# `installed` is written last: a set-up that was stopped is made again.
$(VENV)/installed: pyproject.toml .constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint .constraints.txt --editable '.[dev]'
	touch $@

.venv-demo/installed: pyproject.toml
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --upgrade pip
	.venv-demo/bin/python -m pip install --quiet .
	touch $@

.venv-model/installed: plugins/codeindex_onnx/recipes/requirements-fast.txt
	$(PYTHON) -m venv .venv-model
	.venv-model/bin/python -m pip install --quiet --upgrade pip
	.venv-model/bin/python -m pip install --quiet --requirement $< --editable .
	touch $@
