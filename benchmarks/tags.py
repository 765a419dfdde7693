"""Write docs/results/tags.md: the shipped taggers on sentences that they were neither trained nor chosen on.

OMP_NUM_THREADS=1 python -m benchmarks.tags
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.pages import write_block
from linguagen.runtime import Tagger
from linguagen.runtime.measure.labelled import figures_of
from linguagen.train.tagger.controls import crf, most_frequent
from linguagen.train.tagger.data import Sentence, read_labels_map, read_sentences
from recipes import taggers
from recipes.commands import ROOT

PAGE = ROOT / "docs" / "results" / "tags.md"
_RESAMPLES = 1000
Labels = Sequence[Sequence[str]]


def main() -> None:
    """Measure, and replace the tables of the page."""
    write_block(PAGE, "tags", f"### Unseen sentences\n\n{measured()}")


def measured() -> str:
    """The tables, as Markdown."""
    pos, ner = (model_file(name) for name in taggers.NAMES)
    names = read_labels_map(str(taggers.SETTINGS["ner"]["labels_map"]))
    ewt = read_sentences([str(taggers.POS / "en_ewt-ud-test.conllu")], "auto", {})
    wnut = read_sentences([str(taggers.SETTINGS["ner"]["dev"])], "auto", names)
    news = read_sentences([str(taggers.RE3D / f"{taggers.NEWS}.conll")], "auto", names)
    lines = [
        "| sentences | figure | tagger | CRF | most frequent label |",
        "|---|---|---|---|---|",
        row("UD-EWT test", pos, "pos", ewt),
        row("WNUT17 dev (chosen on)", ner, "ner", wnut),
        row(f"re3d, {taggers.NEWS.replace('_', ' ')}", ner, "ner", news),
        "",
        "| model | MB | words per second, one thread | training, seconds |",
        "|---|---|---|---|",
        *(speed(path, ewt) for path in (pos, ner)),
    ]
    return "\n".join(lines)


def model_file(name: str) -> Path:
    """Where the file of a shipped tagger lies."""
    return ROOT / name / name.replace("-", "_") / f"{name}.onnx"


def row(title: str, path: Path, kind: str, sentences: list[Sentence]) -> str:
    """One row of the first table: the model and two simple taggers that learn from the same sentences."""
    names = read_labels_map(str(taggers.SETTINGS["ner"]["labels_map"])) if kind == "ner" else {}
    training = read_sentences([str(each) for each in taggers.data_of(kind)], "auto", names)
    expected = [each.labels for each in sentences]
    scheme = "bio" if kind == "ner" else "tags"
    ours = Tagger.load(path, threads=1).tag_words([each.words for each in sentences])
    others = [crf(training, sentences), most_frequent(training, sentences)]
    cells = [interval(ours, expected, scheme), *(score(each, expected, scheme) for each in others)]
    figure = next(iter(figures_of(ours, expected, scheme)))
    return f"| {title} | {figure} | {' | '.join(cells)} |"


def score(labels: Labels | None, expected: Labels, scheme: str) -> str:
    """The first figure of labels; a dash if there are none."""
    return "-" if labels is None else f"{next(iter(figures_of(labels, expected, scheme).values())):.3f}"


def interval(labels: Labels, expected: Labels, scheme: str) -> str:
    """The first figure, with half the width of its 95 % interval over sentences (bootstrap)."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(_RESAMPLES):
        rows = generator.integers(0, len(labels), len(labels))
        drawn = figures_of([labels[n] for n in rows], [expected[n] for n in rows], scheme)
        found.append(next(iter(drawn.values())))
    low, high = np.quantile(found, [0.025, 0.975])
    return f"**{score(labels, expected, scheme)}** ± {(high - low) / 2:.3f}"


def speed(path: Path, sentences: list[Sentence]) -> str:
    """One row of the second table; the fastest of three passes over sentences that are divided into words."""
    tagger = Tagger.load(path, threads=1)
    words = [each.words for each in sentences]
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        tagger.tag_words(words)
        seconds.append(time.perf_counter() - began)
    rate = sum(map(len, words)) / min(seconds)
    took = tagger.manifest.training["seconds"]
    return f"| {path.stem} | {path.stat().st_size / 1e6:.1f} | {rate:,.0f} | {took:.0f} |"


if __name__ == "__main__":
    main()
