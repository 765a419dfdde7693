"""The parts that the cards of all kinds of model are made of, as Markdown."""

from collections.abc import Mapping, Sequence


def card(name: str, summary: str, sections: Mapping[str, Sequence[str]]) -> str:
    """A card.

    Args:
        name: the title.
        summary: the text below it.
        sections: lines of text, by heading.
    """
    lines = [f"# {name}", "", summary]
    for heading, text in sections.items():
        lines += ["", f"## {heading}", "", *text]
    return "\n".join(lines) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [_row(header), f"|{'---|' * len(header)}", *map(_row, rows)]


def facts(values: Mapping[str, object], prefix: str = "") -> list[str]:
    """The lines of a list of named values."""
    return [f"- {prefix}{key.replace('_', ' ')}: {_shown(value)}" for key, value in values.items()]


def _row(cells: Sequence[str]) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def _shown(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return str(value) or "none"
