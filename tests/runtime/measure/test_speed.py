import json

import numpy as np
import onnx
import onnxruntime
import pytest

from linguagen.runtime import Compressor
from linguagen.runtime.measure.control_graph import control_graph
from linguagen.runtime.measure.file_speed import peak_mb
from linguagen.runtime.measure.speed import bench, bench_file, bench_startup


def test_the_control_graph_is_onnx_and_one_integer_product():
    data = control_graph(48, 8)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == [
        "QuantizeLinear",
        "DequantizeLinear",
        "DequantizeLinear",
        "MatMul",
    ]
    session = onnxruntime.InferenceSession(data)
    assert session.run(None, {"vectors": np.ones((3, 48), np.float32)})[0].shape == (3, 8)


def test_a_batch_is_timed_beside_its_controls(tiny):
    row = bench(Compressor.load(tiny["int8"], threads=1), 64, 0.05, threads=1)
    assert row.batch == 64
    assert 0 < row.median_us <= row.p99_us
    assert row.rows_per_second == pytest.approx(64e6 / row.median_us)
    assert row.control_ratio > 0
    assert row.numpy_ratio > 0


def test_files_and_starts_are_timed_in_processes_of_their_own(tiny):
    steps = []
    row = bench_file(str(tiny["int8"]), 3000, 1, steps.append)
    assert sum(steps) == 3000
    assert row.rows == 3000
    assert row.session_ratio > 0
    assert 30 < row.peak_mb < 300
    start = bench_startup(str(tiny["int8"]))
    assert 0 < start.import_seconds < start.first_vector_seconds


def test_memory_is_unknown_where_the_system_does_not_tell(monkeypatch):
    from pathlib import Path

    def missing(self, encoding=None):
        raise OSError

    assert peak_mb() > 0
    monkeypatch.setattr(Path, "read_text", missing)
    assert np.isnan(peak_mb())


def test_the_command_prints_tables_and_json(run_command, tiny):
    words = ("lg-run", "bench", "--model", tiny["int8"], "--seconds", "0.02", "--rows", "2000")
    shown = run_command(*words).stdout
    assert "of control" in shown
    assert "rows in a file" in shown
    assert "from the start of a process to its first vector: 0." in shown
    document = json.loads(run_command(*words, "--json").stdout)
    assert [row["batch"] for row in document["batches"]] == [1, 64, 1024, 16384]
    assert [row["rows"] for row in document["files"]] == [400, 2000]
    assert document["start"]["first_vector_seconds"] > 0
    assert json.loads(run_command(*words[:-1], "0", "--json").stdout)["files"] == []
