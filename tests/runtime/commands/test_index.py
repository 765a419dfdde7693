"""lg-run index and lg-run search on an index, as processes."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import make_tiny_model
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from linguagen.runtime import Compressor, Index

TEXTS = ["The dog bites the man.", "The man bites the dog.", "A pilot paints.", "dog dog dog"]


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """A folder with a corpus of 200 rows, which have ids and years, 100 more, and the index of the corpus."""
    folder, columns = (
        tmp_path_factory.mktemp("made"),
        {
            "doi": [f"10.1/{number}" for number in range(300)],
            "embedding": list(make_tiny_model.tiny_vectors(300, seed=2)),
            "year": [1990 + number % 30 for number in range(300)],
            "text": [f"text {number}" for number in range(300)],
        },
    )
    whole = pyarrow.table(columns)
    pyarrow.parquet.write_table(whole.slice(0, 200), folder / "corpus.parquet")
    pyarrow.parquet.write_table(whole.slice(200), folder / "more.parquet")
    program = str(Path(sys.executable).parent / "lg-run")
    words = [program, "index", "corpus.parquet", "-o", "corpus.db", "--model", str(tiny["int8"]), "--id", "doi"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "corpus.db\n"
    assert "200 rows, 0.0 MB, model tiny" in done.stderr
    assert "next: lg-run search --in corpus.db --like ID" in done.stderr
    return folder


@pytest.fixture
def built(tiny, made, tmp_path):
    """Copy the files of `made`; gives the options that every search of the index takes."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return ("--in", "corpus.db", "--compressed-by", tiny["int8"])


def test_an_index_is_built_searched_and_changed(tiny, built, tiny_vectors, tmp_path, run_command):
    np.save(tmp_path / "query.npy", tiny_vectors[7:8])
    shown = run_command("lg-run", "search", *built, "--vector", "query.npy", "-k", "2").stdout.splitlines()
    assert shown[0].split() == ["id", "cosine", "text"]
    assert (shown[2].split()[0], shown[2].split(maxsplit=2)[2], len(shown)) == ("10.1/7", "text 7", 4)
    run_command("lg-run", "index", "more.parquet", "-o", "corpus.db", "--add", "--model", tiny["int8"])
    run_command("lg-run", "index", "-o", "corpus.db", "--remove", "10.1/7", "--remove", "10.1/250")
    words = ("lg-run", "search", *built, "--like", "10.1/8", "-k", "400", "--where", "year < 2000", "--json")
    hits = json.loads(run_command(*words).stdout)
    ids = [f"10.1/{number}" for number in range(300) if number % 30 < 10 and number not in (7, 8, 250)]
    assert sorted(hit["id"] for hit in hits) == sorted(ids)
    assert hits[0]["columns"] == {
        "doi": hits[0]["id"],
        "year": hits[0]["columns"]["year"],
        "text": hits[0]["columns"]["text"],
    }
    with Index.open(tmp_path / "corpus.db", model=tiny["int8"]) as index:
        expected = index.like("10.1/8", 400, where="year < 2000")
        assert [(hit["id"], pytest.approx(hit["cosine"])) for hit in hits] == [(hit.id, hit.cosine) for hit in expected]
    assert sorted(each.name for each in tmp_path.glob("*corpus.db*")) == ["corpus.db"]


def test_a_flat_index_is_written_searched_and_described(tiny, built, tmp_path, run_command):
    words = ("lg-run", "index", "corpus.db", "--flat", "-o", "corpus.safetensors")
    done = run_command(*words)
    assert (done.stdout, done.stderr) == ("corpus.safetensors\n", "200 rows, 0.0 MB\n")
    assert "corpus.safetensors exists" in run_command(*words, code=2).stderr
    like = ("--like", "10.1/8", "--compressed-by", tiny["int8"], "--json")
    hits = [run_command("lg-run", "search", "--in", f"corpus.{kind}", *like).stdout for kind in ("db", "safetensors")]
    assert hits[0] == hits[1]
    facts = json.loads(run_command("lg-run", "info", "corpus.safetensors", "--json").stdout)
    assert (facts["rows"], facts["columns"]) == (200, "doi, year, text")
    refused = run_command("lg-run", "index", "corpus.parquet", "--flat", "-o", "x.safetensors", code=1)
    assert "corpus.parquet: no index; build one with" in refused.stderr


