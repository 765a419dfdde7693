"""Load test of lg-run serve: many clients at once for a while, on this machine; writes its block of docs/results.

python -m benchmarks.serve_load --write
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.pages import RESULTS, table, write_block

TEXTS = (
    "a man is playing a guitar",
    "how do I reset my password when the mail never comes",
    "the committee published its report on river pollution on Tuesday",
    "boundary layer on a flat plate",
)
WARM_SECONDS = 2.0


@dataclass
class Tally:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    """Of every answer after the warm-up."""
    errors: int = 0


def request_of(texts: int) -> bytes:
    """An HTTP request for the embeddings of so many texts."""
    inputs = [TEXTS[number % len(TEXTS)] for number in range(texts)]
    body = json.dumps({"model": "linguagen-en", "input": inputs, "encoding_format": "base64"}).encode()
    head = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def client(port: int, request: bytes, began: float, seconds: float, tally: Tally) -> None:
    """One client on one connection, which asks again as soon as it has an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (asked := time.monotonic()) < began + seconds:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        if not head.startswith(b"HTTP/1.1 200 "):
            tally.errors += 1
        elif asked > began + WARM_SECONDS:
            tally.seconds.append(time.monotonic() - asked)
    writer.close()


async def load(port: int, clients: int, seconds: float, texts: int) -> Tally:
    """Ask with so many clients at once; a connection that breaks is an error."""
    tally, request, began = Tally(), request_of(texts), time.monotonic()
    work = (client(port, request, began, seconds, tally) for _ in range(clients))
    ends = await asyncio.gather(*work, return_exceptions=True)
    tally.errors += sum(isinstance(end, BaseException) for end in ends)
    return tally


def resident_megabytes(process: int) -> float:
    """Memory that a process has."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


def measure(port: int, process: int, clients: int, seconds: float, texts: int) -> list[str]:
    """A line of the table."""
    before = resident_megabytes(process)
    tally = asyncio.run(load(port, clients, seconds, texts))
    middle, late, last = np.percentile(tally.seconds, [50, 99, 100]) * 1000
    rate = len(tally.seconds) / (seconds - WARM_SECONDS)
    after = resident_megabytes(process)
    figures = [f"{rate:.0f}", f"{rate * texts:.0f}", f"{middle:.0f}", f"{late:.0f}", f"{last:.0f}"]
    return [str(clients), str(texts), *figures, str(tally.errors), f"{before:.0f}", f"{after:.0f}"]


def main() -> None:
    """Start a server, load it, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--write", action="store_true", help="write docs/results/serve.md instead of printing")
    arguments = parser.parse_args()
    program = Path(sys.executable).parent / "lg-run"
    with subprocess.Popen([program, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline().rsplit(":", 1)[1].split("/")[0])  # type: ignore[union-attr]
        rows = [
            measure(port, server.pid, clients, seconds, texts)
            for clients, seconds, texts in (
                (1, 10, 1),
                (arguments.clients, arguments.seconds, 1),
                (arguments.clients, 10, 16),
            )
        ]
        server.terminate()
    head = ["clients", "texts a request", "requests/s", "texts/s", "median ms", "p99 ms", "longest ms", "errors"]
    text = table([*head, "MB before", "MB after"], rows)
    if arguments.write:
        write_block(RESULTS / "serve.md", "serve", f"## Load\n\n{text}")
    else:
        print(text)


if __name__ == "__main__":
    main()
