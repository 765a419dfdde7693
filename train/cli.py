"""lg-train: learn an encoder from the vectors one has."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import CollapseError, MissingExtraError, UsageError
from linguagen.runtime.console import (
    fidelity_document,
    fidelity_table,
    new_app,
    print_json,
    progress,
    run_app,
    say,
)
from linguagen.runtime.measure.fidelity import NEIGHBOURS
from linguagen.runtime.reading.sources import READABLE
from linguagen.runtime.writing.sample import write_sample

if TYPE_CHECKING:
    from linguagen.train.run.folder import RunFolder
    from linguagen.train.run.processes import Processes
    from linguagen.train.vectors.config import RunConfig
    from linguagen.train.vectors.loop import RunResult

_DEFAULT_INPUT = Path("vectors.npy")
_SAMPLE_ROWS = 4000


def main() -> None:
    """Entry point of `lg-train`."""
    run_app(_run)


def _run() -> None:
    try:
        import tensorboard  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"lg-train needs torch and tensorboard ({error}); install them: pip install 'linguagen[train]'"
        ) from error
    build_app()()


def build_app() -> typer.Typer:
    """The command, its options read from the configuration's fields."""
    from linguagen.train.run.options import given_settings, with_settings
    from linguagen.train.run.processes import joined
    from linguagen.train.text.cli import run_text, text_only
    from linguagen.train.text.config import TextEncoderConfig, TextObjectiveConfig, TextRunConfig
    from linguagen.train.vectors.config import FIT_DEFAULTS, EncoderConfig, ObjectiveConfig, OptimiserConfig, RunConfig

    app = new_app("Train an encoder on embedding vectors, or on raw text.")
    of_vectors = (RunConfig, EncoderConfig, ObjectiveConfig, OptimiserConfig)
    of_text = (TextRunConfig, TextEncoderConfig, TextObjectiveConfig)
    only_text = text_only(of_text, of_vectors)

    @app.command()
    @with_settings(*of_vectors, *of_text)
    def command(
        context: typer.Context,
        vectors: Annotated[
            list[str] | None,
            typer.Argument(help=f"Files of vectors ({READABLE}); by default vectors.npy."),
        ] = None,
        text: Annotated[
            list[str] | None,
            typer.Option(help="Train on text: a file with a text a line (.txt), or .jsonl with `text`; packed or not."),
        ] = None,
        out: Annotated[
            Path | None, typer.Option(help="The run's folder; by default runs/NAME, after the first input.")
        ] = None,
        resume: Annotated[
            bool,
            typer.Option("--resume", help="Go on from the last checkpoint of --out, or of the latest run."),
        ] = False,
        threads: Annotated[
            int | None, typer.Option(min=1, help="CPU threads; by default the cores this process may use.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the final table as JSON, for programs.")] = False,
        **settings: Any,
    ) -> None:
        """Train an encoder on embedding vectors, and print its fidelity beside PCA on vectors held out.

        With --text, train one on raw text, with or without the vectors of a teacher.

        Example: lg-train vectors.npy --teacher text-embedding-3-small

        Example: lg-train --text corpus.txt --pairs pairs.tsv --teacher vectors.npy
        """
        typed = {name: value for name, value in given_settings(context).items() if name in settings}
        if text or (resume and _is_text(out)):
            if vectors:
                raise UsageError(f"vectors {', '.join(vectors)} beside --text; give the teacher's with --teacher")
            run_text(out, text or [], typed, resume, threads, as_json)
            return
        for name in only_text & set(typed):
            raise UsageError(f"--{name.replace('_', '-')} is for text; give the corpus with --text, or leave it out")
        settings = {name: value for name, value in settings.items() if name not in only_text}
        with joined(settings["device"]) as processes:
            if resume:
                folder, config = processes.agree(lambda: _resumed(out, vectors, typed))
            else:
                if settings["init"]:
                    settings |= {name: value for name, value in FIT_DEFAULTS.items() if name not in typed}
                folder, config = processes.agree(lambda: _fresh(out, vectors, settings))
            _train(folder, config, processes, threads, as_json)

    return app


def _is_text(out: Path | None) -> bool:
    from linguagen.train.run.folder import RunFolder, latest_run
    from linguagen.train.text.finished import is_text_run

    return is_text_run(RunFolder(out or latest_run()))


def _fresh(out: Path | None, vectors: Sequence[str] | None, settings: dict[str, Any]) -> Any:
    """A new run's folder and settings."""
    from linguagen.train.run.folder import RunFolder, free_run
    from linguagen.train.vectors.config import from_flat

    inputs = tuple(vectors or [_sampled_input()])
    folder = RunFolder(out or free_run(Path(inputs[0]).stem))
    folder.require_new()
    return folder, from_flat({**settings, "inputs": inputs})


def _resumed(out: Path | None, vectors: Sequence[str] | None, typed: dict[str, Any]) -> Any:
    """An old run's folder and settings, which must not be contradicted."""
    from linguagen.train.run.folder import RunFolder, latest_run
    from linguagen.train.vectors.config import flat_settings

    folder = RunFolder(out or latest_run())
    config = folder.read_config()
    folder.require_resumable(flat_settings(config), {**typed, **({"inputs": tuple(vectors)} if vectors else {})})
    return folder, config


def _train(
    folder: "RunFolder", config: "RunConfig", processes: "Processes", threads: int | None, as_json: bool
) -> None:
    import torch

    from linguagen.runtime.encoders.cores import usable_cores
    from linguagen.train.vectors.loop import train

    torch.set_num_threads(threads or usable_cores())
    if not processes.leader:
        train(config, folder, processes)
        return
    folder.write_config(config)
    say(f"run {folder.path}: {', '.join(config.inputs)} on {processes.device.type}")
    say(f"watch it: tensorboard --logdir {folder.path.parent}")
    with progress("training", config.optimiser.all_steps) as advance:
        result = train(config, folder, processes, advance=advance)
    report(folder, result, as_json)


def report(folder: "RunFolder", result: "RunResult | None", as_json: bool) -> None:
    """Print the table and the verdict.

    Raises:
        CollapseError: unrelated vectors came out alike.
    """
    from linguagen.train.vectors.validation import has_collapsed

    assert result is not None  # the leader's always is
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
    """vectors.npy of this folder; drawn from a shipped model's statistics if there is none, and said so."""
    if not _DEFAULT_INPUT.exists():
        with progress("drawing", _SAMPLE_ROWS) as advance:
            write_sample(_DEFAULT_INPUT, _SAMPLE_ROWS, DEFAULT_MODEL, seed=0, advance=advance)
        say(
            f"no vectors given and no {_DEFAULT_INPUT} here: drew {_SAMPLE_ROWS} synthetic vectors from the mean and "
            f"spectrum of {DEFAULT_MODEL} and saved them there. They carry no meaning: train on vectors of your own"
        )
    return str(_DEFAULT_INPUT)


if __name__ == "__main__":  # torchrun starts the module, not the command
    main()