def test_info_describes_an_index(tiny, built, run_command):
    facts = json.loads(run_command("lg-run", "info", "corpus.db", "--json").stdout)
    assert (facts["rows"], facts["columns"], facts["ids"], facts["texts"]) == (200, "doi, year, text", "doi", "text")
    assert (facts["codes"], facts["model"]) == ("8 bytes each, 8 dimensions as int8", "tiny")
    assert "rows:        200" in run_command("lg-run", "info", "corpus.db").stdout


def test_the_file_is_the_one_that_python_builds(tiny, built, tiny_vectors, tmp_path):
    table = pyarrow.parquet.read_table(tmp_path / "corpus.parquet")
    columns = {name: table[name].to_pylist() for name in ("year", "text")}
    ids = table["doi"].to_pylist()
    Index.build(tmp_path / "python.db", tiny_vectors[:200], model=tiny["int8"], ids=ids, columns=columns).close()
    codes = [
        sqlite3.connect(tmp_path / name).execute("SELECT block, rows, codes FROM codes").fetchall()
        for name in ("corpus.db", "python.db")
    ]
    assert codes[0] == codes[1]


def test_texts_are_indexed_and_searched(tiny_text, tmp_path, run_command):
    (tmp_path / "lines.txt").write_text("\n".join(TEXTS))
    run_command("lg-run", "index", "lines.txt", "-o", "lines.db", "--model", tiny_text["int8"])
    words = ("--in", "lines.db", "--compressed-by", tiny_text["int8"])
    shown = run_command("lg-run", "search", TEXTS[2], *words).stdout.splitlines()
    assert shown[2].split(maxsplit=2)[::2] == ["2", TEXTS[2]]
    assert len(shown) == 6
    (tmp_path / "more.jsonl").write_text(json.dumps({"body": "a pilot", "text": "The farmer lifts the child."}))
    done = run_command("lg-run", "index", "more.jsonl", "-o", "lines.db", "--add", "--model", tiny_text["int8"], code=2)
    assert "error: lines.db has no column 'body'; its columns are text" in done.stderr
    (tmp_path / "more.jsonl").write_text(json.dumps({"text": "The farmer lifts the child."}))
    run_command("lg-run", "index", "more.jsonl", "-o", "lines.db", "--add", "--model", tiny_text["int8"])
    assert "The farmer" in run_command("lg-run", "search", "The farmer lifts the child.", *words).stdout.splitlines()[2]


def test_embeddings_of_the_model_are_indexed_as_they_are(tiny, tiny_text, tiny_vectors, tmp_path, run_command):
    np.save(tmp_path / "v.npy", tiny_vectors)
    run_command("lg-run", "compress", "v.npy", "-o", "e.npz", "--model", tiny["int8"])
    for name in ("v.npy", "e.npz"):
        run_command("lg-run", "index", name, "-o", f"{name}.db", "--model", tiny["int8"], "--to", "float32")
    found = [
        [hit.id for hit in Index.open(tmp_path / f"{name}.db", model=tiny["int8"]).search(tiny_vectors[3])]
        for name in ("v.npy", "e.npz")
    ]
    assert found[0] == found[1]
    other = ("lg-run", "index", "e.npz", "-o", "other.db", "--model", tiny_text["int8"])
    assert "e.npz: was made by tiny" in run_command(*other, code=1).stderr
    run_command(*other, "--any-model")
    compressed = Compressor.load(tiny["int8"]).compress(tiny_vectors[:1])
    assert Index.open(tmp_path / "other.db", model=tiny_text["int8"]).search(compressed[0])[0].id == 0


def test_bad_rows_are_refused_or_dropped_with_their_columns(tiny, tmp_path, tiny_vectors, run_command):
    tiny_vectors[[3, 290]] = np.nan
    table = pyarrow.table({"id": list(range(300)), "embedding": list(tiny_vectors)})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    words = ("lg-run", "index", "t.parquet", "-o", "t.db", "--model", tiny["int8"])
    assert "row 3" in run_command(*words, code=1).stderr
    assert not (tmp_path / "t.db").exists()
    run_command(*words, "--bad-rows", "drop")
    with Index.open(tmp_path / "t.db", model=tiny["int8"]) as index:
        assert index.ids == [number for number in range(300) if number not in (3, 290)]
        assert index.search(tiny_vectors[291], 1)[0].id == 291
    assert len(np.load(tmp_path / "t.db.kept.npy")) == 298


