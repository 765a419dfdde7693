"""Learn from vectors in memory: the same training and the same fit as lg-train, in a folder that is gone afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.measure.controls import project, softened_pca
from linguagen.runtime.vectors import Array
from linguagen.train.network.linear import least_squares
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import joined
from linguagen.train.vectors.blend import Blends
from linguagen.train.vectors.closed_form import DECODER_ROWS, gather_moments
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.data import pick
from linguagen.train.vectors.finished import FinishedVectorRun, load_finished
from linguagen.train.vectors.fit import fit_corpus
from linguagen.train.vectors.loop import train
from linguagen.train.vectors.model_file import read_start

ORIGIN = "array"
"""Name of the input in the settings of a run that learns from memory."""
UNMEASURED = 0.2
"""The teacher's share in a fit that holds nothing out to choose one."""


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A linear map that was learnt, the map back, and what was measured."""

    projection: Array  # (width, dim)
    decoder: Array  # (dim, width)
    fidelity: tuple[FidelityRow, ...]
    verdict: str
    files: Mapping[str, bytes]
    """The finished run's files by name, for the exporter; empty if nothing was measured."""


def learn(rows: Array, config: VectorRunConfig) -> LinearFit:
    """Train or fit a linear map on rows, measured on rows held out.

    Args:
        rows: (rows, width), unit length.
        config: settings with directions `none`; with `init` it is a fit, otherwise a training.

    Raises:
        TrainingError: too few rows, all the same, or of another width than the starting model takes.
        UsageError, UnknownModelError, ModelFileError: the starting model cannot be used.
    """
    with TemporaryDirectory() as temporary, joined(config.device) as processes:
        folder = RunFolder(Path(temporary) / ORIGIN)
        path = Path(temporary) / f"{ORIGIN}.npy"
        np.save(path, rows)
        settings = replace(config, inputs=(str(path),))
        folder.write_config(settings)
        result = (fit_corpus if config.init else train)(settings, folder, processes)
        folder.write_config(replace(config, inputs=(ORIGIN,)))  # the file is gone when somebody reads this
        run = load_finished(folder.path)
        files = {item.name: item.read_bytes() for item in sorted(folder.path.iterdir()) if item.is_file()}
    projection = np.ascontiguousarray(run.network.skip.weight.detach().numpy().T)
    return LinearFit(projection, run.decoder, run.fidelity, result.verdict if result else "", files)


def learn_unmeasured(rows: Array, config: VectorRunConfig) -> LinearFit:
    """Like `learn`, but in closed form from all rows: nothing is held out, chosen or measured.

    With `init` the map is the main axes of the rows and, to a share of UNMEASURED, of the teacher; otherwise it is
    softened PCA.
    """
    moments = gather_moments([rows], rows.shape[1])
    if config.init:
        start = read_start(config.init, config.encoder.dim)
        projection = Blends(moments[1], start.statistics, start.dim).projection(UNMEASURED)
    else:
        statistics = TeacherStatistics.from_moments(*moments, config.encoder.dim)
        projection = softened_pca(statistics, config.encoder.dim, config.encoder.softening)
    some = rows[pick(np.random.default_rng(config.seed), np.arange(len(rows)), DECODER_ROWS)]
    return LinearFit(projection, least_squares(project(some, projection), some), (), "", {})


@contextmanager
def restored(files: Mapping[str, bytes], name: str) -> Iterator[FinishedVectorRun]:
    """Inside: the finished run of a `LinearFit`'s files, under a name.

    Raises:
        RunFolderError: the files are no finished run of this version.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        for each, data in files.items():
            (folder / each).write_bytes(data)
        yield load_finished(folder)
