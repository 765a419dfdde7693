"""What an export is asked for. The field docs are the help of `lg-export`."""

from dataclasses import dataclass, fields

from linguagen.models.errors import UsageError
from linguagen.runtime.codes.codec import KINDS
from linguagen.train.run.settings import setting

PRECISIONS = {"none": "float32", "fp16": "float16", "int8": "int8"}
_ONLY_FOR = {
    "codes": ("vectors",),
    "codes_dim": ("vectors",),
    "decoder": ("vectors",),
    "sources": ("text", "tagger"),
    "teacher_name": ("text",),
}
"""The kinds of run that an option is for; the others are for every kind."""


@dataclass(frozen=True)
class ExportRequest:
    """Precision and name of a model file, and its further outputs."""

    quantize: str = setting("none", "none (float32), fp16 (half the bytes) or int8 (a quarter, and faster).")
    name: str | None = setting(None, "Name of the model in its manifest; by default the run's name.")
    codes: str | None = setting(None, f"Add a second output `codes` to the graph: {', '.join(KINDS)}.")
    codes_dim: int | None = setting(None, "Leading dimensions that codes keep; by default all.")
    decoder: bool = setting(False, "Write NAME.decoder.onnx too, for lg-run expand.")
    sources: str = setting("", "For text and taggers: where training texts come from, with licences, for the card.")
    teacher_name: str = setting(
        "", "For a run on text: the model that made the teacher's vectors; by default the name of their file."
    )

    def __post_init__(self) -> None:
        """Refuse values that are not allowed.

        Raises:
            UsageError: an unknown precision, or a width of codes without codes.
        """
        if self.quantize not in PRECISIONS:
            raise UsageError(f"--quantize is {self.quantize!r}, expected one of {', '.join(PRECISIONS)}")
        if self.codes_dim is not None and self.codes is None:
            raise UsageError(f"--codes-dim is {self.codes_dim} without --codes; say which kind of codes")

    @property
    def precision(self) -> str:
        """The precision as manifests name it: `float32`, `float16` or `int8`."""
        return PRECISIONS[self.quantize]

    def check_kind(self, kind: str) -> None:
        """Refuse options that are for another kind of run.

        Args:
            kind: the kind of the run: `vectors`, `text` or `tagger`.

        Raises:
            UsageError: an option is for another kind; the message names it.
        """
        for item in fields(self):
            kinds = _ONLY_FOR.get(item.name, (kind,))
            if kind not in kinds and getattr(self, item.name) != item.default:
                option = item.name.replace("_", "-")
                raise UsageError(f"--{option} is for a run on {' or '.join(kinds)}; leave it out for a run on {kind}")
