"""From a model file to a table or a C header."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linguagen.export.c.header import header_text
from linguagen.models.errors import UsageError
from linguagen.runtime.c.vector_table import code_widths, table_bytes
from linguagen.runtime.c.vector_weights import read_weights
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
    """Widths of codes that the table has."""

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
    """Write the table or header of a vector model.

    Args:
        model: path of the model file.
        form: `table` or `header`.
        output: path of the file to write; a file there is replaced.

    Raises:
        ModelFileError: the model cannot be read, or C cannot run it; nothing is written.
    """
    weights = read_weights(model)
    table, name = table_bytes(weights), weights.manifest.name
    content = table if form == "table" else header_text(table, name).encode()
    replace_file(output, lambda file: file.write(content))
    return ExportedTable(output, name, len(table), tuple(code_widths(weights.manifest.output_dim)))


def summarise_table(exported: ExportedTable) -> list[str]:
    """What was written, and how to use it: lines for the terminal."""
    widths = ", ".join(map(str, exported.widths)) or "none"
    return [f"{exported.model}: a table of {exported.size / 1e6:.1f} MB for c/linguagen.h; widths of codes: {widths}"]
