# For developers; people who run AURA use ./aura.
.PHONY: lock proto test lint run
UV ?= uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

# Writes the lists of packages anew from pyproject.toml; see CONTRIBUTING.md.
lock:
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --extra webrtc -c requirements.txt pyproject.toml -o requirements-webrtc.txt
	$(COMPILE) --extra otel -c requirements.txt pyproject.toml -o requirements-otel.txt
	$(COMPILE) --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) --no-deps requirements-models.in -o requirements-models.txt
	$(COMPILE) --no-deps requirements-voice.in -o requirements-voice.txt
	$(COMPILE) --no-deps requirements-names.in -o requirements-names.txt

# Makes the modules of the gRPC definition anew.
proto:
	.venv/bin/python -m streaming.transports.grpc.generate

test:
	./aura test

lint:
	.venv/bin/ruff check --fix . && .venv/bin/ruff format . && .venv/bin/mypy && .venv/bin/lint-imports

# Looks the locked packages up among known vulnerabilities, as ./aura test does: 75 says that nobody could be asked.
.PHONY: audit
audit:
	.venv/bin/python -m tests.advisories

run:
	./aura up
