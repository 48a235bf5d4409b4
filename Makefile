# The one runner behind every target is .ci/task.py: it makes .venv and installs the pinned dependencies first.
PYTHON ?= python3
ARGS ?=

.PHONY: run test lint deep bench interop
run test lint deep bench interop:
	@$(PYTHON) .ci/task.py $@ $(ARGS)
