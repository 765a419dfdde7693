"""Run the project's own commands, as users type them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
"""The real vectors and texts, next to the checkout."""


def run_command(command: str, *words: object) -> None:
    """Run lg-train, lg-export or lg-run from this environment in the root of the checkout, and say which words it got.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    shown = [str(word) for word in words]
    print("$", command, *shown, flush=True)
    subprocess.run([Path(sys.executable).parent / command, *shown], cwd=ROOT, check=True)


def options(settings: dict[str, object]) -> list[str]:
    """Settings as command-line options: `evaluate_every` becomes `--evaluate-every`."""
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
