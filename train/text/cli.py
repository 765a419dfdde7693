"""lg-train text: the command that learns an encoder from raw text."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linguagen.models.errors import UsageError
from linguagen.runtime.console import print_json, say, show, text_figures_table
from linguagen.train.run.command import RunOptions, require_torch, started
from linguagen.train.run.options import typed_settings, with_settings
from linguagen.train.text.config import TextRunConfig

if TYPE_CHECKING:
    from linguagen.train.text.model_file import Start


@with_settings(RunOptions, TextRunConfig)
def command(
    context: typer.Context,
    corpus: Annotated[
        list[str] | None,
        typer.Argument(help="Files with one text per line (.txt), or .jsonl with `text`; plain or packed (.xz, .gz)."),
    ] = None,
    **values: Any,
) -> None:
    """Train an encoder on raw text, with or without target vectors, and compare it with the mean of its own table.

    Example: lg-train text corpus.txt --pairs pairs.tsv --targets teacher.npy

    Example: lg-train text documents.txt --init linguagen-en --collection 128
    """
    require_torch()
    from linguagen.train.text.loop import train_text
    from linguagen.train.text.model_file import open_start

    options, inputs = RunOptions.taken_from(values), tuple(corpus or ())
    typed = {name: value for name, value in typed_settings(context).items() if name in values}
    if not (inputs or options.resume):
        raise UsageError("no texts given; name a file with one text per line, as in lg-train text corpus.txt")
    start = open_start(typed["init"]) if typed.get("init") and not options.resume else None
    with started(TextRunConfig, options, inputs, typed, lambda: configured(inputs, typed, start)) as run:
        figures = train_text(run.config, run.folder, run.processes, start, run.advance)
    if options.json:
        print_json({"run": str(run.folder.path), "figures": [asdict(each) for each in figures]})
        return
    show(text_figures_table(figures))
    say(f"next: lg-export {run.folder.path} --quantize int8")


def configured(inputs: tuple[str, ...], typed: Mapping[str, Any], start: "Start | None") -> TextRunConfig:
    """The settings of a new run: those typed, those of the model it starts from, defaults.

    Raises:
        UsageError: a value that is not allowed.
    """
    from linguagen.train.text.start import start_settings

    typed = {**typed, "inputs": inputs}
    config = TextRunConfig.from_flat(typed)
    if config.collection and "steps" in typed:
        raise UsageError("--steps means nothing with --collection, which is a closed form; leave it out")
    if start is None:
        return config
    return TextRunConfig.from_flat({**start_settings(start, config.collection), **typed})
