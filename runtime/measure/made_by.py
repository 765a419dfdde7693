"""Refuses embeddings that another model made, since their neighbours and reconstructions would be noise."""

from linguagen.models.catalogue import announced_models, shipped_models
from linguagen.models.errors import LinguaGenError, VectorError
from linguagen.models.manifests.document import EncoderManifest
from linguagen.models.model_file import read_encoder_file
from linguagen.runtime.measure.likeness import looks_like_another
from linguagen.runtime.reading.maker import Maker, read_maker
from linguagen.runtime.reading.picking import spread_rows
from linguagen.runtime.reading.sources import Source

_ROWS = 256
_ADVICE = "use that model (--model), or pass --any-model to go on"


def check_made_by(source: Source, manifest: EncoderManifest, codes: str | None = None) -> None:
    """Refuse a file of embeddings or codes that another model made, or that holds other codes.

    A file that names no model is compared by the look of its embeddings.

    Args:
        source: the opened file.
        manifest: manifest of the model that is about to be used.
        codes: the kind of codes that is expected; None for embeddings, float32 or float16.

    Raises:
        VectorError: another model made the file, or its codes are of another kind; the message names both.
    """
    maker = read_maker(source.path)
    if maker is not None:
        _check_maker(maker, source, manifest, codes)
    elif not manifest.training.get("teacher_space") and codes in (None, "float32", "float16"):
        other = _resembled(source, manifest)
        if other is not None:
            raise VectorError(
                f"{source.origin}: its rows look like embeddings of {other}, not of {manifest.name}, which was asked "
                f"for; {_ADVICE}"
            )


def _check_maker(maker: Maker, source: Source, manifest: EncoderManifest, codes: str | None) -> None:
    """Refuse a file whose entry names another model or other codes.

    Raises:
        VectorError: it does.
    """
    if not maker.is_model(manifest):
        asked = Maker(manifest.name, manifest.file_sha256, "float32", manifest.output_dim)
        raise VectorError(f"{source.origin}: was made by {maker}, but the model asked for is {asked}; {_ADVICE}")
    expected = ("float32", "float16") if codes is None or codes.startswith("float") else (codes,)
    if maker.kind not in expected:
        raise VectorError(
            f"{source.origin}: holds {maker.dim} x {maker.kind}, expected {' or '.join(expected)}; "
            + ("pass --from with that kind" if codes else "write it with --to float32 or float16")
        )


def _resembled(source: Source, manifest: EncoderManifest) -> str | None:
    """The name of another installed model whose embeddings the rows of a file look like; None if there is none."""
    rows = spread_rows(source, _ROWS)
    if not len(rows):
        return None
    others = [each for each in _installed(manifest.output_dim) if each.name not in _own_names(manifest)]
    found = looks_like_another(rows, manifest.embedding_moments, [each.embedding_moments for each in others])
    return None if found is None else others[found].name


def _own_names(manifest: EncoderManifest) -> set[object]:
    """The names of a model and of what it was trained from, whose embeddings are alike."""
    return {manifest.name, manifest.training.get("started_from"), manifest.training.get("init")}


def _installed(dim: int) -> list[EncoderManifest]:
    """The manifests of the installed models whose embeddings have `dim` dimensions, or twice as many before a cut.

    Files that cannot be read are left out: they are no concern of whoever uses another model.
    """
    found: list[EncoderManifest] = []
    for path in (*shipped_models().values(), *announced_models().paths.values()):
        try:
            found.append(read_encoder_file(path).manifest)
        except LinguaGenError:
            continue
    return [each for each in found if dim <= each.output_dim <= 2 * dim]
