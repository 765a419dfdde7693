"""What answers requests for embeddings: a text model on this machine, or an API whose vectors are compressed."""

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from linguagen.models.errors import RequestError, TextError, UsageError, VectorError
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.server.messages import EmbeddingsRequest, answer
from linguagen.runtime.vectors import Array

_PASSED_ON = ("authorization", "openai-organization", "openai-project")
"""Headers of a request that go to the upstream; they are kept nowhere and written nowhere."""
_UPSTREAM_CALLS = 64
"""Calls to an upstream at a time."""
_MOST_ANSWER_BYTES = 128 << 20


class Backend(Protocol):
    """Answers requests. Several threads call it at once."""

    name: str
    """The model's name in requests and answers."""
    dim: int
    """Dimensions of its embeddings."""
    calls: int
    """Requests that it answers at a time."""

    def answer(self, request: EmbeddingsRequest, headers: Mapping[str, str]) -> tuple[bytes, int]:
        """The body of an answer, and the tokens that were read.

        Args:
            request: what was asked.
            headers: those of the request, their names in small letters.

        Raises:
            RequestError: it cannot be answered.
        """


class TextBackend:
    """Embeds the texts of requests with a text model."""

    def __init__(self, encoder: TextEncoder) -> None:
        """Serve this model."""
        self._encoder = encoder
        self.name, self.dim, self.calls = encoder.manifest.name, encoder.manifest.output_dim, usable_cores()

    def answer(self, request: EmbeddingsRequest, headers: Mapping[str, str]) -> tuple[bytes, int]:  # noqa: ARG002
        """See `Backend`; tokens in a request are those of the model's own tokenizer."""
        request.width(self.dim)
        try:
            tokens = request.tokens or self._encoder.tokenize(request.texts)
            embeddings = self._encoder.embed_tokens(tokens)
        except TextError as error:
            raise RequestError(str(error), param="input") from error
        read = sum(map(len, tokens))
        return answer(request, embeddings, {"prompt_tokens": read, "total_tokens": read}), read


class ProxyBackend:
    """Passes requests on to an API, and compresses the vectors that it answers with."""

    def __init__(self, upstream: str, compressor: Compressor, seconds: float) -> None:
        """Serve the compressor's teacher.

        Args:
            upstream: the API's address up to `/v1`, such as `https://api.openai.com/v1`.
            compressor: for vectors of the API's model.
            seconds: to wait for the upstream, at most.

        Raises:
            UsageError: the address cannot be one.
        """
        parts = urlsplit(upstream)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise UsageError(f"--upstream is {upstream!r}, expected an address such as https://api.openai.com/v1")
        self._parts, self._compressor, self._seconds = parts, compressor, seconds
        self.name, self.dim = compressor.manifest.teacher, compressor.manifest.output_dim
        self.calls = _UPSTREAM_CALLS

    def answer(self, request: EmbeddingsRequest, headers: Mapping[str, str]) -> tuple[bytes, int]:
        """See `Backend`; errors of the upstream are passed back with their status."""
        request.width(self.dim)
        fields = {name: value for name, value in request.fields.items() if name != "dimensions"}
        document = self._call({**fields, "encoding_format": "base64"}, headers)
        try:
            rows = sorted(document["data"], key=lambda item: int(item["index"]))
            vectors = np.stack([_vector(item["embedding"]) for item in rows])  # (texts, width)
            usage = {name: int(document["usage"][name]) for name in ("prompt_tokens", "total_tokens")}
        except (KeyError, TypeError, ValueError) as error:
            raise RequestError(f"the upstream's answer has no embeddings ({error!r:.80})", 502) from error
        if len(vectors) != request.count:
            raise RequestError(f"the upstream answered {request.count} texts with {len(vectors)} vectors", 502)
        try:
            embeddings = self._compressor.compress(vectors)
        except VectorError as error:
            raise RequestError(f"the upstream's vectors cannot be compressed: {error}", 502) from error
        return answer(request, embeddings, usage), usage["total_tokens"]

    def _call(self, fields: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """The upstream's answer to a request, from JSON; no redirect is followed, since it would take the key along.

        Raises:
            RequestError: no answer in time, an error, or no JSON.
        """
        passed = {name: headers[name] for name in _PASSED_ON if name in headers}
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=self._seconds)
        try:
            path = f"{self._parts.path.rstrip('/')}/embeddings"
            connection.request("POST", path, json.dumps(fields), {"Content-Type": "application/json", **passed})
            response = connection.getresponse()
            body = response.read(_MOST_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise RequestError(f"the upstream {self._parts.hostname} does not answer ({error!r:.80})", 502) from error
        finally:
            connection.close()
        document = _json(body)
        if response.status != 200:
            raise _upstream_error(response.status, document)
        return document


def load_backend(model: str | None, upstream: str | None, device: str, threads: int | None, seconds: float) -> Backend:
    """The backend of a server: a proxy if there is an upstream, else a text model; arguments and errors as theirs."""
    if upstream:
        return ProxyBackend(upstream, Compressor.load(model, device=device, threads=threads), seconds)
    return TextBackend(TextEncoder.load(model, device=device, threads=threads))


def _json(body: bytes) -> Any:
    """What the upstream wrote as JSON; None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _upstream_error(status: int, document: Any) -> RequestError:
    """The error of an upstream, for the client: its own message and status; a redirect becomes status 502."""
    told = document.get("error") if isinstance(document, dict) else None
    told = told if isinstance(told, dict) else {}
    message = str(told.get("message") or f"the upstream answered with status {status}")
    code = str(told["code"]) if told.get("code") else None
    return RequestError(message[:1000], status if status >= 400 else 502, code=code)


def _vector(value: object) -> Array:
    """A vector (width,) of the API: base64 of float32, or a list of numbers.

    Raises:
        ValueError, TypeError: it is neither.
    """
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    return np.array(value, dtype=np.float32)
