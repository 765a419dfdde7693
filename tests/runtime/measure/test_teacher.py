import numpy as np
import pytest

from linguagen.runtime import Compressor
from linguagen.runtime.measure.teacher import mismatch_warning

TEACHERS = ("text-embedding-3-small", "text-embedding-ada-002")


@pytest.mark.shared
@pytest.mark.parametrize("own", TEACHERS)
@pytest.mark.parametrize("asked", TEACHERS)
def test_every_real_source_is_told_from_the_other_teachers(shared, own, asked):
    manifest = Compressor.load(own).manifest
    folder = shared / "vectors" / asked
    vectors, sources = np.load(folder / "dev.npy").astype(np.float32), np.load(folder / "dev-source.npy")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    warnings = [mismatch_warning(manifest, vectors[sources == source]) for source in np.unique(sources)]
    warnings += [mismatch_warning(manifest, vectors[row : row + 1]) for row in range(20)]
    if own == asked:
        assert warnings == [None] * len(warnings)
    else:
        assert all(f"do not look like {own}'s: they have" in str(warning) for warning in warnings)


def test_noise_is_not_a_teachers(tiny):
    manifest = Compressor.load("text-embedding-3-small").manifest
    noise = np.random.default_rng(0).standard_normal((50, 1536)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert "Use the model of the teacher that made them (lg-run models), or train one" in str(
        mismatch_warning(manifest, noise)
    )
