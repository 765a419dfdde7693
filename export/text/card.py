"""The card of a text model: its manifest, for people."""

from linguagen.export.vectors.card import facts
from linguagen.models.manifests.text import TextManifest


def render_text_card(manifest: TextManifest, size: int) -> str:
    """The card of a text model's file, as Markdown.

    Args:
        manifest: the file's.
        size: the file's, in bytes.
    """
    training = manifest.training
    taught = f"follows the vectors in `{manifest.teacher}`" if manifest.teacher else "had no teacher"
    if training.get("collection"):
        taught = f"is {training['started_from']}, fitted to {training['training_texts']} texts to search among them"
    lines = [
        f"# {manifest.name}",
        "",
        f"Turns text into {manifest.output_dim} dimensions, offline. {manifest.pieces} pieces, {manifest.precision}, "
        f"{size / 1e6:.1f} MB, tokenizer included; it {taught}.",
        "",
        "## Figures on texts held out of training",
        "",
        "| figure | encoder | mean of its table |",
        "|---|---|---|",
        *(f"| {each.name} | {each.encoder:.3f} | {each.mean_of_table:.3f} |" for each in manifest.figures),
        "",
        "## Training",
        "",
        *([f"Texts: {manifest.sources}", ""] if manifest.sources else []),
        *facts(training),
        "",
        "## Export",
        "",
        *facts(manifest.parity, "gate: "),
        "",
        "## Limits",
        "",
        "Text of other languages and domains than the training corpus comes out worse: measure it with "
        "`lg-run evaluate-text`, and train on your own text with `lg-train text` where it matters.",
    ]
    return "\n".join(lines) + "\n"
