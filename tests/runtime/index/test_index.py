"""Index: build, open, add, remove, search."""

import sqlite3
import threading

import numpy as np
import pandas
import pyarrow
import pytest

from linguagen.models.catalogue import find_model
from linguagen.models.errors import IndexFileError, TextError, UnknownModelError, UsageError, VectorError
from linguagen.runtime import Compressor, Index, TextEncoder
from linguagen.runtime.index.blocks import BLOCK_ROWS

TEXTS = ["The dog bites the man.", "The man bites the dog.", "A pilot paints.", "dog dog dog"]


@pytest.fixture
def index(tiny, tiny_vectors, tmp_path):
    """300 rows with ids from 1000 on, years, and names, some of which are missing."""
    columns = {
        "year": [1990 + number % 30 for number in range(300)],
        "name": [f"row {number}" if number % 3 else None for number in range(300)],
    }
    path = tmp_path / "corpus.db"
    with Index.build(path, tiny_vectors, model=tiny["int8"], ids=list(range(1000, 1300)), columns=columns) as made:
        yield made


def found(hits):
    return [(hit.id, round(hit.cosine, 4)) for hit in hits]


def test_search_finds_what_the_codec_finds(either, index, tiny, tiny_vectors):
    compressor = Compressor.load(tiny["int8"])
    codec = compressor.codec("int8")
    embeddings = compressor.compress(tiny_vectors)
    scores = codec.score(embeddings[5:6], codec.encode(embeddings))[0]
    best = np.argsort(-scores, kind="stable")[:7]
    hits = index.search(tiny_vectors[5], 7)
    assert [hit.id for hit in hits] == (1000 + best).tolist()
    np.testing.assert_allclose([hit.cosine for hit in hits], scores[best], atol=1e-4)
    assert hits[0].columns == {"id": 1005, "year": 1995, "name": "row 5"}
    assert found(index.search(embeddings[5], 7)) == found(hits), "an embedding is a query as its vector is"


def test_an_opened_index_is_the_one_that_was_built(index, tiny, tiny_vectors, tmp_path):
    with Index.open(tmp_path / "corpus.db", model=tiny["int8"], threads=1) as again:
        assert len(again) == 300
        assert again.columns == ["id", "year", "name"]
        assert again.ids == list(range(1000, 1300))
        assert again.search(tiny_vectors[0]) == index.search(tiny_vectors[0])
        assert repr(again) == f"Index({tmp_path / 'corpus.db'}, 300 rows, Codec(int8, 8 dimensions, 8 bytes per row))"


def test_codes_of_any_size_are_searched(either, tmp_path):
    vectors = np.random.default_rng(0).standard_normal((50, 1536)).astype(np.float32)
    with Index.build(tmp_path / "a.db", vectors, size=64, threads=1) as index:
        assert (index.about.maker.kind, index.about.bytes_per_row) == ("trellis", 64)
        hits = index.search(vectors[7], 3)
        assert (hits[0].id, hits[0].columns) == (7, {})
        codec = index.codec
        code = codec.encode(Compressor.load("text-embedding-3-small-1536").compress(vectors))
        assert hits[0].cosine == pytest.approx(
            float(codec.score(Compressor.load("text-embedding-3-small-1536").compress(vectors[7:8]), code)[0, 7]),
            abs=1e-5,
        )
    with Index.build(tmp_path / "b.db", vectors) as index:
        assert index.about.bytes_per_row == 128, "the default"
    with Index.build(tmp_path / "c.db", vectors, kind="e8") as index:
        assert (index.about.maker.model, index.about.bytes_per_row) == ("text-embedding-3-small", 32)


def test_what_is_like_a_row_is_found_without_the_row(index):
    hits = index.like(1005, 4)
    assert len(hits) == 4
    assert 1005 not in [hit.id for hit in hits]
    assert found(index.like(np.int64(1005), 4)) == found(hits)
    assert found(index.like("1005", 4)) == found(hits), "as a command line gives it"
    with pytest.raises(UsageError, match="corpus.db has no row whose id is 7"):
        index.like(7)


