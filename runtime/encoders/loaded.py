"""What every class that runs a model file shares: how it is loaded, where it runs, how rows go through it."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from linguagen.models.catalogue import DEFAULT_MODEL, find_model
from linguagen.runtime.columns import vector_rows
from linguagen.runtime.encoders.engine import Engine, open_c
from linguagen.runtime.encoders.rotation import TransposedRotation
from linguagen.runtime.vectors import CHUNK_ROWS, Array, check_layout, unit_rows


class LoadedModel(ABC):
    """A model file, loaded. Threads can share one; it pickles with its model, for worker processes."""

    default_model: ClassVar[str] = DEFAULT_MODEL
    """Name of the model that `load` takes if none is named."""
    _engine: Engine | TransposedRotation
    _choice: str
    """The engine that was chosen, one of ENGINES."""

    @abstractmethod
    def __init__(self, path: Path, device: str, threads: int | None, engine: str) -> None:
        """Read the file and make its engine; `load` also starts it."""

    @classmethod
    def load(
        cls,
        name_or_path: str | Path | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
        engine: str = "auto",
    ) -> Self:
        """Load a model that ships with a package, or a file that lg-export wrote.

        Args:
            name_or_path: a name that `lg-run models` lists, or a path; None for `default_model`.
            device: `cpu`, `cuda`, or `auto` for CUDA if onnxruntime has it and CPU otherwise.
            threads: CPU threads; None for all cores that this process may use.
            engine: what runs the model: `onnxruntime`, `c` for the C library inside this package, or `auto` for C where
                it is faster, which is a few rows at a time on a CPU, and onnxruntime otherwise.

        Raises:
            UnknownModelError: no model has this name, no file has this path, or an Expander finds no decoder.
            ModelFileError: the file is damaged, or holds another kind of model.
            MissingExtraError: a package that this kind of model needs is not installed.
            UsageError: the engine or device is unknown, the two do not go together, the number of threads is below 1,
                or a decoder belongs to another model.
            DeviceError: `cuda` or `c` was named but is not available.
        """
        model = cls(find_model(name_or_path or cls.default_model), device, threads, engine)
        model._start()
        return model

    def _start(self) -> None:
        """Load the model into onnxruntime, or into the C library if that was chosen by name."""
        if self._choice == "c":
            _ = self._c
        else:
            self._engine.load()

    @cached_property
    def _c(self) -> Any:
        """The model in the C library; None if it is not chosen by name, and cannot take over from onnxruntime."""
        return open_c(self._open_c, self._choice)

    @abstractmethod
    def _open_c(self) -> Any:
        """Open the model in the C library.

        Raises:
            ModelFileError: C cannot read it.
        """

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_c"}

    @property
    def device(self) -> str:
        """Where the model runs: `cpu` or `cuda`."""
        return self._engine.device


class RowModel(LoadedModel):
    """A model from rows (rows, input_dim) to rows (rows, output_dim), each row by itself."""

    manifest: Any
    """What the model file says about itself; has `input_dim` and `output_dim`."""

    def run(self, rows: Array) -> Array:
        """Run the model on rows (rows, input_dim) and return (rows, output_dim), without any check.

        Args:
            rows: float32, contiguous, each of length 1.
        """
        embeddings: Array = self._engine.run(rows)
        return embeddings

    def _run_checked(self, rows: Any, origin: str) -> Array:
        """Check rows (rows, input_dim), scale them to length 1 and run the model: (rows, output_dim).

        Args:
            rows: float16, float32 or float64, in any form that `vector_rows` reads.
            origin: what messages call the rows.

        Raises:
            VectorError: the shape, width or type is wrong, or rows are zero or not finite.
        """
        array = vector_rows(rows, origin)
        check_layout(array.shape, array.dtype, self.manifest.input_dim, origin)
        if 0 < len(array) <= CHUNK_ROWS:  # the usual call: no copy of the result
            return self.run(unit_rows(array, 0, origin)[0])
        results = np.empty((len(array), self.manifest.output_dim), dtype=np.float32)
        for first in range(0, len(array), CHUNK_ROWS):
            chunk, _ = unit_rows(array[first : first + CHUNK_ROWS], first, origin)
            results[first : first + len(chunk)] = self.run(chunk)
        return results
