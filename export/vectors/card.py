"""The card of a vector model: its manifest, for people."""

from linguagen.export.card_parts import card, facts, table
from linguagen.models.manifests.vectors import FidelityRow, Manifest

_HEADER = ("method", "dims", "recall@10", "pair correlation", "pair error", "mean cosine", "reconstruction")


def render_card(manifest: Manifest, size: int) -> str:
    """The card of a vector model, as Markdown.

    Args:
        manifest: what the file says about itself.
        size: bytes of the file.
    """
    training = manifest.training
    summary = (
        f"Compresses vectors of `{manifest.teacher}` from {manifest.input_dim} to {manifest.output_dim} dimensions "
        f"({manifest.input_dim * 4} to {manifest.output_dim * 4} bytes as float32). "
        f"{manifest.precision}, {size / 1e6:.1f} MB."
    )
    if manifest.trellis is not None:
        summary = (
            f"Writes vectors of `{manifest.teacher}` in any number of bytes, 8 to {manifest.trellis.most_bytes}, and "
            f"reads them again: a rotation and a trellis code. {manifest.precision}, {size / 1e6:.1f} MB."
        )
    sections = {
        "Fidelity": [
            f"Measured on {manifest.fidelity_set}; the controls are fitted on the same training vectors.",
            "",
            *table(_HEADER, [_cells(row) for row in manifest.fidelity]),
        ],
        "Training": [
            f"{training.get('rows', 'unknown')} vectors, seed {training.get('seed', 'unknown')}. Settings:",
            "",
            *facts({key: value for key, value in training.items() if key not in ("rows", "seed")}),
        ],
        "Export": [*facts(manifest.parity, "gate: "), *facts(manifest.calibration, "calibration: ")],
        "Limits": [
            f"The model is for vectors of `{manifest.teacher}` only; the commands warn of others. Recall can be lower "
            "on texts unlike those of the training vectors: measure it with `lg-run evaluate`, and train on your own "
            "vectors with `lg-train` if it is too low."
        ],
    }
    return card(manifest.name, summary, sections)


def _cells(row: FidelityRow) -> list[str]:
    """A row of the table of fidelity."""
    figures = (row.recall, row.pair_correlation, row.pair_error, row.mean_cosine, row.reconstruction)
    return [row.method, str(row.dim), *("-" if figure is None else f"{figure:.3f}" for figure in figures)]
