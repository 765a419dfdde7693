"""The text part of the C library against SentencePiece and the Python runtime, in every build that can run here."""

import random
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c.builds import ROOT, SANITIZERS, compile_driver, need, wasm_driver

from linguagen.export.c.writer import export_table
from linguagen.models.catalogue import find_model
from linguagen.runtime import TextEncoder

DRIVER = Path(__file__).resolve().parent / "text_driver.c"
MODEL = "linguagen-en"
ODD = [
    *("", " ", "  Hello   World! ", "a\tb\nc", "\u3000x\u3000", "▁▁a▁", "▁", "\x00a\x00", "\ufeffbom", "\u200b"),
    *(
        "é e\u0301",
        "½ ① ｶﾞ ﷺ ﬃ",
        "İstanbul ẞ ǅ Ⅷ",
        "日本語のテキスト",
        "👩‍👩‍👧 \U0001f9d1\u200d",
        "x" * 300,
        "\U0010ffff",
    ),
]
Answer = tuple[list[int], np.ndarray | None]


def drawn_texts(count: int) -> list[str]:
    """Lines of the documentation, and random characters of many scripts."""
    lines = [line for path in sorted((ROOT / "docs").rglob("*.md")) for line in path.read_text().splitlines()]
    generator = random.Random(0)
    ranges = [(32, 127), (32, 0x600), (0x600, 0x3000), (0x3000, 0xD800), (0xE000, 0x20000)]

    def draw() -> str:
        return "".join(chr(generator.randrange(*generator.choice(ranges))) for _ in range(generator.randrange(1, 40)))

    return [*ODD, *lines[: count // 2], *(draw() for _ in range(count - min(len(lines), count // 2)))]


def run(program: Path | list[str], table: Path, texts: list[str], kernels: str = "best") -> list[Answer]:
    """Tokens and embedding of each text; None for one without tokens."""
    given = b"".join(struct.pack("<I", len(each)) + each for each in (text.encode() for text in texts))
    words = [*(program if isinstance(program, list) else [str(program)]), str(table), kernels]
    done = subprocess.run(words, input=given, capture_output=True, timeout=250)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    answers, place, dim = [], 0, struct.unpack_from("<I", table.read_bytes(), 136)[0]
    while place < len(done.stdout):
        (count,) = struct.unpack_from("<I", done.stdout, place)
        tokens = np.frombuffer(done.stdout, "<u4", count, place + 4).tolist()
        place += 4 + 4 * count
        answers.append((tokens, np.frombuffer(done.stdout, "<f4", dim, place) if count else None))
        place += 4 * dim if count else 0
    return answers


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    need("cc")
    return compile_driver(tmp_path_factory.mktemp("text") / "driver", driver=DRIVER)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    return export_table(find_model(MODEL), "table", tmp_path_factory.mktemp("table") / "t.lgt").path


def held_to(encoder: TextEncoder, texts: list[str], answers: list[Answer], tolerance: float) -> None:
    """Tokens are SentencePiece's, and embeddings those of onnxruntime."""
    golden = encoder.tokenizer._processor.encode(texts)
    wrong = [text for text, (tokens, _), expected in zip(texts, answers, golden, strict=True) if tokens != expected]
    assert wrong == []
    some = [(text, row) for text, (_, row) in zip(texts, answers, strict=True) if row is not None]
    expected = encoder.embed([text for text, _ in some])
    assert np.abs(np.array([row for _, row in some]) - expected).max() < tolerance


def test_tokens_are_sentencepieces_and_embeddings_those_of_python(program, table):
    encoder, texts = TextEncoder.load(MODEL, threads=1, engine="onnxruntime"), drawn_texts(3000)
    assert len(texts) > 3000
    held_to(encoder, texts, run(program, table, texts), 1e-5)


@pytest.mark.parametrize("precision", ["none", "int8"])
def test_other_models_are_read_too(program, tiny_text, tmp_path, precision):
    table = export_table(tiny_text[precision], "table", tmp_path / "t.lgt").path
    encoder, texts = TextEncoder.load(tiny_text[precision], threads=1, engine="onnxruntime"), drawn_texts(100)
    held_to(encoder, texts, run(program, table, texts), 1e-5)


def test_a_text_of_more_than_a_window_is_the_mean_of_its_windows(program, table):
    encoder = TextEncoder.load(MODEL, threads=1, engine="onnxruntime")
    texts = ["word after word, and then another " * 900]
    answers = run(program, table, texts)
    assert len(answers[0][0]) > 4096
    assert np.abs(answers[0][1] - encoder.embed(texts)[0]).max() < 1e-5


def test_repeated_tokens_count_less_where_the_model_says_so(program, tiny_text, run_command, tmp_path):
    """A model that is fitted to a collection has a power of term frequencies."""
    words = (tiny_text["text"], "--init", tiny_text["int8"], "--collection", "4", "--out", "docs")
    run_command("lg-train", "text", *words)
    run_command("lg-export", "docs", "--quantize", "int8", "-o", "docs.onnx")
    fitted = tmp_path / "docs.onnx"
    table = export_table(fitted, "table", tmp_path / "t.lgt").path
    assert struct.unpack_from("<f", table.read_bytes(), 168)[0] != 0
    texts = ["the dog sees the dog and the cat", "dog dog dog cat", *drawn_texts(50)]
    held_to(TextEncoder.load(fitted, threads=1, engine="onnxruntime"), texts, run(program, table, texts), 1e-5)


def test_every_build_gives_the_same_tokens_and_nearly_the_same_embeddings(program, table, tmp_path):
    texts = drawn_texts(150)
    expected = run(program, table, texts)
    sanitized = compile_driver(tmp_path / "sanitized", *SANITIZERS, driver=DRIVER)
    others = [
        run(program, table, texts, "scalar"),
        run(sanitized, table, texts),
        run(sanitized, table, texts, "scalar"),
    ]
    for answers in others:
        for (tokens, row), (golden, golden_row) in zip(answers, expected, strict=True):
            assert tokens == golden
            assert row is None or np.abs(row - golden_row).max() < 1e-6


@pytest.mark.parametrize("machine", ["aarch64", "webassembly", "webassembly-simd"])
def test_other_machines_give_the_same_tokens(program, table, tmp_path, machine):
    if machine.startswith("webassembly"):
        words = wasm_driver(tmp_path, DRIVER, *(["-msimd128"] if machine.endswith("simd") else []))
    else:
        need("aarch64-linux-gnu-gcc", "qemu-aarch64")
        options = ("-static", "-ffp-contract=off")
        other = compile_driver(tmp_path / "driver", *options, compiler="aarch64-linux-gnu-gcc", driver=DRIVER)
        words = ("qemu-aarch64", str(other))
    texts = drawn_texts(60)
    answers = run(list(words), table, texts)
    for (tokens, row), (golden, golden_row) in zip(answers, run(program, table, texts), strict=True):
        assert tokens == golden
        assert row is None or np.abs(row - golden_row).max() < 1e-6


def test_a_table_that_is_cut_edited_or_of_another_kind_is_refused(program, tiny, tiny_text, tmp_path):
    data = export_table(tiny_text["int8"], "table", tmp_path / "t.lgt").path.read_bytes()
    vectors = export_table(tiny["int8"], "table", tmp_path / "v.lgt").path.read_bytes()
    path = tmp_path / "bad.lgt"

    def status(changed: bytes) -> int:
        path.write_bytes(changed)
        return subprocess.run([program, path, "best"], input=b"", capture_output=True).returncode

    assert status(data) == 0
    assert status(b"") == 2
    assert status(vectors) == 7
    for length in (100, 256, len(data) - 64):
        assert status(data[:length]) == 4, length
    for place in (20, 40, 128, 172, 192, 248, 700, len(data) - 1):
        assert status(data[:place] + bytes([data[place] ^ 64]) + data[place + 1 :]) == 4, place
