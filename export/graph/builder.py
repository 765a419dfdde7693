"""Collects the nodes of an ONNX graph."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from linguagen.export.graph.integers import round_columns
from linguagen.runtime.vectors import Array


@dataclass
class Builder:
    """Collects nodes and constants of a graph."""

    half: bool = False
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node named after its output; returns that name."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        """Add a constant; returns its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, name: str, value: Any) -> str:
        """Add a weight; stored in half precision where asked, and widened when the file is loaded."""
        if not self.half:
            return self.constant(name, value)
        stored = self.constant(f"{name}_half", np.asarray(value, dtype=np.float16))
        return self.node("Cast", [stored], name, to=TensorProto.FLOAT)

    def int8_weight(self, name: str, value: Array, largest: int = 127) -> str:
        """Add a weight (inputs, outputs) rounded to int8 as `round_columns` does."""
        integers, scales = round_columns(value, largest)
        parts = [
            self.constant(f"{name}_int8", integers),
            self.constant(f"{name}_scale", scales),
            self.constant(f"{name}_zero", np.zeros(len(scales), np.int8)),
        ]
        return self.node("DequantizeLinear", parts, name, axis=1)
