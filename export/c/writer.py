"""From a model file to a table or a C header."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linguagen.export.c.header import header_text
from linguagen.models.errors import UsageError
from linguagen.models.model_file import TextFile, read_encoder_file
from linguagen.runtime.c.text_table import text_table
from linguagen.runtime.c.text_weights import text_weights
from linguagen.runtime.c.vector_table import code_widths, vector_table
from linguagen.runtime.c.vector_weights import vector_weights
from linguagen.runtime.writing.whole_file import refuse_existing, replace_file

ENDINGS = {"table": ".lgt", "header": ".h"}
"""The ending of an output, by format."""


@dataclass(frozen=True)
class ExportedTable:
    """A table or header that was written."""

    path: Path
    model: str
    size: int
    """Bytes of the table."""
    widths: tuple[int, ...]
    """Widths of codes that the table has; none for a text model."""

    def document(self) -> dict[str, Any]:
        """File and figures for `--json`."""
        return {"file": str(self.path), "model": self.model, "bytes": self.size, "code_widths": list(self.widths)}


def check_table_output(output: Path, form: str, overwrite: bool) -> None:
    """Refuse an output before any work is done for it.

    Args:
        output: path of the file to write.
        form: `table` or `header`.
        overwrite: whether a file that exists may be replaced.

    Raises:
        UsageError: it has another ending, its folder does not exist, or it exists and may not be replaced.
    """
    if output.suffix != ENDINGS[form] or not output.parent.is_dir():
        raise UsageError(f"cannot write {output}: expected a file ending in {ENDINGS[form]} in a folder that exists")
    refuse_existing(output, overwrite)


def export_table(model: Path, form: str, output: Path) -> ExportedTable:
    """Write the table or header of a model of vectors or of text.

    Args:
        model: path of the model file.
        form: `table` or `header`.
        output: path of the file to write; a file there is replaced.

    Raises:
        ModelFileError: the model cannot be read, or C cannot run it; nothing is written.
    """
    file = read_encoder_file(model)
    name, widths = file.manifest.name, list[int]()
    if isinstance(file, TextFile):
        table = text_table(text_weights(file, str(model)))
    else:
        table, widths = vector_table(vector_weights(file, str(model))), code_widths(file.manifest.output_dim)
    content = table if form == "table" else header_text(table, name).encode()
    replace_file(output, lambda opened: opened.write(content))
    return ExportedTable(output, name, len(table), tuple(widths))


def summarise_table(exported: ExportedTable) -> list[str]:
    """What was written, and how to use it: lines for the terminal."""
    widths = f"; widths of codes: {', '.join(map(str, exported.widths))}" if exported.widths else ""
    return [f"{exported.model}: a table of {exported.size / 1e6:.1f} MB for c/linguagen.h{widths}"]
