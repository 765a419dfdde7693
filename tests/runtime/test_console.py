"""What the commands print for people."""

import io
import sys
import time

import numpy as np
import pytest

from linguagen.runtime import TextEncoder, console
from linguagen.runtime.console import format_table, printable, progress, progress_line, say, show


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


STEERING = "a\x1b[31m\x07\x7f\x9b\u202eb\u2066\r\nc\t\udcff"
ESCAPED = r"a\x1b[31m\x07\x7f\x9b\u202eb\u2066\r\nc\t\udcff"


def test_what_steers_a_terminal_is_escaped_and_letters_stay(capsys):
    assert printable(STEERING) == ESCAPED
    assert printable("Kraków, 東京, नमस्ते, می‌خواهم, 👩‍👩‍👧") == "Kraków, 東京, नमस्ते, می‌خواهم, 👩‍👩‍👧"
    say(STEERING)
    show(f"first\n{STEERING[:6]}")
    printed = capsys.readouterr()
    assert printed.err == f"{ESCAPED}\n"
    assert printed.out == "first\na\\x1b[31m\n"
    assert format_table(["h"], [[STEERING]]).splitlines()[2] == ESCAPED


def test_names_and_texts_are_escaped_where_commands_print_them(run_command, tiny, tiny_text, tmp_path, tiny_vectors):
    name = "v\x1b[2J\n.npy"
    np.save(tmp_path / name, tiny_vectors)
    done = run_command("lg-run", "compress", name, "--model", tiny["int8"])
    assert done.stdout == "v\\x1b[2J\\n.8.npy\n"
    done = run_command("lg-run", "compress", f"missing {name}", "--model", tiny["int8"], code=2)
    assert done.stderr.startswith("error: missing v\\x1b[2J\\n.npy does not exist")
    line = "the dog \x1b[31m bites \u202e the man"
    (tmp_path / "lines.txt").write_text(f"{line}\n", encoding="utf-8")
    np.save(tmp_path / "lines.npy", TextEncoder.load(tiny_text["int8"]).embed([line]))
    words = ("lg-run", "search", "dog", "--in", "lines.npy", "--text", "lines.txt", "--model", tiny_text["int8"])
    assert r"the dog \x1b[31m bites \u202e the man" in run_command(*words).stdout
