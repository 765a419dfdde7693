"""Which rows of an index a search looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import UsageError
from linguagen.runtime.index.blocks import Numbers
from linguagen.runtime.index.documents import Documents
from linguagen.runtime.index.flat import FlatDocuments


@dataclass(frozen=True, eq=False)
class Filter:
    """Rows that pass all that is given; by default every row does."""

    where: str | None = None
    """A condition on columns, in SQL."""
    parameters: Sequence[Any] = ()
    """Values for the question marks in the condition."""
    mask: npt.NDArray[np.bool_] | None = None
    """True for each row (rows,) that passes, in the order of the rows' numbers."""
    ids: Sequence[Any] | None = None
    """Ids of the rows that pass."""
    but: Numbers | None = None
    """Numbers (rows,) of rows that do not pass."""

    def passing(self, numbers: Numbers, documents: Documents | FlatDocuments) -> npt.NDArray[np.bool_]:
        """True for each row (rows,) that passes, given the numbers (rows,) of all rows.

        Raises:
            UsageError: the condition or an id cannot be used, or the mask is for other rows.
        """
        keep = np.ones(len(numbers), bool)
        if self.mask is not None:
            mask = np.asarray(self.mask)
            if mask.shape != keep.shape or mask.dtype != bool:
                raise UsageError(f"the mask is {mask.dtype} of shape {mask.shape}, expected bool of {keep.shape}")
            keep &= mask
        if self.ids is not None:
            keep &= np.isin(numbers, documents.numbers_of(self.ids))
        if self.where is not None:
            keep &= np.isin(numbers, documents.numbers_where(self.where, self.parameters))
        if self.but is not None:
            keep &= ~np.isin(numbers, self.but)
        return keep
