import os
import shutil
import sys
from pathlib import Path

import pytest

from linguagen.models.catalogue import (
    DEFAULT_MODEL,
    DEFAULT_TEXT_MODEL,
    announced_models,
    find_model,
    model_for_bytes,
    shipped_models,
)
from linguagen.models.errors import UnknownModelError


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Install a small distribution that announces models: an importable package and the metadata that pip writes."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, package: str, *models: str, value: str = "", code: str = "") -> Path:
        metadata = tmp_path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{model} = {value or package}\n" for model in models)
        (metadata / "entry_points.txt").write_text(f"[linguagen.models]\n{lines}")
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(code)
        return tmp_path / package

    return install


def test_three_widths_for_two_teachers_ship_the_default_first():
    teachers = (DEFAULT_MODEL, "text-embedding-ada-002")
    assert list(shipped_models()) == [name for each in teachers for name in (each, f"{each}-1536", f"{each}-512")]
    assert [model_for_bytes(name) for name in (DEFAULT_MODEL, f"{DEFAULT_MODEL}-1536", "my/model.onnx")] == [
        f"{DEFAULT_MODEL}-1536",
        f"{DEFAULT_MODEL}-1536",
        "my/model.onnx",
    ]
    assert DEFAULT_MODEL == "text-embedding-3-small"


def test_names_and_paths_are_found(tiny):
    assert find_model("text-embedding-ada-002").name == "text-embedding-ada-002.onnx"
    assert find_model(tiny["int8"]) == tiny["int8"]


def test_every_shipped_model_has_a_card_and_a_changelog_entry(root):
    changes = (root / "models" / "CHANGELOG.md").read_text()
    for name, path in (shipped_models() | announced_models().paths).items():
        assert path.with_suffix(".md").read_text().startswith(f"# {name}\n")
        assert name in changes


def test_an_unknown_name_gets_the_nearest_one_and_the_list():
    with pytest.raises(UnknownModelError, match=r"no model 'text-embedding-3-smal'.*did you mean 'text-embedding-3-s"):
        find_model("text-embedding-3-smal")
    with pytest.raises(UnknownModelError, match=r"no model 'qqq'.*linguagen-pos-en; give one of these names"):
        find_model("qqq")


def test_the_models_of_the_checkout_are_installed():
    assert list(announced_models().paths) == [DEFAULT_TEXT_MODEL, "linguagen-ner-en", "linguagen-pos-en"]
    assert find_model(DEFAULT_TEXT_MODEL).parts[-3:] == ("linguagen-en", "linguagen_en", "linguagen-en.onnx")


def test_without_its_distribution_the_text_models_error_names_it(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(
        UnknownModelError, match=r"'linguagen-en' is a distribution of its own, which is not installed; "
    ):
        find_model("linguagen-en")


def test_a_model_of_another_distribution_is_found_without_importing_its_package(distribution, tiny, run_command):
    package = distribution("acme-models", "acme", "acme-small", code="raise RuntimeError('imported')")
    shutil.copy(tiny["int8"], package / "acme-small.onnx")
    assert find_model("acme-small") == package / "acme-small.onnx"
    listed = run_command("lg-run", "models", PYTHONPATH=str(package.parent))
    assert "\nacme-small " in listed.stdout
    assert listed.stderr == ""


@pytest.mark.parametrize("value", ["nowhere", "nowhere.inside", "bad", "bad.inside", "bad.module", "bad:thing"])
def test_a_broken_announcement_is_named_and_hides_no_other_model(distribution, value, run_command):
    package = distribution("bad-models", "bad", "bad-small", value=value, code="raise RuntimeError('imported')")
    (package / "module.py").touch()
    assert DEFAULT_TEXT_MODEL in announced_models().paths
    message = (
        rf"the distribution bad-models announces the model 'bad-small', but its package {value} has no bad-small.onnx"
    )
    with pytest.raises(UnknownModelError, match=message):
        find_model("bad-small")
    listed = run_command("lg-run", "models", PYTHONPATH=str(package.parent))
    assert "the distribution bad-models announces" in listed.stderr
    assert listed.stdout.count("\n") == 11


def test_a_damaged_file_hides_no_other_model(distribution, run_command):
    package = distribution("cut-models", "cut_models", "cut-small")
    (package / "cut-small.onnx").write_bytes(b"cut")
    listed = run_command("lg-run", "models", PYTHONPATH=str(package.parent))
    assert f"{package}{os.sep}cut-small.onnx: cut, damaged or no ONNX file" in listed.stderr
    assert listed.stdout.count("\n") == 11


def test_two_distributions_with_one_name_are_both_named(distribution):
    for name in ("one", "two"):
        (distribution(f"{name}-models", name, "same") / "same.onnx").touch()
    message = "the model 'same' is in one-models and in two-models; uninstall all but one of these"
    with pytest.raises(UnknownModelError, match=message):
        find_model("same")


def test_a_shipped_name_stays_the_shipped_model(distribution):
    package = distribution("other-models", "other", DEFAULT_MODEL)
    (package / f"{DEFAULT_MODEL}.onnx").touch()
    assert find_model(DEFAULT_MODEL) == shipped_models()[DEFAULT_MODEL]
    problem = announced_models().problems[DEFAULT_MODEL]
    assert "is in linguagen and in other-models; uninstall all but one of these" in problem
