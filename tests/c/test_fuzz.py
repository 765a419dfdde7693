"""The targets for libFuzzer, a moment each; tests/c/fuzz.py runs them longer."""

import shutil
import subprocess

import pytest
from c.builds import need
from c.fuzz import TARGETS, fuzz


@pytest.mark.parametrize("target", TARGETS)
def test_fuzzing_finds_nothing(target, tiny, tiny_text, tmp_path):
    need("clang")
    probe = subprocess.run(
        ["clang", "-fsanitize=fuzzer", "-x", "c", "-", "-o", tmp_path / "probe"],
        input=b"int LLVMFuzzerTestOneInput(const void *d, unsigned long n) { return d && n ? 0 : 0; }\n",
        capture_output=True,
    )
    if probe.returncode:
        pytest.skip("clang has no libFuzzer here")
    done = fuzz(target, [tiny["int8"], tiny_text["int8"]], 2, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done" in done.stderr
    assert not list(tmp_path.glob("crash-*"))
    shutil.rmtree(tmp_path / f"seeds-{target}")
