# The one runner behind every target is .ci/task.py: it makes .venv and installs the pinned dependencies first.
#   run      the server
#   test     lint, then the suite
#   lint     style, types, and who may import whom
#   deep     the long tests, then the suite on every Python that is here
#   newest   the suite with the newest versions that pyproject.toml allows, in .venv-newest; names those that
#            differ from the pins
#   bench    the figures of benchmarks/README.md
#   screenshots  the pictures of the documentation, from the running product
#   interop  the scenarios under another runner of Arazzo
# ARGS goes on to the program that is run: make test ARGS="-k money"
PYTHON ?= python3
ARGS ?=

.PHONY: run test lint deep newest bench screenshots interop
run test lint deep newest bench screenshots interop:
	@$(PYTHON) .ci/task.py $@ $(ARGS)
