"""Where rows come from: NAME-source.npy holds the origin of every row of NAME.npy, as whole numbers."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import VectorFileError


def read_origins(path: Path, rows: int | None) -> npt.NDArray[np.integer] | None:
    """Read the origins (rows,) of the rows of NAME.npy from NAME-source.npy in the same folder.

    Args:
        path: the file of vectors.
        rows: rows in it; None if they are not known.

    Returns:
        The origins, or None if there is no such file or the rows are not known.

    Raises:
        VectorFileError: the file does not hold one whole number per row.
    """
    file = path.with_name(f"{path.stem}-source.npy")
    if rows is None or not file.is_file():
        return None
    try:
        origins = np.load(file, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise VectorFileError(
            f"{file}: cannot be read as the origins of {path.name} ({error}); remove it or write it again"
        ) from error
    if origins.shape != (rows,) or not np.issubdtype(origins.dtype, np.integer):
        raise VectorFileError(
            f"{file}: {origins.dtype} of shape {origins.shape}, expected one whole number for each of the "
            f"{rows} rows of {path.name}; remove it or write it again"
        )
    return np.asarray(origins)
