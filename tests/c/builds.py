"""Builds of the C library's test driver, and calls of them."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from linguagen.models.model_file import read_model_file
from linguagen.runtime.c.vector_weights import VectorWeights, vector_weights

ROOT = Path(__file__).resolve().parents[2]
C = ROOT / "c"
DRIVER = Path(__file__).resolve().parent / "driver.c"
SOURCES = sorted(path for path in C.glob("*.c") if not path.name.startswith(("example", "python")))
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
KINDS = ("float32", "float16", "int8", "uint8", "int4", "e8", "binary", "ubinary")


def weights_of(path: Path) -> VectorWeights:
    """The weights of a vector model's file."""
    return vector_weights(read_model_file(path), str(path))


def need(*programs: str) -> None:
    """Skip a test if a program that it needs is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


@dataclass(frozen=True)
class Driver:
    """A compiled driver and the table that it opens."""

    program: tuple[str, ...]
    table: Path
    kernels: str = "best"

    def run(self, *words: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [*self.program, str(self.table), self.kernels, *map(str, words)]
        return subprocess.run(command, input=given, capture_output=True, timeout=250)

    def output(self, *words: object, given: bytes = b"") -> bytes:
        done = self.run(*words, given=given)
        assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
        return done.stdout

    def encode(self, vectors: np.ndarray, dim: int) -> np.ndarray:
        data = self.output("encode", given=np.ascontiguousarray(vectors, "<f4").tobytes())
        return np.frombuffer(data, "<f4").reshape(len(vectors), dim)

    def codes(self, embeddings: np.ndarray, codec) -> np.ndarray:
        data = self.output("codes", KINDS.index(codec.kind), codec.dim, given=embeddings.astype("<f4").tobytes())
        return np.frombuffer(data, codec.dtype).reshape(len(embeddings), codec.columns)

    def decode(self, codes: np.ndarray, codec) -> np.ndarray:
        data = self.output("decode", KINDS.index(codec.kind), codec.dim, given=codes.tobytes())
        return np.frombuffer(data, "<f4").reshape(len(codes), codec.dim)

    def search(self, query: np.ndarray, codes: np.ndarray, codec, k: int, lengths: bool = True):
        """Row numbers and cosines of the nearest codes."""
        words = ("search", KINDS.index(codec.kind), codec.dim, k, int(lengths))
        lines = self.output(*words, given=query.astype("<f4").tobytes() + codes.tobytes()).decode().splitlines()
        return [int(line.split()[0]) for line in lines], np.array([float(line.split()[1]) for line in lines])


def wasm_driver(folder: Path, driver: Path = DRIVER, *options: str) -> tuple[str, ...]:
    """Compile a driver for WebAssembly; returns the words that run it in Node."""
    need("clang", "wasm-ld", "node")
    target = ("--target=wasm32-wasi",)
    probe = ["clang", *target, "-x", "c", "-", "-lm", "-o", str(folder / "probe.wasm")]
    if subprocess.run(probe, input=b"int main(void) { return 0; }\n", capture_output=True).returncode:
        pytest.skip("clang finds no wasi-libc here")
    program = compile_driver(folder / "driver.wasm", *target, *options, compiler="clang", driver=driver)
    return ("node", "--no-warnings", str(DRIVER.parent / "wasi.mjs"), str(program))


def compile_driver(
    target: Path, *options: str, compiler: str = "cc", sources: list[Path] = SOURCES, driver: Path = DRIVER
) -> Path:
    """Compile a driver with the library; any warning is an error."""
    include = sources[0].parent
    words = [compiler, *STRICT, "-O2", *options, f"-I{include}", str(driver), *map(str, sources), "-lm"]
    subprocess.run([*words, "-o", str(target)], check=True, timeout=250)
    return target
