"""Simple taggers that a trained one is compared with: the most frequent label of a word, and a CRF."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from linguagen.runtime.text.word_features import shape_of
from linguagen.train.tagger.data import Sentence

_ROUNDS = 60
_AFFIX = 4
"""Letters of the longest prefix and suffix that the CRF reads."""


def most_frequent(training: Sequence[Sentence], held_out: Sequence[Sentence]) -> list[list[str]]:
    """The label that each word had most often in training; unknown words get the most frequent label of all."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in training:
        for word, label in zip(*sentence, strict=True):
            counts[word][label] += 1
    best = {word: labels.most_common(1)[0][0] for word, labels in counts.items()}
    default = sum(counts.values(), Counter()).most_common(1)[0][0]
    return [[best.get(word, default) for word in sentence.words] for sentence in held_out]


def crf(training: Sequence[Sentence], held_out: Sequence[Sentence]) -> list[list[str]] | None:
    """The labels of a CRF over words, affixes, shapes and neighbours; None if python-crfsuite is not installed."""
    try:
        import pycrfsuite
    except ImportError:
        return None
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": _ROUNDS})
    for sentence in training:
        trainer.append(_features(sentence.words), list(sentence.labels))
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "crf")
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        tagger.open(path)
        found = [list(tagger.tag(_features(sentence.words))) for sentence in held_out]
        tagger.close()
    return found


def _features(words: Sequence[str]) -> list[list[str]]:
    """What the CRF reads of each word."""
    padded = ["<", *(word.lower() for word in words), ">"]
    return [
        [
            f"w={lowered}",
            f"shape={shape_of(word)}",
            f"before={padded[number]}",
            f"after={padded[number + 2]}",
            *(f"p{length}={lowered[:length]}" for length in range(1, _AFFIX + 1)),
            *(f"s{length}={lowered[-length:]}" for length in range(1, _AFFIX + 1)),
        ]
        for number, (word, lowered) in enumerate(zip(words, padded[1:-1], strict=True))
    ]
