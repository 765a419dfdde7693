"""lg-run: the commands that measure and draw vectors (evaluate, sample); two more modules have the others."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import UsageError
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.commands.app import DeviceOption, JsonOption, ModelOption, ThreadsOption, app
from linguagen.runtime.commands.files import ColumnOption, warn_of_other_teacher
from linguagen.runtime.console import (
    fidelity_document,
    fidelity_table,
    format_table,
    print_json,
    progress,
    say,
)
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.measure.controls import PCA
from linguagen.runtime.measure.evaluation import evaluate as evaluate_model
from linguagen.runtime.measure.evaluation import evaluate_codes
from linguagen.runtime.measure.fidelity import NEIGHBOURS, Measured, difference_interval, recall_by_source
from linguagen.runtime.reading.origins import read_origins
from linguagen.runtime.reading.picking import read_rows
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.sample import write_sample


@app.command()
def evaluate(
    source: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="A file of vectors; NAME-source.npy beside it adds a table per source."),
    ],
    model: ModelOption = DEFAULT_MODEL,
    column: ColumnOption = None,
    neighbours: Annotated[int, typer.Option("--neighbours", "-k", min=1, help="The k of recall@k.")] = NEIGHBOURS,
    limit: Annotated[
        int,
        typer.Option("--rows", min=1, help="Measure on at most so many rows, drawn at random with a fixed seed."),
    ] = 20_000,
    budget: Annotated[
        int | None,
        typer.Option("--bytes", min=1, help="Compare the ways to write an embedding in so many bytes, float queries."),
    ] = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print how well a model keeps neighbours and cosines on your vectors, beside truncation and PCA.

    Example: lg-run evaluate vectors.npy --model text-embedding-ada-002
    """
    compressor = Compressor.load(model, device=device, threads=threads)
    vectors = open_vectors(source, compressor.manifest.input_dim, column)
    warn_of_other_teacher(compressor, vectors)
    sources = read_origins(source, vectors.rows_known)
    rows = read_rows(vectors, limit)
    if budget is not None:
        coded = evaluate_codes(compressor, rows.vectors, neighbours, budget)
        _print_codes(coded, neighbours, as_json)
        return
    with progress("measuring", 6) as advance:
        measured = evaluate_model(compressor, rows.vectors, neighbours, advance)
    kept = None if sources is None else sources[rows.numbers]
    if as_json:
        document = {"input": str(source), "rows": len(rows.numbers), "neighbours": neighbours}
        print_json(document | _fidelity_json(measured, kept))
        return
    every = "all" if vectors.rows_known is None else vectors.rows_known
    say(f"{len(rows.numbers)} of {every} vectors; PCA is fitted on the model's training vectors")
    typer.echo(fidelity_table([item.row for item in measured], neighbours))
    low, high = _above_pca(measured)
    typer.echo(f"recall above PCA: {100 * low:+.2f} to {100 * high:+.2f} points (95 % interval)")
    if kept is not None:
        typer.echo(f"\nrecall@{neighbours} by source\n{_source_table(measured, kept)}")


@app.command()
def sample(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the vectors go.")] = Path("vectors.npy"),
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many vectors.")] = 2000,
    model: ModelOption = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(help="The same seed gives the same vectors.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")] = False,
) -> None:
    """Draw synthetic vectors with the mean and spectrum of a model's teacher, to try the commands on.

    They carry no meaning: judge quality on vectors of your own.

    Example: lg-run sample -n 500000 -o big.npy
    """
    if output.exists() and not overwrite:
        raise UsageError(f"{output} exists; choose another name with -o, or pass --overwrite")
    with progress("drawing", rows) as advance:
        write_sample(output, rows, model, seed, advance)
    say(f"drew {rows} synthetic vectors from the mean and spectrum of {model}: they carry no meaning")
    typer.echo(output)


def _print_codes(coded: list[tuple[Codec, FidelityRow]], neighbours: int, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"kind": codec.kind, "dim": codec.dim, "bytes": codec.bytes_per_row, "recall": row.recall}
                for codec, row in coded
            ]
        )
        return
    body = [[f"{codec.dim} x {codec.kind}", str(codec.bytes_per_row), f"{row.recall:.3f}"] for codec, row in coded]
    typer.echo(format_table(["dimensions x kind", "bytes", f"recall@{neighbours}"], body))
    best = coded[0][0]
    say(f"best here: lg-run compress INPUT --dim {best.dim} --to {best.kind}")


def _above_pca(measured: list[Measured]) -> tuple[float, float]:
    """95 % interval of the model's recall less PCA's."""
    pca = next(item for item in measured if item.row.method == PCA)
    return difference_interval(measured[0].recall_per_vector, pca.recall_per_vector)


def _fidelity_json(measured: list[Measured], sources: npt.NDArray[np.integer] | None) -> dict[str, Any]:
    names = [item.row.method for item in measured]
    by_source = {} if sources is None else recall_by_source(measured, sources)
    return {
        "fidelity": fidelity_document([item.row for item in measured]),
        "recall_above_pca_95": _above_pca(measured),
        "recall_by_source": {str(key): dict(zip(names, values, strict=True)) for key, values in by_source.items()},
    }


def _source_table(measured: list[Measured], sources: npt.NDArray[np.integer]) -> str:
    body = [
        [str(key), str(int((sources == key).sum())), *(f"{value:.3f}" for value in values)]
        for key, values in recall_by_source(measured, sources).items()
    ]
    return format_table(["source", "rows", *(item.row.method for item in measured)], body)
