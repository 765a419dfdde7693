# Everything a newcomer needs: make demo, make test. CI runs make test and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
TESTS ?= tests
# On a machine of one or two cores more workers only queue.
WORKERS ?= 2

.PHONY: demo test check format bench fuzz results results-text ablation models models-text page clean

TEXT = .text
TEXTS = text $(TEXT)/corpus.txt --pieces 32000 --scored ../shared/text/eval/stsb/stsb-en-dev.csv
TAUGHT = --targets $(TEXT)/teacher.npy --simcse 0 --skip-gram 0
ALONE = --simcse 1 --skip-gram 0.1 --batch 512 --steps 250

demo: .demo/bin/lg-run
	cd .demo && bin/lg-run sample --rows 2000 --overwrite && bin/lg-run compress vectors.npy && bin/lg-run evaluate vectors.npy

.demo/bin/lg-run: pyproject.toml
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

bench: $(VENV)/.ready
	$(BIN)/python -m pytest benchmarks/bench.py -p no:xdist --benchmark-json .bench.json
	$(BIN)/python benchmarks/write_bench.py .bench.json

fuzz: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet atheris
	$(BIN)/python tests/fuzz/fuzz.py --seconds 300

results: $(VENV)/.ready
	for part in dev corpora write; do \
		$(BIN)/python benchmarks/results.py $$part --out .results.json || exit; \
	done

ablation: $(VENV)/.ready
	for teacher in text-embedding-3-small text-embedding-ada-002; do \
		$(BIN)/python benchmarks/ablation.py ../shared/vectors/$$teacher/train.npy --out ablation-$$teacher.json || exit; \
	done

models: $(VENV)/.ready
	for teacher in text-embedding-3-small text-embedding-ada-002; do \
		$(BIN)/lg-train ../shared/vectors/$$teacher/train.npy --teacher $$teacher --out runs/$$teacher --steps 4000 --held-out 0.05 && \
		$(BIN)/lg-export runs/$$teacher --quantize int8 --decoder -o models/shipped/$$teacher.onnx && \
		$(BIN)/lg-train ../shared/vectors/$$teacher/train.npy --teacher $$teacher --out runs/$$teacher-512 --dim 512 --half 1 --steps 2000 --evaluate-every 500 --held-out 0.05 && \
		$(BIN)/lg-export runs/$$teacher-512 --quantize int8 --decoder -o models/shipped/$$teacher-512.onnx || exit; \
	done

# The text model: corpus, teacher's vectors (an hour; goes on where it was stopped), training (half an hour), file.
$(TEXT)/teacher.npy: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt '.[peers]'
	$(BIN)/python recipes/text_corpus.py ../shared/text $(TEXT)
	$(BIN)/python recipes/text_teacher.py $(TEXT)/corpus.txt $@

models-text: $(TEXT)/teacher.npy
	$(BIN)/lg-train $(TEXTS) $(TAUGHT) --steps 1200 --evaluate-every 100 --out runs/linguagen-en
	$(BIN)/lg-export runs/linguagen-en --quantize int8 --sources "$$(cat recipes/text_sources.txt)" -o models-text/linguagen_models_text/linguagen-en.onnx

# Two more models, without the teacher, for the comparison; then everything on the public sets.
results-text: models-text
	$(BIN)/lg-train $(TEXTS) $(ALONE) --out runs/alone
	$(BIN)/lg-train $(TEXTS) $(ALONE) --pairs $(TEXT)/pairs.tsv --out runs/pairs
	$(BIN)/python benchmarks/text_results.py --shared ../shared --corpus $(TEXT)/corpus.txt --run alone=runs/alone --run pairs=runs/pairs --run linguagen-en=runs/linguagen-en --docs docs/results.md

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[export,dev]'
	touch $@

# The npm package, and PostgreSQL with a current pgvector; where there is no npm, their tests are skipped.
%/node_modules/.ready: %/package-lock.json
	if command -v npm >/dev/null; then cd $* && npm ci --silent && touch node_modules/.ready; fi

# The page in docs/demo, served by lg-run demo.
page: js/node_modules/.ready
	cd js && npm run --silent demo

clean:
	rm -rf tests/databases/node_modules js/node_modules js/dist docs/demo/built $(VENV) .demo build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis .bench.json .results.json
