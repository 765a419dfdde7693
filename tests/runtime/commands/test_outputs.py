"""Where the commands' results go: links, pipes, standard output that is full or closed."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from linguagen.runtime import Compressor

LG_RUN = str(Path(sys.executable).with_name("lg-run"))


@pytest.fixture
def saved(tmp_path, tiny_vectors):
    np.save(tmp_path / "v.npy", tiny_vectors)
    return tmp_path / "v.npy"


def shell(script, folder, model):
    """Run a shell script in a folder, with the commands on its path and a model in $M."""
    words = os.environ | {"M": str(model), "PATH": f"{Path(LG_RUN).parent}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-o", "pipefail", "-c", script], cwd=folder, env=words, capture_output=True)


@pytest.mark.parametrize("output", ["", "folder"])
def test_an_output_that_is_a_folder_is_refused(run_command, tiny, tmp_path, saved, output):
    (tmp_path / "folder").mkdir()
    for command in (("compress", "v.npy"), ("sample", "-n", "5")):
        done = run_command("lg-run", *command, "--model", tiny["int8"], "-o", output, "--overwrite", code=2)
        assert f"error: cannot write {output or '.'}: it is a folder; name a file with -o\n" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "v.npy"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_link_is_followed_and_its_target_is_protected(run_command, tiny, tmp_path, saved):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.npz").symlink_to("elsewhere/data")
    words = ("lg-run", "compress", "v.npy", "--model", tiny["int8"], "-o", "link.npz")
    run_command(*words)
    assert "link.npz exists; choose another name with -o" in run_command(*words, code=2).stderr
    run_command(*words, "--overwrite")
    assert (tmp_path / "link.npz").is_symlink()
    assert np.load(tmp_path / "link.npz")["embeddings"].shape == (300, 8)
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["data"]


@pytest.mark.parametrize("ending", [".npy", ".parquet"])
def test_a_named_pipe_gets_the_format_of_its_ending(tiny, tmp_path, saved, ending):
    os.mkfifo(tmp_path / f"p{ending}")
    script = f"cat p{ending} > got{ending} & lg-run compress v.npy -o p{ending} -m $M; code=$?; wait; exit $code"
    done = shell(script, tmp_path, tiny["int8"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == f"p{ending}\n"
    assert stat.S_ISFIFO((tmp_path / f"p{ending}").stat().st_mode)
    assert (tmp_path / f"got{ending}").read_bytes()[:4] == (b"\x93NUM" if ending == ".npy" else b"PAR1")


@pytest.mark.parametrize("script", ["| cat > o.npy", "> o.npy", ">> o.npy"])
def test_the_device_of_standard_output_is_standard_output(tiny, tmp_path, saved, script):
    done = shell(f"lg-run compress v.npy -o /dev/stdout -m $M {script}", tmp_path, tiny["int8"])
    assert done.returncode == 0, done.stderr
    expected = Compressor.load(tiny["int8"]).compress(np.load(saved))
    np.testing.assert_allclose(np.load(io.BytesIO((tmp_path / "o.npy").read_bytes())), expected, atol=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.npy", "v.npy"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("lg-run compress v.npy -m $M -o - > /dev/full", "standard output: No space left on device; write to a file"),
        ("lg-run compress big.npy -m $M -o - | head -c 10", "standard output: Broken pipe; write to a file with -o"),
        ("lg-run compress v.npy -m $M -o o.npy > /dev/full", "standard output: No space left on device; send it"),
        ("lg-run info $M --json > /dev/full", "standard output: No space left on device; send it"),
        ("lg-run models > /dev/full", "standard output: No space left on device; send it"),
        ("lg-run --help > /dev/full", "standard output: No space left on device; send it"),
        ("lg-run compress v.npy -m $M -o - >&-", "standard output is closed; send it somewhere"),
        ("lg-run models >&-", "standard output is closed; send it somewhere"),
    ],
)
def test_standard_output_that_takes_nothing_ends_in_one_line(tiny, tmp_path, saved, script, message):
    np.save(tmp_path / "big.npy", np.tile(np.load(saved), (100, 1)))
    done = shell(script, tmp_path, tiny["int8"])
    lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("300")]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("talk", ["2> /dev/full", "2>&-"])
def test_talk_that_nobody_reads_ends_no_run(tiny, tmp_path, saved, talk):
    done = shell(f"lg-run compress v.npy -m $M -o o.npy {talk}", tmp_path, tiny["int8"])
    assert done.stdout == b"o.npy\n"
    assert done.returncode == 0
    assert np.load(tmp_path / "o.npy").shape == (300, 8)


@pytest.mark.parametrize("option", ["--resume", "--bad-rows drop"])
def test_what_needs_a_file_is_refused_without_one(tiny, tmp_path, saved, option):
    done = shell(f"lg-run compress v.npy -m $M -o - {option}", tmp_path, tiny["int8"])
    assert done.returncode == 2
    assert option.split(maxsplit=1)[0] in done.stderr.decode()
    assert b"but standard output is no file" in done.stderr


def test_expand_compares_before_it_sends(tiny, tmp_path, saved):
    script = "lg-run compress v.npy -m $M -o e.npy && lg-run expand e.npy -m $M --against v.npy -o - | wc -c"
    done = shell(script, tmp_path, tiny["int8"])
    assert b"mean reconstruction cosine: 0." in done.stderr
    assert int(done.stdout.split()[-1]) == 128 + 300 * 48 * 4


@pytest.mark.parametrize("name", ["m.onnx", "m.decoder.onnx", "m.md"])
def test_an_export_replaces_no_pipe_and_follows_links(run_command, tiny, tmp_path, name):
    words = ("lg-export", tiny["run"], "--decoder", "-o", "m.onnx", "--overwrite")
    os.mkfifo(tmp_path / name)
    done = run_command(*words, code=2)
    assert f"error: cannot write {name}: it is a pipe or character device, which holds no file" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    (tmp_path / name).unlink()
    (tmp_path / "real").mkdir()
    (tmp_path / name).symlink_to(f"real/{name}")
    run_command(*words)
    assert (tmp_path / name).is_symlink()
    assert [path.name for path in (tmp_path / "real").iterdir()] == [name]
    assert len(list(tmp_path.iterdir())) == 4
