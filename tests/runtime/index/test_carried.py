"""Columns that an index takes over from the file that it is built from, and the values that SQLite stores."""

import datetime
import decimal
import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from linguagen.models.errors import UsageError
from linguagen.runtime.encoders.text_sources import open_texts
from linguagen.runtime.index.carried import carried_columns, text_column
from linguagen.runtime.index.values import declared_type, stored
from linguagen.runtime.reading.sources import open_vectors


def columns_of(source):
    """All columns of a source."""
    batches = list(carried_columns(source))
    return {name: [value for batch in batches for value in batch[name]] for name in batches[0]}


def test_a_table_gives_all_columns_but_vectors(tmp_path):
    table = pyarrow.table(
        {"id": [1, 2], "embedding": [[0.5, 1.0]] * 2, "text": ["a", None], "more": [[1.5]] * 2, "tags": [["x"], []]}
    )
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    vectors = open_vectors(tmp_path / "t.parquet", None, "embedding")
    assert columns_of(vectors) == {"id": [1, 2], "text": ["a", None], "tags": [["x"], []]}
    assert text_column(vectors) == "text"
    texts = open_texts(tmp_path / "t.parquet", "text")
    assert columns_of(texts)["text"] == ["a", None]
    pyarrow.parquet.write_table(table.select(["embedding"]), tmp_path / "v.parquet")
    alone = open_vectors(tmp_path / "v.parquet")
    assert carried_columns(alone) is None
    assert text_column(alone) == ""


def test_lines_and_folders_give_their_texts(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "b.md").write_text("second\nfile")
    (tmp_path / "notes" / "a.txt").write_text("first")
    folder = open_texts(tmp_path / "notes")
    assert columns_of(folder) == {"file": ["a.txt", "b.md"], "text": ["first", "second\nfile"]}
    lines = open_texts(tmp_path / "notes" / "b.md")
    assert columns_of(lines) == {"text": ["second", "file"]}
    assert text_column(folder) == text_column(lines) == "text"


def test_records_give_their_fields(tmp_path):
    records = [{"id": "a", "body": "x", "year": 2020}, {"body": "y", "id": "b"}]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, records)))
    source = open_texts(tmp_path / "r.jsonl", "body")
    assert columns_of(source) == {"id": ["a", "b"], "body": ["x", "y"], "year": [2020, None]}
    assert text_column(source) == "body"
    (tmp_path / "r.jsonl").write_text('{"body": "x"}\n{"body": "y", "new": 1}')
    with pytest.raises(UsageError, match=r"r\.jsonl: record 2 has a field 'new', which the first has not; give the"):
        columns_of(open_texts(tmp_path / "r.jsonl", "body"))


def test_numbers_in_csv_are_numbers_if_they_are_written_as_such(tmp_path):
    (tmp_path / "r.csv").write_text("id,text,price\n007,12,1.5\n8,b,1.50\n-3,c,nan\n4,d,\n")
    assert columns_of(open_texts(tmp_path / "r.csv")) == {
        "id": ["007", 8, -3, 4],
        "text": ["12", "b", "c", "d"],
        "price": [1.5, "1.50", "nan", ""],
    }


def test_vectors_alone_give_nothing(tmp_path):
    np.save(tmp_path / "v.npy", np.ones((3, 4)))
    assert carried_columns(open_vectors(tmp_path / "v.npy")) is None


@pytest.mark.parametrize(
    ("value", "expected", "kind"),
    [
        (None, None, ""),
        (True, True, "INTEGER"),
        (np.int16(7), 7, "INTEGER"),
        (np.float32(0.5), 0.5, "REAL"),
        ("text", "text", "TEXT"),
        (np.str_("text"), "text", "TEXT"),
        (b"bytes", b"bytes", "BLOB"),
        (datetime.datetime(2026, 1, 2, 3), "2026-01-02T03:00:00", "TEXT"),
        (datetime.time(1, 2), "01:02:00", "TEXT"),
        (datetime.timedelta(hours=1), "1:00:00", "TEXT"),
        (decimal.Decimal("1.10"), "1.10", "TEXT"),
        (["ä", {"b": datetime.date(2026, 1, 2)}], '["ä", {"b": "2026-01-02"}]', "TEXT"),
        (np.arange(3), "[0, 1, 2]", "TEXT"),
    ],
)
def test_values_as_sqlite_stores_them(value, expected, kind):
    assert stored(value) == expected
    assert type(stored(value)) is type(expected)
    assert declared_type([None, value]) == kind
