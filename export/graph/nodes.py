"""Groups of nodes that the graphs of every kind of model have."""

from collections.abc import Sequence

import numpy as np

from linguagen.export.graph.builder import Builder


def bilinear_gate(build: Builder, parts: Sequence[str], name: str) -> str:
    """Add u * v * sigmoid(g), all of one shape; returns the name of the result.

    Args:
        build: the graph.
        parts: names of u, v and g.
        name: ending that makes the new names unique.
    """
    u, v, g = parts
    product = build.node("Mul", [u, v], f"uv{name}")
    gate = build.node("Sigmoid", [g], f"gate{name}")
    return build.node("Mul", [product, gate], f"hidden{name}")


def unit_length(build: Builder, rows: str, dim: int, output: str) -> None:
    """Add nodes that scale rows (n, dim) to length 1.

    Dividing by the root mean square, then by sqrt(dim), is the pattern that onnxruntime fuses into one pass.

    Args:
        build: the graph.
        rows: name of the rows.
        dim: numbers in a row.
        output: name of the result.
    """
    squares = build.node("Pow", [rows, build.constant("two", np.float32(2))], "squares")
    mean = build.node("ReduceMean", [squares, build.constant("last", np.array([-1]))], "mean", keepdims=1)
    # The epsilon only keeps a zero row from dividing by zero: real rows have a mean square near 1 / dim.
    above = build.node("Add", [mean, build.constant("epsilon", np.float32(1e-20))], "above")
    scaled = build.node("Div", [rows, build.node("Sqrt", [above], "root")], "scaled")
    build.node("Mul", [scaled, build.constant("unit", np.full(dim, dim**-0.5, np.float32))], output)