def test_filters_leave_what_passes_all_of_them(index, tiny_vectors):
    query = tiny_vectors[0]
    every = found(index.search(query, 300))
    recent = [each for each in every if 1990 + (each[0] - 1000) % 30 > 2010]
    assert found(index.search(query, 300, where="year > 2010")) == recent
    assert found(index.search(query, 300, where="year > ?", parameters=[2010])) == recent
    assert found(index.search(query, 5, where="year > 2010 -- or later")) == recent[:5]
    mask = np.arange(300) % 2 == 0
    assert found(index.search(query, 300, mask=mask)) == [each for each in every if each[0] % 2 == 0]
    some = [1003, 1250, 1004]
    assert sorted(hit.id for hit in index.search(query, ids=some)) == sorted(some)
    both = index.search(query, 300, where="year > 2010", mask=mask, ids=[each[0] for each in recent[:9]])
    assert found(both) == [each for each in recent[:9] if each[0] % 2 == 0]
    assert index.search(query, where="year > 3000") == []
    named = index.like(1005, 300, where="name IS NULL")
    assert {hit.columns["name"] for hit in named} == {None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"where": "yeer > 3"}, r"'yeer > 3' cannot be used \(no such column: yeer\); the columns are _row, id, year"),
        ({"where": "year >"}, "'year >' cannot be used"),
        ({"where": "1); DELETE FROM documents; --"}, "cannot be used"),
        ({"where": "year > ?"}, "cannot be used"),
        ({"mask": np.ones(3, bool)}, r"the mask is bool of shape \(3,\), expected bool of \(300,\)"),
        ({"mask": np.ones(300)}, "the mask is float64"),
        ({"ids": [1001, 3]}, "has no row whose id is 3"),
        ({"k": 0}, "k is 0"),
    ],
)
def test_a_filter_that_cannot_be_used_is_refused(index, tiny_vectors, change, message):
    with pytest.raises(UsageError, match=message):
        index.search(tiny_vectors[0], **change)
    assert len(index.search(tiny_vectors[0])) == 10


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("a text", UsageError, "the model tiny embeds vectors, not texts; give vectors"),
        (np.zeros(48), VectorError, "the query|vectors: 1 row"),
        (np.ones(47), VectorError, "vectors of width 47, but the model takes width 48"),
        (np.full(8, np.nan), VectorError, "the query: 1 row.* NaN"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused(index, query, error, message):
    with pytest.raises(error, match=message):
        index.search(query)


def test_rows_are_added_and_removed(either, index, tiny, tiny_vectors, tmp_path):
    more = tiny_vectors[:3] + 0.01
    assert index.add(more, ids=["x", 5, 6], columns={"year": [1, 2, 3]}) == 3
    hit = index.search(more[1], 1)[0]
    assert (hit.id, hit.columns["name"], len(index)) == (5, None, 303)
    index.remove([5, 1000])
    assert len(index) == 301
    assert 5 not in [hit.id for hit in index.search(more[1], 301)]
    index.add(more[1:2], ids=[5])
    with Index.open(tmp_path / "corpus.db", model=tiny["int8"]) as again:
        assert found(again.search(more[1], 302)) == found(index.search(more[1], 302))
        assert again.ids == [*range(1001, 1300), "x", 6, 5]


def test_an_index_that_grew_is_the_one_that_is_built_at_once(index, tiny, tmp_path):
    """Over the bounds of blocks, in portions of every kind."""
    generator, sizes = np.random.default_rng(4), [1, 2047, 1, 2048, 5, 4100]
    rows = generator.standard_normal((sum(sizes), 48)).astype(np.float32)
    whole = Index.build(tmp_path / "whole.db", rows, model=tiny["int8"])
    grown = Index.build(tmp_path / "grown.db", rows[: sizes[0]], model=tiny["int8"])
    for first, size in zip(np.cumsum(sizes)[:-1].tolist(), sizes[1:], strict=True):
        grown.add(rows[first : first + size])
    assert grown.ids == whole.ids == list(range(len(rows)))
    assert found(grown.search(rows[3000], 50)) == found(whole.search(rows[3000], 50))
    left = [number for number in whole.ids if not BLOCK_ROWS <= number < 2 * BLOCK_ROWS and number % 7]
    for each in (grown, whole):
        each.remove([number for number in each.ids if number not in set(left)])
        each.add(rows[:2])
    assert grown.ids == whole.ids == [*left, len(rows), len(rows) + 1]
    assert found(grown.search(rows[3000], 50)) == found(whole.search(rows[3000], 50))
    whole.close()
    with sqlite3.connect(tmp_path / "whole.db") as database:
        assert database.execute("SELECT length(codes) FROM codes WHERE block = 1").fetchone() == (0,), "it was freed"


def test_what_was_removed_is_no_longer_in_the_file(tiny, tiny_vectors, tmp_path):
    path = tmp_path / "secret.db"
    with Index.build(
        path, tiny_vectors, model=tiny["int8"], columns={"note": [f"note {n} end" for n in range(300)]}
    ) as it:
        code = it.codec.encode(Compressor.load(tiny["int8"]).compress(tiny_vectors))[17].tobytes()
        assert b"note 17 end" in path.read_bytes()
        assert code in path.read_bytes()
        it.remove([17])
    assert b"note 17 end" not in path.read_bytes()
    assert code not in path.read_bytes()


def test_a_row_can_be_deleted_with_any_sqlite_tool(index, tiny_vectors, tmp_path):
    assert index.search(tiny_vectors[5], 1)[0].id == 1005
    with sqlite3.connect(tmp_path / "corpus.db") as database:
        database.execute("DELETE FROM documents WHERE id = 1005")
        database.execute("UPDATE documents SET year = 2222 WHERE id = 1006")
    database.close()
    assert 1005 not in [hit.id for hit in index.search(tiny_vectors[5], 299)], "the open index reads it again"
    assert [hit.id for hit in index.search(tiny_vectors[5], where="year = 2222")] == [1006]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (2, {}, "a row has no id, by which .*corpus.db tells rows apart; give each one"),
        (2, {"ids": [5, None]}, "a row has no id, by which"),
        (2, {"ids": [5, 1007]}, "corpus.db has a row whose id is 1007 already; remove that one first"),
        (2, {"ids": [5, 5]}, "two rows have the id 5; give each its own"),
        (2, {"ids": [5]}, "the column 'id' has 1 values, expected one for each of 2 rows"),
        (2, {"ids": [5, 6], "columns": {"yeer": [1, 2]}}, "has no column 'yeer'; its columns are id, year, name"),
        (2, {"ids": [5, 6], "columns": {"id": [1, 2]}}, "the column 'id' is given twice"),
        (1, {"ids": [2**70]}, "a value cannot be in an index .*too large"),
        (1, {"ids": [1], "columns": {"name": [object]}}, "a value of type type cannot be in an index"),
        (1, {"ids": [1], "columns": {"name": ["\ud800"]}}, "a value cannot be in an index"),
    ],
)
def test_rows_that_do_not_fit_change_nothing(index, tiny_vectors, rows, options, message):
    with pytest.raises(UsageError, match=message):
        index.add(tiny_vectors[:rows] + 0.1, **options)
    assert len(index) == 300
    assert len(index.ids) == 300


