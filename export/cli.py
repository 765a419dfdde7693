"""lg-export: a trained run as one ONNX file."""

from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.errors import MissingExtraError
from linguagen.runtime.terminal import JSON_HELP, new_app, print_json, run_app, say

app = new_app("Write a trained encoder as one self-describing ONNX file.")


@app.command()
def command(
    run: Annotated[Path | None, typer.Argument(help="A run's folder; by default the latest below runs/.")] = None,
    quantize: Annotated[
        str, typer.Option(help="none (float32), fp16 (half the bytes) or int8 (a quarter, and faster).")
    ] = "none",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The .onnx file; by default RUN/NAME.PRECISION.onnx."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the model calls itself; by default the run's name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Write a trained encoder as one ONNX file, after checking that it does what the encoder does.

    Example: lg-export runs/vectors --quantize int8 -o vectors.onnx
    """
    try:
        from linguagen.export.writer import PRECISIONS, export_run
        from linguagen.train.checkpoint import latest_run, load_run
    except ImportError as error:
        raise MissingExtraError(
            f"lg-export needs torch and onnx ({error}); install them: pip install 'linguagen[export]'"
        ) from error
    folder = run or latest_run()
    finished = load_run(folder)
    precision = PRECISIONS.get(quantize, quantize)
    exported = export_run(finished, quantize, output or folder / f"{finished.name}.{precision}.onnx", name)
    parity = exported.manifest.parity
    if as_json:
        print_json(
            {
                "file": str(exported.path),
                "card": str(exported.card),
                "bytes": exported.size,
                "parity": dict(parity),
            }
        )
        return
    say(
        f"checked on {parity['rows']} vectors: values within {parity['max_abs_difference']:.1e} of PyTorch, "
        f"recall@10 {-100 * parity['recall_loss']:+.2f} points; {exported.size / 1e6:.1f} MB"
    )
    say(f"next: lg-run compress vectors.npy --model {exported.path}")
    typer.echo(exported.path)


def main() -> None:
    """Entry point of `lg-export`."""
    run_app(app)
