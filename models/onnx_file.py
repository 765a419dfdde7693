"""The few fields of an ONNX file that must be known before onnxruntime is trusted with it.

An .onnx file is a protobuf message: fields of a number, a wire type and a value, one after another (Protocol Buffers
documentation, "Encoding"). Reading metadata and weights, hashing the rest and checking the operators needs no more
than that, so that no protobuf library reads a file that is not trusted yet. Field numbers are those of onnx.proto3.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import ModelFileError

OPERATORS = frozenset(
    [
        "Add",
        "ArgMax",
        "Cast",
        "Clip",
        "Concat",
        "DequantizeLinear",
        "Div",
        "Gather",
        "Gemm",
        "Greater",
        "Log",
        "MatMul",
        "Mul",
        "Pad",
        "Pow",
        "QuantizeLinear",
        "Range",
        "ReduceL2",
        "ReduceMean",
        "Reshape",
        "Round",
        "Shape",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Split",
        "Sqrt",
        "Sub",
        "Transpose",
        "Unique",
        "Unsqueeze",
    ]
)
"""All that the exporter writes. None of them holds a graph of its own or reads another file."""
MOST_BYTES = 1 << 31
"""Protobuf's own limit."""

_MODEL_GRAPH, _MODEL_METADATA, _MODEL_FUNCTIONS = 7, 14, 25
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_OPERATOR, _NODE_DOMAIN = 4, 7
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_TENSOR_FLOATS, _TENSOR_INTEGERS, _TENSOR_LONGS = 4, 5, 7
_TENSOR_TYPES = {
    number: np.dtype(name) for number, name in ((1, "<f4"), (2, "u1"), (3, "i1"), (6, "<i4"), (7, "<i8"), (10, "<f2"))
}
"""What an exporter of ours stores weights as, by the numbers of TensorProto.DataType."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """A model file's bytes, looked through but not run."""

    data: bytes
    metadata: dict[str, str]
    graph_sha256: str
    """Of every byte but the metadata's, in hexadecimal."""
    operators: tuple[str, ...]
    """What the graph is made of, by name, each once."""


def read_onnx(path: Path) -> OnnxFile:
    """Read a file and refuse what no exporter of ours writes.

    Raises:
        ModelFileError: cut, no ONNX file, data in other files, functions, or operators that are not in OPERATORS.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ModelFileError(f"{path}: {size} bytes, but no model file is larger than {MOST_BYTES}; give another")
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror}); copy it again") from error
    try:
        return parse_onnx(data, str(path))
    except _MalformedError as error:
        raise ModelFileError(f"{path}: cut, damaged or no ONNX file ({error}); export or copy it again") from error


def parse_onnx(data: bytes, origin: str) -> OnnxFile:
    """As `read_onnx`, of bytes in memory."""
    metadata: dict[str, str] = {}
    digest, graphs = hashlib.sha256(), 0
    operators: set[str] = set()
    for number, value, raw in _fields(memoryview(data)):
        if number == _MODEL_METADATA:
            entry = {key: bytes(_message(text)).decode("utf-8", "replace") for key, text, _ in _fields(_message(value))}
            metadata[entry.get(1, "")] = entry.get(2, "")
            continue
        digest.update(raw)
        if number == _MODEL_FUNCTIONS:
            raise ModelFileError(f"{origin}: defines functions of its own; use a file that lg-export wrote")
        if number == _MODEL_GRAPH:
            graphs += 1
            operators |= _check_graph(_message(value), origin)
    if not graphs:
        raise _MalformedError("it has no graph")
    return OnnxFile(data, metadata, digest.hexdigest(), tuple(sorted(operators)))


def read_initialisers(data: bytes) -> dict[str, npt.NDArray[np.generic]]:
    """The stored weights of a model file that `read_onnx` has passed, by name, in their own types and shapes.

    Raises:
        ModelFileError: a weight is of a type that no exporter of ours writes, or its values do not fill its shape.
    """
    graphs = [_message(value) for number, value, _ in _fields(memoryview(data)) if number == _MODEL_GRAPH]
    tensors = (value for graph in graphs for number, value, _ in _fields(graph) if number == _GRAPH_INITIALIZER)
    return dict(_tensor(_message(tensor)) for tensor in tensors)


def _tensor(tensor: memoryview) -> tuple[str, npt.NDArray[np.generic]]:
    """Name and values of a stored weight; numbers may be raw bytes, or a packed field of their type."""
    name, kind, shape, raw = "", 0, [], b""
    numbers: list[int] = []
    for field, value, _ in _fields(tensor):
        if field == _TENSOR_NAME:
            name = bytes(_message(value)).decode()
        elif field == _TENSOR_TYPE:
            kind = int(value) if isinstance(value, int) else 0
        elif field == _TENSOR_DIMS:
            shape += _varints(value)
        elif field in (_TENSOR_INTEGERS, _TENSOR_LONGS):
            numbers += _varints(value)
        elif field in (_TENSOR_RAW, _TENSOR_FLOATS):
            raw += bytes(_message(value))
    try:
        dtype = _TENSOR_TYPES[kind]
        values = np.array(numbers, np.uint64).view(np.int64) if numbers else np.frombuffer(raw, dtype)
        if numbers and dtype == np.dtype("<f2"):  # half precision is kept as the bits of integers
            return name, values.astype(np.uint16).view(dtype).reshape(shape)
        return name, values.astype(dtype).reshape(shape)
    except (KeyError, ValueError) as error:
        raise ModelFileError(f"the weight {name!r} cannot be read ({error}); export or copy the file again") from error


def _varints(value: int | memoryview) -> list[int]:
    """The numbers of a repeated field, packed or one at a time."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        found.append(number)
    return found


class _MalformedError(Exception):
    """Bytes that are no protobuf message."""


def _check_graph(graph: memoryview, origin: str) -> set[str]:
    """The operators of a graph, all of them allowed."""
    found = set()
    for number, value, _ in _fields(graph):
        if number == _GRAPH_NODE:
            node = {key: text for key, text, _ in _fields(_message(value))}
            operator, domain = (
                bytes(_message(node.get(key, memoryview(b"")))).decode("utf-8", "replace")
                for key in (_NODE_OPERATOR, _NODE_DOMAIN)
            )
            if operator not in OPERATORS or domain not in ("", "ai.onnx"):
                raise ModelFileError(
                    f"{origin}: has the operator {domain or 'ai.onnx'}.{operator}, which no LinguaGEN model needs; "
                    "use a file that lg-export wrote"
                )
            found.add(operator)
        elif number == _GRAPH_INITIALIZER:
            for key, inner, _ in _fields(_message(value)):
                if key == _TENSOR_EXTERNAL or (key == _TENSOR_LOCATION and inner != 0):
                    raise ModelFileError(
                        f"{origin}: keeps its weights in another file, which is never opened; "
                        "use a file that lg-export wrote, which holds all of them"
                    )
    return found


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise _MalformedError("a number where a message was expected")
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview, memoryview]]:
    """Number, value and raw bytes of every field of a message."""
    place = 0
    while place < len(data):
        start = place
        tag, place = _varint(data, place)
        kind = tag & 7
        value: int | memoryview
        if kind == _VARINT:
            value, place = _varint(data, place)
        else:
            if kind == _BYTES:
                length, place = _varint(data, place)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise _MalformedError(f"wire type {kind} at byte {start}")
            if length > len(data) - place:
                raise _MalformedError(f"a field of {length} bytes where {len(data) - place} are left")
            value, place = data[place : place + length], place + length
        yield tag >> 3, value, data[start:place]


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte, place = data[place], place + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise _MalformedError("a number without an end")
