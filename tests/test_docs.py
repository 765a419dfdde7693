"""What the documents show is what the commands do."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from readme_commands import BLOCK, README, run_block

from benchmarks.data import TEACHERS
from benchmarks.pages import write_block
from linguagen.models.catalogue import DEFAULT_TEXT_MODEL, find_model, shipped_models
from linguagen.runtime import Compressor

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "models/CHANGELOG.md")


def shape(text: str) -> list[str]:
    """Lines without their figures, and without the width of a table's columns, which follows from them."""
    lines = (re.sub(r"[+-]?\d[\d.,]*", "#", line) for line in text.splitlines())
    return [re.sub(r"(-{2,}|\s+)+", " ", line).strip() for line in lines]


def test_every_command_of_the_readme_prints_what_it_shows(tmp_path):
    text = README.read_text()
    blocks = BLOCK.findall(text)
    assert len(blocks) == 1
    for block in blocks:
        assert shape(block) == shape(run_block(block, tmp_path))  # figures follow the machine
    snippet = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    code = snippet + "\nassert embeddings.shape == (2000, 256)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_the_commands_and_the_python_of_the_page_on_indexes(root, tmp_path):
    text = (root / "docs" / "index-file.md").read_text()
    for block in BLOCK.findall(text):
        shown, printed = shape(block), shape(run_block(block, tmp_path))
        # Another text model has another hash.
        assert [line for line in shown if "sha#" not in line] == [line for line in printed if "sha#" not in line]
    (tmp_path / "corpus.db").unlink()
    code = (
        re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
        + "\nassert hits[0].columns['year'] > 2010 and likely and among"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.timeout(290)
def test_make_demo_on_a_fresh_copy(checkout):
    done = subprocess.run(["make", "demo"], cwd=checkout, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "softened PCA" in done.stdout
    assert (checkout / ".demo" / "vectors.256.npy").exists()
    assert "torch" not in {path.name for path in (checkout / ".demo").rglob("site-packages/*")}


@pytest.mark.shared
def test_the_figures_of_the_readme_are_those_of_the_shipped_models(run_command, shared):
    table = README.read_text()
    for column, name in enumerate(("text-embedding-3-small", "text-embedding-ada-002"), start=1):
        vectors = shared / "vectors" / name / "dev.npy"
        rows = json.loads(run_command("lg-run", "evaluate", vectors, "--model", name, "--json").stdout)["fidelity"]
        for label, row in zip(("**LinguaGEN, int8 model**", "truncation", "PCA", "softened PCA"), rows, strict=False):
            line = next(line for line in table.splitlines() if line.startswith(f"| {label} |"))
            shown = float(line.split("|")[column + 1].strip(" *"))
            assert shown == pytest.approx(row["recall"], abs=0.0015), (name, label)


def test_cards_say_what_the_manifests_say(root):
    from linguagen.export.vectors.card import render_card

    for path in shipped_models().values():
        manifest = Compressor.load(path).manifest
        assert path.with_suffix(".md").read_text() == render_card(manifest, path.stat().st_size)


def test_the_card_of_the_text_model_says_what_the_manifest_says():
    from linguagen.export.text.card import render_card
    from linguagen.models.model_file import read_text_file

    path = find_model(DEFAULT_TEXT_MODEL)
    manifest = read_text_file(path).manifest
    assert path.with_suffix(".md").read_text() == render_card(manifest, path.stat().st_size)
    for licence in ("CC BY 3.0", "CC0", "public domain", "WordNet", "CC BY-SA"):
        assert licence in manifest.sources


@pytest.mark.parametrize(("kind", "licences"), [("pos", ["CC BY-SA 4.0"]), ("ner", ["CC BY 4.0", "OGL 3.0"])])
def test_the_cards_of_taggers_say_what_the_manifests_say(root, kind, licences):
    from linguagen.export.tagger.card import render_card
    from linguagen.models.model_file import read_tagger_file

    path = root / f"linguagen-{kind}-en" / f"linguagen_{kind}_en" / f"linguagen-{kind}-en.onnx"
    manifest = read_tagger_file(path).manifest
    assert path.with_suffix(".md").read_text() == render_card(manifest, path.stat().st_size)
    for licence in licences:
        assert licence in manifest.sources


def test_links_lead_somewhere(root):
    for document in [*(root / name for name in DOCUMENTS), *(root / "docs").rglob("*.md")]:
        for target, _, place in re.findall(r"\]\(([^)#]*)(#([^)]*))?\)", document.read_text()):
            if target.startswith("https://"):
                continue
            found = document.parent / target if target else document
            assert found.exists(), f"{document}: {target}"
            if place:
                headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
                assert place in [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings], place


def test_the_code_names_pages_that_exist(root):
    folders = ("train", "export", "runtime", "models", "benchmarks", "recipes", "tests", "docs")
    for path in (path for folder in folders for path in (root / folder).rglob("*") if path.suffix in (".py", ".md")):
        if "node_modules" not in path.parts:
            for name in re.findall(r"(?<![\w./])docs/[\w/.-]+\.md", path.read_text()):
                assert (root / name).is_file(), f"{path}: {name}"


def test_python_in_the_guides_is_python_and_imports_what_exists(root):
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("linguagen"):
                    text = Path(importlib.util.find_spec(node.module).origin).read_text()
                    for each in node.names:  # defined there, or listed in its __all__; importing it would take seconds
                        assert re.search(
                            rf'^(?:class|def) {each.name}\b|^__all__ = .*"{each.name}"', text, re.MULTILINE
                        ), page


def test_documents_name_no_machine_and_no_absolute_path(root):
    for path in [
        *(root / "docs").rglob("*.md"),
        *(root / name for name in DOCUMENTS),
        *(root / "models").rglob("*.md"),
    ]:
        assert not re.search(r"(?<![\w.~])/(root|home|work|tmp|opt)/", path.read_text()), path


def blocks(page: Path) -> dict[str, str]:
    """The blocks of a page that scripts write, by name."""
    return dict(re.findall(r"<!-- ([^\n]*): begin -->\n(.*?)\n<!-- \1: end -->", page.read_text(), re.DOTALL))


def test_scripts_find_their_blocks_of_the_results(root):
    """Each block is there once, and holds a heading, what it shows, and a table."""
    expected = {
        "bytes.md": ["bytes"],
        "recall-bytes.md": ["results dev"],
        "corpora.md": ["results corpora"],
        "fits.md": ["fits"],
        "parts.md": list(TEACHERS),
        "speed.md": ["bench", "bench amx"],
        "text.md": ["text", "text api"],
        "edge.md": ["edge"],
        "serve.md": ["serve"],
        "tags.md": ["tags"],
    }
    results = root / "docs" / "results"
    found = {path.name: blocks(path) for path in results.glob("*.md")}
    assert {name: list(each) for name, each in found.items() if each} == expected
    for text in (text for each in found.values() for text in each.values()):
        assert re.match(r"##+ ", text)
        assert "\n|---|" in text.replace(" ", "")
    assert "| control graph, int8 | 1.00 | 1.00 | 1.00 | 1.00 |" in found["speed.md"]["bench"]


def test_every_page_of_results_and_decisions_is_in_its_index(root):
    for folder in ("results", "decisions"):
        index = root / "docs" / folder / "README.md"
        listed = set(re.findall(r"\]\(([\w-]+\.md)\)", index.read_text()))
        assert listed == {path.name for path in index.parent.glob("*.md")} - {"README.md"}


def test_a_script_replaces_its_block_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- one: begin -->\nold\n<!-- one: end -->\nafter\n")
    write_block(page, "one", "new \\1\n")
    assert page.read_text() == "before\n<!-- one: begin -->\nnew \\1\n<!-- one: end -->\nafter\n"
    with pytest.raises(ValueError, match="has 0 blocks named 'two', expected 1"):
        write_block(page, "two", "text")


@pytest.mark.shared
@pytest.mark.timeout(280)
def test_the_page_of_the_shipped_models_shows_what_the_command_prints(root, shared):
    text = (root / "docs" / "results" / "vectors.md").read_text()
    for block in BLOCK.findall(text):
        assert shape(block) == shape(run_block(block, root))


def test_nothing_tells_people_to_install_a_name_that_is_not_published(root):
    """Someone else may register it: pages and messages name a checkout's path, or other projects' packages."""
    folders = (
        "train",
        "export",
        "runtime",
        "models",
        "docs",
        "examples",
        "js/src",
        "linguagen",
        "linguagen-en",
        "linguagen-pos-en",
    )
    files = [path for folder in folders for path in (root / folder).rglob("*") if path.suffix in (".py", ".md", ".ts")]
    for path in [*files, *(root / name for name in DOCUMENTS)]:
        found = re.findall(r"(?:pip|npm) install[^\n`]*?[\s'\"]linguagen[\w\[-]*", path.read_text())
        assert found == [], path


def test_the_files_listed_in_the_architecture_exist(root):
    for name in re.findall(
        r"`((?:train|export|runtime|models)/[\w/]+\.py)`", (root / "docs" / "architecture.md").read_text()
    ):
        assert Path(root / name).is_file(), name
