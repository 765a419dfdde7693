"""Every input that the fuzzer ever found worth keeping ends well or in a clear error."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

FUZZ = Path(__file__).resolve().parent / "fuzz"
sys.path.insert(0, str(FUZZ))

from make_seeds import seeds  # noqa: E402
from targets import TARGETS, run_target  # noqa: E402


@pytest.mark.parametrize("name", TARGETS)
def test_the_kept_inputs_end_well_or_in_a_clear_error(name):
    kept = sorted((FUZZ / "corpus" / name).glob("*"))
    assert kept, f"{name} has no seed: add one to tests/fuzz/make_seeds.py and run it"
    for path in kept:
        run_target(name, path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_the_generators_and_are_understood(name):
    data = seeds()[name]
    assert (FUZZ / "corpus" / name / "seed").read_bytes() == data
    if name != "manifest":
        TARGETS[name](data)


@given(st.sampled_from(sorted(TARGETS)), st.data())
def test_seeds_with_changed_bytes_end_well_or_in_a_clear_error(name, data):
    content = bytearray(seeds()[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    run_target(name, bytes(content[: data.draw(st.integers(0, len(content)))]))


def test_an_error_that_is_not_ours_is_noticed():
    TARGETS["broken"] = lambda data: data[0]
    with pytest.raises(IndexError):
        run_target("broken", b"")
    del TARGETS["broken"]
