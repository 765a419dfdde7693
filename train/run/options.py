"""The command line of settings: one option per documented dataclass field, its doc the help."""

import inspect
from collections.abc import Callable
from dataclasses import Field, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from linguagen.train.run.settings import sections


def with_settings(*groups: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a command's `**settings` by one keyword option for every documented field of the dataclasses."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
        options = [_option(item, hint) for group in groups for item, hint in _documented(group)]
        command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        command.__annotations__ = {item.name: item.annotation for item in (*own, *options)}
        return command

    return decorate


def _documented(group: type) -> list[tuple[Field[Any], Any]]:
    """Documented fields of a dataclass with their types: its own, those of its sections, then inherited ones."""
    hints = get_type_hints(group)
    inherited = {item.name for base in group.__bases__ if is_dataclass(base) for item in fields(base)}
    own: list[tuple[Field[Any], Any]] = []
    general: list[tuple[Field[Any], Any]] = []
    for item in fields(group):
        if "help" in item.metadata:
            (general if item.name in inherited else own).append((item, hints[item.name]))
    inside = [found for section in sections(group).values() for found in _documented(section)]
    return [*own, *inside, *general]


def _option(item: Field[Any], hint: Any) -> inspect.Parameter:
    """The keyword parameter of a field; a bool is a flag that has no opposite."""
    flag = (f"--{item.name.replace('_', '-')}",) if hint is bool else ()
    option = typer.Option(*flag, help=item.metadata["help"])
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=item.default, annotation=Annotated[hint, option]
    )


def typed_settings(context: typer.Context) -> dict[str, Any]:
    """The parameters of a command that were typed, not defaulted, by name."""
    return {
        name: value
        for name, value in context.params.items()
        if (origin := context.get_parameter_source(name)) is not None and origin.name == "COMMANDLINE"
    }
