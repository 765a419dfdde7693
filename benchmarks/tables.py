"""Put what results.py measured into docs/results.md, and draw recall against bytes."""

from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
COLOURS = {
    "LinguaGEN": "#0b6e4f",
    "softened PCA": "#7a9e7e",
    "PCA": "#9a9a9a",
    "Matryoshka-Adaptor": "#b5651d",
    "faiss PQ": "#3f72af",
    "faiss OPQ": "#112d4e",
    "faiss RaBitQ": "#8e44ad",
    "truncation": "#c0392b",
}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 430, 330, 46, 40, 26
LOWEST = 0.55


def write_results(done: dict[str, Any]) -> None:
    path = DOCS / "results.md"
    text = path.read_text(encoding="utf-8")
    for part in ("dev", "corpora"):
        begin, end = f"<!-- results {part}: begin -->\n", f"<!-- results {part}: end -->\n"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(section(item) for item in done[part]) + end + rest.split(end)[1]
    path.write_text(text, encoding="utf-8")
    (DOCS / "recall-bytes.svg").write_text(plot(done["dev"]), encoding="utf-8")


def section(item: dict[str, Any]) -> str:
    """One table, by bytes and then by recall."""
    lines = [
        f"### {item['name']}",
        "",
        f"{item['queries']} queries, {item['documents']} documents.",
        "",
        "| bytes | method | how | recall@1 | recall@10 (95 %) | recall@100 |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(item["rows"], key=lambda row: (row["bytes"], -row["recall@10"])):
        ours = row["family"].startswith("LinguaGEN")
        name = f"**{row['family']}**" if ours else row["family"]
        deep = "-" if row["recall@100"] is None else f"{row['recall@100']:.3f}"
        middle = f"{row['recall@10']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        lines.append(f"| {row['bytes']} | {name} | {row['detail']} | {row['recall@1']:.3f} | {middle} | {deep} |")
    return "\n".join(lines) + "\n"


def plot(items: list[dict[str, Any]]) -> str:
    """One panel for each teacher, bytes on a logarithmic axis."""
    panels = "".join(panel(item, number * WIDTH) for number, item in enumerate(items))
    legend, place = "", LEFT
    for name, colour in COLOURS.items():
        legend += f'<circle cx="{place}" cy="{HEIGHT + 16}" r="4" fill="{colour}"/>'
        legend += f'<text x="{place + 8}" y="{HEIGHT + 20}">{name}</text>'
        place += 22 + 6.4 * len(name)
    size = f'width="{WIDTH * len(items)}" height="{HEIGHT + 34}" viewBox="0 0 {WIDTH * len(items)} {HEIGHT + 34}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{panels}{legend}</svg>\n'
    )


def panel(item: dict[str, Any], left: int) -> str:
    from math import log2

    def x(size: float) -> float:
        return left + LEFT + (log2(size) - 5) / 5 * (WIDTH - LEFT - 20)

    def y(recall: float) -> float:
        return TOP + (1 - (recall - LOWEST) / (1 - LOWEST)) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text x="{left + LEFT}" y="16" font-size="13" fill="#222">{item["name"]}: recall@10 by bytes</text>']
    for tick in (0.6, 0.7, 0.8, 0.9, 1.0):
        parts.append(f'<line x1="{x(32)}" x2="{x(1024)}" y1="{y(tick)}" y2="{y(tick)}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{x(32) - 8}" y="{y(tick) + 4}" text-anchor="end" fill="#555">{tick:.1f}</text>')
    for size in (32, 64, 128, 256, 512, 1024):
        parts.append(f'<text x="{x(size)}" y="{HEIGHT - 20}" text-anchor="middle" fill="#555">{size}</text>')
    parts.append(f'<text x="{x(181)}" y="{HEIGHT - 4}" text-anchor="middle" fill="#555">bytes of an embedding</text>')
    for family, colour in reversed(COLOURS.items()):
        best: dict[int, float] = {}
        for row in item["rows"]:
            if row["family"] == family and 32 <= row["bytes"] <= 1024:
                best[row["bytes"]] = max(row["recall@10"], best.get(row["bytes"], 0.0))
        # What spends more bytes for less is left out: nobody would.
        seen = [
            (s, r) for s, r in sorted(best.items()) if r > max((best[other] for other in best if other < s), default=0)
        ]
        points = " ".join(f"{x(size):.1f},{y(recall):.1f}" for size, recall in seen)
        thick = 2.5 if family == "LinguaGEN" else 1.3
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"/>')
        parts += [f'<circle cx="{x(s):.1f}" cy="{y(r):.1f}" r="3" fill="{colour}"/>' for s, r in seen]
    return "".join(parts)