def test_bad_vectors_change_nothing(index, tiny_vectors):
    tiny_vectors[1] = np.nan
    with pytest.raises(VectorError, match="row 1 "):
        index.add(tiny_vectors[:3], ids=[1, 2, 3])
    assert len(index) == 300


def test_ids_that_nobody_removed_are_named(index):
    with pytest.raises(UsageError, match="has no row whose id is 77"):
        index.remove([1000, 77])
    assert len(index) == 300


def test_rows_without_ids_have_numbers(tiny, tiny_vectors, tmp_path):
    with Index.build(tmp_path / "plain.db", tiny_vectors, model=tiny["int8"], kind="float16") as index:
        assert index.search(tiny_vectors[9], 1)[0].id == 9
        index.remove([9])
        index.add(tiny_vectors[9:10])
        assert index.search(tiny_vectors[9], 1)[0].id == 300
        with pytest.raises(UsageError, match="the rows of this index have no ids of their own; leave ids out"):
            index.add(tiny_vectors[:1], ids=[3])


def test_columns_of_data_frames_are_taken(tiny, tiny_vectors, tmp_path):
    frame = pandas.DataFrame({"id": ["a", "b"], "score": [0.5, None], "when": pandas.to_datetime(["2026-01-02"] * 2)})
    columns = {"score": frame["score"], "when": frame["when"], "tags": pyarrow.array([["x"], None])}
    with Index.build(tmp_path / "f.db", tiny_vectors[:2], model=tiny["int8"], ids=frame["id"], columns=columns) as it:
        assert it.search(tiny_vectors[0], 1)[0].columns == {
            "id": "a",
            "score": 0.5,
            "when": "2026-01-02T00:00:00",
            "tags": '["x"]',
        }
        assert it.like("b")[0].id == "a"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"Year": [1] * 300, "year": [1] * 300}, "a column is called 'year', but each needs a name of its own"),
        ({"_row": [1] * 300}, "a column is called '_row'"),
        ({"": [1] * 300}, "a column is called ''"),
        ({"id": [b"x"] * 300}, "ids are expected in a column 'id' of numbers or texts; the columns are id"),
    ],
)
def test_columns_that_cannot_be_are_refused(tiny, tiny_vectors, tmp_path, columns, message):
    with pytest.raises(UsageError, match=message):
        Index.build(tmp_path / "c.db", tiny_vectors, model=tiny["int8"], columns=columns)
    assert list(tmp_path.iterdir()) == []


