"""The card of a text model: its manifest, for people."""

from linguagen.export.card_parts import card, facts, table
from linguagen.models.manifests.text import TextManifest
from linguagen.runtime.console import text_figure_rows


def render_card(manifest: TextManifest, size: int) -> str:
    """The card of a text model, as Markdown.

    Args:
        manifest: what the file says about itself.
        size: bytes of the file.
    """
    training = manifest.training
    taught = f"learnt to match the vectors of `{manifest.teacher}`" if manifest.teacher else "had no teacher"
    if training.get("collection"):
        taught = f"is {training['started_from']}, fitted to {training['training_texts']} texts to search among them"
    summary = (
        f"Turns text into {manifest.output_dim} dimensions, offline. {manifest.pieces} pieces, {manifest.precision}, "
        f"{size / 1e6:.1f} MB, tokenizer included; it {taught}."
    )
    rows = text_figure_rows(manifest.figures)
    sections = {
        "Figures on texts held out of training": table(("figure", "encoder", "mean of its table"), rows),
        "Training": [*([f"Texts: {manifest.sources}", ""] if manifest.sources else []), *facts(training)],
        "Export": facts(manifest.parity, "gate: "),
        "Limits": [
            "Embeddings are worse for other languages and subjects than those of the training texts: measure them with "
            "`lg-run evaluate-text`, and train on your own texts with `lg-train text` if they are not good enough."
        ],
    }
    return card(manifest.name, summary, sections)
