import pickle

import numpy as np
import pandas
import pytest

from linguagen.models.errors import UsageError, VectorError
from linguagen.runtime import Compressor
from linguagen.runtime.encoders.batch import BatchCompressor


def test_batches_keep_their_other_columns(tiny, tiny_vectors):
    work = BatchCompressor(tiny["int8"], column="v", kind="int8")
    batch = {"id": np.arange(300), "v": tiny_vectors}
    found = work(batch)
    compressor = Compressor.load(tiny["int8"], threads=1)
    np.testing.assert_array_equal(found["v"], compressor.codec("int8").encode(compressor.compress(tiny_vectors)))
    np.testing.assert_array_equal(found["id"], batch["id"])
    assert batch["v"] is tiny_vectors
    other = BatchCompressor(tiny["int8"], column="v", output="small")(batch)
    assert list(other) == ["id", "v", "small"]


@pytest.mark.parametrize(
    "form", [list, lambda rows: np.array([*rows, None], dtype=object)[:-1], lambda rows: rows.tolist()]
)
def test_rows_of_arrays_and_of_lists_are_taken_too(tiny, tiny_vectors, form):
    work = BatchCompressor(tiny["int8"])
    np.testing.assert_array_equal(work.predict(form(tiny_vectors)), work.predict(tiny_vectors))


def test_an_empty_batch_stays_empty(tiny):
    work = BatchCompressor(tiny["int8"], kind="int4")
    assert work.predict([]).shape == (0, 4)
    assert work.predict(np.array([], dtype=object)).dtype == np.uint8


def test_it_pickles_with_its_model(tiny, tiny_vectors, tmp_path):
    path = tmp_path / "gone.onnx"
    path.write_bytes(tiny["int8"].read_bytes())
    work = BatchCompressor(path)
    path.unlink()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(work)).predict(tiny_vectors), work.predict(tiny_vectors))


def test_data_frames_as_spark_hands_them_over(tiny, tiny_vectors):
    work = BatchCompressor(tiny["int8"], column="v")
    frames = [pandas.DataFrame({"id": range(n, n + 100), "v": list(tiny_vectors[n : n + 100])}) for n in (0, 100, 200)]
    found = pandas.concat(list(work.map_pandas(iter(frames))))
    assert found["id"].tolist() == list(range(300))
    np.testing.assert_allclose(np.stack(found["v"]), work.predict(tiny_vectors), atol=1e-6)


def test_wrong_columns_and_wrong_rows_are_refused(tiny):
    work = BatchCompressor(tiny["int8"])
    with pytest.raises(UsageError, match="the batch has no column 'embedding'; it has id, v"):
        work({"id": [1], "v": [2]})
    with pytest.raises(VectorError, match="vectors of width 3, but the model takes width 48"):
        work({"embedding": np.ones((2, 3))})


@pytest.mark.timeout(200)
def test_the_documented_lines_run_on_ray_data(root, tmp_path):
    import re
    import subprocess
    import sys

    import pyarrow.parquet

    from linguagen.models.mixture import teacher_mixture
    from linguagen.models.model_file import load_manifest
    from linguagen.runtime.writing.sample import draw_vectors

    rows = np.concatenate(list(draw_vectors(teacher_mixture(load_manifest("text-embedding-3-small")), 700, seed=2)))
    pyarrow.parquet.write_table(
        pyarrow.table({"id": range(700), "embedding": list(rows)}), tmp_path / "vectors.parquet"
    )
    lines = re.search(r"```python\n(.*?)```", (root / "docs" / "files.md").read_text(), re.DOTALL)[1]
    start = "import ray\nray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)\n"
    end = "import numpy\nnumpy.savez('found.npz', **small.to_pandas().sort_values('id').pipe(lambda f: {'id': f['id'], 'code': numpy.stack(f['embedding'])}))"
    done = subprocess.run([sys.executable, "-c", start + lines + end], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(tmp_path / "found.npz") as found:
        compressor = Compressor.load(threads=1)
        wanted = compressor.codec("int8").encode(compressor.compress(rows))
        assert found["id"].tolist() == list(range(700))
        assert (found["code"] == wanted).mean() > 0.999
