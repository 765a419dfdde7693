"""Semantic search in one SQLite file: 10,000 vectors of 1536 numbers in 3 MB of codes, on any laptop or phone.

    pip install . sqlite-vec apsw
    python examples/edge/search_sqlite.py build vectors.npy documents.sqlite
    python examples/edge/search_sqlite.py ask queries.npy documents.sqlite

`build` compresses the vectors to 256 int8 numbers each and puts them into a table; `ask` compresses each query and
prints the numbers of the ten nearest rows, the best first. Keep your texts in a table beside, by rowid.
"""

import argparse
from pathlib import Path

import apsw
import numpy as np
import sqlite_vec

from linguagen.runtime import Compressor


def connect(path: Path) -> apsw.Connection:
    """A database with vectors in it."""
    database = apsw.Connection(str(path))
    database.enable_load_extension(True)
    database.load_extension(sqlite_vec.loadable_path())
    return database


def build(vectors: Path, path: Path) -> int:
    """Write a table of codes; returns the number of rows."""
    compressor = Compressor.load("text-embedding-3-small")
    codes = compressor.codec("int8").encode(compressor.compress(np.load(vectors)))
    database = connect(path)
    with database:
        database.execute("create virtual table documents using vec0(code int8[256] distance_metric=cosine)")
        rows = ((number, code.tobytes()) for number, code in enumerate(codes))
        database.executemany("insert into documents(rowid, code) values (?, vec_int8(?))", rows)
    return len(codes)


def ask(queries: Path, path: Path) -> list[list[int]]:
    """The ten nearest rows of each query."""
    compressor = Compressor.load("text-embedding-3-small")
    codes = compressor.codec("int8").encode(compressor.compress(np.load(queries)))
    question = "select rowid from documents where code match vec_int8(?) and k = 10 order by distance"
    database = connect(path)
    return [[row for (row,) in database.execute(question, (code.tobytes(),))] for code in codes]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("build", "ask"))
    parser.add_argument("vectors", type=Path, help="a .npy file of vectors of text-embedding-3-small")
    parser.add_argument("database", type=Path)
    options = parser.parse_args()
    if options.what == "build":
        rows = build(options.vectors, options.database)
        print(f"{rows} rows, {options.database.stat().st_size / 1e6:.1f} MB")
    else:
        for found in ask(options.vectors, options.database):
            print(*found)


if __name__ == "__main__":
    main()
