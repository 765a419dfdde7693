"""Measure text encoders on the public sets, all in one run.

    make results-text      # writes the table of docs/results/text.md

Our models are the runs that recipes/text_models.py makes, each exported in int8 and run by the runtime. Retrieval is
measured twice: by encoders that never saw the documents, and by those that can be fitted to them (ours, and TF-IDF).
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ndcg_score
from sklearn.model_selection import GroupKFold

from benchmarks import text_peers as peers
from benchmarks import text_sets as sets
from benchmarks.data import SHARED
from benchmarks.pages import RESULTS, table, write_block
from benchmarks.text_peers import Embed, Encoder
from linguagen.export.kinds import export_run
from linguagen.export.request import ExportRequest
from linguagen.runtime.measure.scores import cosines, spearman
from linguagen.train.text.finished import load_finished
from recipes.text_models import CORPUS, SETTINGS, run_folder

_SPEED_SECONDS = 2.0


INTRODUCTION = """`make results-text` trains three models on the same 350,000 texts (open licences, listed on the card
of `linguagen-en`) and measures them and their peers on public sets, our own as int8 files.

* "alone" learns from nothing but text (SimCSE and skip-gram), "pairs" also from texts that belong together,
  and `linguagen-en` from MiniLM's vectors. "its table" is the weighted mean of the table of `linguagen-en`.
* TF-IDF is fitted on 100,000 training texts. "Fitted" means fitted to the documents that are searched, without labels;
  ours by `--collection 128`.
* Sentences and words: Spearman's correlation. Retrieval: nDCG@10 by exact search. Classes: logistic regression on
  frozen vectors. Misspellings: the right word's median rank among 10,000, and how often it is first.
