"""What fixed inputs give with the shipped models, and what short seeded runs learn: pinned, so that moving code cannot change it.

python tests/pinned.py         # writes tests/pinned.json
python tests/pinned.py fit     # only the runs of these names again, where a change is meant to change them
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import make_tiny_text_model
import numpy as np
from make_tiny_model import tiny_vectors

PINS = Path(__file__).resolve().parent / "pinned.json"
KINDS = ("float32", "float16", "int8", "uint8", "int4", "e8", "binary", "ubinary")
MODELS = (
    "text-embedding-3-small",
    "text-embedding-3-small-512",
    "text-embedding-ada-002",
    "text-embedding-ada-002-512",
)
Words = list[object]
"""A command and its arguments."""

_LINES = ("A dog bites a man.", "A man bites a dog.", "Kraków, Zürich, 東京", "tpyo", "word " * 300)
_TINY: Words = ["--dim", 8, "--segments", 6, "--hidden", 3, "--steps", 30, "--batch", 64, "--subspace-rows", 4]
_TEXT: Words = ["--dim", 8, "--width", 12, "--hidden", 4, "--pieces", 400, "--steps", 20, "--batch", 32]


def machine() -> str:
    """A digest of products and eigenvectors: where it is another one, float results may differ in their last bits."""
    code = """
import hashlib, numpy, torch
from linguagen.runtime import Compressor
torch.set_num_threads(1)
rows = numpy.random.default_rng(0).standard_normal((300, 1536)).astype(numpy.float32)
product = rows @ rows.T
tensor = torch.from_numpy(rows)
parts = [product, numpy.linalg.eigh(product.astype(float))[0], (tensor @ tensor.T).numpy()]
parts += [torch.linalg.eigh(tensor @ tensor.T)[0].numpy(), torch.sigmoid(tensor).numpy()]
parts += [Compressor.load("text-embedding-3-small", threads=1)._engine.run(rows)]
print(hashlib.sha256(b"".join(numpy.ascontiguousarray(part).tobytes() for part in parts)).hexdigest())
"""
    return _python(code, Path(__file__).parent).strip()


def answers(folder: Path) -> dict[str, dict[str, object]]:
    """The pins by name, each the sha256 of all bytes and a few of the numbers.

    Args:
        folder: an empty one to work in.
    """
    return written(folder) | trained(folder)


def written(folder: Path) -> dict[str, dict[str, object]]:
    """What the shipped models make of fixed inputs."""
    (folder / "lines.txt").write_text("".join(f"{line}\n" for line in _LINES), encoding="utf-8")
    files = {"embed linguagen-en": "lines.npy"}
    commands: list[Words] = [["lg-run", "embed", "lines.txt", "-o", "lines.npy", "--threads", 1]]
    for model in MODELS:
        vectors, back = f"{model}.npy", f"{model}.back.npy"
        files |= {f"sample {model}": vectors, f"expand {model}": back}
        commands.append(["lg-run", "sample", "-n", 60, "--model", model, "-o", vectors])
        for kind in KINDS:
            codes = files[f"compress {model} {kind}"] = f"{model}.{kind}.npy"
            commands.append(["lg-run", "compress", vectors, "-m", model, "--to", kind, "-o", codes, "--threads", 1])
        commands.append(["lg-run", "expand", f"{model}.int8.npy", "-m", model, "--from", "int8", "-o", back])
    _run(folder, commands)
    return {name: _pin(np.load(folder / file)) for name, file in files.items()}


def trained(folder: Path, only: Collection[str] = ()) -> dict[str, dict[str, object]]:
    """The weights that short runs of each kind end with, as their float32 files hold them.

    Args:
        folder: an empty one to work in.
        only: names of the runs to make; none for all of them.
    """
    np.save(folder / "tiny.npy", tiny_vectors(600, seed=1))
    inputs = make_tiny_text_model.write_inputs(folder)
    text: Words = ["text", inputs["text"]]
    runs: dict[str, Words] = {
        "vectors": ["tiny.npy", *_TINY],
        "members": ["tiny.npy", *_TINY, "--members", 2],
        "half": ["tiny.npy", *_TINY, "--half", 1, "--layers", 2],
        "fit": ["corpus.npy", "--init", MODELS[0], "--steps", 20],
        "text": [*text, *_TEXT, "--targets", inputs["targets"], "--pairs", inputs["pairs"]],
        "text alone": [*text, *_TEXT, "--scored", inputs["scored"]],
        "text again": [*text, "--init", "runs/text-alone", "--steps", 10, "--batch", 32],
        "collection": [*text, "--init", "linguagen-en", "--collection", 16],
    }
    names = [name for name in runs if name in only or not only]
    commands: list[Words] = [["lg-run", "sample", "-n", 400, "-o", "corpus.npy", "--seed", 3]]
    for name in names:
        run = Path("runs") / name.replace(" ", "-")
        commands.append(["lg-train", *runs[name], "--out", run, "--threads", 1])
        commands.append(["lg-export", run, "-o", f"{name}.onnx"])
    _run(folder, commands)
    return {
        f"weights {name} {number}": _pin(weights)
        for name in names
        for number, weights in enumerate(_weights(folder / f"{name}.onnx"))
    }


def _weights(path: Path) -> list[np.ndarray]:
    """The float weights of a model file that training sets, in the order of the graph."""
    import onnx

    stored = [onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer]
    return [each for each in stored if each.dtype == np.float32 and each.ndim == 2]


def _pin(array: np.ndarray) -> dict[str, object]:
    flat = array.ravel()
    some = flat[:: max(1, len(flat) // 16)][:16]
    return {
        "sha256": hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest(),
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "some": [round(float(value), 4) for value in some],
    }


def _run(folder: Path, commands: list[Words]) -> None:
    """Run commands one after another in one process, since starting one takes longer than most of them."""
    program = """
import json, sys
from importlib.metadata import entry_points
mains = {each.name: each.load() for each in entry_points(group="console_scripts") if each.name.startswith("lg-")}
for words in json.load(sys.stdin):
    sys.argv = words
    try:
        mains[words[0]]()
    except SystemExit as end:
        if end.code:
            raise
"""
    _python(program, folder, json.dumps([list(map(str, words)) for words in commands]))


def _python(program: str, folder: Path, given: str = "") -> str:
    """Run a program on one thread in a folder, with text on its standard input; returns what it prints."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=folder, env=os.environ | single, capture_output=True, text=True, input=given)
    if done.returncode:
        raise RuntimeError(f"{given}\n{done.stderr}")
    return done.stdout


def main(only: Collection[str]) -> None:
    """Pin everything, or pin some runs again."""
    with tempfile.TemporaryDirectory() as folder:
        if only:
            document = json.loads(PINS.read_text(encoding="utf-8"))
            document["answers"] = {
                name: pin
                for name, pin in document["answers"].items()
                if name.rpartition(" ")[0] not in {f"weights {run}" for run in only}
            } | trained(Path(folder), only)
        else:
            document = {"machine": machine(), "answers": answers(Path(folder))}
    PINS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
