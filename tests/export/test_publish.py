import pytest

from linguagen.export import publish as publishing
from linguagen.export.kinds import export_run
from linguagen.export.kinds import export_run as export_text_run
from linguagen.export.request import ExportRequest
from linguagen.models.errors import UsageError
from linguagen.models.model_file import decoder_path
from linguagen.train.kinds import load_finished


@pytest.fixture
def export(tiny):
    return lambda output, overwrite=False: export_run(
        load_finished(tiny["run"]), ExportRequest(decoder=True), output, overwrite
    )


@pytest.mark.parametrize("name", ["m.onnx", "m.decoder.onnx", "m.md"])
def test_a_file_that_exists_is_replaced_only_if_asked(export, tmp_path, name):
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(UsageError, match=rf"{name} exists; choose another name with -o, or pass --overwrite"):
        export(tmp_path / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    exported = export(tmp_path / "m.onnx", overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"m.onnx", "m.decoder.onnx", "m.md"}
    assert (tmp_path / name).read_bytes() != b"old"
    assert exported.size == exported.path.stat().st_size


def test_a_run_on_text_follows_the_same_rule(tiny_text, tmp_path):
    (tmp_path / "m.onnx").touch()
    with pytest.raises(UsageError, match="exists; choose another name with -o, or pass --overwrite"):
        export_text_run(load_finished(tiny_text["run"]), ExportRequest(), tmp_path / "m.onnx")


def test_a_card_that_fails_leaves_no_file(export, tmp_path, monkeypatch):
    def fail(self, *words, **more):
        raise OSError("no space")

    monkeypatch.setattr(publishing.Path, "write_text", fail)
    with pytest.raises(OSError, match="no space"):
        export(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_card_gets_its_name_last(export, tmp_path, monkeypatch):
    order, real = [], publishing.Path.replace
    monkeypatch.setattr(publishing.Path, "replace", lambda self, to: order.append(to.name) or real(self, to))
    exported = export(tmp_path / "m.onnx")
    assert order == ["m.onnx", decoder_path(exported.path).name, "m.md"]
