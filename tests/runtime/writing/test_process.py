import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from linguagen.models.errors import UsageError, VectorError
from linguagen.runtime import Compressor
from linguagen.runtime.encoders.tasks import compress_task
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.process import default_output, process_file

MEASURE = """
import sys
from pathlib import Path
from linguagen.runtime.commands.files import compress
compress(Path(sys.argv[1]), Path(sys.argv[2]), overwrite=True)
# Not ru_maxrss, which a child inherits from the process that started it.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_a_file_comes_out_as_its_rows_do_in_memory(tiny, tmp_path, tiny_vectors):
    np.save(tmp_path / "v.npy", np.tile(tiny_vectors, (5, 1)))
    compressor, steps = Compressor.load(tiny["int8"]), []
    report = process_file(
        compress_task(compressor, compressor.codec()),
        open_vectors(tmp_path / "v.npy"),
        tmp_path / "o.npy",
        steps.append,
    )
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), compressor.compress(np.tile(tiny_vectors, (5, 1))))
    assert (report.rows, report.scaled_rows, sum(steps)) == (1500, 0, 1500)
    assert report.bytes_after == (tmp_path / "o.npy").stat().st_size


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_rows_keep_their_order_however_many_workers(tiny, tmp_path, tiny_vectors, workers):
    many = np.tile(tiny_vectors, (40, 1))
    np.save(tmp_path / "v.npy", many)
    compressor, seen = Compressor.load(tiny["int8"], threads=1), []
    source = open_vectors(tmp_path / "v.npy")
    process_file(compress_task(compressor, compressor.codec()), source, tmp_path / "o.npy", seen.append, workers)
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), compressor.compress(many), atol=1e-6)
    assert seen == [0] + [512] * 23 + [12000 - 23 * 512]


def test_scaled_rows_are_counted(tiny, tmp_path, tiny_vectors):
    tiny_vectors[:7] *= 2
    np.save(tmp_path / "v.npy", tiny_vectors)
    compressor = Compressor.load(tiny["int8"])
    report = process_file(
        compress_task(compressor, compressor.codec()), open_vectors(tmp_path / "v.npy"), tmp_path / "o.npy", int
    )
    assert report.scaled_rows == 7


def test_a_bad_row_late_in_the_file_leaves_no_output(tiny, tmp_path, tiny_vectors):
    many = np.tile(tiny_vectors, (5, 1))
    many[1444] = 0
    np.save(tmp_path / "v.npy", many)
    compressor = Compressor.load(tiny["int8"])
    with pytest.raises(VectorError, match=r"v.npy: 1 row\(s\) hold only zeros, .*: row 1444 "):
        process_file(
            compress_task(compressor, compressor.codec()), open_vectors(tmp_path / "v.npy"), tmp_path / "o.npy", int
        )
    assert [path.name for path in tmp_path.iterdir()] == ["v.npy"]


def test_the_input_is_never_the_output(tiny, tmp_path, tiny_vectors):
    np.save(tmp_path / "v.npy", tiny_vectors)
    compressor = Compressor.load(tiny["int8"])
    with pytest.raises(UsageError, match="v.npy is the input itself; choose another name with -o"):
        process_file(
            compress_task(compressor, compressor.codec()), open_vectors(tmp_path / "v.npy"), tmp_path / "v.npy", int
        )


def test_the_default_name_carries_the_dimensions(tmp_path):
    codec = Compressor.load().codec()
    assert default_output(tmp_path / "vectors.npy", codec) == tmp_path / "vectors.256.npy"
    codec = Compressor.load().codec("int4", 64)
    assert default_output(tmp_path / "vectors.npy", codec) == tmp_path / "vectors.64.int4.npy"


def test_memory_stays_flat_whatever_the_size_of_the_file(tmp_path):
    """A file of 370 MB, larger than the 250 MB that compressing may take."""
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc")
    peaks = []
    for rows in (12_000, 60_000):
        path = tmp_path / f"{rows}.npy"
        block = np.random.default_rng(0).standard_normal((4_000, 1536)).astype(np.float32)
        with path.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (rows, 1536)}
            np.lib.format.write_array_header_1_0(file, header)
            for _ in range(rows // 4_000):
                file.write(block.data)
        words = [sys.executable, "-c", MEASURE, str(path), str(tmp_path / "o.npy")]
        peaks.append(int(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[-1]) / 1024)
        path.unlink()
    assert peaks[1] <= 250
    assert peaks[1] <= peaks[0] + 30  # a window more or less may be under way
