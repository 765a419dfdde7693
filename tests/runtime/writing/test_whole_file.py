"""Files that appear under their name only when they are whole."""

from pathlib import Path

import numpy as np
import pytest

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime.writing.npy import NpyWriter
from linguagen.runtime.writing.whole_file import refuse_existing, replace_file

ROWS = np.arange(35).reshape(7, 5)


def test_the_writer_leaves_a_file_that_numpy_reads(tmp_path):
    with NpyWriter(tmp_path / "o.npy", 7, 5) as writer:
        writer.write(ROWS[:4].astype(np.float32))
        writer.write(ROWS[4:].astype(np.float32))
    found = np.load(tmp_path / "o.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["o.npy"]


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "o.npy").write_text("old")
    with pytest.raises(ZeroDivisionError), NpyWriter(tmp_path / "o.npy", 7, 5):
        raise ZeroDivisionError
    assert (tmp_path / "o.npy").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["o.npy"]


def test_too_few_rows_are_not_published(tmp_path):
    with pytest.raises(VectorFileError, match="4 rows came, 7 were announced; not written"):
        with NpyWriter(tmp_path / "o.npy", 7, 5) as writer:
            writer.write(ROWS[:4].astype(np.float32))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(VectorFileError, match=r"cannot write .*no/o.npy: No such file or directory; choose another"):
        with NpyWriter(tmp_path / "no" / "o.npy", 1, 5):
            pass


class _Full(type(Path())):
    """A path whose file is always full, and that records being removed."""

    removed = False

    def unlink(self, missing_ok: bool = False) -> None:
        type(self).removed = True


def test_a_full_disk_is_named_and_the_partial_file_removed(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    writer = NpyWriter(tmp_path / "o.npy", 50_000, 5)
    writer._partial = _Full("/dev/full")
    with pytest.raises(VectorFileError, match="cannot write .*o.npy: No space left on device; nothing was left"):
        with writer:
            writer.write(np.ones((50_000, 5), np.float32))
    assert _Full.removed


def test_a_file_that_was_not_written_to_its_end_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "f"
    replace_file(path, lambda file: file.write(b"old"))

    def fail(file):
        file.write(b"half of the new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        replace_file(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_exists_is_refused_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "f"
    refuse_existing(path, overwrite=False)
    path.touch()
    refuse_existing(path, overwrite=True)
    with pytest.raises(UsageError, match=r"/f exists; choose another name with -o, or pass --overwrite"):
        refuse_existing(path, overwrite=False)
