import pytest

from linguagen.models import catalogue
from linguagen.models.catalogue import (
    DEFAULT_MODEL,
    DEFAULT_TEXT_MODEL,
    find_model,
    shipped_models,
    shipped_text_models,
)
from linguagen.models.errors import UnknownModelError


def test_two_widths_for_two_teachers_ship_the_default_first():
    teachers = (DEFAULT_MODEL, "text-embedding-ada-002")
    assert list(shipped_models()) == [name for teacher in teachers for name in (teacher, f"{teacher}-512")]
    assert DEFAULT_MODEL == "text-embedding-3-small"


def test_names_and_paths_are_found(tiny):
    assert find_model("text-embedding-ada-002").name == "text-embedding-ada-002.onnx"
    assert find_model(tiny["int8"]) == tiny["int8"]


def test_every_shipped_model_has_a_card_and_a_changelog_entry(root):
    changes = (root / "models" / "CHANGELOG.md").read_text()
    for name, path in {**shipped_models(), **shipped_text_models()}.items():
        assert path.with_suffix(".md").read_text().startswith(f"# {name}\n")
        assert name in changes


def test_an_unknown_name_gets_the_nearest_one_and_the_list():
    with pytest.raises(UnknownModelError, match=r"no model 'text-embedding-3-smal'.*did you mean 'text-embedding-3-s"):
        find_model("text-embedding-3-smal")
    with pytest.raises(UnknownModelError, match=r"no model 'qqq'.*linguagen-en; give one of these names"):
        find_model("qqq")


def test_the_text_model_is_found_in_a_checkout(root):
    assert list(shipped_text_models()) == [DEFAULT_TEXT_MODEL]
    assert find_model(DEFAULT_TEXT_MODEL).is_relative_to(root / "models-text")


def test_without_its_package_the_text_models_error_names_it(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "_FOLDER", tmp_path)
    assert shipped_text_models() == {}
    with pytest.raises(UnknownModelError, match=r"'linguagen-en' is in a package of its own, which is not installed; "):
        find_model("linguagen-en")


def test_the_text_models_of_an_installed_package_are_found(monkeypatch, tmp_path):
    package = tmp_path / "linguagen_models_text"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "linguagen-en.onnx").touch()
    monkeypatch.setattr(catalogue, "_FOLDER", tmp_path / "elsewhere")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model("linguagen-en") == package / "linguagen-en.onnx"
