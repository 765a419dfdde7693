"""What the commands print for people."""

import numpy as np

from linguagen.runtime import TextEncoder
from linguagen.runtime.console import format_table, printable, say, show

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