def test_any_other_name_is_a_column(tiny, tiny_vectors, tmp_path):
    names = ['a "quoted" name', "select", "x; DROP TABLE documents", "größe"]
    columns = {name: [number] * 300 for number, name in enumerate(names)}
    with Index.build(tmp_path / "c.db", tiny_vectors, model=tiny["int8"], columns=columns) as index:
        assert index.search(tiny_vectors[0], 1, where='"select" = 1')[0].columns == dict(
            zip(names, range(4), strict=True)
        )


def test_a_file_is_replaced_only_if_asked(index, tiny, tiny_vectors, tmp_path):
    with pytest.raises(UsageError, match="corpus.db exists; choose another name with -o, or pass --overwrite"):
        Index.build(tmp_path / "corpus.db", tiny_vectors, model=tiny["int8"])
    bad = tiny_vectors.copy()
    bad[250] = 0
    with pytest.raises(VectorError):
        Index.build(tmp_path / "corpus.db", bad, model=tiny["int8"], overwrite=True)
    assert len(index) == 300
    Index.build(tmp_path / "corpus.db", tiny_vectors[:5], model=tiny["int8"], overwrite=True).close()
    with Index.open(tmp_path / "corpus.db", model=tiny["int8"]) as again:
        assert len(again) == 5
    assert [each.name for each in tmp_path.iterdir()] == ["corpus.db"]


