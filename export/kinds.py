"""Export a finished run of any kind: each is a package here with the same modules, imported when it is needed."""

from importlib import import_module
from pathlib import Path
from typing import Any

from linguagen.export.publish import Exported, check_output, publish
from linguagen.export.request import ExportRequest
from linguagen.train.run.finished import FinishedRun


def export_run(
    run: FinishedRun[Any, Any], request: ExportRequest, output: Path, overwrite: bool = False
) -> Exported[Any]:
    """Write a finished run as a model file, with its card and, if asked for, its decoder.

    Args:
        run: a finished run of any kind.
        request: what is asked for.
        output: path of the .onnx file.
        overwrite: whether files that exist may be replaced; they are only if the new ones pass the gate.

    Raises:
        UsageError: an option is for another kind of run, codes do not fit, or the output cannot be written.
        ExportGateError: the file does not do what the encoder does; nothing is written.
    """
    request.check_kind(run.kind)
    check_output(output, request.decoder, overwrite)
    model, decoder = _module(run, "writer").make_drafts(run, request)
    return publish(model, output, _module(run, "card").render_card, decoder)


def summarise(run: FinishedRun[Any, Any], exported: Exported[Any]) -> list[str]:
    """What the gate found, and how to use the file: lines for the terminal."""
    lines: list[str] = _module(run, "writer").summarise(run, exported)
    return lines


def _module(run: FinishedRun[Any, Any], name: str) -> Any:
    """A module of the run's kind: `writer` has `make_drafts` and `summarise`, `card` has `render_card`."""
    return import_module(f"linguagen.export.{run.kind}.{name}")
