"""Where the rows of a file come from: NAME-source.npy beside NAME.npy, one whole number for each row."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import VectorFileError


def read_origins(path: Path, rows: int | None) -> npt.NDArray[np.integer] | None:
    """The source of every row, from `NAME-source.npy` beside `NAME.npy`; None where there is none.

    Raises:
        VectorFileError: it is there, but not one whole number for each row.
    """
    beside = path.with_name(f"{path.stem}-source.npy")
    if rows is None or not beside.is_file():
        return None
    try:
        sources = np.load(beside, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise VectorFileError(
            f"{beside}: cannot be read as the sources of {path.name} ({error}); remove or mend it"
        ) from error
    if sources.shape != (rows,) or not np.issubdtype(sources.dtype, np.integer):
        raise VectorFileError(
            f"{beside}: {sources.dtype} of shape {sources.shape}, expected one whole number for each of the "
            f"{rows} rows of {path.name}; remove or mend it"
        )
    return np.asarray(sources)
