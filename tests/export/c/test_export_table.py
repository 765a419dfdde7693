"""lg-export --format table and header."""

import hashlib
import json
import struct
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from c.builds import SOURCES, C, need, weights_of

from linguagen.export.c.header import header_text
from linguagen.models.catalogue import find_model
from linguagen.models.errors import ModelFileError
from linguagen.models.model_file import read_model_file, read_text_file
from linguagen.models.onnx_file import read_initialisers
from linguagen.runtime import Compressor
from linguagen.runtime.c.table import checksum
from linguagen.runtime.c.text_table import text_table
from linguagen.runtime.c.text_weights import text_weights
from linguagen.runtime.c.vector_table import code_widths, vector_table

MODEL = "text-embedding-ada-002"


def test_the_command_writes_the_table_of_a_shipped_model(run_command, tmp_path):
    done = run_command("lg-export", MODEL, "--format", "table")
    assert done.stdout == f"{MODEL}.lgt\n"
    assert "for c/linguagen.h; widths of codes: 256, 128, 64, 32" in done.stderr
    data = (tmp_path / f"{MODEL}.lgt").read_bytes()
    assert data == vector_table(weights_of(find_model(MODEL)))
    shown = run_command("lg-export", find_model(MODEL), "--format", "table", "-o", "n.lgt", "--json").stdout
    assert json.loads(shown) == {
        "file": "n.lgt",
        "model": MODEL,
        "bytes": len(data),
        "code_widths": [256, 128, 64, 32],
    }


def test_the_bytes_are_those_of_the_page():
    """Read as docs/c.md describes them."""
    data, file = vector_table(weights_of(find_model(MODEL))), read_model_file(find_model(MODEL))
    stored = read_initialisers(file.data)
    assert data[:8] == b"LGTABLE\n"
    assert struct.unpack_from("<IIQQ", data, 8) == (1, 0, len(data), checksum(data[32:]))
    assert data[32:64].hex() == file.manifest.file_sha256
    assert data[64:128] == MODEL.encode().ljust(64, b"\0")
    inputs, dim, units, layers, integer, outliers = struct.unpack_from("<6I", data, 128)
    assert (inputs, dim, units, layers, integer, outliers) == (1536, 256, 24, 0, 1, 2)
    assert struct.unpack_from("<fI", data, 152) == (stored["input_scale"], 4)
    weights, scales, places, floats, deeper, head, codecs, sums = struct.unpack_from("<8I", data, 160)
    assert np.array_equal(
        np.frombuffer(data, "i1", 328 * 1536, weights).reshape(328, 1536).T, stored["linear_weight_int8"]
    )
    worth = stored["linear_weight_scale"] * stored["input_scale"]
    assert np.array_equal(np.frombuffer(data, "<f4", 328, scales), worth)
    assert (
        np.frombuffer(data, "<i4", 328, sums).tolist() == stored["linear_weight_int8"].sum(axis=0, dtype=int).tolist()
    )
    assert np.frombuffer(data, "<u4", 2, places).tolist() == stored["outlier_dims"].tolist()
    assert np.array_equal(np.frombuffer(data, "<f4", 2 * 328, floats), stored["outlier_weight"].ravel())
    assert deeper == head
    assert np.array_equal(np.frombuffer(data, "<f4", 24 * 256, head), stored["head_weight"].ravel())
    codec = Compressor.load(MODEL, threads=1).codec("int4")
    assert np.frombuffer(data, "<u4", 1, codecs) == 256
    assert np.array_equal(np.frombuffer(data, "<f4", 512, codecs + 8), np.concatenate([codec.mean, codec.deviation]))


def test_the_checksum_is_that_of_the_page():
    words = np.random.default_rng(0).integers(0, 2**64, 1000, np.uint64)
    expected = 0xCBF29CE484222325
    for word in words.tolist():
        expected = (expected * 0x100000001B3 + word) % 2**64
    assert checksum(words.tobytes()) == expected


@pytest.mark.parametrize(("dim", "widths"), [(256, [256, 128, 64, 32]), (200, [200]), (96, [96, 48]), (7, [])])
def test_codes_have_the_width_of_the_embeddings_or_halves_of_it(dim, widths):
    assert code_widths(dim) == widths


