"""Put what results.py measured into docs/results, and draw recall against bytes."""

from math import log2
from typing import Any

from benchmarks.pages import RESULTS, table, write_block

COLOURS = {
    "LinguaGEN": "#0b6e4f",
    "LinguaGEN, for databases": "#58a68a",
    "softened PCA": "#7a9e7e",
    "PCA": "#9a9a9a",
    "Matryoshka-Adaptor": "#b5651d",
    "faiss PQ": "#3f72af",
    "faiss OPQ": "#112d4e",
    "faiss RaBitQ": "#8e44ad",
    "faiss SQ4": "#c08a2d",
    "truncation": "#c0392b",
}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 430, 330, 46, 40, 26
LOWEST = 0.4
"""The recall at the bottom of a panel."""


def write_results(done: dict[str, Any]) -> None:
    """Write the blocks of recall-bytes.md and corpora.md, and the plot."""
    for part, page in (("dev", "recall-bytes.md"), ("corpora", "corpora.md")):
        write_block(RESULTS / page, f"results {part}", "\n\n".join(section(item) for item in done[part]))
    (RESULTS / "recall-bytes.svg").write_text(plot(done["dev"]), encoding="utf-8")


def section(item: dict[str, Any]) -> str:
    """One table, by bytes and then by recall, with its heading."""
    head = ["bytes", "method", "how", "recall@1", "recall@10 (95 %)", "recall@100"]
    rows = [line(row) for row in sorted(item["rows"], key=lambda row: (row["bytes"], -row["recall@10"]))]
    return f"### {item['name']}\n\n{item['queries']} queries, {item['documents']} documents.\n\n{table(head, rows)}"


def line(row: dict[str, Any]) -> list[str]:
    """A method in the table; ours is bold."""
    name = f"**{row['family']}**" if row["family"].startswith("LinguaGEN") else row["family"]
    deep = "-" if row["recall@100"] is None else f"{row['recall@100']:.3f}"
    middle = f"{row['recall@10']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
    return [str(row["bytes"]), name, row["detail"], f"{row['recall@1']:.3f}", middle, deep]


def plot(items: list[dict[str, Any]]) -> str:
    """One panel for each teacher, bytes on a logarithmic axis."""
    panels = "".join(panel(item, number * WIDTH) for number, item in enumerate(items))
    legend, place = "", float(LEFT)
    shown = {row["family"] for item in items for row in item["rows"]}
    for name, colour in COLOURS.items():
        if name not in shown:
            continue
        legend += f'<circle cx="{place:g}" cy="{HEIGHT + 16}" r="4" fill="{colour}"/>'
        legend += f'<text x="{place + 8:g}" y="{HEIGHT + 20}">{name}</text>'
        place += 22 + 6.4 * len(name)
    size = f'width="{WIDTH * len(items)}" height="{HEIGHT + 34}" viewBox="0 0 {WIDTH * len(items)} {HEIGHT + 34}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{panels}{legend}</svg>\n'
    )


def across(size: float) -> float:
    """Horizontal place of a number of bytes inside a panel."""
    return LEFT + (log2(size) - 4) / 6 * (WIDTH - LEFT - 20)


def down(recall: float) -> float:
    """Vertical place of a recall."""
    return TOP + (1 - (recall - LOWEST) / (1 - LOWEST)) * (HEIGHT - TOP - BOTTOM)


def frontier(rows: list[dict[str, Any]], family: str) -> list[tuple[int, float]]:
    """Bytes and recall of a family from 16 to 1024 bytes, without what spends more bytes for less recall."""
    best: dict[int, float] = {}
    for row in rows:
        if row["family"] == family and 16 <= row["bytes"] <= 1024:
            best[row["bytes"]] = max(row["recall@10"], best.get(row["bytes"], 0.0))
    smaller = {size: max((best[other] for other in best if other < size), default=0.0) for size in best}
    return [(size, recall) for size, recall in sorted(best.items()) if recall > smaller[size]]


def panel(item: dict[str, Any], left: int) -> str:
    """One teacher's panel: axes, then a line for each family."""
    parts = [f'<text x="{left + LEFT}" y="16" font-size="13" fill="#222">{item["name"]}: recall@10 by bytes</text>']
    first, last = left + across(16), left + across(1024)
    for tick in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        parts.append(f'<line x1="{first}" x2="{last}" y1="{down(tick)}" y2="{down(tick)}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{first - 8}" y="{down(tick) + 4}" text-anchor="end" fill="#555">{tick:.1f}</text>')
    for size in (16, 32, 64, 128, 256, 512, 1024):
        place = left + across(size)
        parts.append(f'<text x="{place}" y="{HEIGHT - 20}" text-anchor="middle" fill="#555">{size}</text>')
    middle = left + across(128)
    parts.append(f'<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle" fill="#555">bytes of an embedding</text>')
    for family, colour in reversed(COLOURS.items()):
        places = [(left + across(size), down(recall)) for size, recall in frontier(item["rows"], family)]
        if not places:
            continue
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        thick = 2.5 if family == "LinguaGEN" else 1.3
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return "".join(parts)
