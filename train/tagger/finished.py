"""A finished run of a tagger. Next to what every run's folder holds there is `tokenizer.model` if it reads pieces."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from linguagen.models.manifests.tagger import TaggerFigure
from linguagen.runtime.text.tokenizer import Tokenizer
from linguagen.runtime.text.word_features import WordReader
from linguagen.train.run.checkpoint import read_checkpoint
from linguagen.train.run.finished import FinishedRun, read_finished
from linguagen.train.run.folder import RunFolder
from linguagen.train.tagger.config import TaggerRunConfig
from linguagen.train.tagger.data import Sentence
from linguagen.train.tagger.network import TaggerNetwork, word_features


@dataclass(frozen=True, eq=False)
class FinishedTaggerRun(FinishedRun[TaggerRunConfig, TaggerNetwork]):
    """All that an exporter needs of a tagger's run."""

    labels: tuple[str, ...]
    scheme: str
    transitions: Tensor | None
    """What a label adds to the score of the next, (labels + 1, labels); None if none were learnt."""
    reader: WordReader
    samples: tuple[Sentence, ...]
    """Sentences held out, on which the export gate compares."""
    figures: tuple[TaggerFigure, ...]


def load_finished(path: Path) -> FinishedTaggerRun:
    """Read a finished run of a tagger.

    Raises:
        RunFolderError: no run, of another kind, not finished, or damaged.
    """
    return read_finished(path, TaggerRunConfig, _read)


def _read(folder: RunFolder, config: TaggerRunConfig, summary: dict[str, Any]) -> FinishedTaggerRun:
    """Everything but the settings, from the run's folder and its summary."""
    kept = folder.tokenizer
    tokenizer = Tokenizer(kept.read_bytes(), str(kept)) if kept.exists() else None
    features = word_features(config.encoder, tokenizer)
    labels, saved = tuple(summary.pop("labels")), read_checkpoint(folder)
    network = TaggerNetwork(features, len(labels), config.encoder)
    network.load_state_dict(saved["model"])
    figures = tuple(TaggerFigure(**row) for row in summary.pop("figures"))
    samples = tuple(Sentence(tuple(words), tuple(tags)) for words, tags in summary.pop("samples"))
    scheme, transitions = summary.pop("scheme"), saved["objective"].get("transitions")
    reader = WordReader(features, tokenizer)
    return FinishedTaggerRun(
        folder.path.name, config, network.eval(), summary, labels, scheme, transitions, reader, samples, figures
    )
