"""Put the ratios of a pytest-benchmark file into docs/results.md.

python tests/benchmarks/write_bench.py .bench.json
"""

import json
import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results.md"
BEGIN, END = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"
CONTROL = "control graph, int8"


def table(document: dict) -> str:
    """Speed of each engine over the control's, by batch: 2.00 is twice as many rows a second.

    The fastest round of each is compared: on a machine with other work it is the one that saw the least of it.
    """
    fastest: dict[tuple[str, int], float] = {}
    for item in document["benchmarks"]:
        key = (item["extra_info"]["engine"], item["extra_info"]["batch"])
        fastest[key] = min(item["stats"]["min"], fastest.get(key, float("inf")))
    batches = sorted({batch for _, batch in fastest})
    names = list(dict.fromkeys(name for name, _ in fastest))
    lines = [f"| engine | {' | '.join(f'batch {batch}' for batch in batches)} |", "|---|" + "---|" * len(batches)]
    for name in names:
        ratios = [fastest[CONTROL, batch] / fastest[name, batch] for batch in batches]
        lines.append(f"| {name} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    machine = document["machine_info"]["cpu"]
    flags = set(machine.get("flags", []))
    integer = [name for name in ("avx2", "avx512_vnni", "avx_vnni", "amx_int8") if name in flags]
    lines.append("")
    lines.append(f"{machine.get('brand_raw', 'unknown processor')}, {machine['count']} cores, {', '.join(integer)}.")
    return "\n".join(lines) + "\n"


def main() -> None:
    text, new = RESULTS.read_text(encoding="utf-8"), table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    before, rest = text.split(BEGIN)
    RESULTS.write_text(before + BEGIN + new + END + rest.split(END)[1], encoding="utf-8")
    print(new)


if __name__ == "__main__":
    main()
