"""lg-run serve, asked by the clients that people have, and by clients that mean harm."""

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import openai
import pytest
from langchain_openai import OpenAIEmbeddings
from serving import call, process, served, upstream, vector_of

from linguagen.models.errors import DeviceError, UsageError
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.server import run
from linguagen.runtime.server.backends import ProxyBackend, TextBackend
from linguagen.runtime.server.messages import Limits

TEXTS = ["The dog sees the man.", "a cat"]


@pytest.fixture(scope="module")
def encoder(tiny_text) -> TextEncoder:
    return TextEncoder.load(tiny_text["none"], threads=1)


@pytest.fixture(scope="module")
def server(encoder):
    """A server of the tiny text model: its port and service."""
    with served(TextBackend(encoder)) as found:
        yield found


@pytest.fixture(scope="module")
def client(server) -> openai.OpenAI:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{server[0]}/v1", api_key="none", max_retries=0) as found:
        yield found


def test_the_openai_client_gets_what_the_encoder_gives(client, encoder):
    name = encoder.manifest.name
    expected = encoder.embed(TEXTS)
    for form in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
        found = client.embeddings.create(model=name, input=TEXTS, **form)
        rows = [each.embedding for each in found.data]
        if form.get("encoding_format") == "base64":
            rows = [np.frombuffer(__import__("base64").b64decode(row), "<f4") for row in rows]
        np.testing.assert_allclose(np.array(rows), expected, atol=1e-6)
    assert found.usage.prompt_tokens == found.usage.total_tokens == sum(map(len, encoder.tokenize(TEXTS)))
    one = client.embeddings.create(model=name, input=TEXTS[0], dimensions=4).data[0].embedding
    np.testing.assert_allclose(one, expected[0, :4] / np.linalg.norm(expected[0, :4]), atol=1e-6)
    by_tokens = client.embeddings.create(model=name, input=encoder.tokenize(TEXTS))
    np.testing.assert_allclose([each.embedding for each in by_tokens.data], expected, atol=1e-6)
    assert [each.id for each in client.models.list()] == [name]
    assert client.models.retrieve(name).id == name


def test_the_openai_client_gets_errors_that_it_understands(client, encoder):
    name = encoder.manifest.name
    with pytest.raises(openai.NotFoundError) as missing:
        client.embeddings.create(model="other", input="a")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="the model 'other' is not served here"):
        client.models.retrieve("other")
    with pytest.raises(openai.BadRequestError, match="dimensions is 9, expected 1 to 8"):
        client.embeddings.create(model=name, input="a", dimensions=9)
    with pytest.raises(openai.BadRequestError, match="1 of 1 texts are empty"):
        client.embeddings.create(model=name, input=" ")
    with pytest.raises(openai.BadRequestError, match="text 0 has tokens from 99999 to 99999, expected 1 to"):
        client.embeddings.create(model=name, input=[[99999]])


def test_langchains_openai_embeddings_are_served(server, encoder):
    address = f"http://127.0.0.1:{server[0]}/v1"
    # Without the check LangChain sends texts; with it, tokens of OpenAI's tokenizer, which this model does not have.
    embeddings = OpenAIEmbeddings(
        model=encoder.manifest.name, base_url=address, api_key="none", check_embedding_ctx_length=False
    )
    np.testing.assert_allclose(embeddings.embed_documents(TEXTS), encoder.embed(TEXTS), atol=1e-6)
    np.testing.assert_allclose(embeddings.embed_query(TEXTS[0]), encoder.embed(TEXTS[0])[0], atol=1e-6)


def test_paths_methods_and_content_types_that_are_none(server):
    port, _ = server
    assert call(port, "/healthz") == (200, "ok\n")
    assert call(port, "/nope")[0] == 404
    status, document = call(port, "/v1/embeddings")
    assert (status, document["error"]["message"]) == (405, "no GET on this path; there is POST /v1/embeddings")
    status, document = call(port, "/v1/embeddings", b"{}", Content_Type="text/plain")
    assert (status, document["error"]["message"]) == (
        415,
        "the content type is not application/json; send the request as JSON",
    )
    status, document = call(port, "/v1/models", Host="evil.example")
    assert (status, document["error"]["message"][:34]) == (403, "the host 'evil.example' is not ser")


def test_metrics_count_answers_texts_and_seconds(encoder):
    with served(TextBackend(encoder)) as (port, _):
        for body in ({"model": encoder.manifest.name, "input": TEXTS}, {}):
            call(port, "/v1/embeddings", body)
        call(port, "/nope")
        shown = call(port, "/metrics")[1].splitlines()
    expected = [
        'linguagen_answers_total{path="/v1/embeddings",status="200"} 1',
        'linguagen_answers_total{path="/v1/embeddings",status="400"} 1',
        'linguagen_answers_total{path="other",status="404"} 1',
        "linguagen_texts_total 2",
        "linguagen_requests_in_work 0",
        'linguagen_seconds_bucket{le="+Inf"} 2',
        "linguagen_seconds_count 2",
    ]
    assert [line for line in expected if line not in shown] == []


