"""The report as one HTML page that needs nothing else: no script, no network, light or dark, any width."""

import shlex
from collections.abc import Sequence
from html import escape

from linguagen.runtime.codes.trellis import KIND as TRELLIS
from linguagen.runtime.console import printable
from linguagen.runtime.measure.budgets import BUDGETS, better_than
from linguagen.runtime.report.contents import Contents, Example, recalls
from linguagen.runtime.report.plots import cosines_before_and_after, recall_by_bytes

_SHOWN_CHARACTERS = 140
_GIGABYTE = 10**9
_STYLE = """
:root { color-scheme: light dark; --soft: #5a6472; --line: #d6dbe1; --mark: #e4f2fb; --lost: #b3401a; }
@media (prefers-color-scheme: dark) {
  :root { --soft: #a3adba; --line: #39424d; --mark: #123247; --lost: #ff9d73; }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.soft { color: var(--soft); } .lost { color: var(--lost); }
.answer { background: var(--mark); border-radius: .6rem; padding: .8rem 1rem; }
.answer b { font-size: 1.25rem; }
pre { overflow-x: auto; background: var(--mark); padding: .6rem .8rem; border-radius: .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th, td:not(:first-child) { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } tr.chosen { background: var(--mark); font-weight: 600; }
svg { width: 100%; height: auto; max-width: 40rem; }
details { border-bottom: 1px solid var(--line); padding: .4rem 0; overflow-wrap: anywhere; }
summary { cursor: pointer; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem; }
.two ol { padding-left: 1.4rem; margin: .3rem 0; }
@media (max-width: 40rem) { .two { grid-template-columns: 1fr; gap: 0; } body { font-size: 15px; } }
"""
_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def render(contents: Contents) -> str:
    """The page."""
    title = f"What compression keeps of {contents.path.name}"
    parts = [
        f"<h1>{shown(title)}</h1>",
        _facts(contents),
        _answer(contents),
        _budget_section(contents),
        _size_section(contents),
        _example_section(contents),
        _cosine_section(contents),
        _origin_section(contents),
        _words(),
    ]
    return _FRAME.format(title=shown(title), style=_STYLE, body="\n".join(filter(None, parts)))


