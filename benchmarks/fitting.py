"""Train an encoder on rows in memory, by the loop that lg-train runs."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.reading.array_files import open_npy
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.held_out import Split
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.closed_form import gather_moments
from linguagen.train.vectors.config import EncoderConfig, VectorRunConfig
from linguagen.train.vectors.data import Corpus, split_rows
from linguagen.train.vectors.finished import load_finished
from linguagen.train.vectors.fit import fit_corpus
from linguagen.train.vectors.loop import train
from linguagen.train.vectors.model_file import Start
from linguagen.train.vectors.network import VectorNetwork

Encode = Callable[[np.ndarray], np.ndarray]
"""From vectors (n, 1536) to embeddings (n, dim)."""


@dataclass(frozen=True)
class Trained:
    """What a training leaves: its embeddings, its figures and its rows."""

    network: VectorNetwork
    encode: Encode
    result: Any
    """Model and controls as the loop measured them."""
    summary: dict[str, Any]
    """What the run's folder says about the finished run."""
    split: Split
    """Numbers of the rows that it trained on and of those held out."""


def train_on(
    rows: np.ndarray,
    settings: Mapping[str, Any],
    device: str = "cpu",
    origins: np.ndarray | None = None,
    network: type[VectorNetwork] = VectorNetwork,
) -> Trained:
    """Train on rows (n, width).

    Args:
        rows: training vectors, each of length 1.
        settings: what differs from the default configuration, by name.
        device: of the training.
        origins: where each row comes from (n,), for held-out origins.
        network: class of the encoder.
    """
    torch.set_num_threads(1 if device == "cuda" else 2)
    made: list[VectorNetwork] = []

    def make(width: int, shape: EncoderConfig) -> VectorNetwork:
        made.append(network(width, shape))
        return made[0]

    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", rows)
        if origins is not None:
            np.save(f"{folder}/rows-source.npy", origins)
        config = VectorRunConfig.from_flat({"inputs": (f"{folder}/rows.npy",), **settings})
        run = RunFolder(Path(folder) / "run")
        run.write_config(config)
        split = split_rows(
            Corpus((open_npy(Path(folder) / "rows.npy", rows.shape[1]),)),
            config.held_out,
            config.seed,
            origins is not None,
        )
        result = train(config, run, Processes(device=torch.device(device)), make_network=make)
        summary = json.loads(run.finished.read_text())
        encoder = made[0] if network is not VectorNetwork else load_finished(run.path).network
    return Trained(encoder, encoder_of(encoder), result, summary, split)


def fit_on(rows: np.ndarray, statistics: TeacherStatistics, general: np.ndarray) -> Encode:
    """Fit one corpus, by what lg-train --init runs.

    Args:
        rows: its vectors (count, width), each of length 1; all of them are fitted.
        statistics: of the teacher's other vectors.
        general: the map (width, dim) that was trained on those, to start from.
    """
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", rows)
        values = {"inputs": (f"{folder}/rows.npy",), "init": "a model in memory", "dim": general.shape[1]}
        config, run = VectorRunConfig.for_fit(values), RunFolder(Path(folder) / "run")
        run.write_config(config)
        fit_corpus(config, run, Processes(), start=Start(statistics, general))
        return encoder_of(load_finished(run.path).network)


def statistics_of(rows: np.ndarray, rank: int = 256) -> TeacherStatistics:
    """Statistics of vectors (rows, width), as a model file carries them."""
    return TeacherStatistics.from_moments(*gather_moments([rows], rows.shape[1]), rank)


def encoder_of(network: VectorNetwork) -> Encode:
    """A function from numpy to numpy of a network, where its weights are."""
    device = next(network.parameters()).device

    def encode(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(network(torch.from_numpy(rows).to(device)).cpu().numpy())

    return encode
