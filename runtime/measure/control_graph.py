"""The control that a model's speed is measured against: a bare linear int8 layer, the best that a machine can do.

QuantizeLinear, two DequantizeLinear and a MatMul, in the shape that onnxruntime fuses into one integer product. It is
written with models/protobuf.py (field numbers of onnx.proto3), since the runtime does without the onnx package.
"""

import numpy as np

from linguagen.models.manifests.vectors import INPUT_NAME, OUTPUT_NAME
from linguagen.models.protobuf import write_message, write_number, write_text
from linguagen.runtime.codes.codec import Codes

_FLOAT, _INT8 = 1, 3
_OPSET, _IR_VERSION = 18, 9


def control_graph(width: int, dim: int) -> bytes:
    """The bytes of an ONNX file with random weights.

    Args:
        width: numbers in a row of the input `vectors` (n, width).
        dim: numbers in a row of the output `embeddings` (n, dim).
    """
    weights = np.random.default_rng(0).integers(-127, 128, (width, dim)).astype(np.int8)
    constants = [
        _tensor("step", _FLOAT, np.array(0.2 / 127, "<f4")),
        _tensor("zero", _INT8, np.array(0, "i1")),
        _tensor("weights", _INT8, weights),
        _tensor("scales", _FLOAT, np.full(dim, 0.01, "<f4")),
        _tensor("zeros", _INT8, np.zeros(dim, "i1")),
    ]
    axis = write_text(1, "axis") + write_number(3, 1) + write_number(20, 2)  # an attribute of the type INT
    nodes = [
        _node("QuantizeLinear", [INPUT_NAME, "step", "zero"], "rounded"),
        _node("DequantizeLinear", ["rounded", "step", "zero"], "input"),
        _node("DequantizeLinear", ["weights", "scales", "zeros"], "wide") + write_message(5, axis),
        _node("MatMul", ["input", "wide"], OUTPUT_NAME),
    ]
    graph = b"".join(write_message(1, node) for node in nodes) + write_text(2, "control")
    graph += b"".join(write_message(5, constant) for constant in constants)
    graph += write_message(11, _ends(INPUT_NAME, width)) + write_message(12, _ends(OUTPUT_NAME, dim))
    return (
        write_number(1, _IR_VERSION)
        + write_message(7, graph)
        + write_message(8, write_text(1, "") + write_number(2, _OPSET))
    )


def _node(operator: str, inputs: list[str], output: str) -> bytes:
    """A NodeProto without attributes."""
    return b"".join(write_text(1, name) for name in inputs) + write_text(2, output) + write_text(4, operator)


def _tensor(name: str, kind: int, value: Codes) -> bytes:
    """A TensorProto of any shape."""
    sizes = b"".join(write_number(1, size) for size in value.shape)
    return sizes + write_number(2, kind) + write_text(8, name) + write_message(9, value.tobytes())


def _ends(name: str, width: int) -> bytes:
    """A float32 input or output (n, width)."""
    shape = write_message(1, write_text(2, "n")) + write_message(1, write_number(1, width))
    return write_text(1, name) + write_message(2, write_message(1, write_number(1, _FLOAT) + write_message(2, shape)))
