"""lg-export: write a trained run as one ONNX file."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from linguagen.export.request import ExportRequest
from linguagen.models.errors import MissingExtraError
from linguagen.runtime.console import JSON_HELP, new_app, print_json, printable, run_app, say, show, version_option
from linguagen.train.run.options import with_settings

_WRITERS = {"vectors": "linguagen.export.vectors.writer", "text": "linguagen.export.text.writer"}
"""The module for each kind of run; it has `export_run` and `summarise`."""

app = new_app("Write a trained encoder as one self-describing ONNX file.")


@app.command()
@with_settings(ExportRequest)
def command(
    run: Annotated[Path | None, typer.Argument(help="A run's folder; by default the latest below runs/.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The .onnx file; by default RUN/NAME.PRECISION.onnx."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
    version: Annotated[bool, version_option("lg-export")] = False,  # noqa: ARG001
    **settings: Any,
) -> None:
    """Write a trained encoder as one ONNX file, after checking that it does what the encoder does.

    Example: lg-export runs/vectors --quantize int8 --decoder -o vectors.onnx
    """
    request = ExportRequest(**settings)
    try:
        import onnx  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"lg-export needs torch and onnx ({error}); install them: pip install 'linguagen[export]'"
        ) from error
    from linguagen.train.kinds import load_finished
    from linguagen.train.run.folder import latest_run

    folder = run or latest_run()
    finished: Any = load_finished(folder)
    writer = import_module(_WRITERS[finished.kind])
    path = output or folder / f"{finished.name}.{request.precision}.onnx"
    exported = writer.export_run(finished, request, path, overwrite)
    if as_json:
        print_json(exported.document())
        return
    for line in writer.summarise(finished, exported):
        say(line)
    show(printable(str(exported.path)))


def main() -> None:
    """Entry point of `lg-export`."""
    run_app(app)
