"""The plots of the report, as SVG that takes the page's colours and widths."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from linguagen.models.errors import MissingExtraError
from linguagen.runtime.vectors import Array

_INK = "#010203"
"""Stands for the page's text colour while matplotlib draws."""
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "linguagen",
    "font.family": "sans-serif",
    "font.size": 10,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
COLOURS = ("#0a84c6", "#d55e00", "#029e73", "#b5529c", "#9a8a14")
"""A colour for each method, to be told apart by people who see few, on white and on black."""
_MARKERS = "os^Dv"


def import_pyplot() -> Any:
    """The matplotlib package, whose figures are drawn without a screen.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError as error:
        raise MissingExtraError.of("lg-run report needs matplotlib", error, "matplotlib") from error
    return matplotlib


def recall_by_bytes(recalls: Mapping[str, Sequence[float]], budgets: Sequence[int], chosen: int) -> str:
    """Lines of recall by bytes, one a method, as SVG.

    Args:
        recalls: of each method, (budgets,).
        budgets: bytes per vector.
        chosen: the budget that is recommended, which gets a line.
    """
    matplotlib = import_pyplot()
    with matplotlib.rc_context(_SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(chosen, color=_INK, linewidth=0.8, linestyle=":")
        for number, (method, values) in enumerate(recalls.items()):
            axes.plot(budgets, values, color=COLOURS[number], marker=_MARKERS[number], label=method, linewidth=1.8)
        axes.set_xscale("log", base=2)
        axes.set_xticks(budgets, [str(each) for each in budgets])
        axes.minorticks_off()
        axes.set_ylim(0, 1.02)
        axes.grid(axis="y", color=_INK, alpha=0.15)
        axes.set(xlabel="bytes per vector", ylabel="recall@10")
        axes.legend(loc="lower right")
        return to_svg(figure)


def cosines_before_and_after(before: Array, after: Array) -> str:
    """A cloud of cosines (pairs,) before and after compression, as SVG; on the diagonal nothing has changed."""
    matplotlib = import_pyplot()
    with matplotlib.rc_context(_SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(before, after, ".", color=COLOURS[0], markersize=2.5, alpha=0.5, rasterized=True)
        low, high = float(np.min([before, after])), float(np.max([before, after]))
        axes.plot([low, high], [low, high], color=_INK, linewidth=0.8)
        axes.set(xlabel="cosine of the original vectors", ylabel="cosine after compression")
        return to_svg(figure)


def to_svg(figure: Any) -> str:
    """A figure as SVG for the middle of a page: as wide as its place, in the page's text colour."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(
        r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", re.sub(r'(<svg [^>]*?)height="[^"]*" ', r"\1", text, count=1)
    )
