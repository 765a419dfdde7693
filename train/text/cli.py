"""lg-train --text: learn an encoder from raw text."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from linguagen.models.errors import UsageError
from linguagen.runtime.console import print_json, progress, say, text_figures_table

if TYPE_CHECKING:
    from linguagen.train.run.folder import RunFolder
    from linguagen.train.text.config import TextRunConfig


def run_text(
    out: Path | None,
    texts: Sequence[str],
    typed: Mapping[str, Any],
    resume: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Train on text, or go on with a run on text, and print its figures.

    Args:
        out: the run's folder; None for one named after the first file.
        texts: the corpora.
        typed: the settings that were asked for.
        resume: go on from the last checkpoint of `out`, or of the latest run.
        threads: CPU threads; None for the cores this process may use.
        as_json: print the figures for programs.

    Raises:
        UsageError: a setting that text does not have, or a folder that holds a run.
        RunFolderError: nothing to resume, or other settings than it was made with.
    """
    import torch

    from linguagen.runtime.encoders.cores import usable_cores
    from linguagen.train.run.processes import joined
    from linguagen.train.text.loop import train_text

    folder, config = _resumed(out, texts, typed) if resume else _fresh(out, texts, typed)
    torch.set_num_threads(threads or usable_cores())
    say(f"run {folder.path}: {', '.join(config.text)}")
    say(f"watch it: tensorboard --logdir {folder.path.parent}")
    steps = config.training_steps
    with joined(config.device) as processes, progress("training" if steps else "fitting", steps) as advance:
        if processes.count > 1:
            raise UsageError(
                f"{processes.count} processes were started, training on text takes one; leave torchrun out"
            )
        figures = train_text(config, folder, processes.device, advance)
    if as_json:
        print_json({"run": str(folder.path), "figures": [asdict(each) for each in figures]})
        return
    typer.echo(text_figures_table(figures))
    say(f"next: lg-export {folder.path} --quantize int8")


def _fresh(out: Path | None, texts: Sequence[str], typed: Mapping[str, Any]) -> "tuple[RunFolder, TextRunConfig]":
    """A new run's folder and settings."""
    from linguagen.train.run.folder import RunFolder, free_run
    from linguagen.train.text.config import text_settings
    from linguagen.train.text.start import start_settings

    config = text_settings({**typed, "text": tuple(texts)})
    if config.collection and "steps" in typed:
        raise UsageError("--steps means nothing with --collection, which is a closed form; leave it out")
    if config.init:
        config = text_settings({**start_settings(config), **typed, "text": tuple(texts)})
    folder = RunFolder(out or free_run(Path(texts[0]).name.split(".")[0]))
    folder.require_new()
    folder.write_config(config)
    return folder, config


def _resumed(out: Path | None, texts: Sequence[str], typed: Mapping[str, Any]) -> "tuple[RunFolder, TextRunConfig]":
    """An old run's folder and settings, which must not be contradicted."""
    from linguagen.train.run.folder import RunFolder, latest_run
    from linguagen.train.text.finished import read_text_config

    folder = RunFolder(out or latest_run())
    config = read_text_config(folder)
    recorded = asdict(config)
    flat = {**recorded, **recorded["encoder"], **recorded["objective"]}
    folder.require_resumable(flat, {**typed, **({"text": tuple(texts)} if texts else {})})
    return folder, config


def text_only(sections: Sequence[type], others: Sequence[type]) -> set[str]:
    """Names of settings that only runs on text have.

    Args:
        sections: of text.
        others: of vectors.
    """
    ours, theirs = ({item.name for each in group for item in fields(each)} for group in (sections, others))
    return ours - theirs