def test_a_token_is_needed_where_one_is_set(encoder):
    with served(TextBackend(encoder), token="näh secret") as (port, _):
        assert call(port, "/healthz")[0] == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}):
            status, document = call(port, "/v1/models", **headers)
            assert (status, document["error"]["message"]) == (
                401,
                "the token is missing or wrong; send Authorization: Bearer TOKEN",
            )
    with served(TextBackend(encoder), token="secret") as (port, _):
        assert call(port, "/v1/models", Authorization="Bearer secret")[0] == 200


def test_a_proxy_compresses_and_passes_the_key_on(tiny):
    compressor = Compressor.load(tiny["none"], threads=1)
    expected = compressor.compress(np.stack([vector_of(text, 48) for text in TEXTS]))
    with upstream() as (address, api), served(ProxyBackend(address, compressor, 5)) as (port, _):
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="sk-key", organization="us") as client:
            found = client.embeddings.create(model="tiny-teacher", input=TEXTS, dimensions=8, user="me")
        np.testing.assert_allclose([each.embedding for each in found.data], expected, atol=1e-6)
        assert found.usage.total_tokens == 7
        headers, fields = api.seen[0]
        assert (headers["authorization"], headers["openai-organization"]) == ("Bearer sk-key", "us")
        assert fields == {"model": "tiny-teacher", "input": TEXTS, "user": "me", "encoding_format": "base64"}


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        ({"answer": (429, b'{"error": {"message": "slow down", "code": "rate"}}')}, 429, "slow down"),
        ({"answer": (500, b"<html>")}, 500, "the upstream answered with status 500"),
        ({"answer": (307, b"")}, 502, "the upstream answered with status 307"),
        ({"answer": (200, b'{"data": 3}')}, 502, "the upstream's answer has no embeddings (TypeError("),
        ({"answer": (200, b"[]")}, 502, "the upstream's answer has no embeddings"),
        (
            {"width": 40},
            502,
            "the upstream's vectors cannot be compressed: vectors: vectors of width 40, but the model",
        ),
    ],
)
def test_what_an_upstream_gets_wrong_is_told(tiny, settings, status, message):
    compressor = Compressor.load(tiny["none"], threads=1)
    with upstream(**settings) as (address, _), served(ProxyBackend(address, compressor, 5)) as (port, _):
        found, document = call(port, "/v1/embeddings", {"model": "tiny-teacher", "input": "a"})
    assert found == status
    assert document["error"]["message"].startswith(message)


def test_an_upstream_that_is_not_there_is_told_and_one_that_cannot_be_is_refused(tiny):
    compressor = Compressor.load(tiny["none"], threads=1)
    with served(ProxyBackend("http://127.0.0.1:1/v1", compressor, 5)) as (port, _):
        status, document = call(port, "/v1/embeddings", {"model": "tiny-teacher", "input": "a"})
    assert status == 502
    assert document["error"]["message"].startswith("the upstream 127.0.0.1 does not answer (ConnectionRefusedError")
    for address in ("ftp://a/v1", "api.openai.com", "https://me:key@host/v1"):
        with pytest.raises(UsageError, match=r"expected an address such as https://api.openai.com/v1"):
            ProxyBackend(address, compressor, 5)


def test_a_device_that_fails_is_an_error_of_the_server(encoder):
    backend = TextBackend(encoder)
    backend.answer = lambda *_: (_ for _ in ()).throw(DeviceError("the model failed on cpu"))
    with served(backend) as (port, _):
        status, document = call(port, "/v1/embeddings", {"model": backend.name, "input": "a"})
    assert (status, document["error"]["type"]) == (500, "server_error")


def send_slowly(port: int, head: bytes, data: bytes, pause: float) -> bytes:
    """What a server answers a client that sends data a byte at a time; empty if it cuts the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(head)
        client.settimeout(0.001)
        for place in range(len(data)):
            try:
                client.send(data[place : place + 1])
                return client.recv(10_000)
            except TimeoutError:
                time.sleep(pause)
            except OSError:
                return b""
        client.settimeout(20)
        return client.recv(10_000)


def test_slow_clients_are_cut_off(encoder, monkeypatch):
    monkeypatch.setattr(run, "HEADER_SECONDS", 0.5)
    with served(TextBackend(encoder), seconds=0.5) as (port, _):
        with ThreadPoolExecutor(3) as pool:
            head = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            slow_head = pool.submit(send_slowly, port, head, b"X: " + b"a" * 500, 0.02)
            slow_body = pool.submit(send_slowly, port, head + b"Content-Length: 500\r\n\r\n", b" " * 500, 0.02)
            nothing = pool.submit(send_slowly, port, b"", b"", 0)
            assert slow_head.result() == b""
            assert slow_body.result().startswith(b"HTTP/1.1 408 ")
            assert nothing.result() == b""
        assert call(port, "/healthz")[0] == 200


def test_a_client_that_reads_nothing_is_cut_off(encoder, monkeypatch):
    monkeypatch.setattr(run, "HEADER_SECONDS", 0.5)
    backend = TextBackend(encoder)
    backend.answer = lambda *_: (b"x" * 50_000_000, 1)
    with served(backend) as (port, _), socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        body = b'{"model": "%s", "input": "a"}' % backend.name.encode()
        head = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
        client.sendall(head.format(len(body)).encode() + body)
        time.sleep(2)
        got = 0
        with suppress(ConnectionResetError):
            while part := client.recv(1 << 20):
                got += len(part)
        assert got < 50_000_000


def test_too_many_large_bodies_at_once_are_told_to_come_later(encoder):
    with served(TextBackend(encoder), limits=Limits(body_bytes=1000)) as (port, service):
        service.held = 16_000
        status, document = call(port, "/v1/embeddings", {"model": encoder.manifest.name, "input": "a"})
        assert (status, document["error"]["message"]) == (503, "too many large requests at once; try again later")
        service.held = 0
        assert call(port, "/v1/embeddings", {"model": encoder.manifest.name, "input": "a"})[0] == 200
        assert service.held == 0


def resident(number: int) -> float:
    """Megabytes of memory that a process has."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def pour(port: int, parts: int, chunked: bool) -> bytes:
    """The status line that a client gets who sends `parts` megabytes, with a length declared or in chunks."""
    part = b" " * 1_000_000
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        form = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (parts * len(part))
        head = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n\r\n"
        try:
            client.sendall(head % form)
            for _ in range(parts):
                client.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        except OSError:
            pass  # the server has answered and closed, which it may before it has read everything
        try:
            return client.recv(1000).split(b"\r\n")[0]
        except ConnectionResetError:
            return b"reset"


