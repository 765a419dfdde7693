"""The commands that turn one file into another, as processes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from linguagen.runtime import Compressor, Expander


@pytest.fixture
def saved(tmp_path, tiny_vectors):
    np.save(tmp_path / "v.npy", tiny_vectors)
    return tmp_path / "v.npy"


def test_a_table_with_ids_stays_a_table_with_ids(run_command, tiny, tmp_path, tiny_vectors):
    ids = [f"id-{number}" for number in range(300)]
    pyarrow.parquet.write_table(pyarrow.table({"id": ids, "vector": list(tiny_vectors)}), tmp_path / "v.parquet")
    done = run_command("lg-run", "compress", "v.parquet", "--model", tiny["int8"])
    assert done.stdout == "v.8.parquet\n"
    table = pyarrow.parquet.read_table(tmp_path / "v.8.parquet")
    assert table["id"].to_pylist() == ids
    wanted = Compressor.load(tiny["int8"]).compress(tiny_vectors)
    np.testing.assert_allclose(np.stack(table["vector"].to_numpy()), wanted, atol=1e-6)


@pytest.mark.parametrize("form", ["npy", "jsonl"])
def test_from_standard_input_to_standard_output(tiny, tmp_path, saved, tiny_vectors, form):
    lines = "".join(json.dumps({"embedding": row.tolist()}) + "\n" for row in tiny_vectors).encode()
    program = Path(sys.executable).parent / "lg-run"
    words = [program, "compress", "-", "-o", "-", "--model", tiny["int8"]]
    done = subprocess.run(words, input=saved.read_bytes() if form == "npy" else lines, capture_output=True, check=True)
    (tmp_path / "o.npy").write_bytes(done.stdout)
    wanted = Compressor.load(tiny["int8"]).compress(tiny_vectors)
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "words", "message"),
    [
        (b"", ["-o", "o.npy"], "standard input: begins with b'', expected a .npy file or JSON lines; name a file"),
        (b"\n", ["-o", "o.npy"], "standard input: begins with"),
        (b"{}\n", ["-o", "o.npy"], "standard input, line 1: no embedding in it"),
        (b"[1, 2]", ["-o", "o.npy"], "standard input: vectors of width 2, but the model takes width 48"),
        (b"[]", ["-o", "o.npy"], "standard input, line 1: no embedding in it"),
        (b"[1.0]" * 1, [], "standard input: vectors of width 1"),
        (b"\x93NUMPY\x01\x00", ["-o", "o.npy"], "standard input: its .npy header cannot be read"),
        ("f", ["-o", "o.npy"], "standard input: is in Fortran order, which cannot be read row by row; name the file"),
        (
            "c",
            ["-o", "-", "--bad-rows", "drop"],
            "drop (--bad-rows, --empty) lists the rows kept in OUTPUT.kept.npy, but standard output is no file; name a file with -o",
        ),
        ("c", [], "standard input has no name to call the output after; name it with -o"),
        ("cut", ["-o", "o.npy"], "standard input: cut short: its header promises 5 rows of 48, but it ends in row 4"),
    ],
)
def test_bad_standard_input_is_refused(tiny, tmp_path, data, words, message):
    if isinstance(data, str):
        rows = np.ones((5, 48), np.float32)
        np.save(tmp_path / "in.npy", np.asfortranarray(rows) if data == "f" else rows)
        data = (tmp_path / "in.npy").read_bytes()[: -4 if data == "cut" else None]
    program = Path(sys.executable).parent / "lg-run"
    words = [program, "compress", "-", *words, "--model", tiny["int8"]]
    done = subprocess.run(words, input=data, capture_output=True, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "o.npy").exists()


def test_bad_rows_are_refused_written_as_zeros_or_dropped(run_command, tiny, tmp_path, tiny_vectors):
    good = Compressor.load(tiny["int8"]).compress(tiny_vectors)
    tiny_vectors[3], tiny_vectors[200] = 0, np.nan
    np.save(tmp_path / "v.npy", tiny_vectors)
    words = ("lg-run", "compress", "v.npy", "--model", tiny["int8"], "-o", "o.npy", "--bad-rows")
    assert "1 row(s) hold NaN or infinite values: row 200" in run_command(*words, "refuse", code=1).stderr
    assert not (tmp_path / "o.npy").exists()
    zeroed = run_command(*words, "zero", "--overwrite")
    assert "note: 2 rows were zero or not finite (3, 200); they were written as zeros" in zeroed.stderr
    found = np.load(tmp_path / "o.npy")
    assert (found[[3, 200]] == 0).all()
    keep = np.delete(np.arange(300), [3, 200])
    np.testing.assert_allclose(found[keep], good[keep], atol=1e-5)
    dropped = run_command(*words, "drop", "--overwrite")
    assert "they were left out; the rows kept are listed in o.npy.kept.npy" in dropped.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy.kept.npy")[:, 0], keep)
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), good[keep], atol=1e-5)
    other = run_command(*words, "skip", "--overwrite", code=2)
    assert "error: --bad-rows is 'skip', expected one of refuse, zero, drop" in other.stderr


@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "int4", "ubinary"])
def test_expand_reconstructs_and_says_how_near(run_command, tiny, tmp_path, saved, tiny_vectors, kind):
    run_command("lg-run", "compress", "v.npy", "--model", tiny["int8"], "--to", kind, "-o", "small.npy")
    done = run_command("lg-run", "expand", "small.npy", "--model", tiny["int8"], "--from", kind, "--against", "v.npy")
    assert done.stdout == "small.expanded.npy\n"
    found = np.load(tmp_path / "small.expanded.npy")
    compressor, expander = Compressor.load(tiny["int8"]), Expander.load(tiny["int8"])
    codec = compressor.codec(kind)
    wanted = expander.expand(codec.decode(codec.encode(compressor.compress(tiny_vectors))))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    cosine = (found * tiny_vectors).sum(axis=1).mean()
    assert f"mean reconstruction cosine: {cosine:.4f}" in done.stderr
    assert "300 x 8 -> 300 x 48, model tiny" in done.stderr


def test_expand_says_what_to_expect_and_refuses_other_originals(run_command, tiny, tmp_path, saved, tiny_vectors):
    run_command("lg-run", "compress", "v.npy", "--model", tiny["int8"], "-o", "small.npy")
    words = ("lg-run", "expand", "small.npy", "--model", tiny["int8"])
    assert "reconstruction cosine to expect: 0." in run_command(*words).stderr
    np.save(tmp_path / "fewer.npy", tiny_vectors[:100])
    refused = run_command(*words, "--against", "fewer.npy", "--overwrite", code=2)
    assert "error: fewer.npy and small.expanded.npy have 100 and 300 rows; give the same rows" in refused.stderr
    wrong = run_command(*words, "--from", "int8", "--overwrite", code=1)
    assert "small.npy: holds float32 values, expected int8; give the codes as they were written" in wrong.stderr


@pytest.mark.parametrize("command", [("compress", "v.npy"), ("expand", "e.npy")])
def test_an_output_that_exists_is_kept_unless_it_may_be_replaced(run_command, tiny, tmp_path, saved, command):
    np.save(tmp_path / "e.npy", Compressor.load(tiny["int8"]).compress(np.load(saved)))
    words = ("lg-run", *command, "--model", tiny["int8"], "-o", "o.npy")
    run_command(*words, "--resume")  # no run was interrupted: it begins
    first = (tmp_path / "o.npy").read_bytes()
    (tmp_path / "o.npy").write_bytes(b"old")
    for more in ([], ["--resume"]):
        done = run_command(*words, *more, code=2)
        assert "error: o.npy exists; choose another name with -o, or pass --overwrite" in done.stderr
        assert (tmp_path / "o.npy").read_bytes() == b"old"
    run_command(*words, "--overwrite")
    assert (tmp_path / "o.npy").read_bytes() == first


def test_the_list_of_rows_kept_is_not_replaced_either(run_command, tiny, tmp_path, saved):
    (tmp_path / "o.npy.kept.npy").write_bytes(b"old")
    words = ("lg-run", "compress", "v.npy", "--model", tiny["int8"], "-o", "o.npy", "--bad-rows", "drop")
    assert "error: o.npy.kept.npy exists; choose another name" in run_command(*words, code=2).stderr
    assert (tmp_path / "o.npy.kept.npy").read_bytes() == b"old"
    run_command(*words, "--overwrite")
    assert np.load(tmp_path / "o.npy.kept.npy").shape == (300, 1)


@pytest.mark.shared
@pytest.mark.parametrize(("model", "least"), [("text-embedding-3-small", 0.84), ("text-embedding-ada-002-512", 0.975)])
def test_the_shipped_decoders_reconstruct_unseen_vectors(run_command, shared, tmp_path, model, least):
    vectors = shared / "vectors" / model.removesuffix("-512") / "dev.npy"
    run_command("lg-run", "compress", vectors, "--model", model, "-o", "small.npy")
    done = run_command("lg-run", "expand", "small.npy", "--model", model, "--against", vectors)
    assert float(done.stderr.rsplit("mean reconstruction cosine: ", 1)[1]) >= least


def test_evaluate_and_train_take_tables_too(run_command, tiny, tmp_path, tiny_vectors):
    pyarrow.parquet.write_table(pyarrow.table({"id": np.arange(300), "v": list(tiny_vectors)}), tmp_path / "v.parquet")
    words = ("lg-run", "evaluate", "--model", tiny["int8"], "--json")
    np.save(tmp_path / "v.npy", tiny_vectors)
    table, plain = (json.loads(run_command(*words, name).stdout) for name in ("v.parquet", "v.npy"))
    assert table["fidelity"] == plain["fidelity"]
    fewer = json.loads(run_command(*words, "v.parquet", "--rows", "100").stdout)
    assert fewer["rows"] == 100
    settings = ("--dim", "8", "--segments", "6", "--steps", "20", "--batch", "64", "--subspace-rows", "4")
    run_command("lg-train", "v.parquet", "--column", "v", *settings)
    np.testing.assert_array_equal(np.load(tmp_path / "runs" / "v" / "inputs" / "v.npy"), tiny_vectors)
