# The one runner behind every target is .ci/task.py: it makes .venv and installs the pinned dependencies first.
# newest: the suite with the newest versions that pyproject.toml allows, in an environment of its own.
PYTHON ?= python3
ARGS ?=

.PHONY: run test lint deep newest bench interop
run test lint deep newest bench interop:
	@$(PYTHON) .ci/task.py $@ $(ARGS)
