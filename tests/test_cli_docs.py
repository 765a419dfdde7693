"""docs/cli.md is the help of the commands."""

import runpy

import pytest


@pytest.fixture(scope="module")
def maker(root) -> dict:
    return runpy.run_path(str(root / "docs" / "make_cli.py"))


@pytest.mark.timeout(280)
def test_the_page_is_the_help_of_the_commands(maker):
    assert maker["PAGE"].read_text(encoding="utf-8") == maker["page"](), "write it again: make docs-cli"


def test_sub_commands_are_found(maker):
    shown = "Usage: x\n\nOptions:\n  --version  Print it.\n\nCommands:\n  text        Train on text,\n              or not.\n  evaluate-me  More."
    assert maker["sub_commands"](shown) == ["text", "evaluate-me"]
    assert maker["sub_commands"]("Usage: x\n\nOptions:\n  --version") == []