def test_an_interrupted_build_is_resumed(tiny, tmp_path, tiny_vectors, run_command):
    np.save(tmp_path / "big.npy", np.tile(tiny_vectors, (700, 1)))
    words = ["index", "big.npy", "-o", "big.db", "--model", str(tiny["int8"]), "--threads", "1"]
    program = str(Path(sys.executable).parent / "lg-run")
    with subprocess.Popen([program, *words], cwd=tmp_path, stderr=subprocess.PIPE) as process:
        while not list(tmp_path.glob(".big.db.partial.json")):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "big.db").exists()
    assert "210000 rows" in run_command("lg-run", *words, "--resume").stderr
    with Index.open(tmp_path / "big.db", model=tiny["int8"]) as index:
        assert len(index) == 210_000
    assert sorted(each.name for each in tmp_path.iterdir()) == ["big.db", "big.npy"]


def test_rows_that_cannot_be_added_leave_the_index(tiny, built, tmp_path, run_command):
    before = (tmp_path / "corpus.db").read_bytes()
    twice = ("lg-run", "index", "corpus.parquet", "-o", "corpus.db", "--add", "--model", tiny["int8"])
    message = "error: corpus.db has a row whose doi is '10.1/0' already; remove that one first"
    assert message in run_command(*twice, code=2).stderr
    assert (tmp_path / "corpus.db").read_bytes() == before
    assert not list(tmp_path.glob(".corpus*"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["index", "corpus.parquet"], 2, "no index is named; name it with -o, such as -o corpus.db"),
        (["index", "-o", "a.db"], 2, "expected a file of vectors or texts, or ids to --remove, and not both"),
        (["index", "corpus.parquet", "-o", "a.db", "--remove", "1"], 2, "or ids to --remove, and not both"),
        (["index", "-o", "corpus.db", "--remove", "1", "--add"], 2, "or ids to --remove, and not both"),
        (
            ["index", "more.parquet", "-o", "corpus.db", "--add", "--to", "int8"],
            2,
            "corpus.db has its code and its ids",
        ),
        (
            ["index", "more.parquet", "-o", "corpus.db", "--bad-rows", "zero"],
            2,
            "--bad-rows is 'zero', expected one of",
        ),
        (["index", "corpus.parquet", "-o", "corpus.db"], 2, "corpus.db exists; choose another name with -o, or pass"),
        (["index", "corpus.parquet", "-o", "a.db", "--model", "TINY", "--id", "no"], 2, "ids are expected in a column"),
        (["index", "corpus.parquet", "-o", "a.db"], 1, "vectors of width 48, but the model takes width 1536"),
        (["index", "more.parquet", "-o", "missing.db", "--add"], 2, "missing.db does not exist; build an index with"),
        (["index", "more.parquet", "-o", "more.parquet", "--add"], 1, "more.parquet: no index; build one with"),
        (["index", "-o", "corpus.db", "--remove", "nine"], 2, "corpus.db has no row whose doi is 'nine'"),
        (["search", "--in", "corpus.db"], 2, "was made by tiny (sha256"),
        (
            ["search", "--in", "corpus.db", "--compressed-by", "TINY"],
            2,
            "expected a QUERY, --vector or --like, and one",
        ),
        (
            ["search", "a", "--in", "corpus.db", "--compressed-by", "TINY"],
            2,
            "the model tiny embeds vectors, not texts",
        ),
        (["search", "a", "--in", "corpus.db", "--compressed-by", "OTHER"], 1, "corpus.db: was made by tiny (sha256"),
        (["search", "--vector", "many.npy", "--in", "corpus.db", "--compressed-by", "TINY"], 1, "more than one vector"),
        (
            ["search", "--like", "1", "--in", "many.npy"],
            2,
            "--in many.npy is no index, so expected a QUERY, and no --v",
        ),
        (["search", "a", "--in", "cut.db"], 1, "cut.db: cut"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tiny, built, tmp_path, run_command, words, code, message):
    np.save(tmp_path / "many.npy", np.ones((2, 48)))
    (tmp_path / "cut.db").write_bytes((tmp_path / "corpus.db").read_bytes()[:-5000])
    names = {"TINY": tiny["int8"], "OTHER": tiny["none"]}
    done = run_command("lg-run", *(names.get(word, word) for word in words), code=code)
    assert message in done.stderr
    assert done.stderr.count("error: ") == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "a.db").exists()
