"""lg-run: all commands."""

from linguagen.runtime.commands import demo, evaluate, files, models, text  # noqa: F401, their commands
from linguagen.runtime.commands.app import app
from linguagen.runtime.console import run_app


def main() -> None:
    """Entry point of `lg-run`."""
    run_app(app)
