"""Fit the shipped models of whole width, whose embeddings are written in any number of bytes.

    python -m recipes.byte_models [TEACHER ...]      # writes models/shipped/TEACHER-1536.onnx

A closed form, in float64 and minutes: principal axes of the training vectors, the mean taken off; the energy of each
axis measured on origins that its axes were not fitted on, in four folds; bits dealt by reverse water-filling.
"""

import heapq
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from benchmarks.data import VECTORS, deal_folds, load_part
from linguagen.export.gate import must_run, require
from linguagen.export.graph.builder import Builder
from linguagen.export.graph.integers import round_columns
from linguagen.export.graph.model import finish_graph, rows_input
from linguagen.export.graph.nodes import unit_length
from linguagen.export.publish import Draft, publish
from linguagen.export.vectors.card import render_card
from linguagen.models.arrays import Array
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.trellis import LADDER, MOST_BYTES, Trellis
from linguagen.models.manifests.vectors import INPUT_NAME, OUTPUT_NAME, FidelityRow, Manifest
from linguagen.runtime import Compressor
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.encoders.rotation import SCALE, WEIGHT
from linguagen.runtime.measure.fidelity import FidelitySet
from linguagen.runtime.vectors import normalized
from recipes.commands import ROOT
from recipes.trellis_tables import TABLES
from recipes.vector_models import TEACHERS

Wide = npt.NDArray[np.float64]

FOLDS = 4
EXPONENT = 1.3
"""Bits are dealt by energy to this power, since neighbours are decided by the strong axes."""
RANK = 32
"""Eigenvectors of the teacher's statistics that the file keeps, to notice vectors of another teacher."""
SIZES = (32, 64, 128, 256, 512)
"""Bytes of the codes that the card shows."""
_MEASURED_ROWS = 2000
_LEAST_COSINE = 0.9999
"""Mean cosine between a vector and what rotating there and back makes of it: the cost of int8 weights."""


@dataclass(frozen=True, eq=False)
class Rotation:
    """Principal axes, their energies, and the mean."""

    axes: Array  # (width, width), columns of length 1, the most energy first, rounded to int8 steps
    energies: Wide  # (width,), on origins left out of the axes
    mean: Array  # (width,), of the rotated vectors

    def moments(self) -> EmbeddingMoments:
        """Mean and variances of the rotated vectors, which vary independently."""
        return EmbeddingMoments(self.mean, np.diag(self.energies.astype(np.float32)))


def main() -> None:
    """Fit the teachers that are named, or both."""
    for teacher in sys.argv[1:] or TEACHERS:
        path = ROOT / "models" / "shipped" / f"{teacher}-1536.onnx"
        exported = publish(draft(teacher), path, render_card)
        print(f"{path}: {exported.size / 1e6:.1f} MB", flush=True)


def draft(teacher: str) -> Draft[Manifest]:
    """The model of a teacher, not yet checked."""
    parts = ("train", "train-2")
    rows = np.concatenate([load_part(teacher, part) for part in parts])
    origins = [np.load(VECTORS / teacher / f"{part}-source.npy") for part in parts]
    folds = deal_folds(np.concatenate([origins[0], origins[1] + 1 + origins[0].max()]), FOLDS)
    rotation = fit(rows, folds)
    manifest = Manifest(
        name=f"{teacher}-1536",
        teacher=teacher,
        input_dim=rows.shape[1],
        output_dim=rows.shape[1],
        precision="int8",
        statistics=statistics_of(rows),
        embedding_moments=rotation.moments(),
        training={"rows": len(rows), "seed": 0, "folds": FOLDS, "exponent": EXPONENT, "axes": "principal"},
        fidelity=measured(rows, folds),
        fidelity_set="2000 vectors of a quarter of the origins, axes and bits fitted on the other three quarters",
        trellis=trellis_of(rotation.energies),
    )
    return Draft(graph_of(rotation), manifest, lambda path: {"parity": verify(path, rotation, rows)})


def fit(rows: Array, folds: npt.NDArray[np.int64]) -> Rotation:
    """The rotation of rows (count, width) whose origins are dealt to folds (count,)."""
    mean = rows.mean(axis=0, dtype=np.float64)
    energies: Wide = np.zeros(rows.shape[1])
    for fold in np.unique(folds):
        axes = principal_axes(rows[folds != fold])
        energies += (((rows[folds == fold] - mean) @ axes) ** 2).sum(axis=0)
    order = np.argsort(-energies, kind="stable")
    integers, scales = round_columns(principal_axes(rows)[:, order].astype(np.float32))
    rounded = np.asarray(integers * scales, np.float32)  # the mean is that of what the file computes
    return Rotation(rounded, energies[order] / len(rows), (mean @ rounded).astype(np.float32))


def principal_axes(rows: Array) -> Wide:
    """Eigenvectors (width, width) of the covariance of rows (count, width), the most energy first."""
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    return np.asarray(np.linalg.eigh(centred.T @ centred)[1][:, ::-1])


