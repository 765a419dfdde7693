"""Put the ratios of a pytest-benchmark file into docs/results/speed.md.

python -m benchmarks.write_bench .bench.json              # the block "bench"
python -m benchmarks.write_bench .bench.json --name amx   # the block "bench amx", for another machine
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.pages import RESULTS, table, write_block

CONTROL = "control graph, int8"
EXTENSIONS = ("avx2", "avx512_vnni", "avx_vnni", "amx_int8")


def fastest_rounds(document: dict[str, Any]) -> dict[tuple[str, int], float]:
    """Seconds of the fastest round by engine and batch: on a busy machine it saw the least of the other work."""
    fastest: dict[tuple[str, int], float] = {}
    for item in document["benchmarks"]:
        key = (item["extra_info"]["engine"], item["extra_info"]["batch"])
        fastest[key] = min(item["stats"]["min"], fastest.get(key, float("inf")))
    return fastest


def section(document: dict[str, Any]) -> str:
    """Speed of each engine over the control's by batch, with its heading: 2.00 is twice as many rows a second."""
    fastest = fastest_rounds(document)
    batches = sorted({batch for _, batch in fastest})
    names = list(dict.fromkeys(name for name, _ in fastest))
    rows = [[name, *(f"{fastest[CONTROL, b] / fastest[name, b]:.2f}" for b in batches)] for name in names]
    machine = document["machine_info"]["cpu"]
    flags = ", ".join(name for name in EXTENSIONS if name in machine.get("flags", []))
    heading = f"### {machine.get('brand_raw', 'unknown processor')}, {machine['count']} cores, {flags}"
    return f"{heading}\n\nMade by `make bench`.\n\n{table(['engine', *(f'batch {b}' for b in batches)], rows)}"


def main(
    path: Annotated[Path, typer.Argument(help="What pytest-benchmark wrote.")],
    name: Annotated[str, typer.Option(help="Of another machine's block.")] = "",
) -> None:
    """Write the block and print it."""
    text = section(json.loads(path.read_text(encoding="utf-8")))
    write_block(RESULTS / "speed.md", f"bench {name}".strip(), text)
    print(text)


if __name__ == "__main__":
    typer.run(main)
