"""lg-run evaluate and sample: how well a model keeps vectors, and vectors to try it on."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from linguagen.models.catalogue import DEFAULT_MODEL, model_for_bytes
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.commands.files import warn_of_other_teacher
from linguagen.runtime.commands.options import (
    ColumnOption,
    DeviceOption,
    JsonOption,
    ModelOption,
    OverwriteOption,
    ThreadsOption,
)
from linguagen.runtime.console import (
    fidelity_document,
    fidelity_table,
    format_table,
    print_json,
    printable,
    progress,
    say,
    show,
)
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.measure.controls import PCA
from linguagen.runtime.measure.evaluation import evaluate as evaluate_model
from linguagen.runtime.measure.evaluation import evaluate_codes
from linguagen.runtime.measure.fidelity import NEIGHBOURS, Measured, difference_interval, recall_by_origin
from linguagen.runtime.reading.origins import read_origins
from linguagen.runtime.reading.picking import read_rows
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.sample import write_sample
from linguagen.runtime.writing.whole_file import refuse_existing

Origins = npt.NDArray[np.integer]

LimitOption = Annotated[
    int, typer.Option("--rows", min=1, help="Rows to measure on, at most; drawn at random with a fixed seed.")
]
BudgetOption = Annotated[
    int | None,
    typer.Option("--bytes", min=1, help="Compare the ways to write an embedding in this many bytes, float queries."),
]


def evaluate(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A file of vectors; if NAME-source.npy has the origin of every row, also by origin.",
        ),
    ],
    model: ModelOption = DEFAULT_MODEL,
    column: ColumnOption = None,
    neighbours: Annotated[int, typer.Option("--neighbours", "-k", min=1, help="The k of recall@k.")] = NEIGHBOURS,
    limit: LimitOption = 20_000,
    budget: BudgetOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on vectors of your own.

    Prints how well it keeps neighbours and cosines, compared with truncation and PCA. With --bytes, prints instead
    the recall of every way to write an embedding in that many bytes.

    Example: lg-run evaluate vectors.npy --model text-embedding-ada-002

    Example: lg-run evaluate vectors.npy --bytes 128
    """
    compressor = Compressor.load(model, device=device, threads=threads)
    vectors = open_vectors(path, compressor.manifest.input_dim, column)
    warn_of_other_teacher(compressor, vectors)
    origins = read_origins(path, vectors.rows_known)
    rows = read_rows(vectors, limit)
    if budget is not None:
        name = model_for_bytes(model)
        whole = None if name == model else Compressor.load(name, device=device, threads=threads)
        coded = evaluate_codes(compressor, rows.vectors, neighbours, budget, whole)
        _print_codes(coded, path, model, neighbours, as_json)
        return
    with progress("measuring", 6) as advance:
        measured = evaluate_model(compressor, rows.vectors, neighbours, advance)
    kept = None if origins is None else origins[rows.numbers]
    if as_json:
        document = {"input": str(path), "rows": len(rows.numbers), "neighbours": neighbours}
        print_json(document | _fidelity_json(measured, kept))
        return
    total = "all" if vectors.rows_known is None else vectors.rows_known
    say(f"{len(rows.numbers)} of {total} vectors; PCA is fitted on the model's training vectors")
    _print_fidelity(measured, neighbours, kept)


def sample(
    output: Annotated[Path, typer.Option("--output", "-o", help="File for the vectors (.npy).")] = Path("vectors.npy"),
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many vectors to draw.")] = 2000,
    model: ModelOption = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same vectors.")] = 0,
    overwrite: OverwriteOption = False,
) -> None:
    """Draw synthetic vectors to try the commands on.

    They look like those of the model's teacher but carry no meaning: judge quality on vectors of your own.

    Example: lg-run sample -n 500000 -o big.npy
    """
    refuse_existing(output, overwrite)
    with progress("drawing", rows) as advance:
        write_sample(output, rows, model, seed, advance)
    say(f"drew {rows} synthetic vectors like those that {model} was trained on: they carry no meaning")
    say(f"next: lg-run compress {output}" + ("" if model == DEFAULT_MODEL else f" --model {model}"))
    show(printable(str(output)))


def _print_codes(
    coded: list[tuple[Codec | TrellisCodec, FidelityRow]], path: Path, model: str, neighbours: int, as_json: bool
) -> None:
    """Print the recall of every codec, the best first, and the command that uses the best."""
    if as_json:
        print_json(
            [
                {"kind": codec.kind, "dim": codec.dim, "bytes": codec.bytes_per_row, "recall": row.recall}
                for codec, row in coded
            ]
        )
        return
    body = [[f"{codec.dim} x {codec.kind}", str(codec.bytes_per_row), f"{row.recall:.3f}"] for codec, row in coded]
    show(format_table(["dimensions x kind", "bytes", f"recall@{neighbours}"], body))
    best = coded[0][0]
    form = f"--bytes {best.bytes_per_row}" if isinstance(best, TrellisCodec) else f"--dim {best.dim} --to {best.kind}"
    say(f"next: lg-run compress {path} {form}" + ("" if model == DEFAULT_MODEL else f" --model {model}"))


def _print_fidelity(measured: list[Measured], neighbours: int, origins: Origins | None) -> None:
    """Print the tables of a model and its controls.

    Args:
        measured: the model first, then its controls.
        neighbours: the k of recall@k.
        origins: (rows,) origin of every row; None if they are not known.
    """
    show(fidelity_table([item.row for item in measured], neighbours))
    low, high = _above_pca(measured)
    show(f"recall above PCA: {100 * low:+.2f} to {100 * high:+.2f} points (95 % interval)")
    if origins is not None:
        show(f"\nrecall@{neighbours} by origin\n{_origin_table(measured, origins)}")


def _above_pca(measured: list[Measured]) -> tuple[float, float]:
    """The 95 % interval of the model's recall minus PCA's."""
    pca = next(item for item in measured if item.row.method == PCA)
    return difference_interval(measured[0].recall_per_vector, pca.recall_per_vector)


def _fidelity_json(measured: list[Measured], origins: Origins | None) -> dict[str, Any]:
    """What `_print_fidelity` prints, for `--json`; takes the same arguments."""
    names = [item.row.method for item in measured]
    by_origin = {} if origins is None else recall_by_origin(measured, origins)
    return {
        "fidelity": fidelity_document([item.row for item in measured]),
        "recall_above_pca_95": _above_pca(measured),
        "recall_by_origin": {str(key): dict(zip(names, values, strict=True)) for key, values in by_origin.items()},
    }


def _origin_table(measured: list[Measured], origins: Origins) -> str:
    """The recall of every method, one line per origin; `origins` is (rows,)."""
    body = [
        [str(key), str(int((origins == key).sum())), *(f"{value:.3f}" for value in values)]
        for key, values in recall_by_origin(measured, origins).items()
    ]
    return format_table(["origin", "rows", *(item.row.method for item in measured)], body)