def test_texts_are_kept_and_found(either, tiny_text, tmp_path):
    with Index.build(tmp_path / "t.db", TEXTS, model=tiny_text["int8"], ids=list("abcd")) as index:
        assert (index.about.text_column, index.about.maker.kind) == ("text", "int8")
        hits = index.search(TEXTS[2], 2)
        assert (hits[0].id, hits[0].columns) == ("c", {"id": "c", "text": TEXTS[2]})
        embedding = TextEncoder.load(tiny_text["int8"]).embed(TEXTS[2])[0]
        assert found(index.search(embedding, 2)) == found(hits)
        index.add(pandas.Series(["A pilot paints a man."]), ids=["e"])
        assert index.search("A pilot paints a man.", 1)[0].columns["text"] == "A pilot paints a man."
        with pytest.raises(TextError, match="1 of 1 texts are empty"):
            index.search("")
        with pytest.raises(UsageError, match="the text model .* has no codes of 64 bytes; choose a kind"):
            Index.build(tmp_path / "u.db", TEXTS, model=tiny_text["int8"], size=64)


def test_vectors_are_searched_by_text_with_a_model_trained_for_them(
    tiny, tiny_text, tiny_vectors, tmp_path, monkeypatch
):
    with Index.build(tmp_path / "v.db", tiny_vectors, model=tiny["int8"]) as index:
        maker = index.about.maker
    with pytest.raises(
        UsageError, match=r"embeds no texts for tiny \(sha256 .*\), which made .*v.db; name a text model"
    ):
        Index.open(tmp_path / "v.db", model=tiny["int8"], text_model=tiny_text["int8"])
    monkeypatch.setattr(type(maker), "is_model", lambda maker, manifest: True)
    with Index.open(tmp_path / "v.db", model=tiny["int8"], text_model=tiny_text["int8"]) as index:
        assert len(index.search("the dog", 3)) == 3


def test_an_index_of_another_model_is_named(index, tiny, tmp_path):
    with pytest.raises(
        IndexFileError, match=r"corpus.db: was made by tiny \(sha256 \w{16}\.\.\.\), but the model here is"
    ):
        Index.open(tmp_path / "corpus.db", model=tiny["none"])
    with pytest.raises(
        UnknownModelError, match="corpus.db: was made by tiny .*, which is not installed; give the path"
    ):
        Index.open(tmp_path / "corpus.db")
    with pytest.raises(UnknownModelError, match="no model 'typo'"):
        Index.open(tmp_path / "corpus.db", model="typo")


def test_a_code_needs_one_description(tiny, tiny_vectors, tmp_path):
    with pytest.raises(UsageError, match="codes of 64 bytes have no kind and no dimensions to choose; leave those out"):
        Index.build(tmp_path / "x.db", tiny_vectors, model=tiny["int8"], size=64, kind="int8")
    with pytest.raises(UsageError, match="the model tiny has no codes of 64 bytes"):
        Index.build(tmp_path / "x.db", tiny_vectors, model=tiny["int8"], size=64)


def test_threads_share_an_index(index, tiny_vectors):
    expected = [found(index.search(each)) for each in tiny_vectors[:8]]
    actual: dict[int, object] = {}

    def search(number):
        for _ in range(5):
            actual[number] = found(index.search(tiny_vectors[number]))

    threads = [threading.Thread(target=search, args=[number]) for number in range(8)]
    for each in threads:
        each.start()
    index.add(-tiny_vectors[:1], ids=["far away"])
    for each in threads:
        each.join()
    assert [actual[number] for number in range(8)] == expected


def test_a_closed_index_says_so(index, tiny_vectors):
    index.close()
    with pytest.raises(UsageError, match="corpus.db was closed; open it again"):
        index.search(tiny_vectors[0])


def test_a_name_with_marks_of_addresses_is_a_name(tiny, tiny_vectors, tmp_path):
    path = tmp_path / "a b?mode=ro#é%.db"
    with Index.build(path, tiny_vectors, model=tiny["int8"]) as index:
        index.add(tiny_vectors[:1])
        assert len(index) == 301
    assert find_model(tiny["int8"]) == tiny["int8"]
    assert path.is_file()
