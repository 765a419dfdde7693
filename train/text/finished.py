"""A finished run on raw text. Next to what every run's folder holds there is `tokenizer.model`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linguagen.models.manifests.text import TextFigure
from linguagen.runtime.text.tokenizer import Tokenizer
from linguagen.train.run.checkpoint import read_checkpoint
from linguagen.train.run.finished import FinishedRun, read_finished
from linguagen.train.run.folder import RunFolder
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.network import TextNetwork


@dataclass(frozen=True, eq=False)
class FinishedTextRun(FinishedRun[TextRunConfig, TextNetwork]):
    """All that an exporter needs of a run on text."""

    tokenizer: Tokenizer
    samples: tuple[str, ...]
    """Texts that the export gate compares on."""
    figures: tuple[TextFigure, ...]


def load_finished(path: Path) -> FinishedTextRun:
    """Read a finished run on text.

    Raises:
        RunFolderError: no run, of another kind, not finished, or damaged.
    """
    return read_finished(path, TextRunConfig, _read)


def _read(folder: RunFolder, config: TextRunConfig, summary: dict[str, Any]) -> FinishedTextRun:
    """Everything but the settings, from the run's folder and its summary."""
    kept = folder.tokenizer
    tokenizer = Tokenizer(kept.read_bytes(), str(kept))
    network = TextNetwork(tokenizer.pieces, config.encoder)
    network.load_state_dict(read_checkpoint(folder)["model"])
    figures = tuple(TextFigure(**row) for row in summary.pop("figures"))
    samples = tuple(summary.pop("samples"))
    return FinishedTextRun(folder.path.name, config, network.eval(), summary, tokenizer, samples, figures)
