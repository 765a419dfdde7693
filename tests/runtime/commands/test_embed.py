"""lg-run embed, as processes: forms of output, empty texts, folders, standard output and interrupted runs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from linguagen.models.errors import InterruptedRunError, UsageError
from linguagen.runtime import TextEncoder
from linguagen.runtime.encoders.tasks import embed_task
from linguagen.runtime.encoders.text_sources import open_texts
from linguagen.runtime.reading.maker import read_maker
from linguagen.runtime.writing.process import process_file

LINES = ["The dog bites the man.", "The man bites the dog.", "A pilot paints.", "dog dog dog"]


@pytest.fixture(scope="module")
def encoder(tiny_text):
    return TextEncoder.load(tiny_text["int8"], threads=1, engine="onnxruntime")


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return tmp_path / "lines.txt"


@pytest.mark.parametrize(
    ("words", "name", "kind", "dim"),
    [
        (["--to", "int8"], "lines.8.int8.npy", "int8", 8),
        (["--dim", "4"], "lines.4.npy", "float32", 4),
        (["--dim", "8"], "lines.npy", "float32", 8),
        (["--to", "int4", "--dim", "4"], "lines.4.int4.npy", "int4", 4),
        (["--to", "ubinary", "-o", "o.npz"], "o.npz", "ubinary", 8),
        (["--to", "float16", "-o", "o.parquet"], "o.parquet", "float16", 8),
        (["-o", "o.json"], "o.json", "float32", 8),
    ],
)
def test_codes_of_any_kind_and_width_are_written(
    run_command, tiny_text, encoder, lines, tmp_path, words, name, kind, dim
):
    done = run_command("lg-run", "embed", "lines.txt", "--model", tiny_text["int8"], *words)
    assert done.stdout == f"{name}\n"
    assert f"4 texts, {dim} dimensions each as {kind}, model tiny-text" in done.stderr
    expected = encoder.codec(kind, dim).encode(encoder.embed(LINES))
    path = tmp_path / name
    if path.suffix == ".parquet":
        found = np.stack(pyarrow.parquet.read_table(path)["embedding"].to_numpy())
    elif path.suffix == ".json":
        found = np.array([each["embedding"] for each in json.loads(path.read_text())["data"]], np.float32)
    else:
        found = np.load(path)["embeddings"] if path.suffix == ".npz" else np.load(path)
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=1e-3 if kind == "float16" else 1e-5)
    maker = read_maker(path)
    assert path.suffix == ".npy" or (maker.model, maker.kind, maker.dim) == ("tiny-text", kind, dim)


def test_a_text_itself_is_printed_as_codes(run_command, tiny_text, encoder):
    done = run_command(
        "lg-run", "embed", "--text", LINES[0], "--to", "int8", "--dim", "4", "--model", tiny_text["int8"]
    )
    assert json.loads(done.stdout) == encoder.codec("int8", 4).encode(encoder.embed(LINES[0]))[0].tolist()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "int3"], "kind is 'int3', expected one of float32"),
        (["--dim", "0"], "--dim is 0, expected 1 to 8: the model has no more"),
        (["--dim", "9"], "--dim is 9, expected 1 to 8: the model has no more"),
        (["--empty", "skip"], "--empty is 'skip', expected one of refuse, zero, drop"),
        (
            ["--empty", "drop", "-o", "-"],
            "drop (--bad-rows, --empty) lists the rows kept in OUTPUT.kept.npy, but standard",
        ),
        (["--resume", "-o", "-"], "--resume needs the rows of an interrupted run, but standard output is no file"),
    ],
)
def test_options_that_cannot_be_are_refused(run_command, tiny_text, lines, tmp_path, words, message):
    done = run_command("lg-run", "embed", "lines.txt", "--model", tiny_text["int8"], *words, code=2)
    assert message in " ".join(done.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["lines.txt"]


@pytest.fixture
def gaps(tmp_path):
    (tmp_path / "gaps.txt").write_text("a dog\n\n   \nthe man\n\u200b\n", encoding="utf-8")
    return tmp_path / "gaps.txt"


def test_empty_texts_are_refused_by_number(run_command, tiny_text, gaps, tmp_path):
    done = run_command("lg-run", "embed", "gaps.txt", "--model", tiny_text["int8"], code=1)
    assert "texts are empty, the first is text 2 (''); leave them out" in done.stderr
    assert not (tmp_path / "gaps.npy").exists()


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_empty_texts_become_zeros(run_command, tiny_text, encoder, gaps, tmp_path, kind):
    words = ("--empty", "zero", "--to", kind, "-o", "o.npy", "--model", tiny_text["int8"])
    done = run_command("lg-run", "embed", "gaps.txt", *words)
    found = np.load(tmp_path / "o.npy")
    empty = [
        number for number, text in enumerate(gaps.read_text("utf-8").splitlines()) if encoder.tokenizer.is_empty(text)
    ]
    assert empty[:2] == [1, 2]
    assert f"note: {len(empty)} texts were empty (2, 3" in done.stderr
    assert "counted from 1); they were written as zeros" in done.stderr
    assert (found[empty] == 0).all()
    np.testing.assert_array_equal(found[[0, 3]], encoder.codec(kind).encode(encoder.embed(["a dog", "the man"])))


def test_empty_texts_are_left_out_of_a_table(run_command, tiny_text, tmp_path):
    table = pyarrow.table({"text": ["a dog", "", None, "the man"], "id": [1, 2, 3, 4]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    words = ("lg-run", "embed", "t.parquet", "--empty", "drop", "--model", tiny_text["int8"])
    done = run_command(*words)
    assert done.stdout == "t.8.parquet\n"
    assert "note: 2 texts were empty (2, 3, counted from 1); they were left out; the rows kept are" in done.stderr
    assert pyarrow.parquet.read_table(tmp_path / "t.8.parquet")["id"].to_pylist() == [1, 4]
    assert np.load(tmp_path / "t.8.parquet.kept.npy").tolist() == [[0], [3]]
    (tmp_path / "t.8.parquet").unlink()
    assert "error: t.8.parquet.kept.npy exists" in run_command(*words, code=2).stderr


def test_texts_that_are_all_empty_are_left_out_too(run_command, tiny_text, tmp_path):
    (tmp_path / "none.txt").write_text("\n\n")
    words = ("lg-run", "embed", "none.txt", "--model", tiny_text["int8"], "--empty")
    run_command(*words, "zero")
    assert (np.load(tmp_path / "none.npy") == np.zeros((2, 8))).all()
    run_command(*words, "drop", "--overwrite")
    assert np.load(tmp_path / "none.npy").shape == (0, 8)


def test_a_folders_table_has_the_names_of_its_files(run_command, tiny_text, encoder, tmp_path):
    folder = tmp_path / "docs"
    (folder / "inner").mkdir(parents=True)
    names = ["a.txt", "b.md", "inner/c.txt"]
    for name, line in zip(names, LINES, strict=False):
        (folder / name).write_text(line)
    (folder / "picture.png").write_bytes(b"\x89")
    done = run_command("lg-run", "embed", "docs", "-o", "docs.parquet", "--model", tiny_text["int8"])
    table = pyarrow.parquet.read_table(tmp_path / "docs.parquet")
    assert table.column_names == ["file", "embedding"]
    assert table["file"].to_pylist() == names
    np.testing.assert_allclose(np.stack(table["embedding"].to_numpy()), encoder.embed(LINES[:3]), atol=1e-5)
    done = run_command("lg-run", "embed", "docs", "--model", tiny_text["int8"])
    assert done.stdout == "docs.npy\n"
    assert "rows are in the order of the files' names; to have the names too, write a table" in done.stderr


def test_dropped_files_are_no_rows_of_the_table(run_command, tiny_text, tmp_path):
    (tmp_path / "docs").mkdir()
    for name, text in (("a.txt", "dog"), ("b.txt", ""), ("c.txt", "man")):
        (tmp_path / "docs" / name).write_text(text)
    run_command("lg-run", "embed", "docs", "-o", "o.arrow", "--empty", "drop", "--model", tiny_text["int8"])
    with pyarrow.ipc.open_file(str(tmp_path / "o.arrow")) as file:
        assert file.read_all()["file"].to_pylist() == ["a.txt", "c.txt"]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8")
def test_a_name_that_is_not_utf_8_is_written_with_a_replacement(run_command, tiny_text, tmp_path):
    (tmp_path / "docs").mkdir()
    Path(str(tmp_path / "docs" / "bad") + "\udcff.txt").write_text("dog")
    run_command("lg-run", "embed", "docs", "-o", "o.parquet", "--model", tiny_text["int8"])
    assert pyarrow.parquet.read_table(tmp_path / "o.parquet")["file"].to_pylist() == ["bad\ufffd.txt"]


def test_a_folder_without_texts_is_refused(tmp_path, run_command, tiny_text):
    (tmp_path / "docs").mkdir()
    done = run_command("lg-run", "embed", "docs", "--model", tiny_text["int8"], code=1)
    assert "docs is empty, expected at least one text; a folder's texts are its .txt and .md files" in done.stderr


def test_standard_output_gets_the_file_and_nothing_else(tiny_text, encoder, lines, tmp_path):
    program = str(Path(sys.executable).parent / "lg-run")
    words = [program, "embed", "-", "-o", "-", "--model", str(tiny_text["int8"])]
    done = subprocess.run(words, cwd=tmp_path, input=lines.read_bytes(), capture_output=True, check=True)
    (tmp_path / "o.npy").write_bytes(done.stdout)
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), encoder.embed(LINES), atol=1e-5)


@pytest.mark.parametrize("ending", ["npy", "parquet"])
def test_an_interrupted_run_is_resumed_to_the_same_bytes(encoder, tmp_path, ending):
    texts, output = tmp_path / "many.txt", tmp_path / f"o.{ending}"
    texts.write_text("".join(f"the dog number {number}\n" for number in range(10_000)))
    task = embed_task(encoder, encoder.codec("int8"))
    process_file(task, open_texts(texts), tmp_path / f"whole.{ending}", int)

    def interrupt(rows):
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="interrupted after 4096 rows, which are kept"):
        process_file(task, open_texts(texts), output, interrupt)
    with pytest.raises(UsageError, match="codes changed since that run began"):
        process_file(embed_task(encoder, encoder.codec("uint8")), open_texts(texts), output, int, resume=True)
    report = process_file(task, open_texts(texts), output, int, resume=True)
    assert (report.rows, report.resumed_at) == (10_000, 4096)
    assert output.read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()


def test_half_a_surrogate_pair_is_refused(run_command, tiny_text, tmp_path):
    (tmp_path / "t.jsonl").write_text('{"text": "fine"}\n{"text": "\\ud800 half"}\n')
    done = run_command("lg-run", "embed", "t.jsonl", "--model", tiny_text["int8"], code=1)
    assert "t.jsonl: text 2 has the character '\\ud800', half of a surrogate pair" in done.stderr
    assert not (tmp_path / "t.npy").exists()
    done = run_command("lg-run", "embed", "--text", "\udcff", "--model", tiny_text["int8"], code=1)
    assert "text 0 has the character '\\udcff', half of a surrogate pair" in done.stderr
