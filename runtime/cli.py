"""lg-run: compress, evaluate, bench, info, models, sample."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from linguagen.models.catalogue import DEFAULT_MODEL, find_model, shipped_models
from linguagen.models.errors import UsageError
from linguagen.runtime import bench as benchmark
from linguagen.runtime.compressor import Compressor
from linguagen.runtime.controls import PCA
from linguagen.runtime.evaluate import evaluate as evaluate_model
from linguagen.runtime.evaluate import read_rows, read_sources
from linguagen.runtime.fidelity import NEIGHBOURS, difference_interval, recall_by_source
from linguagen.runtime.formats import VectorFile, open_vectors
from linguagen.runtime.sample import write_sample
from linguagen.runtime.streaming import compress_file, default_output
from linguagen.runtime.teacher import mismatch_warning
from linguagen.runtime.terminal import (
    JSON_HELP,
    fidelity_document,
    fidelity_table,
    format_table,
    new_app,
    print_json,
    progress,
    run_app,
    say,
)

app = new_app("Compress embedding vectors with a LinguaGEN model: numpy and onnxruntime, no network.")

ModelOption = Annotated[str, typer.Option("--model", "-m", help="A shipped model's name (lg-run models) or a file that lg-export wrote.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda; auto takes CUDA where onnxruntime has it.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="CPU threads; by default the cores this process may use.")]
JsonOption = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
_TEACHER_ROWS = 256


@app.command()
def compress(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A .npy file of vectors, float16/32/64, shape (rows, width).")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the embeddings go; by default vectors.npy becomes vectors.256.npy.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Compress a file of vectors to a .npy file of float32 embeddings of length 1.

    The input is read in windows and the output appears only when it is whole, so files of any size work.

    Example: lg-run compress vectors.npy -o small.npy
    """
    compressor = Compressor.load(model, device=device, threads=threads)
    vectors = open_vectors(source, compressor.manifest.input_dim)
    _warn_of_other_teacher(compressor, vectors)
    target = output or default_output(source, compressor.manifest.output_dim)
    with progress("compressing", len(vectors)) as advance:
        report = compress_file(compressor, vectors, target, advance)
    if report.scaled_rows:
        say(f"note: {report.scaled_rows} rows were not of length 1; they were scaled to it, since only direction counts")
    say(
        f"{report.rows} x {vectors.width} -> {report.rows} x {compressor.manifest.output_dim}, "
        f"{_megabytes(report.bytes_before)} -> {_megabytes(report.bytes_after)}, model {compressor.manifest.name}"
    )
    typer.echo(target)


