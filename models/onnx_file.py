"""What must be known of an ONNX file before onnxruntime runs it: its metadata and its operators.

An .onnx file is a protobuf message (models/protobuf.py). The message classes for it come with the onnx package, which
the runtime does without; onnxruntime brings the protobuf library alone, and does not tell a graph's operators. The
field numbers are those of onnx.proto3.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import ModelFileError
from linguagen.models.protobuf import MalformedError, as_message, as_text, read_fields, read_numbers

OPERATORS = frozenset(
    """
    Add ArgMax Cast Clip Concat DequantizeLinear Div Gather Gemm Greater LayerNormalization Log MatMul Mul Pad Pow
    QuantizeLinear Range ReduceL2 ReduceMean Reshape Round Shape Sigmoid Slice Softmax Split Sqrt Sub Transpose Unique
    Unsqueeze
    """.split()  # noqa: SIM905
)
"""All operators that the exporter writes. None of them holds a graph of its own or reads another file."""
MOST_BYTES = 1 << 31
"""The largest file that protobuf can hold."""

_MODEL_GRAPH, _MODEL_METADATA, _MODEL_FUNCTIONS = 7, 14, 25
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_OPERATOR, _NODE_DOMAIN = 4, 7
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_TENSOR_FLOATS, _TENSOR_INTEGERS, _TENSOR_LONGS = 4, 5, 7
_TENSOR_TYPES = {
    number: np.dtype(name) for number, name in ((1, "<f4"), (2, "u1"), (3, "i1"), (6, "<i4"), (7, "<i8"), (10, "<f2"))
}
"""What an exporter of ours stores weights as, by the numbers of TensorProto.DataType."""


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """The bytes of an ONNX file, checked but not run."""

    data: bytes
    metadata: dict[str, str]
    operators: tuple[str, ...]
    """The names of the graph's operators, each once, sorted."""


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file, and refuse what the exporter never writes.

    Raises:
        ModelFileError: the file is cut, is no ONNX file, keeps data in other files, or has functions or operators that
            are not in OPERATORS.
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
    except MalformedError as error:
        raise ModelFileError(f"{path}: cut, damaged or no ONNX file ({error}); export or copy it again") from error


def parse_onnx(data: bytes, origin: str) -> OnnxFile:
    """Like `read_onnx`, but for bytes in memory.

    Args:
        data: the content of an ONNX file.
        origin: where it comes from, for messages.

    Raises:
        MalformedError: the bytes are not an ONNX file.
        ModelFileError: data in other files, functions, or operators that are not in OPERATORS.
    """
    metadata: dict[str, str] = {}
    operators: set[str] = set()
    graphs = 0
    for number, value in read_fields(memoryview(data)):
        if number == _MODEL_METADATA:
            entry = {key: as_text(text) for key, text in read_fields(as_message(value))}
            metadata[entry.get(_ENTRY_KEY, "")] = entry.get(_ENTRY_VALUE, "")
            continue
        if number == _MODEL_FUNCTIONS:
            raise ModelFileError(f"{origin}: defines functions of its own; use a file that lg-export wrote")
        if number == _MODEL_GRAPH:
            graphs += 1
            operators |= _check_graph(as_message(value), origin)
    if not graphs:
        raise MalformedError("it has no graph")
    return OnnxFile(data, metadata, tuple(sorted(operators)))


def read_initialisers(data: bytes) -> dict[str, npt.NDArray[np.generic]]:
    """The stored weights of a model file that `read_onnx` has passed, by name, in their own types and shapes.

    Raises:
        ModelFileError: a weight is of a type that no exporter of ours writes, or its values do not fill its shape.
    """
    graphs = [as_message(value) for number, value in read_fields(memoryview(data)) if number == _MODEL_GRAPH]
    tensors = (value for graph in graphs for number, value in read_fields(graph) if number == _GRAPH_INITIALIZER)
    return dict(_tensor(as_message(tensor)) for tensor in tensors)


def _tensor(tensor: memoryview) -> tuple[str, npt.NDArray[np.generic]]:
    """Name and values of a stored weight; numbers may be raw bytes, or a packed field of their type."""
    name, kind, shape, raw = "", 0, [], b""
    numbers: list[int] = []
    for field, value in read_fields(tensor):
        if field == _TENSOR_NAME:
            name = bytes(as_message(value)).decode()
        elif field == _TENSOR_TYPE:
            kind = int(value) if isinstance(value, int) else 0
        elif field == _TENSOR_DIMS:
            shape += read_numbers(value)
        elif field in (_TENSOR_INTEGERS, _TENSOR_LONGS):
            numbers += read_numbers(value)
        elif field in (_TENSOR_RAW, _TENSOR_FLOATS):
            raw += bytes(as_message(value))
    try:
        dtype = _TENSOR_TYPES[kind]
        values = np.array(numbers, np.uint64).view(np.int64) if numbers else np.frombuffer(raw, dtype)
        if numbers and dtype == np.dtype("<f2"):  # half precision is kept as the bits of integers
            return name, values.astype(np.uint16).view(dtype).reshape(shape)
        return name, values.astype(dtype).reshape(shape)
    except (KeyError, ValueError) as error:
        raise ModelFileError(f"the weight {name!r} cannot be read ({error}); export or copy the file again") from error


def _check_graph(graph: memoryview, origin: str) -> set[str]:
    """Check all nodes and weights of a graph; returns the operators found."""
    found = set()
    for number, value in read_fields(graph):
        if number == _GRAPH_NODE:
            found.add(_checked_operator(as_message(value), origin))
        elif number == _GRAPH_INITIALIZER:
            for key, inner in read_fields(as_message(value)):
                if key == _TENSOR_EXTERNAL or (key == _TENSOR_LOCATION and inner != 0):
                    raise ModelFileError(
                        f"{origin}: keeps its weights in another file, which is never opened; "
                        "use a file that lg-export wrote, which holds all of them"
                    )
    return found


def _checked_operator(node: memoryview, origin: str) -> str:
    """The operator of a node, if it is one of OPERATORS."""
    parts = dict(read_fields(node))
    operator, domain = (as_text(parts.get(key, memoryview(b""))) for key in (_NODE_OPERATOR, _NODE_DOMAIN))
    if operator not in OPERATORS or domain not in ("", "ai.onnx"):
        raise ModelFileError(
            f"{origin}: has the operator {domain or 'ai.onnx'}.{operator}, which no LinguaGEN model needs; "
            "use a file that lg-export wrote"
        )
    return operator
