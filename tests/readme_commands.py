"""Run the commands that a page shows, in their order, and write what they print into the page.

python tests/readme_commands.py                            # README.md, in an empty folder
python tests/readme_commands.py docs/training.md           # a guide, in an empty folder
python tests/readme_commands.py docs/results/vectors.md    # a page of results, in the root of the checkout
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PROGRESS = r"\w+  \d+( of \d+)?, \d+ min (left|so far)"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def run_block(block: str, folder: Path) -> str:
    """What a ```console block should read: each `$ command` followed by what it prints."""
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            env=os.environ
            | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"},
        )
        # How far a command is, once a minute: on a fast machine there is no such line.
        printed = [line for line in done.stdout.splitlines() if not re.fullmatch(PROGRESS, line)]
        lines += [f"$ {command}", *printed]
    return "\n".join(lines) + "\n"


def rewrite(page: Path, folder: Path) -> None:
    """Write what a page's commands print, run in a folder, into the page."""
    text = page.read_text(encoding="utf-8")
    page.write_text(BLOCK.sub(lambda found: f"```console\n{run_block(found[1], folder)}```", text), encoding="utf-8")


if __name__ == "__main__":
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else README
    if page.parent.name == "results":
        rewrite(page, ROOT)
    else:
        with tempfile.TemporaryDirectory() as empty:
            rewrite(page, Path(empty))
