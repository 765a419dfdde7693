"""lg-train on vectors: the command of the default kind."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import CollapseError
from linguagen.runtime.console import fidelity_document, fidelity_table, print_json, progress, say
from linguagen.runtime.measure.fidelity import NEIGHBOURS
from linguagen.runtime.reading.sources import READABLE
from linguagen.runtime.writing.sample import write_sample
from linguagen.train.run.command import RunOptions, require_torch, started
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.options import typed_settings, with_settings
from linguagen.train.vectors.config import FIT_DEFAULTS, VectorRunConfig
from linguagen.train.vectors.width import with_width

if TYPE_CHECKING:
    from linguagen.train.vectors.loop import RunResult

_DEFAULT_INPUT = Path("vectors.npy")
_SAMPLE_ROWS = 4000


@with_settings(RunOptions, VectorRunConfig)
def command(
    context: typer.Context,
    vectors: Annotated[
        list[str] | None, typer.Argument(help=f"Files of vectors ({READABLE}); by default vectors.npy.")
    ] = None,
    **values: Any,
) -> None:
    """Train an encoder on embedding vectors, and compare its fidelity with PCA's on vectors held out.

    This is the default kind: its name may be left out.

    Example: lg-train vectors.npy --teacher text-embedding-3-small
    """
    began = time.monotonic()
    require_torch()
    from linguagen.train.vectors.loop import train

    options, inputs = RunOptions.taken_from(values), tuple(vectors or ())
    typed = {name: value for name, value in typed_settings(context).items() if name in values}

    def configure() -> VectorRunConfig:
        """The settings of a new run: those typed, what --init and the vectors' width replace, defaults."""
        defaults = FIT_DEFAULTS if typed.get("init") else {}
        config = VectorRunConfig.from_flat({**defaults, **typed, "inputs": inputs or (_sampled_input(),)})
        return with_width(config, dim_typed="dim" in typed)

    with started(VectorRunConfig, options, inputs, typed, configure) as run:
        result = train(run.config, run.folder, run.processes, advance=run.advance, began=began)
    if result is not None:
        report(run.folder, result, options.json)


def report(folder: RunFolder, result: "RunResult", as_json: bool) -> None:
    """Print the table and the verdict.

    Raises:
        CollapseError: unrelated vectors came out alike.
    """
    from linguagen.train.vectors.validation import has_collapsed

    rows = [item.row for item in (result.model, *result.controls)]
    if as_json:
        print_json({"run": str(folder.path), "fidelity": fidelity_document(rows), "verdict": result.verdict})
    else:
        typer.echo(f"{fidelity_table(rows, NEIGHBOURS)}\n{result.verdict}")
    if has_collapsed(result.model.row):
        raise CollapseError(
            f"the encoder collapsed: random vectors have mean cosine {result.model.row.mean_cosine:.3f} after it, "
            f"{result.model.row.mean_cosine_before:.3f} before; do not use this run. "
            "Give --pairwise more weight, or lower --learning-rate"
        )
    say(f"next: lg-export {folder.path} --quantize int8")


def _sampled_input() -> str:
    """The vectors.npy of this folder; if there is none, one is drawn from a shipped model's statistics, and said so."""
    if not _DEFAULT_INPUT.exists():
        with progress("drawing", _SAMPLE_ROWS) as advance:
            write_sample(_DEFAULT_INPUT, _SAMPLE_ROWS, DEFAULT_MODEL, seed=0, advance=advance)
        say(
            f"no vectors given and no {_DEFAULT_INPUT} here: drew {_SAMPLE_ROWS} synthetic vectors from the mean and "
            f"spectrum of {DEFAULT_MODEL} and saved them there. They carry no meaning: train on vectors of your own"
        )
    return str(_DEFAULT_INPUT)
