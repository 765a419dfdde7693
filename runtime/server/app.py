"""The application: routes, who may ask, and how much may be asked at once."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from linguagen.models.errors import LinguaGenError, RequestError
from linguagen.runtime.server.backends import Backend
from linguagen.runtime.server.messages import (
    EmbeddingsRequest,
    Limits,
    error_body,
    model_fields,
    model_list,
    read_request,
)
from linguagen.runtime.server.metrics import Metrics

HELD_BODIES = 16
"""Bodies of the largest size that may be in memory at once, whoever sends them."""
_KNOWN = ("/v1/embeddings", "/v1/models", "/metrics", "/healthz")
_JSON = "application/json"
_CLOSED_BY_CLIENT = 499


@dataclass(eq=False)
class Service:
    """What the routes share."""

    backend: Backend
    hosts: frozenset[str]
    """Names that the Host header may have: a web page whose own name was made to lead here has another."""
    token: str | None = None
    """What clients must send as a bearer token; None for nothing."""
    limits: Limits = field(default_factory=Limits)
    seconds: float = 30.0
    """That a client may take to send a body."""
    metrics: Metrics = field(default_factory=Metrics)
    held: int = 0
    """Bytes of bodies in memory now."""
    _slots: anyio.CapacityLimiter = field(init=False)

    def application(self) -> Starlette:
        """The ASGI application."""
        self._slots = anyio.CapacityLimiter(self.backend.calls)
        return Starlette(
            routes=[
                Route("/v1/embeddings", self._answering(self._embeddings), methods=["POST"]),
                Route("/v1/models", self._answering(self._models)),
                Route("/v1/models/{name:path}", self._answering(self._model)),
                Route("/metrics", self._answering(self._metrics)),
                Route("/healthz", self._healthy),
            ],
            exception_handlers={HTTPException: self._no_route},
        )

    def _answering(self, respond: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that checks who asks, answers errors in JSON, and counts every answer."""

        async def endpoint(request: Request) -> Response:
            """Answer one request."""
            try:
                self._admit(request)
                response = await respond(request)
            except ClientDisconnect:
                response = Response(status_code=_CLOSED_BY_CLIENT)
            except RequestError as error:
                response = refusal(error)
            except LinguaGenError as error:  # the device failed; its message names no client
                response = refusal(RequestError(str(error), 500))
            self._count(request, response.status_code)
            return response

        return endpoint

    def _admit(self, request: Request) -> None:
        """Refuse a request for another host's name, or without the token.

        Raises:
            RequestError: with status 403 or 401.
        """
        host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
        if host not in self.hosts:
            raise RequestError(f"the host {host[:80]!r} is not served here; use the address that was printed", 403)
        if self.token is not None:
            sent = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not secrets.compare_digest(sent.encode("utf-8"), self.token.encode("utf-8")):
                raise RequestError("the token is missing or wrong; send Authorization: Bearer TOKEN", 401)

    async def _embeddings(self, request: Request) -> Response:
        """`/v1/embeddings`."""
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _JSON:
            raise RequestError(f"the content type is not {_JSON}; send the request as JSON", 415)
        with self.metrics.working(), self._body() as body:
            await self._fill(body, request)
            asked = read_request(body, self.limits, [self.backend.name])
            answer, tokens = await self._compute(asked, dict(request.headers))
        self.metrics.texts += asked.count
        self.metrics.tokens += tokens
        return Response(answer, media_type=_JSON)

    async def _compute(self, asked: EmbeddingsRequest, headers: dict[str, str]) -> tuple[bytes, int]:
        """The backend's answer, computed in one of a few threads."""
        return await anyio.to_thread.run_sync(self.backend.answer, asked, headers, limiter=self._slots)

    @contextmanager
    def _body(self) -> Iterator[bytearray]:
        """Inside: an empty body, whose bytes count as held until the end."""
        body = bytearray()
        try:
            yield body
        finally:
            self.held -= len(body)

    async def _fill(self, body: bytearray, request: Request) -> None:
        """Read the body of a request.

        Raises:
            RequestError: it is too long, comes too slowly, or there are too many at once.
        """
        most = self.limits.body_bytes
        too_long = RequestError(f"the body is longer than {most} bytes; send fewer texts in a request", 413)
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared[:20]) > most:
            raise too_long
        try:
            async with asyncio.timeout(self.seconds):
                async for part in request.stream():
                    body += part
                    self.held += len(part)
                    if len(body) > most:
                        raise too_long
                    if self.held > HELD_BODIES * most:
                        raise RequestError("too many large requests at once; try again later", 503)
        except TimeoutError as error:
            raise RequestError(f"the body took longer than {self.seconds:g} s to come", 408) from error

    async def _models(self, request: Request) -> Response:  # noqa: ARG002
        """`/v1/models`."""
        return Response(model_list([self.backend.name]), media_type=_JSON)

    async def _model(self, request: Request) -> Response:
        """`/v1/models/NAME`."""
        name = request.path_params["name"]
        if name != self.backend.name:
            raise RequestError(f"the model {name[:80]!r} is not served here", 404, "model", "model_not_found")
        return Response(json.dumps(model_fields(name)), media_type=_JSON)

    async def _metrics(self, request: Request) -> Response:  # noqa: ARG002
        """`/metrics`."""
        return PlainTextResponse(self.metrics.text())

    async def _healthy(self, request: Request) -> Response:  # noqa: ARG002
        """`/healthz`, which needs no token."""
        return PlainTextResponse("ok\n")

    async def _no_route(self, request: Request, error: Exception) -> Response:
        """The answer to a path that is none, or to a method that it does not have."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        self._count(request, status)
        return refusal(RequestError(f"no {request.method} on this path; there is POST /v1/embeddings", status))

    def _count(self, request: Request, status: int) -> None:
        """Count an answer, under one of a few names of paths."""
        path = next((known for known in _KNOWN if request.url.path.startswith(known)), "other")
        self.metrics.count_answer(path, status)


def refusal(error: RequestError) -> Response:
    """The answer that an error is; where a body may not have been read, the connection ends with it."""
    headers = {"Connection": "close"} if error.status in (408, 413, 503) else {}
    headers |= {"Retry-After": "1"} if error.status == 503 else {}
    headers |= {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return Response(error_body(error), error.status, headers, _JSON)
