"""What is left after kills, interrupts, full disks and second runs."""

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from linguagen.models.errors import InterruptedRunError, UsageError, VectorFileError
from linguagen.runtime import Compressor
from linguagen.runtime.encoders.tasks import compress_task
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.process import process_file
from linguagen.runtime.writing.staging import Progress, Staging

ROWS = 150_000
SLOW = """
import sys, time
from linguagen.runtime.writing import staging
from linguagen.runtime.commands.main import main
staging._SECONDS_BETWEEN_CHECKPOINTS = 0.01
real = staging.Staging.append
def append(self, data, progress):
    real(self, data, progress)
    time.sleep(0.004)  # so that a kill finds it at work, on any machine
staging.Staging.append = append
main()
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    import make_tiny_model

    path = tmp_path_factory.mktemp("big") / "v.npy"
    np.save(path, np.tile(make_tiny_model.tiny_vectors(5000, seed=4), (ROWS // 5000, 1)))
    return path


def start(big, tiny, output, *words):
    command = [
        sys.executable,
        "-c",
        SLOW,
        "compress",
        big,
        "-o",
        output,
        "--model",
        tiny["int8"],
        "--to",
        "int8",
        *words,
    ]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, talk = process.communicate(timeout=120)
    assert process.returncode == 0, talk
    return talk


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def unbroken(big, tiny, tmp_path_factory):
    output = tmp_path_factory.mktemp("unbroken") / "o.npy"
    finish(start(big, tiny, output))
    return digest(output)


@pytest.mark.timeout(290)
def test_killed_twenty_times_and_resumed_it_is_the_same_file(big, tiny, tmp_path, unbroken):
    output, rng, kills, reached = tmp_path / "o.npy", random.Random(0), 0, []
    output.write_bytes(b"old")
    for _ in range(200):
        process = start(big, tiny, output, "--resume", "--overwrite")
        journal = tmp_path / ".o.npy.partial.json"
        waited = time.monotonic() + 60
        while not journal.exists() and process.poll() is None and time.monotonic() < waited:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.06) if kills < 20 else 60)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        if process.returncode == 0:
            break
        assert output.read_bytes() == b"old"  # the old file or the whole new one, never less
        reached.append(json.loads(journal.read_text())["progress"]["rows_read"])
        if kills >= 20:
            talk = finish(start(big, tiny, output, "--resume", "--overwrite"))
            assert f"resumed at row {reached[-1]}" in talk or reached[-1] == 0
            break
    assert kills == 20
    assert reached == sorted(reached)
    assert reached[-1] > 0
    assert digest(output) == unbroken
    assert [path.name for path in tmp_path.iterdir()] == ["o.npy"]


def test_an_interrupt_keeps_the_rows_and_says_how_to_resume(big, tiny, tmp_path, unbroken):
    output = tmp_path / "o.npy"
    process = start(big, tiny, output)
    while not (tmp_path / ".o.npy.partial").exists() or (tmp_path / ".o.npy.partial").stat().st_size < 100_000:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert talk.startswith("error: interrupted after ")
    assert "to resume, repeat the command with --resume; or delete" in talk
    assert not output.exists()
    assert "resumed at row " in finish(start(big, tiny, output, "--resume"))
    assert digest(output) == unbroken


def test_without_resume_a_run_begins_anew(big, tiny, tmp_path, unbroken):
    (tmp_path / ".o.npy.partial").write_bytes(b"rubbish" * 100_000)
    (tmp_path / ".o.npy.partial.json").write_text("rubbish")
    finish(start(big, tiny, tmp_path / "o.npy"))
    assert digest(tmp_path / "o.npy") == unbroken


def test_two_runs_on_one_output_do_not_meet(tiny, tmp_path, tiny_vectors):
    np.save(tmp_path / "v.npy", tiny_vectors)
    compressor = Compressor.load(tiny["int8"])
    task = compress_task(compressor, compressor.codec())
    with Staging(tmp_path / "o.npy", 32, 128, {"bad rows": "refuse"}, resume=False):
        with pytest.raises(UsageError, match="another run is writing .*o.npy; wait for it, or choose another"):
            process_file(task, open_vectors(tmp_path / "v.npy"), tmp_path / "o.npy", int)


def test_the_lock_is_taken_again_where_the_other_run_has_just_finished(tmp_path, monkeypatch):
    """Between opening and locking, the other run may have removed its lock, which then keeps nobody away."""
    from linguagen.runtime.writing import lock

    real, calls = lock.fcntl.flock, []

    def flock(file, how):
        calls.append(file)
        if len(calls) == 1:
            (tmp_path / ".o.npy.lock").unlink()
        real(file, how)

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with Staging(tmp_path / "o.npy", 4, 0, {}, resume=False) as run:
        run.append(b"mine", Progress(1, 1))
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == []


def test_systems_without_locks_can_still_write(tmp_path, monkeypatch):
    monkeypatch.setattr("linguagen.runtime.writing.lock.fcntl", None)
    with Staging(tmp_path / "o.npy", 4, 2, {}, resume=False) as run:
        run.append(b"rows", Progress(1, 1))
        run.publish(b"h:")
    assert (tmp_path / "o.npy").read_bytes() == b"h:rows"


def broken(tmp_path, identity, rows=b"12345678"):
    """A run that ended as a killed one does."""
    run = Staging(tmp_path / "o.npy", 4, 0, identity, resume=False)
    with pytest.raises(KeyboardInterrupt), run:
        run.append(rows, Progress(2, 2))
        raise KeyboardInterrupt
    return tmp_path / ".o.npy.partial"


def test_a_run_of_other_settings_is_not_resumed(tmp_path):
    broken(tmp_path, {"model": "a", "input size": 5})
    message = r"cannot resume .*o.npy: input size changed since that run began \(then 5, now 6\); start again without"
    with pytest.raises(UsageError, match=message):
        with Staging(tmp_path / "o.npy", 4, 0, {"model": "a", "input size": 6}, resume=True):
            pass
    with Staging(tmp_path / "o.npy", 4, 0, {"model": "a", "input size": 5}, resume=True) as run:
        assert run.progress == Progress(2, 2)


def test_a_partial_file_shorter_than_its_journal_is_refused(tmp_path):
    partial = broken(tmp_path, {})
    os.truncate(partial, 5)
    with pytest.raises(VectorFileError, match="has 5 bytes, fewer than its journal says; start again without --resume"):
        with Staging(tmp_path / "o.npy", 4, 0, {}, resume=True):
            pass


def test_a_journal_that_cannot_be_read_is_refused(tmp_path):
    broken(tmp_path, {})
    (tmp_path / ".o.npy.partial.json").write_text("{}")
    with pytest.raises(VectorFileError, match="partial.json cannot be read .*; start again without --resume"):
        with Staging(tmp_path / "o.npy", 4, 0, {}, resume=True):
            pass


def test_rows_written_after_the_journal_are_written_again(tmp_path):
    partial = broken(tmp_path, {})
    with partial.open("ab") as file:
        file.write(b"torn")
    with Staging(tmp_path / "o.npy", 4, 0, {}, resume=True) as run:
        run.append(b"last", Progress(3, 3))
        run.publish(b"")
    assert (tmp_path / "o.npy").read_bytes() == b"12345678last"


@pytest.mark.parametrize("when", ["write", "fsync"])
def test_a_full_disk_keeps_the_rows_and_says_so(tmp_path, monkeypatch, when):
    def full(*words):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(VectorFileError, match="o.npy: No space left on device; the rows so far are kept in .*partial"):
        with Staging(tmp_path / "o.npy", 4, 0, {}, resume=False) as run:
            run.append(b"good", Progress(1, 1))
            run._saved = -10.0
            monkeypatch.setattr(os, when, full)
            run.append(b"lost", Progress(2, 2))
            run.publish(b"")  # what the disk did not take is noticed here at the latest
    monkeypatch.undo()
    assert not (tmp_path / "o.npy").exists()
    with Staging(tmp_path / "o.npy", 4, 0, {}, resume=True) as run:
        assert run.progress.rows_read in (0, 1)


def test_a_full_disk_while_a_table_is_assembled_keeps_the_rows(tmp_path):
    def full(path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(VectorFileError, match="No space left on device; the rows so far are kept"):
        with Staging(tmp_path / "o.parquet", 4, 0, {}, resume=False) as run:
            run.publish_assembled(full)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".o.parquet.partial", ".o.parquet.partial.json"]


def test_any_other_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), Staging(tmp_path / "o.npy", 4, 0, {}, resume=False):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(VectorFileError, match=r"cannot write .*no/o.npy: No such file or directory; choose another"):
        with Staging(tmp_path / "no" / "o.npy", 4, 0, {}, resume=False):
            pass


def test_an_interrupted_call_says_how_far_it_came(tiny, tmp_path, tiny_vectors):
    np.save(tmp_path / "v.npy", np.tile(tiny_vectors, (10, 1)))
    compressor = Compressor.load(tiny["int8"])

    def interrupt(rows):
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(
        InterruptedRunError,
        match="interrupted after 512 rows, which are kept: to resume, repeat the command with --resume",
    ):
        task = compress_task(compressor, compressor.codec())
        process_file(task, open_vectors(tmp_path / "v.npy"), tmp_path / "o.npy", interrupt)


def test_an_input_that_ends_early_is_not_published(tiny, tmp_path, tiny_vectors):
    from linguagen.runtime.reading.streams import StreamSource

    compressor = Compressor.load(tiny["int8"])
    source = StreamSource(tmp_path / "v.npz", 48, 500, lambda: [tiny_vectors])
    with pytest.raises(VectorFileError, match="v.npz: 300 rows came, 500 were promised; copy it again"):
        process_file(compress_task(compressor, compressor.codec()), source, tmp_path / "o.npy", int)
    assert list(tmp_path.iterdir()) == []
