"""Files of embeddings name the model that made them."""

import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from linguagen.models.errors import VectorFileError
from linguagen.runtime import Compressor
from linguagen.runtime.encoders.tasks import compress_task
from linguagen.runtime.reading.maker import KEY, Maker, read_maker
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.process import process_file

ENDINGS = ("parquet", "arrow", "feather", "npz", "hdf5", "h5", "json")
GOOD = {"model": "m", "sha256": "0" * 64, "kind": "int8", "dim": 8}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_every_format_with_room_names_model_hash_and_codes(tiny, tmp_path, ending, kind):
    compressor = Compressor.load(tiny["int8"], threads=1)
    output = tmp_path / f"o.{ending}"
    codec = compressor.codec(kind)
    process_file(compress_task(compressor, codec), open_vectors(tiny["vectors"], 48), output, int)
    assert read_maker(output) == Maker("tiny", compressor.manifest.file_sha256, kind, 8)
    if kind == "float32":
        expected = compressor.compress(np.load(tiny["vectors"]))
        rows = np.concatenate([rows for _, rows in open_vectors(output, 8).chunks(99)])
        np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_json_is_a_response_that_anyone_can_read(tiny, tmp_path):
    compressor = Compressor.load(tiny["int8"], threads=1)
    task = compress_task(compressor, compressor.codec("int8"))
    process_file(task, open_vectors(tiny["vectors"], 48), tmp_path / "o.json", int)
    document = json.loads((tmp_path / "o.json").read_text())
    assert document[KEY]["kind"] == "int8"
    codes = [each["embedding"] for each in document["data"]]
    assert [each["index"] for each in document["data"]] == list(range(600))
    assert codes == compressor.codec("int8").encode(compressor.compress(np.load(tiny["vectors"]))).tolist()


def write(path, entry):
    """A file of each format with an entry as text, or without one."""
    kind = path.suffix
    if kind in (".parquet", ".arrow"):
        table = pyarrow.table({"v": [[1.0, 2.0]]}).replace_schema_metadata({KEY: entry} if entry is not None else {})
        if kind == ".parquet":
            pyarrow.parquet.write_table(table, path)
        else:
            with pyarrow.ipc.new_file(str(path), table.schema) as file:
                file.write_table(table)
    elif kind == ".npz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.comment = b"another comment" if entry is None else f"{KEY} {entry}".encode()
    elif kind == ".hdf5":
        with h5py.File(path, "w") as file:
            if entry is not None:
                file.attrs[KEY] = entry
    else:
        path.write_text('{"data": []}' if entry is None else f'{{"{KEY}": {entry}, "data": []}}')


@pytest.mark.parametrize("ending", ["parquet", "arrow", "npz", "hdf5", "json"])
def test_a_file_without_an_entry_has_no_maker(tmp_path, ending):
    write(tmp_path / f"o.{ending}", None)
    assert read_maker(tmp_path / f"o.{ending}") is None
    write(tmp_path / f"p.{ending}", json.dumps(GOOD))
    assert read_maker(tmp_path / f"p.{ending}") == Maker(**GOOD)


@pytest.mark.parametrize("ending", ["parquet", "arrow", "npz", "hdf5", "json"])
@pytest.mark.parametrize(
    "entry",
    [
        "",
        "{",
        "[1]",
        "5",
        '{"model": "m"}',
        json.dumps(GOOD | {"dim": True}),
        json.dumps(GOOD | {"model": 5}),
        "[" * 2000,
    ],
)
def test_an_entry_that_no_program_of_ours_writes_is_refused(tmp_path, ending, entry):
    write(tmp_path / f"o.{ending}", entry)
    with pytest.raises(VectorFileError, match=f"o.{ending}: its entry 'linguagen', which names the model that made it"):
        read_maker(tmp_path / f"o.{ending}")


@pytest.mark.parametrize("entry", [5, np.zeros(3), b"\xff", np.array(["a", "b"], dtype=h5py.string_dtype())])
def test_an_attribute_of_another_kind_is_refused(tmp_path, entry):
    with h5py.File(tmp_path / "o.hdf5", "w") as file:
        file.attrs[KEY] = entry
    with pytest.raises(VectorFileError, match="cannot be read"):
        read_maker(tmp_path / "o.hdf5")


@pytest.mark.parametrize("name", ["o.npz", "o.hdf5", "o.parquet", "o.arrow"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"no such format")
    with pytest.raises(VectorFileError):
        read_maker(tmp_path / name)


def test_formats_without_room_and_standard_input_have_no_maker(tmp_path):
    np.save(tmp_path / "o.npy", np.zeros((2, 2)))
    for path in (tmp_path / "o.npy", tmp_path / "missing.npz", Path("-")):
        assert read_maker(path) is None