def trellis_of(energies: Wide, exponent: float = EXPONENT) -> Trellis:
    """The trellis for dimensions of falling energies (width,), with the tables of every teacher."""
    stored = np.load(TABLES)
    errors = stored["errors"].astype(np.float64)
    weights = (energies / energies[0]).clip(min=1e-12) ** exponent
    gains = np.append(0, (1 - errors[1:]) ** -0.5).astype(np.float32)  # restores the variance of each dimension
    tables = tuple(stored[f"table{rung}"].astype(np.float16).astype(np.float32) for rung in range(1, len(LADDER)))
    return Trellis(deal_bits(weights, errors), weights.astype(np.float32), gains, tables)


def deal_bits(weights: Wide, errors: Wide) -> npt.NDArray[np.uint16]:
    """The dimension that gets each next bit (steps,): where it takes the most off the weighted error.

    Args:
        weights: (width,), what an error counts.
        errors: (rungs,), the error that each rung leaves of a variance of 1.
    """
    waiting: list[tuple[float, int, int]] = []

    def add(dim: int, rung: int) -> None:
        if rung + 1 < len(LADDER) and dim + LADDER[rung].span <= len(weights):
            gain = weights[dim : dim + LADDER[rung].span].sum() * (errors[rung] - errors[rung + 1])
            heapq.heappush(waiting, (-gain, dim, rung))

    for dim in range(0, len(weights), LADDER[0].span):
        add(dim, 0)
    order: list[int] = []
    while waiting and len(order) < 8 * MOST_BYTES:
        _, dim, rung = heapq.heappop(waiting)
        order.append(dim)
        for start in range(dim, dim + LADDER[rung].span, LADDER[rung + 1].span):
            add(start, rung + 1)
    return np.array(order[: len(order) // 8 * 8], np.uint16)


def graph_of(rotation: Rotation) -> onnx.ModelProto:
    """The rotation as a graph: int8 weights, which onnxruntime widens once, when it loads the file."""
    integers, scales = round_columns(rotation.axes)
    build, width = Builder(), len(rotation.axes)
    wide = build.node("Cast", [build.constant(WEIGHT, integers)], "linear_weight", to=TensorProto.FLOAT)
    product = build.node("MatMul", [INPUT_NAME, wide], "linear")
    unit_length(build, build.node("Mul", [product, build.constant(SCALE, scales)], "scaled_linear"), width, OUTPUT_NAME)
    return finish_graph(build, rows_input(INPUT_NAME, width), [(OUTPUT_NAME, TensorProto.FLOAT, width)])


def statistics_of(rows: Array) -> TeacherStatistics:
    """Mean and second moment of rows (count, width), with fewer eigenvectors than other files have."""
    moment = rows.T.astype(np.float64) @ rows / len(rows)
    whole = TeacherStatistics.from_moments(rows.mean(axis=0, dtype=np.float64), moment, RANK)
    values, vectors = whole.eigenvalues[:RANK], whole.eigenvectors[:, :RANK]
    residual = (np.diag(moment) - vectors.astype(np.float64) ** 2 @ values).clip(min=0)
    return TeacherStatistics(whole.mean, values, vectors, residual.astype(np.float32))


def measured(rows: Array, folds: npt.NDArray[np.int64]) -> tuple[FidelityRow, ...]:
    """Fidelity of codes of several sizes on origins left out, float queries, by a rotation fitted on the others."""
    inside = folds != 0
    rotation = fit(rows[inside], folds[inside])
    held_out = rows[np.random.default_rng(0).permutation(np.flatnonzero(~inside))[:_MEASURED_ROWS]]
    fidelity, rotated = FidelitySet(held_out), held_out @ rotation.axes
    found = [fidelity.measure_reconstructed("rotation", rotated, held_out).row]
    for size in SIZES:
        codec = TrellisCodec.make(size, trellis_of(rotation.energies), rotation.moments())
        decoded = codec.decode(codec.encode(rotated))
        row = fidelity.measure_reconstructed(f"{size} bytes", rotated, decoded @ rotation.axes.T, decoded).row
        pairs = fidelity.measure("decoded", decoded).row
        found.append(replace(pairs, method=row.method, recall=row.recall, reconstruction=row.reconstruction))
    return tuple(found)


def verify(path: Path, rotation: Rotation, rows: Array) -> dict[str, Any]:
    """Compare the file with the rotation, on 1,000 rows (count, width).

    Raises:
        ExportGateError: it does not run, or int8 weights cost too much.
    """
    some = rows[:1000]
    with must_run("file"):
        actual = Compressor.load(path, device="cpu").compress(some)
    expected = normalized(some @ rotation.axes)
    cosine = float((normalized(actual @ rotation.axes.T) * some).sum(axis=1).mean())
    require(cosine >= _LEAST_COSINE, f"vectors come back with cosine {cosine:.6f}, expected {_LEAST_COSINE} or more")
    return {"max_abs_difference": float(np.abs(actual - expected).max()), "cosine": cosine, "rows": len(some)}


if __name__ == "__main__":
    main()
