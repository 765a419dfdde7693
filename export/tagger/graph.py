"""The graph of a tagger: rows of the table, gated convolutions, bilinear blocks, scores; without a loop.

An int8 table has one scale for each of its columns. Means of rows are linear, so the scales go into the matrix after
the table. The other matrices are stored in int8 and widened when they are used: with so few weights only the bytes
count. A word of padding has only row 0, and what layers see of it is zero.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper
from torch import nn

from linguagen.export.graph.builder import Builder
from linguagen.export.graph.model import finish_graph
from linguagen.export.graph.nodes import bilinear_gate
from linguagen.export.graph.tokens import as_array, block_parts, fading_sum, shift, split, table_rows
from linguagen.models.manifests.tagger import FEATURES_NAME, SCORES_NAME
from linguagen.runtime.vectors import Array
from linguagen.train.tagger.network import SIDE, GatedConvolution, TaggerNetwork, TwoWayBlock

_INT8_STEP = np.float32(1 / 128)
"""Value of one step of the int8 table; its columns' own scales are in the matrix after it."""
_SIZES = ("batch", "words")


def build_graph(network: TaggerNetwork, precision: str) -> onnx.ModelProto:
    """Build the graph of a tagger.

    Args:
        network: the trained network; its weights are copied.
        precision: `float32`, `float16` (weights stored in half precision) or `int8` (table and matrices).
    """
    graph = _Graph(Builder(half=precision == "float16"), int8=precision == "int8")
    build, columns = graph.build, network.table.features.columns
    build.constant("last", np.array([2]))
    numbers = build.node("Cast", [FEATURES_NAME], "numbers", to=TensorProto.FLOAT)
    mean = build.node("ReduceMean", [numbers, "last"], "mean", keepdims=1)
    real = build.node("Cast", [mean], "real", to=TensorProto.BOOL)
    build.node("Cast", [real], "inside", to=TensorProto.FLOAT)  # (batch, words, 1), 0 for padding
    h = graph.words(network)
    for number, layer in enumerate(network.layers):
        if isinstance(layer, GatedConvolution):
            added = graph.convolution(layer, h, f"convolution{number}")
        else:
            assert isinstance(layer, TwoWayBlock)
            added = graph.two_ways(layer, h, f"block{number}")
        h = build.node("Add", [h, added], f"h{number}")
    graph.linear(network.scores, graph.norm(network.norm, h, "end"), SCORES_NAME)
    features = helper.make_tensor_value_info(FEATURES_NAME, TensorProto.INT32, [*_SIZES, columns])
    return finish_graph(build, features, [(SCORES_NAME, TensorProto.FLOAT, network.scores.out_features)], _SIZES)


class _Graph:
    """Adds the layers of a tagger to a graph."""

    def __init__(self, build: Builder, int8: bool) -> None:
        self.build, self._int8 = build, int8

    def words(self, network: TaggerNetwork) -> str:
        """A vector (batch, words, hidden) for each word, from its rows of the table."""
        build, table, columns = self.build, network.table, network.table.features.piece_columns
        step = _INT8_STEP if self._int8 else None
        rows, scales = table_rows(build, as_array(table.rows()), FEATURES_NAME, step)  # (batch, words, columns, width)
        sizes = [1, columns - 1, table.features.columns - columns] if columns else [table.features.columns]
        names = [f"rows_{number}" for number in range(len(sizes))]
        build.node_of_many("Split", [rows, build.constant("groups", np.array(sizes))], names, "grouped", axis=2)
        means = [build.node("ReduceMean", [name, "last"], f"{name}_mean", keepdims=0) for name in names]
        joined = build.node("Concat", means, "joined", axis=2)
        sums = np.repeat(np.array(sizes, np.float32), len(scales)) * np.tile(scales, len(sizes))
        weight = sums[:, None] * as_array(table.project.weight).T
        return self._product(joined, weight, as_array(table.project.bias), "project")

    def convolution(self, layer: GatedConvolution, h: str, name: str) -> str:
        """What a gated convolution adds (batch, words, hidden)."""
        build, x = self.build, self._seen(layer.norm, h, name)
        before = [shift(build, x, places, False, f"{name}_before{places}") for places in range(SIDE, 0, -1)]
        after = [shift(build, x, places, True, f"{name}_after{places}") for places in range(1, SIDE + 1)]
        window = build.node("Concat", [*before, x, *after], f"{name}_window", axis=2)
        wide = self.linear(layer.weight, window, f"{name}_wide")
        split(build, wide, [f"{name}_value", f"{name}_gate"], layer.weight.out_features // 2)
        gate = build.node("Sigmoid", [f"{name}_gate"], f"{name}_open")
        return build.node("Mul", [f"{name}_value", gate], f"{name}_added")

    def two_ways(self, layer: TwoWayBlock, h: str, name: str) -> str:
        """What bilinear units of both directions add (batch, words, hidden)."""
        build, x = self.build, self._seen(layer.norm, h, name)
        blocks = {f"{name}_forward": layer.before, f"{name}_backward": layer.after}
        size = layer.norm.normalized_shape[0] ** -0.5
        weight = size * np.concatenate([block_parts(block) for block in blocks.values()], axis=1)
        wide = self._product(x, weight, None, f"{name}_wide")
        split(build, wide, [f"{each}_{part}" for each in blocks for part in "uvg"], len(layer.before.u))
        units = []
        for each, block in blocks.items():
            summed = fading_sum(build, f"{each}_v", as_array(block.keep), block.reverse)
            units.append(bilinear_gate(build, (f"{each}_u", summed, f"{each}_g"), f"_{each}"))
        return self.linear(layer.out, build.node("Concat", units, f"{name}_units", axis=2), f"{name}_added")

    def _seen(self, norm: nn.LayerNorm, h: str, name: str) -> str:
        """What a layer reads (batch, words, hidden): normed, and zero for padding."""
        return self.build.node("Mul", [self.norm(norm, h, name), "inside"], f"{name}_seen")

    def norm(self, norm: nn.LayerNorm, h: str, name: str) -> str:
        """Layer normalisation of h (batch, words, hidden)."""
        build = self.build
        parts = [build.constant(f"{name}_{part}", as_array(getattr(norm, part))) for part in ("weight", "bias")]
        return build.node("LayerNormalization", [h, *parts], f"{name}_norm", axis=-1, epsilon=norm.eps)

    def linear(self, layer: nn.Linear, x: str, name: str) -> str:
        """A linear layer of x (batch, words, inputs)."""
        return self._product(x, as_array(layer.weight).T, as_array(layer.bias), name)

    def _product(self, x: str, weight: Array, bias: Array | None, name: str) -> str:
        """X (batch, words, inputs) times a weight (inputs, outputs), plus a bias (outputs,)."""
        build, end = self.build, name if bias is None else f"{name}_product"
        store = build.int8_weight if self._int8 else build.weight
        build.node("MatMul", [x, store(f"{name}_matrix", weight)], end)
        return name if bias is None else build.node("Add", [end, build.constant(f"{name}_shift", bias)], name)
