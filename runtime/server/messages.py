"""The JSON of OpenAI's embeddings API: requests read and checked, answers and errors written."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linguagen.models.errors import RequestError
from linguagen.runtime.codes.codec import truncate
from linguagen.runtime.vectors import Array

_FIELDS = {"model", "input", "dimensions", "encoding_format", "user"}
_DECIMALS = 9
"""Digits after the point of a number in an answer: an embedding in float32 has no more."""


@dataclass(frozen=True)
class Limits:
    """What a request may ask for."""

    body_bytes: int = 8 << 20
    inputs: int = 2048
    characters: int = 100_000
    """Of one text; for tokens, as many tokens."""


@dataclass(frozen=True)
class EmbeddingsRequest:
    """A request for embeddings that was read and checked."""

    model: str
    texts: list[str]
    """The texts; empty if the request has tokens."""
    tokens: list[list[int]]
    """The tokens of every text; empty if the request has texts."""
    dimensions: int | None
    """Leading dimensions to keep; None for all."""
    as_base64: bool
    fields: Mapping[str, Any]
    """The request as it came."""

    @property
    def count(self) -> int:
        """Texts that the request asks about."""
        return len(self.texts) or len(self.tokens)

    def width(self, whole: int) -> int:
        """The dimensions of the answer, for a model of `whole` dimensions.

        Raises:
            RequestError: the model has fewer than were asked for.
        """
        if self.dimensions is not None and self.dimensions > whole:
            raise RequestError(
                f"dimensions is {self.dimensions}, expected 1 to {whole}: the model has no more", param="dimensions"
            )
        return self.dimensions or whole


def read_request(body: bytes | bytearray, limits: Limits, models: Sequence[str]) -> EmbeddingsRequest:
    """Read the body of a request.

    Args:
        body: what came.
        limits: what may be asked for.
        models: names of the models that are served.

    Raises:
        RequestError: the body is no such request, or asks for too much or for another model.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON ({str(error)[:80]}); send a JSON object") from error
    if not isinstance(fields, dict):
        raise RequestError(f"the body is a JSON {type(fields).__name__}, expected an object with model and input")
    for name in fields:
        if name not in _FIELDS:
            raise RequestError(f"unknown field {name[:80]!r}; expected {', '.join(sorted(_FIELDS))}", param=name[:80])
    _check_model(fields.get("model"), models)
    dimensions, encoding = fields.get("dimensions"), fields.get("encoding_format", "float")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        raise RequestError(f"dimensions is {str(dimensions)[:80]}, expected 1 or more", param="dimensions")
    if encoding not in ("float", "base64"):
        raise RequestError(
            f"encoding_format is {str(encoding)[:80]!r}, expected float or base64", param="encoding_format"
        )
    texts, tokens = _read_input(fields.get("input"), limits)
    return EmbeddingsRequest(fields["model"], texts, tokens, dimensions, encoding == "base64", fields)


def _check_model(model: object, models: Sequence[str]) -> None:
    """Refuse a model that is not served.

    Raises:
        RequestError: with status 404 if it is a name, as OpenAI has it.
    """
    if not isinstance(model, str):
        raise RequestError(f"model is missing or no string; expected {' or '.join(models)}", param="model")
    if model not in models:
        raise RequestError(
            f"the model {model[:80]!r} is not served here; expected {' or '.join(models)}",
            404,
            "model",
            "model_not_found",
        )


def _read_input(value: object, limits: Limits) -> tuple[list[str], list[list[int]]]:
    """The texts, or the tokens of each text, of a request's `input`; the other list is empty.

    Raises:
        RequestError: it is neither a text, a list of texts, tokens nor a list of tokens, or is too much.
    """
    listed: list[Any] = value if isinstance(value, list) else [value]
    if listed and all(type(each) is int for each in listed):
        listed = [listed]
    if not listed or len(listed) > limits.inputs:
        raise RequestError(f"input has {len(listed)} texts, expected 1 to {limits.inputs}", param="input")
    for number, each in enumerate(listed):
        of_tokens = isinstance(each, list) and bool(each) and all(type(token) is int for token in each)
        if not (isinstance(each, str) or of_tokens) or type(each) is not type(listed[0]):
            raise RequestError(
                f"input {number} is neither a text nor a list of tokens, or not of the first one's kind; expected a "
                "string, a list of strings, a list of integers, or a list of lists of integers",
                param="input",
            )
        if not each or len(each) > limits.characters:
            raise RequestError(
                f"input {number} is {len(each)} {'characters' if isinstance(each, str) else 'tokens'} long, "
                f"expected 1 to {limits.characters}",
                param="input",
            )
    return (listed, []) if isinstance(listed[0], str) else ([], listed)


def answer(request: EmbeddingsRequest, embeddings: Array, tokens: Mapping[str, int]) -> bytes:
    """The body of an answer.

    Args:
        request: what was asked.
        embeddings: (texts, dim), unit length; cut to the dimensions asked for.
        tokens: the usage.
    """
    rows = truncate(embeddings, request.width(embeddings.shape[1]))
    forms: list[Any]
    if request.as_base64:
        forms = [base64.b64encode(row.astype("<f4").tobytes()).decode("ascii") for row in rows]
    else:
        forms = np.round(rows.astype(np.float64), _DECIMALS).tolist()
    data = [{"object": "embedding", "index": number, "embedding": form} for number, form in enumerate(forms)]
    return json.dumps({"object": "list", "data": data, "model": request.model, "usage": dict(tokens)}).encode()


def error_body(error: RequestError) -> bytes:
    """The body of an answer that is an error."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    fields = {"message": str(error), "type": kind, "param": error.param, "code": error.code}
    return json.dumps({"error": fields}).encode()


def model_list(models: Sequence[str]) -> bytes:
    """The body of the list of models."""
    return json.dumps({"object": "list", "data": [model_fields(name) for name in models]}).encode()


def model_fields(name: str) -> dict[str, object]:
    """What the API says of a model."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "linguagen"}
