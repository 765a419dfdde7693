"""Servers for tests: ours in a thread or as a process, and an API that answers with vectors."""

import base64
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.runtime.server.app import Service
from linguagen.runtime.server.backends import Backend
from linguagen.runtime.server.run import listen, make_server

LOCAL = frozenset({"127.0.0.1", "localhost"})


@contextmanager
def served(backend: Backend, **settings: Any) -> Iterator[tuple[int, Service]]:
    """Inside: a server of a backend in a thread; gives its port and its service."""
    service = Service(backend, LOCAL, **settings)
    server = make_server(service)
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1], service
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@contextmanager
def process(*words: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Inside: `lg-run serve` as a process, on any free port; gives the process and the port."""
    command = [Path(sys.executable).parent / "lg-run", "serve", "--port", "0", *words]
    running = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/v1\n", running.stdout.readline())
        assert found, running.communicate(timeout=10)
        yield running, int(found[1])
    finally:
        running.kill()
        running.communicate(timeout=20)


def call(port: int, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """The status and the JSON, or the text, of an answer; a body is posted as JSON, bytes as they are."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET" if body is None else "POST", path, data, {"Content-Type": "application/json", **named})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, json.loads(text) if "json" in (response.getheader("content-type") or "") else text


class Upstream(http.server.BaseHTTPRequestHandler):
    """An API that answers each text with a vector that its length seeds, and keeps what it was sent."""

    width = 48
    answer: tuple[int, bytes] | None = None
    """Status and body to answer with instead."""
    seen: list[tuple[dict[str, str], dict[str, Any]]]

    def do_POST(self) -> None:
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((dict(self.headers), fields))
        status, body = self.answer or (200, self._embeddings(fields))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "http://127.0.0.1:1/v1/embeddings")
        self.end_headers()
        self.wfile.write(body)

    def _embeddings(self, fields: dict[str, Any]) -> bytes:
        texts = fields["input"] if isinstance(fields["input"], list) else [fields["input"]]
        data = [
            {"index": number, "embedding": base64.b64encode(vector_of(text, self.width).tobytes()).decode()}
            for number, text in reversed(list(enumerate(texts)))
        ]
        return json.dumps({"data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}}).encode()

    def log_message(self, *words: object) -> None:
        """Write no log."""


def vector_of(text: str, width: int) -> np.ndarray:
    """The vector (width,) that `Upstream` answers a text with."""
    return np.random.default_rng(len(text)).standard_normal(width).astype(np.float32)


@contextmanager
def upstream(**settings: Any) -> Iterator[tuple[str, type[Upstream]]]:
    """Inside: an `Upstream` in a thread; gives its address and its class, whose attributes are `settings`."""
    handler = type("Handler", (Upstream,), {"seen": [], **settings})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
