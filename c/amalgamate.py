"""Write the whole library as two files, linguagen.c and linguagen.h, to copy into another project.

python c/amalgamate.py FOLDER
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = "linguagen.h"
_HEADERS = ("internal.h", "trellis.h", "trellis_loops.h")
_SOURCES = sorted(path.name for path in HERE.glob("*.c") if not path.name.startswith(("example", "python")))
PARTS = (*_HEADERS, *_SOURCES)
_OURS = tuple(f'#include "{name}"' for name in (HEADER, *_HEADERS))


def amalgamate(folder: Path) -> Path:
    """Write linguagen.c and linguagen.h into a folder that exists; returns the path of linguagen.c."""
    parts = [f'/* linguagen.c - written by c/amalgamate.py. Licence Apache-2.0. */\n#include "{HEADER}"\n']
    for name in PARTS:
        lines = (HERE / name).read_text(encoding="utf-8").splitlines()
        parts.append("\n".join([f"/* ---- {name} ---- */", *(line for line in lines if line not in _OURS)]) + "\n")
    target = folder / "linguagen.c"
    target.write_text("\n".join(parts), encoding="utf-8")
    shutil.copyfile(HERE / HEADER, folder / HEADER)
    return target


if __name__ == "__main__":
    print(amalgamate(Path(sys.argv[1])))
