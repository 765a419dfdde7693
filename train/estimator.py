"""Compression of embeddings as a scikit-learn transformer: fit, transform and inverse_transform, as PCA has them."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import MissingExtraError, UsageError, VectorError
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.models.model_file import load_manifest
from linguagen.runtime.columns import vector_rows
from linguagen.runtime.console import fidelity_table
from linguagen.runtime.measure.controls import project
from linguagen.runtime.measure.fidelity import NEIGHBOURS, FidelitySet
from linguagen.runtime.vectors import Array, normalized, unit_rows
from linguagen.train.run.command import require_torch
from linguagen.train.vectors.config import VectorRunConfig

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
except ImportError as problem:
    raise MissingExtraError.of("EmbeddingCompressor needs scikit-learn", problem, "scikit-learn") from problem

if TYPE_CHECKING:
    from sklearn.utils import Tags


@dataclass(frozen=True)
class FitReport:
    """What a fit measured on rows that it held out; printed, it is a table and a verdict."""

    fidelity: tuple[FidelityRow, ...]
    """The compressor first, then its controls."""
    verdict: str

    @property
    def recall(self) -> float:
        """Recall@10 of the compressor on rows held out."""
        return self.fidelity[0].recall

    def __str__(self) -> str:
        return f"{fidelity_table(self.fidelity, NEIGHBOURS)}\n{self.verdict}"


class EmbeddingCompressor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Compress embedding vectors to fewer dimensions that keep their neighbours; takes PCA's place in a pipeline.

    Rows are scaled to length 1 before and after, since only their cosines count.

    Args:
        n_components: dimensions of an embedding.
        init: fit the rows starting from what this model (a name that `lg-run models` lists, or a file) knows of the
            teacher that made them; the vectors must be that teacher's. None to train on the rows alone, of any width.
        steps: training steps; None for 100 with `init` and 1000 without.
        held_out: share of the rows held out to choose and to measure the fit; 0 for a closed form of all rows, which
            is neither measured nor exported.
        random_state: seed of everything random; None for a new one at each fit.
        device: `cpu`, `cuda`, or `auto` for CUDA where torch has it.

    Attributes:
        components_: the linear map, (n_components, n_features).
        decoder_: the least-squares map back, (n_components, n_features).
        report_: FitReport of what was measured; None if nothing was held out.
    """

    def __init__(
        self,
        n_components: int = 256,
        init: str | Path | None = DEFAULT_MODEL,
        *,
        steps: int | None = None,
        held_out: float = 0.2,
        random_state: Any = 0,
        device: str = "cpu",
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.steps = steps
        self.held_out = held_out
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the map from vectors.

        Args:
            X: (rows, n_features), in any form that scikit-learn or `Compressor.compress` takes.
            y: ignored.

        Raises:
            VectorError, a ValueError: rows are zero, narrower than n_components, or of another width than `init` takes.
            UsageError: a parameter that is not allowed, or no model of the name `init`.
            TrainingError: too few rows to hold some out, or all the same.
        """
        require_torch()
        from linguagen.train.vectors.in_memory import learn, learn_unmeasured

        rows = self._rows(X, reset=True)
        config = self._config(rows.shape[1])
        found = learn(rows, config) if self.held_out else learn_unmeasured(rows, config)
        self.components_, self.decoder_ = found.projection.T, found.decoder
        self.report_ = FitReport(found.fidelity, found.verdict) if found.fidelity else None
        self._run_files = found.files
        self._n_features_out = self.n_components
        return self

    def transform(self, X: Any) -> Array:
        """Embeddings (rows, n_components) float32, each of length 1, of vectors (rows, n_features).

        Raises:
            VectorError, a ValueError: rows are zero.
        """
        check_is_fitted(self)
        return project(self._rows(X), self.components_.T)

    def inverse_transform(self, X: Any) -> Array:
        """Vectors (rows, n_features) float32, each of length 1, nearest to what embeddings (rows, n_components) were.

        Raises:
            VectorError, a ValueError: rows are zero, or have another width.
        """
        check_is_fitted(self)
        rows = np.asarray(vector_rows(X, "X"), dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != len(self.decoder_):
            raise VectorError(f"X has shape {rows.shape}, expected (rows, {len(self.decoder_)})")
        return normalized(unit_rows(rows, 0, "X")[0] @ self.decoder_)

    def score(self, X: Any, y: Any = None) -> float:
        """Recall@10: the share of the ten nearest rows of each row of X that are still nearest after compression.

        Args:
            X: (rows, n_features), at least 12 rows.
            y: ignored.
        """
        check_is_fitted(self)
        rows = self._rows(X)
        return FidelitySet(rows).measure("score", project(rows, self.components_.T)).row.recall

    def export(
        self, path: str | Path, *, quantize: str = "none", decoder: bool = False, overwrite: bool = False
    ) -> Path:
        """Write the compressor as a model file, for `Compressor` and `lg-run`, behind the gate of `lg-export`.

        Args:
            path: the .onnx file; its card is written next to it.
            quantize: `none` (float32), `fp16` or `int8`.
            decoder: write NAME.decoder.onnx too, for `Expander`.
            overwrite: replace files that exist.

        Returns:
            The path.

        Raises:
            UsageError: nothing was held out, or the file cannot be written.
            MissingExtraError: onnx is not installed.
            ExportGateError: the file does not do what the compressor does; nothing is written.
        """
        check_is_fitted(self)
        if not self._run_files:
            raise UsageError(
                "held_out is 0, so nothing was measured and no file can be checked; fit again with held_out=0.2"
            )
        from linguagen.train.vectors.in_memory import restored

        with restored(self._run_files, Path(path).stem) as run:
            request = _exporter("request").ExportRequest(quantize=quantize, decoder=decoder)
            written: Path = _exporter("kinds").export_run(run, request, Path(path), overwrite).path
        return written

    def _rows(self, X: Any, reset: bool = False) -> Array:
        """X as float32 rows (rows, n_features) of length 1; `reset` to take its width and names as those of the fit."""
        if not hasattr(X, "columns") and not hasattr(X, "tocsr"):  # scikit-learn reads frames, and refuses sparse rows
            X = vector_rows(X, "X")
        least = 2 if reset else 1
        checked = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32], ensure_min_samples=least)
        return unit_rows(checked, 0, "X")[0]

    def _config(self, width: int) -> VectorRunConfig:
        """The settings of the run on vectors of this width.

        Raises:
            VectorError: the vectors are narrower than n_components, or of another width than `init` takes.
            UsageError: a parameter that is not allowed, or no model of the name `init`.
        """
        if not 1 <= self.n_components <= width:
            raise VectorError(f"n_components is {self.n_components}, expected 1 to the n_features = {width} of X")
        seed = self.random_state
        if not isinstance(seed, int):
            seed = int(check_random_state(seed).randint(2**31 - 1))
        values = {"inputs": ("X",), "dim": self.n_components, "seed": seed, "device": self.device}
        values |= {"held_out": self.held_out} if self.held_out else {}
        values |= {"steps": self.steps} if self.steps is not None else {}
        if self.init is None:
            return VectorRunConfig.from_flat({**values, "directions": "none"})
        manifest = load_manifest(self.init)
        if manifest.input_dim != width:
            raise VectorError(
                f"X has vectors of width {width}, but init {self.init} takes width {manifest.input_dim}; choose "
                "the model of the teacher that made these vectors, or None"
            )
        return VectorRunConfig.for_fit({**values, "init": str(self.init), "teacher": manifest.teacher})

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def _exporter(name: str) -> Any:
    """A module of the exporter by name: it stands above training in the order of imports, and only `export` reaches up.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    try:
        return import_module(f"linguagen.export.{name}")
    except ImportError as problem:
        raise MissingExtraError.of("export needs onnx", problem, "onnx") from problem
