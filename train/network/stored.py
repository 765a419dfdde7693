"""Weights as `lg-export` stores them in a model file, read back in float32."""

from collections.abc import Mapping

from torch import Tensor


def stored_weight(stored: Mapping[str, Tensor], name: str) -> Tensor:
    """A weight of any shape in float32, whatever precision it is stored in.

    Args:
        stored: the file's weights by name.
        name: of the weight, without the ending that tells its precision.

    Raises:
        KeyError: there is no such weight.
    """
    if f"{name}_int8" in stored:
        return stored[f"{name}_int8"].float() * stored[f"{name}_scale"]
    return stored[f"{name}_half"].float() if f"{name}_half" in stored else stored[name]
