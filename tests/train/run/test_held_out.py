import numpy as np

from linguagen.train.run.held_out import split_at_random, split_by_origin


def test_a_random_split_has_every_row_once():
    split = split_at_random(50, 12, np.random.default_rng(0))
    assert len(split.held_out) == 12
    assert sorted([*split.training, *split.held_out]) == list(range(50))
    assert np.all(np.diff(split.training) > 0)


def test_a_split_by_origin_keeps_each_origin_whole():
    origins = np.repeat(np.arange(10), 7)
    split = split_by_origin(origins, 20, np.random.default_rng(0))
    assert split is not None
    assert not set(origins[split.held_out]) & set(origins[split.training])
    assert 10 <= len(split.held_out) <= 25
    assert sorted([*split.training, *split.held_out]) == list(range(70))


def test_one_large_origin_makes_no_split():
    assert split_by_origin(np.zeros(40, np.intp), 10, np.random.default_rng(0)) is None
