"""Texts and pairs from files, and token lists in the order in which training reads them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from linguagen.models.errors import TextError
from linguagen.runtime.text.lines import numbered_lines
from linguagen.runtime.text.tokenizer import PADDING

LEAST_TEXTS = 200
"""The fewest texts, and the fewest pairs, that training takes."""
_POOL_BATCHES = 8
"""Batches that are drawn at once, so that each can have texts of similar length."""

Rows = npt.NDArray[np.int64]
"""Numbers of texts, (count,)."""


@dataclass(frozen=True, eq=False)
class Texts:
    """The texts of a corpus."""

    texts: list[str]
    rows: list[int]
    """For each text, the row of its target vector in the file of targets."""


def read_texts(paths: Sequence[str]) -> Texts:
    """Read corpora one after another: one text per line, or .jsonl with `text` and maybe the `row` of its target.

    Args:
        paths: .txt or .jsonl files, plain or packed (.xz, .gz, .bz2).

    Raises:
        TextError: a file that cannot be read, an empty line, or a line without `text`; by number.
    """
    corpus = Texts([], [])
    for name in paths:
        for number, line in numbered_lines(name):
            text, row = _json_text(line, f"{name}, line {number}") if _is_json(name) else (line, None)
            if not text.strip():
                raise TextError(f"{name}, line {number}: an empty text; leave such lines out")
            corpus.texts.append(text)
            corpus.rows.append(len(corpus.rows) if row is None else row)
    if len(corpus.texts) < LEAST_TEXTS:
        raise TextError(
            f"{', '.join(paths)}: {len(corpus.texts)} texts, expected {LEAST_TEXTS} or more; "
            "the shipped model needs no training: lg-run embed"
        )
    return corpus


def read_pairs(name: str) -> list[tuple[str, str]]:
    """Read pairs of texts, two on each line with a tab between.

    Raises:
        TextError: a file that cannot be read, or a line of another shape, by number.
    """
    pairs = []
    for number, line in numbered_lines(name):
        parts = line.split("\t")
        if len(parts) != 2 or not all(part.strip() for part in parts):
            raise TextError(f"{name}, line {number}: expected two texts with a tab between, got {line[:80]!r}")
        pairs.append((parts[0], parts[1]))
    if len(pairs) < LEAST_TEXTS:
        raise TextError(f"{name}: {len(pairs)} pairs, expected {LEAST_TEXTS} or more; leave --pairs out")
    return pairs


def _is_json(name: str) -> bool:
    """True for JSON lines, plain or packed, by the file's name."""
    return ".jsonl" in Path(name).suffixes


def _json_text(line: str, place: str) -> tuple[str, int | None]:
    """The text of a JSON line, and the row of its target vector if it has one; place is for messages."""
    try:
        document = json.loads(line)
        row = document.get("row")
        return str(document["text"]), None if row is None else int(row)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise TextError(f'{place}: expected {{"text": ...}}, with "row" a number, got {line[:80]!r}') from error


class TokenLists:
    """Token lists of many texts in two arrays, so that millions of them fit into memory."""

    def __init__(self, lists: Sequence[Sequence[int] | npt.NDArray[np.int32]], longest: int) -> None:
        """Keep the first `longest` tokens of each list; `lengths` (texts,) are then those of what is kept."""
        self.lengths: Rows = np.array([min(len(each), longest) for each in lists], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.flat = np.empty(self._starts[-1], dtype=np.int32)
        for start, end, each in zip(self._starts, self._starts[1:], lists, strict=False):
            self.flat[start:end] = each[: end - start]

    def __len__(self) -> int:
        return len(self.lengths)

    def tokens_of(self, row: int) -> npt.NDArray[np.int32]:
        """The tokens (length,) of one text."""
        return self.flat[self._starts[row] : self._starts[row + 1]]

    def batch(self, rows: Rows) -> Tensor:
        """Texts by number (texts,) as one tensor (texts, length of the longest), filled up with PADDING."""
        lengths, place = self.lengths[rows], np.arange(self.lengths[rows].max())
        inside = place < lengths[:, None]  # (texts, longest)
        padded = np.full(inside.shape, PADDING, dtype=np.int64)
        padded[inside] = self.flat[(self._starts[rows][:, None] + place)[inside]]
        return torch.from_numpy(padded)

    def frequencies(self, pieces: int) -> Tensor:
        """How often each piece occurs, (pieces,)."""
        return torch.from_numpy(np.bincount(self.flat, minlength=pieces))


def batch_rows(allowed: Rows, lengths: Rows, size: int, seed: Sequence[int], step: int) -> Rows:
    """Numbers of the texts that a step reads, similar in length; seed and step alone decide, so that a run can resume.

    A text is drawn by the square root of its length: many a corpus is mostly words and phrases, which say least.

    Args:
        allowed: numbers of the texts to draw from.
        lengths: tokens in each text, (texts,).
        size: texts in a batch; all of `allowed` if there are fewer.
        seed: the run's.
        step: counted from 0.
    """
    pool, place = divmod(step, _POOL_BATCHES)
    generator = np.random.default_rng([*seed, pool])
    count = min(len(allowed), size * _POOL_BATCHES)
    odds = np.sqrt(lengths[allowed])
    drawn = generator.choice(allowed, count, replace=False, p=odds / odds.sum())
    drawn = drawn[np.argsort(lengths[drawn] + 3 * generator.random(count), kind="stable")]
    parts = np.array_split(drawn, max(1, count // min(size, len(allowed))))
    return np.asarray(parts[generator.permutation(len(parts))[place % len(parts)]])
