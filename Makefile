# make app    set up and start the explorer on localhost:8501
# make test   set up and run the fast tests (under 5 minutes on 2 cores)

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: app test test-slow lint format screenshots clean

app: .venv/app
	$(BIN)/mda app

# two processes, because the tests keep torch to one thread; a file stays in one, for what its tests share
test: .venv/dev
	$(BIN)/pytest -n 2 --dist loadfile

# minutes of compute, and a real browser (Chromium and npm must be installed)
test-slow: .venv/dev .venv/axe
	$(BIN)/pytest -m "slow or browser"

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# the README's pictures, from the running explorer over the cache's demo (Chromium must be installed)
screenshots: .venv/dev
	$(BIN)/python -m docs.screenshots

# torch first and alone: a range that admits a newer release pulls gigabytes of accelerator libraries
.venv/app: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -c "import sys; sys.exit('Python 3.11 or newer is needed') if sys.version_info < (3, 11) else None"
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet -c constraints.txt -e .
	touch $@

# kronfluence, an oracle of some tests, asks for torchvision but runs without it; the others are what it imports
.venv/dev: .venv/app
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	$(BIN)/pip install --quiet --no-deps kronfluence==1.0.1 accelerate==1.15.0 \
		einops==0.8.2 einconv==0.1.0 opt_einsum==3.4.0
	touch $@

# axe-core, which some of the browser tests run inside the pages
.venv/axe: .venv/dev
	npm install --silent --no-save --no-audit --no-fund --prefix .venv/npm axe-core@4.14.1
	touch $@

clean:
	rm -rf .venv
