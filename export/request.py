"""What is wanted of an export. The field docs are the help of `lg-export`."""

from dataclasses import dataclass
from pathlib import Path

from linguagen.models.errors import UsageError
from linguagen.runtime.codes.codec import KINDS
from linguagen.train.run.settings import setting

PRECISIONS = {"none": "float32", "fp16": "float16", "int8": "int8"}


@dataclass(frozen=True)
class ExportRequest:
    """Precision, name, and what is written beside embeddings."""

    quantize: str = setting("none", "none (float32), fp16 (half the bytes) or int8 (a quarter, and faster).")
    name: str | None = setting(None, "What the model calls itself; by default the run's name.")
    codes: str | None = setting(None, f"Make a second output `codes` in the graph: {', '.join(KINDS)}.")
    codes_dim: int | None = setting(None, "Leading dimensions that codes keep; by default all.")
    sources: str = setting("", "Of a run on text: where its texts come from, with their licences, for the card.")
    decoder: bool = setting(False, "Write NAME.decoder.onnx too, for lg-run expand.")

    def __post_init__(self) -> None:
        if self.quantize not in PRECISIONS:
            raise UsageError(f"--quantize is {self.quantize!r}, expected one of {', '.join(PRECISIONS)}")
        if self.codes_dim is not None and self.codes is None:
            raise UsageError(f"--codes-dim is {self.codes_dim} without --codes; say which kind of codes")

    @property
    def precision(self) -> str:
        """As manifests say it."""
        return PRECISIONS[self.quantize]


def check_output(output: Path) -> None:
    """Refuse a file that a model cannot be written to.

    Raises:
        UsageError: it does not end in .onnx, or its folder does not exist.
    """
    if output.suffix != ".onnx" or not output.parent.is_dir():
        raise UsageError(f"cannot write {output}: expected a file ending in .onnx in a folder that exists")
