"""Publish a model file: written and checked in a temporary folder, then renamed, so that a failure leaves no file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

import onnx

from linguagen.export.graph.model import with_manifest
from linguagen.models.errors import UsageError
from linguagen.models.manifests.decoder import DecoderManifest
from linguagen.models.manifests.document import EncoderManifest, FileManifest
from linguagen.models.manifests.tagger import TaggerManifest
from linguagen.models.model_file import decoder_path
from linguagen.runtime.writing.target import file_target
from linguagen.runtime.writing.whole_file import open_new, refuse_existing, temporary_path
from linguagen.runtime.writing.whole_file import publish as publish_file

F = TypeVar("F", bound=FileManifest)
M = TypeVar("M", bound=EncoderManifest | TaggerManifest)


@dataclass(frozen=True, eq=False)
class Draft(Generic[F]):
    """A graph, its manifest, and the gate that it must pass."""

    graph: onnx.ModelProto
    manifest: F
    verify: Callable[[Path], Mapping[str, Any]]
    """Checks the file at a path, and returns the fields of the manifest that it measured."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Metadata of the file next to the manifest, by key."""

    def write(self, path: Path) -> F:
        """Write the file, check it, and write it again with what was measured; returns the final manifest.

        Raises:
            ExportGateError: the file does not do what it should.
        """
        path.write_bytes(with_manifest(self.graph, self.manifest, self.extra)[0])
        measured = replace(self.manifest, **self.verify(path))
        data, manifest = with_manifest(self.graph, measured, self.extra)
        path.write_bytes(data)
        return manifest


@dataclass(frozen=True)
class Exported(Generic[M]):
    """The files that an export wrote."""

    path: Path
    card: Path
    manifest: M
    size: int
    """Bytes of the model file."""
    decoder: DecoderManifest | None
    """Manifest of the decoder; None if there is no decoder."""

    def document(self) -> dict[str, Any]:
        """Files and figures for `--json`."""
        files = {"file": str(self.path), "card": str(self.card), "bytes": self.size}
        decoder, path = self.decoder, str(decoder_path(self.path))
        figures = {"file": path, "reconstruction": decoder.reconstruction} if decoder else None
        return {**files, "parity": dict(self.manifest.parity), "decoder": figures}


def publish(
    draft: Draft[M],
    output: Path,
    render_card: Callable[[M, int], str],
    draft_decoder: Callable[[M, Path], Draft[DecoderManifest]] | None = None,
) -> Exported[M]:
    """Write a model file, its decoder if there is one, and its card; all of them, or none if one fails.

    Args:
        draft: the model.
        output: path of the .onnx file; a file there is replaced.
        render_card: the text of the card, from the final manifest and the size of the file in bytes.
        draft_decoder: makes the decoder, from the model's final manifest and path; None for no decoder.

    Raises:
        ExportGateError: a file does not do what it should.
    """
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.stem}.") as folder:
        model = Path(folder) / output.name
        manifest = draft.write(model)
        decoder = draft_decoder(manifest, model).write(decoder_path(model)) if draft_decoder else None
        size = model.stat().st_size
        model.with_suffix(".md").write_text(render_card(manifest, size), encoding="utf-8")
        _place(_paths(model, decoder=decoder is not None), output.parent)
    return Exported(output, output.with_suffix(".md"), manifest, size, decoder)


def _place(paths: Sequence[Path], folder: Path) -> None:
    """Give finished files their names in a folder; a link there stays, and the file that it leads to is replaced.

    All are copied next to their targets, which may be on another disk, before the first is renamed.
    """
    targets = [file_target(folder / path.name) for path in paths]
    partials = [temporary_path(target) for target in targets]
    try:
        for path, partial in zip(paths, partials, strict=True):
            with open_new(partial) as file:
                file.write(path.read_bytes())
        for partial, target in zip(partials, targets, strict=True):
            publish_file(partial, target)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)


def check_output(output: Path, decoder: bool, overwrite: bool) -> None:
    """Refuse an output before any work is done for it.

    Args:
        output: path of the .onnx file.
        decoder: whether a decoder is written too.
        overwrite: whether files that exist may be replaced.

    Raises:
        UsageError: it does not end in .onnx, its folder does not exist, a file exists that may not be replaced, or
            something is there that is no file.
    """
    if output.suffix != ".onnx" or not output.parent.is_dir():
        raise UsageError(f"cannot write {output}: expected a file ending in .onnx in a folder that exists")
    for path in _paths(output, decoder):
        file_target(path)  # no pipe or device: the gate must be able to open what is written
        refuse_existing(path, overwrite)


def _paths(model: Path, decoder: bool) -> list[Path]:
    """All files of an export, in the order in which they get their names: the card is last."""
    return [model, *([decoder_path(model)] if decoder else []), model.with_suffix(".md")]
