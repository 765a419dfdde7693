"""docs/databases.md, run block by block, its answers against exact search in numpy."""

import os
import re
import shutil
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from linguagen.models.mixture import teacher_mixture
from linguagen.models.model_file import load_manifest
from linguagen.runtime.measure.fidelity import nearest_neighbours, recall_per_row
from linguagen.runtime.writing.sample import draw_vectors

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "databases.md"
FOLDER = Path(__file__).resolve().parent / "databases"
LEAST = {"float": 0.99, "int8": 0.97, "bits": 0.85}


def sections() -> dict[str, list[str]]:
    """Heading and code blocks of each section; the blocks before the first heading under ''."""
    parts = re.split(r"^## (.*)$", DOCUMENT.read_text(), flags=re.MULTILINE)
    texts = {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}
    return {name: re.findall(r"```python\n(.*?)```", text, re.DOTALL) for name, text in texts.items()}


SECTIONS = sections()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Iterator[dict]:
    """What the first blocks define."""
    folder = tmp_path_factory.mktemp("databases")
    drawn = np.concatenate(list(draw_vectors(teacher_mixture(load_manifest("text-embedding-3-small")), 1530, seed=5)))
    np.save(folder / "vectors.npy", drawn[:1500])
    np.save(folder / "queries.npy", drawn[::51])
    before = Path.cwd()
    os.chdir(folder)
    names: dict = {}
    for block in SECTIONS[""]:
        exec(block, names)
    yield names
    os.chdir(before)


def run_section(name: str, prepared: dict) -> None:
    """Every block that finds something finds what exact search finds."""
    names = dict(prepared)
    exact = nearest_neighbours(names["queries"], 10, names["documents"])
    checked = 0
    for block in SECTIONS[name]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the databases' own
            exec(block, names)
        if "found =" in block or "found in" in block or ", found" in block:
            least = LEAST["bits" if "rescore" in block else "int8" if "int8" in block or "_codes" in block else "float"]
            assert np.shape(names["found"]) == (len(exact), 10)
            assert recall_per_row(exact, np.asarray(names["found"]).astype(int)).mean() >= least, block
            checked += 1
    assert checked >= 1


@pytest.mark.parametrize("name", ["faiss", "USearch", "SQLite, with sqlite-vec", "Qdrant", "Milvus"])
def test_a_database_finds_what_exact_search_finds(name, prepared):
    run_section(name, prepared)


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL with a current pgvector; node and its packages must be there under CI."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        message = "no node, or no packages: npm ci --prefix tests/databases"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([node, FOLDER / "server.mjs", str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable"
    process.kill()
    process.communicate()


def test_pgvector_finds_what_exact_search_finds(postgres, prepared, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", postgres)
    run_section("PostgreSQL, with pgvector", prepared)


def test_an_old_pgvector_in_a_native_server_takes_vectors_too(prepared, tmp_path):
    """pgvector 0.6, which many hosts still run: the first block of the section, in a process of its own."""
    code = (
        "import pgserver, os, sys, runpy\n"
        f"server = pgserver.get_server({str(tmp_path / 'data')!r})\n"
        "os.environ['DATABASE_URL'] = server.get_uri()\n"
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_databases as tests\n"
        "names = {}\n"
        "for block in tests.SECTIONS['']: exec(block, names)\n"
        "exec(tests.SECTIONS['PostgreSQL, with pgvector'][0], names)\n"
        "exact = tests.nearest_neighbours(names['queries'], 10, names['documents'])\n"
        "print(tests.recall_per_row(exact, names['found']).mean())\n"
        "names['connection'].close(); server.cleanup()\n"
    )
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) >= LEAST["float"]


def test_every_section_is_run():
    assert set(SECTIONS) == {
        "",
        "faiss",
        "USearch",
        "SQLite, with sqlite-vec",
        "Qdrant",
        "Milvus",
        "PostgreSQL, with pgvector",
    }
