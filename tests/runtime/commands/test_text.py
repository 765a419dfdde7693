"""lg-run's commands on text, as processes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from linguagen.runtime import Compressor, TextEncoder

LINES = ["The dog bites the man.", "The man bites the dog.", "A pilot paints.", "dog dog dog"]


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return tmp_path / "lines.txt"


def test_a_text_becomes_json(tiny_text, run_command):
    done = run_command("lg-run", "embed", "--text", "the dog sees the man", "--model", tiny_text["int8"])
    row = json.loads(done.stdout)
    wanted = TextEncoder.load(tiny_text["int8"]).embed("the dog sees the man")[0]
    np.testing.assert_allclose(row, wanted, atol=1e-6)


def test_a_file_becomes_rows_and_search_finds_its_lines(tiny_text, lines, tmp_path, run_command):
    done = run_command("lg-run", "embed", "lines.txt", "--model", tiny_text["int8"])
    assert done.stdout == "lines.npy\n"
    assert "4 texts, 8 dimensions each" in done.stderr
    assert "next: lg-run search QUERY --in lines.npy --text lines.txt" in done.stderr
    rows = np.load(tmp_path / "lines.npy")
    np.testing.assert_allclose(rows, TextEncoder.load(tiny_text["int8"]).embed(LINES), atol=1e-5)
    words = ("lg-run", "search", LINES[2], "--in", "lines.npy", "--model", tiny_text["int8"])
    found = run_command(*words, "--text", "lines.txt", "-k", "2").stdout.splitlines()
    assert found[0].split() == ["line", "cosine", "text"]
    assert found[2].split(maxsplit=2) == ["3", "1.000", LINES[2]]
    assert len(found) == 4
    document = json.loads(run_command(*words, "--text", "lines.txt", "--json").stdout)
    assert document[0]["line"] == 3
    assert {hit["text"] for hit in document} == set(LINES)
    bare = run_command(*words).stdout.splitlines()
    assert bare[0].split() == ["line", "cosine"]
    assert len(bare) == 6


@pytest.mark.parametrize(("kind", "dim"), [("int8", 8), ("int4", 4), ("float16", 8)])
def test_codes_are_searched_as_vectors_are(tiny, tiny_text, lines, tmp_path, run_command, kind, dim):
    """Codes that a vector model wrote, and a text model that embeds queries for them."""
    embeddings = TextEncoder.load(tiny_text["int8"]).embed(LINES)
    codec = Compressor.load(tiny["int8"]).codec(kind, dim)
    codes, scores = codec.encode(embeddings), codec.score(embeddings[2:3], codec.encode(embeddings))[0]
    np.save(tmp_path / "codes.npy", codes)
    words = ("lg-run", "search", LINES[2], "--in", "codes.npy", "--from", kind, "--compressed-by", tiny["int8"])
    shown = run_command(*words, "--text", "lines.txt", "--model", tiny_text["int8"], "--json").stdout
    hits = json.loads(shown)
    assert hits[0]["text"] == LINES[2]
    assert {hit["line"] for hit in hits} == {1, 2, 3, 4}
    assert [hit["cosine"] for hit in hits] == pytest.approx(sorted(scores, reverse=True), abs=1e-3)


def test_a_model_is_fitted_to_a_collection_and_searches_it(tiny_text, tmp_path, run_command):
    """All by name of a file: no folder of a run is needed, no teacher and no label."""
    words = ["text", tiny_text["text"], "--init", tiny_text["int8"], "--collection", "4"]
    trained = run_command("lg-train", *words, "--out", "docs")
    assert "recall@1 of halves" in trained.stdout
    done = run_command("lg-train", "text", "--resume", "--out", "docs", code=1)
    assert "error: docs is finished; export it with lg-export docs, or start a new run" in done.stderr
    run_command("lg-export", "docs", "--quantize", "int8", "-o", "docs.onnx")
    info = json.loads(run_command("lg-run", "info", "docs.onnx", "--json").stdout)
    training = info["training"]
    assert (training["width"], training["collection"], training["steps"]) == (16, 4, 0)
    assert training["started_from"] == tiny_text["int8"].name
    assert "it is text-int8.onnx, fitted to 353 texts to search among them" in (tmp_path / "docs.md").read_text()
    run_command("lg-run", "embed", tiny_text["text"], "--model", "docs.onnx", "-o", "docs.npy")
    query = "The farmer lifts the child."
    found = run_command(
        "lg-run", "search", query, "--in", "docs.npy", "--text", tiny_text["text"], "--model", "docs.onnx"
    )
    assert query in found.stdout.splitlines()[2]
    refused = run_command("lg-train", *words, "--width", "12", "--out", "other", code=2)
    assert "ask for the same shape" in refused.stderr


def test_standard_input_is_lines_and_needs_a_name(tiny_text, lines, tmp_path):
    program = str(Path(sys.executable).parent / "lg-run")
    words = [program, "embed", "-", "--model", str(tiny_text["int8"])]
    done = subprocess.run([*words, "-o", "v.npy"], cwd=tmp_path, input=lines.read_bytes(), capture_output=True)
    assert done.returncode == 0
    assert np.load(tmp_path / "v.npy").shape == (4, 8)
    done = subprocess.run(words, cwd=tmp_path, input=b"a", capture_output=True)
    assert done.returncode == 2
    assert b"standard input has no name to call the output after; name it with -o" in done.stderr


def test_a_table_keeps_its_other_columns(tiny_text, tmp_path, run_command):
    table = pyarrow.table({"id": [3, 1, 2, 4], "body": LINES})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    done = run_command("lg-run", "embed", "t.parquet", "--column", "body", "--model", tiny_text["int8"])
    assert done.stdout == "t.8.parquet\n"
    found = pyarrow.parquet.read_table(tmp_path / "t.8.parquet")
    assert found["id"].to_pylist() == [3, 1, 2, 4]
    expected = TextEncoder.load(tiny_text["int8"]).embed(LINES)
    np.testing.assert_allclose(np.array(found["body"].to_pylist()), expected, atol=1e-5)


def test_an_output_is_not_written_over(tiny_text, lines, run_command):
    words = ("lg-run", "embed", "lines.txt", "-o", "v.npy", "--model", tiny_text["int8"])
    run_command(*words)
    assert "error: v.npy exists; choose another name with -o, or pass --overwrite" in run_command(*words, code=2).stderr
    run_command(*words, "--overwrite")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["embed", "missing.txt"],
            2,
            "missing.txt does not exist; expected a folder, or a file of texts: .txt, .md or",
        ),
        (["embed", "lines.txt", "-o", "v.csv"], 2, "cannot write v.csv"),
        (["embed", "empty.txt"], 1, "empty.txt is empty, expected at least one text"),
        (["embed", "gap.txt"], 1, "gap.txt: 1 of 3 texts are empty, the first is text 2 (''); leave them out"),
        (["embed", "--text", ""], 1, "1 of 1 texts are empty"),
        (["embed"], 2, 'expected files of texts, or --text "a text", and not both'),
        (["embed", "lines.txt", "--text", "a"], 2, 'expected files of texts, or --text "a text", and not both'),
        (
            ["embed", "lines.txt", "gap.txt", "-o", "v.npy"],
            2,
            "-o v.npy is for one input, and 2 are given; leave -o out",
        ),
        (
            ["search", "dog", "--in", "two.npy", "--text", "lines.txt"],
            1,
            "two.npy has 2 vectors, lines.txt has 4 lines",
        ),
        (["search", "dog", "--in", "wide.npy"], 1, "wide.npy: vectors of width 9, but the model takes width 8"),
        (
            ["search", "dog", "--in", "two.npy", "--from", "int3"],
            2,
            "kind is 'int3', expected one of float32, float16, int8",
        ),
        (
            ["search", "dog", "--in", "two.npy", "--from", "int8"],
            2,
            "the query has 8 dimensions and text-embedding-3-small has 256; name the model that compressed two.npy with",
        ),
        (["evaluate-text", "lines.txt"], 1, "row 1: expected text, text, score"),
    ],
)
def test_input_that_cannot_be_is_refused(tiny_text, lines, tmp_path, run_command, words, code, message):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "gap.txt").write_text("a\n\nb\n")
    np.save(tmp_path / "two.npy", np.ones((2, 8), np.float32))
    np.save(tmp_path / "wide.npy", np.ones((2, 9), np.float32))
    done = run_command("lg-run", *words, "--model", tiny_text["int8"], code=code)
    assert message in done.stderr
    assert not (tmp_path / "v.npy").exists()
    assert not (tmp_path / "gap.npy").exists()


def test_evaluate_text_correlates_with_scores(tiny_text, run_command):
    done = run_command("lg-run", "evaluate-text", tiny_text["scored"], "--model", tiny_text["int8"])
    head, _, row = done.stdout.splitlines()
    assert head.split() == ["file", "pairs", "Spearman"]
    assert row.split()[1] == "40"
    (figure,) = json.loads(
        run_command("lg-run", "evaluate-text", tiny_text["scored"], "--model", tiny_text["int8"], "--json").stdout
    )
    assert f"{figure['spearman']:.3f}" == row.split()[2]


def test_info_shows_a_text_model(tiny_text, run_command):
    done = run_command("lg-run", "info", tiny_text["int8"])
    assert "dimensions:  text -> 8" in done.stdout
    assert "recall@1 of halves" in done.stdout
    document = json.loads(run_command("lg-run", "info", tiny_text["int8"], "--json").stdout)
    assert document["pieces"] == TextEncoder.load(tiny_text["int8"]).manifest.pieces
    assert "Softmax" in document["operators"]


@pytest.mark.timeout(200)
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_line_of_megabytes_takes_little_memory(tiny_text, tmp_path):
    """Its peak, in a process of its own: before texts were cut, one megabyte took 800 MB."""
    (tmp_path / "line.txt").write_text("the dog sees the man, and calls it. " * 140_000)
    code = (
        "import sys; from linguagen.runtime.commands.main import app; app(sys.argv[1:], standalone_mode=False)\n"
        "print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    words = [sys.executable, "-c", code, "embed", "line.txt", "--model", str(tiny_text["int8"])]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert np.load(tmp_path / "line.npy").shape == (1, 8)
    assert int(done.stdout.split()[-2]) < 300_000  # kilobytes