@pytest.mark.timeout(120)
def test_hostile_requests_end_well_and_memory_stays_flat(tiny_text):
    with process("--model", tiny_text["none"]) as (running, port):
        good = {"model": TextEncoder.load(tiny_text["none"]).manifest.name, "input": "The dog."}
        for _ in range(50):
            assert call(port, "/v1/embeddings", good)[0] == 200
        before = resident(running.pid)
        for chunked in (False, True):
            assert pour(port, 100, chunked) in (
                b"HTTP/1.1 413 Content Too Large",
                b"HTTP/1.1 413 Request Entity Too Large",
                b"reset",
            )
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        statuses = set()
        for number in range(1000):
            body = (
                b"{" * number,
                b'{"model": 3}',
                b"\xff\x00" * number,
                b'{"model": "m", "input": [[' + b"1," * number,
            )[number % 4]
            connection.request("POST", "/v1/embeddings", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            statuses.add(response.status)
        connection.close()
        assert statuses == {400}
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"\x00\xff nonsense\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400")
        assert call(port, "/v1/embeddings", good)[0] == 200
        assert resident(running.pid) < before + 40


def test_a_stop_waits_for_requests_in_work_and_keys_are_written_nowhere(tiny):
    class Slow(threading.Event):
        """Tells that a request has come."""

    came = Slow()
    with upstream() as (address, api):
        quick = api.do_POST

        def slow(self) -> None:
            came.set()
            time.sleep(1)
            quick(self)

        api.do_POST = slow
        with process("--upstream", address, "--model", tiny["none"]) as (running, port):
            with ThreadPoolExecutor(1) as pool:
                body = {"model": "tiny-teacher", "input": "a"}
                answer = pool.submit(call, port, "/v1/embeddings", body, Authorization="Bearer sk-key")
                assert came.wait(10)
                running.send_signal(signal.SIGTERM)
                assert answer.result(20)[0] == 200
            output, talk = running.communicate(timeout=20)
            assert running.returncode == 0
    assert talk == "serving tiny-teacher, 8 dimensions; stop with Ctrl-C\nstopped\n"
    assert "sk-key" not in output + talk


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--host", "0.0.0.0"), "--host 0.0.0.0 can be reached by others; give a --token, or listen on 127.0.0.1"),
        (("--upstream", "http://a/v1", "--token", "t"), "--token and --upstream both claim the Authorization header"),
        (("--upstream", "nonsense"), "--upstream is 'nonsense', expected an address such as https://api.openai.com/v1"),
    ],
)
def test_servers_that_cannot_be_are_refused(run_command, words, message):
    assert f"error: {message}" in run_command("lg-run", "serve", *words, code=2).stderr


def test_a_port_that_is_taken_and_a_package_that_is_missing(run_command, tiny_text, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ("lg-run", "serve", "--model", tiny_text["none"], "--port", taken.getsockname()[1])
        assert "Address already in use; choose another with --port or --host" in run_command(*words, code=2).stderr
    (tmp_path / "uvicorn.py").write_text("raise ImportError('not installed')\n")
    done = run_command(*words, code=2, PYTHONPATH=str(tmp_path))
    assert "needs starlette and uvicorn (not installed); install them: pip install starlette uvicorn" in done.stderr


def test_the_token_comes_from_the_environment(tiny_text):
    with process("--model", tiny_text["none"], LINGUAGEN_TOKEN="secret") as (_, port):
        assert call(port, "/v1/models")[0] == 401
        assert call(port, "/v1/models", Authorization="Bearer secret")[0] == 200
    assert "LINGUAGEN_TOKEN" not in os.environ
