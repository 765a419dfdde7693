"""lg-train tagger: the command that learns labels of words."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from linguagen.models.errors import UsageError
from linguagen.runtime.console import print_json, say, show, tagger_figures_table
from linguagen.train.run.command import RunOptions, require_torch, started
from linguagen.train.run.options import typed_settings, with_settings
from linguagen.train.tagger.config import TaggerRunConfig


@with_settings(RunOptions, TaggerRunConfig)
def command(
    context: typer.Context,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            help="Labelled sentences: CoNLL-U (.conllu), or a word and its label per line; plain or packed."
        ),
    ] = None,
    **values: Any,
) -> None:
    """Train a tagger on labelled words, for parts of speech, named entities or labels of your own.

    Example: lg-train tagger train.conllu --dev dev.conllu
    """
    require_torch()
    from linguagen.train.tagger.loop import train_tagger

    options, inputs = RunOptions.taken_from(values), tuple(data or ())
    typed = {name: value for name, value in typed_settings(context).items() if name in values}
    if not (inputs or options.resume):
        raise UsageError("no data given; name a file of labelled sentences, as in lg-train tagger train.conllu")

    def configure() -> TaggerRunConfig:
        """The settings of a new run."""
        return TaggerRunConfig.from_flat({**typed, "inputs": inputs})

    with started(TaggerRunConfig, options, inputs, typed, configure) as run:
        figures = train_tagger(run.config, run.folder, run.processes, run.advance)
    if options.json:
        print_json({"run": str(run.folder.path), "figures": [asdict(each) for each in figures]})
        return
    show(tagger_figures_table(figures))
    say(f"next: lg-export {run.folder.path} --quantize int8")
