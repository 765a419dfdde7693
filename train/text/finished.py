"""A run on raw text on disk: a run's folder (`train/run/folder.py`) with `tokenizer.model` and no vectors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from linguagen.models.errors import LinguaGenError, RunFolderError
from linguagen.models.manifests.text import TextFigure
from linguagen.runtime.text.tokenizer import Tokenizer
from linguagen.train.run.folder import RunFolder
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.network import TextNetwork


@dataclass(frozen=True, eq=False)
class FinishedTextRun:
    """All that an exporter needs of a run on text."""

    name: str
    config: TextRunConfig
    encoder: TextNetwork
    tokenizer: Tokenizer
    samples: tuple[str, ...]
    """Texts that the export gate compares on."""
    figures: tuple[TextFigure, ...]
    summary: Mapping[str, Any]
    """Texts, pairs and seconds, as `finished.json` holds them."""


def is_text_run(folder: RunFolder) -> bool:
    """True for a run on text, by its settings."""
    try:
        return "text" in json.loads(folder.config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def read_text_config(folder: RunFolder) -> TextRunConfig:
    """The run's settings.

    Raises:
        RunFolderError: there are none, or they are those of another kind of run.
    """
    if not folder.config.is_file():
        raise RunFolderError(f"{folder.path} is not a training run (no config.json); make one with lg-train --text")
    return TextRunConfig.from_json(folder.config.read_text(encoding="utf-8"), str(folder.config))


def load_text_run(path: Path) -> FinishedTextRun:
    """Read a finished run on text.

    Raises:
        RunFolderError: no run, not finished, or damaged.
    """
    folder = RunFolder(path)
    config = read_text_config(folder)
    if not folder.finished.is_file():
        raise RunFolderError(f"{path} is not finished; go on with: lg-train --resume --out {path}")
    kept = path / "tokenizer.model"
    try:
        summary = json.loads(folder.finished.read_text(encoding="utf-8"))
        figures = tuple(TextFigure(**row) for row in summary.pop("figures"))
        samples = tuple(summary.pop("samples"))
        tokenizer = Tokenizer(kept.read_bytes(), str(kept))
        encoder = TextNetwork(tokenizer.pieces, config.encoder)
        encoder.load_state_dict(folder.read_checkpoint()["encoder"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, LinguaGenError) as error:
        raise RunFolderError(f"{path} cannot be read ({str(error)[:160]}); train again") from error
    return FinishedTextRun(path.name, config, encoder.eval(), tokenizer, samples, figures, summary)


class RandomState:
    """Torch's random numbers, as a part of a checkpoint: a resumed run drops the same tokens."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return {"cpu": torch.get_rng_state()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """From a checkpoint."""
        torch.set_rng_state(state["cpu"])
