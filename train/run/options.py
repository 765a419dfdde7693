"""The command line of a configuration: one option per dataclass field, its doc the help."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import typer


def with_settings(*sections: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a command's `**settings` by one keyword option for every documented field of the dataclasses."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
        command.__signature__ = signature.replace(parameters=[*own, *_options(sections)])  # type: ignore[attr-defined]
        command.__annotations__ = {item.name: item.annotation for item in (*own, *_options(sections))}
        return command

    return decorate


def _options(sections: Sequence[type]) -> list[inspect.Parameter]:
    """An option a name; where two sections have one, the first's default counts and the second's help is added."""
    found: dict[str, inspect.Parameter] = {}
    for section in sections:
        hints = get_type_hints(section)
        for item in fields(section):
            if "help" not in item.metadata:
                continue
            if item.name in found:
                shown = found[item.name].annotation.__metadata__[0]
                if not shown.help.startswith(item.metadata["help"]):
                    shown.help += f" With --text: {item.metadata['help']} [with --text: {item.default or 'none'}]"
                continue
            found[item.name] = inspect.Parameter(
                item.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=item.default,
                annotation=Annotated[hints[item.name], typer.Option(help=item.metadata["help"])],
            )
    return list(found.values())


def given_settings(context: typer.Context) -> dict[str, Any]:
    """The options that were typed, not defaulted."""
    return {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    }
