import gzip
import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linguagen.models.errors import TextError
from linguagen.runtime.text.lines import line_blocks, read_scored
from linguagen.train.text.data import LEAST_TEXTS, TokenLists, batch_rows, read_pairs, read_texts

LINES = [f"text number {number}" for number in range(LEAST_TEXTS)]


def write(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def test_lines_plain_and_packed_are_the_same(tmp_path):
    plain = write(tmp_path / "a.txt", LINES)
    data = (tmp_path / "a.txt").read_bytes()
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(data))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(data))
    found = [read_texts([name]) for name in (plain, f"{plain}.xz", f"{plain}.gz")]
    assert all(each.texts == LINES and each.rows == list(range(LEAST_TEXTS)) for each in found)
    both = read_texts([plain, f"{plain}.xz"])
    assert both.rows == list(range(2 * LEAST_TEXTS))  # rows of the teacher run on from file to file


def test_json_lines_name_the_teachers_row(tmp_path):
    name = write(tmp_path / "a.jsonl", [f'{{"text": "t{n}", "row": {n * 2}}}' for n in range(LEAST_TEXTS)])
    assert read_texts([name]).rows == [n * 2 for n in range(LEAST_TEXTS)]


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("a.txt", [*LINES, " "], "line 201: an empty text; leave such lines out"),
        ("a.txt", LINES[:5], "5 texts, expected 200 or more"),
        ("a.jsonl", ['{"txt": "a"}'], 'line 1: expected {"text": ...}, with "row" a number'),
        ("a.jsonl", ['["a"]'], "line 1: expected"),
        ("a.txt.xz", LINES, "cannot be read"),
    ],
)
def test_files_that_are_no_corpus_are_refused_by_line(tmp_path, file, lines, message):
    with pytest.raises(TextError) as error:
        read_texts([write(tmp_path / file, lines)])
    assert message in str(error.value)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(TextError, match=r"nowhere.txt cannot be read .*expected UTF-8 text, plain or compressed"):
        read_texts(["nowhere.txt"])
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(TextError, match="expected UTF-8 text"):
        read_texts([str(tmp_path / "a.txt")])


def test_pairs_need_a_tab(tmp_path):
    good = [f"{line}\tother {line}" for line in LINES]
    assert read_pairs(write(tmp_path / "a.tsv", good))[3] == ("text number 3", "other text number 3")
    with pytest.raises(TextError, match="line 2: expected two texts with a tab between, got 'alone'"):
        read_pairs(write(tmp_path / "b.tsv", [good[0], "alone"]))
    with pytest.raises(TextError, match="1 pairs, expected 200 or more; leave --pairs out"):
        read_pairs(write(tmp_path / "c.tsv", good[:1]))


def test_scored_pairs_need_a_number(tmp_path):
    name = write(tmp_path / "a.csv", ['"a, b",c,1', "d,e,2.5", "f,g,0"])
    assert read_scored(name) == (["a, b", "d", "f"], ["c", "e", "g"], [1.0, 2.5, 0.0])
    with pytest.raises(TextError, match=r"row 1: expected text, text, score, got \['a', 'b', 'much'\]"):
        read_scored(write(tmp_path / "b.csv", ["a,b,much"]))
    with pytest.raises(TextError, match="1 scored pairs, expected 3 or more"):
        read_scored(write(tmp_path / "c.csv", ["a,b,1"]))


def test_blocks_of_lines_carry_the_number_of_their_first(tmp_path):
    blocks = list(line_blocks(write(tmp_path / "a.txt", ["a", "b", "c", "d", "e"]), 2))
    assert blocks == [(1, ["a", "b"]), (3, ["c", "d"]), (5, ["e"])]
    long = list(line_blocks(tmp_path / "a.txt", 9, characters=3))
    assert long == [(1, ["a", "b", "c"]), (4, ["d", "e"])]


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=12), min_size=1, max_size=20), st.integers(1, 12))
def test_token_lists_come_back_cut_and_padded(lists, longest):
    tokens = TokenLists(lists, longest)
    rows = np.arange(len(lists))[::-1]
    batch = tokens.batch(rows)
    for row, padded in zip(rows, batch, strict=True):
        kept = lists[row][:longest]
        assert padded.tolist() == kept + [0] * (batch.shape[1] - len(kept))
        assert tokens.tokens_of(row).tolist() == kept
    assert tokens.frequencies(10).sum() == tokens.lengths.sum()


def test_a_pool_of_batches_reads_each_text_once_and_every_seed_its_own():
    lengths = np.arange(1000) % 30 + 1
    batches = [batch_rows(np.arange(1000), lengths, 64, (0,), step) for step in range(8)]
    assert len(np.unique(np.concatenate(batches))) == 512
    spread = [np.ptp(lengths[batch]) for batch in batches]
    assert np.mean(spread) < 10  # alike in length: little padding
    again = batch_rows(np.arange(1000), lengths, 64, (0,), 3)
    np.testing.assert_array_equal(again, batches[3])
    assert not np.array_equal(np.sort(batch_rows(np.arange(1000), lengths, 64, (1,), 3)), np.sort(again))
    assert len(batch_rows(np.arange(20), lengths, 64, (0,), 5)) == 20
