"""lg-run serve: OpenAI's embeddings API on this machine."""

from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_MODEL, DEFAULT_TEXT_MODEL
from linguagen.models.errors import MissingExtraError, UsageError
from linguagen.runtime.commands.options import DeviceOption, ThreadsOption
from linguagen.runtime.console import say, show

LOCAL = ("127.0.0.1", "localhost", "::1")

_ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help=f"A text model, by default {DEFAULT_TEXT_MODEL}; with --upstream a vector model ({DEFAULT_MODEL}).",
        show_default=False,
    ),
]
_UpstreamOption = Annotated[
    str | None,
    typer.Option(help="Pass requests on to the API at this address, and compress the vectors it answers with."),
]
_HostOption = Annotated[str, typer.Option(help="Address to listen on; one that others can reach needs a token.")]
_PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")]
_TokenOption = Annotated[
    str | None,
    typer.Option(envvar="LINGUAGEN_TOKEN", help="Bearer token that clients must send; better in the environment."),
]
_SecondsOption = Annotated[float, typer.Option(min=0.1, help="Longest wait for a request's body, or the upstream.")]


def serve(
    model: _ModelOption = None,
    upstream: _UpstreamOption = None,
    host: _HostOption = LOCAL[0],
    port: _PortOption = 8257,
    token: _TokenOption = None,
    body_megabytes: Annotated[int, typer.Option(min=1, help="Largest body of a request.")] = 8,
    inputs: Annotated[int, typer.Option(min=1, help="Most texts in a request.")] = 2048,
    characters: Annotated[int, typer.Option(min=1, help="Most characters, or tokens, of a text.")] = 100_000,
    seconds: _SecondsOption = 30,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Serve OpenAI's embeddings API on this machine.

    Texts are embedded offline by a text model. With --upstream an API embeds them, and its vectors are compressed
    on the way back; the client's key is passed on, and neither kept nor logged. The address is printed: give it to
    a client as base_url. Ctrl-C stops the server. There are also /v1/models, /healthz and /metrics.

    Example: lg-run serve --port 8257

    Example: lg-run serve --upstream https://api.openai.com/v1
    """
    _require_server(upstream, host, token)
    from linguagen.runtime.server.app import Service
    from linguagen.runtime.server.backends import load_backend
    from linguagen.runtime.server.messages import Limits
    from linguagen.runtime.server.run import listen
    from linguagen.runtime.server.run import serve as run_server

    backend = load_backend(model, upstream, device, threads, seconds)
    limits = Limits(body_megabytes << 20, inputs, characters)
    service = Service(backend, frozenset({host, *LOCAL}), token, limits, seconds)
    with listen(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        show(f"http://{shown}:{listening.getsockname()[1]}/v1")
        say(f"serving {backend.name}, {backend.dim} dimensions; stop with Ctrl-C")
        run_server(service, listening)
        say("stopped")


def _require_server(upstream: str | None, host: str, token: str | None) -> None:
    """Refuse a server that cannot be, before a model is loaded.

    Raises:
        UsageError: options that contradict each other, or a server that anybody could ask.
        MissingExtraError: starlette or uvicorn is not installed.
    """
    if upstream and token:
        raise UsageError("--token and --upstream both claim the Authorization header; leave --token out")
    if host not in LOCAL and not token:
        raise UsageError(f"--host {host} can be reached by others; give a --token, or listen on {LOCAL[0]}")
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        need = "lg-run serve needs starlette and uvicorn"
        raise MissingExtraError.of(need, error, "starlette", "uvicorn") from error
