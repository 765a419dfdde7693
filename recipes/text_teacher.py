"""Vectors of all-MiniLM-L6-v2 for every line of a corpus, for `lg-train text ... --targets`.

    python tests/benchmarks/text_teacher.py CORPUS OUT.npy

It goes on where it was stopped: finished blocks lie beside the output until all are there.
"""

from pathlib import Path

import numpy as np
import typer
from sentence_transformers import SentenceTransformer
from text_peers import mini_lm_folder

from linguagen.runtime.console import progress
from linguagen.runtime.reading.array_files import NpyWriter
from linguagen.runtime.text.lines import line_blocks, numbered_lines

_BLOCK_TEXTS = 10_000
_LONGEST = 128  # tokens


def main(corpus: Path, output: Path) -> None:
    """Write one float16 row of 384 numbers a line."""
    model = SentenceTransformer(str(mini_lm_folder()), device="cpu")
    model.max_seq_length = _LONGEST
    blocks = output.with_suffix(".blocks")
    blocks.mkdir(exist_ok=True)
    lines = sum(1 for _ in numbered_lines(corpus))
    paths = []
    with progress("teaching", lines) as advance:
        for first, texts in line_blocks(corpus, _BLOCK_TEXTS):
            paths.append(blocks / f"{first}.npy")
            if not paths[-1].exists():
                rows = model.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
                with NpyWriter(paths[-1], len(rows), rows.shape[1], "<f2") as writer:
                    writer.write(rows)
            advance(len(texts))
    with NpyWriter(output, lines, 384, "<f2") as writer:
        for path in paths:
            writer.write(np.load(path))
    for path in paths:
        path.unlink()
    blocks.rmdir()


if __name__ == "__main__":
    typer.run(main)
