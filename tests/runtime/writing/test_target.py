"""What an output is: regular files are replaced whole, pipes and devices are written into, the rest is refused."""

import io
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from linguagen.models.errors import OutputError, UsageError
from linguagen.runtime.writing.npy import NpyWriter
from linguagen.runtime.writing.target import Kind, file_target, find_target
from linguagen.runtime.writing.whole_file import refuse_existing, replace_file, whole_output

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def device(path, minor):
    """A character device: minor 3 swallows everything, minor 7 is always full."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        path.open("wb").close()
    except OSError:
        pytest.skip("making a device node needs root and a file system that allows it")
    return path


def save(path):
    with NpyWriter(path, 3, 4) as writer:
        writer.write(ROWS)


def reader(path):
    """Read a pipe to its end in a thread; returns the thread and the list that will hold the bytes."""
    got = []
    thread = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    thread.start()
    return thread, got


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "real.npy").write_bytes(b"old")
    (tmp_path / "middle").symlink_to("real.npy")
    (tmp_path / "link.npy").symlink_to("middle")
    save(tmp_path / "link.npy")
    assert (tmp_path / "link.npy").is_symlink()
    assert (tmp_path / "middle").is_symlink()
    np.testing.assert_array_equal(np.load(tmp_path / "real.npy"), ROWS)
    replace_file(tmp_path / "link.npy", lambda file: file.write(b"new"))
    assert (tmp_path / "real.npy").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_dangling_link_creates_its_target(tmp_path):
    (tmp_path / "link.npy").symlink_to("real.npy")
    refuse_existing(tmp_path / "link.npy", overwrite=False)
    save(tmp_path / "link.npy")
    assert (tmp_path / "link.npy").is_symlink()
    np.testing.assert_array_equal(np.load(tmp_path / "real.npy"), ROWS)


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        for name, message in (
            ("a", "Too many levels of symbolic links; name another file with -o"),
            ("file/x.npy", "Not a directory; name another file with -o"),
            ("", "it is a folder; name a file with -o"),
            ("s", "it is a socket; name a file with -o"),
            ("nul\0", "embedded null byte"),
        ):
            for write in (find_target, file_target, save, lambda path: refuse_existing(path, overwrite=True)):
                with pytest.raises(UsageError, match=f"cannot write .*{message}"):
                    write(tmp_path / name)


def test_a_block_device_is_refused(tmp_path):
    try:
        os.mknod(tmp_path / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 99))
    except OSError:
        pytest.skip("making a device node needs root")
    with pytest.raises(UsageError, match="it is a block device; name a file with -o"):
        save(tmp_path / "disk")


def test_a_pipe_gets_the_whole_file_and_stays(tmp_path):
    os.mkfifo(tmp_path / "p.npy")
    thread, got = reader(tmp_path / "p.npy")
    save(tmp_path / "p.npy")
    thread.join(30)
    np.testing.assert_array_equal(np.load(io.BytesIO(got[0])), ROWS)
    assert stat.S_ISFIFO((tmp_path / "p.npy").stat().st_mode)
    assert len(list(tmp_path.iterdir())) == 1


def test_after_an_error_a_pipe_gets_nothing(tmp_path):
    os.mkfifo(tmp_path / "p.npy")  # without a reader: opening it would not return
    with pytest.raises(ZeroDivisionError), NpyWriter(tmp_path / "p.npy", 3, 4):
        raise ZeroDivisionError


def test_a_pipe_whose_reader_leaves_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "p.npy")
    code = f"open({str(tmp_path / 'p.npy')!r}, 'rb').read(5)"
    with subprocess.Popen([sys.executable, "-c", code]):
        with pytest.raises(OutputError, match="cannot write .*p.npy: Broken pipe; write to a file with -o"):
            replace = whole_output(tmp_path / "p.npy")
            with replace as whole:
                whole.write_bytes(bytes(10_000_000))
    assert stat.S_ISFIFO((tmp_path / "p.npy").stat().st_mode)


def test_a_device_is_written_into(tmp_path):
    node = device(tmp_path / "null", 3)
    save(node)
    assert stat.S_ISCHR(node.stat().st_mode)
    assert list(tmp_path.iterdir()) == [node]


def test_a_full_device_is_an_error_and_stays(tmp_path):
    node = device(tmp_path / "full", 7)
    with pytest.raises(OutputError, match="cannot write .*full: No space left on device; write to a file with -o"):
        save(node)
    assert stat.S_ISCHR(node.stat().st_mode)


def test_writers_of_files_alone_refuse_pipes(tmp_path):
    os.mkfifo(tmp_path / "p")
    message = "it is a pipe or character device, which holds no file; name a file with -o"
    with pytest.raises(UsageError, match=message):
        replace_file(tmp_path / "p", lambda file: file.write(b"x"))
    assert stat.S_ISFIFO((tmp_path / "p").stat().st_mode)


def test_a_file_without_a_name_is_written_into(tmp_path):
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc on this system")
    with (tmp_path / "gone").open("w+b") as file:
        (tmp_path / "gone").unlink()
        assert find_target(Path(f"/proc/self/fd/{file.fileno()}")).kind is Kind.STREAM
        save(Path(f"/proc/self/fd/{file.fileno()}"))
        file.seek(0)
        np.testing.assert_array_equal(np.load(file), ROWS)
    assert list(tmp_path.iterdir()) == []


def test_a_partial_file_follows_no_link(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / f".o.npy.{os.getpid()}.partial").symlink_to("victim")
    save(tmp_path / "o.npy")
    assert (tmp_path / "victim").read_text() == "mine"
