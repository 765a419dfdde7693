"""Search for inputs that end in an uncaught error, target by target, from the kept corpus.

python tests/fuzz/fuzz.py [--seconds 300]     # or: make fuzz

What atheris finds to reach new code is added to tests/fuzz/corpus/TARGET, whose files the tests run every time; an input
that crashes is left in the working folder as crash-*, and belongs there too, once mended.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
sys.path.insert(0, str(Path(__file__).resolve().parent))


def search(name: str, arguments: list[str]) -> None:
    """Run libFuzzer in this process; it does not return."""
    import atheris

    with atheris.instrument_imports(include=["linguagen"]):
        from targets import run_target
    # libFuzzer starts itself again for a merge, through a shell, by the first of these words.
    again = f"{shlex.quote(sys.executable)} {shlex.quote(__file__)} --target {shlex.quote(name)}"
    atheris.Setup([again, *arguments], lambda data: run_target(name, data))
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300, help="for each target")
    parser.add_argument("--target", help="only this one")
    options, rest = parser.parse_known_args()
    if rest:
        search(options.target, rest)
    from targets import TARGETS

    names = [options.target] if options.target else list(TARGETS)
    for name in names:
        kept = CORPUS / name
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as fresh:
            words = [sys.executable, __file__, "--target", name]
            limits = [f"-max_total_time={options.seconds}", "-max_len=4096", "-timeout=20"]
            subprocess.run([*words, *limits, "-rss_limit_mb=1024", fresh, str(kept)], check=True)
            subprocess.run([*words, "-merge=1", str(kept), fresh], check=True)


if __name__ == "__main__":
    main()
