"""Fuzz the C library with libFuzzer: any bytes as a table, as codes and as a text.

PYTHONPATH=tests python tests/c/fuzz.py --seconds 600 [table|codes|text ...]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from c.builds import SANITIZERS, SOURCES, C

from linguagen.export.c.writer import export_table

TARGETS = ("table", "codes", "text")
_SOURCE = Path(__file__).resolve().parent / "fuzz.c"


def build(target: str, folder: Path) -> Path:
    """Compile a target; needs clang with libFuzzer."""
    program = folder / f"fuzz-{target}"
    words = ["clang", "-O1", *SANITIZERS, "-fsanitize=fuzzer", f"-DTARGET={target}", f"-I{C}", str(_SOURCE)]
    subprocess.run(
        [*words, *map(str, SOURCES), "-lm", "-o", str(program)], check=True, capture_output=True, timeout=250
    )
    return program


def fuzz(target: str, models: list[Path], seconds: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Fuzz a target; what crashes it is left in the folder.

    Args:
        target: one of TARGETS.
        models: small model files, whose tables the fuzzer starts from; the last one is a text model.
        seconds: how long.
        folder: where the program, its seeds and its findings lie.
    """
    seeds = folder / f"seeds-{target}"
    seeds.mkdir()
    tables = [export_table(path, "table", folder / f"{number}.lgt").path for number, path in enumerate(models)]
    for number, table in enumerate(tables):
        (seeds / str(number)).write_bytes(table.read_bytes()[: 1 << 16] if target == "table" else b"a few words")
    words = [f"-max_total_time={seconds}", "-max_len=65536" if target == "table" else "-max_len=4096", "-timeout=20"]
    environment = os.environ | {"LG_TABLE": str(tables[-1])}
    program = build(target, folder)
    return subprocess.run(
        [program, *words, seeds], cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds + 250
    )


def main() -> None:
    """Fuzz the targets that are named, or all, with tiny models."""
    import make_tiny_model
    import make_tiny_text_model

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = [
            make_tiny_model.make_models(folder)["int8"],
            make_tiny_text_model.make_text_models(folder)["int8"],
        ]
        for target in asked.targets:
            done = fuzz(target, models, asked.seconds, folder)
            print(f"{target}: {done.stderr.splitlines()[-1]}")
            if done.returncode:
                sys.exit(done.stderr[-8000:])


if __name__ == "__main__":
    main()
