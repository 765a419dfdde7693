"""From the nodes of a graph to the bytes of a model file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import onnx
from onnx import TensorProto, helper

from linguagen.export.graph.builder import Builder
from linguagen.models.manifests.document import FileManifest
from linguagen.models.seal import UNSEALED, seal

OPSET, IR_VERSION = 18, 9
"""The newest that onnxruntime 1.20 reads."""

M = TypeVar("M", bound=FileManifest)


def rows_input(name: str, width: int) -> onnx.ValueInfoProto:
    """An input of float32 rows (n, width)."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])


def finish_graph(
    build: Builder,
    graph_input: onnx.ValueInfoProto,
    outputs: Sequence[tuple[str, int, int]],
    leading: Sequence[str] = ("n",),
) -> onnx.ModelProto:
    """Make a model of the nodes that were collected.

    Args:
        build: holds the nodes.
        graph_input: the input of the graph.
        outputs: name, element type and width of each output.
        leading: names of the sizes before the width.
    """
    graph = helper.make_graph(
        build.nodes,
        "linguagen",
        [graph_input],
        [helper.make_tensor_value_info(name, kind, [*leading, width]) for name, kind, width in outputs],
        build.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="linguagen",
    )
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def with_manifest(model: onnx.ModelProto, manifest: M, extra: Mapping[str, str]) -> tuple[bytes, M]:
    """Put a manifest into a model.

    Args:
        model: the graph; its metadata is replaced.
        manifest: what the file says about itself.
        extra: further metadata, by key.

    Returns:
        The bytes of the file, and the manifest with their hash.
    """
    del model.metadata_props[:]
    unsealed = replace(manifest, file_sha256=UNSEALED)
    helper.set_model_props(model, {manifest.key: unsealed.to_json(), **extra})
    onnx.checker.check_model(model, full_check=True)
    data, digest = seal(model.SerializeToString())
    return data, replace(unsealed, file_sha256=digest)
