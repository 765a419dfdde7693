# Everything a newcomer needs: make demo, make test. CI runs make test and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
TESTS ?= tests
# On a machine of one or two cores more workers only queue.
WORKERS ?= 2

.PHONY: demo test check format bench fuzz results results-text ablation models models-taggers models-text page docs docs-cli clean

demo: .demo/bin/lg-run
	cd .demo && bin/lg-run sample --rows 2000 --overwrite && bin/lg-run compress vectors.npy --overwrite && bin/lg-run evaluate vectors.npy

.demo/bin/lg-run: pyproject.toml setup.py
	$(PYTHON) -m venv .demo
	.demo/bin/python -m pip install --quiet .
	touch $@

test: check tests/databases/node_modules/.ready js/node_modules/.ready
	$(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/.ready
	$(INSTALL) --group fuzz
	$(BIN)/python tests/fuzz/fuzz.py --seconds 300
	PYTHONPATH=tests $(BIN)/python tests/c/fuzz.py --seconds 300

# The site: build/site/index.html. A dead link or any other warning fails it.
docs: $(VENV)/.ready
	$(INSTALL) --group docs
	$(BIN)/python -m mkdocs build --quiet

# What makes the figures of docs/results: each script writes its own page or block.
bench: $(VENV)/.ready
	$(BIN)/python -m pytest benchmarks/bench.py -p no:xdist --benchmark-json .bench.json
	$(BIN)/python -m benchmarks.write_bench .bench.json

results: $(VENV)/.ready
	$(BIN)/python -m benchmarks.results dev
	$(BIN)/python -m benchmarks.results corpora
	$(BIN)/python -m benchmarks.results write

ablation: $(VENV)/.ready
	$(BIN)/python -m benchmarks.ablation text-embedding-3-small
	$(BIN)/python -m benchmarks.ablation text-embedding-ada-002

results-text: $(VENV)/.peers
	$(BIN)/python -m recipes.text_models alone pairs linguagen-en
	$(BIN)/python -m benchmarks.text_results --write

# What makes the shipped models: recipes/ has the corpus, the teacher and the settings.
models: $(VENV)/.ready
	$(BIN)/python -m recipes.vector_models

models-text: $(VENV)/.peers
	$(BIN)/python -m recipes.text_models linguagen-en --export

models-taggers: $(VENV)/.ready
	$(BIN)/python -m recipes.taggers linguagen-pos-en linguagen-ner-en --export

# pip reads dependency groups from 25.1 on, so the environment gets a new one first.
INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt

$(VENV)/.ready: pyproject.toml setup.py constraints.txt $(wildcard linguagen-*/pyproject.toml) $(wildcard c/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip
	$(INSTALL) --group dev --editable '.[export,arrow,hdf5,langchain,llamaindex,plot,sentence-transformers,serve,sklearn]' --editable ./linguagen-en --editable ./linguagen-pos-en --editable ./linguagen-ner-en
	touch $@

$(VENV)/.peers: $(VENV)/.ready
	$(INSTALL) --group peers
	touch $@

# The npm package, and PostgreSQL with a current pgvector. Without npm their tests are skipped.
%/node_modules/.ready: %/package-lock.json
	if command -v npm >/dev/null; then cd $* && npm ci --silent && touch node_modules/.ready; fi

# docs/cli.md, from the help of the commands.
docs-cli: $(VENV)/.ready
	$(BIN)/python docs/make_cli.py

# The page in docs/demo, served by lg-run demo or any server of files.
page: js/node_modules/.ready $(VENV)/.ready
	cd js && npm run --silent demo
	$(BIN)/lg-export text-embedding-3-small --format table -o docs/demo/built/model.lgt
	$(BIN)/lg-export linguagen-en --format table -o docs/demo/built/text.lgt

clean:
	rm -rf tests/databases/node_modules js/node_modules js/dist docs/demo/built $(VENV) .demo build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis .bench.json .results.json .results-text.json
