# The one runner behind every target is .ci/task.py: it makes .venv and installs the pinned dependencies first.
PYTHON ?= python3
ARGS ?=

.PHONY: run test lint deep bench
run test lint deep bench:
	@$(PYTHON) .ci/task.py $@ $(ARGS)
