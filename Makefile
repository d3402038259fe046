# For developers; people who run AURA use ./aura.
.PHONY: lock test lint run
UV ?= uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

# Writes the lists of packages anew from pyproject.toml; see CONTRIBUTING.md.
lock:
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) --no-deps requirements-models.in -o requirements-models.txt

test:
	./aura test

lint:
	.venv/bin/ruff check --fix . && .venv/bin/ruff format . && .venv/bin/mypy && .venv/bin/lint-imports

run:
	./aura up
