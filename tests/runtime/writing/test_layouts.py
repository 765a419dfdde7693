"""Every form of output is read by the library whose format it is."""

import h5py
import numpy as np
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime import Compressor
from linguagen.runtime.encoders.tasks import compress_task
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.layouts import Layout
from linguagen.runtime.writing.process import kept_path, process_file

IDS = [f"document {number}" for number in range(5000)]


@pytest.fixture(scope="module")
def compressor(tiny):
    return Compressor.load(tiny["int8"], threads=1)


@pytest.fixture(scope="module")
def vectors():
    import make_tiny_model

    return make_tiny_model.tiny_vectors(5000, seed=3)


def run(compressor, source, output, kind="float32", **words):
    codec = compressor.codec(kind)
    report = process_file(compress_task(compressor, codec), open_vectors(source, 48), output, int, **words)
    return codec, report


def read(path):
    kind = path.suffix
    if kind in (".npy", ""):
        return np.load(path)
    if kind == ".npz":
        return np.load(path)["embeddings"]
    if kind == ".fvecs":
        raw = np.fromfile(path, "<i4").reshape(5000, -1)
        assert (raw[:, 0] == 8).all()
        return raw[:, 1:].view("<f4")
    if kind in (".fbin", ".i8bin", ".u8bin"):
        rows, columns = np.fromfile(path, "<i4", 2)
        return np.fromfile(path, {".fbin": "<f4", ".i8bin": "i1", ".u8bin": "u1"}[kind], offset=8).reshape(
            rows, columns
        )
    if kind == ".hdf5":
        with h5py.File(path) as file:
            return file["embeddings"][:]
    loaded = pyarrow.parquet.read_table(path) if kind == ".parquet" else pyarrow.feather.read_table(path)
    assert loaded.column_names == ["embedding"]
    return np.stack(loaded["embedding"].to_numpy())


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (".npy", "float32"),
        ("", "float16"),
        (".npy", "int4"),
        (".npz", "int8"),
        (".fvecs", "float32"),
        (".fbin", "float32"),
        (".i8bin", "int8"),
        (".u8bin", "uint8"),
        (".hdf5", "ubinary"),
        (".parquet", "float32"),
        (".parquet", "int8"),
        (".arrow", "float32"),
        (".feather", "uint8"),
    ],
)
def test_every_format_is_read_by_its_own_library(compressor, vectors, tmp_path, ending, kind):
    np.save(tmp_path / "v.npy", vectors)
    output = tmp_path / f"o{ending}"
    codec, report = run(compressor, tmp_path / "v.npy", output, kind)
    wanted = codec.encode(compressor.compress(vectors))
    found = read(output)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert (report.rows, report.bytes_after) == (5000, output.stat().st_size)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["v.npy", output.name])


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
@pytest.mark.parametrize("bad", ["zero", "drop"])
def test_the_other_columns_of_a_table_go_along_in_their_order(compressor, vectors, tmp_path, ending, bad):
    spoiled = vectors.copy()
    spoiled[[0, 1500, 4999]] = np.nan
    columns = {"id": IDS, "embedding": list(spoiled), "length": np.arange(5000)}
    source = tmp_path / "v.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), source, row_group_size=900)
    output = tmp_path / f"o{ending}"
    _, report = run(compressor, source, output, bad=bad)
    loaded = pyarrow.parquet.read_table(output) if ending == ".parquet" else pyarrow.feather.read_table(output)
    assert loaded.column_names == ["id", "embedding", "length"]
    keep = np.arange(5000) if bad == "zero" else np.delete(np.arange(5000), [0, 1500, 4999])
    assert loaded["id"].to_pylist() == [IDS[number] for number in keep]
    assert loaded["length"].to_pylist() == keep.tolist()
    embeddings = np.stack(loaded["embedding"].to_numpy())
    good = ~np.isin(keep, [0, 1500, 4999])
    np.testing.assert_allclose(embeddings[good], compressor.compress(vectors[keep[good]]), atol=1e-6)
    assert (embeddings[~good] == 0).all()
    assert report.bad_rows == (0, 1500, 4999)
    if bad == "drop":
        np.testing.assert_array_equal(np.load(kept_path(output))[:, 0], keep)
    else:
        assert not kept_path(output).exists()


def test_a_table_whose_rows_were_all_dropped_is_not_written(compressor, tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"v": list(np.zeros((5, 48), np.float32))}), tmp_path / "v.parquet")
    with pytest.raises(VectorFileError, match="no row is left to write to .parquet; every one of them was dropped"):
        run(compressor, tmp_path / "v.parquet", tmp_path / "o.parquet", bad="drop")
    assert [path.name for path in tmp_path.iterdir()] == ["v.parquet"]


@pytest.mark.parametrize(
    ("name", "dtype", "message"),
    [
        ("o.txt", "<f4", "cannot write o.txt: its ending '.txt' is none of .npy, .npz, .fvecs"),
        ("o.i8bin", "<f4", "cannot write o.i8bin: .i8bin holds int8, but these codes are float32"),
        ("o.fvecs", "u1", "cannot write o.fvecs: .fvecs holds float32, but these codes are uint8"),
    ],
)
def test_endings_that_cannot_hold_the_codes_are_wrong_use(tmp_path, name, dtype, message):
    from pathlib import Path

    with pytest.raises(UsageError, match=message):
        Layout.of(Path(name), 8, np.dtype(dtype))
