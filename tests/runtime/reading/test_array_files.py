import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linguagen.models.errors import UsageError, VectorError, VectorFileError
from linguagen.runtime.reading.sources import open_vectors

ROWS = np.arange(35, dtype=np.float64).reshape(7, 5) + 1


@settings(max_examples=40)
@given(
    st.sampled_from(["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"]),
    st.booleans(),
    st.sampled_from([(1, 0), (2, 0), (3, 0)]),
    st.integers(1, 9),
)
def test_every_kind_of_npy_reads_the_same_in_windows(tmp_path_factory, kind, fortran, version, size):
    path = tmp_path_factory.mktemp("npy") / "v.npy"
    array = ROWS.astype(kind)
    with path.open("wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy warns that older readers do not know versions 2 and 3
        np.lib.format.write_array(file, np.asfortranarray(array) if fortran else array, version)
    opened = open_vectors(path, 5)
    assert (len(opened), opened.width) == (7, 5)
    windows = list(opened.chunks(size))
    assert [start for start, _ in windows] == list(range(0, 7, size))
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in windows]), ROWS)
    np.testing.assert_array_equal(opened.picked(np.array([4, 2])), ROWS[[4, 2]])


def test_a_file_without_rows_has_no_windows(tmp_path):
    np.save(tmp_path / "v.npy", np.empty((0, 5), np.float32))
    assert list(open_vectors(tmp_path / "v.npy", 5).chunks(3)) == []


def _saved(array: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", VectorFileError, "not a .npy file: it is empty; write it with numpy.save"),
        (b"0.1,0.2\n", VectorFileError, r"not a .npy file: it begins with b'0.1,0.'; write it"),
        (_saved(ROWS)[:60], VectorFileError, "its .npy header cannot be read"),
        (
            _saved(ROWS)[:-8],
            VectorFileError,
            r"cut short: its header promises 7 rows of 5 \(408 bytes\).*400 bytes; copy",
        ),
        (
            _saved(np.array([{}, {}], dtype=object), allow_pickle=True),
            VectorFileError,
            "holds pickled Python objects, which are never loaded; save plain numbers",
        ),
        (
            _saved(ROWS).replace(b"(7, 5)", b"(-7,5)"),
            VectorFileError,
            r"its .npy header has the shape \(-7, 5\), and no size is below 0; write it again",
        ),
        (_saved(np.ones((3, 4))), VectorError, "vectors of width 4, but the model takes width 5"),
        (_saved(np.ones((3, 5), int)), VectorError, "holds int64 values"),
        (b"\x93NUMPY\x09\x00" + bytes(200), VectorFileError, "its .npy header cannot be read"),
        (
            _saved(np.ones((2, 5), np.float32)).replace(b"(2, 5)", b"(2e5,)"),
            VectorFileError,
            "its .npy header cannot be read",
        ),
    ],
)
def test_files_that_are_not_vectors_are_refused(tmp_path, content, error, message):
    (tmp_path / "v.npy").write_bytes(content)
    with pytest.raises(error, match=message):
        open_vectors(tmp_path / "v.npy", 5)


def test_a_header_that_promises_ten_gigabytes_is_refused_without_reading_them(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (1_700_000, 1536)})
    (tmp_path / "v.npy").write_bytes(buffer.getvalue() + bytes(1000))
    with pytest.raises(VectorFileError, match=r"promises 1700000 rows of 1536 \(10444800128 bytes\)"):
        open_vectors(tmp_path / "v.npy", 1536)


def test_missing_files_and_folders_are_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="no.npy does not exist; expected a file of vectors: .npy, .npz, "):
        open_vectors(tmp_path / "no.npy")
    with pytest.raises(UsageError, match="is a folder; expected a file of vectors"):
        open_vectors(tmp_path)