* "Who acts": the actor in "the dog bites the man", for pairs of actors that the regression has not seen together.
  A vector that knows no word order is right in half of the cases."""


def main(
    out: Annotated[Path, typer.Option(help="Figures as JSON.")] = Path(".results-text.json"),
    write: Annotated[bool, typer.Option("--write", help="Replace the table of the page.")] = False,
) -> None:
    """Measure every encoder on every set."""
    figures = {}
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    frequent = peers.frequent_words(lines, 10_000)
    with TemporaryDirectory() as folder:
        for encoder in encoders(Path(folder), lines):
            began = time.monotonic()
            figures[encoder.name] = measure(encoder, SHARED / "text/eval", frequent)
            typer.echo(f"{encoder.name}: {time.monotonic() - began:.0f} s {figures[encoder.name]}", err=True)
    out.write_text(json.dumps(figures, indent=2))
    typer.echo(table_of(figures))
    if write:
        write_block(RESULTS / "text.md", "text", f"## Encoders on public sets\n\n{INTRODUCTION}\n\n{table_of(figures)}")


def encoders(folder: Path, lines: Sequence[str]) -> list[Encoder]:
    """The columns of the table: our models, exported into a folder, and their peers."""
    return [
        *(exported(name, folder / f"{name}.onnx") for name in SETTINGS),
        peers.mean_of_table("its table", run_folder("linguagen-en")),
        peers.word_llama(),
        peers.mini_lm(),
        peers.glove(),
        peers.tf_idf(lines[:100_000]),
    ]


def exported(name: str, path: Path) -> Encoder:
    """A model of ours, written in int8 and read by the runtime."""
    export_run(load_finished(run_folder(name)), ExportRequest(quantize="int8"), path)
    return peers.ours(name, path)


def measure(encoder: Encoder, folder: Path, frequent: list[str]) -> dict[str, float]:
    """Every figure of one encoder."""
    figures = {}
    for name, (first, second, scores) in {**sets.scored_sets(folder), **sets.word_sets(folder)}.items():
        figures[name] = spearman(cosines(encoder.embed(first), encoder.embed(second)), scores)
    for name, retrieval in sets.retrieval_sets(folder).items():
        figures[f"{name} nDCG@10"] = ndcg(encoder.embed, retrieval)
        fitted = encoder.fitted(retrieval.documents) if encoder.fitted else None
        figures[f"{name}, fitted"] = ndcg(fitted, retrieval) if fitted else float("nan")
    for name, classes in sets.class_sets(folder).items():
        figures[f"{name} accuracy"] = accuracy(encoder.embed, classes)
    spelt = sets.misspellings(folder, frequent)
    figures["misspelling cosine"], figures["misspelling rank"], figures["misspelling first"] = _misspelt(
        encoder.embed, spelt
    )
    figures["who acts, accuracy"] = word_order(encoder.embed)
    for batch in (1, 256):
        figures[f"texts/s, batch {batch}"] = speed(encoder.embed, sets.scored_sets(folder)["STS-B test"][0], batch)
    return {**figures, "dimensions": encoder.dim, "MB": encoder.megabytes}


def ndcg(embed: Embed, retrieval: sets.Retrieval) -> float:
    """Mean nDCG@10 by exact cosine search."""
    given = embed(retrieval.queries) @ embed(retrieval.documents).T
    wanted = np.zeros(given.shape)
    for row, answers in enumerate(retrieval.relevant):
        wanted[row, list(answers)] = 1
    return float(ndcg_score(wanted, given, k=10))


def accuracy(embed: Embed, classes: sets.Classes) -> float:
    """Share of test texts that logistic regression on frozen vectors labels right."""
    (train, labels), (test, wanted) = classes.train, classes.test
    model = LogisticRegression(C=10, max_iter=300).fit(embed(train), labels)
    return float(model.score(embed(test), wanted))


def _misspelt(embed: Embed, spelt: sets.Misspellings) -> tuple[float, float, float]:
    """Mean cosine with the right word, median rank of it among the candidates, and share of ranks of 1."""
    candidates, given = embed(spelt.candidates), embed(spelt.wrong)
    scores = given @ candidates.T
    right = scores[np.arange(len(given)), spelt.right]
    # A word that an encoder does not know is as near to every candidate: in the middle of those that tie.
    ranks = (scores > right[:, None]).sum(axis=1) + ((scores == right[:, None]).sum(axis=1) + 1) / 2
    return float(right.mean()), float(np.median(ranks)), float((ranks == 1).mean())


def word_order(embed: Embed) -> float:
    """Share of sentences whose actor logistic regression on frozen vectors tells from the one acted upon.

    Five folds of pairs of actors; it has seen both actors, never the two together. A vector that knows no order is the
    same for "the dog bites the man" and "the man bites the dog", and is right once in the two: 0.5.
    """
    texts, acting, acted_upon = zip(*sets.word_order(), strict=True)
    rows, actors, others = embed(texts), np.array(acting), np.array(acted_upon)
    groups = np.minimum(actors, others) * len(sets.ACTORS) + np.maximum(actors, others)
    right = np.zeros(len(texts), bool)
    for learnt, asked in GroupKFold(5).split(rows, actors, groups):
        model = LogisticRegression(C=100, max_iter=1000).fit(rows[learnt], actors[learnt])
        odds = model.predict_proba(rows[asked])
        place = np.arange(len(asked))
        right[asked] = odds[place, actors[asked]] > odds[place, others[asked]]
    return float(right.mean())


def speed(embed: Embed, texts: Sequence[str], batch: int) -> float:
    """Texts a second, tokenising included."""
    embed(texts[:batch])
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < _SPEED_SECONDS:
        start = done % (len(texts) - batch + 1)
        embed(texts[start : start + batch])
        done += batch
    return done / (time.perf_counter() - began)


def table_of(figures: dict[str, dict[str, float]]) -> str:
    """Encoders side by side, as Markdown."""
    names = list(figures)
    rows = [[key, *(_shown(key, figures[name][key]) for name in names)] for key in figures[names[0]]]
    return table(["", *names], rows)


def _shown(key: str, value: float) -> str:
    """A figure as the table shows it."""
    if np.isnan(value):
        return "-"
    if key in ("dimensions", "misspelling rank") or "texts/s" in key:
        return f"{value:,.0f}"
    return f"{value:.1f}" if key == "MB" else f"{value:.3f}"


if __name__ == "__main__":
    typer.run(main)
