"""Every form of input, written by another library where one exists, comes out as the same rows."""

import base64
import io
import json
import os
import sys
import zipfile

import h5py
import numpy as np
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linguagen.models.errors import MissingExtraError, UsageError, VectorError, VectorFileError
from linguagen.runtime.reading.picking import read_rows, spread_rows
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.reading.streams import StreamSource

ROWS = np.random.default_rng(0).standard_normal((2500, 6)).astype(np.float32)


def table(kind=None, rows=ROWS) -> pyarrow.Table:
    kind = kind or pyarrow.list_(pyarrow.float32())
    vectors = pyarrow.array(list(rows), kind)
    return pyarrow.table({"id": np.arange(len(rows)), "text": [f"text {n}" for n in range(len(rows))], "v": vectors})


def response(rows, encode=list, order=None):
    data = [{"object": "embedding", "index": n, "embedding": encode(row)} for n, row in enumerate(rows)]
    return {"object": "list", "data": data if order is None else [data[n] for n in order], "model": "m"}


def in_base64(row):
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def floats(row):
    return [float(value) for value in row]


def batch_line(rows, **changes):
    return {
        "id": "b",
        "custom_id": "request-1",
        "response": {"status_code": 200, "body": response(rows, floats)},
        "error": None,
    } | changes


def lines(documents):
    return "".join(json.dumps(document) + "\n" for document in documents)


def write(path, kind):
    """One file of ROWS in each format."""
    halves = (ROWS[:2048], ROWS[2048:])
    if kind == "npy":
        np.save(path, ROWS)
    elif kind == "npz":
        np.savez(path, vectors=ROWS)
    elif kind == "packed npz":
        np.savez_compressed(path, vectors=ROWS)
    elif kind == "fvecs":
        path.write_bytes(b"".join(np.int32(6).tobytes() + row.tobytes() for row in ROWS))
    elif kind == "fbin":
        path.write_bytes(np.array(ROWS.shape, np.int32).tobytes() + ROWS.tobytes())
    elif kind.startswith("parquet"):
        kinds = {"parquet": None, "parquet fixed": pyarrow.list_(pyarrow.float32(), 6)}
        pyarrow.parquet.write_table(table(kinds[kind]), path, row_group_size=700)
    elif kind == "arrow":
        with pyarrow.ipc.new_file(str(path), table().schema) as writer:
            writer.write_table(table(), max_chunksize=5000)
    elif kind == "feather":
        pyarrow.feather.write_feather(table(pyarrow.large_list(pyarrow.float64())), path)
    elif kind == "hdf5":
        with h5py.File(path, "w") as file:
            file["train"], file["neighbors"] = ROWS, np.zeros((3, 100), np.int32)
    elif kind == "responses":
        path.write_text(lines([response(halves[0], floats), response(halves[1], in_base64)]))
    elif kind == "batch":
        path.write_text(lines([batch_line(half) for half in halves]))
    elif kind == "lists":
        path.write_text(
            lines([*map(floats, halves[0]), *({"embedding": floats(row), "text": "x"} for row in halves[1])])
        )
    elif kind == "json":
        path.write_text(json.dumps(response(ROWS, floats, order=reversed(range(2500))), indent=1))
    elif kind == "csv of lists":
        path.write_text("token,embedding\n" + "".join(f'a,"{floats(row)}"\n' for row in ROWS))
    elif kind == "csv":
        np.savetxt(path, ROWS, delimiter=",", fmt="%.9g")


FORMATS = {
    "npy": "npy",
    "npz": "npz",
    "packed npz": "npz",
    "fvecs": "fvecs",
    "fbin": "fbin",
    "parquet": "parquet",
    "parquet fixed": "parquet",
    "arrow": "arrow",
    "feather": "feather",
    "hdf5": "hdf5",
    "responses": "jsonl",
    "batch": "jsonl",
    "lists": "ndjson",
    "json": "json",
    "csv of lists": "csv",
    "csv": "csv",
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path, kind):
    path = tmp_path / f"v.{FORMATS[kind]}"
    write(path, kind)
    source = open_vectors(path, 6)
    assert source.width == 6
    assert source.rows_known in (2500, None)
    for size in (1024, 333, 5000):
        windows = list(source.chunks(size))
        assert [start for start, _ in windows] == list(range(0, 2500, size))
        assert {len(rows) for _, rows in windows[:-1]} <= {size}
        np.testing.assert_allclose(np.concatenate([rows for _, rows in windows]), ROWS, rtol=1e-6)
    later = [read().copy() for _, read in source.windows(1024, 1024)]
    np.testing.assert_allclose(np.concatenate(later), ROWS[1024:], rtol=1e-6)
    with pytest.raises(VectorError, match="width 6, but the model takes width 7|expected 7 numbers"):
        open_vectors(path, 7)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 7), st.integers(0, 30))
