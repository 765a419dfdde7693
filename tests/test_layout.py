"""The package is what DESIGN says, inside a checkout and inside a wheel."""

import tomllib
import zipfile
from pathlib import Path

import pytest

import linguagen

FOLDERS = ("train", "export", "runtime", "models")


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())


def rooms(root) -> list[Path]:
    """Every folder of code, from the root."""
    inside = (path for name in FOLDERS for path in (root / name).rglob("__init__.py"))
    return sorted(path.parent.relative_to(root) for path in inside)


def test_the_listed_packages_are_the_folders(root, project):
    packages = project["tool"]["setuptools"]["packages"]
    assert sorted(packages) == ["linguagen", *sorted(f"linguagen.{'.'.join(path.parts)}" for path in rooms(root))]
    assert project["tool"]["setuptools"]["package-dir"] == {
        "linguagen": "linguagen",
        **{f"linguagen.{name}": name for name in FOLDERS},
    }
    for name in FOLDERS:
        assert (root / "linguagen" / name).readlink() == Path("..") / name
        assert {path.parent for path in (root / name).rglob("*.py")} == {
            root / path for path in rooms(root) if path.parts[0] == name
        }, "a folder of code without __init__.py"


def test_versions_agree(root, project):
    assert project["project"]["version"] == linguagen.__version__
    other = tomllib.loads((root / "linguagen-en" / "pyproject.toml").read_text())
    assert other["project"]["version"] == linguagen.__version__
    assert f"## {linguagen.__version__}" in (root / "CHANGELOG.md").read_text()


def test_the_wheel_holds_code_and_models_and_nothing_else(root, wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {f"linguagen/{path / file.name}" for path in rooms(root) for file in (root / path).glob("*.py")}
    models = {f"linguagen/models/shipped/{path.name}" for path in (root / "models" / "shipped").iterdir()}
    expected = code | models | {"linguagen/__init__.py", "linguagen/py.typed"}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert len(models) >= 4
    assert wheel.stat().st_size <= 12e6


def test_the_wheel_of_the_text_model_holds_it_and_nothing_else(root, text_wheel):
    archive = zipfile.ZipFile(text_wheel)
    files = ("__init__.py", "linguagen-en.md", "linguagen-en.onnx")
    assert {name for name in archive.namelist() if ".dist-info/" not in name} == {
        f"linguagen_en/{name}" for name in files
    }
    licence = next(name for name in archive.namelist() if name.endswith("/LICENSE"))
    assert archive.read(licence) == (root / "LICENSE").read_bytes()
    assert text_wheel.stat().st_size <= 12e6


def test_modules_and_functions_stay_short(root):
    import ast

    for folder in FOLDERS:
        for path in (root / folder).rglob("*.py"):
            text = path.read_text()
            assert text.count("\n") <= 300, path
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    assert len(ast.unparse(node).splitlines()) <= 50, f"{path}: {node.name}"
