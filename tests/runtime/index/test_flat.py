"""A flat index answers as the one that it was made from, and is refused if it is cut."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file

from linguagen.models.errors import IndexFileError, UsageError
from linguagen.runtime import Index


@pytest.fixture
def both(tiny, tiny_vectors, tmp_path):
    """An index with 300 rows of which two were removed, and the flat one that was made from it."""
    columns = {"year": [1990 + number % 30 for number in range(300)], "name": ["größe", None] * 150}
    ids = [f"row {number}" for number in range(300)]
    with Index.build(tmp_path / "a.db", tiny_vectors, model=tiny["int8"], ids=ids, columns=columns) as index:
        index.remove(["row 0", "row 7"])
        index.write_flat(tmp_path / "a.safetensors")
        with Index.open(tmp_path / "a.safetensors", model=tiny["int8"]) as flat:
            yield index, flat


def test_a_flat_index_answers_as_its_origin(either, both, tiny_vectors):
    index, flat = both
    assert (len(flat), flat.ids, flat.columns, flat.about) == (298, index.ids, index.columns, index.about)
    assert flat.search(tiny_vectors[3], 20) == index.search(tiny_vectors[3], 20)
    assert flat.like("row 8", 5) == index.like("row 8", 5)
    mask = np.arange(298) % 3 == 0
    some = {"mask": mask, "ids": [f"row {number}" for number in range(1, 5)]}
    assert flat.search(tiny_vectors[3], 20, **some) == index.search(tiny_vectors[3], 20, **some)


def test_rows_without_ids_keep_their_numbers(tiny, tiny_vectors, tmp_path):
    with Index.build(tmp_path / "b.db", tiny_vectors, model=tiny["int8"]) as index:
        index.remove([2])
        index.write_flat(tmp_path / "b.safetensors")
    with Index.open(tmp_path / "b.safetensors", model=tiny["int8"]) as flat:
        assert flat.like(3, 4) == flat.like("3", 4)
        assert flat.search(tiny_vectors[9], 1)[0].id == 9
        with pytest.raises(UsageError, match="has no row whose _row is 2"):
            flat.like(2)


def test_the_file_is_one_that_the_safetensors_library_reads(both, tmp_path):
    arrays = load_file(tmp_path / "a.safetensors")
    assert arrays["codes"].shape == (298, 8)
    assert arrays["numbers"].tolist()[:3] == [1, 2, 3]
    end = arrays["ends"][0]
    assert json.loads(arrays["documents"][:end].tobytes()) == {"id": "row 1", "year": 1991, "name": None}


def test_nothing_is_changed_or_asked_in_sql(both, tiny_vectors, tmp_path):
    _, flat = both
    message = "a.safetensors: a flat index is not changed; change the index that it was made from, and write it again"
    for change in (lambda: flat.add(tiny_vectors[:1], ids=["x"]), lambda: flat.remove(["row 1"])):
        with pytest.raises(UsageError, match=message):
            change()
    with pytest.raises(UsageError, match="a.safetensors is a flat index, which has no conditions; search the index it"):
        flat.search(tiny_vectors[0], where="year > 3")
    with pytest.raises(UsageError, match="a.safetensors is a flat index already; copy it"):
        flat.write_flat(tmp_path / "c.safetensors")


def test_an_output_is_refused_if_it_exists_or_is_called_otherwise(both, tmp_path):
    index, _ = both
    with pytest.raises(UsageError, match="a.safetensors exists"):
        index.write_flat(tmp_path / "a.safetensors")
    index.write_flat(tmp_path / "a.safetensors", overwrite=True)
    with pytest.raises(UsageError, match=r"a flat index is called NAME\.safetensors, and not .*a\.flat; name it so"):
        index.write_flat(tmp_path / "a.flat")


def test_columns_of_bytes_are_refused(tiny, tiny_vectors, tmp_path):
    columns = {"picture": [b"x"] * 300}
    with (
        Index.build(tmp_path / "p.db", tiny_vectors, model=tiny["int8"], columns=columns) as index,
        pytest.raises(UsageError, match="p.db has a column of bytes, which a flat index cannot hold"),
    ):
        index.write_flat(tmp_path / "p.safetensors")
    assert [each.name for each in tmp_path.iterdir()] == ["p.db"]


def edited(data: bytes, change) -> bytes:
    """A file whose header was changed and written again."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode().ljust(length)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:5],
        lambda data: b"",
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data.replace(b'{"__metadata__"', b'["__metadata__"'),
        lambda data: edited(data, lambda header: header["codes"].update(shape=[149, 16])),
        lambda data: edited(data, lambda header: header["codes"].update(shape=[-298, -8])),
        lambda data: edited(data, lambda header: header["codes"].update(dtype="F32")),
        lambda data: edited(data, lambda header: header["codes"].update(data_offsets=[0, 1])),
        lambda data: edited(data, lambda header: header["__metadata__"].update(format_version="9")),
        lambda data: edited(data, lambda header: header["__metadata__"].update(bytes_per_row="many")),
        lambda data: edited(data, lambda header: header["__metadata__"].pop("sha256")),
    ],
)
def test_a_file_that_is_cut_or_edited_is_refused(both, tiny, tmp_path, damage):
    path = tmp_path / "d.safetensors"
    path.write_bytes(damage((tmp_path / "a.safetensors").read_bytes()))
    with pytest.raises(IndexFileError, match=r"d\.safetensors: (cut, or no flat index|no flat index of this version)"):
        Index.open(path, model=tiny["int8"])
    with pytest.raises(UsageError, match=r"e\.safetensors does not exist; write it with lg-run index INDEX --flat"):
        Index.open(tmp_path / "e.safetensors", model=tiny["int8"])
