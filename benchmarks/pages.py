"""Blocks of the pages in docs/results that a script writes: from its begin mark to its end mark, marks included."""

import re
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


def block(name: str, text: str) -> str:
    """A block between its marks."""
    return f"<!-- {name}: begin -->\n{text.strip()}\n<!-- {name}: end -->"


def write_block(page: Path, name: str, text: str) -> None:
    """Replace one block of a page.

    Raises:
        ValueError: the page does not have exactly one block of that name.
    """
    before = page.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(f"<!-- {name}: begin -->") + ".*?" + re.escape(f"<!-- {name}: end -->"), re.DOTALL)
    after, found = pattern.subn(lambda _: block(name, text), before)
    if found != 1:
        raise ValueError(f"{page} has {found} blocks named {name!r}, expected 1; put its two marks where it belongs")
    page.write_text(after, encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(line)} |" for line in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])
