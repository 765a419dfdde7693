"""lg-run: the commands that work on files (compress, evaluate, sample); cli_models has those that look at a model."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import UsageError
from linguagen.models.manifest import FidelityRow
from linguagen.runtime.cli_models import DeviceOption, JsonOption, ModelOption, ThreadsOption, app, megabytes
from linguagen.runtime.codes import KINDS, Codec
from linguagen.runtime.compressor import Compressor
from linguagen.runtime.controls import PCA
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.evaluate import evaluate as evaluate_model
from linguagen.runtime.evaluate import evaluate_codes, read_rows, read_sources
from linguagen.runtime.fidelity import NEIGHBOURS, Measured, difference_interval, recall_by_source
from linguagen.runtime.formats import VectorFile, open_vectors
from linguagen.runtime.sample import write_sample
from linguagen.runtime.streaming import compress_file, default_output
from linguagen.runtime.teacher import mismatch_warning
from linguagen.runtime.terminal import (
    fidelity_document,
    fidelity_table,
    format_table,
    print_json,
    progress,
    run_app,
    say,
)

_TEACHER_ROWS = 256


@app.command()
def compress(
    source: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="A .npy file of vectors, float16/32/64, shape (rows, width)."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the embeddings go; by default vectors.npy becomes vectors.256.npy."),
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    to: Annotated[str, typer.Option(help=f"How embeddings are written: {', '.join(KINDS)}.")] = "float32",
    dim: Annotated[
        int | None, typer.Option(help="Keep only so many leading dimensions, scaled to length 1 again.")
    ] = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Compress a file of vectors to a .npy file of embeddings, by default float32 of length 1.

    The input is read in windows and the output appears only when it is whole, so files of any size work.

    Example: lg-run compress vectors.npy --to int8 -o small.npy
    """
    workers = threads or usable_cores()
    compressor = Compressor.load(model, device=device, threads=1)
    codec = compressor.codec(to, dim)
    vectors = open_vectors(source, compressor.manifest.input_dim)
    _warn_of_other_teacher(compressor, vectors)
    target = output or default_output(source, codec)
    with progress("compressing", len(vectors)) as advance:
        report = compress_file(compressor, vectors, target, codec, advance, workers)
    if report.scaled_rows:
        say(
            f"note: {report.scaled_rows} rows were not of length 1; they were scaled to it, since only direction counts"
        )
    say(
        f"{report.rows} x {vectors.width} -> {report.rows} x {codec.dim} as {codec.kind}, "
        f"{megabytes(report.bytes_before)} -> {megabytes(report.bytes_after)}, model {compressor.manifest.name}"
    )
    typer.echo(target)


@app.command()
def evaluate(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="A .npy file of vectors; NAME-source.npy beside it adds a table per source."
        ),
    ],
    model: ModelOption = DEFAULT_MODEL,
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
    vectors = open_vectors(source, compressor.manifest.input_dim)
    _warn_of_other_teacher(compressor, vectors)
    sources = read_sources(source, len(vectors))
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
    say(f"{len(rows.numbers)} of {len(vectors)} vectors; PCA is fitted on the model's training vectors")
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


def _warn_of_other_teacher(compressor: Compressor, vectors: VectorFile) -> None:
    """Look at a few rows spread over the file, before hours are spent on the wrong model."""
    count = min(len(vectors), _TEACHER_ROWS)
    if count == 0:
        return
    numbers = np.linspace(0, len(vectors) - 1, count).astype(int).tolist()
    # One window at a time: mapping the whole file would count every page that the kernel reads ahead as ours.
    rows = np.concatenate([np.asarray(vectors.rows(number, number + 1), dtype=np.float32) for number in numbers])
    usable = rows[np.isfinite(rows).all(axis=1) & (rows != 0).any(axis=1)]  # bad rows are refused later, by number
    warning = mismatch_warning(compressor.manifest, usable) if len(usable) else None
    if warning:
        say(f"warning: {warning}")


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


def main() -> None:
    """Entry point of `lg-run`."""
    run_app(app)
