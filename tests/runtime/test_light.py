"""The runtime is light: no torch, no onnx, no Rust, and quick to start."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import linguagen.runtime

HEAVY = ("torch", "onnx", "tensorboard", "linguagen.train", "linguagen.export", "scipy", "sklearn")
RUST = (b"rustc version", b"RUST_BACKTRACE", b"/rustc/")


def _heavy_modules(statement: str) -> set[str]:
    """Of HEAVY, what a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    "module", ["linguagen", "linguagen.models.catalogue", "linguagen.runtime", "linguagen.runtime.commands.main"]
)
def test_the_runtime_loads_nothing_heavy(module):
    assert _heavy_modules(f"import {module}") == set()


def test_compressing_loads_nothing_heavy():
    statement = "import numpy; from linguagen.runtime import Compressor; Compressor.load().compress(numpy.eye(2, 1536))"
    assert _heavy_modules(statement) == set()


def test_this_test_can_fail():
    assert "torch" in _heavy_modules("import linguagen.train.vectors.network")


def test_public_names_are_loaded_when_they_are_asked_for():
    code = (
        "import sys, linguagen.runtime as runtime\n"
        "before = [name for name in sys.modules if name.startswith('linguagen.runtime.')]\n"
        "print(before, sorted(name for name in runtime.__all__ if getattr(runtime, name).__name__ == name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] ['Codec', 'Compressor', 'Expander', 'Index', 'Tagger', 'TextEncoder']\n"
    with pytest.raises(AttributeError, match=r"module 'linguagen.runtime' has no attribute 'Speaker'"):
        _ = linguagen.runtime.Speaker


def test_onnxruntime_waits_until_it_is_used():
    code = "import sys, linguagen.runtime; print('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def _rust_binaries(folder: Path) -> list[str]:
    found = [*folder.rglob("*.so"), *folder.rglob("*.so.*"), *folder.rglob("*.pyd"), *folder.glob("../../../bin/*")]
    files = {path.resolve() for path in found if path.is_file()}
    return [path.name for path in files if any(mark in path.read_bytes() for mark in RUST)]


@pytest.mark.timeout(280)
def test_a_fresh_environment_with_the_base_alone_compresses_and_holds_no_rust(tmp_path, wheel, text_wheel):
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-input", str(wheel)], check=True, timeout=240)
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "freeze"], capture_output=True, text=True, check=True
    )
    names = {line.split("==")[0].lower() for line in listed.stdout.split()}
    assert {"linguagen", "numpy", "onnxruntime", "typer"} <= names
    assert not names & {"torch", "onnx", "tensorboard", "pydantic-core", "scipy"}
    bin_folder = python.parent
    for words in (["sample", "-n", "50"], ["compress", "vectors.npy"], ["evaluate", "vectors.npy"], ["models"]):
        subprocess.run([bin_folder / "lg-run", *words], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "vectors.256.npy").exists()
    for command, packages in (("lg-train", "torch tensorboard"), ("lg-export", "torch onnx")):
        done = subprocess.run([bin_folder / command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 2
        assert f"install them: pip install {packages}\n" in done.stderr
    site = next((tmp_path / "venv").rglob("site-packages"))
    assert _rust_binaries(site) == []
    _embeds_once_the_text_model_is_there(python, site, tmp_path, wheel, text_wheel)


def _embeds_once_the_text_model_is_there(python: Path, site: Path, folder: Path, wheel: Path, text_wheel: Path) -> None:
    words = [python.parent / "lg-run", "embed", "--text", "a man is playing a guitar"]
    before = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert before.returncode == 2
    assert (
        "install it and what it needs from a checkout of the project: pip install sentencepiece ./linguagen-en"
        in before.stderr
    )
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", str(text_wheel)], check=True, timeout=100)
    halfway = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert halfway.returncode == 2
    assert "install it: pip install sentencepiece\n" in halfway.stderr
    names = {path.name for path in site.iterdir()}
    subprocess.run([python, "-m", "pip", "install", "-q", f"{wheel}[text]", str(text_wheel)], check=True, timeout=240)
    added = {path.name.split("-")[0] for path in site.iterdir() if path.name not in names}
    assert added == {"sentencepiece", "sentencepiece.libs"}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    row = json.loads(done.stdout)
    assert len(row) == 256
    assert sum(number * number for number in row) == pytest.approx(1, abs=1e-4)
    subprocess.run([python, "-m", "pip", "install", "-q", f"{wheel}[text,serve]"], check=True, timeout=240)
    subprocess.run([python, "-c", "import linguagen.runtime.server.run"], cwd=folder, check=True)
    assert _rust_binaries(site) == []


def test_the_rust_detector_can_find_one():
    """ruff is Rust, and a tool of development here."""
    ruff = Path(sys.executable).parent / "ruff"
    assert any(mark in ruff.read_bytes() for mark in RUST)
