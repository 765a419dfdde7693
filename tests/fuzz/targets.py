"""Every parser of ours, as a function of bytes that may end well or in a LinguaGenError, and in nothing else."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from linguagen.models.errors import LinguaGenError
from linguagen.models.manifests.decoder import DecoderManifest
from linguagen.models.manifests.text import TextManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.onnx_file import read_onnx
from linguagen.runtime.encoders.text_sources import open_texts
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.staging import Staging

_FOLDER = Path(tempfile.mkdtemp(prefix="linguagen-fuzz-"))
WIDTH = 4


def as_file(name: str) -> Callable[[bytes], None]:
    """Open the bytes as a file of this name and read it through."""

    def read(data: bytes) -> None:
        path = _FOLDER / name
        path.write_bytes(data)
        for _, rows in open_vectors(path, WIDTH).chunks(64):
            assert rows.shape[1] == WIDTH
            if rows.nbytes > 1 << 26:
                break  # a small file of many empty promises: each window of it is small too

    return read


def as_texts(name: str) -> Callable[[bytes], None]:
    """Open the bytes as a file of texts and read it through."""

    def read(data: bytes) -> None:
        path = _FOLDER / name
        path.write_bytes(data)
        for _, window in open_texts(path).windows(64):
            assert all(isinstance(text, str) for text in window()[:, 0])

    return read


def as_model(data: bytes) -> None:
    path = _FOLDER / "m.onnx"
    path.write_bytes(data)
    read_onnx(path)


def as_manifest(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for kind in (Manifest, DecoderManifest, TextManifest):
        try:
            kind.from_json(text, "fuzz")
        except LinguaGenError:
            continue


def as_journal(data: bytes) -> None:
    output = _FOLDER / "o.npy"
    (_FOLDER / ".o.npy.partial").write_bytes(bytes(100))
    (_FOLDER / ".o.npy.partial.json").write_bytes(data)
    with Staging(output, 4, 0, {"input": "x"}, resume=True):
        pass


TARGETS: dict[str, Callable[[bytes], None]] = {
    "npy": as_file("v.npy"),
    "npz": as_file("v.npz"),
    "fvecs": as_file("v.fvecs"),
    "fbin": as_file("v.fbin"),
    "jsonl": as_file("v.jsonl"),
    "json": as_file("v.json"),
    "json-list": as_file("v.json"),
    "csv": as_file("v.csv"),
    "csv-numbers": as_file("v.csv"),
    "text-lines": as_texts("t.txt"),
    "text-jsonl": as_texts("t.jsonl"),
    "text-csv": as_texts("t.csv"),
    "onnx": as_model,
    "manifest": as_manifest,
    "journal": as_journal,
}


def run_target(name: str, data: bytes) -> None:
    """Run one target on one input; errors of ours are what it should end in."""
    try:
        with np.errstate(all="ignore"):
            TARGETS[name](data)
    except LinguaGenError:
        pass
