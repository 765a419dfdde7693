"""What is built holds what it should: the wheel is the folders, and the sdist runs its own tests."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from test_layout import rooms


def contents(wheel: Path) -> set[str]:
    """What a wheel installs."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_code_and_models_and_nothing_else(root, wheel, plain_wheel):
    code = {f"linguagen/{path / file.name}" for path in rooms(root) for file in (root / path).glob("*.py")}
    models = {f"linguagen/models/shipped/{path.name}" for path in (root / "models" / "shipped").iterdir()}
    expected = code | models | {"linguagen/__init__.py", "linguagen/_c.pyi", "linguagen/py.typed"}
    assert contents(plain_wheel) == expected
    assert contents(wheel) - expected == ({"linguagen/_c.abi3.so"} if shutil.which("cc") else set())
    assert expected <= contents(wheel)
    assert "-cp311-abi3-" in wheel.name, "one wheel serves all versions of Python"
    assert len(models) >= 4
    assert wheel.stat().st_size <= 16e6, "the budget and what would lower it: docs/decisions/codes.md"


def test_without_a_compiler_the_package_is_installed_and_works(root, plain_wheel, tmp_path):
    words = ["install", "--quiet", "--no-deps", "--no-index", "--target", str(tmp_path), str(plain_wheel)]
    run([sys.executable, "-m", "pip", *words], tmp_path)
    program = (
        "import sys; sys.meta_path = [each for each in sys.meta_path if 'editable' not in str(each)]\n"
        "import numpy as np; from linguagen.runtime import Compressor; import linguagen\n"
        "compressor = Compressor.load(threads=1)\n"
        "codec, rows = compressor.codec('int8'), compressor.compress(np.eye(9, 1536))\n"
        "print(linguagen.__file__, codec.search(rows, codec.encode(rows), k=1)[0].ravel().tolist())\n"
        "try: Compressor.load(engine='c')\n"
        "except Exception as error: print(error)"
    )
    shown = run([sys.executable, "-c", program], tmp_path, PYTHONPATH=str(tmp_path)).splitlines()
    assert shown[0] == f"{tmp_path}/linguagen/__init__.py [0, 1, 2, 3, 4, 5, 6, 7, 8]"
    assert shown[1].startswith("engine 'c' was asked for, but linguagen was installed without its C library")


def test_the_wheel_of_the_text_model_holds_it_and_nothing_else(root, text_wheel):
    archive = zipfile.ZipFile(text_wheel)
    files = ("__init__.py", "linguagen-en.md", "linguagen-en.onnx")
    assert contents(text_wheel) == {f"linguagen_en/{name}" for name in files}
    licence = next(name for name in archive.namelist() if name.endswith("/LICENSE"))
    assert archive.read(licence) == (root / "LICENSE").read_bytes()
    assert text_wheel.stat().st_size <= 12e6


def test_the_wheel_of_a_tagger_holds_it_and_nothing_else(tagger_wheel):
    package = tagger_wheel.name.split("-")[0]
    name = package.replace("_", "-")
    assert contents(tagger_wheel) == {f"{package}/{each}" for each in ("__init__.py", f"{name}.md", f"{name}.onnx")}
    with zipfile.ZipFile(tagger_wheel) as archive:
        assert archive.getinfo(f"{package}/{name}.onnx").file_size <= 6e6


def test_what_an_index_shows_needs_no_checkout(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_string(archive.read(name).decode())
    page = metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert page.startswith("# LinguaGEN\n")
    assert re.findall(r"\]\((?!https://)|<img|src=", page) == []


def test_extras_are_for_users_and_tools_are_groups(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    adapters = {"langchain", "llamaindex", "sentence-transformers", "sklearn"}
    others = {"train", "export", "text", "arrow", "hdf5", "serve", "plot"}
    assert set(project["project"]["optional-dependencies"]) == adapters | others
    assert {"dev", "test", "check", "bench", "peers", "fuzz", "docs"} == set(project["dependency-groups"])


def test_every_tool_is_pinned(root):
    """Names of the extras and groups that make test installs all have one exact version."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    asked = [*project["project"]["dependencies"], *groups["check"], *groups["test"], *groups["bench"]]
    asked += [each for extra in project["project"]["optional-dependencies"].values() for each in extra]
    names = {re.match(r"[\w-]+", each)[0] for each in asked} - {"linguagen"}
    lines = (root / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert names | {"pip"} <= {pin.split("==")[0] for pin in pins}


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory) -> Path:
    """The sdist's files, and in `installed` the package installed from them."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    words = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run([sys.executable, "-m", "pip", *words, "--target", str(folder / "installed"), str(sdist)], folder)
    return tree


def run(words: list[str], folder: Path, **environment: str) -> str:
    """Run a command that must succeed; returns what it prints."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=280, env=os.environ | environment)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def run_tests(tree: Path, *words: str) -> str:
    """Run the unpacked tests on the package that was installed from the sdist."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *words]
    return run(command, tree, PYTHONPATH=str(tree.parent / "installed"), CI="false")


@pytest.mark.timeout(290)
def test_the_sdist_has_every_test_and_they_start(root, unpacked):
    kept = {path.relative_to(unpacked) for path in (unpacked / "tests").rglob("*.py")}
    assert kept == {
        path.relative_to(root) for path in (root / "tests").rglob("*.py") if "node_modules" not in path.parts
    }
    assert re.search(r"\d+ tests collected", run_tests(unpacked, "--collect-only", "tests"))


@pytest.mark.timeout(290)
def test_tests_of_the_sdist_pass_from_its_own_files(unpacked):
    shown = run_tests(unpacked, "tests/models/manifests", "tests/test_layout.py", "tests/runtime/test_vectors.py")
    assert re.search(r"\d+ passed", shown)
    where = "import linguagen.models as m; print(m.__file__)"
    found = run([sys.executable, "-c", where], unpacked.parent, PYTHONPATH=str(unpacked.parent / "installed"))
    assert Path(found.strip()).is_relative_to(unpacked.parent / "installed")
