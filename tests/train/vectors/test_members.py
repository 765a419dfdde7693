import numpy as np
import pytest
import torch
from make_tiny_model import make_run, tiny_config, tiny_vectors

from linguagen.models.errors import UsageError
from linguagen.train.run.checkpoint import read_checkpoint
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.data import open_corpus, split_rows
from linguagen.train.vectors.finished import load_finished
from linguagen.train.vectors.loop import train
from linguagen.train.vectors.members import mean_map, member_rows

ALONE = Processes()


def orthogonal(dim: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))[0]


def test_the_mean_of_maps_that_differ_by_a_rotation_measures_what_each_does():
    generator = np.random.default_rng(0)
    plain = generator.standard_normal((4, 9))
    rotated = [(orthogonal(4, seed) @ plain).astype(np.float32) for seed in range(3)]
    found = mean_map(rotated, [4])
    assert found.shape == (4, 9)
    np.testing.assert_allclose(found.T @ found, plain.T @ plain, atol=1e-4)
    assert np.all(np.diff(np.linalg.norm(found, axis=1)) <= 0)  # main directions first


def test_the_mean_is_nearest_to_what_all_measure_as_the_singular_values_say():
    """The best approximation of the stacked maps (Eckart and Young), by numpy's singular values."""
    maps = list(np.random.default_rng(1).standard_normal((3, 4, 9)).astype(np.float32))
    found = mean_map(maps, [4])
    _, values, vectors = np.linalg.svd(np.concatenate(maps) / np.sqrt(3))
    wanted = vectors[:4].T @ np.diag(values[:4] ** 2) @ vectors[:4]
    np.testing.assert_allclose(found.T @ found, wanted, atol=1e-4)


def test_a_prefix_that_stands_alone_is_the_mean_of_the_prefixes():
    maps = list(np.random.default_rng(2).standard_normal((3, 6, 9)).astype(np.float32))
    nested = mean_map(maps, [3, 6])
    assert nested.shape == (6, 9)
    np.testing.assert_allclose(nested[:3], mean_map([each[:3] for each in maps], [3]), atol=1e-6)
    whole = np.mean([each.T @ each for each in maps], axis=0)
    rest = whole - nested[:3].T @ nested[:3]
    values = np.sort(np.linalg.eigvalsh(rest))[::-1]
    np.testing.assert_allclose(np.linalg.norm(nested[3:], axis=1) ** 2, values[:3], rtol=1e-4)


@pytest.mark.parametrize("known", [True, False])
def test_members_see_three_quarters_of_the_sources_or_rows(tmp_path, known):
    np.save(tmp_path / "rows.npy", tiny_vectors(200, seed=1))
    sources = np.repeat(np.arange(8), 25)
    if known:
        np.save(tmp_path / "rows-source.npy", sources)
    corpus = open_corpus((str(tmp_path / "rows.npy"),), tmp_path)
    training = np.arange(100, 200)
    seen = [member_rows(corpus, training, np.random.default_rng(seed)) for seed in range(5)]
    for rows in seen:
        assert len(rows) == 75
        assert set(rows) <= set(training)
        if known:
            assert len(set(sources[rows])) == 3  # of the four that training may read
    assert len({tuple(rows) for rows in seen}) > 1


def test_a_run_with_members_keeps_their_mean_and_trains_the_rest(tmp_path):
    told = []
    np.save(tmp_path / "rows.npy", tiny_vectors(600, seed=1))
    config = tiny_config((str(tmp_path / "rows.npy"),), steps=20, members=3)
    folder = RunFolder(tmp_path / "run")
    folder.write_config(config)
    train(config, folder, ALONE, advance=told.append)
    assert sum(told) == 80 == config.all_steps
    run = load_finished(folder.path)
    maps = [np.load(folder.path / f"member-{member}.npy") for member in range(3)]
    assert not np.allclose(maps[0], maps[1], atol=1e-4)
    np.testing.assert_array_equal(run.network.skip.weight.detach().numpy(), mean_map(maps, [8]))
    assert run.network.head.weight.abs().max() > 1e-3
    rows = {row.method: row for row in run.fidelity}
    assert rows["encoder"].recall > rows["PCA"].recall
    assert rows["encoder"].reconstruction > rows["PCA"].reconstruction - 0.02


def test_members_never_see_the_rows_held_out(tmp_path):
    """The same members, whatever the held-out rows are, as long as the split is the same."""
    maps = []
    for name, factor in (("a", 1.0), ("b", -1.0)):
        folder = tmp_path / name
        folder.mkdir()
        path = str(folder / "rows.npy")
        rows = tiny_vectors(600, seed=1)
        np.save(path, rows)
        config = tiny_config((path,), steps=3, members=2)
        rows[split_rows(open_corpus((path,), folder), config.held_out, config.seed).held_out] *= factor
        np.save(path, rows)
        run = RunFolder(folder / "run")
        run.write_config(config)
        train(config, run, ALONE)
        maps.append(np.load(folder / "run" / "member-1.npy"))
    np.testing.assert_array_equal(*maps)


def test_a_resumed_run_trains_no_member_twice(tmp_path):
    path = make_run(tmp_path, steps=10, members=2)
    whole = read_checkpoint(RunFolder(path))["model"]
    for name in ("finished.json", "checkpoint.pt", "member-1.npy"):  # killed in its second member
        (path / name).unlink()
    first = (path / "member-0.npy").stat().st_mtime_ns
    told = []
    train(RunFolder(path).read_config(VectorRunConfig), RunFolder(path), ALONE, advance=told.append)
    assert sum(told) == 30
    assert (path / "member-0.npy").stat().st_mtime_ns == first
    again = read_checkpoint(RunFolder(path))["model"]
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    told.clear()
    (path / "finished.json").unlink()  # killed after its last checkpoint
    train(RunFolder(path).read_config(VectorRunConfig), RunFolder(path), ALONE, advance=told.append)
    assert sum(told) == 30
    assert all(torch.equal(whole[name], weight) for name, weight in read_checkpoint(RunFolder(path))["model"].items())


def test_members_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(UsageError, match="--members is 1, which is no mean: expected 0, or 2 or more"):
        tiny_config(("rows.npy",), members=1)
    with pytest.raises(UsageError, match="--members is -1, expected 0 or more"):
        tiny_config(("rows.npy",), members=-1)
    with pytest.raises(UsageError, match="--members trains 4 maps before the run itself; leave --seconds out"):
        tiny_config(("rows.npy",), members=4, seconds=9.0)
    with pytest.raises(UsageError, match="--members trains 4 maps before the run itself; leave --init out"):
        tiny_config(("rows.npy",), members=4, init="text-embedding-3-small")
