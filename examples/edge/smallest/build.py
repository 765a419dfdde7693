"""The smallest Python deployment: one folder with the base install, one model and one script, and its size.

    python examples/edge/smallest/build.py WHEEL_OR_SOURCE FOLDER
    PYTHONPATH=FOLDER python FOLDER/compress.py vectors.npy small.npy

FOLDER can be copied to any machine with the same Python and processor. Only the model of text-embedding-3-small is
kept.
"""

import shutil
import subprocess
import sys
from pathlib import Path

MODEL = "text-embedding-3-small.onnx"


def build(source: str, folder: Path) -> dict[str, int]:
    """Install into a folder and throw out what compressing does not need; returns bytes by package."""
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(folder), source]
    subprocess.run(words, check=True)
    for path in (folder / "linguagen" / "models").glob("*.onnx"):
        if path.name != MODEL:
            path.unlink()
    for name in ("*/tests", "bin", "sympy", "mpmath", "*.dist-info", "isympy.py", "share"):
        for path in folder.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copy(Path(__file__).with_name("compress.py"), folder)
    return {path.name: size(path) for path in sorted(folder.iterdir()) if size(path) > 100_000}


def size(path: Path) -> int:
    """Bytes on disk below a path."""
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


if __name__ == "__main__":
    packages = build(sys.argv[1], Path(sys.argv[2]))
    for package, taken in sorted(packages.items(), key=lambda item: -item[1]):
        print(f"{package:<20}{taken / 1e6:8.1f} MB")
    print(f"{'all':<20}{size(Path(sys.argv[2])) / 1e6:8.1f} MB")
