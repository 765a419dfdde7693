"""lg-export: write a trained run as one ONNX file, or a vector model for the C library."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from linguagen.export.c.writer import ENDINGS, check_table_output, export_table, summarise_table
from linguagen.export.request import ExportRequest
from linguagen.models.catalogue import find_model
from linguagen.models.errors import MissingExtraError, UsageError
from linguagen.runtime.console import JSON_HELP, new_app, print_json, printable, run_app, say, show, version_option
from linguagen.train.run.options import with_settings

app = new_app("Write a trained encoder as one self-describing ONNX file.")


@app.command()
@with_settings(ExportRequest)
def command(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="A run's folder, by default the latest below runs/; for table and header also a model's name or file."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write; by default RUN/NAME.PRECISION.onnx."),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", help="onnx; or for the C library: table (.lgt), header (.h, C arrays)."),
    ] = "onnx",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
    version: Annotated[bool, version_option("lg-export")] = False,  # noqa: ARG001
    **settings: Any,
) -> None:
    """Write a trained encoder as one ONNX file, after checking that it does what the encoder does.

    Example: lg-export runs/vectors --quantize int8 --decoder -o vectors.onnx
    """
    request = ExportRequest(**settings)
    if form not in ("onnx", *ENDINGS):
        raise UsageError(f"--format is {form!r}, expected onnx, {' or '.join(ENDINGS)}")
    exported: Any
    if form == "onnx":
        exported, lines = _export_run(run, request, output, overwrite)
    else:
        exported = _export_table(run, request, form, output, overwrite)
        lines = summarise_table(exported)
    if as_json:
        print_json(exported.document())
        return
    for line in lines:
        say(line)
    show(printable(str(exported.path)))


def _export_run(
    run: Path | None, request: ExportRequest, output: Path | None, overwrite: bool
) -> tuple[Any, list[str]]:
    """Write a run, by default the latest, as an ONNX file; returns what was written, and lines about it."""
    finished, folder = _finished(run)
    from linguagen.export.kinds import export_run, summarise

    path = output or folder / f"{finished.name}.{request.precision}.onnx"
    exported = export_run(finished, request, path, overwrite)
    return exported, summarise(finished, exported)


def _export_table(run: Path | None, request: ExportRequest, form: str, output: Path | None, overwrite: bool) -> Any:
    """Write a run or a finished model for C; a run is exported and checked as an ONNX file first.

    Raises:
        UsageError: options for a run with a finished model, or the output cannot be written.
    """
    if run is not None and not run.is_dir():
        if request != ExportRequest():
            raise UsageError(f"{run} is a finished model, so --format {form} takes no other options; leave them out")
        model = find_model(run)
        path = output or Path(f"{model.stem}{ENDINGS[form]}")
        check_table_output(path, form, overwrite)
        return export_table(model, form, path)
    finished, folder = _finished(run)
    path = output or folder / f"{finished.name}.{request.precision}{ENDINGS[form]}"
    check_table_output(path, form, overwrite)
    from linguagen.export.kinds import export_run

    with TemporaryDirectory() as temporary:
        file = Path(temporary) / f"{finished.name}.onnx"
        export_run(finished, request, file)
        return export_table(file, form, path)


def _finished(run: Path | None) -> tuple[Any, Path]:
    """A finished run, by default the latest, and its folder.

    Raises:
        MissingExtraError: torch or onnx is not installed.
    """
    try:
        import onnx  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError.of("lg-export needs torch and onnx", error, "torch", "onnx") from error
    from linguagen.train.kinds import load_finished
    from linguagen.train.run.folder import latest_run

    folder = run or latest_run()
    return load_finished(folder), folder


def main() -> None:
    """Entry point of `lg-export`."""
    run_app(app)
