"""An adapter whose framework is missing says what to install."""

import importlib
import sys

import pytest

from linguagen.models.errors import MissingExtraError


@pytest.mark.parametrize(
    ("adapter", "module", "package"),
    [
        ("langchain", "langchain_core.embeddings", "langchain-core"),
        ("llamaindex", "llama_index.core.base.embeddings.base", "llama-index-core"),
        ("sentence_transformers", "sentence_transformers.base.modules", "sentence-transformers"),
    ],
)
def test_what_to_install_is_said(monkeypatch, adapter, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"linguagen.runtime.adapters.{adapter}", raising=False)
    with pytest.raises(
        MissingExtraError, match=rf"this adapter needs {package} .*; install it: pip install {package}$"
    ):
        importlib.import_module(f"linguagen.runtime.adapters.{adapter}")
