"""lg-export: a trained run as one ONNX file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linguagen.export.request import ExportRequest
from linguagen.models.errors import MissingExtraError, UsageError
from linguagen.models.model_file import decoder_path
from linguagen.runtime.console import JSON_HELP, new_app, print_json, run_app, say
from linguagen.train.run.options import with_settings

if TYPE_CHECKING:
    from linguagen.export.vectors.writer import Exported

app = new_app("Write a trained encoder as one self-describing ONNX file.")


@app.command()
@with_settings(ExportRequest)
def command(
    run: Annotated[Path | None, typer.Argument(help="A run's folder; by default the latest below runs/.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The .onnx file; by default RUN/NAME.PRECISION.onnx."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
    **settings: Any,
) -> None:
    """Write a trained encoder as one ONNX file, after checking that it does what the encoder does.

    Example: lg-export runs/vectors --quantize int8 --decoder -o vectors.onnx
    """
    request = ExportRequest(**settings)
    try:
        from linguagen.export.vectors.writer import export_run
        from linguagen.train.kinds import load_finished
        from linguagen.train.run.folder import latest_run
    except ImportError as error:
        raise MissingExtraError(
            f"lg-export needs torch and onnx ({error}); install them: pip install 'linguagen[export]'"
        ) from error
    folder = run or latest_run()
    finished: Any = load_finished(folder)
    if finished.kind == "text":
        _export_text(folder, finished, request, output, as_json)
        return
    if request.sources:
        raise UsageError("--sources is for a run on text; leave it out for a run on vectors")
    exported = export_run(finished, request, output or folder / f"{finished.name}.{request.precision}.onnx")
    _print(exported, as_json)


def _export_text(folder: Path, run: Any, request: ExportRequest, output: Path | None, as_json: bool) -> None:
    from linguagen.export.text.writer import export_text_run

    exported = export_text_run(run, request, output or folder / f"{run.name}.{request.precision}.onnx")
    parity = dict(exported.manifest.parity)
    if as_json:
        print_json({"file": str(exported.path), "card": str(exported.card), "bytes": exported.size, "parity": parity})
        return
    say(
        f"checked on {parity['texts']} texts: mean cosine {parity['mean_cosine']:.5f} with PyTorch, "
        f"{parity['recall']:.3f} of its nearest neighbours; {exported.size / 1e6:.1f} MB"
    )
    say(f'next: lg-run embed "some text" --model {exported.path}')
    typer.echo(exported.path)


def _print(exported: "Exported", as_json: bool) -> None:
    parity, decoder = exported.manifest.parity, exported.decoder
    if as_json:
        document = {
            "file": str(exported.path),
            "card": str(exported.card),
            "bytes": exported.size,
            "parity": dict(parity),
            "codes": dict(exported.manifest.codes) or None,
            "decoder": {"file": str(decoder_path(exported.path)), "reconstruction": decoder.reconstruction}
            if decoder
            else None,
        }
        print_json(document)
        return
    say(
        f"checked on {parity['rows']} vectors: values within {parity['max_abs_difference']:.1e} of PyTorch, "
        f"recall@10 {-100 * parity['recall_loss']:+.2f} points; {exported.size / 1e6:.1f} MB"
    )
    if decoder:
        say(
            f"decoder {decoder_path(exported.path)}: reconstruction cosine {decoder.reconstruction:.3f} on "
            f"{decoder.reconstruction_set}"
        )
    say(f"next: lg-run compress vectors.npy --model {exported.path}")
    typer.echo(exported.path)


def main() -> None:
    """Entry point of `lg-export`."""
    run_app(app)
