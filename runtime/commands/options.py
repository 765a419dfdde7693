"""The arguments and options that several commands of lg-run share."""

from pathlib import Path
from typing import Annotated

import typer

from linguagen.runtime.codes.codec import KINDS
from linguagen.runtime.console import JSON_HELP
from linguagen.runtime.reading.sources import READABLE

InputArgument = Annotated[
    Path, typer.Argument(metavar="INPUT", help=f"A file of vectors ({READABLE}), or - for standard input.")
]
ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A shipped model's name (lg-run models), or a file that lg-export wrote.")
]
TextModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A text model's name (lg-run models), or a file that lg-export wrote.")
]
ColumnOption = Annotated[
    str | None, typer.Option(help="Column, array or dataset that holds the vectors, if the file has several.")
]
KindOption = Annotated[str, typer.Option(help=f"How embeddings are written: {', '.join(KINDS)}.")]
DimOption = Annotated[
    int | None, typer.Option(help="Leading dimensions to keep, scaled to length 1 again; by default all.")
]
BytesOption = Annotated[
    int | None,
    typer.Option(
        "--bytes",
        help="Write every embedding in this many bytes, 8 to 2048, by a trellis code; a teacher's name then means "
        "its model NAME-1536.",
    ),
]
AnyModelOption = Annotated[
    bool, typer.Option("--any-model", help="Go on although another model made the file, or seems to have made it.")
]
DeviceOption = Annotated[
    str, typer.Option(help="auto, cpu or cuda; auto is CUDA if onnxruntime has it and CPU otherwise.")
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; by default all cores that this process may use.")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Resume an interrupted run with the same output.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
JsonOption = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