@app.command()
def evaluate(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A .npy file of vectors; NAME-source.npy beside it adds a table per source.")],
    model: ModelOption = DEFAULT_MODEL,
    neighbours: Annotated[int, typer.Option("--neighbours", "-k", min=1, help="The k of recall@k.")] = NEIGHBOURS,
    limit: Annotated[int, typer.Option("--rows", min=1, help="Measure on at most so many rows, drawn at random with a fixed seed.")] = 20_000,
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
    with progress("measuring", 6) as advance:
        measured = evaluate_model(compressor, rows.vectors, neighbours, advance)
    pca = next(item for item in measured if item.row.method == PCA)
    low, high = difference_interval(measured[0].recall_per_vector, pca.recall_per_vector)
    by_source = {} if sources is None else recall_by_source(measured, sources[rows.numbers])
    if as_json:
        print_json(
            {
                "input": str(source),
                "rows": len(rows.numbers),
                "neighbours": neighbours,
                "fidelity": fidelity_document([item.row for item in measured]),
                "recall_above_pca_95": [low, high],
                "recall_by_source": {str(key): dict(zip((item.row.method for item in measured), value, strict=True)) for key, value in by_source.items()},
            }
        )
        return
    say(f"{len(rows.numbers)} of {len(vectors)} vectors; PCA and softened PCA are fitted on the model's training vectors")
    typer.echo(fidelity_table([item.row for item in measured], neighbours))
    typer.echo(f"recall above PCA: {100 * low:+.2f} to {100 * high:+.2f} points (95 % interval)")
    if by_source:
        header = ["source", "rows", *(item.row.method for item in measured)]
        body = [[str(key), str(int((sources[rows.numbers] == key).sum())), *(f"{value:.3f}" for value in values)] for key, values in by_source.items()]  # type: ignore[index]
        typer.echo(f"\nrecall@{neighbours} by source\n{format_table(header, body)}")


@app.command()
def bench(
    model: ModelOption = DEFAULT_MODEL,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long to measure each batch size.")] = 2.0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time a model on this machine at several batch sizes, beside numpy's matrix product on the same rows.

    Example: lg-run bench --threads 2
    """
    compressor = Compressor.load(model, device=device, threads=threads)
    rows = []
    with progress("timing", len(benchmark.BATCHES)) as advance:
        for batch in benchmark.BATCHES:
            rows.append(benchmark.bench(compressor, batch, seconds))
            advance(1)
    if as_json:
        print_json({"model": compressor.manifest.name, "device": compressor.device, "batches": [asdict(row) for row in rows]})
        return
    header = ["batch", "median us", "p99 us", "rows/s", "numpy rows/s", "ratio"]
    body = [
        [
            str(row.batch),
            f"{row.median_us:.0f}",
            f"{row.p99_us:.0f}",
            f"{row.rows_per_second:.0f}",
            f"{row.numpy_rows_per_second:.0f}",
            f"{row.rows_per_second / row.numpy_rows_per_second:.2f}",
        ]
        for row in rows
    ]
    typer.echo(format_table(header, body))


@app.command()
def info(
    model: Annotated[str, typer.Argument(help="A shipped model's name or a file that lg-export wrote.")] = DEFAULT_MODEL,
    as_json: JsonOption = False,
) -> None:
    """Print what a model file says about itself: dimensions, training, calibration, fidelity.

    Example: lg-run info text-embedding-ada-002
    """
    path = find_model(model)
    manifest = Compressor.load(path, device="cpu", threads=1).manifest
    facts = {
        "name": manifest.name,
        "teacher": manifest.teacher,
        "dimensions": f"{manifest.input_dim} -> {manifest.output_dim}",
        "precision": manifest.precision,
        "file": str(path),
        "bytes": path.stat().st_size,
        "training": dict(manifest.training),
        "calibration": dict(manifest.calibration),
        "parity": dict(manifest.parity),
    }
    if as_json:
        print_json({**facts, "fidelity": fidelity_document(manifest.fidelity), "fidelity_set": manifest.fidelity_set})
        return
    for name, value in facts.items():
        typer.echo(f"{name + ':':<13}{_plain(value)}")
    if manifest.fidelity:
        typer.echo(f"\nfidelity on {manifest.fidelity_set}\n{fidelity_table(manifest.fidelity, NEIGHBOURS)}")


@app.command()
def models(as_json: JsonOption = False) -> None:
    """List the models that ship with the package.

    Example: lg-run models
    """
    found = [(name, path, Compressor.load(path, device="cpu", threads=1).manifest) for name, path in shipped_models().items()]
    recall = {name: manifest.fidelity[0].recall if manifest.fidelity else None for name, _, manifest in found}
    if as_json:
        print_json([{"name": name, "teacher": manifest.teacher, "input_dim": manifest.input_dim, "output_dim": manifest.output_dim, "precision": manifest.precision, "bytes": path.stat().st_size, "recall": recall[name]} for name, path, manifest in found])
        return
    body = [
        [
            name,
            f"{manifest.input_dim} -> {manifest.output_dim}",
            manifest.precision,
            _megabytes(path.stat().st_size),
            "-" if recall[name] is None else f"{recall[name]:.3f}",
        ]
        for name, path, manifest in found
    ]
    typer.echo(format_table(["model", "dimensions", "precision", "size", f"recall@{NEIGHBOURS}"], body))


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
    numbers = np.linspace(0, len(vectors) - 1, count).astype(np.intp)
    rows = np.asarray(vectors.mapped()[numbers], dtype=np.float32)
    usable = rows[np.isfinite(rows).all(axis=1) & (rows != 0).any(axis=1)]  # bad rows are refused later, by number
    warning = mismatch_warning(compressor.manifest, usable) if len(usable) else None
    if warning:
        say(f"warning: {warning}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _plain(value: object) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


def main() -> None:
    """Entry point of `lg-run`."""
    run_app(app)
