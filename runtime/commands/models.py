"""lg-run bench, info and models: what models there are, what is in them and how fast they run here."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from linguagen.models.catalogue import (
    DEFAULT_MODEL,
    announced_models,
    find_model,
    shipped_models,
)
from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.tagger import TaggerManifest
from linguagen.models.manifests.text import TextManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import CheckedFile, TaggerFile, TextFile, read_any_file
from linguagen.runtime.commands.options import DeviceOption, JsonOption, ModelOption, ThreadsOption
from linguagen.runtime.console import (
    fidelity_document,
    fidelity_table,
    format_table,
    megabytes,
    print_json,
    printable,
    progress,
    say,
    show,
    tagger_figures_table,
    text_figures_table,
)
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.index.container import Container
from linguagen.runtime.index.database import is_database
from linguagen.runtime.index.flat import FLAT, Flat
from linguagen.runtime.measure import speed as benchmark
from linguagen.runtime.measure.fidelity import NEIGHBOURS


def bench(
    model: ModelOption = DEFAULT_MODEL,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long to measure each batch size.")] = 2.0,
    rows: Annotated[
        int, typer.Option(min=0, help="Rows, 6 KB each, of the larger of two files to compress; 0 for no files.")
    ] = 50_000,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time a model on this machine.

    It is compared with a bare linear int8 layer and with numpy's matrix product. The int8 layer is the control: in its
    column, 0.5 means half as many rows per second. Files are compressed in processes of their own and compared with
    bare onnxruntime calls on rows in memory.

    Example: lg-run bench --threads 2
    """
    compressor = Compressor.load(model, device=device, threads=threads)
    sizes = [max(1, rows // 5), rows] if rows else []
    with progress("timing", len(benchmark.BATCHES) + 1 + sum(sizes)) as advance:
        batches = []
        for batch in benchmark.BATCHES:
            batches.append(benchmark.bench(compressor, batch, seconds, threads))
            advance(1)
        start = benchmark.bench_startup(model)
        advance(1)
        files = [benchmark.bench_file(model, size, threads, advance) for size in sizes]
    if as_json:
        document = {"model": compressor.manifest.name, "device": compressor.device, "start": asdict(start)}
        print_json(document | {"batches": [asdict(row) for row in batches], "files": [asdict(row) for row in files]})
        return
    show(_bench_tables(batches, files))
    show(
        f"import linguagen.runtime: {start.import_seconds:.2f} s; "
        f"from the start of a process to its first vector: {start.first_vector_seconds:.2f} s"
    )


def _bench_tables(batches: list[benchmark.BenchRow], files: list[benchmark.FileRow]) -> str:
    """The table of batch sizes, and that of files if any were compressed."""
    header = ["batch", "median us", "p99 us", "rows/s", "of control", "of numpy", "above session us"]
    body = [
        [
            str(row.batch),
            f"{row.median_us:.0f}",
            f"{row.p99_us:.0f}",
            f"{row.rows_per_second:.0f}",
            f"{row.control_ratio:.2f}",
            f"{row.numpy_ratio:.2f}",
            f"{row.overhead_us:.0f}",
        ]
        for row in batches
    ]
    text = format_table(header, body) + "\n"
    if files:
        lines = [
            [str(row.rows), f"{row.rows_per_second:.0f}", f"{row.session_ratio:.2f}", f"{row.peak_mb:.0f}"]
            for row in files
        ]
        text += "\n" + format_table(["rows in a file", "rows/s", "of session", "peak MB"], lines) + "\n"
    return text


def info(
    model: Annotated[
        str,
        typer.Argument(help="A shipped model's name, a file that lg-export wrote, or an index."),
    ] = DEFAULT_MODEL,
    as_json: JsonOption = False,
) -> None:
    """Print what a model or an index says about itself.

    Of a model that is its dimensions, operators, training, calibration and fidelity; of an index its rows, its columns
    and the model that made it.

    Example: lg-run info text-embedding-ada-002
    """
    if is_database(Path(model)) or Path(model).suffix == FLAT:
        facts, figures, table = _index_info(Path(model))
    else:
        path = find_model(model)
        file = read_any_file(path)
        if isinstance(file, TaggerFile):
            facts, figures, table = _tagger_info(path, file)
        else:
            facts, figures, table = _text_info(path, file) if isinstance(file, TextFile) else _vector_info(path, file)
    if as_json:
        print_json({**facts, **figures})
        return
    for name, value in facts.items():
        show(f"{name + ':':<13}{printable(_plain(value))}")
    if table:
        show(f"\n{table}")


_Info = tuple[dict[str, object], dict[str, object], str]
"""Facts by name, figures for `--json`, and the same figures as a table."""


def _vector_info(path: Path, file: CheckedFile[Manifest]) -> _Info:
    """What `lg-run info` shows of a model for vectors."""
    manifest = file.manifest
    facts: dict[str, object] = {
        "name": manifest.name,
        "teacher": manifest.teacher,
        "dimensions": f"{manifest.input_dim} -> {manifest.output_dim}",
        "precision": manifest.precision,
        **_file_facts(path, file.operators),
        "training": dict(manifest.training),
        "calibration": dict(manifest.calibration),
        "parity": dict(manifest.parity),
    }
    rows, where = manifest.fidelity, manifest.fidelity_set
    figures: dict[str, object] = {"fidelity": fidelity_document(rows), "fidelity_set": where}
    return facts, figures, f"fidelity on {printable(where)}\n{fidelity_table(rows, NEIGHBOURS)}" if rows else ""


def _text_info(path: Path, file: TextFile) -> _Info:
    """What `lg-run info` shows of a text model."""
    manifest = file.manifest
    facts: dict[str, object] = {
        "name": manifest.name,
        "teacher": manifest.teacher or "none",
        "dimensions": f"text -> {manifest.output_dim}",
        "pieces": manifest.pieces,
        "precision": manifest.precision,
        **_file_facts(path, file.operators),
        "training": dict(manifest.training),
        "parity": dict(manifest.parity),
    }
    return facts, {"figures": [asdict(each) for each in manifest.figures]}, text_figures_table(manifest.figures)


def _tagger_info(path: Path, file: TaggerFile) -> _Info:
    """What `lg-run info` shows of a tagger."""
    manifest = file.manifest
    facts: dict[str, object] = {
        "name": manifest.name,
        "labels": " ".join(manifest.labels),
        "precision": manifest.precision,
        **_file_facts(path, file.operators),
        "training": dict(manifest.training),
        "parity": dict(manifest.parity),
    }
    return facts, {"figures": [asdict(each) for each in manifest.figures]}, tagger_figures_table(manifest.figures)


def _index_info(path: Path) -> _Info:
    """What `lg-run info` shows of an index."""
    container = Flat(path) if path.suffix == FLAT else Container.open(path)
    about, rows, columns = container.about, len(container.stored().numbers), list(container.documents.types)
    container.close()
    facts: dict[str, object] = {
        "file": str(path),
        "bytes": path.stat().st_size,
        "rows": rows,
        "columns": ", ".join(columns),
        "ids": about.id_column,
        "texts": about.text_column or "none",
        "codes": f"{about.bytes_per_row} bytes each, {about.maker.dim} dimensions as {about.maker.kind}",
        "model": about.maker.model,
        "sha256": about.maker.sha256,
    }
    return facts, {}, ""


def _file_facts(path: Path, operators: Sequence[str]) -> dict[str, object]:
    """Facts about the file itself: where it is, its size and the operators of its graph."""
    return {"file": str(path), "bytes": path.stat().st_size, "operators": " ".join(operators) + ", opset 18"}


def models(as_json: JsonOption = False) -> None:
    """List the installed models.

    The recall of a model is that on vectors held out of its own training, as its manifest says.

    Example: lg-run models
    """
    announced = announced_models()
    paths = shipped_models() | announced.paths
    rows, problems = [], list(announced.problems.values())
    for name, path in paths.items():
        try:
            rows.append(_listed(name, path, read_any_file(path).manifest))
        except ModelFileError as error:  # one damaged file hides no other model
            problems.append(str(error))
    for problem in problems:
        say(problem)
    if as_json:
        print_json(rows)
        return
    body = [
        [
            row["name"],
            f"{row['input_dim'] or 'text'} -> {row['output_dim']}",
            row["precision"],
            megabytes(row["bytes"]),
            "-" if row["recall"] is None else f"{row['recall']:.3f}",
            row["measured_on"] or "-",
        ]
        for row in rows
    ]
    header = ["model", "dimensions", "precision", "size", f"recall@{NEIGHBOURS}", "measured on"]
    show(format_table(header, body))


def _listed(name: str, path: Path, manifest: Manifest | TextManifest | TaggerManifest) -> dict[str, Any]:
    """A model's line of the list; a text model and a tagger have no input width and no recall."""
    of_vectors = manifest if isinstance(manifest, Manifest) else None
    return {
        "name": name,
        "teacher": manifest.teacher,
        "input_dim": of_vectors.input_dim if of_vectors else None,
        "output_dim": manifest.output_dim,
        "precision": manifest.precision,
        "bytes": path.stat().st_size,
        "recall": of_vectors.fidelity[0].recall if of_vectors and of_vectors.fidelity else None,
        "measured_on": of_vectors.fidelity_set if of_vectors and of_vectors.fidelity else None,
    }


def _plain(value: object) -> str:
    """A fact of a manifest as one line of text."""
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
