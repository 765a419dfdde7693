"""The folders are what DESIGN says: rooms, short modules, short functions, documented names."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import linguagen

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("train", "export", "runtime", "models")
SCRIPTS = ("benchmarks", "recipes")
MODULE_LINES, FUNCTION_LINES = 300, 50
Function = ast.FunctionDef | ast.AsyncFunctionDef
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for name in FOLDERS + SCRIPTS for path in (ROOT / name).rglob("*.py")
)


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
        assert {path.parent for path in (root / name).rglob("*.py")} == {
            root / path for path in rooms(root) if path.parts[0] == name
        }, "a folder of code without __init__.py"


def test_links_give_type_checkers_the_import_name(root):
    """A checkout has a link for each folder; a source distribution, known by its PKG-INFO, has none."""
    links = {path.name for path in (root / "linguagen").iterdir() if path.is_symlink()}
    assert links == (set() if (root / "PKG-INFO").exists() else set(FOLDERS))
    for name in links:
        assert (root / "linguagen" / name).readlink() == Path("..") / name


def test_versions_agree(root, project):
    assert project["project"]["version"] == linguagen.__version__
    for name in ("linguagen-en", "linguagen-pos-en", "linguagen-ner-en"):
        other = tomllib.loads((root / name / "pyproject.toml").read_text())
        assert other["project"]["name"] == name
        assert other["project"]["version"] == linguagen.__version__
    assert f"## {linguagen.__version__}" in (root / "CHANGELOG.md").read_text()


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def source_lines(function: Function) -> int:
    """Lines of the source text, from the first decorator to the last statement."""
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    assert function.end_lineno is not None
    return function.end_lineno - first + 1


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Public classes, functions and methods that have no docstring, and the module itself."""
    if ast.get_docstring(tree) is None:
        yield "the module"
    scopes: list[tuple[str, ast.Module | ast.ClassDef]] = [("", tree)]
    while scopes:
        prefix, scope = scopes.pop()
        for node in scope.body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                if ast.get_docstring(node) is None and not is_overload(node):
                    yield f"{prefix}{node.name}"
                if isinstance(node, ast.ClassDef):
                    scopes.append((f"{node.name}.", node))


def is_overload(node: Function | ast.ClassDef) -> bool:
    """Whether a definition only gives a signature to type checkers."""
    return any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_are_short_and_public_names_documented(root, module):
    text = (root / module).read_text()
    assert text.count("\n") <= MODULE_LINES
    tree = ast.parse(text)
    assert {node.name: source_lines(node) for node in functions(tree) if source_lines(node) > FUNCTION_LINES} == {}
    assert list(undocumented(tree)) == []


def test_the_measure_counts_line_breaks_and_decorators():
    tree = ast.parse("@first\n@second(\n    1,\n)\ndef f(\n    a,\n    b,\n):\n    return a\n")
    assert [source_lines(node) for node in functions(tree)] == [9]
    assert list(undocumented(tree)) == ["the module", "f"]
