"""lg-run report: one page that needs nothing else, whose figures are those of the library."""

import re

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from make_tiny_model import tiny_vectors

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import MissingExtraError, UsageError, VectorError
from linguagen.models.mixture import teacher_mixture
from linguagen.models.model_file import load_manifest
from linguagen.runtime import Compressor
from linguagen.runtime.measure.budgets import (
    BINARY,
    BUDGETS,
    CUT_FLOAT,
    CUT_INT8,
    MODEL,
    PCA_INT8,
    Kept,
    better_than,
    deal,
    int8_rounded,
    main_axes,
    measure_budgets,
    recommended,
)
from linguagen.runtime.measure.fidelity import nearest_neighbours, recall_per_row
from linguagen.runtime.report.plots import import_pyplot
from linguagen.runtime.writing.sample import draw_vectors

ROWS = tiny_vectors(300, seed=4)


@pytest.fixture(scope="module")
def kept(tiny) -> list[Kept]:
    return measure_budgets({"tiny": Compressor.load(tiny["none"], threads=1)}, deal(ROWS), lambda _: None)


def test_queries_and_documents_are_dealt_once_and_too_few_are_refused():
    drawn = deal(ROWS)
    assert len(drawn.queries) == 60
    assert sorted([*drawn.query_rows, *drawn.document_rows]) == list(range(300))
    np.testing.assert_array_equal(drawn.documents, ROWS[drawn.document_rows])
    with pytest.raises(VectorError, match="40 vectors are too few to report on: give 50 or more"):
        deal(ROWS[:40])


def test_every_method_has_a_recall_at_every_budget(kept):
    assert {(each.method, each.budget) for each in kept} == {
        (method, budget) for method in (MODEL, PCA_INT8, CUT_FLOAT, CUT_INT8, BINARY) for budget in BUDGETS
    }
    assert all(each.codec.bytes_per_row <= each.budget for each in kept if each.method == MODEL)
    by_name = {(each.method, each.budget): each.recall for each in kept}
    assert by_name[CUT_FLOAT, 256] == 1  # 48 numbers of 4 bytes fit
    assert by_name[PCA_INT8, 64] > 0.95
    assert by_name[CUT_FLOAT, 32] < by_name[PCA_INT8, 32]
    drawn = deal(ROWS)
    signs = np.where(drawn.documents > 0, 1.0, -1.0)
    exact, found = nearest_neighbours(drawn.queries, 10, drawn.documents), nearest_neighbours(drawn.queries, 10, signs)
    assert by_name[BINARY, 32] == pytest.approx(float(recall_per_row(exact, found).mean()), abs=0.01)


def test_the_smallest_budget_that_keeps_enough_is_recommended(kept):
    ours = {each.budget: each.recall for each in kept if each.method == MODEL}
    assert recommended(kept, 0.01).budget == 32
    assert recommended(kept, 0.999).recall == max(ours.values())
    assert better_than(recommended(kept, 0.01), kept).method in (PCA_INT8, BINARY)
    assert better_than(max(kept, key=lambda each: each.recall), kept) is None
    with pytest.raises(UsageError, match="--keep is 90, expected between 0 and 1, such as 0.9"):
        recommended(kept, 90)


def test_axes_and_rounding_are_those_of_numpy():
    axes = main_axes(ROWS, 5)
    values = np.linalg.svd(ROWS, compute_uv=False)[:5]
    np.testing.assert_allclose(np.linalg.norm(ROWS @ axes, axis=0), values, rtol=1e-3)
    assert np.abs(int8_rounded(ROWS) - ROWS).max() < 0.05
    assert main_axes(ROWS[:3], 5).shape == (48, 3)


def test_the_page_needs_nothing_else_and_texts_are_escaped(tiny, run_command, tmp_path):
    texts = [f"text <b>{number}</b>" for number in range(300)]
    table = pyarrow.table({"embedding": list(ROWS), "title": texts})
    pyarrow.parquet.write_table(table, tmp_path / "v.parquet")
    words = ("lg-run", "report", "v.parquet", "--model", tiny["none"], "--text", "title")
    done = run_command(*words, "--keep", "0.2")
    assert done.stdout == "report.html\n"
    page = (tmp_path / "report.html").read_text()
    assert "text &lt;b&gt;" in page
    assert "text <b>" not in page
    assert re.findall(r"<script|(?:src|href)=\"(?!#|data:)", page) == []
    assert set(re.findall(r"https?://[^\"<> ]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert page.count("<svg") == 2
    assert "currentColor" in page
    assert page.count("<details") == 10
    (command,) = re.findall(r"<pre>(.*)</pre>", page)
    assert f"next: {command}\n" in done.stderr
    run_command(*command.split(), cwd=tmp_path)
    refused = run_command(*words, code=2)
    assert "error: report.html exists" in refused.stderr


def test_origins_are_listed_apart_and_rows_without_texts_have_numbers(tiny, run_command, tmp_path):
    np.save(tmp_path / "v.npy", ROWS)
    np.save(tmp_path / "v-source.npy", np.arange(300) % 3)
    run_command("lg-run", "report", "v.npy", "--model", tiny["none"], "-o", "mine.html", "--rows", "200")
    page = (tmp_path / "mine.html").read_text()
    assert "<h2>By origin</h2>" in page
    assert "measured on 200 of them" in page
    rows = {int(each) for each in re.findall(r"row (\d+)", page)}
    assert len(rows) > 20
    assert max(rows) < 300


def test_texts_that_are_fewer_than_rows_are_refused(tiny, run_command, tmp_path):
    np.save(tmp_path / "v.npy", ROWS)
    (tmp_path / "t.txt").write_text("a\nb\n")
    done = run_command("lg-run", "report", "v.npy", "--model", tiny["none"], "--text", "t.txt", code=1)
    assert re.search(r"error: t.txt: 2 texts, but the vectors have a row \d+; give the same rows", done.stderr)
    assert not (tmp_path / "report.html").exists()


def test_without_matplotlib_the_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(
        MissingExtraError, match=r"lg-run report needs matplotlib .*; install it: pip install matplotlib"
    ):
        import_pyplot()


def test_codes_of_any_size_are_recommended_by_their_bytes(run_command, tmp_path):
    rows = next(draw_vectors(teacher_mixture(load_manifest(DEFAULT_MODEL)), 200, seed=1))
    np.save(tmp_path / "v.npy", rows)
    run_command("lg-run", "report", "v.npy", "-o", "r.html", "--keep", "0.5", cwd=tmp_path)
    page = (tmp_path / "r.html").read_text()
    assert f"lg-run compress v.npy --model {DEFAULT_MODEL}-1536 --bytes 32" in page
    assert "<td>32 bytes</td><td>1536 x trellis</td>" in page
