"""Writes docs/cli.md: the help of the three commands and of all their sub-commands.

python docs/make_cli.py
"""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "cli.md"
COMMANDS = ("lg-train", "lg-export", "lg-run")
COLUMNS = 80
_HEAD = """# The command line

Written by `docs/make_cli.py` from the help of the commands; `make docs-cli` writes it again.
"""


def page() -> str:
    """The whole page, as Markdown."""
    sections = [section for command in COMMANDS for section in sections_of(command)]
    return "\n".join([_HEAD, *sections])


def sections_of(*words: str) -> list[str]:
    """A section with the help of a command, then one for each of its sub-commands."""
    shown = help_of(*words)
    title = f"{'##' if len(words) == 1 else '###'} {' '.join(words)}"
    section = f"{title}\n\n```\n{shown}\n```\n"
    return [section, *(found for name in sub_commands(shown) for found in sections_of(*words, name))]


def help_of(*words: str) -> str:
    """What a command prints with --help, at a fixed width, whatever the terminal."""
    program = Path(sys.executable).parent / words[0]
    environment = os.environ | {"COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [program, *words[1:], "--help"], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def sub_commands(shown: str) -> list[str]:
    """The names of the sub-commands that a command's help lists, in its order."""
    _, _, listed = shown.partition("\nCommands:\n")
    return re.findall(r"^  ([\w-]+)", listed, re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
