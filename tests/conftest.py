"""Fixtures that all tests share."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import make_tiny_model
import make_tiny_tagger
import make_tiny_text_model
import numpy as np
import pytest

from linguagen.runtime.native import has_library

ROOT = Path(__file__).resolve().parent.parent
Command = Callable[..., subprocess.CompletedProcess[str]]

# A shell starts what runs in its background with Ctrl-C ignored, and all of its children would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real vectors beside the checkout; under CI it must be there."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        message = "no real vectors beside the checkout (../shared)"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained run and its model files: keys run, vectors, none, fp16, int8."""
    folder = tmp_path_factory.mktemp("tiny")
    models = make_tiny_model.make_models(folder)
    return {"run": folder / "runs" / "tiny", "vectors": folder / "tiny.npy", **models}


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained run on text, its inputs and its model files: keys run, text, teacher, pairs, scored, none, fp16, int8."""
    return make_tiny_text_model.make_text_models(tmp_path_factory.mktemp("tiny-text"))


@pytest.fixture(scope="session")
def tiny_taggers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two taggers: keys pos, ner."""
    return make_tiny_tagger.make_taggers(tmp_path_factory.mktemp("tiny-tagger"))


@pytest.fixture
def tiny_vectors() -> np.ndarray:
    return make_tiny_model.tiny_vectors(300, seed=2)


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation without the extension module linguagen._c."""
    monkeypatch.setitem(sys.modules, "linguagen._c", None)
    has_library.cache_clear()
    yield
    has_library.cache_clear()


@pytest.fixture
def library() -> None:
    """Skip a test if the package was installed without its C library, as where there is no compiler."""
    if not has_library():
        pytest.skip("linguagen was installed without its C library: there was no C compiler")


@pytest.fixture(params=["library", "no_library"])
def either(request: pytest.FixtureRequest) -> str:
    """Run a test with the C library, and again as if it were not installed; gives which."""
    request.getfixturevalue(request.param)
    return str(request.param)


@pytest.fixture
def run_command(tmp_path: Path) -> Command:
    """Run an installed command in an empty folder, as a user would; output captured, so no terminal."""

    def run(
        *words: object, code: int = 0, cwd: Path = tmp_path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        program = shutil.which(str(words[0]), path=str(Path(sys.executable).parent))
        assert program, f"{words[0]} is not installed beside {sys.executable}"
        done = subprocess.run(
            [program, *map(str, words[1:])],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=280,
            env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"} | environment,
        )
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a clean copy of the checkout's files."""
    return _built(ROOT, tmp_path_factory)


@pytest.fixture(scope="session")
def plain_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built where there is no C compiler."""
    return _built(ROOT, tmp_path_factory, compiler="no-such-compiler")


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from a clean copy of the checkout's files."""
    return _built(ROOT, tmp_path_factory, "sdist")


@pytest.fixture(scope="session")
def text_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the text model, built in the same way."""
    return _built(ROOT / "linguagen-en", tmp_path_factory)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clean copy of the checkout's files."""
    return _copy(ROOT, tmp_path / "checkout")


def _copy(tree: Path, target: Path) -> Path:
    """Files without what was built, and without what other tests may be building at the same time."""
    unwanted = (".*", "build", "built", "dist", "*.egg-info", "__pycache__", "runs", "node_modules", "*.so")
    keep = shutil.ignore_patterns(*unwanted)
    return Path(shutil.copytree(tree, target, symlinks=True, ignore=keep))


def _built(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, kind: str = "wheel", compiler: str | None = None
) -> Path:
    """Build a wheel or an sdist from a clean copy of a tree, with the machine's C compiler or another."""
    source, target = _copy(tree, tmp_path_factory.mktemp("source") / "tree"), tmp_path_factory.mktemp(kind)
    words = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(target), str(source)]
    chosen = {} if compiler is None else {"CC": compiler}
    subprocess.run(words, check=True, capture_output=True, timeout=200, env=os.environ | chosen)
    return next(target.iterdir())
