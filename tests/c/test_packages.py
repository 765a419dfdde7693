"""What lets other projects use the library: each package lists all of it, and CMake's is built and used."""

import json
import re
import subprocess

import pytest
from c.builds import SOURCES, C, need

import linguagen

NAMES = sorted(path.name for path in SOURCES)
MAIN = '#include "linguagen.h"\n#include <stdio.h>\nint main(void) { puts(lg_status_text(LG_OK)); return 0; }\n'


def test_every_package_lists_all_sources_and_the_version():
    cmake, swift = (C / "CMakeLists.txt").read_text(), (C / "Package.swift").read_text()
    assert sorted(re.findall(r"\w+\.c\b", re.search(r"set\(LINGUAGEN_SOURCES ([^)]*)\)", cmake)[1])) == NAMES
    assert sorted(re.findall(r'"(\w+\.c)"', swift)) == NAMES
    library = json.loads((C / "library.json").read_text())
    assert library["version"] == linguagen.__version__
    for text in (cmake, (C / "library.properties").read_text(), (C / "idf_component.yml").read_text()):
        assert re.search(rf"""(VERSION |version=|version: "){re.escape(linguagen.__version__)}\b""", text)


@pytest.mark.parametrize(
    "way",
    [
        "find_package(linguagen 0.1 REQUIRED)",
        f"include(FetchContent)\nFetchContent_Declare(linguagen SOURCE_DIR {C})\nFetchContent_MakeAvailable(linguagen)",
    ],
)
def test_a_cmake_project_finds_and_links_it(tmp_path, way):
    need("cmake", "cc", "make")

    def run(*words: object) -> str:
        done = subprocess.run([*map(str, words)], cwd=tmp_path, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    if "find_package" in way:
        run("cmake", "-S", C, "-B", "library", "-DBUILD_SHARED_LIBS=ON", f"-DCMAKE_INSTALL_PREFIX={tmp_path}/installed")
        run("cmake", "--build", "library")
        run("cmake", "--install", "library")
    (tmp_path / "main.c").write_text(MAIN)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(user C)\n"
        f"{way}\nadd_executable(user main.c)\ntarget_link_libraries(user linguagen::linguagen)\n"
    )
    run("cmake", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={tmp_path}/installed")
    run("cmake", "--build", "build")
    assert run(tmp_path / "build" / "user") == "no error\n"
