"""Compare settings of a tagger on the dev part of UD-EWT; prints a table.

OMP_NUM_THREADS=1 python -m benchmarks.tagger_choices    # some two minutes each; finished runs are kept
"""

import json
from typing import Annotated

import typer

from benchmarks.pages import table
from recipes import taggers
from recipes.commands import ROOT, options, run_command

CHOICES: dict[str, dict[str, object]] = {
    "convolutions and blocks": {},
    "convolutions alone": {"layers": 0},
    "blocks alone": {"convolutions": 0},
    "neither": {"convolutions": 0, "layers": 0},
    "two blocks": {"layers": 2},
    "table from nothing": {"init": "none"},
    "dropout 0.4": {"dropout": 0.4},
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Some of the choices; by default all.")] = None,
    steps: Annotated[int, typer.Option(help="Optimiser steps of each run.")] = 1200,
) -> None:
    """Train the runs that are not finished, and print what each measures."""
    rows = []
    for name in names or CHOICES:
        run = ROOT / "runs" / "tagger-choices" / f"{name.replace(' ', '-')}-{steps}"
        if not (run / "finished.json").exists():
            settings = {**taggers.SETTINGS["pos"], "steps": steps, "evaluate_every": steps, **CHOICES[name]}
            run_command("lg-train", "tagger", *taggers.data_of("pos"), *options(settings), "--out", run)
        summary = json.loads((run / "finished.json").read_text(encoding="utf-8"))
        rows.append([name, f"{summary['figures'][0]['tagger']:.4f}", f"{summary['seconds']:.0f}"])
    print(table(["choice", "accuracy on UD-EWT dev", "seconds"], rows))


if __name__ == "__main__":
    typer.run(main)
