"""The model card: the manifest, for people."""

from collections.abc import Mapping

from linguagen.models.manifests.vectors import FidelityRow, Manifest


def render_card(manifest: Manifest, size: int) -> str:
    """The card of a model file, as Markdown.

    Args:
        manifest: the file's.
        size: the file's, in bytes.
    """
    training, calibration = manifest.training, manifest.calibration
    lines = [
        f"# {manifest.name}",
        "",
        f"Compresses vectors of `{manifest.teacher}` from {manifest.input_dim} to {manifest.output_dim} dimensions "
        f"({manifest.input_dim * 4} to {manifest.output_dim * 4} bytes as float32). "
        f"{manifest.precision}, {size / 1e6:.1f} MB.",
        "",
        "## Fidelity",
        "",
        f"Measured on {manifest.fidelity_set}; the controls are fitted on the same training vectors.",
        "",
        *_table(manifest.fidelity),
        "",
        "## Training",
        "",
        f"{training.get('rows', 'unknown')} vectors, seed {training.get('seed', 'unknown')}. Settings:",
        "",
        *facts({key: value for key, value in training.items() if key not in ("rows", "seed")}),
        "",
        "## Export",
        "",
        *facts(manifest.parity, "gate: "),
        *facts(calibration, "calibration: "),
        "",
        "## Limits",
        "",
        f"Only vectors of `{manifest.teacher}` come out well; the commands warn of others. Recall on a corpus unlike "
        "the training sources can be lower than above: measure it with `lg-run evaluate`, and train on your own "
        "vectors with `lg-train` where it matters.",
    ]
    return "\n".join(lines) + "\n"


def _table(rows: tuple[FidelityRow, ...]) -> list[str]:
    head = [
        "| method | dims | recall@10 | pair correlation | pair error | mean cosine | reconstruction |",
        "|---|---|---|---|---|---|---|",
    ]
    return head + [
        f"| {row.method} | {row.dim} | {row.recall:.3f} | {row.pair_correlation:.3f} | {row.pair_error:.3f} "
        f"| {row.mean_cosine:.3f} | {'-' if row.reconstruction is None else f'{row.reconstruction:.3f}'} |"
        for row in rows
    ]


def facts(facts: Mapping[str, object], prefix: str = "") -> list[str]:
    """Named values, one a line of a Markdown list."""
    return [f"- {prefix}{key.replace('_', ' ')}: {_shown(value)}" for key, value in facts.items()]


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
