"""What onnxruntime makes of the graph: the fusions that the speed rests on."""

import onnx
import onnxruntime
import pytest

from linguagen.models.catalogue import find_model


@pytest.mark.parametrize("name", ["text-embedding-3-small", "text-embedding-ada-002"])
def test_the_shipped_graph_is_fused_whole(name, tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(find_model(name)), options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    # Not a DequantizeLinear is left: the weights stay int8, so a single row does not unpack them at every call.
    wanted = ["QuantizeLinear", "MatMulIntegerToFloat", "Split", "Sigmoid", "Mul", "Mul", "Gemm"]
    wanted += ["SimplifiedLayerNormalization"]
    outliers = ["Gather", "Gemm"] if "ada" in name else []
    assert sorted(operators) == sorted(wanted + outliers)
