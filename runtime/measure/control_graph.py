"""The control that a model's speed is measured against: a bare linear int8 layer, the best that a machine can do.

QuantizeLinear, two DequantizeLinear and a MatMul, in the shape that onnxruntime fuses into one integer product. It is
written as protobuf by hand (field numbers of onnx.proto3), since the runtime does not depend on onnx.
"""

import numpy as np

from linguagen.models.manifests.vectors import INPUT_NAME, OUTPUT_NAME
from linguagen.runtime.codes.codec import Codes

_FLOAT, _INT8 = 1, 3
_OPSET, _IR_VERSION = 18, 9


def control_graph(width: int, dim: int) -> bytes:
    """The bytes of a model file of random weights.

    Args:
        width: width of the input `vectors` (n, width).
        dim: width of the output `embeddings` (n, dim).
    """
    weights = np.random.default_rng(0).integers(-127, 128, (width, dim)).astype(np.int8)
    constants = [
        _tensor("step", _FLOAT, np.array(0.2 / 127, "<f4")),
        _tensor("zero", _INT8, np.array(0, "i1")),
        _tensor("weights", _INT8, weights),
        _tensor("scales", _FLOAT, np.full(dim, 0.01, "<f4")),
        _tensor("zeros", _INT8, np.zeros(dim, "i1")),
    ]
    axis = _text(1, "axis") + _number(3, 1) + _number(20, 2)  # an attribute of the type INT
    nodes = [
        _node("QuantizeLinear", [INPUT_NAME, "step", "zero"], "rounded"),
        _node("DequantizeLinear", ["rounded", "step", "zero"], "input"),
        _node("DequantizeLinear", ["weights", "scales", "zeros"], "wide") + _message(5, axis),
        _node("MatMul", ["input", "wide"], OUTPUT_NAME),
    ]
    graph = b"".join(_message(1, node) for node in nodes) + _text(2, "control")
    graph += b"".join(_message(5, constant) for constant in constants)
    graph += _message(11, _ends(INPUT_NAME, width)) + _message(12, _ends(OUTPUT_NAME, dim))
    return _number(1, _IR_VERSION) + _message(7, graph) + _message(8, _text(1, "") + _number(2, _OPSET))


def _node(operator: str, inputs: list[str], output: str) -> bytes:
    """A NodeProto."""
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, operator)


def _tensor(name: str, kind: int, value: Codes) -> bytes:
    """A TensorProto of any shape."""
    sizes = b"".join(_number(1, size) for size in value.shape)
    return sizes + _number(2, kind) + _text(8, name) + _message(9, value.tobytes())


def _ends(name: str, width: int) -> bytes:
    """A float32 input or output (n, width)."""
    shape = _message(1, _text(2, "n")) + _message(1, _number(1, width))
    return _text(1, name) + _message(2, _message(1, _number(1, _FLOAT) + _message(2, shape)))


def _varint(value: int) -> bytes:
    """A whole number in base 128, lowest digits first."""
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])


def _number(field: int, value: int) -> bytes:
    """A field that holds a whole number."""
    return _varint(field << 3) + _varint(value)


def _message(field: int, data: bytes) -> bytes:
    """A field that holds bytes or another message."""
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _text(field: int, value: str) -> bytes:
    """A field that holds a string."""
    return _message(field, value.encode())
