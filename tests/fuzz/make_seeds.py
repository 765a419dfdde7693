"""Write one well-formed input for each target, for the search to start from.

python tests/fuzz/make_seeds.py
"""

import io
import json
import sys
from pathlib import Path

import numpy as np

from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.text import TextFigure, TextManifest
from linguagen.runtime.measure.control_graph import control_graph

CORPUS = Path(__file__).resolve().parent / "corpus"
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def seeds() -> dict[str, bytes]:
    npy, npz = io.BytesIO(), io.BytesIO()
    np.save(npy, ROWS)
    np.savez_compressed(npz, v=ROWS)
    body = {"object": "list", "data": [{"index": n, "embedding": row.tolist()} for n, row in enumerate(ROWS)]}
    batch = {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None}
    progress = {"rows_read": 2, "rows_written": 2, "scaled_rows": 0, "bad_rows": [1]}
    return {
        "npy": npy.getvalue(),
        "npz": npz.getvalue(),
        "fvecs": b"".join(np.int32(4).tobytes() + row.tobytes() for row in ROWS),
        "fbin": np.int32(ROWS.shape).tobytes() + ROWS.tobytes(),
        "jsonl": f"{json.dumps(batch)}\n{json.dumps(ROWS[0].tolist())}\n".encode(),
        "json": json.dumps(body, indent=1).encode(),
        "json-list": json.dumps(ROWS.tolist()).encode(),
        "csv": b'token,embedding\na,"[1, 2, 3, 4]"\n',
        "csv-numbers": b",0,1,2,3\n0,1e300,2,3,4\n",
        "text-lines": "one\nzwei 🦜\n".encode(),
        "text-jsonl": b'{"text": "one"}\n{"text": "two", "id": 2}\n',
        "text-csv": b'id,text\n1,one\n2,"two, ""three"""\n',
        "onnx": control_graph(4, 2),
        "manifest": text_manifest().to_json().encode(),
        "journal": json.dumps({"identity": {"input": "x"}, "progress": progress}).encode(),
    }


def text_manifest() -> TextManifest:
    moments = EmbeddingMoments(ROWS[0, :2], np.eye(2, dtype=np.float32))
    figures = (TextFigure("f", 0.5, 0.4),)
    shape = {"name": "m", "teacher": "t", "output_dim": 2, "precision": "int8", "pieces": 3}
    return TextManifest(embedding_moments=moments, figures=figures, training={"seed": 1}, **shape)


if __name__ == "__main__":
    for name, data in seeds().items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "seed").write_bytes(data)
        print(folder, file=sys.stderr)
