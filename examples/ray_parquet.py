"""Compress a folder of parquet shards on Ray: one task a shard, gone on with after any failure.

    pip install '.[arrow]' ray
    python examples/ray_parquet.py vectors/ compressed/ --workers 2

Each finished shard is written down in compressed/manifest.json with the sha256 of what went in and what came out. Run
the same command again and only what is missing, changed or damaged is done. A worker that dies is replaced by Ray, and
its shard goes on from the last rows that were safely on disk.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import ray

from linguagen.runtime import Compressor
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.encoders.tasks import compress_task
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.process import process_file


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@ray.remote(num_cpus=1, max_retries=5)
def compress_shard(
    compressor: Compressor, codec: Codec, source: Path, target: Path, column: str | None
) -> dict[str, Any]:
    """Compress one shard; the compressor arrives with its model inside."""
    vectors = open_vectors(source, compressor.manifest.input_dim, column)
    report = process_file(compress_task(compressor, codec), vectors, target, lambda _: None, resume=True)
    return {"input": sha256(source), "output": sha256(target), "rows": report.rows}


def is_done(source: Path, target: Path, entry: dict[str, Any] | None) -> bool:
    """True where a shard was compressed before, and neither side has changed since."""
    return bool(entry and target.is_file() and entry["input"] == sha256(source) and entry["output"] == sha256(target))


def write_manifest(path: Path, document: dict[str, Any]) -> None:
    """Replace the manifest whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(document, indent=2, sort_keys=True), encoding="utf-8")
    fresh.replace(path)


def main() -> None:
    """Compress what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a folder of .parquet shards")
    parser.add_argument("target", type=Path, help="the folder that gets one compressed shard for each")
    parser.add_argument("--model", default="text-embedding-3-small", help="a shipped model's name or a model file")
    parser.add_argument("--to", default="float32", help="float32, float16, int8, ...")
    parser.add_argument("--column", help="which column holds the vectors, where there are several")
    parser.add_argument("--workers", type=int, help="shards worked on at a time; by default one a core")
    options = parser.parse_args()

    shards = sorted(options.source.glob("*.parquet"))
    if not shards:
        parser.error(f"no .parquet file in {options.source}")
    options.target.mkdir(parents=True, exist_ok=True)
    path = options.target / "manifest.json"
    compressor = Compressor.load(options.model, device="cpu", threads=1)
    codec = compressor.codec(options.to)
    settings = {"model": compressor.manifest.file_sha256, "to": options.to}
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if manifest.get("settings") != settings:
        manifest = {"settings": settings, "shards": {}}
    todo = [s for s in shards if not is_done(s, options.target / s.name, manifest["shards"].get(s.name))]

    ray.init(num_cpus=options.workers, include_dashboard=False, log_to_driver=False)
    model, code = ray.put(compressor), ray.put(codec)
    running = {compress_shard.remote(model, code, s, options.target / s.name, options.column): s for s in todo}
    while running:
        finished, _ = ray.wait(list(running))
        shard = running.pop(finished[0])
        manifest["shards"][shard.name] = ray.get(finished[0])
        write_manifest(path, manifest)
        print(f"{shard.name}: {manifest['shards'][shard.name]['rows']} rows, {len(running)} shards left", flush=True)
    print(f"{len(todo)} shards compressed, {len(shards) - len(todo)} were done before")


if __name__ == "__main__":
    main()
