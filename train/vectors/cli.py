"""lg-train on vectors: the command of the default kind."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import CollapseError
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.models.model_file import load_manifest
from linguagen.runtime.console import fidelity_document, fidelity_table, format_table, print_json, progress, say, show
from linguagen.runtime.measure.fidelity import NEIGHBOURS
from linguagen.runtime.reading.sources import READABLE
from linguagen.runtime.writing.sample import write_sample
from linguagen.train.run.command import RunOptions, require_torch, started
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.options import typed_settings, with_settings
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.width import with_width

if TYPE_CHECKING:
    from linguagen.train.vectors.validation import RunResult

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
    from linguagen.train.vectors.fit import fit_corpus
    from linguagen.train.vectors.loop import train

    options, inputs = RunOptions.taken_from(values), tuple(vectors or ())
    typed = {name: value for name, value in typed_settings(context).items() if name in values}

    def configure() -> VectorRunConfig:
        """The settings of a new run: those typed, what the model of --init says, defaults."""
        if not typed.get("init"):
            config = VectorRunConfig.from_flat({**typed, "inputs": inputs or (_sampled_input(),)})
            return with_width(config, dim_typed="dim" in typed)
        manifest = load_manifest(typed["init"])
        known = {"dim": manifest.output_dim, "teacher": manifest.teacher}
        config = VectorRunConfig.for_fit({**known, **typed, "inputs": inputs or (_sampled_input(),)})
        return with_width(config, dim_typed=True)

    with started(VectorRunConfig, options, inputs, typed, configure) as run:
        follow = fit_corpus if run.config.init else partial(train, began=began)
        result = follow(run.config, run.folder, run.processes, advance=run.advance)
    if result is not None:
        report(run.folder, result, options.json)


def report(folder: RunFolder, result: "RunResult", as_json: bool) -> None:
    """Print the table and the verdict.

    Raises:
        CollapseError: unrelated vectors came out alike.
    """
    from linguagen.train.vectors.validation import LATER, has_collapsed

    rows = [item.row for item in (result.model, *result.controls)]
    if as_json:
        print_json({"run": str(folder.path), "fidelity": fidelity_document(rows), "verdict": result.verdict})
    else:
        later = {row.method.removesuffix(LATER): row for row in rows if row.method.endswith(LATER)}
        table = _fit_table(rows[: len(later)], later) if later else fidelity_table(rows, NEIGHBOURS)
        show(f"{table}\n{result.verdict}")
    if has_collapsed(result.model.row):
        raise CollapseError(
            f"the encoder collapsed: random vectors have mean cosine {result.model.row.mean_cosine:.3f} after it, "
            f"{result.model.row.mean_cosine_before:.3f} before; do not use this run. "
            "Give --pairwise more weight, or lower --learning-rate"
        )
    say(f"next: lg-export {folder.path} --quantize int8")


def _fit_table(rows: Sequence[FidelityRow], later: Mapping[str, FidelityRow]) -> str:
    """The table of a fit: a column for documents that were fitted, and one for when some come later.

    Args:
        rows: the methods among fitted documents.
        later: the same methods when some documents come later, by name.
    """
    header = ["method", "dims", f"recall@{NEIGHBOURS}", "docs come later", "pair r", "pair error", "reconstruction"]
    body = []
    for row in rows:
        recalls = [f"{row.recall:.3f}", f"{later[row.method].recall:.3f}"]
        figures = [f"{row.pair_correlation:.3f}", f"{row.pair_error:.3f}", f"{row.reconstruction:.3f}"]
        body.append([row.method, str(row.dim), *recalls, *figures])
    return format_table(header, body)


def _sampled_input() -> str:
    """The vectors.npy of this folder; if there is none, a synthetic one is drawn, and said so."""
    if not _DEFAULT_INPUT.exists():
        with progress("drawing", _SAMPLE_ROWS) as advance:
            write_sample(_DEFAULT_INPUT, _SAMPLE_ROWS, DEFAULT_MODEL, seed=0, advance=advance)
        say(
            f"no vectors given and no {_DEFAULT_INPUT} here: drew {_SAMPLE_ROWS} synthetic vectors like those of "
            f"{DEFAULT_MODEL} and saved them there. They carry no meaning: train on vectors of your own"
        )
    return str(_DEFAULT_INPUT)