def test_blocks_of_any_size_become_windows_of_one(sizes, size, start):
    rows = np.arange(sum(sizes), dtype=np.float32)[:, None]
    parts = np.split(rows, np.cumsum(sizes)[:-1]) if sizes else []
    windows = list(StreamSource("x", 1, None, lambda: parts).windows(size, start))
    assert [first for first, _ in windows] == list(range(start, len(rows), size))
    read = [get() for _, get in windows]
    np.testing.assert_array_equal(np.concatenate([rows[:0], *read]), rows[start:])


def test_column_names_choose_where_there_are_several(tmp_path):
    both = table().append_column("w", pyarrow.array(list(ROWS[:, :4]), pyarrow.list_(pyarrow.float32(), 4)))
    pyarrow.parquet.write_table(both, tmp_path / "v.parquet")
    with pytest.raises(UsageError, match=r"2 of its columns hold lists of floats \(v, w\); choose one with --column"):
        open_vectors(tmp_path / "v.parquet", 6)
    assert open_vectors(tmp_path / "v.parquet", 6, "v").width == 6
    assert open_vectors(tmp_path / "v.parquet", 4).width == 4  # the only one of a fixed size of 4
    with pytest.raises(UsageError, match="has no column 'x'; it has id, text, v, w"):
        open_vectors(tmp_path / "v.parquet", 6, "x")
    with pytest.raises(UsageError, match="column text: holds string, expected lists of floats; choose another"):
        open_vectors(tmp_path / "v.parquet", 6, "text")
    np.savez(tmp_path / "v.npz", a=ROWS, b=ROWS[:5])
    with pytest.raises(UsageError, match=r"holds 2 arrays \(a, b\); choose one with --column"):
        open_vectors(tmp_path / "v.npz")
    assert open_vectors(tmp_path / "v.npz", 6, "b").rows_known == 5
    with pytest.raises(UsageError, match="has no array 'c'; it has a, b"):
        open_vectors(tmp_path / "v.npz", 6, "c")
    with h5py.File(tmp_path / "v.hdf5", "w") as file:
        file["train"], file["test"], file["distances"] = ROWS, ROWS[:9], np.zeros(3)
    with pytest.raises(UsageError, match=r"2 of its datasets could be the vectors \(test, train\); choose"):
        open_vectors(tmp_path / "v.hdf5", 6)
    assert open_vectors(tmp_path / "v.hdf5", 6, "test").rows_known == 9
    with pytest.raises(UsageError, match="has no two-dimensional dataset 'distances'; it has test, train"):
        open_vectors(tmp_path / "v.hdf5", 6, "distances")


def saved(array, **words):
    buffer = io.BytesIO()
    np.save(buffer, array, **words)
    return buffer.getvalue()


