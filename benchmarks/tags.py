"""Write docs/results/tags.md: the shipped taggers on sentences that they were not trained on.

OMP_NUM_THREADS=1 python -m benchmarks.tags
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.pages import table, write_block
from linguagen.runtime import Tagger
from linguagen.runtime.measure.labelled import figures_of
from linguagen.train.tagger.controls import crf, most_frequent
from linguagen.train.tagger.data import Sentence, read_labels_map, read_sentences
from recipes import taggers
from recipes.commands import ROOT

PAGE = ROOT / "docs" / "results" / "tags.md"
HEAD = ["sentences", "figure", "tagger", "CRF", "most frequent label"]
SPEED_HEAD = ["model", "MB", "words per second, one thread", "training, seconds"]
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
    entities = {"WNUT17 dev (chosen on)": wnut, f"re3d, {taggers.NEWS.replace('_', ' ')}": news}
    figures = [*rows(pos, "pos", {}, {"UD-EWT test": ewt}), *rows(ner, "ner", names, entities)]
    speeds = [speed(path, ewt) for path in (pos, ner)]
    return "\n\n".join([table(HEAD, figures), table(SPEED_HEAD, speeds)])


def model_file(name: str) -> Path:
    """Where the file of a shipped tagger lies."""
    return ROOT / name / name.replace("-", "_") / f"{name}.onnx"


def rows(path: Path, kind: str, names: dict[str, str], sets: dict[str, list[Sentence]]) -> list[list[str]]:
    """Rows of the first table: a model and two simple taggers that learn once from the same sentences.

    Args:
        path: the model's file.
        kind: `pos` or `ner`.
        names: new names of labels.
        sets: sentences to measure on, by title.
    """
    training = read_sentences([str(each) for each in taggers.data_of(kind)], "auto", names)
    scheme = "bio" if kind == "ner" else "tags"
    every = [sentence for sentences in sets.values() for sentence in sentences]
    ours = Tagger.load(path, threads=1).tag_words([each.words for each in every])
    others = [crf(training, every), most_frequent(training, every)]
    found, first = [], 0
    for title, sentences in sets.items():
        part = slice(first, first + len(sentences))
        first = part.stop
        expected = [each.labels for each in sentences]
        cells = [None if each is None else each[part] for each in others]
        figure = next(iter(figures_of(ours[part], expected, scheme)))
        scores = [score(each, expected, scheme) for each in cells]
        found.append([title, figure, interval(ours[part], expected, scheme), *scores])
    return found


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


def speed(path: Path, sentences: list[Sentence]) -> list[str]:
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
    return [path.stem, f"{path.stat().st_size / 1e6:.1f}", f"{rate:,.0f}", f"{took:.0f}"]


if __name__ == "__main__":
    main()
