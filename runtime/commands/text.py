"""lg-run evaluate-text: compare a text model with people's scores."""

from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL
from linguagen.runtime.commands.options import DeviceOption, JsonOption, TextModelOption, ThreadsOption
from linguagen.runtime.console import format_table, print_json, show
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.measure.scores import cosines, spearman
from linguagen.runtime.text.lines import read_scored


def evaluate_text(
    pairs: Annotated[list[Path], typer.Argument(metavar="PAIRS...", help="CSV files with rows of text, text, score.")],
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare cosines with people's scores.

    Prints Spearman's rank correlation of the cosines of pairs of texts with the scores that people gave them.

    The whole comparison with other encoders is in docs/results/text.md.

    Example: lg-run evaluate-text stsb-test.csv
    """
    encoder = TextEncoder.load(model, device=device, threads=threads)
    figures = [_correlation(encoder, path) for path in pairs]
    if as_json:
        print_json([{"file": path, "pairs": count, "spearman": rho} for path, count, rho in figures])
        return
    body = [[path, str(count), f"{rho:.3f}"] for path, count, rho in figures]
    show(format_table(["file", "pairs", "Spearman"], body))


def _correlation(encoder: TextEncoder, path: Path) -> tuple[str, int, float]:
    """A file's name, its number of pairs, and Spearman's correlation of cosines with its scores."""
    first, second, scores = read_scored(path)
    return str(path), len(scores), spearman(cosines(encoder.embed(first), encoder.embed(second)), scores)
