"""The file of an index: damage is refused, and a killed process leaves the old rows or the new ones."""

import shutil
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from linguagen.models.errors import IndexFileError, UsageError
from linguagen.runtime.index.about import About
from linguagen.runtime.index.blocks import BLOCK_ROWS
from linguagen.runtime.index.container import Container
from linguagen.runtime.reading.maker import Maker

WIDTH, PORTION = 64, 1500
ABOUT = About(Maker("m", "0" * 64, "int8", WIDTH), WIDTH, "", "")
ADDING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_container import Container, portion
container = Container.open(Path(sys.argv[1]))
for number in range(1, 10_000):
    container.append([portion(number)])
    print(number, flush=True)
"""


def portion(number):
    """Codes (PORTION, WIDTH) that say which portion they are, and their columns."""
    codes = np.random.default_rng(number).integers(0, 256, (PORTION, WIDTH), dtype=np.uint8)
    ids = [f"{number}/{place}" for place in range(PORTION)]
    return codes, {"id": ids, "text": ["some words " * 5] * PORTION}


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "made.db"
    Container.build(made, ABOUT, iter([portion(0)]), made)
    return made


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.11, 0.23])
def test_a_killed_process_leaves_whole_portions(path, seconds):
    words = [sys.executable, "-c", ADDING, str(path), str(__file__).rpartition("/")[0]]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.send_signal(signal.SIGKILL)
        said = (said + process.stdout.read()).split()[-1]
    container = Container.open(path)
    stored = container.stored()
    portions, rest = divmod(len(stored.numbers), PORTION)
    assert rest == 0
    assert portions - 1 in (int(said), int(said) + 1), "what was said to be done is done"
    np.testing.assert_array_equal(stored.codes, np.concatenate([portion(number)[0] for number in range(portions)]))
    with container.reading():
        assert container.documents.ids() == [each for number in range(portions) for each in portion(number)[1]["id"]]
    container.append([portion(20_000)])
    assert len(container.stored().numbers) == (portions + 1) * PORTION
    container.close()


def test_an_append_that_fails_leaves_nothing(path):
    def batches():
        yield portion(1)
        raise KeyboardInterrupt

    container = Container.open(path)
    with pytest.raises(KeyboardInterrupt):
        container.append(batches())
    assert len(container.stored().numbers) == PORTION
    assert container.next_row() == PORTION


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.7, 0.99])
def test_a_cut_file_is_refused(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: max(17, int(share * len(data)))])
    with pytest.raises(IndexFileError, match=r"made\.db: (cut:|cut or damaged)"):
        Container.open(path).stored()


def test_changed_codes_are_refused_wherever_they_are(path):
    data, codes = bytearray(path.read_bytes()), portion(0)[0]
    for row in (0, 700, PORTION - 1):
        edited = bytearray(data)
        edited[edited.find(codes[row, :16].tobytes()) + 3] ^= 1
        path.write_bytes(edited)
        with pytest.raises(IndexFileError, match="edited or damaged: the codes of block 0 are not those that were wri"):
            Container.open(path).stored()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("UPDATE linguagen SET value = 32 WHERE key = 'bytes_per_row'", "its table linguagen was edited"),
        ("UPDATE linguagen SET value = 'other' WHERE key = 'model'", "its table linguagen was edited"),
        ("DELETE FROM linguagen", "its table linguagen was edited"),
        ("DELETE FROM codes WHERE block = 0", "edited or damaged: block 0 is missing"),
        ("UPDATE codes SET rows = 3 WHERE block = 1", "edited or damaged: the codes of block 1"),
        ("UPDATE codes SET block = 7 WHERE block = 1", "edited or damaged: block 1 is missing"),
        ("DROP TABLE codes", "no such table: codes"),
        ("PRAGMA user_version = 9", "an index of format version 9, but this linguagen reads version 1; install"),
        ("PRAGMA application_id = 0", "a SQLite database, but no index; build one with lg-run index"),
    ],
)
def test_an_edited_file_is_refused(path, sql, message):
    container = Container.open(path)
    container.append([portion(1)])
    container.close()
    database = sqlite3.connect(path)
    with database:
        database.execute(sql)
    database.close()
    with pytest.raises(IndexFileError, match=rf"made\.db: .*{message}"):
        Container.open(path).stored()


def test_a_document_that_was_renumbered_is_missed(path):
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE documents SET _row = 90000 WHERE _row = 3")
    database.close()
    container = Container.open(path)
    with pytest.raises(IndexFileError, match="edited: row 3 has a code and is not in documents; build the index again"):
        container.documents.rows([2, 3])


@pytest.mark.parametrize(
    "content", [b"", b"short", b"SQLite format 3\0", b"SQLite format 3\0" + bytes(5000), b"\x93NUMPY" * 9]
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "other.db").write_bytes(content)
    with pytest.raises(
        IndexFileError, match=r"other\.db: (no index; build one|cut or damaged|a SQLite database, but no)"
    ):
        Container.open(tmp_path / "other.db")
    with pytest.raises(UsageError, match=r"missing\.db does not exist; build an index with lg-run index"):
        Container.open(tmp_path / "missing.db")


def test_an_index_that_cannot_be_written_can_be_read(path):
    container = Container.open(path)
    container._database.execute("PRAGMA query_only = ON")
    assert len(container.stored().numbers) == PORTION
    with pytest.raises(IndexFileError, match=r"made\.db: attempt to write a readonly database; see that it can be"):
        container.append([portion(1)])


def test_a_writer_that_waits_in_vain_says_so(path, monkeypatch):
    monkeypatch.setattr("linguagen.runtime.index.database._SECONDS_TO_WAIT", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    container = Container.open(path)
    with pytest.raises(IndexFileError, match=r"made\.db: database is locked; see that .* no other program holds it"):
        container.append([portion(1)])
    other.execute("COMMIT")
    container.append([portion(1)])
    other.close()


def test_blocks_are_freed_and_written_again(path):
    container = Container.open(path)
    container.append([portion(1), portion(2)])
    size = path.stat().st_size
    container.remove([each for number in (0, 1) for each in portion(number)[1]["id"]])
    assert container.stored().numbers.tolist() == list(range(2 * PORTION, 3 * PORTION))
    np.testing.assert_array_equal(container.stored().codes, portion(2)[0])
    container.append([portion(3)])
    assert container.next_row() == 4 * PORTION > BLOCK_ROWS
    np.testing.assert_array_equal(container.stored().codes, np.concatenate([portion(2)[0], portion(3)[0]]))
    assert path.stat().st_size <= size, "the room of what was removed is used again"


def test_a_copy_is_the_same_index(path, tmp_path):
    shutil.copy(path, tmp_path / "copy.db")
    container = Container.open(tmp_path / "copy.db")
    np.testing.assert_array_equal(container.stored().codes, portion(0)[0])