def npz(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("v.npy", content)
    return buffer.getvalue()


def parquet(rows, kind=None) -> bytes:
    buffer = io.BytesIO()
    kind = kind or pyarrow.list_(pyarrow.float32())
    pyarrow.parquet.write_table(pyarrow.table({"v": pyarrow.array(rows, kind)}), buffer)
    return buffer.getvalue()


BROKEN = [
    ("v.npz", b"PK no", "not a .npz file, or damaged .*; write it with numpy.savez"),
    ("v.npz", npz(b"text"), "array v: its .npy header cannot be read"),
    ("v.npz", npz(saved(np.array([{}]), allow_pickle=True)), "array v: holds pickled Python objects, which are never"),
    (
        "v.npz",
        npz(saved(np.asfortranarray(ROWS[:9]))),
        "array v: is in Fortran order, which cannot be read row by row",
    ),
    ("v.npz", npz(saved(ROWS)[:-100]), "cut short: its header promises 2500 rows of 6, but it ends in row 2495; copy"),
    ("v.fvecs", b"", "only 0 bytes, too few for a header of 4; copy it again"),
    (
        "v.fvecs",
        np.int32([6, 1, 2]).tobytes(),
        "begins with a width of 6, whose rows of 28 bytes do not fill its 12 bytes",
    ),
    ("v.fbin", np.int32([9, 6, 0]).tobytes(), r"promises 9 rows of 6 \(224 bytes\), but the file has 12 bytes"),
    ("v.fbin", b"abc", "only 3 bytes, too few for a header of 8"),
    ("v.parquet", b"PAR1 no", "cannot be read as .parquet .*; write or copy it again"),
    ("v.arrow", b"ARROW1 no", "cannot be read as .arrow"),
    (
        "v.parquet",
        parquet([[1.0] * 6, None]),
        r"column v: row 1 \(counted from 0\) has null, expected 6 numbers in each",
    ),
    ("v.parquet", parquet([[1.0] * 6, [2.0]]), "row 1 .* has 1 numbers, expected 6 numbers"),
    ("v.parquet", parquet([]), "column v: holds no vectors; expected at least one row"),
    ("v.parquet", parquet([1, 2], pyarrow.int64()), r"0 of its columns hold lists of floats \(v\)"),
    ("v.hdf5", b"no", "cannot be read as .hdf5"),
    ("v.json", b"{}", "no embedding in it; expected an embedding list, an embeddings response, or"),
    ("v.json", b"[1, 2", "v.json: not JSON"),
    ("v.jsonl", b"", "holds no vectors; expected at least one row"),
    ("v.jsonl", b"[1,2,3,4,5,6]\n\n[1,2]\n", "line 3: 2 numbers, but the rows before have 6"),
    ("v.jsonl", b'{"embedding": "!!"}', "line 1: its embedding is neither numbers nor base64"),
    ("v.jsonl", b'{"embedding": "AAA="}', "line 1: its embedding is neither numbers nor base64"),
    ("v.jsonl", b'{"embedding": [[1]]}', r"line 1: its embedding has shape \(1, 1\), expected one list"),
    ("v.jsonl", b"[" * 100_000, "line 1: not JSON"),
    ("v.jsonl", b'{"data": [{"index": 0}]}', "line 1: no embedding in it"),
    (
        "v.jsonl",
        lines([batch_line(ROWS[:1], response={"status_code": 429})]).encode(),
        r"line 1: the request 'request-1' failed \(429\); send it again, or remove the line",
    ),
    ("v.csv", b"", "holds no vectors"),
    ("v.csv", b"1,2,3,4,5,6\n1,2,x,4,5,6\n", "line 2: no embedding .*; expected a column `embedding` with a list"),
    ("v.csv", b"\xff\xfe", "not CSV in UTF-8"),
    ("v.csv", b"embedding\n" + b"[" * 50_000, "line 2: no embedding"),
    (
        "v.fvecs",
        bytes([6, 0, 0, 0]) + bytes(24) + bytes([5, 0, 0, 0]) + bytes(24),
        r"row 1 \(counted from 0\) declares a width of 5, but the first row has 6; write",
    ),
    (
        "v.npz",
        npz(saved(ROWS).replace(b"(2500, 6)", b"(-2500,6)")),
        r"has the shape \(-2500, 6\), and no size is below 0",
    ),
    *(
        ("v.jsonl", lines([{"data": [{"embedding": [1.0] * 6, **item} for item in items]}]).encode(), message)
        for items, message in (
            (
                [{"index": 0}, {"index": 0}],
                r"response of 2 embeddings has the indices \[0, 0\], expected each of 0 to 1",
            ),
            ([{"index": 0}, {}], r"has the indices \[0, None\], expected each of 0 to 1 once; ask for these"),
            ([{"index": 10**30}], r"has the indices \[1000"),
            ([{"index": -1}], r"has the indices \[-1\]"),
            ([{"index": "0"}], r"has the indices \['0'\]"),
            ([{"index": True}, {"index": 0}], r"has the indices \[True, 0\]"),
            ([{"index": [0]}], r"has the indices \[\[0\]\]"),
        )
    ),
    ("v.json", b"[[1, 2], 3]", "no embedding in it; expected"),
    ("v.txt", b"hello", "its ending '.txt' is none of .npy, .npz, .* and it is not a .npy file; convert it"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_broken_files_are_refused_by_what_is_wrong(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((VectorFileError, UsageError), match=message):
        for _ in open_vectors(tmp_path / name, 6).chunks(1024):
            pass


def test_a_csv_column_by_name(tmp_path):
    (tmp_path / "v.csv").write_text('vector,x\n"[1, 2]",a\n')
    np.testing.assert_array_equal(next(open_vectors(tmp_path / "v.csv", 2, "vector").chunks(9))[1], [[1, 2]])
    (tmp_path / "blank.csv").write_text("\n1,2\n\n3,4\n")
    np.testing.assert_array_equal(next(open_vectors(tmp_path / "blank.csv", 2).chunks(9))[1], [[1, 2], [3, 4]])
    with pytest.raises(VectorFileError, match="has no column 'w'; it has vector, x"):
        open_vectors(tmp_path / "v.csv", 2, "w")


def test_a_response_without_indices_is_read_in_its_order(tmp_path):
    (tmp_path / "v.json").write_text(json.dumps({"data": [{"embedding": [2, 1]}, {"embedding": [1, 2]}]}))
    np.testing.assert_array_equal(next(open_vectors(tmp_path / "v.json", 2).chunks(9))[1], [[2, 1], [1, 2]])


def test_a_list_of_lists_is_read_as_rows(tmp_path):
    (tmp_path / "v.json").write_text("[[1, 2],\n [3, 4]]")
    np.testing.assert_array_equal(next(open_vectors(tmp_path / "v.json", 2).chunks(9))[1], [[1, 2], [3, 4]])


@pytest.mark.parametrize(("name", "content"), [("v.jsonl", "[3e300, 4e300]"), ("v.csv", "a,b\n3e300,4e300\n")])
def test_numbers_in_text_beyond_float32_are_read_as_they_are(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    rows = next(open_vectors(tmp_path / name, 2).chunks(9))[1]
    np.testing.assert_array_equal(rows, [[3e300, 4e300]])
    assert read_rows(open_vectors(tmp_path / name, 2), 5).vectors.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
    np.testing.assert_allclose(spread_rows(open_vectors(tmp_path / name, 2), 5), [[0.6, 0.8]], rtol=1e-6)


def test_rows_of_another_width_in_fvecs_are_found_when_they_are_picked(tmp_path):
    (tmp_path / "v.fvecs").write_bytes(b"".join(np.int32(width).tobytes() + bytes(8) for width in (2, 2, 3)))
    source = open_vectors(tmp_path / "v.fvecs", 2)
    np.testing.assert_array_equal(source.picked(np.array([1, 0])), np.zeros((2, 2)))
    with pytest.raises(VectorFileError, match="row 2 .* declares a width of 3"):
        source.picked(np.array([0, 2]))


def test_the_index_that_pandas_writes_is_no_dimension(tmp_path):
    (tmp_path / "v.csv").write_text(",0,1\n0,3.0,4.0\n1,5.0,6.0\n")
    np.testing.assert_array_equal(next(open_vectors(tmp_path / "v.csv", 2).chunks(9))[1], [[3, 4], [5, 6]])
    indexed = table().append_column("__index_level_0__", pyarrow.array(np.arange(2500)))
    pyarrow.parquet.write_table(indexed, tmp_path / "v.parquet")
    assert open_vectors(tmp_path / "v.parquet").width == 6
    pyarrow.parquet.write_table(indexed.select(["id", "__index_level_0__"]), tmp_path / "no.parquet")
    with pytest.raises(UsageError, match=r"0 of its columns hold lists of floats \(id\); choose one"):
        open_vectors(tmp_path / "no.parquet")
    spread = pyarrow.table({**{str(n): ROWS[:, n] for n in range(6)}, "__index_level_0__": np.arange(2500)})
    pyarrow.parquet.write_table(spread, tmp_path / "spread.parquet")
    with pytest.raises(UsageError, match="has 6 columns of single numbers and none of lists of floats; save the"):
        open_vectors(tmp_path / "spread.parquet")


def test_links_in_hdf5_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["v"] = ROWS
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["v"] = ROWS[:9]
        file["outside"], file["inside"] = h5py.ExternalLink("other.h5", "/v"), h5py.SoftLink("/v")
        file["loop"], file["pool"] = h5py.SoftLink("/pool"), h5py.SoftLink("/loop")
        file["dangling"] = h5py.SoftLink("/nowhere")
    assert open_vectors(tmp_path / "v.h5").rows_known == 9
    for name, where in (("outside", "/v in other.h5"), ("inside", "/v"), ("loop", "/pool"), ("dangling", "/nowhere")):
        with pytest.raises(UsageError, match=f"'{name}' is a link to {where}, and links are not followed; copy the"):
            open_vectors(tmp_path / "v.h5", column=name)


def test_numbers_of_hdf5_in_other_files_are_not_read(tmp_path):
    (tmp_path / "raw").write_bytes(ROWS.tobytes())
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("v", ROWS.shape, "f4", external=[("raw", 0, ROWS.nbytes)])
    with pytest.raises(VectorFileError, match="dataset v: its numbers are in other files, which are not read; copy"):
        open_vectors(tmp_path / "v.h5")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        layout = h5py.VirtualLayout(ROWS.shape, "f4")
        layout[:] = h5py.VirtualSource("other.h5", "v", shape=ROWS.shape)
        file.create_virtual_dataset("v", layout)
    with pytest.raises(VectorFileError, match="dataset v: its numbers are in other files, which are not read; copy"):
        open_vectors(tmp_path / "w.h5")


def test_missing_numbers_in_a_table_are_refused_later_as_nan(tmp_path):
    (tmp_path / "v.parquet").write_bytes(parquet([[1.0, None, 3.0]]))
    rows = next(open_vectors(tmp_path / "v.parquet", 3).chunks(9))[1]
    np.testing.assert_array_equal(rows, [[1, np.nan, 3]])


def test_a_packed_file_is_bounded_when_it_is_unpacked(tmp_path):
    """Ten gigabytes of zeros in ten megabytes: opening reads a header, and a window reads a window."""
    import tracemalloc

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (400_000_000, 6)})
    with zipfile.ZipFile(tmp_path / "v.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("v.npy", "w", force_zip64=True) as file:
            file.write(header.getvalue())
            for _ in range(20):
                file.write(bytes(1 << 24))
    tracemalloc.start()
    windows = open_vectors(tmp_path / "v.npz", 6).windows(1024)
    assert next(windows)[1]().shape == (1024, 6)
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()
    with pytest.raises(VectorFileError, match="cut short: its header promises 400000000 rows of 6"):
        for _ in windows:
            pass


def test_lines_longer_than_any_response_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("linguagen.runtime.reading.records._MOST_LINE_BYTES", 100)
    (tmp_path / "v.jsonl").write_text("[" + "1, " * 50 + "1]")
    with pytest.raises(VectorFileError, match="line 1: longer than 100 bytes; write one response per line"):
        open_vectors(tmp_path / "v.jsonl")


@pytest.mark.parametrize(("name", "package"), [("v.parquet", "pyarrow"), ("v.h5", "h5py")])
def test_a_format_whose_package_is_missing_names_it(tmp_path, monkeypatch, name, package):
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs? {package} .*; install it: pip install {package}$"):
        open_vectors(tmp_path / name)


def test_a_file_that_shrinks_while_it_is_read_is_an_error_and_no_crash(tmp_path):
    for order in (np.ascontiguousarray, np.asfortranarray):
        np.save(tmp_path / "v.npy", order(ROWS))
        windows = open_vectors(tmp_path / "v.npy", 6).windows(1024)
        next(windows)[1]()
        with (tmp_path / "v.npy").open("r+b") as file:
            file.truncate(30_000)
        read = next(windows)[1]
        with pytest.raises(VectorFileError, match=r"ended at byte \d+ while it was read, though it was longer"):
            read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_that_is_named_as_a_file_is_called_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(UsageError, match="pipe.npy is no regular file; expected a file of vectors"):
        open_vectors(tmp_path / "pipe.npy")


def test_csv_with_a_mark_of_byte_order_and_of_wide_vectors_is_read(tmp_path):
    wide = list(range(30_000))
    (tmp_path / "v.csv").write_text(f'embedding\n"{wide}"\n', encoding="utf-8-sig")
    (chunk,) = [rows for _, rows in open_vectors(tmp_path / "v.csv").chunks(9)]
    assert chunk.tolist() == [wide]
