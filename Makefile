# Every target sets up what it needs in .venv, from nothing but python3 and a package index.
# With uv on the PATH that takes a few seconds; without it venv and pip do the same.

PYTHON ?= python3
ARGS   ?=
bin    := .venv/bin

.PHONY: demo test check bench nightly docs clean
.NOTPARALLEL:

demo: .venv/.runtime  ## watch the container work
	@$(bin)/exo demo $(ARGS)

test: .venv/.dev  ## all tests; make test ARGS="-k c08"
	@$(bin)/pytest $(ARGS)

check: .venv/.dev  ## lint, format, types, layers
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/mypy --strict src $(wildcard tests/typed)
	@$(if $(wildcard tests/typed),$(bin)/pyright tests/typed)
	@$(bin)/lint-imports --no-logo

bench: .venv/.bench  ## measure, beside whatever alternatives can be installed
	@$(bin)/python -m benchmarks $(ARGS)

nightly: .venv/.dev  ## the long tests, without the timeout
	@$(bin)/pytest -m nightly -o timeout=0 $(ARGS) || [ $$? -eq 5 ]  # 5: there are none

docs: .venv/.dev  ## the documentation, into site/
	@$(bin)/zensical build --clean --strict

clean:
	rm -rf .venv .cache .*_cache .hypothesis site dist

# The environment is always built anew and stamped last, so one that was interrupted is never trusted.
.venv/.runtime: pyproject.toml
	$(call build,-e .)

.venv/.dev: pyproject.toml
	$(call build,-e . --group dev)
	@touch $@

.venv/.bench: .venv/.dev
	@echo "Installing what is measured beside exo ..."
	@$(install) --group bench || echo "without some alternatives: the bench group cannot be installed here"
	@$(install) --no-deps 'vnpy>=4.1' || echo "without vnpy"
	@touch $@

ifneq ($(shell command -v uv 2>/dev/null),)
venv    = uv venv -q --python $(PYTHON) .venv
install = uv pip install -q --python $(bin)/python
else
venv    = $(PYTHON) -m venv .venv && $(bin)/pip install -qq --upgrade pip
install = $(bin)/pip install -qq
endif

define build
@echo "Setting up .venv ..."
@rm -rf .venv/.runtime .venv/.dev .venv
@$(venv)
@$(install) $(1)
@touch .venv/.runtime
endef
