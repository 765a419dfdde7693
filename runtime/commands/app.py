"""The application that the commands of lg-run register with, and the options that they share."""

from typing import Annotated

import typer

from linguagen.runtime.console import JSON_HELP, new_app

app = new_app("Compress embedding vectors with a LinguaGEN model: numpy and onnxruntime, no network.")

ModelOption = Annotated[
    str,
    typer.Option("--model", "-m", help="A shipped model's name (lg-run models) or a file that lg-export wrote."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda; auto takes CUDA where onnxruntime has it.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; by default the cores this process may use.")
]
JsonOption = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
