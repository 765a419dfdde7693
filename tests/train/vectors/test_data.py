import json

import numpy as np
import pytest

from linguagen.models.errors import TrainingError, UsageError, VectorError, VectorFileError
from linguagen.train.vectors.data import moment_rows, open_corpus, split_rows


@pytest.fixture
def corpus(tmp_path, tiny_vectors):
    np.save(tmp_path / "a.npy", tiny_vectors[:180].astype(np.float16))
    np.save(tmp_path / "b.npy", np.asfortranarray(tiny_vectors[180:].astype(np.float64)))
    return open_corpus([str(tmp_path / "a.npy"), str(tmp_path / "b.npy")], tmp_path / "converted")


def test_several_files_read_as_one_in_any_order(corpus, tiny_vectors):
    numbers = np.array([299, 0, 179, 180, 5, 5])
    assert len(corpus) == 300
    np.testing.assert_allclose(corpus.rows(numbers), tiny_vectors[numbers], atol=1e-3)
    np.testing.assert_allclose(np.concatenate(list(corpus.chunks(np.arange(300)))), tiny_vectors, atol=1e-3)


def test_random_rows_are_held_out_where_sources_are_unknown(corpus):
    split = split_rows(corpus, 0.2, seed=0)
    assert not split.by_origin
    assert len(split.held_out) == 60
    assert sorted([*split.training, *split.held_out]) == list(range(300))
    assert not np.array_equal(split.held_out, split_rows(corpus, 0.2, seed=1).held_out)


def test_whole_sources_are_held_out_where_every_file_has_them(corpus, tmp_path):
    np.save(tmp_path / "a-source.npy", np.arange(180) // 20)
    assert not split_rows(corpus, 0.2, seed=0).by_origin  # b has none
    np.save(tmp_path / "b-source.npy", np.arange(120) // 20)
    split = split_rows(corpus, 0.2, seed=0)
    assert split.by_origin
    held = set(split.held_out // 20)  # sources of both files are 20 rows each, and not mixed up
    assert not held & set(split.training // 20)
    assert 30 <= len(split.held_out) <= 75


def test_one_source_cannot_be_held_out_whole(corpus, tmp_path):
    np.save(tmp_path / "a-source.npy", np.zeros(180, int))
    np.save(tmp_path / "b-source.npy", np.zeros(120, int))
    assert not split_rows(corpus, 0.2, seed=0).by_origin


@pytest.mark.parametrize("sources", [np.zeros(179, int), np.zeros((180, 1), int), np.zeros(180)])
def test_sources_that_do_not_fit_are_refused(corpus, tmp_path, sources):
    np.save(tmp_path / "a-source.npy", sources)
    with pytest.raises(VectorFileError, match="a-source.npy: .* expected one whole number for each of the 180 rows"):
        split_rows(corpus, 0.2, seed=0)


def test_sources_that_cannot_be_read_are_refused(corpus, tmp_path):
    (tmp_path / "a-source.npy").write_text("0 1 2")
    with pytest.raises(VectorFileError, match="a-source.npy: cannot be read as the origins of a.npy"):
        split_rows(corpus, 0.2, seed=0)


def test_too_few_rows_are_refused(tmp_path, tiny_vectors):
    np.save(tmp_path / "few.npy", tiny_vectors[:50])
    corpus = open_corpus([str(tmp_path / "few.npy")], tmp_path)
    with pytest.raises(
        TrainingError, match="50 vectors are too few to train on and hold 10% out; at least 200 are needed"
    ):
        split_rows(corpus, 0.1, seed=0)


def test_a_bad_row_is_named_by_its_file_and_number(tmp_path, tiny_vectors):
    tiny_vectors[42] = np.nan
    np.save(tmp_path / "bad.npy", tiny_vectors)
    corpus = open_corpus([str(tmp_path / "bad.npy")], tmp_path)
    with pytest.raises(VectorError, match=r"bad.npy: 1 row\(s\) hold NaN or infinite values: row 42 "):
        corpus.rows(np.array([50, 42, 41]))


def test_files_of_different_widths_are_refused(tmp_path, tiny_vectors):
    np.save(tmp_path / "a.npy", tiny_vectors)
    np.save(tmp_path / "b.npy", tiny_vectors[:, :40])
    with pytest.raises(VectorFileError, match=r"different widths \(.*a.npy 48, .*b.npy 40\); train on files of one"):
        open_corpus([str(tmp_path / "a.npy"), str(tmp_path / "b.npy")], tmp_path)


def test_the_moments_of_a_large_corpus_come_from_a_sample(monkeypatch):
    numbers = np.arange(0, 600, 2)
    np.testing.assert_array_equal(moment_rows(numbers, seed=0), numbers)
    monkeypatch.setattr("linguagen.train.vectors.data.MOMENT_ROWS", 100)
    some = moment_rows(numbers, seed=0)
    assert len(set(some)) == 100
    assert set(some) <= set(numbers)


def _write_csv(path, rows, header="token,embedding"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def test_a_token_embedding_csv_is_read(tmp_path, tiny_vectors):
    rows = [f'"tok,{number}","{json.dumps(vector.tolist())}"' for number, vector in enumerate(tiny_vectors[:120])]
    _write_csv(tmp_path / "t.csv", rows)
    corpus = open_corpus([str(tmp_path / "t.csv")], tmp_path / "converted")
    np.testing.assert_allclose(corpus.rows(np.arange(120)), tiny_vectors[:120], atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "header", "error", "message"),
    [
        (["a,[1]"], "word,vector", VectorFileError, "t.csv, line 2: no embedding .*; expected a column `embedding`"),
        ([], "token,embedding", VectorFileError, "t.csv: holds no vectors; expected at least one row"),
        (
            ['a,"[1, 2]"', 'b,"[1]"'],
            "token,embedding",
            VectorFileError,
            "t.csv, line 3: 1 numbers, but the rows before have 2; give .*t.csv rows of one width",
        ),
        (["a,hello"], "token,embedding", VectorFileError, r"t.csv, line 2: no embedding .*such as \"\[0.1, -0.2\]\""),
        (["a"], "token,embedding", VectorFileError, "t.csv, line 2: no embedding"),
        (['a,"{}"'], "token,embedding", VectorFileError, "t.csv, line 2: its embedding is neither numbers nor base64"),
    ],
)
def test_other_csv_files_are_refused_by_line(tmp_path, rows, header, error, message):
    _write_csv(tmp_path / "t.csv", rows, header)
    with pytest.raises(error, match=message):
        open_corpus([str(tmp_path / "t.csv")], tmp_path / "converted")


def test_a_missing_csv_is_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="no.csv does not exist"):
        open_corpus([str(tmp_path / "no.csv")], tmp_path)
