"""lg-run demo: serve the page that compresses and searches in the browser, on this machine only."""

import http.server
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.errors import UsageError
from linguagen.runtime.console import say, show

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "demo"
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""Sent with every answer; what the page may load stands in the page itself, so that it holds on any server."""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the files of one folder; lists no folder and writes no log."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}  # noqa: RUF012

    def end_headers(self) -> None:
        """Add HEADERS to every answer."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: object) -> None:  # noqa: ARG002, the signature is the base class's
        """Answer 404 instead of listing a folder."""
        self.send_error(404)

    def log_message(self, *words: object) -> None:
        """Write no log."""


def demo(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the built page; by default docs/demo of the checkout.", show_default=False)
    ] = _PAGE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")] = 8256,
) -> None:
    """Serve the demonstration page on 127.0.0.1.

    The page compresses and searches vectors and texts in the browser; Ctrl-C stops the server. The page's address is
    printed. Its files are part of a checkout of the project, not of the installed package.

    Example: lg-run demo --port 0
    """
    if not all((folder / "built" / name).is_file() for name in ("page.js", "model.lgt")):
        raise UsageError(
            f"{folder} holds no built page, which is not part of the installed package; in a checkout of the project: "
            "make page, then lg-run demo docs/demo"
        )
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(folder)))
    except OSError as error:
        raise UsageError(f"cannot listen on port {port}: {error.strerror}; choose another with --port") from error
    with server:
        show(f"http://127.0.0.1:{server.server_address[1]}/")
        say("stop with Ctrl-C")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")
