"""The tagger: texts in, labelled words or named entities out, without an API and without a network."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from linguagen.models.catalogue import DEFAULT_TAGGER
from linguagen.models.errors import ModelFileError, TextError
from linguagen.models.manifests.tagger import FEATURES_NAME, SCORES_NAME, TaggerManifest
from linguagen.models.model_file import read_tagger_file
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.engine import Engine, check_engine
from linguagen.runtime.encoders.loaded import LoadedModel
from linguagen.runtime.encoders.text_encoder import Batch, batches_by_length
from linguagen.runtime.text.labels import LabelChain, Labelled
from linguagen.runtime.text.tagged import Tag, TaggedSentence, TaggedText
from linguagen.runtime.text.tokenizer import Tokenizer, check_strings, checked_texts
from linguagen.runtime.text.word_features import FeatureRows, WordReader, pad_rows
from linguagen.runtime.text.words import MOST_WORDS, Span, sentences
from linguagen.runtime.vectors import Array

_BLOCK_WORDS = 16_384
"""Words that are labelled at a time, so that memory stays flat for any input."""
_BATCH_SENTENCES, _BATCH_WORDS = 128, 4096
"""Sentences and, padding included, words in one call of the graph, at most."""


class _Sentence(NamedTuple):
    """A sentence that waits to be labelled."""

    number: int
    """Which text it is from."""
    spans: list[Span]
    words: list[str]


class Tagger(LoadedModel):
    """Labels the words of texts with a model file. Threads can share one; it pickles with its model."""

    default_model: ClassVar[str] = DEFAULT_TAGGER

    _engine: Engine

    def __init__(self, path: Path, device: str, threads: int | None, engine: str = "auto") -> None:
        """Read a tagger's file; `load` also finds it by name and starts its engine."""
        check_engine(engine, device, threads)
        file = read_tagger_file(path)
        self.manifest: TaggerManifest = file.manifest
        features = self.manifest.features
        self._choice, self._path, self._threads = engine, str(path), threads or usable_cores()
        self._reader = WordReader(features, Tokenizer(file.tokenizer, str(path)) if features.piece_columns else None)
        self._chain = LabelChain(self.manifest)
        ends: list[tuple[str, int | str]] = [(FEATURES_NAME, features.columns), (SCORES_NAME, self.manifest.output_dim)]
        # One batch per thread is faster than several threads inside a batch.
        self._engine = Engine(file.data, str(path), ends, device, threads=1)

    def _open_c(self) -> Any:
        """Refuse, since the C library runs no taggers.

        Raises:
            ModelFileError: always.
        """
        raise ModelFileError(f"{self._path}: the C library runs no taggers; use engine='onnxruntime'")

    def tag(self, texts: Any, first: int = 0) -> list[list[Tag]]:
        """Label texts of any length; each by itself, so batches and order change nothing.

        With the scheme `tags` every word gets a label, with `bio` every named entity. A text of several sentences is
        read sentence by sentence. A text without words, such as an empty one, has no tags.

        Args:
            texts: strings in any script: a list, a pandas or polars Series, an Arrow or numpy array, or a single one.
            first: number of the first text, for messages.

        Returns:
            The tags of each text, in order; they never overlap, and never cut a word.

        Raises:
            TextError: a text is not a string; the message has its number.
        """
        listed = checked_texts(texts, first)
        found: list[list[Tag]] = [[] for _ in listed]
        for number, sentence in self._sentences(listed):
            found[number] += sentence.tags(listed[number])
        return found

    def tagged(self, texts: Any, first: int = 0) -> list[TaggedText]:
        """Like `tag`, but with all sentences and words, which most files of tags need."""
        listed = checked_texts(texts, first)
        found = [TaggedText(text, []) for text in listed]
        for number, sentence in self._sentences(listed):
            found[number].sentences.append(sentence)
        return found

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Label words that are given, as a treebank divides them.

        Args:
            sentences: the words of each sentence; one of more than 512 is read in parts.

        Returns:
            The label of each word, with the B- and I- of the scheme `bio`.

        Raises:
            TextError: a sentence has no word, or a word is empty or not a string.
        """
        return [each.labels for each in self.label(sentences)]

    def label(self, sentences: Sequence[Sequence[str]]) -> list[Labelled]:
        """Like `tag_words`, but with the groups that the labels make, and their scores."""
        for number, words in enumerate(sentences):
            _check_words(words, number)
        waiting = (
            _Sentence(number, [], list(words[start : start + MOST_WORDS]))
            for number, words in enumerate(sentences)
            for start in range(0, len(words), MOST_WORDS)
        )
        found = [Labelled([], []) for _ in sentences]
        for block in _blocks(waiting):
            for sentence, (labels, groups) in zip(block, self._label_block(block), strict=True):
                before = len(found[sentence.number].labels)
                found[sentence.number].labels.extend(labels)
                found[sentence.number].groups.extend(
                    group._replace(first=before + group.first, end=before + group.end) for group in groups
                )
        return found

    def _sentences(self, texts: list[str]) -> Iterator[tuple[int, TaggedSentence]]:
        """Yield the sentences of texts, each with the number of its text."""
        waiting = (
            _Sentence(number, spans, [text[start:end] for start, end in spans])
            for number, text in enumerate(texts)
            for spans in sentences(text)
        )
        for block in _blocks(waiting):
            for sentence, labelled in zip(block, self._label_block(block), strict=True):
                yield sentence.number, TaggedSentence(sentence.spans, labelled)

    def _label_block(self, block: list[_Sentence]) -> list[Labelled]:
        """Label sentences, batches on several threads."""
        found: dict[int, Labelled] = {}

        def run(batch: Batch) -> None:
            """Label one batch."""
            rows = [self._reader.rows(block[number].words) for number in batch]
            found.update(zip(batch, self._chain.decode(self._scores(rows), list(map(len, rows))), strict=True))

        lengths = [len(sentence.words) for sentence in block]
        batches = list(batches_by_length(lengths, _BATCH_SENTENCES, _BATCH_WORDS))
        if len(batches) == 1 or self._threads == 1:
            for batch in batches:
                run(batch)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(run, batches))
        return [found[number] for number in range(len(block))]

    def _scores(self, rows: list[FeatureRows]) -> Array:
        """Scores (sentences, words of the longest, labels) of feature rows, each (words, columns).

        Sentences of more than `window` words are read in windows that overlap. A word takes its scores from the window
        in which it is further from an end.
        """
        longest, window, overlap = max(map(len, rows)), self.manifest.window, self.manifest.overlap
        if longest <= window:
            return self._run(rows)
        scores = np.zeros((len(rows), longest, self.manifest.output_dim), np.float32)
        for place, each in zip(scores, rows, strict=True):
            starts = range(0, max(1, len(each) - 2 * overlap), window - 2 * overlap)
            for start, part in zip(starts, self._run([each[start : start + window] for start in starts]), strict=True):
                first, end = start + overlap if start else 0, min(len(each), start + window)
                place[first:end] = part[first - start : end - start]
        return scores

    def _run(self, rows: list[FeatureRows]) -> Array:
        """Scores (rows, words of the longest, labels) of feature rows, each (words, columns), in one call."""
        return self.scores_of(pad_rows(rows))

    def scores_of(self, rows: FeatureRows) -> Array:
        """Scores (sentences, words, labels) of the graph for feature rows (sentences, words, columns), in one call."""
        return self._engine.run(rows)  # type: ignore[no-any-return]


def _check_words(words: Sequence[str], number: int) -> None:
    """Refuse what is no list of words; `number` is that of the sentence.

    Raises:
        TextError: there is no word, or one is empty or not a string.
    """
    if isinstance(words, str) or not isinstance(words, Sequence):
        raise TextError(
            f"sentence {number} is of type {type(words).__name__}, expected a list of words; give texts to tag()"
        )
    if not words:
        raise TextError(f"sentence {number} has no word; leave it out")
    for place, word in enumerate(words):
        if not isinstance(word, str) or not word or word.isspace():
            raise TextError(f"sentence {number}, word {place} is {word!r:.40}, expected a string that is not empty")
        check_strings([word], number)


def _blocks(waiting: Iterable[_Sentence]) -> Iterator[list[_Sentence]]:
    """Collect sentences into blocks of about _BLOCK_WORDS words."""
    block: list[_Sentence] = []
    held = 0
    for sentence in waiting:
        block.append(sentence)
        held += len(sentence.words)
        if held >= _BLOCK_WORDS:
            yield block
            block, held = [], 0
    if block:
        yield block
