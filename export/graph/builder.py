"""The nodes and constants of an ONNX graph, collected one by one."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from linguagen.export.graph.integers import EIGHT_BITS, round_columns
from linguagen.runtime.vectors import Array


@dataclass
class Builder:
    """Collects the nodes and constants of an ONNX graph."""

    half: bool = False
    """Whether weights are stored in half precision."""
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node named after its output; returns that name."""
        return self.node_of_many(operator, inputs, [output], output, **attributes)[0]

    def node_of_many(
        self, operator: str, inputs: list[str], outputs: list[str], name: str, **attributes: Any
    ) -> list[str]:
        """Add a node of several outputs; returns their names."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=name, **attributes))
        return outputs

    def constant(self, name: str, value: Any) -> str:
        """Add a constant, an array of any shape; returns its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, name: str, value: Any) -> str:
        """Add a weight of any shape; returns its name. Half precision is widened when the file is loaded."""
        if not self.half:
            return self.constant(name, value)
        stored = self.constant(f"{name}_half", np.asarray(value, dtype=np.float16))
        return self.node("Cast", [stored], name, to=TensorProto.FLOAT)

    def int8_weight(self, name: str, value: Array, largest: int = EIGHT_BITS) -> str:
        """Add a weight (inputs, outputs), rounded to int8 by `round_columns`; returns its name."""
        integers, scales = round_columns(value, largest)
        parts = [
            self.constant(f"{name}_int8", integers),
            self.constant(f"{name}_scale", scales),
            self.constant(f"{name}_zero", np.zeros(len(scales), np.int8)),
        ]
        return self.node("DequantizeLinear", parts, name, axis=1)
