"""lg-export as a process."""

import subprocess
import sys

import pytest

import linguagen

_WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(("torch", "onnx", "tensorboard")))  # as if they were not installed
sys.argv = ["lg-export", *sys.argv[1:]]
from linguagen.export.cli import main
main()
"""


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--help",), 0, "Example: lg-export runs/vectors --quantize int8"),
        (("--version",), 0, f"lg-export {linguagen.__version__}"),
        ((), 2, "install them: pip install torch onnx"),
    ],
)
def test_help_and_version_need_neither_torch_nor_onnx(tmp_path, words, code, message):
    done = subprocess.run([sys.executable, "-c", _WITHOUT, *words], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, message in done.stdout + done.stderr) == (code, True), done.stderr


def test_an_output_that_exists_is_refused_unless_overwrite(tiny_text, run_command, tmp_path):
    words = ("lg-export", tiny_text["run"], "-o", "m.onnx")
    run_command(*words)
    before = (tmp_path / "m.onnx").read_bytes()
    refused = run_command(*words, "--quantize", "fp16", code=2)
    assert "error: m.onnx exists; choose another name with -o, or pass --overwrite" in refused.stderr
    assert (tmp_path / "m.onnx").read_bytes() == before
    run_command(*words, "--quantize", "fp16", "--overwrite")
    assert len((tmp_path / "m.onnx").read_bytes()) < len(before)