def test_a_run_is_exported_and_checked_first(tiny, run_command, tmp_path):
    words = ("lg-export", tiny["run"], "--quantize", "int8", "--format", "table", "-o", "m.lgt")
    run_command(*words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.lgt"]
    assert (tmp_path / "m.lgt").read_bytes()[160:] == vector_table(weights_of(tiny["int8"]))[160:]
    assert "error: m.lgt exists; choose another name with -o, or pass --overwrite" in run_command(*words, code=2).stderr
    run_command(*words, "--overwrite")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((MODEL, "--format", "wasm"), 2, "--format is 'wasm', expected onnx, table or header"),
        ((MODEL, "--format", "table", "--quantize", "int8"), 2, "takes no other options; leave them out"),
        ((MODEL, "--format", "table", "-o", "m.h"), 2, "cannot write m.h: expected a file ending in .lgt"),
        (("no-such-model", "--format", "table"), 2, "no model 'no-such-model'"),
    ],
)
def test_what_cannot_be_written_is_refused(run_command, tmp_path, words, code, message):
    assert message in " ".join(run_command("lg-export", *words, code=code).stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_text_model_is_written_too(tiny_text, run_command, tmp_path):
    done = run_command(
        "lg-export", tiny_text["run"], "--quantize", "int8", "--format", "table", "-o", "t.lgt", "--json"
    )
    data = (tmp_path / "t.lgt").read_bytes()
    shown = json.loads(done.stdout)
    assert (shown["bytes"], shown["code_widths"]) == (len(data), [])
    assert struct.unpack_from("<8sIIQQ", data) == (b"LGTABLE\n", 1, 1, len(data), checksum(data[32:]))
    file = read_text_file(tiny_text["int8"])
    expected = text_table(text_weights(file, "m"))
    assert data[128:] == expected[128:]
    done = run_command("lg-export", tiny_text["int8"], "--format", "table", "-o", "u.lgt")
    assert done.stderr.endswith(" MB for c/linguagen.h\n")
    assert (tmp_path / "u.lgt").read_bytes() == expected


def test_half_precision_is_refused(tiny, tiny_text):
    with pytest.raises(ModelFileError, match="weights are float16, but the C library reads float32 and int8; export"):
        weights_of(tiny["fp16"])
    with pytest.raises(ModelFileError, match="weights are float16, but the C library reads float32 and int8; export"):
        text_weights(read_text_file(tiny_text["fp16"]), "m")


def test_a_tokenizer_of_another_kind_is_refused(tiny_text):
    file = read_text_file(tiny_text["int8"])
    for damaged in (b"", file.tokenizer[:-2], file.tokenizer.replace(b"\x98\x02\x01", b"\x98\x02\x00")):
        with pytest.raises(ModelFileError, match="the graph or tokenizer is not one that C reads"):
            text_weights(replace(file, tokenizer=damaged), "m")


def test_a_header_holds_the_table(run_command, tmp_path):
    need("cc")
    run_command("lg-export", MODEL, "--format", "header", "-o", "model.h")
    table = vector_table(weights_of(find_model(MODEL)))
    assert (tmp_path / "model.h").read_text() == header_text(table, MODEL)
    (tmp_path / "main.c").write_text(
        '#include "linguagen.h"\n#include "model.h"\n#include <stdio.h>\n'
        "int main(void) {\n    lg_model model;\n"
        "    int status = lg_open(&model, lg_text_embedding_ada_002, LG_TEXT_EMBEDDING_ADA_002_BYTES);\n"
        "    fwrite(lg_text_embedding_ada_002, 1, sizeof lg_text_embedding_ada_002, stdout);\n"
        "    return status;\n}\n"
    )
    words = ["cc", "-std=c11", "-Wall", "-Werror", f"-I{C}", "main.c", *map(str, SOURCES), "-lm", "-o", "main"]
    subprocess.run(words, check=True, cwd=tmp_path)
    done = subprocess.run([tmp_path / "main"], capture_output=True, check=True)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(table).digest()
