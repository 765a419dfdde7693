"""Runs the application under uvicorn, with a time limit on everything that a client does slowly."""

import asyncio
import os
import signal
import socket
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from linguagen.models.errors import UsageError
from linguagen.runtime.server.app import Service

HEADER_SECONDS = 10
"""That a client may take to send the head of a request, or to take an answer."""
CONNECTIONS = 1024
"""Connections at a time; more are answered with status 503."""
STOP_SECONDS = 10
"""That requests in work may take once the server is told to stop."""


class TimedProtocol(H11Protocol):
    """uvicorn's HTTP, which cuts the connection of a client that sends a head, or reads an answer, too slowly."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take bytes; stop waiting once a request's head is whole."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._expect()
        else:
            self._expect_nothing()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._expect()

    def resume_writing(self) -> None:
        """Stop waiting: the client has read."""
        super().resume_writing()
        self._expect_nothing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._expect_nothing()

    def _expect(self) -> None:
        """Cut the connection after HEADER_SECONDS, unless something stops that; the time does not start anew."""
        if self._late is None:
            self._late = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _expect_nothing(self) -> None:
        """Cut nothing."""
        if self._late is not None:
            self._late.cancel()
            self._late = None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: a name or an address, of either version.
        port: 0 for any that is free.

    Raises:
        UsageError: the port is taken, or the host is not this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small packets at once (TCP_NODELAY) only if the protocol is named; else answers take 40 ms more.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(CONNECTIONS)
    except OSError as error:
        listening.close()
        what = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UsageError(
            f"cannot listen on {host}, port {port}: {what}; choose another with --port or --host"
        ) from error
    return listening


def serve(service: Service, listening: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM; requests in work are finished first."""
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises the signal again when it has stopped
        signal.signal(number, lambda *_: None)
    make_server(service).run(sockets=[listening])


def make_server(service: Service) -> uvicorn.Server:
    """The server of an application; it may run in any thread."""
    config = uvicorn.Config(
        service.application(),
        http=TimedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return uvicorn.Server(config)
