import gzip
import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from linguagen.models.errors import TextError, UsageError
from linguagen.runtime.encoders import text_sources
from linguagen.runtime.encoders.text_sources import open_texts
from linguagen.runtime.text.lines import numbered_lines

TEXTS = ["one, two", 'said "no"', "three\tfour", "日本語"]


def read(path, start=0, **words):
    return [text for _, window in open_texts(path, **words).windows(2, start) for text in window()[:, 0]]


@pytest.fixture
def files(tmp_path):
    quoted = "".join(f'"{text.replace(chr(34), chr(34) * 2)}"{{}}x\n' for text in TEXTS)
    (tmp_path / "t.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    (tmp_path / "t.csv").write_text("text,b\n" + quoted.replace("{}", ","), encoding="utf-8-sig")
    (tmp_path / "t.tsv").write_text("text\tb\n" + quoted.replace("{}", "\t"), encoding="utf-8")
    pyarrow.parquet.write_table(pyarrow.table({"n": range(4), "text": TEXTS}), tmp_path / "t.parquet")
    (tmp_path / "folder").mkdir()
    for number, text in enumerate(TEXTS):
        (tmp_path / "folder" / f"{number}.{'md' if number % 2 else 'txt'}").write_text(text, encoding="utf-8")
    (tmp_path / "folder" / "other.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("name", ["t.txt", "t.jsonl", "t.csv", "t.tsv", "t.parquet", "folder"])
def test_every_form_gives_the_same_texts_from_any_start(files, name, monkeypatch):
    monkeypatch.setattr(text_sources, "_BLOCK_TEXTS", 3)
    assert read(files / name) == TEXTS
    assert read(files / name, 2) == TEXTS[2:]
    assert [first for first, _ in open_texts(files / name).windows(9)] == [0, 3]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b'text\n"a', "not CSV in UTF-8"),
        ("a.csv", b"text,b\na\n", "line 2: 1 columns, but the first row has 2; put texts with a separator in quotes"),
        ("a.csv", b"b\na\n", "has no column 'text'; it has b; choose a --column"),
        ("a.csv", b"text\n\xff\n", "not CSV in UTF-8"),
        ("a.csv", b"", "is empty, expected at least one text"),
        ("a.jsonl", b'{"b": 1}', r"line 1: expected \{\"text\": ...\}, got"),
        ("a.jsonl", b"no", "line 1: expected"),
        ("a.jsonl", b'{"text": 1}', "line 1: text is of type int, expected a string"),
        ("a.txt", b"\xff", "cannot be read"),
    ],
)
def test_broken_texts_are_refused_by_what_is_wrong(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((TextError, UsageError), match=message):
        read(tmp_path / name)


def test_what_is_not_there_is_never_a_text(files):
    with pytest.raises(UsageError, match="typo.txt does not exist; .* give a text itself with --text"):
        open_texts(files / "typo.txt")
    with pytest.raises(UsageError, match="has no column 'body'; it has n, text; choose a --column"):
        open_texts(files / "t.parquet", "body")
    with pytest.raises(UsageError, match="column n: holds int64, expected texts; choose another"):
        open_texts(files / "t.parquet", "n")


@pytest.mark.parametrize("name", ["t.txt", "t.jsonl", "t.csv", "t.tsv"])
def test_a_mark_of_byte_order_is_no_part_of_a_text(files, name):
    data = (files / name).read_bytes().removeprefix(b"\xef\xbb\xbf")
    (files / name).write_bytes(b"\xef\xbb\xbf" + data)
    assert read(files / name) == TEXTS


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_or_device_is_refused_before_it_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    for path in (tmp_path / "pipe.txt", Path("/dev/zero")):
        with pytest.raises(UsageError, match="is no regular file; give a file of texts, a folder, or - for standard"):
            open_texts(path)
        with pytest.raises(TextError, match="is no regular file"):
            next(numbered_lines(path))


def test_a_line_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("linguagen.runtime.text.lines.MOST_LINE_CHARACTERS", 1000)
    with gzip.open(tmp_path / "t.gz", "wt") as file:
        file.write("a" * 998 + "\n" + "b" * 999 + "\n")
    assert [len(text) for text in read(tmp_path / "t.gz")] == [998, 999]
    with gzip.open(tmp_path / "t.gz", "at") as file:
        file.write("c" * 5000)
    with pytest.raises(TextError, match="t.gz: a line of more than 1000 characters; divide it"):
        read(tmp_path / "t.gz")


def test_a_long_text_in_a_csv_is_read(tmp_path):
    (tmp_path / "t.csv").write_text("text\n" + "a" * 300_000 + "\n")
    assert read(tmp_path / "t.csv") == ["a" * 300_000]


def test_a_compressed_file_that_is_damaged_is_refused(tmp_path):
    data = bytearray(gzip.compress(b"some text, some more text\n" * 50))
    data[20:40] = b"\xff" * 20
    (tmp_path / "t.gz").write_bytes(data)
    with pytest.raises(TextError, match="t.gz cannot be read"):
        read(tmp_path / "t.gz")
