"""lg-train: which kind of model, then that kind's own command."""

from typing import Annotated, Any

from typer.core import TyperGroup

from linguagen.runtime.console import new_app, run_app, version_option
from linguagen.train.kinds import DEFAULT_KIND, KINDS, command_of

_VERSION = "--version"


class _KindGroup(TyperGroup):
    """A group of commands, one per kind of model; without a kind's name it runs that of the default kind."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default kind first if no kind is named."""
        named = bool(args) and args[0] in (*self.commands, _VERSION)
        return super().parse_args(ctx, args if named else [DEFAULT_KIND, *args])


app = new_app("Train an encoder on embedding vectors or text, or a tagger.", cls=_KindGroup)


@app.callback()
def choose_kind(_version: Annotated[bool, version_option("lg-train")] = False) -> None:
    """Train an encoder on embedding vectors or text, or a tagger."""


for _kind in KINDS.values():
    _others = [f"{other.example}\n\nlg-train {other.name} --help" for other in KINDS.values() if other != _kind]
    app.command(_kind.name, epilog="\n\n".join(["Other kinds of model:", *_others]))(command_of(_kind.name))


def main() -> None:
    """Entry point of `lg-train`."""
    run_app(app)


if __name__ == "__main__":  # torchrun starts the module, not the command
    main()
