"""Measure text encoders on the public sets, all in one run, and write the table of docs/results.md.

    make results-text

The models are run folders (`--run NAME=FOLDER`), each exported in int8 and run by the runtime. Retrieval is measured
twice: by encoders that never saw the documents, and by those that can be fitted to them (ours, and TF-IDF).
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import text_peers as peers
import text_sets as sets
import typer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ndcg_score
from sklearn.model_selection import GroupKFold
from text_peers import Embed, Encoder

from linguagen.export.request import ExportRequest
from linguagen.export.text.writer import export_text_run
from linguagen.runtime.measure.scores import cosines, spearman
from linguagen.train.text.finished import load_finished

_TABLE_BEGIN, _TABLE_END = "<!-- text table: written by make results-text -->", "<!-- end of text table -->"
_SPEED_SECONDS = 2.0


def main(
    shared: Annotated[Path, typer.Option(help="Folder of the corpora and sets.")],
    corpus: Annotated[Path, typer.Option(help="The training corpus, a text a line.")],
    run: Annotated[list[str], typer.Option(help="NAME=FOLDER of a finished run on text.")],
    out: Annotated[Path, typer.Option(help="Figures as JSON.")] = Path(".results-text.json"),
    docs: Annotated[Path | None, typer.Option(help="The page whose table is replaced.")] = None,
) -> None:
    """Measure and write."""
    lines = corpus.read_text(encoding="utf-8").splitlines()
    with TemporaryDirectory() as folder:
        encoders = [_exported(each, Path(folder)) for each in run]
        table = run[-1].split("=")
        encoders += [
            peers.mean_of_table("its table", Path(table[1])),
            peers.word_llama(),
            peers.mini_lm(),
            peers.glove(),
            peers.tf_idf(lines[:100_000]),
        ]
        frequent = peers.frequent_words(lines, 10_000)
        figures = {}
        for encoder in encoders:
            began = time.monotonic()
            figures[encoder.name] = measure(encoder, shared / "text/eval", frequent)
            typer.echo(f"{encoder.name}: {time.monotonic() - began:.0f} s {figures[encoder.name]}", err=True)
    out.write_text(json.dumps(figures, indent=2))
    typer.echo(table_of(figures))
    if docs:
        text = docs.read_text(encoding="utf-8")
        head, rest = text.split(_TABLE_BEGIN)
        docs.write_text(
            f"{head}{_TABLE_BEGIN}\n{table_of(figures)}\n{_TABLE_END}{rest.split(_TABLE_END)[1]}", encoding="utf-8"
        )


def _exported(named: str, folder: Path) -> Encoder:
    name, run = named.split("=")
    path = folder / f"{len(list(folder.iterdir()))}.onnx"
    export_text_run(load_finished(Path(run)), ExportRequest(quantize="int8"), path)
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
    texts, actors, others = map(list, zip(*sets.word_order(), strict=True))
    rows, actors, others = embed(texts), np.array(actors), np.array(others)
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
    rows = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for key in figures[names[0]]:
        rows.append(f"| {key} | {' | '.join(_shown(key, figures[name][key]) for name in names)} |")
    return "\n".join(rows)


def _shown(key: str, value: float) -> str:
    if np.isnan(value):
        return "-"
    if key in ("dimensions", "misspelling rank") or "texts/s" in key:
        return f"{value:,.0f}"
    return f"{value:.1f}" if key == "MB" else f"{value:.3f}"


if __name__ == "__main__":
    typer.run(main)
