"""Files that appear under their name only when they are whole."""

import resource
import signal
from contextlib import contextmanager

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


def test_a_full_disk_is_named_and_the_partial_file_removed(tmp_path):
    writer = NpyWriter(tmp_path / "o.npy", 50_000, 5)
    with pytest.raises(VectorFileError, match="cannot write .*o.npy: File too large; nothing was left"):
        with writer, size_limit(1000):
            writer.write(np.ones((50_000, 5), np.float32))
    assert list(tmp_path.iterdir()) == []


@contextmanager
def size_limit(size):
    """Let this process write no file longer than `size` bytes."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


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
