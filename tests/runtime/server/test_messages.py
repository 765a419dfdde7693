"""Requests of OpenAI's API are read as it documents them, and everything else is refused in words."""

import json

import numpy as np
import pytest

from linguagen.models.errors import RequestError
from linguagen.runtime.server.messages import Limits, answer, error_body, read_request

LIMITS = Limits(body_bytes=1000, inputs=3, characters=20)


def read(**fields: object):
    return read_request(json.dumps({"model": "m", **fields}).encode(), LIMITS, ["m"])


@pytest.mark.parametrize(
    ("value", "texts", "tokens"),
    [
        ("a", ["a"], []),
        (["a", "b"], ["a", "b"], []),
        ([1, 2], [], [[1, 2]]),
        ([[1], [2, 3]], [], [[1], [2, 3]]),
    ],
)
def test_texts_lists_and_tokens(value, texts, tokens):
    request = read(input=value, user="somebody")
    assert (request.texts, request.tokens, request.count) == (texts, tokens, len(texts or tokens))


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({}, "input", "input 0 is neither a text nor a list of tokens"),
        ({"input": ""}, "input", "input 0 is 0 characters long, expected 1 to 20"),
        ({"input": []}, "input", "input has 0 texts, expected 1 to 3"),
        ({"input": ["a"] * 4}, "input", "input has 4 texts, expected 1 to 3"),
        (
            {"input": ["a", 1]},
            "input",
            "input 1 is neither a text nor a list of tokens, or not of the first one's kind",
        ),
        ({"input": [[1], "a"]}, "input", "input 1 is neither"),
        ({"input": [[1, True]]}, "input", "input 0 is neither"),
        ({"input": [[]]}, "input", "input 0 is neither"),
        ({"input": "a" * 21}, "input", "input 0 is 21 characters long, expected 1 to 20"),
        ({"input": [1] * 21}, "input", "input 0 is 21 tokens long, expected 1 to 20"),
        ({"input": "a", "dimensions": 0}, "dimensions", "dimensions is 0, expected 1 or more"),
        ({"input": "a", "dimensions": True}, "dimensions", "dimensions is True, expected 1 or more"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", "is 'hex', expected float or base64"),
        ({"input": "a", "stream": True}, "stream", "unknown field 'stream'; expected dimensions, encoding_format,"),
        ({"input": "a", "model": 3}, "model", "model is missing or no string; expected m"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_field(fields, param, message):
    with pytest.raises(RequestError) as caught:
        read(**fields)
    assert message in str(caught.value)
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b'{"model": 1' + b"0" * 5000 + b"}", "the body is not JSON"),
        (b"3", "the body is a JSON int, expected an object with model and input"),
    ],
)
def test_bodies_that_are_no_request(body, message):
    with pytest.raises(RequestError, match=message):
        read_request(body, LIMITS, ["m"])


def test_another_model_is_not_found():
    with pytest.raises(RequestError, match="the model 'other' is not served here; expected m") as caught:
        read(input="a", model="other")
    document = json.loads(error_body(caught.value))["error"]
    assert caught.value.status == 404
    assert (document["code"], document["param"], document["type"]) == (
        "model_not_found",
        "model",
        "invalid_request_error",
    )
    assert json.loads(error_body(RequestError("x", 502)))["error"]["type"] == "server_error"


def test_an_answer_has_the_dimensions_that_were_asked_for():
    rows = np.array([[0.6, 0.0, 0.8]], np.float32)
    document = json.loads(answer(read(input="a", dimensions=2), rows, {"prompt_tokens": 1, "total_tokens": 1}))
    assert document["data"] == [{"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}]
    with pytest.raises(RequestError, match="dimensions is 4, expected 1 to 3: the model has no more"):
        answer(read(input="a", dimensions=4), rows, {})