def shown(text: str) -> str:
    """Text as HTML: markup is escaped, and so are control characters."""
    return escape(printable(text))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], chosen: int | None = None) -> str:
    """A table of escaped cells, one of whose rows may stand out."""
    lines = ["<tr>" + "".join(f"<th>{shown(cell)}</th>" for cell in head) + "</tr>"]
    for number, row in enumerate(rows):
        mark = ' class="chosen"' if number == chosen else ""
        lines.append(f"<tr{mark}>" + "".join(f"<td>{shown(cell)}</td>" for cell in row) + "</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def size(count: float) -> str:
    """A number of bytes in words, such as "1.2 GB"."""
    for unit, bytes_of in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_of:
            return f"{count / bytes_of:.1f} {unit}"
    return f"{count:.0f} bytes"


def _facts(contents: Contents) -> str:
    """One line about the file."""
    whole = size(4 * contents.width * contents.rows)
    text = (
        f"{contents.rows:,} vectors of {contents.width} numbers, {whole} as float32; "
        f"measured on {contents.measured:,} of them, with {' and '.join(contents.models)}."
    )
    return f'<p class="soft">{shown(text)}</p>'


def command(contents: Contents) -> str:
    """The command that does what is recommended."""
    codec = contents.chosen.codec
    assert codec is not None
    words = ["lg-run", "compress", str(contents.path), "--model", contents.chosen.model]
    if codec.kind == TRELLIS:
        return shlex.join([*words, "--bytes", str(codec.bytes_per_row)])
    return shlex.join([*words, "--to", codec.kind, "--dim", str(codec.dim)])


def _answer(contents: Contents) -> str:
    """What to do, in a box."""
    chosen, codec = contents.chosen, contents.chosen.codec
    assert codec is not None
    enough = chosen.recall >= contents.target
    saved = 4 * contents.width / codec.bytes_per_row
    lead = f"{codec.bytes_per_row} bytes per vector keep {chosen.recall:.0%} of the ten nearest neighbours"
    rest = f"{saved:.0f} times smaller: {size(codec.bytes_per_row * contents.rows)} for these vectors."
    if not enough:
        rest += f" No budget keeps the {contents.target:.0%} that were asked for."
    if (other := better_than(chosen, contents.kept)) is not None:
        rest += f" {other.method} keeps {other.recall:.0%} in as many bytes."
    return f'<div class="answer"><b>{shown(lead)}</b><br>{shown(rest)}</div>\n<pre>{shown(command(contents))}</pre>'


def _budget_section(contents: Contents) -> str:
    """Recall by bytes: the plot and its figures."""
    found = recalls(contents.kept)
    head = ["method", *(f"{budget} B" for budget in BUDGETS)]
    rows = [[method, *(f"{value:.3f}" for value in values)] for method, values in found.items()]
    return (
        "<h2>What each number of bytes keeps</h2>\n"
        "<p>Recall@10: the share of the ten nearest vectors that are still found after compression. Queries stay "
        "as they are; what is searched is compressed.</p>\n"
        f"{recall_by_bytes(found, BUDGETS, contents.chosen.budget)}\n{table(head, rows, chosen=0)}"
    )


def _size_section(contents: Contents) -> str:
    """What each budget takes, with the code that spends it best."""
    ours = [each for each in contents.kept if each.codec is not None]
    rows: list[list[str]] = []
    chosen, before = 0, ("", "", 0)
    for each in ours:
        assert each.codec is not None
        spent = each.model, each.codec.kind, each.codec.bytes_per_row
        if spent == before:
            continue  # a larger budget buys no more
        chosen, before = len(rows) if each is contents.chosen else chosen, spent
        taken = each.codec.bytes_per_row
        per_gigabyte = f"{_GIGABYTE / taken / 1e6:.1f} million"
        code = f"{each.codec.dim} x {each.codec.kind}"
        rows.append([f"{taken} bytes", code, f"{each.recall:.3f}", size(taken * contents.rows), per_gigabyte])
    rows.append(["as they are", f"{contents.width} x float32", "1.000", size(4 * contents.width * contents.rows), ""])
    rows[-1][-1] = f"{_GIGABYTE / 4 / contents.width / 1e6:.2f} million"
    head = ["per vector", "dimensions x code", "recall@10", "these vectors", "vectors a GB"]
    return f"<h2>What it takes</h2>\n{table(head, rows, chosen)}"


def _example_section(contents: Contents) -> str:
    """The neighbours of ten queries before and after."""
    blocks = "\n".join(_example(each, contents) for each in contents.examples)
    return (
        "<h2>Ten examples</h2>\n<p>The five nearest before compression, and after it. Marked: "
        f'<span class="lost">lost or new</span>.</p>\n{blocks}'
    )


def _example(example: Example, contents: Contents) -> str:
    """One query and its two lists; the first is open."""

    def name(row: int) -> str:
        """A row's text, or its number."""
        text = contents.texts.get(row, f"row {row}")
        return shown(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")

    def listed(found: Sequence[tuple[int, float]], other: Sequence[tuple[int, float]]) -> str:
        """A list of rows, of which those that the other list lacks are marked."""
        known = {row for row, _ in other}
        items = []
        for row, cosine in found:
            mark = "" if row in known else ' class="lost"'
            items.append(f'<li{mark}>{name(row)} <span class="soft">{cosine:.3f}</span></li>')
        return f"<ol>{''.join(items)}</ol>"

    same = len({row for row, _ in example.before} & {row for row, _ in example.after})
    before, after = listed(example.before, example.after), listed(example.after, example.before)
    first = " open" if example is contents.examples[0] else ""
    return (
        f'<details{first}><summary>{name(example.query)} <span class="soft">{same} of {len(example.before)} kept</span>'
        f'</summary><div class="two"><div><span class="soft">before</span>{before}</div>'
        f'<div><span class="soft">after</span>{after}</div></div></details>'
    )


def _cosine_section(contents: Contents) -> str:
    """Cosines before and after."""
    before, after = contents.cosines
    error = float(abs(after - before).mean())
    return (
        "<h2>Cosines before and after</h2>\n"
        f"<p>Pairs of vectors, half of them near neighbours. They change by {error:.3f} on average: a threshold "
        f"that you use today may need to move.</p>\n{cosines_before_and_after(before, after)}"
    )


def _origin_section(contents: Contents) -> str:
    """Recall by origin, if origins are known."""
    if not contents.origins:
        return ""
    rows = [[str(origin), str(count), f"{recall:.3f}"] for origin, count, recall in contents.origins]
    note = "<p>Where the vectors come from, the least kept first.</p>"
    return f"<h2>By origin</h2>\n{note}\n{table(['origin', 'queries', 'recall@10'], rows)}"


def _words() -> str:
    """What the methods are."""
    return (
        "<h2>What was compared</h2>\n<p>The model was not fitted to these vectors: "
        "<code>lg-train FILE --init MODEL</code> fits one. PCA was, to the very vectors that are searched. Truncation "
        "keeps the first numbers; int8 rounds each number to one byte, binary to one bit.</p>"
    )
