import io
import sys
import time

import pytest

from linguagen.runtime import console
from linguagen.runtime.console import progress, progress_line


@pytest.mark.parametrize(
    ("done", "steps", "seconds", "line"),
    [
        (1200, 4000, 77, "training  1200 of 4000, 3 min left"),
        (4000, 4000, 600, "training  4000 of 4000, 0 min left"),
        (0, 4000, 121, "training  0 of 4000, 2 min so far"),
        (70, None, 61, "training  70, 1 min so far"),
    ],
)
def test_a_line_says_how_far_and_how_long(done, steps, seconds, line):
    assert progress_line("training", done, steps, seconds) == line


def test_without_a_terminal_a_line_is_printed_now_and_then(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LINES", 0.05)
    with progress("training", 10) as advance:
        time.sleep(0.2)  # nothing advances, as while a run prepares
        advance(5)
        time.sleep(0.2)
    lines = sys.stderr.getvalue().splitlines()
    assert lines[0] == "training  0 of 10, 0 min so far"
    assert lines[-1] == "training  5 of 10, 0 min left"
    time.sleep(0.1)
    assert sys.stderr.getvalue().splitlines() == lines  # none after the end


def test_a_short_command_prints_no_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress("training", 10) as advance:
        advance(10)
    assert sys.stderr.getvalue() == ""
