"""The optional C extension linguagen._c. Everything else about the package is in pyproject.toml."""

import os
from pathlib import Path

from setuptools import Extension, setup

# The library's own files, and the one that makes them a module. The examples are programs of their own.
SOURCES = sorted(str(path) for path in Path("c").glob("*.c") if not path.name.startswith("example"))
# Products and sums stay apart, so that every processor rounds alike.
OPTIONS = ["-O3", "-g0", "-ffp-contract=off", "-fvisibility=hidden"] if os.name == "posix" else []

setup(
    ext_modules=[
        Extension(
            "linguagen._c",
            sources=SOURCES,
            depends=sorted(map(str, Path("c").glob("*.h"))),
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=OPTIONS,
            py_limited_api=True,
            optional=True,  # without a compiler, the runtime works in Python alone
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
